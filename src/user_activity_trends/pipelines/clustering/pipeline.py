"""Wiring of the clustering stage."""

from kedro.pipeline import Node, Pipeline

from user_activity_trends.pipelines.clustering import nodes


def create_pipeline() -> Pipeline:
    """Wire scaled features -> elbow curve -> chosen k -> model -> names and metrics."""
    trained = {"segmentation_model": "segmentation_model", "scaled_features": "scaled_features"}
    sweeping = {"sweeping": "params:clustering.sweep"}
    return Pipeline(
        [
            Node(
                nodes.sweep_cluster_counts,
                inputs={
                    "scaled_features": "scaled_features",
                    "testing": "params:clustering.stability",
                }
                | sweeping,
                outputs=["elbow_curve", "cluster_evidence"],
                name="sweep_cluster_counts",
            ),
            Node(
                nodes.select_cluster_count,
                inputs={
                    "elbow_curve": "elbow_curve",
                    "cluster_evidence": "cluster_evidence",
                    "valid_sessions": "valid_sessions",
                    "columns": "params:columns",
                    "selecting": "params:clustering.selection",
                }
                | sweeping,
                outputs="cluster_choice",
                name="select_cluster_count",
            ),
            Node(
                nodes.train_model,
                inputs={
                    "scaled_features": "scaled_features",
                    "feature_scaler": "feature_scaler",
                    "cluster_choice": "cluster_choice",
                }
                | sweeping,
                outputs="segmentation_model",
                name="train_model",
            ),
            Node(
                nodes.name_segments,
                inputs=trained | {"names": "params:labelling.names"},
                outputs="segment_identities",
                name="name_segments",
            ),
            Node(
                nodes.evaluate_model,
                inputs=trained | sweeping,
                outputs="training_metrics",
                name="evaluate_model",
            ),
        ],
        namespace="clustering",
        prefix_datasets_with_namespace=False,
    )

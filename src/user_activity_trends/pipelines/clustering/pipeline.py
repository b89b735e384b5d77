"""Wiring of the clustering stage."""

from kedro.pipeline import Node, Pipeline

from user_activity_trends.pipelines.clustering import nodes


def create_pipeline() -> Pipeline:
    """Wire scaled features -> elbow curve -> chosen k -> model -> identities, scorer, record."""
    trained = {"segmentation_model": "segmentation_model", "scaled_features": "scaled_features"}
    sweeping = {"sweeping": "params:clustering.sweep"}
    following = {"predecessor": "predecessor"}
    versioned = {"run_context": "run_context"}
    scaling = {"feature_scaler": "feature_scaler"}
    return Pipeline(
        [
            Node(
                nodes.find_predecessor,
                inputs={
                    "reigning_champion": "reigning_champion",
                    "data_quality": "data_quality",
                    "valid_sessions": "valid_sessions",
                    "earlier_lineage": "earlier_lineage",
                }
                | scaling,
                outputs="predecessor",
                name="find_predecessor",
            ),
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
                | sweeping
                | scaling
                | following,
                outputs="cluster_choice",
                name="select_cluster_count",
            ),
            Node(
                nodes.train_model,
                inputs={
                    "scaled_features": "scaled_features",
                    "cluster_choice": "cluster_choice",
                    "continuity": "params:clustering.continuity",
                }
                | sweeping
                | scaling
                | following,
                outputs="segmentation_model",
                name="train_model",
            ),
            Node(
                nodes.name_segments,
                inputs=trained,
                outputs="named_clusters",
                name="name_segments",
            ),
            Node(
                nodes.align_segments,
                inputs=trained
                | following
                | versioned
                | {
                    "named_clusters": "named_clusters",
                    "valid_sessions": "valid_sessions",
                    "earlier_lineage": "earlier_lineage",
                    "names": "params:labelling.names",
                },
                outputs=["segment_identities", "segment_lineage"],
                name="align_segments",
            ),
            Node(
                nodes.export_scorer,
                inputs={
                    "segmentation_model": "segmentation_model",
                    "segment_identities": "segment_identities",
                }
                | scaling
                | versioned,
                outputs="segment_scorer",
                name="export_scorer",
            ),
            Node(
                nodes.evaluate_model,
                inputs=trained | sweeping,
                outputs="training_metrics",
                name="evaluate_model",
            ),
            Node(
                nodes.record_model,
                inputs=trained
                | scaling
                | versioned
                | {
                    "segment_identities": "segment_identities",
                    "training_metrics": "training_metrics",
                    "cluster_choice": "cluster_choice",
                    "elbow_curve": "elbow_curve",
                    "session_features": "session_features",
                    "data_quality": "data_quality",
                    "recipe": "params:recipe",
                },
                outputs="model_record",
                name="record_model",
            ),
        ],
        namespace="clustering",
        prefix_datasets_with_namespace=False,
    )

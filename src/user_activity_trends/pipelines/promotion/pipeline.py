"""Wiring of the promotion stage."""

from kedro.pipeline import Node, Pipeline

from user_activity_trends.pipelines.promotion import nodes


def create_pipeline() -> Pipeline:
    """Wire a new model and the one in use -> a decision -> the model in use."""
    return Pipeline(
        [
            Node(
                nodes.compare_with_champion,
                inputs={
                    "segmentation_model": "segmentation_model",
                    "segment_identities": "segment_identities",
                    "segment_scorer": "segment_scorer",
                    "model_record": "model_record",
                    "predecessor": "predecessor",
                    "valid_sessions": "valid_sessions",
                    "scaled_features": "scaled_features",
                    "data_quality": "data_quality",
                    "promoting": "params:promotion",
                    "columns": "params:columns",
                    "resamples": "params:clustering.stability.resamples",
                    "continuity": "params:clustering.continuity",
                    "random_state": "params:clustering.sweep.random_state",
                },
                outputs="promotion_report",
                name="compare_with_champion",
            ),
            Node(
                nodes.promote_model,
                inputs=["promotion_report", "model_record", "predecessor"],
                outputs="champion",
                name="promote_model",
            ),
        ],
        namespace="promotion",
        prefix_datasets_with_namespace=False,
    )

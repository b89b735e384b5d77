"""Wiring of the data processing stage."""

from kedro.pipeline import Node, Pipeline

from user_activity_trends.pipelines.data_processing import nodes


def create_pipeline() -> Pipeline:
    """Wire the file of sessions -> defects -> valid sessions -> features -> scaled features."""
    recipe = {"recipes": "params:recipes", "recipe": "params:recipe"}
    rules = {"columns": "params:columns", "processing": "params:data_processing"} | recipe
    return Pipeline(
        [
            Node(
                nodes.validate_sessions,
                inputs={"sessions": "sessions"} | rules,
                outputs=["rejected_sessions", "data_quality"],
                name="validate_sessions",
            ),
            Node(
                nodes.check_rejected_share,
                inputs={"sessions": "sessions", "rejected_sessions": "rejected_sessions"} | rules,
                outputs="valid_sessions",
                name="check_rejected_share",
            ),
            Node(
                nodes.select_features,
                inputs={"valid_sessions": "valid_sessions"} | recipe,
                outputs="session_features",
                name="select_features",
            ),
            Node(
                nodes.scale_features,
                inputs={
                    "session_features": "session_features",
                    "valid_sessions": "valid_sessions",
                    "columns": "params:columns",
                    "evaluation_rows": "params:promotion.evaluation_rows",
                }
                | recipe,
                outputs=["scaled_features", "feature_scaler"],
                name="scale_features",
            ),
        ],
        namespace="data_processing",
        prefix_datasets_with_namespace=False,
    )

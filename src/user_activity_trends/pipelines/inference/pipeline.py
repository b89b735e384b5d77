"""Wiring of the inference stage."""

from kedro.pipeline import Node, Pipeline

from user_activity_trends.pipelines.inference import nodes


def create_pipeline(after: str | None = None) -> Pipeline:
    """Wire new sessions and the model in use -> a segment a session.

    Args:
        after: Dataset that must be written before anything of this stage is:
            behind training, nothing is touched until the sessions are accepted.
    """
    waits = {"after": after} if after else {}
    return Pipeline(
        [
            Node(
                nodes.validate_new_sessions,
                inputs={
                    "new_sessions": "new_sessions",
                    "columns": "params:columns",
                    "recipes": "params:recipes",
                    "recipe": "params:recipe",
                }
                | waits,
                outputs=["valid_new_sessions", "rejected_new_sessions"],
                name="validate_new_sessions",
            ),
            Node(
                nodes.predict_segments,
                inputs=[
                    "champion",
                    "model_in_use",
                    "valid_new_sessions",
                    "rejected_new_sessions",
                ],
                outputs="new_session_segments",
                name="predict_segments",
            ),
        ],
        namespace="inference",
        prefix_datasets_with_namespace=False,
    )

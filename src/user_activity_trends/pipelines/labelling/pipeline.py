"""Wiring of the labelling stage."""

from kedro.pipeline import Node, Pipeline

from user_activity_trends.pipelines.labelling import nodes


def create_pipeline() -> Pipeline:
    """Wire the model in use and the features -> a segment a session -> profiles, typical ones."""
    return Pipeline(
        [
            Node(
                nodes.assign_segments,
                inputs=["champion", "model_in_use", "valid_sessions", "session_features"],
                outputs=["session_segments", "choice_in_use", "curve_in_use"],
                name="assign_segments",
            ),
            Node(
                nodes.profile_segments,
                inputs=[
                    *("session_segments", "valid_sessions", "session_features"),
                    *("choice_in_use", "params:columns"),
                ],
                outputs="segment_profiles",
                name="profile_segments",
            ),
            Node(
                nodes.pick_typical_sessions,
                inputs=["session_segments", "session_features"],
                outputs="typical_sessions",
                name="pick_typical_sessions",
            ),
        ],
        namespace="labelling",
        prefix_datasets_with_namespace=False,
    )

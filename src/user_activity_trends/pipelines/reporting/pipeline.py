"""Wiring of the reporting stage."""

from kedro.pipeline import Node, Pipeline

from user_activity_trends.pipelines.reporting import charts, nodes, report

CHARTS = (
    "elbow_chart",
    "stability_chart",
    "sizes_chart",
    "profiles_chart",
    "sessions_map",
    "shares_chart",
    "conversions_chart",
    "changes_chart",
    "quality_chart",
)


def create_pipeline() -> Pipeline:
    """Wire labelled sessions -> trends, breakdowns and changes -> charts -> report."""
    labelled = ["session_segments", "valid_sessions", "params:columns"]
    return Pipeline(
        [
            Node(
                nodes.summarise_trends,
                inputs=labelled,
                outputs="segment_trends",
                name="summarise_trends",
            ),
            Node(
                nodes.break_down_segments,
                inputs=labelled,
                outputs="segment_breakdowns",
                name="break_down_segments",
            ),
            Node(
                nodes.split_conversion_changes,
                inputs="segment_trends",
                outputs="conversion_changes",
                name="split_conversion_changes",
            ),
            Node(
                nodes.measure_trends,
                inputs=["segment_trends", "params:columns"],
                outputs="trend_tests",
                name="measure_trends",
            ),
            Node(
                nodes.count_migrations,
                inputs=labelled,
                outputs="segment_migrations",
                name="count_migrations",
            ),
            Node(
                charts.draw_elbow,
                inputs=["curve_in_use", "choice_in_use"],
                outputs="elbow_chart",
                name="draw_elbow",
            ),
            Node(
                charts.draw_stability,
                inputs=["curve_in_use", "choice_in_use", "segment_profiles"],
                outputs="stability_chart",
                name="draw_stability",
            ),
            Node(
                charts.draw_sizes,
                inputs="segment_profiles",
                outputs="sizes_chart",
                name="draw_sizes",
            ),
            Node(
                charts.draw_profiles,
                inputs="segment_profiles",
                outputs="profiles_chart",
                name="draw_profiles",
            ),
            Node(
                charts.draw_sessions_map,
                inputs=["model_in_use", "choice_in_use", "valid_sessions", "session_segments"],
                outputs="sessions_map",
                name="draw_sessions_map",
            ),
            Node(
                charts.draw_shares,
                inputs=["segment_trends", "params:columns"],
                outputs="shares_chart",
                name="draw_shares",
            ),
            Node(
                charts.draw_conversions,
                inputs=["segment_trends", "params:columns"],
                outputs="conversions_chart",
                name="draw_conversions",
            ),
            Node(
                charts.draw_changes,
                inputs=["conversion_changes", "segment_trends", "params:columns"],
                outputs="changes_chart",
                name="draw_changes",
            ),
            Node(
                charts.draw_quality,
                inputs=["data_quality", "segment_profiles"],
                outputs="quality_chart",
                name="draw_quality",
            ),
            Node(
                report.build_report,
                inputs={
                    **{name: name for name in CHARTS},
                    "data_quality": "data_quality",
                    "cluster_choice": "choice_in_use",
                    "elbow_curve": "curve_in_use",
                    "champion": "champion",
                    "valid_sessions": "valid_sessions",
                    "session_segments": "session_segments",
                    "promotion_report": "promotion_report",
                    "segment_profiles": "segment_profiles",
                    "typical_sessions": "typical_sessions",
                    "segment_trends": "segment_trends",
                    "segment_breakdowns": "segment_breakdowns",
                    "conversion_changes": "conversion_changes",
                    "trend_tests": "trend_tests",
                    "segment_migrations": "segment_migrations",
                    "columns": "params:columns",
                    "recipe": "params:recipe",
                },
                outputs="report",
                name="build_report",
            ),
        ],
        namespace="reporting",
        prefix_datasets_with_namespace=False,
    )

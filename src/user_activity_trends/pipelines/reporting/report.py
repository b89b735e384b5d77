"""Node that builds the page with all results."""

from typing import Any

import pandas as pd

from user_activity_trends.charts.figure import Figure
from user_activity_trends.lifecycle.record import is_source
from user_activity_trends.pipelines.reporting.labelled import check_labels, check_profiles
from user_activity_trends.report import page
from user_activity_trends.sessions.columns import ColumnsParams
from user_activity_trends.sessions.periods import in_order


def build_report(  # noqa: PLR0913 (one argument an input)
    *,
    elbow_chart: Figure,
    stability_chart: Figure,
    sizes_chart: Figure,
    profiles_chart: Figure,
    sessions_map: Figure,
    shares_chart: Figure,
    conversions_chart: Figure,
    changes_chart: Figure,
    quality_chart: Figure,
    data_quality: dict[str, Any],
    cluster_choice: dict[str, Any],
    elbow_curve: pd.DataFrame,
    champion: dict[str, Any],
    valid_sessions: pd.DataFrame,
    session_segments: pd.DataFrame,
    promotion_report: dict[str, Any],
    segment_profiles: pd.DataFrame,
    typical_sessions: pd.DataFrame,
    segment_trends: pd.DataFrame,
    segment_breakdowns: pd.DataFrame,
    conversion_changes: pd.DataFrame,
    trend_tests: pd.DataFrame,
    segment_migrations: pd.DataFrame,
    columns: ColumnsParams,
    recipe: str,
) -> str:
    """Put all results on one page that needs no other file and no network.

    Args:
        elbow_chart: And the other charts, as the page shows them.
        stability_chart: See ``elbow_chart``.
        sizes_chart: See ``elbow_chart``.
        profiles_chart: See ``elbow_chart``.
        sessions_map: See ``elbow_chart``.
        shares_chart: See ``elbow_chart``.
        conversions_chart: See ``elbow_chart``.
        changes_chart: See ``elbow_chart``.
        quality_chart: See ``elbow_chart``.
        data_quality: What was read, what was refused and why.
        cluster_choice: How the number of segments was chosen, verdict and warnings.
        elbow_curve: The scores of each number of segments.
        champion: Which model is in use, since when and why.
        valid_sessions: The sessions that were labelled.
        session_segments: Which model has labelled the sessions.
        promotion_report: How the last model that was trained stood before the gates.
        segment_profiles: One row a segment.
        typical_sessions: The sessions nearest to each segment's centre.
        segment_trends: One row a period and segment.
        segment_breakdowns: One row a dimension, value and segment.
        conversion_changes: Each change of the overall conversion, split.
        trend_tests: One row a segment and measure.
        segment_migrations: Moves of users between segments.
        columns: What the columns of the sessions mean.
        recipe: Name of the recipe in use.

    Returns:
        The page as HTML; the same inputs give the same text.

    Raises:
        ModelMismatchError: The sessions were labelled by another model than that in use, or
            replaced since.
    """
    check_labels(session_segments, valid_sessions, cluster_choice, champion["version"])
    check_profiles(segment_profiles, session_segments)
    charts = {
        "elbow_chart": elbow_chart,
        "stability_chart": stability_chart,
        "sizes_chart": sizes_chart,
        "profiles_chart": profiles_chart,
        "sessions_map": sessions_map,
        "shares_chart": shares_chart,
        "conversions_chart": conversions_chart,
        "changes_chart": changes_chart,
        "quality_chart": quality_chart,
    }
    results = page.Results(
        data_quality=data_quality,
        is_of_this_file=is_source(data_quality, valid_sessions),
        cluster_choice=cluster_choice,
        elbow_curve=elbow_curve,
        champion=champion,
        promotion_report=promotion_report,
        segment_profiles=segment_profiles,
        typical_sessions=typical_sessions,
        segment_trends=segment_trends,
        segment_breakdowns=segment_breakdowns,
        conversion_changes=conversion_changes,
        trend_tests=trend_tests,
        segment_migrations=segment_migrations,
    )
    calendar = in_order(segment_trends["period"], columns)
    return page.build(charts, results, calendar, columns, recipe)

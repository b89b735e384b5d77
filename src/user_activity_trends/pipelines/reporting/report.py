"""Node that builds the page with all results."""

from typing import Any

import pandas as pd

from user_activity_trends.charts.figure import Figure
from user_activity_trends.sessions.columns import ColumnsParams


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
    training_metrics: dict[str, Any],
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
    """Put all results on one page."""
    return "<!doctype html><title>report</title>"

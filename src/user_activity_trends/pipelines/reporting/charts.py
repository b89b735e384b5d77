"""Nodes that draw the charts."""

from typing import Any

import pandas as pd

from user_activity_trends.charts import figure
from user_activity_trends.charts.figure import Figure
from user_activity_trends.sessions.columns import ColumnsParams


def draw_elbow(elbow_curve: pd.DataFrame, cluster_choice: dict[str, Any]) -> Figure:
    """Draw the error for each number of segments, and what every criterion votes for."""
    return figure.empty("elbow")


def draw_stability(
    elbow_curve: pd.DataFrame, cluster_choice: dict[str, Any], segment_profiles: pd.DataFrame
) -> Figure:
    """Draw how well each number of segments, and each segment, is found again."""
    return figure.empty("stability")


def draw_sizes(segment_profiles: pd.DataFrame) -> Figure:
    """Draw how many sessions each segment has."""
    return figure.empty("sizes")


def draw_profiles(segment_profiles: pd.DataFrame) -> Figure:
    """Draw how far each segment stands from the mean of all sessions."""
    return figure.empty("profiles")


def draw_sessions_map(scaled_features: pd.DataFrame, session_segments: pd.DataFrame) -> Figure:
    """Draw a sample of sessions in two dimensions."""
    return figure.empty("map")


def draw_shares(segment_trends: pd.DataFrame, columns: ColumnsParams) -> Figure:
    """Draw each segment's share of the sessions of each period."""
    return figure.empty("shares")


def draw_conversions(segment_trends: pd.DataFrame, columns: ColumnsParams) -> Figure:
    """Draw each segment's conversion rate in each period."""
    return figure.empty("conversions")


def draw_changes(
    conversion_changes: pd.DataFrame, segment_trends: pd.DataFrame, columns: ColumnsParams
) -> Figure:
    """Draw what the change of the overall conversion is made of."""
    return figure.empty("changes")


def draw_quality(data_quality: dict[str, Any]) -> Figure:
    """Draw how many rows were accepted, and why the others were not."""
    return figure.empty("quality")

"""Nodes that draw the charts: thin, between the catalog and ``user_activity_trends.charts``.

Each returns a ``plotly.graph_objects.Figure`` with plain lists in it, whose
title states what the data shows, or what is missing and which setting turns it
on.
"""

from typing import Any

import pandas as pd

from user_activity_trends.charts import choice, quality, segments, trends
from user_activity_trends.charts.figure import Figure
from user_activity_trends.lifecycle.in_use import ModelInUse
from user_activity_trends.pipelines.reporting.labelled import check_labels
from user_activity_trends.sessions.columns import ColumnsParams
from user_activity_trends.sessions.periods import in_order


def draw_elbow(elbow_curve: pd.DataFrame, cluster_choice: dict[str, Any]) -> Figure:
    """Draw the error for each number of segments, and what every criterion votes for."""
    return choice.elbow(elbow_curve, cluster_choice)


def draw_stability(
    elbow_curve: pd.DataFrame, cluster_choice: dict[str, Any], segment_profiles: pd.DataFrame
) -> Figure:
    """Draw how well each number of segments, and each segment, is found again in resamples."""
    return choice.stability(elbow_curve, cluster_choice, segment_profiles)


def draw_sizes(segment_profiles: pd.DataFrame) -> Figure:
    """Draw how many sessions each segment has."""
    return segments.sizes(segment_profiles)


def draw_profiles(segment_profiles: pd.DataFrame) -> Figure:
    """Draw how far each segment stands from the mean of all sessions, in standard deviations."""
    return segments.profile_map(segment_profiles)


def draw_sessions_map(
    model_in_use: ModelInUse,
    choice_in_use: dict[str, Any],
    valid_sessions: pd.DataFrame,
    session_segments: pd.DataFrame,
) -> Figure:
    """Draw a sample of at most 2,000 sessions in two dimensions.

    Raises:
        ModelMismatchError: The segments are of another model, or of other sessions.
    """
    version = model_in_use.champion.version
    check_labels(session_segments, valid_sessions, choice_in_use, version)
    return segments.sessions_map(model_in_use.scaled(valid_sessions), session_segments)


def draw_shares(segment_trends: pd.DataFrame, columns: ColumnsParams) -> Figure:
    """Draw each segment's share of the sessions of each period."""
    return trends.shares(segment_trends, in_order(segment_trends["period"], columns))


def draw_conversions(segment_trends: pd.DataFrame, columns: ColumnsParams) -> Figure:
    """Draw each segment's conversion rate in each period."""
    calendar = in_order(segment_trends["period"], columns)
    return trends.conversions(segment_trends, calendar, columns.period)


def draw_changes(
    conversion_changes: pd.DataFrame, segment_trends: pd.DataFrame, columns: ColumnsParams
) -> Figure:
    """Draw how much of each change of the overall conversion is mix, and how much rate."""
    calendar = in_order(segment_trends["period"], columns)
    return trends.changes(conversion_changes, segment_trends, calendar, columns.period)


def draw_quality(data_quality: dict[str, Any], segment_profiles: pd.DataFrame) -> Figure:  # noqa: ARG001
    """Draw how many rows were accepted, and why the others were not.

    Args:
        data_quality: What was read and refused.
        segment_profiles: Not used: a run that stops before them draws nothing.
    """
    return quality.quality(data_quality)

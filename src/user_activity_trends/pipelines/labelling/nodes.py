"""Nodes that label every session and profile the segments."""

from typing import Any

import narwhals as nw
import pandas as pd

from user_activity_trends.lifecycle.in_use import ModelInUse
from user_activity_trends.lifecycle.record import check_features, fingerprint_table
from user_activity_trends.segmentation import labels, profiles
from user_activity_trends.segmentation.rules_in_words import describe_segments
from user_activity_trends.sessions.columns import ColumnsParams
from user_activity_trends.sessions.rules import SESSION_ID


def assign_segments(
    champion: dict[str, Any],  # noqa: ARG001 (Kedro orders nodes by their inputs only)
    model_in_use: ModelInUse,
    valid_sessions: pd.DataFrame,
    session_features: pd.DataFrame,
) -> tuple[pd.DataFrame, dict[str, Any], pd.DataFrame]:
    """Put every session into its segment.

    Args:
        champion: Not used: a run that promotes a model does so first.
        model_in_use: That model, and what belongs to it.
        valid_sessions: The sessions, features in their own units.
        session_features: Their features, which the nodes after this one take.

    Returns:
        ``session_id``, ``segment``, ``segment_name``, ``distance`` (to the own
        centroid, in scaled units), ``margin`` (the runner-up's distance minus
        it; missing if there is one segment only), ``model_version``. And of the
        model in use ``cluster_choice``, with ``stability`` (of each segment),
        ``continued`` (whether it goes on from an earlier model), ``trained_on``
        (which sessions) and ``labelled`` (hash of those that were labelled, as in
        ``trained_on``); and ``elbow_curve``.

    Raises:
        ModelMismatchError: Model and identities come from different runs, the
            sessions lack a column that the model takes, or the features are of
            other sessions.
    """
    check_features(session_features, valid_sessions)
    labelled = labels.label(model_in_use.model, model_in_use.identities, valid_sessions)
    labelled = labelled.drop(columns="unusual")
    labelled["model_version"] = pd.Series(
        model_in_use.champion.version, index=labelled.index, dtype="str"
    )
    record = model_in_use.record
    choice = record.cluster_choice | {
        "stability": model_in_use.jaccard,
        "continued": record.continued,
        "trained_on": record.data.model_dump(mode="json"),
        "labelled": fingerprint_table(valid_sessions[list(record.data.columns)]),
    }
    return labelled, choice, pd.DataFrame(list(record.scores)).astype({"k": "int64"})


def profile_segments(
    session_segments: pd.DataFrame,
    valid_sessions: pd.DataFrame,
    session_features: pd.DataFrame,
    choice_in_use: dict[str, Any],
    columns: ColumnsParams,
) -> pd.DataFrame:
    """Say who the segments are.

    Args:
        session_segments: The segment of each session.
        valid_sessions: The sessions, with their outcome.
        session_features: The same sessions' features in their own units.
        choice_in_use: How reproducible the segments are.
        columns: Which column is the outcome.

    Returns:
        One row a segment: ``segment``, ``segment_name``, ``sessions``,
        ``share``, with an outcome ``outcome_rate``, ``ci_low`` and ``ci_high``
        (95 % Wilson interval), ``stability`` (mean Jaccard over resamples;
        missing where nothing was resampled), ``rule`` (in words, missing where
        there is none), ``rule_precision`` (share of the sessions that keep it
        which are of the segment), ``rule_recall`` (share of the segment that
        keeps it); and of each feature ``mean_<feature>`` and
        ``median_<feature>`` in its own unit and ``standing_<feature>`` (how far
        the mean stands from that of all sessions, in standard deviations).
    """
    features = [name for name in session_features.columns if name != SESSION_ID]
    outcome = [columns.outcome] if columns.outcome else []
    segments = nw.from_native(session_segments, eager_only=True)
    sessions = nw.from_native(valid_sessions, eager_only=True).select(
        SESSION_ID, *features, *outcome
    )
    joined = segments.select(SESSION_ID, "segment", "segment_name").join(sessions, on=SESSION_ID)
    profiled: pd.DataFrame = profiles.profile(joined, features, columns.outcome).to_native()
    profiled = profiled.reset_index(drop=True)
    located = session_features.merge(session_segments[[SESSION_ID, "segment"]], on=SESSION_ID)
    rules = describe_segments(located[features], located["segment"].to_numpy())
    of_features = len(profiled.columns) - 3 * len(features)
    profiled.insert(
        of_features, "stability", profiles.stability_of(profiled["segment"], choice_in_use)
    )
    for place, name in enumerate(("rule", "rule_precision", "rule_recall"), start=1):
        profiled.insert(of_features + place, name, rules[name])
    return profiled


def pick_typical_sessions(
    session_segments: pd.DataFrame, session_features: pd.DataFrame
) -> pd.DataFrame:
    """Pick three sessions that stand for each segment.

    Args:
        session_segments: The segment of each session, and its distance from the centroid.
        session_features: The same sessions' features in their own units.

    Returns:
        ``segment``, ``segment_name``, ``rank`` (1 is nearest the centroid),
        ``session_id``, ``distance`` (in scaled units), and the features.
    """
    return profiles.pick_typical(session_segments, session_features)

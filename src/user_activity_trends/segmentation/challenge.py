"""Put a new model and the one in use side by side, on the same sessions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from user_activity_trends.segmentation import scores
from user_activity_trends.segmentation.agreement import Labels, adjusted_rand, contingency
from user_activity_trends.segmentation.comparison import outcome_spread
from user_activity_trends.segmentation.continuity import Anchor
from user_activity_trends.segmentation.model import Matrix, nearest
from user_activity_trends.segmentation.profiles import wilson_interval
from user_activity_trends.segmentation.scorer import SegmentScorer
from user_activity_trends.segmentation.stability import bootstrap

MOVED = 0.02
"""Shift of a centroid along one feature, in scaled units, from which it is told."""
MOST_MOVES = 12
"""Shifts that are told, the largest first."""
RESAMPLED_ROWS = 20_000
"""Sessions that are resampled at most."""
_DRAWN = 7


@dataclass(frozen=True)
class Seen:
    """The sessions on which models are compared, as one of them sees them."""

    scorer: SegmentScorer
    scaled: Matrix
    """In its own scaled units, shape (sessions, features)."""
    cluster: Labels
    """Nearest centroid of each session."""
    distance: Matrix
    """Distance to it, in its own scaled units."""

    @property
    def segment(self) -> NDArray[np.int64]:
        """The segment of each session."""
        found: NDArray[np.int64] = self.scorer.segment_of[self.cluster]
        return found

    @property
    def shares(self) -> dict[int, float]:
        """Segment: its share of the sessions, by segment."""
        sizes = np.bincount(self.cluster, minlength=len(self.scorer.segments))
        found = zip(self.scorer.segment_of.tolist(), (sizes / sizes.sum()).tolist(), strict=True)
        return dict(sorted(found))

    @property
    def outliers(self) -> float:
        """Share of the sessions that are unusual to the model."""
        return float((self.distance > self.scorer.distance_limit).mean())


def see(scorer: SegmentScorer, sessions: pd.DataFrame) -> Seen:
    """Look at sessions with a model.

    Args:
        scorer: The model.
        sessions: One session a row, at least the model's columns, in their own units.

    Returns:
        Where each session belongs.
    """
    scaled = scorer.scale(sessions)
    found = nearest(scaled, scorer.centers)
    return Seen(scorer, scaled, found.cluster, found.distance)


def stability(
    seen: Seen, resamples: int, random_state: int, tolerance: float | None = None
) -> dict[int, float | None]:
    """Measure how much of each segment comes back when the sessions are drawn anew.

    Args:
        seen: The sessions as the model sees them.
        resamples: Bootstrap samples.
        random_state: Seed.
        tolerance: What it may cost to go on from these segments (``continuity.Anchor``):
            whether retraining would bring them back. None: every resample starts
            afresh, which tells whether the sessions have such segments (Hennig 2007).

    Returns:
        Segment: mean Jaccard index over the resamples; None for one that has none
        of the sessions. Empty without resamples, or for one segment.
    """
    if not resamples:
        return {}
    rows = np.arange(len(seen.scaled))
    if len(rows) > RESAMPLED_ROWS:
        draw = np.random.default_rng([random_state, _DRAWN])
        rows = np.sort(draw.choice(rows, RESAMPLED_ROWS, replace=False))
    k = len(seen.scorer.segments)
    anchor = None if tolerance is None else Anchor(seen.scorer.centers, tolerance)
    points = np.ascontiguousarray(seen.scaled[rows])
    found = bootstrap(points, {k: seen.cluster[rows]}, resamples, random_state, anchor)
    if k not in found:
        return {}
    values = found[k].jaccard.tolist()
    pairs = zip(seen.scorer.segment_of.tolist(), values, strict=True)
    return {one: None if np.isnan(value) else value for one, value in sorted(pairs)}


def measure(
    seen: Sequence[Seen], common: Matrix, outcome: NDArray[np.bool_] | None, random_state: int
) -> list[dict[str, Any]]:
    """Measure models on the same sessions, in the same space.

    Args:
        seen: The sessions as each model sees them.
        common: The sessions in the scaled units of one of them, in which all are measured.
        outcome: Whether each session ended in the outcome; None: there is none.
        random_state: Seed of the silhouette's sample.

    Returns:
        For each model ``k``, ``sse`` (within its segments, around their means, in
        the common units), ``silhouette``, ``smallest_share``, ``outlier_share``,
        ``shares`` by segment and ``outcome_spread``: ``spread`` (highest minus
        lowest rate of the segments with 30 sessions or more) with ``low`` and
        ``high`` (95 % for two segments chosen beforehand, Newcombe 1998). None
        where something is not defined.
    """
    partitions = [one.cluster for one in seen]
    found = scores.measure(common, partitions, random_state)
    return [
        {
            "k": len(one.scorer.segments),
            "sse": _within(common, one.cluster),
            "silhouette": _defined(scored["silhouette"]),
            "smallest_share": min(one.shares.values()),
            "outlier_share": one.outliers,
            "shares": one.shares,
            "outcome_spread": None if outcome is None else _outcome_spread(one, outcome),
        }
        for one, scored in zip(seen, found, strict=True)
    ]


def _defined(value: float) -> float | None:
    return None if np.isnan(value) else value


def _within(points: Matrix, labels: Labels) -> float:
    sizes = np.bincount(labels)
    total = 0.0
    for cluster in np.flatnonzero(sizes):
        own = points[labels == cluster]
        total += float(((own - own.mean(axis=0)) ** 2).sum())
    return total


def _outcome_spread(seen: Seen, outcome: NDArray[np.bool_]) -> dict[str, float] | None:
    spread, low, high = outcome_spread(seen.cluster, outcome)
    return None if np.isnan(spread) else {"spread": spread, "low": low, "high": high}


def between(candidate: Seen, champion: Seen) -> dict[str, Any]:
    """Measure how far two models agree on the same sessions.

    Args:
        candidate: The sessions as the new model sees them.
        champion: The same sessions, as the model in use sees them.

    Returns:
        ``adjusted_rand``; ``changed``, the share of sessions whose segment is
        another one, with ``changed_low`` and ``changed_high`` (95 %, Wilson
        1927); and ``moved``, the shifts of the centroids of segments that both
        have: ``segment``, ``feature``, ``shift`` in the scaled units of the
        model in use, ``before`` and ``after`` in the feature's own unit (of
        ``log1p`` the centroid's place, taken back).
    """
    table = contingency(
        champion.cluster,
        candidate.cluster,
        len(champion.scorer.segments),
        len(candidate.scorer.segments),
    )
    changed = int((champion.segment != candidate.segment).sum())
    low, high = wilson_interval(changed, len(candidate.cluster))
    return {
        "adjusted_rand": adjusted_rand(table),
        "changed": changed / len(candidate.cluster),
        "changed_low": low,
        "changed_high": high,
        "moved": _moves(candidate.scorer, champion.scorer),
    }


def _moves(candidate: SegmentScorer, champion: SegmentScorer) -> list[dict[str, Any]]:
    """Compare the centroids of the segments and features that both models have."""
    if candidate.transform != champion.transform:
        return []  # places before and after log1p cannot be subtracted
    after, before = _places(candidate), _places(champion)
    scales = {one.column: one.scale for one in champion.features}
    found: list[dict[str, Any]] = []
    for place in after.keys() & before.keys():
        segment, feature = place
        shift = (after[place] - before[place]) / scales[feature]
        if abs(shift) >= MOVED:
            found.append(
                {
                    "segment": segment,
                    "feature": feature,
                    "shift": shift,
                    "before": _own_unit(before[place], champion),
                    "after": _own_unit(after[place], candidate),
                }
            )
    found.sort(key=lambda one: (-abs(one["shift"]), one["segment"], one["feature"]))
    return found[:MOST_MOVES]


def _places(scorer: SegmentScorer) -> dict[tuple[int, str], float]:
    """Return each centroid along each feature, before scaling."""
    return {
        (segment.segment, feature.column): place * feature.scale + feature.center
        for segment in scorer.segments
        for place, feature in zip(segment.centroid, scorer.features, strict=True)
    }


def _own_unit(value: float, scorer: SegmentScorer) -> float:
    return float(np.expm1(value)) if scorer.transform == "log1p" else value

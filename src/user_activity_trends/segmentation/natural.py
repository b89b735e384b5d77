"""Whether segments are more than cuts through one cloud, as far as drawn tables can tell."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from user_activity_trends.segmentation.cautions import DOMINANT, TINY

PREDICTABLE = 0.8
"""Prediction strength below which clusters are not called natural groups."""
CLEAR = 0.03
"""What a silhouette must be above that of every reference. Measured with 2,000 sessions: without
groups at most 0.02 for a predictable k, with two groups six standard deviations apart 0.04 to 0.16
(and more with more groups, or farther apart)."""
VALLEY = 0.5
"""Sessions midway between two clusters, as a share of those around a centroid, from which the two
are one group. Measured with 500 to 2,000 sessions: 0.7 or more in one cloud, round, long, skewed
or bent, cut in 2 to 6; up to 0.3 where k-means finds groups six standard deviations apart, and 0.35
where 100 sessions are that far from 1,200. A cloud bent by more than half a turn, or closed to a
ring, is not told in this way: 0.43 was seen there."""


@dataclass(frozen=True)
class Natural:
    """Which numbers of clusters pass."""

    counts: list[int] | None
    """The k that are clearer than every reference, predictable and parted by valleys;
    None: not examined."""
    outliers: list[int] = field(default_factory=list)
    """k that would pass, but that all clusters other than the largest are tiny."""
    hindrance: str = ""
    """Why it was not examined."""


def judge(  # noqa: PLR0913, PLR0917 (one argument a kind of evidence)
    curve: pd.DataFrame,
    own: Mapping[int, float],
    references: Mapping[int, float],
    valleys: Mapping[int, float | None],
    sizes: Mapping[int, Sequence[int]],
    variance_shares: Mapping[str, float],
) -> Natural:
    """Compare each k with tables that have no groups, and look between its clusters.

    A column keeps its values in every reference, so groups that show in one
    column alone are in the references as well, and cannot be told. The references
    are clouds that are not bent, so a bent one is clearer than these; but it has
    no valleys, unless it is bent so far that its ends are near each other. A cluster
    that is several groups may have its centroid where no session is, and then no
    valley beside it: such groups pass at the k that tells all of them apart.

    Args:
        curve: Columns ``k`` and ``prediction_strength``.
        own: k: the silhouette of the sessions, fitted as the references are.
        references: k: the highest silhouette on any reference.
        valleys: k: sessions between two clusters as a share of those around the centroid
            that has fewer, the highest of any two; None where that was not measured.
        sizes: k: sessions in each cluster, the largest first.
        variance_shares: Feature: its share of the variance of the scaled features.

    Returns:
        Each k whose silhouette is above that of every reference by 0.03 or more,
        whose prediction strength is 0.8 or more, whose clusters are all parted by a
        valley (below 0.5), and that does more than set a few outliers aside: some
        cluster beside the largest holds 1 % of the sessions. Not examined where fewer
        than two features vary, one carries more than 90 % of the variance, or nothing
        is defined.
    """
    vary = {name: share for name, share in variance_shares.items() if share > 0}
    if len(vary) < 2:  # noqa: PLR2004
        return Natural(
            None,
            hindrance="fewer than two features vary, and one alone, shuffled by "
            "itself, stays the same",
        )
    name = max(vary, key=lambda one: vary[one])
    if vary[name] > DOMINANT:
        return Natural(
            None,
            hindrance=f"{name} carries {vary[name]:.0%} of the variance, and one "
            "feature alone, shuffled by itself, stays the same",
        )
    strength = dict(zip(curve["k"].astype(int), curve["prediction_strength"], strict=True))
    compared = (k for k in own if k in references and not math.isnan(strength[k]))
    excess = {k: own[k] - references[k] for k in compared}
    if not excess:
        return Natural(
            None,
            hindrance="there are too few sessions to split into halves and to "
            "compare with drawn tables",
        )
    passed = [
        k
        for k, more in excess.items()
        if more >= CLEAR and strength[k] >= PREDICTABLE and _parted(valleys.get(k))
    ]
    outliers = [k for k in passed if _sets_outliers_aside(sizes[k])]
    return Natural([k for k in passed if k not in outliers], outliers)


def _parted(valley: float | None) -> bool:
    return valley is not None and valley < VALLEY


def _sets_outliers_aside(sizes: Sequence[int]) -> bool:
    return sizes[1] < TINY * sum(sizes)

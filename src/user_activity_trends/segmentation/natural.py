"""Whether segments are more than cuts through one cloud, as far as drawn tables can tell."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from user_activity_trends.segmentation.cautions import DOMINANT, is_lopsided

PREDICTABLE = 0.8
"""Prediction strength below which clusters are not called natural groups."""
CLEAR = 0.03
"""What a silhouette must be above that of every reference. Measured with 2,000 sessions: without
groups at most 0.02 for a predictable k, with two groups six standard deviations apart 0.04 to 0.16
(and more with more groups, or farther apart)."""


@dataclass(frozen=True)
class Natural:
    """Which numbers of clusters pass."""

    counts: list[int] | None
    """The k that are clearer than every reference, and predictable; None: not examined."""
    lopsided: dict[int, float] = field(default_factory=dict)
    """k that would pass, but for one cluster that holds nearly everything: its share."""
    hindrance: str = ""
    """Why it was not examined."""


def judge(
    curve: pd.DataFrame,
    own: Mapping[int, float],
    references: Mapping[int, float],
    sizes: Mapping[int, Sequence[int]],
    variance_shares: Mapping[str, float],
) -> Natural:
    """Compare each k with tables that have no groups.

    A column keeps its values in every reference, so groups that show in one
    column alone are in the references as well, and cannot be told.

    Args:
        curve: Columns ``k``, ``silhouette`` and ``prediction_strength``.
        own: k: the silhouette of the sessions, fitted as the references are.
        references: k: the highest silhouette on any reference.
        sizes: k: sessions in each cluster, the largest first.
        variance_shares: Feature: its share of the variance of the scaled features.

    Returns:
        Each k whose silhouette is above that of every reference by 0.03 or more,
        whose prediction strength is 0.8 or more, and where no cluster holds
        nearly everything. Not examined where fewer than two features vary, one
        carries more than 90 % of the variance, or nothing is defined.
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
    silhouettes, strength = (
        dict(zip(curve["k"].astype(int), curve[name], strict=True))
        for name in ("silhouette", "prediction_strength")
    )
    compared = (k for k in own if k in references and not math.isnan(strength[k]))
    excess = {k: own[k] - references[k] for k in compared}
    if not excess:
        return Natural(
            None,
            hindrance="there are too few sessions to split into halves and to "
            "compare with drawn tables",
        )
    passed = [k for k, more in excess.items() if more >= CLEAR and strength[k] >= PREDICTABLE]
    lopsided = {
        k: sizes[k][0] / sum(sizes[k]) for k in passed if is_lopsided(silhouettes[k], sizes[k])
    }
    return Natural([k for k in passed if k not in lopsided], lopsided)

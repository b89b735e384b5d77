"""By what recipes are compared, and the outcome of a comparison in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from user_activity_trends.segmentation.selection import NEARLY

Unit = Literal["k", "yes or no", "index", "share", "score", "count"]
"""What a value is: a number of segments; 1 or 0; an index of at most 1; a share from 0 to 1;
a score of 0 or more; a number of things."""
Wanted = Literal["high", "low", ""]

AGREEMENT, INSIDE = "agreement_with_", "silhouette_in_"
"""Before the name of a recipe: how far the others put the same sessions together, and how well
all partitions do in its space."""
FIXED = ("criterion", "unit", "wanted", "tolerance", "compared", "better", "note")
"""Columns of ``recipe_comparison`` that are no recipe."""


@dataclass(frozen=True)
class Criterion:
    """One thing that is measured of every recipe."""

    name: str
    label: str
    unit: Unit
    wanted: Wanted = ""
    """What makes a recipe better; empty: neither, or values that cannot be compared."""
    tolerance: float = np.nan
    """Values that differ by no more are equal."""
    note: str = ""


_OWN = "measured in the recipe's own space, so not comparable"
_SIZES = "neither large nor small is better by itself"

CRITERIA = (
    Criterion(
        "silhouette_all_columns",
        "Silhouette, all columns",
        "index",
        "high",
        NEARLY,
        "silhouette of the partition where each column of any recipe is its standardised ranks, "
        "which no transform or scaler changes",
    ),
    Criterion(
        "silhouette_shared_columns",
        "Silhouette, shared columns",
        "index",
        "high",
        NEARLY,
        "the same with the columns that all recipes have",
    ),
    Criterion(
        "stability_mean",
        "Stability, mean",
        "index",
        "high",
        NEARLY,
        "adjusted Rand index of bootstrap resamples, mean",
    ),
    Criterion(
        "stability_min",
        "Stability, worst",
        "index",
        "high",
        NEARLY,
        "adjusted Rand index of the worst bootstrap resample",
    ),
    Criterion(
        "jaccard_min",
        "Least stable segment",
        "index",
        "high",
        NEARLY,
        "mean Jaccard index of the segment that comes back least from resamples",
    ),
    Criterion(
        "prediction_strength",
        "Prediction strength",
        "index",
        "high",
        NEARLY,
        "how far one half of the sessions predicts the segments of the other",
    ),
    Criterion(
        "natural_groups",
        "Natural groups",
        "yes or no",
        "high",
        0,
        "whether the segments at k are clearer than tables without groups, predictable and parted "
        "by valleys",
    ),
    Criterion(
        "elbow_everywhere",
        "Elbow, same on all ranges",
        "yes or no",
        "high",
        0,
        "whether the curve bends at one k over every range that was tried",
    ),
    Criterion(
        "outcome_spread",
        "Spread of outcome rates",
        "share",
        "high",
        note="highest minus lowest outcome rate of segments with 30 sessions or more; equal where "
        "the 95 % intervals overlap",
    ),
    Criterion(
        "outcome_spread_low",
        "Spread, lower limit",
        "share",
        note="95 % interval (Newcombe 1998) of two segments that were chosen beforehand; the most "
        "different of several differ by chance already",
    ),
    Criterion("outcome_spread_high", "Spread, upper limit", "share", note="its other limit"),
    Criterion(
        "warnings", "Warnings, fewer is better", "count", "low", 0, "things to be careful about"
    ),
    Criterion("k", "Segments (k)", "k", note="number of segments that was chosen"),
    *(
        Criterion(f"vote_{name}", f"Vote: {label}", "k", note="k that this criterion is for")
        for name, label in (
            ("elbow", "elbow"),
            ("silhouette", "silhouette"),
            ("davies_bouldin", "Davies-Bouldin"),
            ("calinski_harabasz", "Calinski-Harabasz"),
            ("stability", "stability"),
            ("prediction_strength", "prediction strength"),
        )
    ),
    Criterion(
        "sse_explained",
        "Squared error explained",
        "share",
        note=f"1 - SSE(k) / SSE(1); {_OWN}, and more segments always explain more",
    ),
    Criterion("silhouette_own", "Silhouette, own", "index", note=_OWN),
    Criterion("davies_bouldin_own", "Davies-Bouldin, own", "score", note=_OWN),
    Criterion("calinski_harabasz_own", "Calinski-Harabasz, own", "score", note=_OWN),
    Criterion("smallest_share", "Smallest segment", "share", note=_SIZES),
    Criterion("largest_share", "Largest segment", "share", note=_SIZES),
)
"""In the order of the table; the agreement of the partitions follows."""
_KNOWN = {one.name: one for one in CRITERIA}


def criterion(name: str) -> Criterion:
    """Look a criterion up by its name in the table.

    >>> criterion("agreement_with_base").label
    'Agreement with base'
    """
    if name.startswith(AGREEMENT):
        other = name.removeprefix(AGREEMENT)
        note = f"adjusted Rand index with the partition of {other}: 1 the same, about 0 unrelated"
        return Criterion(name, f"Agreement with {other}", "index", note=note)
    if name.startswith(INSIDE):
        other = name.removeprefix(INSIDE)
        note = f"silhouette of every partition in the space of {other}, which favours {other}"
        return Criterion(name, f"Silhouette, space of {other}", "index", note=note)
    return _KNOWN[name]


def recipes_of(table: pd.DataFrame) -> list[str]:
    """Name the recipes that a ``recipe_comparison`` compares."""
    return [str(name) for name in table.columns if name not in FIXED]


@dataclass(frozen=True)
class Standing:
    """Which recipe is better by which criteria."""

    better: dict[str, list[str]]
    """Recipe: names of criteria, the recipe that is better by most first."""
    equal: list[str]
    """Criteria by which all are equal."""
    silent: list[str]
    """Criteria that would decide something, but cannot be compared here."""

    @property
    def compared(self) -> int:
        """How many criteria decide something, or find all equal."""
        return len({one for names in self.better.values() for one in names}) + len(self.equal)


def standing(table: pd.DataFrame) -> Standing:
    """Read who is better off a ``recipe_comparison``."""
    compared = table[table["compared"]]
    leading = {
        str(name): [one for one in str(cell).split(",") if one]
        for name, cell in zip(compared["criterion"], compared["better"].fillna(""), strict=True)
    }
    better = {
        recipe: [name for name, best in leading.items() if recipe in best]
        for recipe in recipes_of(table)
    }
    silent = table.loc[table["wanted"].isin(["high", "low"]) & ~table["compared"], "criterion"]
    return Standing(
        dict(sorted(better.items(), key=lambda item: -len(item[1]))),
        [name for name, best in leading.items() if not best],
        [str(name) for name in silent],
    )


def in_words(table: pd.DataFrame) -> str:
    """Say which recipe is better by what; the table says it of every criterion.

    Args:
        table: ``recipe_comparison``.
    """
    found, chosen = standing(table), table.set_index("criterion").loc["k"]
    of = f"of {found.compared} criteria"
    if any(found.better.values()):
        first, *others = found.better.items()
        told = [f"{first[0]} is better in {len(first[1])} {of}{_labels(first[1])}"]
        told += [f"{name} in {len(names) or 'none'}{_labels(names)}" for name, names in others]
        told += [f"equal in {len(found.equal)}{_labels(found.equal)}"] if found.equal else []
    else:
        told = [f"No recipe is better in any {of}"]
    counts = ", ".join(f"{chosen[name]:.0f} with {name}" for name in recipes_of(table))
    sentences = [f"k = {counts}", "; ".join(told)]
    if found.silent:
        sentences.append(f"Not compared, for the reason in the table{_labels(found.silent)}")
    sentences.append("The criteria overlap, and nothing weighs them: that is for you to do")
    return ". ".join(sentences) + "."


def _labels(names: Sequence[str]) -> str:
    labels = [criterion(name).label for name in names]
    return f" ({'; '.join(one[:1].lower() + one[1:] for one in labels)})" if labels else ""

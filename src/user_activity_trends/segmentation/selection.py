"""Choose the number of clusters from what the sweep recorded."""

import math
from collections import Counter
from collections.abc import Mapping
from typing import Literal, Self

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, model_validator

from user_activity_trends.errors import DegenerateDataError, NoElbowError

Method = Literal["elbow", "silhouette", "consensus", "fixed"]
ChosenBy = Literal["elbow", "silhouette", "consensus", "fixed", "champion"]
"""``champion``: the model in use has as many segments, and its k is kept."""

REPRODUCIBLE = ("stability", "prediction_strength")
"""Criteria that ask whether the segments come back."""
STABLE = 0.75
"""Mean adjusted Rand index below which no number of clusters is called stable."""
NEARLY = 0.01
"""Mean adjusted Rand indices that differ by less are as good as equal."""
_LEAST = 3
"""Points of a curve that can bend: two are a straight line."""
STRONG = 0.9
"""Prediction strength from which k gets its vote."""


class SelectionParams(BaseModel):
    """Who decides on the number of clusters."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Method
    n_clusters: int | None = Field(ge=2, description="for method or fallback fixed")
    fallback: Method | None = Field(description="method to use if there is no elbow")
    keep_k: bool = Field(description="go on with as many segments as the model in use has")

    @model_validator(mode="after")
    def _choice_is_possible(self) -> Self:
        if "fixed" in (self.method, self.fallback) and self.n_clusters is None:
            msg = "n_clusters is missing; method or fallback fixed needs it"
            raise ValueError(msg)
        if self.fallback == "elbow":
            msg = "fallback cannot be elbow, which is what failed; use silhouette or fixed"
            raise ValueError(msg)
        return self


def find_elbow(curve: pd.DataFrame) -> int | None:
    """Find where more clusters stop paying.

    The elbow is the point of largest curvature of the sum of squared errors,
    found by Kneedle (Satopaa, Albrecht, Irwin and Raghavan 2011).

    Args:
        curve: Columns ``k`` and ``sse``, ordered by ``k``.

    Returns:
        The elbow, at least 2, or None: a straight line has none.
    """
    from kneed import KneeLocator

    if len(curve) < _LEAST:
        return None
    elbow = KneeLocator(
        curve["k"].tolist(), curve["sse"].tolist(), curve="convex", direction="decreasing"
    ).elbow
    return int(elbow) if elbow is not None and elbow > 1 else None


def elbow_ranges(curve: pd.DataFrame) -> list[dict[str, int | None]]:
    """Find the elbow over up to four ranges of k, from the same curve.

    An elbow depends on where the curve begins and ends. For k = 1..10 the
    ranges are 1..6, 1..8, 1..10 and 2..10.

    Args:
        curve: Columns ``k`` and ``sse``, ordered by ``k``.

    Returns:
        ``k_min``, ``k_max`` and ``elbow`` of each range that differs from the
        others; a range of one or two k has no elbow.
    """
    counts = [int(k) for k in curve["k"]]
    first, last = counts[0], counts[-1]
    wanted = [(first, counts[math.ceil(share * len(counts)) - 1]) for share in (0.6, 0.8, 1)]
    wanted += [(first + 1, last)] if last > first else []
    found = []
    for low, high in dict.fromkeys(wanted):
        part = curve[(curve["k"] >= low) & (curve["k"] <= high)]
        found.append({"k_min": low, "k_max": high, "elbow": find_elbow(part)})
    return found


def collect_votes(curve: pd.DataFrame) -> dict[str, int | None]:
    """Ask each criterion for its k.

    Args:
        curve: The result of the sweep, with or without ``stability_mean`` and
            ``prediction_strength``.

    Returns:
        The k of ``elbow``; of ``silhouette``, ``davies_bouldin`` and
        ``calinski_harabasz`` (the best score, and of the last, which has none where
        no session is off its centroid, the smallest such k); of ``stability`` (the largest k
        whose mean adjusted Rand index is within 0.01 of the best, if that is
        0.75 or more); and of ``prediction_strength`` (the largest k that has
        0.9 or more; Tibshirani and Walther 2005 advise 0.8 to 0.9). None from a
        criterion that is not defined for any k, or finds none.
    """
    votes = {"elbow": find_elbow(curve)}
    for name, best in (("silhouette", 1), ("davies_bouldin", -1), ("calinski_harabasz", 1)):
        score = best * curve[name]
        votes[name] = int(curve["k"].iloc[int(score.argmax())]) if score.notna().any() else None
    # Davies-Bouldin needs as many clusters and sessions, but can take a spread of 0.
    perfect = curve["k"][curve["calinski_harabasz"].isna() & curve["davies_bouldin"].notna()]
    if len(perfect):
        votes["calinski_harabasz"] = int(perfect.min())
    votes |= dict.fromkeys(REPRODUCIBLE)
    if "stability_mean" in curve:
        means = dict(zip(curve["k"].astype(int), curve["stability_mean"], strict=True))
        stable = [k for k in most_reproducible(means) if means[k] >= STABLE]
        strong = curve["k"][curve["prediction_strength"] >= STRONG].astype(int)
        votes["stability"] = max(stable, default=None)
        votes["prediction_strength"] = max(strong, default=None)
    return votes


def most_reproducible(means: Mapping[int, float]) -> list[int]:
    """Find the k that come back as well as any: the best, and those within 0.01 of it.

    Args:
        means: k: mean adjusted Rand index over the resamples; NaN where undefined.

    Returns:
        These k in their order, whether or not any is stable.
    """
    best = max((mean for mean in means.values() if not math.isnan(mean)), default=math.nan)
    return [k for k, mean in means.items() if mean >= best - NEARLY]


def choose(  # noqa: PLR0913 (the votes, and whose counts)
    votes: dict[str, int | None],
    counts: list[int],
    method: Method,
    n_clusters: int | None = None,
    fallback: Method | None = None,
    *,
    kept_k: int | None = None,
) -> tuple[int, ChosenBy]:
    """Choose k.

    Args:
        votes: What each criterion says.
        counts: The cluster counts that were tried.
        method: ``elbow`` and ``silhouette`` follow that criterion; ``consensus``
            takes the k with the largest weighted vote: ``stability`` and
            ``prediction_strength``, which saw the sessions vary, count twice
            (of equals their k, else the smallest); ``fixed`` takes ``n_clusters``.
        n_clusters: k for ``fixed``.
        fallback: Method to use if there is no elbow.
        kept_k: k of the model in use, which goes before all but ``fixed``; None: choose.

    Returns:
        The k, and the method that chose it.

    Raises:
        NoElbowError: There is no elbow and no fallback.
        DegenerateDataError: The data does not allow ``n_clusters`` clusters, or
            no criterion votes.
    """
    if kept_k in counts and method != "fixed":
        return kept_k, "champion"
    setting = "method"
    if method == "elbow" and votes["elbow"] is None:
        if fallback is None:
            few = "that takes three k, so three distinct sessions: " * (len(counts) < _LEAST)
            msg = (
                f"no elbow in the curve for k = {counts[0]}..{counts[-1]}; {few}widen "
                "clustering.sweep (k_min, k_max), or set clustering.selection.fallback, or set "
                "clustering.selection.method to fixed with n_clusters, in parameters_clustering.yml"
            )
            raise NoElbowError(msg)
        method, setting = fallback, "fallback"
    if method == "fixed":
        if n_clusters not in counts:
            msg = (
                f"clustering.selection.n_clusters = {n_clusters}, but the sessions allow "
                f"k = {counts[0]}..{counts[-1]} only; choose one of these"
            )
            raise DegenerateDataError(msg)
        return n_clusters, method
    k = _consensus(votes) if method == "consensus" else votes[method]
    if k is None:
        msg = (
            f"clustering.selection.{setting} = {method}, but it is not defined for "
            f"k = {counts[0]}..{counts[-1]}; widen clustering.sweep, or use {setting} fixed"
        )
        raise DegenerateDataError(msg)
    return k, method


def _consensus(votes: dict[str, int | None]) -> int | None:
    tally: Counter[int] = Counter()
    reproduced: Counter[int] = Counter()
    for name, k in votes.items():
        if k is not None:
            tally[k] += 2 if name in REPRODUCIBLE else 1
            reproduced[k] += name in REPRODUCIBLE
    return min(tally, key=lambda k: (-tally[k], -reproduced[k], k), default=None)

"""What speaks for one recipe or another, measured on the same sessions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from user_activity_trends.recipes import RecipeParams
from user_activity_trends.segmentation import choice, evidence, scores, sweep
from user_activity_trends.segmentation.agreement import Labels, adjusted_rand, contingency
from user_activity_trends.segmentation.choice import Background
from user_activity_trends.segmentation.criteria import (
    AGREEMENT,
    CRITERIA,
    FIXED,
    INSIDE,
    Criterion,
    criterion,
)
from user_activity_trends.segmentation.model import Matrix
from user_activity_trends.segmentation.moves import difference_interval
from user_activity_trends.segmentation.scaling import FeatureScaler
from user_activity_trends.segmentation.selection import SelectionParams
from user_activity_trends.segmentation.sweep import SweepParams
from user_activity_trends.segmentation.trends import LEAST_SESSIONS

_RESAMPLED = (
    *("stability_mean", "stability_min", "jaccard_min", "prediction_strength"),
    *("natural_groups", "vote_stability", "vote_prediction_strength"),
)


@dataclass(frozen=True)
class Attempt:
    """What one recipe made of the sessions."""

    features: pd.DataFrame
    """The columns that it used, in their own units."""
    concluded: Mapping[str, Any]
    """``cluster_choice``."""
    clusters: Labels
    """Cluster of each session for the k that was chosen."""
    scaled: Matrix
    """The features in scaled units, shape (sessions, features)."""


def attempt(  # noqa: PLR0913 (one argument a part of the configuration)
    features: pd.DataFrame,
    recipe: RecipeParams,
    background: Background,
    *,
    sweeping: SweepParams,
    selecting: SelectionParams,
    resamples: int,
) -> Attempt:
    """Choose k for one recipe and part the sessions, as the clustering stage does.

    Args:
        features: One session a row, the recipe's columns that vary, in their own units.
        recipe: What is done to them.
        background: The same sessions with outcome and period.
        sweeping: Candidate range, restarts and seed.
        selecting: Who decides on k.
        resamples: Bootstrap samples; 0 for neither resamples nor references.

    Raises:
        NoElbowError: There is no elbow and no fallback.
        DegenerateDataError: The sessions do not allow what is configured.
    """
    names = [str(name) for name in features.columns]
    table = nw.from_native(features, eager_only=True)
    scaler = FeatureScaler.learn(
        table, names, recipe.transform, recipe.scaler, fill_gaps=recipe.missing == "median"
    )
    scaled = np.ascontiguousarray(scaler.apply(table).to_native().to_numpy(dtype=np.float64))
    seed = sweeping.random_state
    counts = sweep.candidate_counts(scaled, sweeping.k_min, sweeping.k_max)
    swept = sweep.sweep(scaled, counts, sweeping.restarts, seed)
    curve, known = evidence.gather(scaled, names, swept, resamples, seed)
    concluded = choice.conclude(curve, known, selecting, sweeping.restarts, background)
    return Attempt(
        features,
        concluded,
        swept.partitions[concluded["k"]].labels,
        scaled,
    )


def compare(
    attempts: Mapping[str, Attempt], outcome: NDArray[np.bool_] | None, random_state: int
) -> pd.DataFrame:
    """Measure every recipe by every criterion.

    Args:
        attempts: What each recipe made of the same sessions, by its name.
        outcome: What each session ended in, if the table says so.
        random_state: Seed of the silhouettes' sample.

    Returns:
        One row a criterion: ``criterion``; ``unit``; a column a recipe with its value (1
        for yes, 0 for no; NaN where it was not measured); ``wanted`` (``high``, ``low``,
        or empty where neither makes a recipe better); ``tolerance`` (values that differ by no
        more are equal); ``compared`` (whether the values decide anything); ``better`` (the
        recipes that are better than another, separated by commas; empty where all are equal
        or nothing is compared); and ``note``, what it means and why it is missing.
    """
    values = {name: _values(one, outcome) for name, one in attempts.items()}
    for name, measured in _common_silhouettes(attempts, random_state).items():
        values[name] |= measured
    names = [*attempts]
    # The last one is told by the rows of the others.
    agreements = [_agreements(attempts, name) for name in names[:-1]]
    spaces = [_inside(attempts, name, random_state) for name in names]
    rows = [
        _row(criterion(name), {one: values[one][name] for one in names}, values, attempts)
        for name in (one.name for one in CRITERIA)
    ]
    rows += [_row(criterion(name), found, values, attempts) for name, found in spaces + agreements]
    return pd.DataFrame(rows)[["criterion", "unit", *names, *FIXED[2:]]]


def _values(one: Attempt, outcome: NDArray[np.bool_] | None) -> dict[str, float]:
    concluded, sizes = one.concluded, np.bincount(one.clusters)
    k = int(concluded["k"])
    at_k = next(row for row in concluded["scores"] if row["k"] == k)
    jaccard = [np.nan if found is None else found for found in at_k["jaccard"]]
    elbows = {found["elbow"] for found in concluded["elbow_ranges"]}
    spread, low, high = (np.nan,) * 3 if outcome is None else outcome_spread(one.clusters, outcome)
    found: dict[str, float | None] = {
        "k": k,
        **{f"vote_{name}": vote for name, vote in concluded["votes"].items()},
        "elbow_everywhere": len(elbows) == 1 and None not in elbows,
        "sse_explained": 1 - at_k["sse"] / (len(one.scaled) * one.scaled.var(axis=0).sum()),
        "silhouette_own": at_k["silhouette"],
        "davies_bouldin_own": at_k["davies_bouldin"],
        "calinski_harabasz_own": at_k["calinski_harabasz"],
        "stability_mean": at_k["stability_mean"],
        "stability_min": at_k["stability_min"],
        "jaccard_min": min(jaccard, default=None) if not np.isnan(jaccard).any() else None,
        "prediction_strength": at_k["prediction_strength"],
        "natural_groups": concluded["natural_at_k"],
        "smallest_share": sizes.min() / sizes.sum(),
        "largest_share": sizes.max() / sizes.sum(),
        "outcome_spread": spread,
        "outcome_spread_low": low,
        "outcome_spread_high": high,
        "warnings": len(concluded["warnings"]),
    }
    return {name: np.nan if value is None else float(value) for name, value in found.items()}


def outcome_spread(clusters: Labels, outcome: NDArray[np.bool_]) -> tuple[float, float, float]:
    """Return how far the outcome rates of segments are apart.

    Args:
        clusters: Cluster of each session.
        outcome: What each session ended in.

    Returns:
        Highest minus lowest rate of the clusters that have 30 sessions or more, and
        the limits of its 95 % interval; NaN where under two have.

    >>> ends = np.repeat([True, False, True, False], [56, 14, 48, 32])
    >>> [round(one, 4) for one in outcome_spread(np.repeat([0, 1], [70, 80]), ends)]
    [0.2, 0.0524, 0.3339]
    """
    trials = np.bincount(clusters)
    successes = np.bincount(clusters[outcome], minlength=len(trials))
    enough = np.flatnonzero(trials >= LEAST_SESSIONS)
    if len(enough) < 2:  # noqa: PLR2004
        return np.nan, np.nan, np.nan
    rates = successes[enough] / trials[enough]
    order = np.argsort(rates, kind="stable")
    ends = enough[order[[0, -1]]]
    low, high = difference_interval(successes[ends], trials[ends])
    return float(rates[order[-1]] - rates[order[0]]), low, high


def _common_silhouettes(
    attempts: Mapping[str, Attempt], random_state: int
) -> dict[str, dict[str, float]]:
    """Measure all partitions in a space of all columns, and in one of those all recipes have."""
    every = pd.concat([one.features for one in attempts.values()], axis=1)
    every = every.loc[:, ~every.columns.duplicated()]
    shared = [
        name for name in every if all(name in one.features.columns for one in attempts.values())
    ]
    found: dict[str, dict[str, float]] = {name: {} for name in attempts}
    for criterion_name, columns in (
        ("silhouette_all_columns", [*every]),
        # With the same columns it is the same space, and must not count twice.
        ("silhouette_shared_columns", shared if len(shared) < every.shape[1] else []),
    ):
        measured = [np.nan] * len(attempts)
        if columns:
            space = rank_space(every[columns])
            parted = [one.clusters for one in attempts.values()]
            measured = [one["silhouette"] for one in scores.measure(space, parted, random_state)]
        for name, value in zip(attempts, measured, strict=True):
            found[name][criterion_name] = value
    return found


def rank_space(features: pd.DataFrame) -> Matrix:
    """Replace each column by its ranks, with mean 0 and standard deviation 1.

    Ranks (those of equals are their mean) stay the same under every transform and scaler
    that keeps the order, so that the space is made by none of the recipes that differ in these,
    and every column counts alike. A gap takes the column's median. Of a column with a long
    tail, ranks are nearer to its logarithm than to the column itself: where recipes differ in
    the transform, see ``silhouette_in_<recipe>`` too.

    >>> rank_space(pd.DataFrame({"pages": [1.0, 100.0, 10_000.0]})).round(3).T.tolist()
    [[-1.225, 0.0, 1.225]]
    """
    ranks = features.fillna(features.median()).rank(method="average")
    standard: Matrix = ((ranks - ranks.mean()) / ranks.std(ddof=0)).to_numpy(dtype=np.float64)
    return standard


def _agreements(attempts: Mapping[str, Attempt], other: str) -> tuple[str, dict[str, float]]:
    reference = attempts[other].clusters
    return AGREEMENT + other, {
        name: np.nan if name == other else _agreement(reference, one.clusters)
        for name, one in attempts.items()
    }


def _agreement(one: Labels, other: Labels) -> float:
    return adjusted_rand(contingency(one, other, int(one.max()) + 1, int(other.max()) + 1))


def _inside(
    attempts: Mapping[str, Attempt], home: str, random_state: int
) -> tuple[str, dict[str, float]]:
    parted = [one.clusters for one in attempts.values()]
    measured = scores.measure(attempts[home].scaled, parted, random_state)
    return INSIDE + home, {
        name: one["silhouette"] for name, one in zip(attempts, measured, strict=True)
    }


def _row(
    told: Criterion,
    values: dict[str, float],
    every: Mapping[str, Mapping[str, float]],
    attempts: Mapping[str, Attempt],
) -> dict[str, Any]:
    missing, better, doubt = _missing(told, values, attempts), list[str](), ""
    if told.wanted and not missing:
        spread = told.name == "outcome_spread"
        better = _clearly_apart(values, every) if spread else _leaders(values, told)
        better = better if len(better) < len(values) else []
        doubt = _proxies(better, attempts) if spread else ""
    parts = [told.note, _details(told, attempts), missing, doubt]
    return {
        "criterion": told.name,
        "unit": told.unit,
        **values,
        "wanted": told.wanted,
        "tolerance": told.tolerance,
        "compared": bool(told.wanted) and not missing and not doubt,
        "better": "" if doubt else ",".join(better),
        "note": "; ".join(part for part in parts if part),
    }


def _leaders(values: Mapping[str, float], told: Criterion) -> list[str]:
    sign = 1 if told.wanted == "high" else -1
    best = max(sign * value for value in values.values())
    return [name for name, value in values.items() if best - sign * value <= told.tolerance]


def _clearly_apart(
    values: Mapping[str, float], every: Mapping[str, Mapping[str, float]]
) -> list[str]:
    best = max(values, key=lambda name: values[name])
    floor = every[best]["outcome_spread_low"]
    return [name for name in values if every[name]["outcome_spread_high"] >= floor]


def _proxies(better: Sequence[str], attempts: Mapping[str, Attempt]) -> str:
    """Say why rates that are far apart are no merit; empty if they may be one."""
    proxies = [
        f"{caution['about']} of {name}"
        for name in better
        for caution in attempts[name].concluded["warnings"]
        if caution["kind"] == "outcome_proxy"
    ]
    if not proxies:
        return ""
    return (
        f"not compared, as {' and '.join(proxies)} nearly tells the outcome by itself, so that "
        f"{' and '.join(better)} would be better by construction"
    )


def _missing(told: Criterion, values: Mapping[str, float], attempts: Mapping[str, Attempt]) -> str:
    lacking = [name for name, value in values.items() if np.isnan(value)]
    if not lacking or told.name.startswith(AGREEMENT):
        return ""
    if told.name in _RESAMPLED and not any(one.concluded["resamples"] for one in attempts.values()):
        return "not measured, as clustering.stability.resamples is 0"
    if told.name.startswith("vote_"):
        return f"no vote: {', '.join(lacking)}"
    if told.name == "silhouette_shared_columns":
        return "the recipes have the same columns, or none in common"
    if told.name.startswith("outcome_"):
        return "there is no outcome (columns.outcome), or under two segments have 30 sessions"
    return f"not defined for {', '.join(lacking)}"


def _details(told: Criterion, attempts: Mapping[str, Attempt]) -> str:
    """Say what a number leaves out."""
    said: dict[str, str] = {}
    for name, one in attempts.items():
        concluded = one.concluded
        if told.name == "k":
            said[name] = f"chosen by {concluded['method']}"
        elif told.name == "natural_groups" and concluded["natural_counts"] is not None:
            counts = [f"k = {k}" for k in concluded["natural_counts"]]
            said[name] = f"at {' and '.join(counts)}" if counts else "at no k"
        elif told.name == "warnings":
            kinds = [f"{found['kind']} ({found['about']})" for found in concluded["warnings"]]
            said[name] = " and ".join(kinds) or "none"
    return ", ".join(f"{name}: {what}" for name, what in said.items())

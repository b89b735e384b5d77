"""Everything that speaks for or against each number of clusters, gathered in one place."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from user_activity_trends.segmentation import references, stability, valleys
from user_activity_trends.segmentation.fits import seed
from user_activity_trends.segmentation.model import Matrix
from user_activity_trends.segmentation.scores import SILHOUETTE_ALL, SILHOUETTE_ROWS
from user_activity_trends.segmentation.selection import collect_votes
from user_activity_trends.segmentation.sweep import Sweep

EXAMINED_ROWS = 20_000
"""Where there are more sessions, so many, drawn once, stand for all in resamples."""
COMPARED_ROWS = 5_000
"""And so many of these in splits and on references, whose numbers need no more."""
PERMUTED = ("sse", "silhouette", "davies_bouldin", "calinski_harabasz")
"""What is measured on shuffled copies too."""
_EXAMINED = 5


class Evidence(BaseModel):
    """What is known beside one number a k (``cluster_evidence``)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    resamples: int
    """Bootstrap samples; 0: neither resamples nor references were made."""
    samples: dict[str, int]
    """Sessions on which each thing was measured."""
    sizes: dict[int, list[int]]
    """k: sessions in each cluster, the largest first."""
    variance_shares: dict[str, float]
    """Feature: its share of the variance of the scaled features."""
    jaccard: dict[int, list[float | None]] = {}
    """k: mean Jaccard index of each cluster, the largest cluster first; None for one that
    has no session among those that were examined."""
    valleys: dict[int, float | None] = {}
    """k: sessions midway between two clusters, as a share of those around the centroid that
    has fewer; the highest of any two. None where one has no session among the compared."""
    permuted_votes: list[dict[str, int | None]] = []
    """The k of each criterion on each shuffled copy."""
    references: dict[str, int] = {"permuted": 0, "drawn": 0}
    """How many tables without groups: shuffled, and drawn with the same rank correlations."""
    own_silhouettes: dict[int, float] = {}
    """k: the silhouette of the sessions, fitted and measured as on the references."""
    reference_silhouettes: dict[int, float] = {}
    """k: the highest silhouette on any of the references, shuffled or correlated."""


def gather(
    scaled: Matrix, names: Sequence[str], swept: Sweep, resamples: int, random_state: int
) -> tuple[pd.DataFrame, Evidence]:
    """Put each partition of a sweep to the test.

    Args:
        scaled: Sessions in scaled units, shape (sessions, features).
        names: Names of the features.
        swept: The sweep of these sessions.
        resamples: Bootstrap samples; 0 for neither resamples nor references.
        random_state: Seed.

    Returns:
        The sweep's curve with ``stability_mean`` and ``stability_min`` (adjusted Rand
        index over the resamples; NaN where some cluster has no session among those
        that were examined), ``prediction_strength``, and ``permuted_<score>``
        (mean over shuffled copies; the sum of squares as if of all sessions),
        all NaN without resamples. And the rest.
    """
    spread = scaled.var(axis=0)
    partitions = swept.partitions
    orders = {k: np.argsort(-one.sizes, kind="stable") for k, one in partitions.items()}
    rows = _drawn(len(scaled), EXAMINED_ROWS, random_state) if resamples else np.arange(0)
    measured = len(scaled) if len(scaled) <= SILHOUETTE_ALL else SILHOUETTE_ROWS
    known = Evidence(
        resamples=resamples,
        samples={"silhouette": measured},
        sizes={k: one.sizes[orders[k]].tolist() for k, one in partitions.items()},
        variance_shares=dict(zip(names, (spread / spread.sum()).tolist(), strict=True)),
    )
    columns = ["stability_mean", "stability_min", "prediction_strength"]
    curve = swept.curve.assign(
        **dict.fromkeys([*columns, *(f"permuted_{name}" for name in PERMUTED)], np.nan)
    )
    if not resamples:
        return curve, known

    points, counts = np.ascontiguousarray(scaled[rows]), list(partitions)
    stable = stability.bootstrap(
        points, {k: one.labels[rows] for k, one in partitions.items()}, resamples, random_state
    )
    compared = _drawn(len(points), COMPARED_ROWS, random_state)
    some = points[compared]
    strength = stability.prediction_strength(some, counts, random_state)
    permuted = references.permuted_curves(some, counts, random_state)
    correlated = references.correlated_curves(some, counts, random_state)
    own = references.own_curve(some, counts, random_state)
    parted = [
        valleys.shallowest(some, one.labels[rows][compared], one.centers)
        for one in partitions.values()
    ]
    means = pd.concat(permuted).groupby("k").mean()
    # One cluster has the same sum of squares, shuffled or not.
    total = len(some) * some.var(axis=0).sum()
    means["sse"] *= len(scaled) * spread.sum() / total if total else 1
    curve["stability_mean"] = curve["k"].map({k: one.ari.mean() for k, one in stable.items()})
    curve["stability_min"] = curve["k"].map({k: one.ari.min() for k, one in stable.items()})
    curve["prediction_strength"] = curve["k"].map(strength)
    for name in PERMUTED:
        curve[f"permuted_{name}"] = curve["k"].map(means[name])
    return curve, known.model_copy(
        update={
            "jaccard": {k: _known(one.jaccard[orders[k]]) for k, one in stable.items()},
            "valleys": dict(zip(counts, _known(parted), strict=True)),
            "permuted_votes": [collect_votes(one) for one in permuted],
            "samples": known.samples
            | references.samples(len(some))
            | {
                "stability": len(rows),
                "prediction_strength": len(some),
                "valleys": len(some),
            },
            "references": {"permuted": len(permuted), "drawn": len(correlated)},
            "own_silhouettes": _highest([own]),
            "reference_silhouettes": _highest([*permuted, *correlated]),
        }
    )


def _drawn(
    sessions: int, most: int, random_state: int
) -> "np.ndarray[tuple[int], np.dtype[np.intp]]":
    rows = np.arange(sessions)
    if sessions <= most:
        return rows
    draw = np.random.default_rng(seed(random_state, _EXAMINED, most))
    return np.sort(draw.choice(rows, most, replace=False))


def _known(values: Iterable[float]) -> list[float | None]:
    return [None if np.isnan(value) else float(value) for value in values]


def _highest(curves: Iterable[pd.DataFrame]) -> dict[int, float]:
    highest = pd.concat(curves).groupby("k")["silhouette"].max().dropna()
    return dict(zip(highest.index.tolist(), highest.tolist(), strict=True))

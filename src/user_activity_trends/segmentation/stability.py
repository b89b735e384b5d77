"""Whether the same segments come back: from bootstrap samples, and from one half to the other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from user_activity_trends.segmentation.agreement import (
    Labels,
    adjusted_rand,
    best_jaccard,
    contingency,
)
from user_activity_trends.segmentation.continuity import Anchor, go_on
from user_activity_trends.segmentation.fits import Partition, fit_quickly, nearest_center, seed
from user_activity_trends.segmentation.model import Matrix
from user_activity_trends.segmentation.threads import small_fits

RESTARTS = 8
"""k-means++ starts of each quick fit. With few, some resamples end in a poorer optimum and
segments look less stable than they are: on the public data set, k = 3, the lowest adjusted Rand
index of 50 is 0.13 with 5 starts, and 0.80 with 8 as with 10 that are all taken to their end."""
SPLITS = 5
"""Times that the sessions are split into halves."""
_BOOTSTRAP, _SPLIT = 1, 2


class StabilityParams(BaseModel):
    """How far the segments are put to the test."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    resamples: int = Field(ge=0, description="bootstrap samples; 0: no resampling, no permutation")


@dataclass(frozen=True)
class Stability:
    """How far the partition for one k came back from bootstrap samples."""

    ari: NDArray[np.float64]
    """Adjusted Rand index of each resample with the full partition; NaN where a cluster of
    that has none of the sessions."""
    jaccard: NDArray[np.float64]
    """Mean Jaccard index of each cluster, in the full partition's numbers; NaN for a cluster
    that has none of the sessions: it could not come back."""


def bootstrap(
    points: Matrix,
    partitions: Mapping[int, Labels],
    resamples: int,
    random_state: int,
    anchor: Anchor | None = None,
) -> dict[int, Stability]:
    """Repeat the fits on bootstrap samples and see what comes back (Hennig 2007).

    A resample is the sessions that were drawn, weighted by how often. Each fit
    starts afresh; all sessions, drawn or not, then go to its nearest centroid.

    Args:
        points: Sessions in scaled units, shape (sessions, features).
        partitions: k: cluster of each session, 0 to k - 1, in the full partition, which may
            be of more sessions than these.
        resamples: Bootstrap samples.
        random_state: Seed.
        anchor: Segments that retraining goes on from; the fits with as many clusters do
            as it would.

    Returns:
        The stability of each k from 2 on.
    """
    counts = [k for k in partitions if k > 1]

    def tables(number: int) -> list[NDArray[np.int64]]:
        draw = np.random.default_rng(seed(random_state, _BOOTSTRAP, number))
        times = np.bincount(draw.integers(len(points), size=len(points)), minlength=len(points))
        drawn = np.flatnonzero(times)
        kept, weights = points[drawn], times[drawn].astype(np.float64)
        found = []
        for k in counts:
            start = seed(random_state, _BOOTSTRAP, number, k)
            again = fit_quickly(kept, min(k, len(kept)), RESTARTS, start, weights)
            centers = again.centers
            if anchor is not None and len(anchor.centers) == k:
                near = go_on(kept, again.sse, anchor, weights)
                centers = centers if near is None else near.cluster_centers_
            labels = nearest_center(points, centers)
            found.append(contingency(partitions[k], labels, k, k))
        return found

    with small_fits():
        made = [tables(number) for number in range(resamples)]
    stable = {}
    for place, k in enumerate(counts):
        ari = np.array([adjusted_rand(found[place]) for found in made])
        jaccard = np.mean([best_jaccard(found[place]) for found in made], axis=0)
        there = np.bincount(partitions[k], minlength=k) > 0
        stable[k] = Stability(np.where(there.all(), ari, np.nan), np.where(there, jaccard, np.nan))
    return stable


def prediction_strength(
    points: Matrix, counts: Sequence[int], random_state: int, splits: int = SPLITS
) -> dict[int, float]:
    """See whether one half of the sessions predicts the clusters of the other.

    The prediction strength of a split (Tibshirani and Walther 2005) is, for the
    worst cluster of one half, the share of its pairs of sessions that the
    centroids of the other half also put together.

    Args:
        points: Sessions in scaled units, shape (sessions, features).
        counts: Numbers of clusters.
        random_state: Seed.
        splits: Times that the sessions are split.

    Returns:
        k: the mean over splits and over both directions; for each k from 2 on
        for which the halves have sessions enough.
    """
    possible = [k for k in counts if 1 < k <= len(points) // 2]

    def strengths(number: int) -> list[float]:
        draw = np.random.default_rng(seed(random_state, _SPLIT, number))
        order = draw.permutation(len(points))
        halves = [points[np.sort(half)] for half in np.array_split(order, 2)]
        found = []
        for k in possible:
            one, other = (
                fit_quickly(half, k, RESTARTS, seed(random_state, _SPLIT, number, k, side))
                for side, half in enumerate(halves)
            )
            there = _strength(one, nearest_center(halves[0], other.centers))
            back = _strength(other, nearest_center(halves[1], one.centers))
            found.append((there + back) / 2)
        return found

    with small_fits():
        made = np.array([strengths(number) for number in range(splits)])
    return dict(zip(possible, made.mean(axis=0).tolist(), strict=True))


def _strength(own: Partition, predicted: Labels) -> float:
    k = len(own.centers)
    table = contingency(own.labels, predicted, k, k).astype(np.float64)
    sizes = table.sum(axis=1)
    together = (table * (table - 1)).sum(axis=1)
    # A cluster of one session has no pair that could be torn apart.
    return float(np.divide(together, sizes * (sizes - 1), out=np.ones(k), where=sizes > 1).min())

"""Whether the same segments come back: from bootstrap samples, and from one half to the other."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from user_activity_trends.segmentation.agreement import adjusted_rand, best_jaccard, contingency
from user_activity_trends.segmentation.fits import Partition, fit, nearest_center, seed
from user_activity_trends.segmentation.model import Matrix
from user_activity_trends.segmentation.threads import one_thread

RESTARTS = 2
SPLITS = 5
_BOOTSTRAP, _SPLIT = 1, 2


@dataclass(frozen=True)
class Stability:
    """How far the partition for one k came back from bootstrap samples."""

    ari: NDArray[np.float64]
    """Adjusted Rand index of each resample with the full partition."""
    jaccard: NDArray[np.float64]
    """Mean Jaccard index of each cluster, in the order of the full partition's numbers."""


def bootstrap(
    scaled: Matrix, partitions: Mapping[int, Partition], resamples: int, random_state: int
) -> dict[int, Stability]:
    """Repeat the fits on bootstrap samples and see what comes back."""
    draws = np.random.default_rng(seed(random_state, _BOOTSTRAP))
    even = np.full(len(scaled), 1 / len(scaled))
    tables: dict[int, list[NDArray[np.int64]]] = {k: [] for k in partitions if k > 1}
    with one_thread():
        for number in range(resamples):
            times = draws.multinomial(len(scaled), even)
            drawn = np.flatnonzero(times)
            points, weights = scaled[drawn], times[drawn].astype(np.float64)
            for k, found in tables.items():
                if k > len(drawn):
                    continue
                again = fit(points, k, RESTARTS, seed(random_state, _BOOTSTRAP, number, k), weights)
                labels = nearest_center(scaled, again.centers)
                found.append(contingency(partitions[k].labels, labels, k, k))
    return {
        k: Stability(
            np.array([adjusted_rand(table) for table in found]),
            np.mean([best_jaccard(table) for table in found], axis=0),
        )
        for k, found in tables.items()
        if found
    }


def prediction_strength(
    scaled: Matrix, counts: list[int], random_state: int, splits: int = SPLITS
) -> dict[int, float]:
    """See whether one half of the sessions predicts the clusters of the other."""
    found: dict[int, list[float]] = {k: [] for k in counts if 1 < k <= len(scaled) // 2}
    draws = np.random.default_rng(seed(random_state, _SPLIT))
    with one_thread():
        for number in range(splits):
            order = draws.permutation(len(scaled))
            halves = [scaled[np.sort(part)] for part in np.array_split(order, 2)]
            for k, strengths in found.items():
                fits = [
                    fit(half, k, RESTARTS, seed(random_state, _SPLIT, number, k, side))
                    for side, half in enumerate(halves)
                ]
                strengths.extend(
                    _strength(fits[side], nearest_center(halves[side], fits[1 - side].centers))
                    for side in (0, 1)
                )
    return {k: float(np.mean(strengths)) for k, strengths in found.items()}


def _strength(own: Partition, predicted: NDArray[np.intp]) -> float:
    k = len(own.centers)
    table = contingency(own.labels, predicted, k, k).astype(np.float64)
    sizes = table.sum(axis=1)
    pairs = sizes * (sizes - 1)
    together = (table * (table - 1)).sum(axis=1)
    return float(np.divide(together, pairs, out=np.ones(k), where=pairs > 0).min())

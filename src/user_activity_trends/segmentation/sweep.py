"""Fit k-means once per candidate k, and record how good each partition is."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from user_activity_trends.errors import DegenerateDataError
from user_activity_trends.segmentation.fits import Partition, fit
from user_activity_trends.segmentation.model import Matrix
from user_activity_trends.segmentation.threads import one_thread

SILHOUETTE_ROWS = 2_000
"""Rows on which the silhouette is measured: all rows would cost seconds a k."""


def candidate_counts(scaled: Matrix, k_min: int, k_max: int) -> range:
    """Return the cluster counts that the data allows.

    Args:
        scaled: Sessions in scaled units, shape (sessions, features).
        k_min: Smallest count asked for.
        k_max: Largest count asked for.

    Returns:
        ``k_min`` to ``k_max``, or to the number of distinct sessions if that is less.

    Raises:
        DegenerateDataError: There are fewer distinct sessions than ``k_min``, or only one.
    """
    distinct = len(np.unique(scaled, axis=0))
    if distinct < max(k_min, 2):
        msg = (
            f"the features have {distinct} distinct session{'s'[: distinct != 1]}, too few to "
            f"segment with clustering.sweep.k_min = {k_min}; give more sessions or other columns"
        )
        raise DegenerateDataError(msg)
    return range(k_min, min(k_max, distinct) + 1)


@dataclass(frozen=True)
class Sweep:
    """What the sweep found."""

    curve: pd.DataFrame
    """One row a k."""
    partitions: dict[int, Partition]
    """The tightest partition for each k, in the order of k."""


def sweep(scaled: Matrix, counts: Iterable[int], restarts: int, random_state: int) -> Sweep:
    """Fit k-means once per candidate k.

    Args:
        scaled: Sessions in scaled units, shape (sessions, features).
        counts: Cluster counts to try.
        restarts: k-means++ starts per k; the tightest result counts.
        random_state: Seed of the starts and of the silhouette's sample.

    Returns:
        A curve of one row a k, up to the last for which k-means can tell so many
        sessions apart: ``k``; ``sse``, the sum of squared distances to the
        nearest centroid in scaled units; the scores of ``PartitionScores``; and
        ``smallest_share``, the share of sessions in the smallest cluster. And
        the partitions themselves.

    Raises:
        DegenerateDataError: k-means cannot tell even the first number apart.
    """
    rows = []
    partitions: dict[int, Partition] = {}
    judge = PartitionScores(scaled, random_state)
    with one_thread():
        for k in counts:
            found = fit(scaled, k, restarts, random_state)
            sizes = found.sizes
            if not sizes.all():
                break
            partitions[k] = found
            rows.append(
                {"k": k, "sse": found.sse}
                | judge(found.labels)
                | {"smallest_share": float(sizes.min() / len(scaled))}
            )
    if not rows:
        msg = (
            "the sessions differ by rounding only, too little to segment with "
            "clustering.sweep.k_min as it is; lower it, or give other columns"
        )
        raise DegenerateDataError(msg)
    return Sweep(pd.DataFrame(rows), partitions)


class PartitionScores:
    """Judge partitions of the same sessions.

    ``silhouette`` (Rousseeuw 1987) is measured on at most 2,000 sessions, drawn
    once, whose distances are computed once; ``davies_bouldin`` (Davies and
    Bouldin 1979; less is better) and ``calinski_harabasz`` (Calinski and
    Harabasz 1974) on all.
    """

    def __init__(self, scaled: Matrix, random_state: int) -> None:
        """Draw the silhouette's sample.

        Args:
            scaled: Sessions in scaled units, shape (sessions, features).
            random_state: Seed of the sample.
        """
        from sklearn.metrics import euclidean_distances

        self._scaled = scaled
        self._rows = np.arange(len(scaled))
        if len(scaled) > SILHOUETTE_ROWS:
            draw = np.random.default_rng(random_state)
            self._rows = np.sort(draw.choice(self._rows, SILHOUETTE_ROWS, replace=False))
        with one_thread():
            self._distances = euclidean_distances(scaled[self._rows])
        np.fill_diagonal(self._distances, 0)

    def __call__(self, labels: NDArray[np.integer[Any]]) -> dict[str, float]:
        """Score a partition.

        Args:
            labels: Cluster of each session.

        Returns:
            ``silhouette``, ``davies_bouldin``, ``calinski_harabasz``; NaN where
            one is not defined: for one cluster, or one session a cluster.
        """
        from sklearn.metrics import (
            calinski_harabasz_score,
            davies_bouldin_score,
            silhouette_score,
        )

        found = {"silhouette": np.nan, "davies_bouldin": np.nan, "calinski_harabasz": np.nan}
        sampled = labels[self._rows]
        with one_thread():
            if 1 < len(np.unique(labels)) < len(labels):
                found["davies_bouldin"] = float(davies_bouldin_score(self._scaled, labels))
                found["calinski_harabasz"] = float(calinski_harabasz_score(self._scaled, labels))
            if 1 < len(np.unique(sampled)) < len(sampled):
                found["silhouette"] = float(
                    silhouette_score(self._distances, sampled, metric="precomputed")
                )
        return found

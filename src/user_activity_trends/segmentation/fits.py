"""Many small k-means fits, in a fixed order and from seeds of their own."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from user_activity_trends.segmentation.agreement import Labels
from user_activity_trends.segmentation.model import Matrix


@dataclass(frozen=True)
class Partition:
    """What k-means made of some sessions."""

    labels: Labels
    """Cluster of each session."""
    centers: Matrix
    """Centroids in scaled units, shape (clusters, features)."""
    sse: float
    """Sum of squared distances to the own centroid."""

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Sessions in each cluster."""
        return np.bincount(self.labels, minlength=len(self.centers))


def seed(random_state: int, *path: int) -> int:
    """Derive a seed that depends on where it is used and on nothing else."""
    return int(np.random.SeedSequence(random_state, spawn_key=path).generate_state(1)[0])


def fit(
    points: Matrix, k: int, restarts: int, random_state: int, weights: NDArray[Any] | None = None
) -> Partition:
    """Fit k-means.

    Args:
        points: Sessions in scaled units, shape (sessions, features).
        k: Number of clusters.
        restarts: k-means++ starts; the tightest result is kept.
        random_state: Seed of the starts.
        weights: How often each session counts.

    Returns:
        The partition; it has empty clusters where the sessions do not allow ``k``.
    """
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        # That there are fewer clusters than asked for is seen by the caller.
        warnings.simplefilter("ignore", ConvergenceWarning)
        means = KMeans(k, n_init=restarts, random_state=random_state).fit(
            points, sample_weight=weights
        )
    return Partition(means.labels_, means.cluster_centers_, float(means.inertia_))


def nearest_center(points: Matrix, centers: Matrix) -> NDArray[np.intp]:
    """Return the number of the nearest of ``centers`` to each row of ``points``."""
    squares = (centers**2).sum(axis=1) - 2 * (points @ centers.T)
    return squares.argmin(axis=1)

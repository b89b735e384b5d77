"""Many small k-means fits, in a fixed order and from seeds of their own."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from user_activity_trends.segmentation.agreement import Labels
from user_activity_trends.segmentation.model import Matrix

FIRST_STEPS = 3
"""Steps from each start before the best is taken to its end."""
START_DISTANCES = 40_000
"""Sessions times clusters in a start; where there would be more, it is made on a sample."""


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
        found: NDArray[np.int64] = np.bincount(self.labels, minlength=len(self.centers))
        return found


def seed(random_state: int, *path: int) -> int:
    """Derive a seed that depends on where it is used and on nothing else."""
    return int(np.random.SeedSequence(random_state, spawn_key=path).generate_state(1)[0])


def fit(points: Matrix, k: int, restarts: int, random_state: int) -> Partition:
    """Fit k-means, every start to its end.

    Args:
        points: Sessions in scaled units, shape (sessions, features).
        k: Number of clusters.
        restarts: k-means++ starts; the tightest result is kept.
        random_state: Seed of the starts.

    Returns:
        The partition; it has empty clusters where the sessions do not allow ``k``.
    """
    from sklearn.cluster import KMeans

    return _fitted(KMeans(k, n_init=restarts, random_state=random_state), points, None)


def fit_quickly(
    points: Matrix, k: int, restarts: int, random_state: int, weights: Matrix | None = None
) -> Partition:
    """Fit k-means: a few steps from every start, and only the best of them to its end.

    After Biernacki, Celeux and Govaert (2003), who start mixtures so. Where there
    are many sessions and clusters, the starts are made on a sample, as by Bradley
    and Fayyad (1998).

    Args:
        points: Sessions in scaled units, shape (sessions, features).
        k: Number of clusters.
        restarts: k-means++ starts.
        random_state: Seed of the starts.
        weights: How often each session counts; once if not given.

    Returns:
        The partition; it has empty clusters where the sessions do not allow ``k``.
    """
    from sklearn.cluster import KMeans

    means = KMeans(k, n_init=restarts, random_state=random_state, max_iter=FIRST_STEPS)
    some, counted = points, weights
    most = max(START_DISTANCES // k, k)
    if len(points) > most:
        draw = np.random.default_rng(random_state)
        rows = np.sort(draw.choice(len(points), most, replace=False))
        some, counted = points[rows], None if weights is None else weights[rows]
    best = _fitted(means, some, counted).centers
    return _fitted(KMeans(k, init=best, n_init=1), points, weights)


def _fitted(means: Any, points: Matrix, weights: Matrix | None) -> Partition:
    means.fit(points, sample_weight=weights)
    return Partition(means.labels_, means.cluster_centers_, float(means.inertia_))


def nearest_center(points: Matrix, centers: Matrix) -> NDArray[np.intp]:
    """Return the number of the nearest of ``centers`` to each row of ``points``."""
    squares = (centers**2).sum(axis=1) - 2 * (points @ centers.T)
    found: NDArray[np.intp] = squares.argmin(axis=1)
    return found

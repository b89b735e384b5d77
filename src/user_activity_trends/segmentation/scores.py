"""How good partitions of the same sessions are, by three criteria from the literature."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from user_activity_trends.segmentation.agreement import Labels
from user_activity_trends.segmentation.model import Matrix
from user_activity_trends.segmentation.threads import one_thread

SILHOUETTE_ALL = 5_000
"""Up to so many sessions, the silhouette is measured on all of them."""
SILHOUETTE_ROWS = 3_000
"""Sessions on which it is measured where there are more."""
_ROUNDING = 1e-9
"""Part of a column's largest value within which its values are the same."""
_CHUNK = 500


def measure(
    scaled: Matrix,
    partitions: Sequence[Labels],
    random_state: int,
    *,
    all_up_to: int = SILHOUETTE_ALL,
    sample: int = SILHOUETTE_ROWS,
) -> list[dict[str, float]]:
    """Score partitions.

    ``silhouette`` (Rousseeuw 1987; more is better) is measured on a sample, drawn once,
    where there are many sessions; ``davies_bouldin`` (Davies and Bouldin 1979;
    less is better) and ``calinski_harabasz`` (Calinski and Harabasz 1974; more
    is better) always on all.

    Args:
        scaled: Sessions in scaled units, shape (sessions, features).
        partitions: Cluster of each session, in each partition.
        random_state: Seed of the silhouette's sample.
        all_up_to: Largest number of sessions whose silhouette is not sampled.
        sample: Sessions in the sample.

    Returns:
        The three scores of each partition; NaN where one is not defined: for one
        cluster, or one session a cluster, and ``calinski_harabasz`` where no session
        is off its centroid, by more than rounding.
    """
    from sklearn.metrics import calinski_harabasz_score, davies_bouldin_score

    rows = np.arange(len(scaled))
    if len(scaled) > all_up_to:
        draw = np.random.default_rng(random_state)
        rows = np.sort(draw.choice(rows, sample, replace=False))
    found = []
    with one_thread():
        for labels, silhouette in zip(
            partitions,
            silhouettes(scaled[rows], [labels[rows] for labels in partitions]),
            strict=True,
        ):
            scores = {
                "silhouette": silhouette,
                "davies_bouldin": np.nan,
                "calinski_harabasz": np.nan,
            }
            if 1 < len(np.unique(labels)) < len(labels):
                scores["davies_bouldin"] = float(davies_bouldin_score(scaled, labels))
                # scikit-learn says 1.0 there, though the index goes to infinity.
                if not _is_perfect(scaled, labels):
                    scores["calinski_harabasz"] = float(calinski_harabasz_score(scaled, labels))
            found.append(scores)
    return found


def _is_perfect(points: Matrix, labels: Labels) -> bool:
    """Tell whether the sessions of each cluster are all the same, but for rounding."""
    order = np.argsort(labels, kind="stable")
    starts = np.flatnonzero(np.diff(labels[order], prepend=-1))
    grouped = points[order]
    widths = np.maximum.reduceat(grouped, starts) - np.minimum.reduceat(grouped, starts)
    return bool((widths <= _ROUNDING * np.abs(points).max(axis=0)).all())


def silhouettes(points: Matrix, partitions: Sequence[Labels]) -> list[float]:
    """Measure the mean silhouette of several partitions with each distance computed once.

    Args:
        points: Sessions in scaled units, shape (sessions, features).
        partitions: Cluster of each session, in each partition.

    Returns:
        One number a partition; NaN for one cluster, or one session a cluster.
    """
    from sklearn.metrics import euclidean_distances

    numbered = [np.unique(labels, return_inverse=True)[1] for labels in partitions]
    judged = [own for own in numbered if 1 < own.max() + 1 < len(points)]
    members = [_members(own) for own in judged]
    together = np.hstack(members) if members else np.empty((len(points), 0))
    ends = np.cumsum([one.shape[1] for one in members])
    totals = [0.0] * len(judged)
    for start in range(0, len(points), _CHUNK):
        chunk = slice(start, start + _CHUNK)
        distances = euclidean_distances(points[chunk], points)
        distances[np.arange(len(distances)), np.arange(start, start + len(distances))] = 0
        sums = np.split(distances @ together, ends[:-1], axis=1)
        for number, (own, member) in enumerate(zip(judged, members, strict=True)):
            totals[number] += _silhouette(sums[number], own[chunk], member.sum(axis=0))
    means = iter(total / len(points) for total in totals)
    return [next(means) if 1 < own.max() + 1 < len(points) else np.nan for own in numbered]


def _members(own: NDArray[np.intp]) -> Matrix:
    member = np.zeros((len(own), own.max() + 1))
    member[np.arange(len(own)), own] = 1
    return member


def _silhouette(sums: Matrix, own: NDArray[np.intp], sizes: Matrix) -> float:
    """Add up the silhouettes of some sessions.

    Args:
        sums: Sum of the distances of each to the members of each cluster.
        own: Its cluster.
        sizes: Members of each cluster.
    """
    rows = np.arange(len(own))
    alone = sizes[own] == 1
    inner = sums[rows, own] / np.where(alone, 1, sizes[own] - 1)
    outer = sums / sizes
    outer[rows, own] = np.inf
    nearest = outer.min(axis=1)
    widest = np.maximum(inner, nearest)
    each = np.divide(nearest - inner, widest, out=np.zeros(len(own)), where=widest > 0)
    return float(np.where(alone, 0, each).sum())

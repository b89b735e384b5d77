"""Whether there are fewer sessions between two clusters than around their centres."""

from itertools import combinations

import numpy as np

from user_activity_trends.segmentation.agreement import Labels
from user_activity_trends.segmentation.model import Matrix

WIDTH = 0.25
"""Width of the windows in which sessions are counted, where 1 is the distance of the two centroids.
Between groups six standard deviations apart it is one and a half of these: wide enough for a group
of a hundred sessions, and narrow enough to look between such groups."""


def shallowest(points: Matrix, labels: Labels, centers: Matrix) -> float:
    """Find the two clusters that are parted least.

    In the manner of the ridgeline ratio of Hennig (2010, "Methods for merging
    Gaussian mixture components"), but counted on a straight line. Clusters that
    were cut out of one cloud have neighbours with no valley between, also where it
    is bent, up to half a turn: beyond, the line between two can leave the cloud.

    Args:
        points: Sessions in scaled units, shape (sessions, features).
        labels: Cluster of each session.
        centers: Centroids in scaled units, shape (clusters, features).

    Returns:
        The highest ``ratio`` of any two clusters; NaN for one cluster, and where a
        cluster has none of the sessions, so that nothing can be said.
    """
    if len(centers) == 1 or not np.bincount(labels, minlength=len(centers)).all():
        return float("nan")
    members = [points[labels == one] for one in range(len(centers))]
    return max(
        ratio(np.concatenate([members[one], members[other]]), centers[one], centers[other])
        for one, other in combinations(range(len(centers)), 2)
    )


def ratio(points: Matrix, one: Matrix, other: Matrix) -> float:
    """Compare how many sessions there are midway between two centroids and around them.

    The sessions are projected onto the line through both centroids and counted in
    three windows of the same width, a quarter of the distance: in the middle, and
    around either end.

    Args:
        points: The sessions of both clusters in scaled units, shape (sessions, features).
        one: The centroid of one, which is another place than ``other``.
        other: That of the other.

    Returns:
        The count in the middle over the smaller of those at the ends: 0 where nothing
        is between; a count of 0 at an end is taken as 1. About 1 or more in one cloud.

    >>> line = np.array([[0.0], [0.0], [0.5], [1.0], [1.0]])
    >>> ratio(line, np.array([0.0]), np.array([1.0]))
    0.5
    """
    line = other - one
    places = (points - one) @ line / (line @ line)
    low, middle, high = (
        int(np.count_nonzero(np.abs(places - place) <= WIDTH / 2)) for place in (0, 1 / 2, 1)
    )
    return middle / max(min(low, high), 1)

"""Go on from the segments in use, where new ones would hardly be tighter.

k-means has many optima that are about equally tight, and which one a fresh start
finds hinges on a few sessions. Retraining takes the optimum next to the segments
in use unless a fresh start finds one that is clearly tighter, in the sense of
evolutionary clustering (Chakrabarti, Kumar and Tomkins 2006): history is worth
a little quality.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from user_activity_trends.segmentation.scaling import FeatureScaler

_STEPS = 1
"""Lloyd steps from the centroids in use: they become means of the new sessions, and sessions at
a border, which more steps would push across it for next to nothing, stay."""


@dataclass(frozen=True)
class Anchor:
    """Where to go on from."""

    centers: NDArray[np.float64]
    """Centroids of the segments in use, in the scaled units of the new sessions."""
    tolerance: float
    """Share of the sum of squared errors that going on from them may cost."""


def carry_over(
    centers: NDArray[np.float64], scaler: FeatureScaler, new: FeatureScaler
) -> NDArray[np.float64]:
    """Express centroids in the units of another scaler of the same columns and transform.

    Args:
        centers: Centroids in the units of ``scaler``, shape (clusters, features).
        scaler: The scaler that they were found with.
        new: The other one.

    Returns:
        The same places in the units of ``new``.
    """
    carried: NDArray[np.float64] = (centers * scaler.scales + scaler.centers - new.centers) / (
        new.scales
    )
    return carried


def go_on(
    points: NDArray[np.float64],
    fresh_sse: float,
    anchor: Anchor,
    weights: NDArray[np.float64] | None = None,
) -> Any:
    """Fit k-means from the segments in use, if that is about as tight as a fresh start.

    Args:
        points: Sessions in scaled units, shape (sessions, features).
        fresh_sse: Sum of squared errors of the best of fresh starts, with as many
            clusters as the anchor has.
        anchor: The segments in use, and what they may cost.
        weights: How often each session counts; once if not given.

    Returns:
        The fitted scikit-learn ``KMeans`` next to the segments in use, its
        clusters in their order; None if it has an empty one, or if fresh starts
        are tighter by more than the tolerance.
    """
    from sklearn.cluster import KMeans

    k = len(anchor.centers)
    if k > len(points):
        return None
    means = KMeans(k, init=anchor.centers, n_init=1, max_iter=_STEPS)
    means.fit(points, sample_weight=weights)
    empty = not np.bincount(means.labels_, minlength=k).all()
    return None if empty or means.inertia_ > fresh_sse * (1 + anchor.tolerance) else means

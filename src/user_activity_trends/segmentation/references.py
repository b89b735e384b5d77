"""Tables like the real one but without groups, and what the same criteria say about them.

Kneedle finds an elbow in almost any curve, and k-means cuts any cloud into
pieces, so a score means something only beside what it would be without groups.
Two kinds of reference, of which the first is also reported:

- *permuted*: each column shuffled by itself. Every column keeps its own
  distribution, gaps and spikes included; what ties columns together is gone.
- *correlated*: every column keeps its own distribution, and the columns keep
  their rank correlations, through a Gaussian copula (Cario and Nelson 1997).
  One elongated cloud, which shuffling would take apart, stays one cloud.
"""

from collections.abc import Callable, Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd

from user_activity_trends.segmentation.fits import fit_quickly, seed
from user_activity_trends.segmentation.model import Matrix
from user_activity_trends.segmentation.scores import measure
from user_activity_trends.segmentation.threads import small_fits

COUNT = 5
"""References of each kind."""
RESTARTS = 4
"""k-means++ starts of each fit."""
SILHOUETTE_ROWS = 2_000
"""Sessions on which the silhouette of a reference is measured."""
CORRELATED_ROWS = 2_000
"""Sessions in a correlated reference: enough for the one number that is taken from it."""
_PERMUTED, _CORRELATED, _OWN = 3, 4, 6


def permuted(points: Matrix, draw: np.random.Generator) -> Matrix:
    """Shuffle each column by itself.

    Args:
        points: Sessions in scaled units, shape (sessions, features).
        draw: Where chance comes from.

    Returns:
        A table of the same shape, whose columns have the same values.
    """
    return np.ascontiguousarray(draw.permuted(points, axis=0))


def correlated(points: Matrix, draw: np.random.Generator) -> Matrix:
    """Draw a table with the same columns and the same rank correlations, but no groups.

    Args:
        points: Sessions in scaled units, shape (sessions, features).
        draw: Where chance comes from.

    Returns:
        A table of the same shape, whose columns have the same values.
    """
    rows, columns = points.shape
    normal = NormalDist()
    quantiles = np.array([normal.inv_cdf((rank + 0.5) / rows) for rank in range(rows)])
    scores = np.empty_like(points)
    for one in range(columns):
        # Equal values have no order of their own: drawn, or they would look correlated.
        scores[np.lexsort(np.stack([draw.random(rows), points[:, one]])), one] = quantiles
    values, vectors = np.linalg.eigh(scores.T @ scores / (quantiles**2).sum())
    cloud = draw.normal(size=points.shape) @ (vectors * np.sqrt(values.clip(min=0))).T
    made = np.empty_like(points)
    for one in range(columns):
        made[np.argsort(cloud[:, one], kind="stable"), one] = np.sort(points[:, one])
    return made


def permuted_curves(points: Matrix, counts: Sequence[int], random_state: int) -> list[pd.DataFrame]:
    """Sweep shuffled copies.

    Args:
        points: Sessions in scaled units, shape (sessions, features).
        counts: Numbers of clusters.
        random_state: Seed.

    Returns:
        For each copy one row a k: ``k``, ``sse`` and the scores.
    """
    return _curves(points, counts, random_state, _PERMUTED, permuted)


def correlated_curves(
    points: Matrix, counts: Sequence[int], random_state: int
) -> list[pd.DataFrame]:
    """Sweep correlated clouds of at most 2,000 sessions; see ``permuted_curves``."""
    if len(points) > CORRELATED_ROWS:
        draw = np.random.default_rng(seed(random_state, _CORRELATED))
        points = points[np.sort(draw.choice(len(points), CORRELATED_ROWS, replace=False))]
    return _curves(points, counts, random_state, _CORRELATED, correlated)


def own_curve(points: Matrix, counts: Sequence[int], random_state: int) -> pd.DataFrame:
    """Sweep the sessions themselves as the references are swept, to compare like with like."""
    [curve] = _curves(points, counts, random_state, _OWN, lambda own, _: own, copies=1)
    return curve


def samples(sessions: int) -> dict[str, int]:
    """Return how many of so many sessions each kind of reference is made from and measured on."""
    drawn = min(sessions, CORRELATED_ROWS)
    return {
        "permuted": sessions,
        "drawn": drawn,
        "permuted_silhouette": min(sessions, SILHOUETTE_ROWS),
        "drawn_silhouette": min(drawn, SILHOUETTE_ROWS),
    }


def _curves(  # noqa: PLR0913
    points: Matrix,
    counts: Sequence[int],
    random_state: int,
    kind: int,
    make: Callable[[Matrix, np.random.Generator], Matrix],
    *,
    copies: int = COUNT,
) -> list[pd.DataFrame]:
    def curve(number: int) -> pd.DataFrame:
        start = seed(random_state, kind, number)
        copy = make(points, np.random.default_rng(start))
        found = {k: fit_quickly(copy, k, RESTARTS, seed(start, k)) for k in counts}
        scores = measure(
            copy,
            [one.labels for one in found.values()],
            start,
            all_up_to=SILHOUETTE_ROWS,
            sample=SILHOUETTE_ROWS,
        )
        rows: list[dict[str, Any]] = [
            {"k": k, "sse": one.sse} | judged
            for (k, one), judged in zip(found.items(), scores, strict=True)
        ]
        return pd.DataFrame(rows)

    with small_fits():
        return [curve(number) for number in range(copies)]

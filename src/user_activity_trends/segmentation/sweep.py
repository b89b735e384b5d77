"""Fit k-means once per candidate k, and record how good each partition is."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from user_activity_trends.errors import DegenerateDataError
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


def sweep(
    scaled: Matrix, counts: Iterable[int], restarts: int, random_state: int
) -> pd.DataFrame:
    """Fit k-means once per candidate k.

    Args:
        scaled: Sessions in scaled units, shape (sessions, features).
        counts: Cluster counts to try.
        restarts: k-means++ starts per k; the tightest result counts.
        random_state: Seed of the starts and of the silhouette's sample.

    Returns:
        One row a k: ``k``; ``sse``, the sum of squared distances to the nearest
        centroid in scaled units; and the scores of ``scores``.
    """
    from sklearn.cluster import KMeans

    rows = []
    with one_thread():
        for k in counts:
            means = KMeans(k, n_init=restarts, random_state=random_state).fit(scaled)
            rows.append(
                {"k": k, "sse": float(means.inertia_)}
                | scores(scaled, means.labels_, random_state)
            )
    return pd.DataFrame(rows)


def scores(scaled: Matrix, labels: Sequence[int] | Any, random_state: int) -> dict[str, float]:
    """Judge a partition.

    Args:
        scaled: Sessions in scaled units, shape (sessions, features).
        labels: Cluster of each session.
        random_state: Seed of the silhouette's sample.

    Returns:
        ``silhouette`` (Rousseeuw 1987; on at most 2,000 sessions),
        ``davies_bouldin`` (Davies and Bouldin 1979; less is better) and
        ``calinski_harabasz`` (Calinski and Harabasz 1974). NaN where a score is
        not defined: for one cluster, or one session a cluster.
    """
    from sklearn.metrics import calinski_harabasz_score, davies_bouldin_score, silhouette_score

    rows = np.arange(len(scaled))
    if len(rows) > SILHOUETTE_ROWS:
        rows = np.random.default_rng(random_state).choice(rows, SILHOUETTE_ROWS, replace=False)
    found = {"silhouette": np.nan, "davies_bouldin": np.nan, "calinski_harabasz": np.nan}
    with one_thread():
        if 1 < len(np.unique(labels)) < len(scaled):
            found["davies_bouldin"] = float(davies_bouldin_score(scaled, labels))
            found["calinski_harabasz"] = float(calinski_harabasz_score(scaled, labels))
        if 1 < len(np.unique(labels[rows])) < len(rows):
            found["silhouette"] = float(silhouette_score(scaled[rows], labels[rows]))
    return found

"""How far two partitions of the same sessions agree."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.integer[Any]]


def contingency(one: Labels, other: Labels, rows: int, columns: int) -> NDArray[np.int64]:
    """Count the sessions in each pair of clusters.

    Args:
        one: Cluster of each session, 0 to ``rows`` - 1.
        other: The same in another partition, 0 to ``columns`` - 1.
        rows: Number of clusters in ``one``.
        columns: Number of clusters in ``other``.

    Returns:
        Sessions in both, shape (rows, columns).
    """
    pairs = one.astype(np.int64) * columns + other
    return np.bincount(pairs, minlength=rows * columns).reshape(rows, columns)


def adjusted_rand(table: NDArray[np.int64]) -> float:
    """Return how far two partitions agree beyond chance (Hubert and Arabie 1985).

    Args:
        table: Sessions in each pair of clusters.

    Returns:
        1 for the same partition, about 0 for independent ones.

    >>> adjusted_rand(np.array([[5, 0], [0, 5]]))
    1.0
    >>> adjusted_rand(np.array([[9], [1]]))
    0.0
    """
    pairs = np.array([(counts * (counts - 1.0)).sum() / 2 for counts in _margins(table)])
    both, one, other, every = pairs
    expected = one * other / every if every else 0.0
    largest = (one + other) / 2
    return float((both - expected) / (largest - expected)) if largest != expected else 1.0


def _margins(table: NDArray[np.int64]) -> tuple[NDArray[np.int64], ...]:
    return table.ravel(), table.sum(axis=1), table.sum(axis=0), table.sum(keepdims=True).ravel()


def best_jaccard(table: NDArray[np.int64]) -> NDArray[np.float64]:
    """Find each cluster of one partition in another, by overlap (Hennig 2007).

    Args:
        table: Sessions in each pair of clusters.

    Returns:
        One number a row of ``table``: sessions in both over sessions in either,
        for the column where that is largest.
    """
    one, other = table.sum(axis=1), table.sum(axis=0)
    either = one[:, None] + other[None, :] - table
    found: NDArray[np.float64] = (table / np.maximum(either, 1)).max(axis=1)
    return found

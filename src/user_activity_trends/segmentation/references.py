"""What the same criteria say where there are no groups: columns shuffled each by itself."""

import numpy as np
import pandas as pd

from user_activity_trends.segmentation.fits import seed
from user_activity_trends.segmentation.model import Matrix
from user_activity_trends.segmentation.sweep import sweep

PERMUTATIONS = 5
RESTARTS = 2
_PERMUTED = 3


def permuted(scaled: Matrix, random_state: int) -> Matrix:
    """Shuffle each column by itself: the distribution of each stays, what ties them goes."""
    draw = np.random.default_rng(random_state)
    return np.ascontiguousarray(draw.permuted(scaled, axis=0))


def permuted_curves(scaled: Matrix, counts: list[int], random_state: int) -> list[pd.DataFrame]:
    """Sweep shuffled copies."""
    curves = []
    for number in range(PERMUTATIONS):
        start = seed(random_state, _PERMUTED, number)
        curves.append(sweep(permuted(scaled, start), counts, RESTARTS, start).curve)
    return curves

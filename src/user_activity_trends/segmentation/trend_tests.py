"""Whether a segment grows or shrinks, or converts ever better or worse, from period to period."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from user_activity_trends.segmentation.trends import LEAST_SESSIONS

LEAST_PERIODS = 3
"""Two points always lie on a line."""

_TYPES = {
    "segment": "int64",
    "segment_name": "str",
    "measure": "str",
    "periods": "int64",
    "change_per_period": "float64",
    "effect_size": "float64",
    "p_value": "float64",
}


def find_trends(trends: pd.DataFrame, calendar: Sequence[str]) -> pd.DataFrame:
    """Test each segment's share of the sessions, and its conversion rate, for a linear trend.

    Args:
        trends: One row a period and segment: ``period``, ``segment``,
            ``segment_name``, ``sessions`` and, with an outcome, ``conversions``.
        calendar: All periods in order, also those without sessions, so that a
            step over an absent period counts as two.

    Returns:
        One row a segment and measure (``share``, ``conversion_rate``) that at
        least three periods tell of; a period of under 30 sessions does not tell
        of shares, nor one with under 30 of the segment's sessions of its
        conversion, nor anything of a segment of under 30 sessions: ``segment``,
        ``segment_name``, ``measure``,
        ``periods`` (how many), ``change_per_period`` (slope of the line fitted
        to the shares, each period weighted by its sessions), ``effect_size``
        (z / sqrt(sessions), which is the correlation of period and outcome, from
        -1 to 1) and ``p_value`` (two-sided, of all tests of the table by Holm
        1979, A simple sequentially rejective multiple test procedure).
    """
    position = {period: place for place, period in enumerate(calendar)}
    whole = trends.groupby("period")["sessions"].sum()
    rows = []
    for (segment, name), one in trends.groupby(["segment", "segment_name"], sort=True):
        sessions = one["sessions"].to_numpy(dtype=np.float64)
        scores = one["period"].map(position).to_numpy(dtype=np.float64)
        measures = {"share": (sessions, one["period"].map(whole).to_numpy(dtype=np.float64))}
        if "conversions" in one.columns:
            measures["conversion_rate"] = (one["conversions"].to_numpy(np.float64), sessions)
        for measure, (successes, trials) in measures.items():
            told = trials >= LEAST_SESSIONS
            if told.sum() >= LEAST_PERIODS and sessions.sum() >= LEAST_SESSIONS:
                found = cochran_armitage(successes[told], trials[told], scores[told])
                rows.append((segment, name, measure, int(told.sum()), *found))
    table = pd.DataFrame(rows, columns=list(_TYPES)).astype(_TYPES)
    return table.assign(p_value=holm(table["p_value"].to_numpy()))


def cochran_armitage(
    successes: np.ndarray, trials: np.ndarray, scores: np.ndarray
) -> tuple[float, float, float]:
    """Test shares for a linear trend (Cochran 1954, Armitage 1955).

    Args:
        successes: How many of the trials of each group succeeded.
        trials: How many trials each group had.
        scores: Where each group stands.

    Returns:
        Change of the share a unit of the score (weighted least squares), effect
        size z / sqrt(all trials), and the two-sided p-value; all say that there
        is no trend where every share, or every score, is the same.

    >>> numbers = (np.array([1.0, 2, 3]), np.array([10.0, 10, 10]), np.array([0.0, 1, 2]))
    >>> [round(number, 4) for number in cochran_armitage(*numbers)]
    [0.1, 0.2041, 0.2636]
    """
    total = trials.sum()
    share = successes.sum() / total
    centred = scores - (trials * scores).sum() / total
    along = (centred * (successes - trials * share)).sum()
    spread = (trials * centred**2).sum()
    if spread == 0 or share in {0.0, 1.0}:
        return 0.0, 0.0, 1.0
    z = along / math.sqrt(share * (1 - share) * spread)
    effect = min(1.0, max(-1.0, z / math.sqrt(total)))
    return float(along / spread), float(effect), math.erfc(abs(z) / math.sqrt(2))


def holm(p_values: np.ndarray) -> np.ndarray:
    """Adjust p-values for their number (Holm 1979).

    >>> holm(np.array([0.01, 0.04, 0.03])).tolist()
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p_values, kind="stable")
    factors = np.arange(len(p_values), 0, -1)
    adjusted = np.empty_like(p_values)
    adjusted[order] = np.minimum(1, np.maximum.accumulate(factors * p_values[order]))
    return adjusted

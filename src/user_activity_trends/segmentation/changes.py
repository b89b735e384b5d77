"""Why the overall conversion changes: other segments (mix), or segments that convert otherwise."""

import itertools

import numpy as np
import pandas as pd

_TYPES = {
    "period_from": "str",
    "period_to": "str",
    "change": "float64",
    "mix": "float64",
    "rate": "float64",
}


def split_changes(trends: pd.DataFrame) -> pd.DataFrame:
    """Split the change of the overall conversion from each period to the next.

    The difference of two weighted means is made of the difference of the weights
    and of the difference of the means, each taken at the middle of the two
    periods, so that neither period comes first and nothing is left over
    (Kitagawa 1955, Components of a difference between two rates).

    Args:
        trends: One row a period and segment, in calendar order: ``period``,
            ``segment``, ``sessions``, ``conversions``; without the last column
            there is no outcome.

    Returns:
        One row a pair of neighbouring periods of ``trends``: ``period_from``,
        ``period_to``, ``change`` (of the share of all sessions that convert),
        ``mix`` (because segments grew or shrank), ``rate`` (because segments
        converted otherwise); ``mix`` + ``rate`` = ``change``. A segment without
        sessions in one of the two periods takes the rate of the other, so that
        its coming and going is mix.
    """
    rows = []
    if "conversions" in trends.columns and len(trends):
        wide = trends.pivot_table(
            index="period", columns="segment", values=["sessions", "conversions"], sort=False
        )
        sessions = wide["sessions"].to_numpy(dtype=np.float64)
        conversions = wide["conversions"].to_numpy(dtype=np.float64)
        periods = [str(period) for period in wide.index]
        for before, after in itertools.pairwise(range(len(periods))):
            pair = [before, after]
            counts = (periods[before], periods[after])
            rows.append(counts + _split(sessions[pair], conversions[pair]))
    return pd.DataFrame(rows, columns=list(_TYPES)).astype(_TYPES)


def _split(sessions: np.ndarray, conversions: np.ndarray) -> tuple[float, float, float]:
    """Split the change between two periods; both arrays have the shape (2, segments)."""
    known = sessions > 0
    rates = np.divide(conversions, sessions, out=np.zeros_like(sessions), where=known)
    rates = np.where(known, rates, rates[::-1])
    shares = sessions / sessions.sum(axis=1, keepdims=True)
    overall = conversions.sum(axis=1) / sessions.sum(axis=1)
    mix = ((shares[1] - shares[0]) * rates.mean(axis=0)).sum()
    rate = ((rates[1] - rates[0]) * shares.mean(axis=0)).sum()
    return float(overall[1] - overall[0]), float(mix), float(rate)

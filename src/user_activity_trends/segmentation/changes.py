"""Why the overall conversion changes: other segments (mix), or segments that convert otherwise."""

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
    if "conversions" not in trends.columns or not len(trends):
        return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in _TYPES.items()})
    wide = trends.pivot_table(
        index="period", columns="segment", values=["sessions", "conversions"], sort=False
    )
    periods = wide.index.astype("str")
    sessions = wide["sessions"].to_numpy(dtype=np.float64)
    conversions = wide["conversions"].to_numpy(dtype=np.float64)
    shares = sessions / sessions.sum(axis=1, keepdims=True)
    rates = np.divide(conversions, sessions, out=np.zeros_like(sessions), where=sessions > 0)
    before = np.where(sessions[:-1] > 0, rates[:-1], rates[1:])
    after = np.where(sessions[1:] > 0, rates[1:], rates[:-1])
    return pd.DataFrame(
        {
            "period_from": periods[:-1],
            "period_to": periods[1:],
            "change": np.diff(conversions.sum(axis=1) / sessions.sum(axis=1)),
            "mix": ((shares[1:] - shares[:-1]) * (before + after) / 2).sum(axis=1),
            "rate": ((after - before) * (shares[1:] + shares[:-1]) / 2).sum(axis=1),
        }
    ).astype(_TYPES)

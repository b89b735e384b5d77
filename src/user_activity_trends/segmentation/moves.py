"""Whether a share or a rate moved between periods, or differs as chance makes it differ."""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from user_activity_trends.segmentation.profiles import Z, wilson_intervals
from user_activity_trends.segmentation.trend_tests import holm
from user_activity_trends.segmentation.trends import LEAST_SESSIONS

ALPHA = 0.05
"""How often, in tables where nothing moves, a move is called clear all the same."""

_LEAST_EXPECTED = 1.0
"""Expected sessions of a cell below which the chi-square distribution is no longer near."""

_LIMITS = {"share": ("share_low", "share_high"), "conversion_rate": ("ci_low", "ci_high")}


@dataclass(frozen=True)
class Move:
    """How one segment's share or rate went from one period to a later one."""

    segment: int
    segment_name: str
    period_from: str
    period_to: str
    before: float
    after: float
    clear: bool
    """Whether it is more than chance between periods, given how many segments were looked at."""


def largest_move(trends: pd.DataFrame, measure: str) -> Move | None:
    """Find the segment that moves most between any two periods.

    A segment moves clearly where a chi-square test refuses that its periods have
    one rate, with the p-values of all segments adjusted by Holm (1979); and
    where the 95 % intervals of the two periods do not overlap.

    Args:
        trends: ``segment_trends``, in calendar order.
        measure: ``share`` or ``conversion_rate``; cells without a value and
            periods of under 30 sessions do not count.

    Returns:
        The largest clear move; if there is none, the largest of the others. None
        if no segment has two values.
    """
    whole = trends.groupby("period", sort=False)["sessions"].transform("sum")
    low, high = _LIMITS[measure]
    counting = trends.assign(whole=whole)[trends[measure].notna() & (whole >= LEAST_SESSIONS)]
    lines = [one for _, one in counting.groupby("segment") if len(one) > 1]
    names = ("sessions", "whole") if measure == "share" else ("conversions", "sessions")
    raw = [homogeneity(*(one[name].to_numpy(np.float64) for name in names)) for one in lines]
    moves = []
    for one, p_value in zip(lines, holm(np.array(raw, dtype=np.float64)), strict=True):
        values = one[measure].to_numpy(np.float64)
        lows, highs = one[low].to_numpy(np.float64), one[high].to_numpy(np.float64)
        # The surest of the low and of the high ones: a small period may lie far out by chance.
        sure = p_value < ALPHA and bool(lows.max() > highs.min())
        ends = (highs.argmin(), lows.argmax()) if sure else (values.argmin(), values.argmax())
        first, last = (one.iloc[int(place)] for place in sorted(ends))
        moves.append(
            Move(
                segment=int(first["segment"]),
                segment_name=str(first["segment_name"]),
                period_from=str(first["period"]),
                period_to=str(last["period"]),
                before=float(first[measure]),
                after=float(last[measure]),
                clear=sure,
            )
        )
    return max(moves, key=lambda one: (one.clear, abs(one.after - one.before)), default=None)


@dataclass(frozen=True)
class Change:
    """How the conversion of all sessions went from one period to the next, and why."""

    period_from: str
    period_to: str
    before: float
    after: float
    change: float
    mix: float
    rate: float
    clear: bool
    """Whether it is more than chance, given how many pairs of periods were looked at."""


def largest_change(changes: pd.DataFrame, trends: pd.DataFrame) -> Change | None:
    """Find the largest change of the overall conversion from one period to the next.

    Args:
        changes: ``conversion_changes``.
        trends: ``segment_trends``, of the same periods.

    Returns:
        The largest clear change; if there is none, the largest of the others;
        pairs with a period of under 30 sessions do not count. A change is clear
        where the interval of the difference, with its error shared among the
        pairs (Bonferroni), does not hold 0. None if no pair counts.
    """
    if changes.empty:
        return None
    sums = trends.groupby("period", sort=False)[["conversions", "sessions"]].sum()
    enough = sums.index[sums["sessions"] >= LEAST_SESSIONS]
    pairs = changes[changes["period_from"].isin(enough) & changes["period_to"].isin(enough)]
    z = NormalDist().inv_cdf(1 - ALPHA / 2 / max(1, len(pairs)))
    found = []
    for row in pairs.to_dict("records"):
        ends = sums.loc[[row["period_from"], row["period_to"]]]
        conversions, sessions = ends["conversions"].to_numpy(), ends["sessions"].to_numpy()
        low, high = difference_interval(conversions, sessions, z)
        found.append(
            Change(
                period_from=str(row["period_from"]),
                period_to=str(row["period_to"]),
                before=float(conversions[0] / sessions[0]),
                after=float(conversions[1] / sessions[1]),
                change=float(row["change"]),
                mix=float(row["mix"]),
                rate=float(row["rate"]),
                clear=low > 0 or high < 0,
            )
        )
    return max(found, key=lambda one: (one.clear, abs(one.change)), default=None)


def difference_interval(
    successes: NDArray[np.integer], trials: NDArray[np.integer], z: float = Z
) -> tuple[float, float]:
    """Return the interval of the second of two rates minus the first.

    It is made of the score limits of the two (Newcombe 1998, Statistics in
    Medicine 17, 873-890, method 10).

    Args:
        successes: How many of the trials of each succeeded.
        trials: How many trials each had.
        z: Point of the standard normal distribution; by default that for 95 %.

    >>> numbers = difference_interval(np.array([48, 56]), np.array([80, 70]))
    >>> [round(limit, 4) for limit in numbers]
    [0.0524, 0.3339]
    """
    low, high = wilson_intervals(successes, trials, z)
    first, second = successes / trials
    below = math.hypot(second - low[1], high[0] - first)
    above = math.hypot(high[1] - second, first - low[0])
    return float(second - first - below), float(second - first + above)


def homogeneity(successes: NDArray[np.float64], trials: NDArray[np.float64]) -> float:
    """Test whether groups have one rate (Pearson's chi-square, 1900).

    Args:
        successes: How many of the trials of each group succeeded.
        trials: How many trials each group had.

    Returns:
        The p-value. Groups in which under one success or failure is to be
        expected are left out; 1 where under two groups remain.

    >>> round(homogeneity(np.array([10.0, 30.0]), np.array([100.0, 100.0])), 6)
    0.000407
    >>> homogeneity(np.array([5.0, 0.0]), np.array([5.0, 0.0]))
    1.0
    """
    share = successes.sum() / trials.sum()
    kept = trials * min(share, 1 - share) >= _LEAST_EXPECTED
    successes, trials = successes[kept], trials[kept]
    if len(trials) < 2:  # noqa: PLR2004
        return 1.0
    share = successes.sum() / trials.sum()
    if share in {0.0, 1.0}:
        return 1.0
    statistic = ((successes - trials * share) ** 2 / (trials * share * (1 - share))).sum()
    return chi_square_tail(float(statistic), len(trials) - 1)


def chi_square_tail(value: float, freedom: int) -> float:
    """Return how probable a chi-square variable of ``freedom`` degrees is above ``value``.

    The sum is finite (Abramowitz and Stegun 1964, 26.4.4 and 26.4.5), so that no library
    of distributions has to be loaded.

    >>> round(chi_square_tail(3.841459, 1), 6), round(chi_square_tail(18.307038, 10), 6)
    (0.05, 0.05)
    """
    half, odd = value / 2, freedom % 2
    if half <= 0:
        return 1.0
    powers = np.arange(freedom // 2) + odd / 2
    terms = (power * math.log(half) - half - math.lgamma(power + 1) for power in powers)
    tail = math.erfc(math.sqrt(half)) if odd else 0.0
    return min(1.0, tail + math.fsum(math.exp(term) for term in terms))

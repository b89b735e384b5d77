"""A planted move is called clear, and noise nearly never."""

import narwhals as nw
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.stats import chi2, chi2_contingency

from user_activity_trends.segmentation.changes import split_changes
from user_activity_trends.segmentation.moves import (
    chi_square_tail,
    difference_interval,
    homogeneity,
    largest_change,
    largest_move,
)
from user_activity_trends.segmentation.trends import count_groups

MONTHS = [f"2025-{month:02d}" for month in range(1, 13)]


def drawn(seed: int, sessions: int, shares: NDArray[np.float64], rate: float) -> pd.DataFrame:
    """Return trends of twelve periods; ``shares`` has a row a period or one for all."""
    rng = np.random.default_rng(seed)
    every = np.broadcast_to(shares, (len(MONTHS), shares.shape[-1]))
    table = pd.DataFrame(
        {
            "group": np.repeat(MONTHS, sessions),
            "segment": np.concatenate([1 + rng.choice(len(one), sessions, p=one) for one in every]),
            "outcome": rng.random(len(MONTHS) * sessions) < rate,
        }
    )
    table["segment_name"] = "name " + table["segment"].astype("str")
    counted = count_groups(nw.from_native(table, eager_only=True), MONTHS, with_outcome=True)
    return counted.rename(columns={"group": "period"})


@pytest.mark.parametrize("measure", ["share", "conversion_rate"])
@pytest.mark.parametrize(
    ("sessions", "shares"),
    [(1_000, [0.4, 0.3, 0.2, 0.1]), (100, [0.6, 0.4]), (300, [0.7, 0.28, 0.02])],
)
def test_noise_is_nearly_never_called_clear(
    sessions: int, shares: list[float], measure: str
) -> None:
    found = [
        largest_move(drawn(seed, sessions, np.array(shares), 0.15), measure) for seed in range(40)
    ]

    assert sum(move is not None and move.clear for move in found) <= 5


def test_a_planted_move_is_clear_and_has_its_periods() -> None:
    shares = np.tile([0.5, 0.3, 0.2], (12, 1))
    shares[7] = [0.35, 0.45, 0.2]

    for seed in range(20):
        move = largest_move(drawn(seed, 1_000, shares, 0.15), "share")
        assert move is not None
        assert move.clear
        assert "2025-08" in (move.period_from, move.period_to)
        assert abs(move.after - move.before) > 0.1


def test_a_small_period_that_lies_far_out_is_not_the_one_that_is_named() -> None:
    """Period b has 31 sessions; a and c are sure, and differ."""
    counts = [(a, s, n) for a, ns in (("a", (4000, 6000)), ("b", (10, 21)), ("c", (6000, 4000)))
              for s, n in enumerate(ns, start=1)]  # fmt: skip
    table = pd.DataFrame(
        [(p, s, f"name {s}") for p, s, n in counts for _ in range(n)],
        columns=["group", "segment", "segment_name"],
    )
    counted = count_groups(nw.from_native(table, eager_only=True), [*"abc"], with_outcome=False)

    move = largest_move(counted.rename(columns={"group": "period"}), "share")

    assert move is not None
    assert move.clear
    assert (move.period_from, move.period_to) == ("a", "c")


def test_one_value_a_segment_is_no_move() -> None:
    table = drawn(0, 50, np.array([0.6, 0.4]), 0.1)

    assert largest_move(table[table["period"] == MONTHS[0]], "share") is None
    assert largest_move(table[:0], "share") is None


def test_the_tail_is_that_of_the_library() -> None:
    for freedom in (1, 2, 3, 11, 12, 400, 3_649):
        for value in (0.0, 1e-9, 0.5, 3.84, freedom * 0.9, float(freedom), freedom * 1.2, 5e3):
            expected = chi2.sf(value, freedom)
            assert chi_square_tail(value, freedom) == pytest.approx(expected, rel=1e-8, abs=1e-300)


def test_the_test_is_the_one_of_pearson() -> None:
    successes, trials = np.array([20.0, 35, 4, 90]), np.array([100.0, 110, 30, 400])

    expected = chi2_contingency(np.array([successes, trials - successes]), correction=False)

    assert homogeneity(successes, trials) == pytest.approx(expected.pvalue)


@pytest.mark.parametrize(
    ("successes", "trials"),
    [([0, 0], [50, 60]), ([50, 60], [50, 60]), ([1, 0, 0], [40, 40, 40]), ([3], [50])],
)
def test_where_too_little_is_known_nothing_is_refused(
    successes: list[float], trials: list[float]
) -> None:
    assert homogeneity(np.array(successes, float), np.array(trials, float)) == 1


# --- changes of the overall conversion ---------------------------------------------------------


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        # Newcombe 1998, Statistics in Medicine 17, 873-890, table II, method 10.
        ([48, 56], [80, 70], -0.3339, -0.0524),
        ([3, 9], [10, 10], -0.8090, -0.1705),
        ([2, 6], [7, 7], -0.8062, -0.0582),
        ([0, 5], [29, 56], -0.1926, 0.0381),
        ([0, 0], [20, 10], -0.2775, 0.1611),
        ([0, 10], [10, 10], -1.0, -0.6075),
    ],
)
def test_the_interval_of_a_difference_is_the_published_one(
    successes: list[int], trials: list[int], low: float, high: float
) -> None:
    """The table has the first minus the second."""
    found = difference_interval(np.array(successes), np.array(trials))

    assert found == pytest.approx((-high, -low), abs=5e-5)


def converting(*cells: tuple[str, int, int]) -> pd.DataFrame:
    """Return trends of one segment: period, sessions, conversions."""
    table = pd.DataFrame(cells, columns=["period", "sessions", "conversions"])
    return table.assign(segment=1, segment_name="all")


def test_a_period_of_two_sessions_makes_no_change() -> None:
    table = converting(("a", 1000, 100), ("b", 2, 2), ("c", 1000, 100), ("d", 1000, 200))

    found = largest_change(split_changes(table), table)

    assert found is not None
    assert (found.period_from, found.period_to, found.clear) == ("c", "d", True)
    assert (found.before, found.after, found.change) == pytest.approx((0.1, 0.2, 0.1))
    assert (found.mix, found.rate) == pytest.approx((0, 0.1))


def test_a_sure_change_goes_before_a_larger_one_within_chance() -> None:
    table = converting(("a", 10_000, 1_000), ("b", 10_000, 1_500), ("c", 30, 7))

    found = largest_change(split_changes(table), table)

    assert found is not None
    assert (found.period_to, found.clear) == ("b", True)


def test_nothing_but_small_periods_make_no_change() -> None:
    table = converting(("a", 29, 1), ("b", 40, 9), ("c", 29, 1))

    assert largest_change(split_changes(table), table) is None
    assert largest_change(split_changes(table)[:0], table) is None


def test_in_noise_nearly_no_change_is_clear() -> None:
    clear = 0
    for seed in range(200):
        conversions = np.random.default_rng(seed).binomial(1_000, 0.15, 12)
        table = converting(*((m, 1_000, int(n)) for m, n in zip(MONTHS, conversions, strict=True)))
        found = largest_change(split_changes(table), table)
        clear += found is not None and found.clear

    assert clear <= 18

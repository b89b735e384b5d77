"""A planted trend is found with its slope and size, and noise is not taken for one."""

import math

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from user_activity_trends.segmentation.trend_tests import cochran_armitage, find_trends, holm

CALENDAR = ["a", "b", "c", "d", "e"]
COLUMNS = {
    "segment": "int64",
    "segment_name": "str",
    "measure": "str",
    "periods": "int64",
    "change_per_period": "float64",
    "effect_size": "float64",
    "p_value": "float64",
}


def floats(*values: float) -> NDArray[np.float64]:
    return np.array(values, dtype=np.float64)


def trends(periods: dict[str, list[tuple[int, int]]]) -> pd.DataFrame:
    """Build a table of (sessions, conversions) a segment, by period."""
    return pd.DataFrame(
        [
            (period, segment, f"segment {segment}", sessions, conversions)
            for period, cells in periods.items()
            for segment, (sessions, conversions) in enumerate(cells, start=1)
        ],
        columns=["period", "segment", "segment_name", "sessions", "conversions"],
    )


# --- the test itself -----------------------------------------------------------------------


def test_the_statistic_is_the_published_one() -> None:
    # Agresti 2002, Categorical data analysis, table 3.7 (drinks a day and malformation):
    # z^2 = 6.57, P = 0.010 by Cochran and Armitage.
    absent, present = floats(17_066, 14_464, 788, 126, 37), floats(48, 38, 5, 1, 1)
    scores = floats(0, 0.5, 1.5, 4, 7)

    _, effect, p_value = cochran_armitage(present, absent + present, scores)

    total = (absent + present).sum()
    assert effect**2 * total == pytest.approx(6.57, abs=0.005)
    assert p_value == pytest.approx(0.010, abs=5e-4)


def test_the_effect_is_the_correlation_of_score_and_outcome() -> None:
    successes, trials, scores = floats(3, 9, 4, 20), floats(10, 20, 10, 30), floats(0, 1, 3, 4)
    each = np.repeat(scores, trials.astype(int))
    outcome = np.concatenate(
        [np.arange(n) < x for x, n in zip(successes, trials.astype(int), strict=True)]
    )

    slope, effect, p_value = cochran_armitage(successes, trials, scores)

    assert effect == pytest.approx(np.corrcoef(each, outcome)[0, 1])
    assert slope == pytest.approx(np.polyfit(each, outcome, 1)[0])
    z = effect * math.sqrt(len(each))
    assert p_value == pytest.approx(math.erfc(abs(z) / math.sqrt(2)))


def test_a_trend_downwards_is_the_mirror_image() -> None:
    up = cochran_armitage(floats(1, 2, 3), floats(10, 10, 10), floats(0, 1, 2))
    down = cochran_armitage(floats(3, 2, 1), floats(10, 10, 10), floats(0, 1, 2))

    assert down == pytest.approx((-up[0], -up[1], up[2]))


def test_a_perfect_trend_has_the_effect_of_one() -> None:
    assert cochran_armitage(floats(0, 50), floats(50, 50), floats(0, 1))[:2] == (1, 1)


@pytest.mark.parametrize(
    ("successes", "scores"),
    [(floats(0, 0, 0), floats(0, 1, 2)), (floats(10, 10, 10), floats(0, 1, 2)),
     (floats(1, 5, 2), floats(3, 3, 3))],
    ids=["never", "always", "one place"],
)  # fmt: skip
def test_where_nothing_differs_there_is_no_trend(
    successes: NDArray[np.float64], scores: NDArray[np.float64]
) -> None:
    assert cochran_armitage(successes, floats(10, 10, 10), scores) == (0, 0, 1)


def test_in_noise_one_test_in_twenty_falls_below_five_percent() -> None:
    rng = np.random.default_rng(11)
    trials = rng.integers(100, 400, 6).astype(np.float64)
    scores = np.arange(6.0)

    found = np.array(
        [
            cochran_armitage(rng.binomial(trials.astype(int), 0.2).astype(float), trials, scores)[2]
            for _ in range(4_000)
        ]
    )

    assert (found < 0.05).mean() == pytest.approx(0.05, abs=0.012)


def test_p_values_are_adjusted_for_their_number() -> None:
    # Holm 1979: the smallest times m, the next times m - 1, ..., never smaller than the one before.
    found = holm(floats(0.01, 0.04, 0.03, 0.005))

    assert found.tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_adjusted_p_values_stay_probabilities() -> None:
    assert holm(floats(0.9, 0.8)).tolist() == [1, 1]
    assert holm(floats(0.2)).tolist() == [0.2]
    assert holm(floats()).tolist() == []


# --- the table -----------------------------------------------------------------------------


def growing() -> pd.DataFrame:
    """The first segment grows by 10 points a period and converts at 20 % throughout."""
    return trends(
        {
            period: [(200 + 100 * place, 40 + 20 * place), (800 - 100 * place, 80 - 10 * place)]
            for place, period in enumerate(CALENDAR)
        }
    )


def test_a_planted_trend_is_found_with_its_slope() -> None:
    found = find_trends(growing(), CALENDAR)

    assert list(found.columns) == list(COLUMNS)
    assert found["segment"].tolist() == [1, 1, 2, 2]
    assert found["segment_name"].tolist() == ["segment 1"] * 2 + ["segment 2"] * 2
    assert found["measure"].tolist() == ["share", "conversion_rate"] * 2
    assert found["periods"].tolist() == [5] * 4
    assert found["change_per_period"].tolist() == pytest.approx([0.1, 0, -0.1, 0], abs=1e-12)
    # The variance of the scores is 2, that of a share of 40 % is 0.24.
    strong = 0.1 * math.sqrt(2 / 0.24)
    assert found["effect_size"].tolist() == pytest.approx([strong, 0, -strong, 0], abs=1e-12)
    assert found["p_value"].tolist() == pytest.approx([0, 1, 0, 1], abs=1e-6)


def test_an_absent_period_counts_as_a_step() -> None:
    table = growing()

    found = find_trends(table[table["period"] != "c"], CALENDAR)

    assert found["periods"].tolist() == [4] * 4
    assert found["change_per_period"].tolist() == pytest.approx([0.1, 0, -0.1, 0], abs=1e-12)


def test_order_is_that_of_the_calendar_and_not_of_the_table() -> None:
    table = growing().sample(frac=1, random_state=0)

    pd.testing.assert_frame_equal(
        find_trends(table, CALENDAR), find_trends(growing(), CALENDAR), atol=1e-15
    )


def test_p_values_are_adjusted_over_the_whole_table() -> None:
    counts = {"a": [(50, 10), (50, 5)], "b": [(55, 9), (45, 9)], "c": [(62, 9), (38, 10)]}
    shares = cochran_armitage(floats(50, 55, 62), floats(100, 100, 100), floats(0, 1, 2))
    first = cochran_armitage(floats(10, 9, 9), floats(50, 55, 62), floats(0, 1, 2))
    second = cochran_armitage(floats(5, 9, 10), floats(50, 45, 38), floats(0, 1, 2))

    found = find_trends(trends(counts), CALENDAR)

    raw = [shares[2], first[2], shares[2], second[2]]
    assert found["p_value"].tolist() == pytest.approx(holm(np.array(raw)))
    assert found["p_value"].iloc[3] > raw[3]


def test_a_segment_that_two_periods_tell_of_has_no_test_of_its_conversion() -> None:
    counts = {"a": [(50, 5), (0, 0)], "b": [(50, 9), (10, 1)], "c": [(50, 7), (20, 3)]}

    found = find_trends(trends(counts), CALENDAR)

    assert list(zip(found["segment"], found["measure"], strict=True)) == [
        (1, "share"),
        (1, "conversion_rate"),
        (2, "share"),
    ]


def test_a_period_of_under_thirty_sessions_tells_of_nothing() -> None:
    table = growing()
    small = trends({"f": [(1, 1), (28, 0)]})

    found = find_trends(pd.concat([table, small]), [*CALENDAR, "f"])

    pd.testing.assert_frame_equal(found, find_trends(table, CALENDAR))


def test_a_cell_of_under_thirty_sessions_does_not_tell_of_conversion() -> None:
    table = pd.concat([growing(), trends({"f": [(29, 29), (971, 9)]})])

    found = find_trends(table, [*CALENDAR, "f"]).set_index(["segment", "measure"])["periods"]

    assert found.to_dict() == {
        (1, "share"): 6,
        (1, "conversion_rate"): 5,
        (2, "share"): 6,
        (2, "conversion_rate"): 6,
    }


def test_a_segment_of_under_thirty_sessions_has_no_test() -> None:
    counts = {period: [(500, 50), (5, 1)] for period in CALENDAR}

    assert find_trends(trends(counts), CALENDAR)["segment"].tolist() == [1, 1]


def test_without_an_outcome_only_shares_are_tested() -> None:
    found = find_trends(growing().drop(columns="conversions"), CALENDAR)

    assert found["measure"].tolist() == ["share", "share"]


@pytest.mark.parametrize("count", [0, 1, 2])
def test_under_three_periods_there_is_a_typed_header(count: int) -> None:
    table = growing()

    found = find_trends(table[table["period"].isin(CALENDAR[:count])], CALENDAR)

    assert len(found) == 0
    assert {name: str(kind) for name, kind in found.dtypes.items()} == COLUMNS


def test_one_segment_has_no_trend_of_its_share() -> None:
    counts = {period: [(50, 5 * place)] for place, period in enumerate(CALENDAR)}

    found = find_trends(trends(counts), CALENDAR).set_index("measure")

    assert found.loc["share", ["effect_size", "p_value"]].tolist() == [0, 1]
    assert found.loc["conversion_rate", "change_per_period"] == pytest.approx(0.1)

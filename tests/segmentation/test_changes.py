"""The change of the overall conversion, split into what segments grew and what they convert."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from user_activity_trends.segmentation.changes import split_changes

COLUMNS = ["period_from", "period_to", "change", "mix", "rate"]


def trends(**periods: list[tuple[int, int]]) -> pd.DataFrame:
    """Build a table of (sessions, conversions) a segment, by period."""
    return pd.DataFrame(
        [
            (period, segment, f"segment {segment}", sessions, conversions)
            for period, cells in periods.items()
            for segment, (sessions, conversions) in enumerate(cells, start=1)
        ],
        columns=["period", "segment", "segment_name", "sessions", "conversions"],
    )


def split(before: list[tuple[int, int]], after: list[tuple[int, int]]) -> tuple[float, ...]:
    (row,) = split_changes(trends(a=before, b=after))[["change", "mix", "rate"]].to_numpy()
    return tuple(row)


def test_a_change_of_the_mix_alone() -> None:
    # Both segments convert at 10 % and 50 % throughout; the second grows from 20 % to 60 %.
    found = split([(80, 8), (20, 10)], [(40, 4), (60, 30)])

    assert found == pytest.approx((0.16, 0.16, 0), abs=1e-15)


def test_a_change_of_the_rates_alone() -> None:
    # Shares stay 3 : 1; the rates go from 10 % and 20 % to 30 % and 20 %.
    found = split([(300, 30), (100, 20)], [(30, 9), (10, 2)])

    assert found == pytest.approx((0.15, 0, 0.15), abs=1e-15)


def test_what_changes_together_is_shared_between_the_two() -> None:
    # Shares 50/50 to 25/75, rates 20 % and 40 % to 40 % and 80 %, by hand:
    # mix = -.25 * .3 + .25 * .6, rate = .2 * .375 + .4 * .625.
    found = split([(50, 10), (50, 20)], [(25, 10), (75, 60)])

    assert found == pytest.approx((0.4, 0.075, 0.325), abs=1e-15)


def test_it_does_not_matter_which_period_comes_first() -> None:
    there = split([(50, 10), (50, 20)], [(25, 10), (75, 60)])
    back = split([(25, 10), (75, 60)], [(50, 10), (50, 20)])

    assert back == pytest.approx([-part for part in there], abs=1e-15)


@pytest.mark.parametrize("swap", [0, 1])
def test_the_coming_and_going_of_a_segment_is_mix(swap: int) -> None:
    periods = [[(100, 10), (0, 0)], [(50, 5), (50, 40)]]
    before, after = periods[swap], periods[1 - swap]

    change, mix, rate = split(before, after)

    assert abs(change) == pytest.approx(0.35)
    assert (mix, rate) == pytest.approx((change, 0), abs=1e-15)


def test_a_segment_in_neither_period_changes_nothing() -> None:
    assert split([(100, 10), (0, 0)], [(100, 20), (0, 0)]) == pytest.approx((0.1, 0, 0.1))


def test_each_period_is_compared_with_the_next_in_the_order_given() -> None:
    found = split_changes(trends(Sep=[(10, 1)], Feb=[(10, 2)], Dec=[(10, 5)]))

    assert list(found.columns) == COLUMNS
    assert found["period_from"].tolist() == ["Sep", "Feb"]
    assert found["period_to"].tolist() == ["Feb", "Dec"]
    assert found["change"].tolist() == pytest.approx([0.1, 0.3])


counts = st.integers(0, 10_000).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n)))
period = st.lists(counts, min_size=4, max_size=4).filter(lambda cells: sum(n for n, _ in cells))


@settings(deadline=None, derandomize=True, max_examples=200)
@given(period, period)
def test_mix_and_rate_make_the_change_whatever_the_counts(
    before: list[tuple[int, int]], after: list[tuple[int, int]]
) -> None:
    change, mix, rate = split(before, after)

    overall = [sum(c for _, c in cells) / sum(n for n, _ in cells) for cells in (before, after)]
    assert change == pytest.approx(overall[1] - overall[0], abs=1e-15)
    assert abs(change - mix - rate) < 1e-12


@pytest.mark.parametrize(
    "table",
    [
        trends(a=[(10, 1)]),
        trends(a=[(10, 1)]).iloc[:0],
        trends(a=[(10, 1)], b=[(10, 2)]).drop(columns="conversions"),
    ],
    ids=["one period", "no period", "no outcome"],
)
def test_where_nothing_can_be_compared_there_is_a_typed_header(table: pd.DataFrame) -> None:
    found = split_changes(table)

    assert len(found) == 0
    assert {name: str(kind) for name, kind in found.dtypes.items()} == {
        "period_from": "str",
        "period_to": "str",
        "change": "float64",
        "mix": "float64",
        "rate": "float64",
    }


def test_the_input_stays_as_it_was() -> None:
    table = trends(a=[(10, 1), (5, 5)], b=[(10, 2), (0, 0)])
    before = table.copy(deep=True)

    split_changes(table)

    pd.testing.assert_frame_equal(table, before, check_exact=True)
    assert np.isfinite(split_changes(table)[["change", "mix", "rate"]].to_numpy()).all()

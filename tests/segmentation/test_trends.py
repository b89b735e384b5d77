"""Counts by group and segment are those that were planted, and say nothing where they are few."""

import narwhals as nw
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from user_activity_trends.segmentation.profiles import wilson_interval
from user_activity_trends.segmentation.trends import LEAST_SESSIONS, count_groups, no_counts

SHARES = ["share", "share_low", "share_high"]
RATES = ["conversions", "conversion_rate", "ci_low", "ci_high"]
FIRST = ["group", "segment", "segment_name", "sessions"]

PLANTED: dict[tuple[str | None, int], tuple[int, int]] = {
    # group, segment: sessions, conversions
    ("b", 1): (40, 10),
    ("b", 2): (60, 0),
    ("a", 1): (29, 29),
    ("a", 2): (30, 30),
    ("few", 1): (10, 1),
    ("few", 2): (19, 2),
    (None, 2): (31, 1),
}


def planted(cells: dict[tuple[str | None, int], tuple[int, int]]) -> pd.DataFrame:
    rows = [
        (segment, {1: "many", 2: "few"}[segment], group, place < conversions)
        for (group, segment), (sessions, conversions) in cells.items()
        for place in range(sessions)
    ]
    table = pd.DataFrame(rows, columns=["segment", "segment_name", "group", "outcome"])
    return table.sample(frac=1, random_state=3).astype({"group": "str"})


def counted(
    groups: list[str | None], table: pd.DataFrame | None = None, *, with_outcome: bool = True
) -> pd.DataFrame:
    frame = planted(PLANTED) if table is None else table
    return count_groups(nw.from_native(frame, eager_only=True), groups, with_outcome=with_outcome)


def test_every_group_has_every_segment_in_the_order_asked_for() -> None:
    found = counted(["b", "a", "few", None])

    assert list(found.columns) == FIRST + SHARES + RATES
    assert found["group"].fillna("missing").tolist() == [
        *("b", "b", "a", "a", "few", "few", "missing", "missing")
    ]
    assert found["segment"].tolist() == [1, 2] * 4
    assert found["segment_name"].tolist() == ["many", "few"] * 4
    assert found["sessions"].tolist() == [40, 60, 29, 30, 10, 19, 0, 31]
    assert found["conversions"].tolist() == [10, 0, 29, 30, 1, 2, 0, 1]
    assert found["share"].tolist() == pytest.approx(
        [0.4, 0.6, 29 / 59, 30 / 59, 10 / 29, 19 / 29, 0, 1]
    )


def test_intervals_are_those_of_the_counts() -> None:
    found = counted(["b", "a"])

    shares = [wilson_interval(*pair) for pair in [(40, 100), (60, 100), (29, 59), (30, 59)]]
    assert found[["share_low", "share_high"]].to_numpy() == pytest.approx(np.array(shares))
    rates = [wilson_interval(10, 40), wilson_interval(0, 60), wilson_interval(30, 30)]
    told = found.loc[[0, 1, 3], ["ci_low", "ci_high"]]
    assert told.to_numpy() == pytest.approx(np.array(rates), abs=1e-12)
    assert found.loc[[0, 1, 3], "conversion_rate"].tolist() == [0.25, 0, 1]


def test_a_rate_of_under_thirty_sessions_is_not_told_but_its_counts_are() -> None:
    found = counted(["a"]).set_index("segment")

    assert LEAST_SESSIONS == 30
    assert found.loc[1, ["conversion_rate", "ci_low", "ci_high"]].isna().all()
    assert found.loc[2, ["conversion_rate", "ci_low", "ci_high"]].notna().all()
    assert found["conversions"].tolist() == [29, 30]
    assert found[["share_low", "share_high"]].notna().all(axis=None)


def test_a_share_of_under_thirty_sessions_has_no_interval_but_is_told() -> None:
    found = counted(["few"])

    assert found[["share_low", "share_high"]].isna().all(axis=None)
    assert found["share"].tolist() == pytest.approx([10 / 29, 19 / 29])


def test_a_missing_group_is_a_group_of_its_own() -> None:
    found = counted([None])

    assert found["group"].isna().all()
    assert found["sessions"].tolist() == [0, 31]
    assert found["share"].tolist() == [0, 1]


def test_without_an_outcome_there_is_no_rate() -> None:
    table = planted(PLANTED).drop(columns="outcome")

    found = counted(["b", "a"], table, with_outcome=False)

    assert list(found.columns) == FIRST + SHARES
    assert found["sessions"].tolist() == [40, 60, 29, 30]


def test_one_segment_has_every_share() -> None:
    found = counted(["b", "a"], planted({("b", 1): (40, 10), ("a", 1): (50, 5)}))

    assert found["share"].tolist() == [1, 1]
    assert found["share_high"].tolist() == [1, 1]


@pytest.mark.parametrize("with_outcome", [True, False])
def test_no_counts_are_a_table_of_the_same_columns_and_types(*, with_outcome: bool) -> None:
    table = planted(PLANTED) if with_outcome else planted(PLANTED).drop(columns="outcome")
    full = counted(["b"], table, with_outcome=with_outcome)

    empty = no_counts(with_outcome=with_outcome, first=["group"])

    assert len(empty) == 0
    assert empty.dtypes.to_dict() == full.dtypes.to_dict()
    assert list(empty.columns) == list(full.columns)


def test_another_engine_counts_the_same() -> None:
    table = planted(PLANTED).reset_index(drop=True)
    arrow = nw.from_native(pa.Table.from_pandas(table), eager_only=True)

    by_arrow = count_groups(arrow, ["b", "a", "few", None], with_outcome=True)

    pd.testing.assert_frame_equal(by_arrow, counted(["b", "a", "few", None]))


def test_the_input_stays_as_it_was() -> None:
    table = planted(PLANTED)
    before = table.copy(deep=True)

    counted(["b"], table)

    pd.testing.assert_frame_equal(table, before, check_exact=True)

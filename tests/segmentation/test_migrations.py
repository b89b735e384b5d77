"""Moves of users from segment to segment are counted in the order in which they happened."""

import pandas as pd
import pytest

from user_activity_trends.segmentation.migrations import count_moves, no_moves

TYPES = {"segment_from": "int64", "segment_to": "int64", "moves": "int64", "share": "float64"}


def sessions(rows: list[tuple[str | None, int, int]]) -> pd.DataFrame:
    """Build a table of user, place of the period in the calendar, and segment."""
    return pd.DataFrame(rows, columns=["user", "place", "segment"])


def moves(table: pd.DataFrame) -> dict[tuple[int, int], int]:
    found = count_moves(table)
    pairs = zip(found["segment_from"], found["segment_to"], strict=True)
    return dict(zip(pairs, found["moves"], strict=True))


def test_each_session_is_followed_by_the_next_of_its_user() -> None:
    table = sessions([("a", 0, 1), ("b", 0, 2), ("a", 0, 2), ("b", 0, 2), ("a", 0, 1), ("c", 0, 3)])

    assert moves(table) == {(1, 1): 0, (1, 2): 1, (1, 3): 0, (2, 1): 1, (2, 2): 1, (2, 3): 0}


def test_the_period_goes_before_the_order_of_the_file() -> None:
    # In the file: 1, 2, 3; by period: 3, 1, 2.
    table = sessions([("a", 1, 1), ("a", 1, 2), ("a", 0, 3)])

    found = {pair: count for pair, count in moves(table).items() if count}

    assert found == {(3, 1): 1, (1, 2): 1}


def test_a_share_is_of_the_moves_from_a_segment() -> None:
    table = sessions([("a", 0, 1), ("a", 0, 1), ("a", 0, 1), ("a", 0, 2), ("a", 0, 1)])

    found = count_moves(table)

    assert found.to_dict("list") == {
        "segment_from": [1, 1, 2, 2],
        "segment_to": [1, 2, 1, 2],
        "moves": [2, 1, 1, 0],
        "share": [2 / 3, 1 / 3, 1, 0],
    }


def test_a_session_of_nobody_is_nobodys_next() -> None:
    table = sessions([("a", 0, 1), (None, 0, 2), (None, 0, 3), ("a", 0, 2)])

    assert {pair: count for pair, count in moves(table).items() if count} == {(1, 2): 1}


@pytest.mark.parametrize(
    "rows",
    [[("a", 0, 1), ("b", 0, 2)], [(None, 0, 1), (None, 0, 2)], []],
    ids=["one session each", "nobody known", "no session"],
)
def test_where_nobody_moved_there_is_a_typed_header(
    rows: list[tuple[str | None, int, int]],
) -> None:
    for found in (count_moves(sessions(rows)), no_moves()):
        assert len(found) == 0
        assert {name: str(kind) for name, kind in found.dtypes.items()} == TYPES


def test_the_input_stays_as_it_was() -> None:
    table = sessions([("a", 1, 1), ("a", 0, 2)])
    before = table.copy(deep=True)

    count_moves(table)

    pd.testing.assert_frame_equal(table, before, check_exact=True)

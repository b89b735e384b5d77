"""What is counted about a table: repeated rows, reasons, ranges."""

from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
import pytest

from user_activity_trends.sessions.quality import count_reasons, ranges, repeated_rows
from user_activity_trends.sessions.rules import Rule


def _table(columns: dict[str, Any]) -> nw.DataFrame[Any]:
    return nw.from_native(pd.DataFrame(columns), eager_only=True)


@pytest.mark.parametrize(
    ("columns", "repeated"),
    [
        pytest.param({"a": ["1", "2", "3"]}, [], id="none"),
        pytest.param({"a": ["1", "1", "1"]}, [2, 3], id="all"),
        pytest.param({"a": ["1", "2", "1", "2"]}, [3, 4], id="the first is kept"),
        pytest.param({"a": ["1", "1"], "b": ["x", "y"]}, [], id="another column differs"),
        pytest.param({"a": ["1", "1"], "b": ["x", "x"]}, [2], id="every column is the same"),
        pytest.param({"a": ["1", "1.0", " 1"]}, [], id="as text, not as number"),
        pytest.param({"a": ["", "", None, None]}, [2, 4], id="gaps"),
        pytest.param({"a": [np.nan, 1.0, np.nan]}, [3], id="NaN"),
        pytest.param({"a": pd.Series([], dtype="str")}, [], id="no rows"),
        pytest.param({"__row": ["1", "1"]}, [2], id="a column with the position's name"),
    ],
)
def test_rows_that_equal_an_earlier_one_are_found(
    columns: dict[str, Any], repeated: list[int]
) -> None:
    assert repeated_rows(_table(columns)).to_list() == repeated


def test_reasons_are_counted_by_column_the_most_frequent_first() -> None:
    defects = _table(
        {
            "column": ["b", "a", "a", "b", "c", "a", "b"],
            "reason": ["x", "y", "x", "x", "x", "y", "x"],
            "row": range(1, 8),
        }
    )

    assert list(count_reasons(defects).items()) == [
        ("b: x", 3),
        ("a: y", 2),
        ("a: x", 1),
        ("c: x", 1),
    ]


def test_no_defects_have_no_reasons() -> None:
    assert count_reasons(_table({"column": ["a"], "reason": ["x"]}).head(0)) == {}


def test_ranges_are_those_of_the_features_without_their_gaps() -> None:
    sessions = _table(
        {
            "session_id": [1, 2, 3],
            "a": [1.0, 2.0, 6.0],
            "gap": [np.nan, -1.0, 4.0],
            "empty": [np.nan] * 3,
            "o": [True, False, True],
        }
    )
    rules = [
        Rule("a", "feature"),
        Rule("gap", "feature", required=False),
        Rule("empty", "feature", required=False),
        Rule("o", "outcome"),
    ]

    assert ranges(sessions, rules) == {
        "a": {"min": 1.0, "mean": 3.0, "max": 6.0},
        "gap": {"min": -1.0, "mean": 1.5, "max": 4.0},
        "empty": {"min": None, "mean": None, "max": None},
    }


def test_no_sessions_have_no_ranges() -> None:
    sessions = _table({"a": pd.Series([], dtype="float64")})

    assert ranges(sessions, [Rule("a", "feature")]) == {
        "a": {"min": None, "mean": None, "max": None}
    }

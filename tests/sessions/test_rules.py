"""Which cells break a rule, what is said about them, and what the others become."""

import datetime as dt
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
import pytest

from user_activity_trends.errors import ColumnsError
from user_activity_trends.recipes import RecipeParams
from user_activity_trends.sessions.columns import ColumnsParams, Kind
from user_activity_trends.sessions.rules import (
    Rule,
    find_defects,
    numbered,
    rules_for,
    rules_for_all,
    typed,
)

MISSING = "missing value"
NOT_A_NUMBER = "not a number"
NEGATIVE = "negative"
NOT_WHOLE = "not a whole number"
NOT_A_SHARE = "outside [0, 1]"
TOO_LARGE = "beyond 1e+100"
INFINITE = "infinite"
FINE = ""


def _numbered(cells: dict[str, Any], rules: list[Rule]) -> nw.DataFrame[Any]:
    return numbered(nw.from_native(pd.DataFrame(cells), eager_only=True), rules, "in.csv")


def _defects(cells: dict[str, Any], rules: list[Rule]) -> list[tuple[Any, ...]]:
    """Return row, session, column, value and reason of each defect."""
    found = find_defects(_numbered(cells, rules), rules, "in.csv")
    assert found.columns == ["file", "row", "session_id", "column", "value", "reason"]
    assert set(found["file"]) <= {"in.csv"}
    return [row[1:] for row in found.rows()]


def _reason(cell: Any, rule: Rule) -> str:
    """Return why the cell is refused; nothing if it is not."""
    found = _defects({rule.column: ["1", cell]}, [rule])
    assert [defect[:4] for defect in found] == [(2, "2", rule.column, cell)] * len(found)
    return "; ".join(defect[4] for defect in found)


def _typed(cells: dict[str, Any], rules: list[Rule]) -> pd.DataFrame:
    table = _numbered(cells, rules)
    found = find_defects(table, rules, "in.csv")
    frame: pd.DataFrame = typed(table, rules, found["row"]).to_native()
    return frame


def _value(cell: Any, rule: Rule) -> Any:
    """Return what the cell becomes."""
    frame = _typed({rule.column: [cell]}, [rule])
    assert len(frame) == 1
    return frame[rule.column].iloc[0]


# --- numbers ---------------------------------------------------------------------------

ANYTHING_GOES: dict[Kind, str] = dict.fromkeys(
    ("count", "duration", "amount", "rate", "number"), FINE
)
FOR_EACH_KIND: list[tuple[str, float | None, dict[Kind, str]]] = [
    # cell, what it is, and what each kind says where it is refused
    ("0", 0, {}),
    ("1", 1, {}),
    ("2", 2, {"rate": NOT_A_SHARE}),
    ("0.5", 0.5, {"count": NOT_WHOLE}),
    ("2.5", 2.5, {"count": NOT_WHOLE, "rate": NOT_A_SHARE}),
    ("1.0", 1, {}),
    ("1.", 1, {}),
    (".5", 0.5, {"count": NOT_WHOLE}),
    ("+1", 1, {}),
    ("007", 7, {"rate": NOT_A_SHARE}),
    ("-0", 0, {}),
    ("-0.0", 0, {}),
    ("-1", -1, {"count": NEGATIVE, "duration": NEGATIVE, "amount": NEGATIVE, "rate": NOT_A_SHARE}),
    (
        "-0.5",
        -0.5,
        {"count": NEGATIVE, "duration": NEGATIVE, "amount": NEGATIVE, "rate": NOT_A_SHARE},
    ),
    (
        "-1e-300",
        -1e-300,
        {"count": NEGATIVE, "duration": NEGATIVE, "amount": NEGATIVE, "rate": NOT_A_SHARE},
    ),
    ("1.0000001", 1.0000001, {"count": NOT_WHOLE, "rate": NOT_A_SHARE}),
    ("0.9999999", 0.9999999, {"count": NOT_WHOLE}),
    ("9.83E-05", 9.83e-05, {"count": NOT_WHOLE}),
    ("1e2", 100, {"rate": NOT_A_SHARE}),
    ("1E+2", 100, {"rate": NOT_A_SHARE}),
    ("1.5e1", 15, {"rate": NOT_A_SHARE}),
    ("1e-400", 0, {}),
    ("1e100", 1e100, {"rate": NOT_A_SHARE}),
    ("123456789012345678901234567890", 123456789012345678901234567890.0, {"rate": NOT_A_SHARE}),
    ("1.0000000001e100", None, dict.fromkeys(ANYTHING_GOES, TOO_LARGE)),
    ("-2e100", None, dict.fromkeys(ANYTHING_GOES, TOO_LARGE)),
    ("1e999", None, dict.fromkeys(ANYTHING_GOES, TOO_LARGE)),
    ("-1e999", None, dict.fromkeys(ANYTHING_GOES, TOO_LARGE)),
    ("9" * 400, None, dict.fromkeys(ANYTHING_GOES, TOO_LARGE)),
]


def _reasons(cells: list[str], rule: Rule) -> dict[str, str]:
    """Return what is said about each cell."""
    found = {value: reason for *_, value, reason in _defects({rule.column: cells}, [rule])}
    return {cell: found.get(cell, FINE) for cell in cells}


@pytest.mark.parametrize("kind", ANYTHING_GOES)
def test_a_number_is_judged_by_its_kind(kind: Kind) -> None:
    rule = Rule("x", "feature", kind=kind)
    cells = [cell for cell, *_ in FOR_EACH_KIND]

    assert _reasons(cells, rule) == {
        cell: refused.get(kind, FINE) for cell, _, refused in FOR_EACH_KIND
    }
    assert _typed({"x": cells}, [rule])["x"].tolist() == [
        value for _, value, refused in FOR_EACH_KIND if kind not in refused
    ]


@pytest.mark.parametrize("blank", ["{} ", " {}", "\t{}\n", "\u00a0{}", "\r\n {} \u3000"])
def test_blanks_around_a_cell_do_not_matter(blank: str) -> None:
    cell = blank.format("1")

    assert _reason(cell, Rule("x", "feature", kind="count")) == FINE
    assert _value(cell, Rule("x", "feature", kind="count")) == 1
    assert bool(_value(cell, Rule("x", "outcome"))) is True
    assert _value(blank.format("May"), Rule("x", "period", accepted=("May",))) == "May"


NOT_NUMBERS = [
    "one",
    "x1",
    "1x",
    "1 2",
    "1\n2",
    "1,5",
    "1,000",
    "1_000",
    "1'000",
    "0x1F",
    "0b1",
    "1e",
    "e5",
    "1e5.0",
    "1.2.3",
    ".",
    "+",
    "-",
    "--1",
    "+-1",
    "- 1",
    "1-",
    "(1)",
    "$1",
    "1%",
    "1d",
    "1/2",
    "1j",
    "٣",
    "\N{FULLWIDTH DIGIT ONE}",
    "²",
    "½",
    "\N{MINUS SIGN}1",
    "∞",
    "True",
    "1e5\u200b",
    "infinit",
    "inf1",
    "nanx",
    "?",
    "#N/A",
]


@pytest.mark.parametrize("required", [0, 1])
def test_what_only_looks_like_a_number_is_none(required: Any) -> None:
    rule = Rule("x", "feature", required=required)

    assert _reasons(NOT_NUMBERS, rule) == dict.fromkeys(NOT_NUMBERS, NOT_A_NUMBER)


@pytest.mark.parametrize("kind", ANYTHING_GOES)
def test_infinity_is_called_infinite(kind: Kind) -> None:
    cells = ["inf", "-inf", "+Inf", "INF", "infinity", "-Infinity", " inf ", "iNfInItY"]

    assert _reasons(cells, Rule("x", "feature", kind=kind)) == dict.fromkeys(cells, INFINITE)


def test_a_number_whose_logarithm_is_taken_is_not_negative() -> None:
    logged = Rule("x", "feature", logged=True)

    assert _reason("-0.5", logged) == "negative, and the recipe takes its logarithm"
    assert _reason("0", logged) == FINE
    assert _reason("-0.5", Rule("x", "feature")) == FINE
    assert _reason("-1", Rule("x", "feature", kind="amount", logged=True)) == NEGATIVE


# --- gaps --------------------------------------------------------------------------------

BLANKS = ["", " ", "\t", "\u00a0"]
WORDS_FOR_A_GAP = ["NA", "na", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None", " NA "]


@pytest.mark.parametrize(
    ("role", "gaps"),
    [
        ("feature", BLANKS + WORDS_FOR_A_GAP),
        ("outcome", BLANKS + WORDS_FOR_A_GAP),
        ("id", BLANKS),
        ("period", BLANKS),
        ("dimension", BLANKS),
    ],
)
def test_a_gap_is_refused_where_a_value_is_required(role: Any, gaps: list[str]) -> None:
    found = _defects({"x": ["1", *gaps, None, np.nan]}, [Rule("x", role)])

    assert [(row, column, value, reason) for row, _, column, value, reason in found] == [
        (row, "x", value, MISSING) for row, value in enumerate([*gaps, "", ""], start=2)
    ]


@pytest.mark.parametrize(
    ("role", "gaps"),
    [
        ("feature", BLANKS + WORDS_FOR_A_GAP),
        ("period", BLANKS),
        ("dimension", BLANKS),
        ("user", BLANKS),
    ],
)
def test_a_gap_stays_a_gap_where_it_may(role: Any, gaps: list[str]) -> None:
    rule = Rule("x", role, required=False, accepted=("1",))

    frame = _typed({"x": ["1", *gaps, None]}, [rule])

    assert frame["x"].isna().tolist() == [False] + [True] * (len(gaps) + 1)


@pytest.mark.parametrize("role", ["id", "period", "dimension", "user"])
def test_a_name_may_read_like_a_gap(role: Any) -> None:
    names = [name for name in WORDS_FOR_A_GAP if name == name.strip()]

    frame = _typed({"x": names}, [Rule("x", role)])

    assert frame["session_id" if role == "id" else "x"].tolist() == names


def test_other_words_are_no_gaps() -> None:
    cells = ["-", "?", "missing", "nil", "0", "nane", "n.a.", "na na"]

    assert _typed({"x": cells}, [Rule("x", "dimension", required=False)])["x"].tolist() == cells


# --- dates --------------------------------------------------------------------------------

DATES: list[tuple[str, str, str, str]] = [
    # cell, and its day, week and month; ISO 8601 gives the week to the year of its Thursday
    ("2026-01-31", "2026-01-31", "2026-W05", "2026-01"),
    (" 2026-01-31 10:00 ", "2026-01-31", "2026-W05", "2026-01"),
    ("2026-01-31T10:00:00Z", "2026-01-31", "2026-W05", "2026-01"),
    ("2026-01-31 23:59:59.999999", "2026-01-31", "2026-W05", "2026-01"),
    ("2026-01-31T23:59:60+05:30", "2026-01-31", "2026-W05", "2026-01"),
    ("2026-01-31 10:00:00 -0800", "2026-01-31", "2026-W05", "2026-01"),
    ("2025-12-29", "2025-12-29", "2026-W01", "2025-12"),
    ("2027-01-03", "2027-01-03", "2026-W53", "2027-01"),
    ("2027-01-04", "2027-01-04", "2027-W01", "2027-01"),
    ("2024-02-29", "2024-02-29", "2024-W09", "2024-02"),
    ("2000-02-29", "2000-02-29", "2000-W09", "2000-02"),
    ("1000-01-01", "1000-01-01", "1000-W01", "1000-01"),
    ("9999-12-31", "9999-12-31", "9999-W52", "9999-12"),
]


@pytest.mark.parametrize(("place", "period_bin"), [(1, "day"), (2, "week"), (3, "month")])
def test_a_date_becomes_the_name_of_its_day_week_or_month(place: int, period_bin: Any) -> None:
    rule = Rule("x", "period", period_bin=period_bin)

    assert _typed({"x": [cells[0] for cells in DATES]}, [rule])["x"].tolist() == [
        cells[place] for cells in DATES
    ]


@pytest.mark.parametrize("period_bin", ["day", "week", "month"])
def test_what_is_no_date_is_refused(period_bin: Any) -> None:
    cells = [
        *("May", "2026", "2026-01", "2026-1-31", "20260131", "31.01.2026", "01/31/2026"),
        *("2026-02-29", "1900-02-29", "2026-02-30", "2026-04-31", "2026-13-01", "2026-00-10"),
        *("2026-01-00", "2026-01-32", "0999-01-01", "0000-01-01", "12026-01-01", "2026-W05"),
        *("2026-01-31 ", "2026-01-31 24:00", "2026-01-31 10", "2026-01-31T10:60", "x2026-01-31"),
        *("2026-01-31x", "2026-01-31T10:00+1", "2026-01-31 10:00 CET", "2026-01-31\n10:00"),
        "\uff12026-01-31",
    ]
    refused = [cell for cell in cells if cell != cell.strip()]
    assert refused == ["2026-01-31 "]  # blanks around a cell are no part of it
    rule = Rule("x", "period", period_bin=period_bin)

    assert _reasons(cells, rule) == {
        cell: FINE if cell in refused else "not a date such as 2026-01-31" for cell in cells
    }


def test_every_day_of_the_calendar_is_a_date_and_no_other() -> None:
    years = (1600, 1700, 1999, 2000, 2023, 2024, 2100, 2400)
    cells = [
        f"{year}-{month:02d}-{day:02d}"
        for year in years
        for month in range(1, 13)
        for day in range(1, 32)
    ]

    def exists(cell: str) -> bool:
        try:
            dt.date.fromisoformat(cell)
        except ValueError:
            return False
        return True

    refused = _reasons(cells, Rule("x", "period", period_bin="day"))

    assert {cell for cell, reason in refused.items() if not reason} == set(filter(exists, cells))


def test_a_missing_date_is_missing() -> None:
    rule = Rule("x", "period", period_bin="week")

    assert _defects({"x": ["2026-01-31", " ", None]}, [rule]) == [
        (2, "2", "x", " ", MISSING),
        (3, "3", "x", "", MISSING),
    ]


def test_a_code_may_stand_for_a_date() -> None:
    rule = Rule("x", "period", codes={"launch": "2026-01-31"}, period_bin="month")

    assert _typed({"x": ["launch", "2026-02-01"]}, [rule])["x"].tolist() == ["2026-01", "2026-02"]


# --- truth values, categories, codes -----------------------------------------------------


TRUE = ["TRUE", "True", "true", "tRuE", "1", "1.0", " TRUE "]
FALSE = ["FALSE", "False", "false", "0", "0.0", "0 "]


def test_an_outcome_is_true_or_false_in_words_or_numbers() -> None:
    frame = _typed({"x": TRUE + FALSE}, [Rule("x", "outcome")])

    assert frame["x"].tolist() == [True] * len(TRUE) + [False] * len(FALSE)
    assert frame["x"].dtype == bool


def test_another_outcome_is_refused_with_the_values_accepted() -> None:
    cells = ["yes", "no", "t", "f", "2", "-1", "01", "1.00", "wahr", "0,0"]

    assert _reasons(cells, Rule("x", "outcome")) == dict.fromkeys(
        cells, "not one of TRUE, FALSE, 1, 0"
    )


@pytest.mark.parametrize(
    ("codes", "cells", "truths"),
    [
        ({"yes": "true", "no": "false"}, ["yes", "no", "TRUE", "0"], [True, False, True, False]),
        ({"Y": "1", "N": "0"}, ["Y", "N", " Y "], [True, False, True]),
        ({"0": "1", "1": "0"}, ["0", "1"], [True, False]),
        ({"2": "0"}, ["1", "2"], [True, False]),
    ],
)
def test_other_spellings_of_an_outcome_are_mapped(
    codes: dict[str, str], cells: list[str], truths: list[bool]
) -> None:
    assert _typed({"x": cells}, [Rule("x", "outcome", codes=codes)])["x"].tolist() == truths


MONTHS = ("Jan", "Feb", "Mar")


def test_an_unknown_category_is_refused_with_the_values_accepted() -> None:
    cells = ["feb", "FEB", "Apr", "2", "Febr", "Feb.", "Jan, Feb"]

    assert _reasons(cells, Rule("x", "period", accepted=(*MONTHS, "1"))) == dict.fromkeys(
        cells, "not one of Jan, Feb, Mar, 1"
    )


@pytest.mark.parametrize("role", ["period", "dimension"])
def test_any_category_is_accepted_where_none_is_configured(role: Any) -> None:
    assert _typed({"x": ["feb", "2", "é"]}, [Rule("x", role)])["x"].tolist() == ["feb", "2", "é"]


def test_codes_are_resolved_before_a_category_is_judged() -> None:
    rule = Rule("x", "period", accepted=MONTHS, codes={"1": "Jan", "2": "Feb", "Mrz": "Mar"})
    cells = ["1", " 2 ", "Mrz", "Feb", "3", "01"]

    assert _defects({"x": cells}, [rule]) == [
        (5, "5", "x", "3", "not one of Jan, Feb, Mar"),
        (6, "6", "x", "01", "not one of Jan, Feb, Mar"),
    ]
    assert _typed({"x": cells}, [rule])["x"].tolist() == ["Jan", "Feb", "Mar", "Feb"]


@pytest.mark.parametrize(
    "codes", [{"a": "b", "b": "a"}, {"b": "a", "a": "b"}], ids=["a first", "b first"]
)
def test_a_code_is_resolved_once(codes: dict[str, str]) -> None:
    assert _typed({"x": ["a", "b"]}, [Rule("x", "period", codes=codes)])["x"].tolist() == ["b", "a"]


def test_a_code_may_stand_for_a_gap_and_a_gap_for_a_value() -> None:
    rule = Rule(
        "x", "dimension", required=False, codes={"?": "", "NA": "North America", "": "none given"}
    )

    frame = _typed({"x": ["?", "NA", "", "x"]}, [rule])

    assert frame["x"].fillna("gap").tolist() == ["gap", "North America", "none given", "x"]


# --- ids -----------------------------------------------------------------------------------


def test_an_id_that_occurs_before_is_refused_and_the_first_is_kept() -> None:
    cells = {"key": ["b", "a", " b", "a", "c"], "x": ["1", "2", "3", "4", "5"]}
    rules = [Rule("key", "id"), Rule("x", "feature")]

    assert _defects(cells, rules) == [
        (3, "b", "key", " b", "id occurs before"),
        (4, "a", "key", "a", "id occurs before"),
    ]
    assert _typed(cells, rules)["session_id"].tolist() == ["b", "a", "c"]


def test_ids_that_look_like_numbers_stay_as_they_are() -> None:
    frame = _typed({"key": ["007", "7", "1e3"]}, [Rule("key", "id")])

    assert frame["session_id"].tolist() == ["007", "7", "1e3"]


def test_every_missing_id_is_one_defect_of_a_session_without_a_name() -> None:
    found = _defects({"key": ["a", "", " ", "b"]}, [Rule("key", "id")])

    assert [(row, column, value, reason) for row, _, column, value, reason in found] == [
        (2, "key", "", MISSING),
        (3, "key", " ", MISSING),
    ]
    assert [session for _, session, *_ in found] == ["", ""]


# --- several defects ------------------------------------------------------------------------


def test_each_defective_cell_is_one_line_ordered_by_row_and_column() -> None:
    rules = [
        Rule("key", "id"),
        Rule("n", "feature", kind="count"),
        Rule("r", "feature", kind="rate"),
        Rule("o", "outcome"),
        Rule("m", "period", accepted=MONTHS),
    ]
    cells = {
        "m": ["Jan", "June", "Feb", "", "Jan"],
        "o": ["1", "maybe", "0", "1", "0"],
        "n": ["1", "-1.5", "2", "x", "3"],
        "r": ["0.5", "inf", "0.5", "2", " 7 "],
        "key": ["a", "b", "c", "a", "e"],
    }

    assert _defects(cells, rules) == [
        (2, "b", "n", "-1.5", NEGATIVE),  # one cell, two rules broken: the first is told
        (2, "b", "r", "inf", INFINITE),
        (2, "b", "o", "maybe", "not one of TRUE, FALSE, 1, 0"),
        (2, "b", "m", "June", "not one of Jan, Feb, Mar"),
        (4, "a", "key", "a", "id occurs before"),
        (4, "a", "n", "x", NOT_A_NUMBER),
        (4, "a", "r", "2", NOT_A_SHARE),
        (4, "a", "m", "", MISSING),
        (5, "e", "r", " 7 ", NOT_A_SHARE),
    ]
    assert _typed(cells, rules)["session_id"].tolist() == ["a", "c"]


def test_without_an_id_column_a_session_is_known_by_its_position() -> None:
    cells = {"x": ["1", "a", "3", "b"]}

    assert [defect[:2] for defect in _defects(cells, [Rule("x", "feature")])] == [
        (2, "2"),
        (4, "4"),
    ]
    frame = _typed(cells, [Rule("x", "feature")])
    assert frame["session_id"].tolist() == [1, 3]
    assert frame["session_id"].dtype == np.int64


def test_a_table_without_defects_or_rows_has_none() -> None:
    rules = [Rule("x", "feature"), Rule("o", "outcome")]

    assert _defects({"x": ["1", "2"], "o": ["1", "0"]}, rules) == []
    assert _defects({"x": pd.Series([], dtype="str"), "o": pd.Series([], dtype="str")}, rules) == []


def test_values_stand_as_they_are_in_the_file() -> None:
    cells = ["  x ", "1,5\n2", '"q"', "é", "=1+1"]

    found = _defects({"x": cells}, [Rule("x", "feature")])

    assert [value for _, _, _, value, _ in found] == cells


# --- typed values ----------------------------------------------------------------------------


def test_typed_columns_follow_the_rules_in_order_and_type() -> None:
    rules = [
        Rule("key", "id"),
        Rule("x", "feature"),
        Rule("g", "feature", required=False),
        Rule("o", "outcome"),
        Rule("m", "period"),
        Rule("d", "dimension", required=False),
    ]
    cells = {
        "unused": ["?", "?"],
        "d": ["new", ""],
        "m": [" Jan", "Feb"],
        "o": ["TRUE", "0"],
        "g": ["", "2"],
        "x": ["1", "2.5"],
        "key": ["a", "b"],
    }

    pd.testing.assert_frame_equal(
        _typed(cells, rules),
        pd.DataFrame(
            {
                "session_id": pd.Series(["a", "b"], dtype="str"),
                "x": [1.0, 2.5],
                "g": [np.nan, 2.0],
                "o": [True, False],
                "m": pd.Series(["Jan", "Feb"], dtype="str"),
                "d": pd.Series(["new", None], dtype="str"),
            }
        ),
    )


def test_types_do_not_depend_on_how_many_rows_are_left() -> None:
    rules = [Rule("x", "feature"), Rule("o", "outcome"), Rule("m", "period")]
    some = _typed({"x": ["1"], "o": ["1"], "m": ["Jan"]}, rules)

    none = _typed({"x": ["a"], "o": ["1"], "m": ["Jan"]}, rules)

    assert len(none) == 0
    assert none.dtypes.to_dict() == some.dtypes.to_dict()


@pytest.mark.parametrize(
    ("column", "role", "reasons", "values"),
    [
        pytest.param([1.0, np.nan, 2.5], "feature", {2: MISSING}, [1.0, 2.5], id="float"),
        pytest.param([1.0, np.inf, 1e200], "feature", {2: INFINITE, 3: TOO_LARGE}, [1.0], id="inf"),
        pytest.param([1, 2, 3], "feature", {}, [1.0, 2.0, 3.0], id="int"),
        pytest.param([2**60, 0, 1], "feature", {}, [2.0**60, 0.0, 1.0], id="large int"),
        pytest.param([1e22, 1e-7, 0.1], "feature", {}, [1e22, 1e-7, 0.1], id="exponents"),
        pytest.param(
            np.array([0.1, 1, 2], dtype=np.float32), "feature", {}, [0.1, 1.0, 2.0], id="float32"
        ),
        pytest.param(
            pd.array([1, None, 3], dtype="Int64"), "feature", {2: MISSING}, [1.0, 3.0], id="Int64"
        ),
        pytest.param(["1", None, "x"], "feature", {2: MISSING, 3: NOT_A_NUMBER}, [1.0], id="text"),
        pytest.param([True, False, True], "outcome", {}, [True, False, True], id="bool"),
        pytest.param([1, 0, 1], "outcome", {}, [True, False, True], id="0 and 1"),
        pytest.param([1.0, 0.0, np.nan], "outcome", {3: MISSING}, [True, False], id="0.0 and 1.0"),
        pytest.param(
            pd.array([True, None, False], dtype="boolean"),
            "outcome",
            {2: MISSING},
            [True, False],
            id="boolean",
        ),
        pytest.param(
            [dt.date(2026, 1, 2), dt.date(2026, 2, 3), None],
            "period",
            {3: MISSING},
            ["2026-01-02", "2026-02-03"],
            id="dates",
        ),
        pytest.param(
            pd.Categorical(["a", "b", None]), "dimension", {3: MISSING}, ["a", "b"], id="categories"
        ),
        pytest.param([10, 11, 12], "id", {}, ["10", "11", "12"], id="numbers as ids"),
    ],
)
def test_columns_that_are_typed_already_are_read_the_same_way(
    column: Any, role: Any, reasons: dict[int, str], values: list[Any]
) -> None:
    rule = Rule("x", role)

    assert {row: reason for row, *_, reason in _defects({"x": column}, [rule])} == reasons
    frame = _typed({"x": column}, [rule])
    assert frame["session_id" if role == "id" else "x"].tolist() == values


# --- which rules a run has -----------------------------------------------------------------


def _recipe(**settings: Any) -> RecipeParams:
    return RecipeParams.model_validate({"columns": ["a", "b"]} | settings)


COLUMNS = ColumnsParams.model_validate(
    {
        "id": "key",
        "outcome": "o",
        "period": "m",
        "user": "u",
        "dimensions": ["d", "e"],
        "kinds": {"a": "count", "other": "rate"},
        "values": {
            "m": {"accepted": ["Jan"], "codes": {"1": "Jan"}},
            "o": {"codes": {"yes": "1"}},
            "d": {"accepted": ["x"]},
        },
    }
)


def test_training_has_a_rule_for_every_column_that_is_configured() -> None:
    assert rules_for(COLUMNS, _recipe()) == [
        Rule("key", "id"),
        Rule("a", "feature", kind="count"),
        Rule("b", "feature", kind="number"),
        Rule("o", "outcome", codes={"yes": "1"}),
        Rule("m", "period", accepted=("Jan",), codes={"1": "Jan"}),
        Rule("u", "user", required=False),
        Rule("d", "dimension", required=False, accepted=("x",)),
        Rule("e", "dimension", required=False),
    ]


def test_the_period_alone_is_taken_for_a_date() -> None:
    dated = ColumnsParams(period="m", period_bin="week", outcome="o", user="u", dimensions=("d",))

    assert [(rule.column, rule.period_bin) for rule in rules_for(dated, _recipe())] == [
        ("a", None),
        ("b", None),
        ("o", None),
        ("m", "week"),
        ("u", None),
        ("d", None),
    ]


def test_scoring_needs_the_features_and_the_id_only() -> None:
    assert rules_for(COLUMNS, _recipe(), to_score=True) == [
        Rule("key", "id"),
        Rule("a", "feature", kind="count"),
        Rule("b", "feature"),
    ]


def test_a_table_of_features_has_rules_for_features() -> None:
    assert rules_for(ColumnsParams(), _recipe()) == [Rule("a", "feature"), Rule("b", "feature")]


@pytest.mark.parametrize(
    ("settings", "required", "logged"),
    [
        ({}, True, False),
        ({"missing": "median"}, False, False),
        ({"missing": "fail"}, True, False),
        ({"transform": "log1p"}, True, True),
    ],
)
@pytest.mark.parametrize("to_score", [0, 1])
def test_the_recipe_says_what_features_must_keep(
    settings: dict[str, Any], required: Any, logged: Any, to_score: Any
) -> None:
    for rule in rules_for(ColumnsParams(), _recipe(**settings), to_score=to_score):
        assert (rule.required, rule.logged) == (required, logged)


def test_rules_for_several_recipes_are_kept_by_what_keeps_those_of_each() -> None:
    """One takes logarithms and fills gaps; the other, with a column of its own, rejects them."""
    logged = RecipeParams(columns=("a", "b"), transform="log1p", missing="median")
    plain = RecipeParams(columns=("b", "d"))

    for order in ([logged, plain], [plain, logged]):
        rules = rules_for_all(COLUMNS, order)

        features = {rule.column: rule for rule in rules if rule.role == "feature"}
        assert features == {
            "a": Rule("a", "feature", kind="count", required=False, logged=True),
            "b": Rule("b", "feature", required=True, logged=True),
            "d": Rule("d", "feature", required=True),
        }
        assert [rule.role for rule in rules] == [
            *("id", "feature", "feature", "feature"),
            *("outcome", "period", "user", "dimension"),
        ]


def test_rules_for_one_recipe_are_those_of_it_alone() -> None:
    assert rules_for_all(COLUMNS, [_recipe()]) == rules_for(COLUMNS, _recipe())


def test_a_column_with_two_roles_has_one_rule() -> None:
    columns = ColumnsParams.model_validate({"period": "m", "dimensions": ["m", "a", "d"]})

    assert [(rule.column, rule.role) for rule in rules_for(columns, _recipe())] == [
        ("a", "feature"),
        ("b", "feature"),
        ("m", "period"),
        ("d", "dimension"),
    ]


# --- columns that are missing -----------------------------------------------------------------


def test_all_missing_columns_are_listed_with_the_columns_found() -> None:
    rules = [Rule(name, "feature") for name in ("a", "b", "c")]

    with pytest.raises(ColumnsError) as refused:
        _numbered({"b": ["1"], "A": ["2"], " c": ["3"]}, rules)

    assert str(refused.value).startswith(
        "in.csv: column names missing from the header: a, c; found: b, A,  c. "
    )


def test_a_table_without_columns_lacks_all_of_them() -> None:
    with pytest.raises(ColumnsError, match="missing from the header: a, b; found: none"):
        _numbered({}, [Rule("a", "feature"), Rule("b", "outcome")])


def test_positions_count_from_one_whatever_the_index() -> None:
    frame = pd.DataFrame({"b": ["x", "y"], "a": ["1", "2"], "c": ["3", "4"]}, index=[7, 7])
    rules = [Rule("a", "feature"), Rule("c", "feature")]

    table = numbered(nw.from_native(frame, eager_only=True), rules, "in.csv")

    assert table.rows(named=True) == [
        {"__row": 1, "a": "1", "c": "3"},
        {"__row": 2, "a": "2", "c": "4"},
    ]


def test_nothing_changes_the_table_that_was_read() -> None:
    cells = pd.DataFrame({"key": ["a", "a"], "x": [" 1", "q"], "m": ["1", ""]})
    before = cells.copy(deep=True)
    rules = [
        Rule("key", "id"),
        Rule("x", "feature"),
        Rule("m", "period", codes={"1": "Jan"}),
    ]
    table = numbered(nw.from_native(cells, eager_only=True), rules, "in.csv")

    first = find_defects(table, rules, "in.csv")
    typed(table, rules, first["row"])
    again = find_defects(table, rules, "in.csv")

    pd.testing.assert_frame_equal(cells, before)
    assert first.rows() == again.rows()

"""Periods come in the order of the calendar, those without a session among them."""

import calendar
import random
from datetime import date, timedelta

import pytest

from user_activity_trends.errors import SettingError
from user_activity_trends.sessions import periods
from user_activity_trends.sessions.columns import ColumnsParams, PeriodBin
from user_activity_trends.sessions.periods import has_known_order, in_order, sort_categories

SHORT = [*calendar.month_abbr][1:]
FULL = [*calendar.month_name][1:]


def columns(
    *, accepted: tuple[str, ...] = (), period_bin: PeriodBin | None = None
) -> ColumnsParams:
    values = {"when": {"accepted": accepted}, "other": {"accepted": ["c", "b", "a"]}}
    return ColumnsParams.model_validate(
        {"period": "when", "period_bin": period_bin, "values": values}
    )


def shuffled(labels: list[str]) -> list[str]:
    return random.Random(7).sample([*labels, *labels], 2 * len(labels))  # noqa: S311


# --- categories ----------------------------------------------------------------------------


def test_accepted_values_are_the_calendar_also_where_there_is_no_session() -> None:
    accepted = ("Jan", "Feb", "Mar", "June", "Dec")

    assert in_order(["Dec", "Feb", "June"], columns(accepted=accepted)) == [*accepted]
    assert in_order([], columns(accepted=accepted)) == [*accepted]


def test_a_period_that_is_not_accepted_any_more_is_not_lost() -> None:
    assert in_order(["Dec", "10", "9"], columns(accepted=("Jan", "Dec"))) == [
        *("Jan", "Dec", "9", "10")
    ]


def test_accepted_values_need_not_be_in_the_order_of_anything_else() -> None:
    assert in_order(["1", "2"], columns(accepted=("2", "Mar", "1", "Jan"))) == [
        *("2", "Mar", "1", "Jan")
    ]


@pytest.mark.parametrize(
    "months",
    [
        SHORT,
        FULL,
        [name.upper() for name in SHORT],
        [name.lower() for name in FULL],
        [*SHORT[:5], "June", *SHORT[6:8], "Sept", *SHORT[9:]],
        [f"{name}." if len(name) > 3 else name for name in [*SHORT[:8], "Sept", *SHORT[9:]]],
        [name.upper() if place % 2 else name.lower() for place, name in enumerate(SHORT)],
    ],
)
def test_months_are_known_by_their_english_names(months: list[str]) -> None:
    assert in_order(shuffled(months), columns()) == months


@pytest.mark.parametrize(
    ("present", "expected"),
    [
        (["Dec", "Oct"], ["Oct", "Nov", "Dec"]),
        (["april", "february"], ["february", "march", "april"]),
        (["APR", "FEB"], ["FEB", "MAR", "APR"]),
        (["May", "March"], ["March", "April", "May"]),
        (["May", "Mar"], ["Mar", "Apr", "May"]),
        (["Feb", "May", "June"], ["Feb", "Mar", "Apr", "May", "June"]),
        (["may"], ["may"]),
        (["Dec", "Jan"], SHORT),
    ],
)
def test_months_between_the_first_and_the_last_are_told_as_the_others_are(
    present: list[str], expected: list[str]
) -> None:
    assert in_order(present, columns()) == expected


@pytest.mark.parametrize(
    "labels",
    [
        ["Apr", "Feb", "spring"],  # as text: A, F, s
        ["Ja", "Ma"],
        ["Mai", "Okt"],
        ["1", "9", "10", "a"],
        ["week 9", "week 10 (short)"],
        ["", "Jan"],
        ["12/2025", "13/2024"],
        ["02/01/2024", "03/01/2023"],
        ["Q5 2024", "Q6 2023"],
        ["2024-9", "Q1 2023"],
        ["1 2 May"],
    ],
)
def test_other_names_are_sorted_as_text_with_digits_as_numbers(labels: list[str]) -> None:
    assert in_order(shuffled(labels), columns()) == labels
    assert has_known_order(labels, columns()) == (len(labels) == 1)
    assert has_known_order(labels, columns(accepted=(*labels,)))


@pytest.mark.parametrize(
    "labels",
    [
        ["Nov 2024", "Dec 2024", "Jan 2025", "Feb 2025"],
        ["2024 november", "2025 january", "2025 march"],
        ["Nov-2024", "Jan-2025"],
        ["Nov. 2024", "Jan. 2025"],
        ["Nov2024", "Jan2025"],
        ["11/2024", "12/2024", "1/2025", "02/2025"],
        ["2024-9", "2024-10", "2025-1"],
        ["2024/9", "2024/10"],
        ["Q4 2024", "Q1 2025", "Q2 2025"],
        ["2024Q4", "2025Q1"],
        ["2024-Q4", "2025-Q1"],
        ["W1", "W2", "W9", "W10"],
        ["2024-W9", "2024-W10", "2025-W1"],
        ["2025-12", "2026-01"],
        ["2024-9-30", "2024-10-1"],
        ["2024", "2025"],
        ["2023/24", "2024/25"],
        ["W9 2024", "W10 2024", "W1 2025"],
        ["12.2023", "1.2024"],
        ["2024.09", "2024.10"],
    ],
)
def test_periods_that_tell_their_year_or_number_are_in_its_order(labels: list[str]) -> None:
    calendar = in_order(shuffled(labels), columns())

    assert sort_categories(shuffled(labels)) == labels
    assert [label for label in calendar if label in labels] == labels
    assert has_known_order(labels, columns())


@pytest.mark.parametrize(
    "labels",
    [
        ["31/12/23", "01/01/24"],
        ["31.12.23", "01.01.24"],
        ["12/23", "1/24"],
        ["12.23", "1.24"],
        ["23-12", "24-01"],
        ["2024.1", "2024.9"],
        ["Q4-23", "Q1-24"],
        ["W52 24", "W1 25"],
        ["1224-01", "0125-01"],
        ["2023/2024", "2024/2025"],
    ],
)
def test_two_numbers_without_a_year_in_front_are_in_no_order_that_is_known(
    labels: list[str],
) -> None:
    assert not has_known_order(labels, columns())
    assert sorted(in_order(labels, columns())) == sorted(labels)
    assert has_known_order(labels, columns(accepted=(*labels,)))
    assert has_known_order(labels[:1], columns())


@pytest.mark.parametrize(
    "calendar",
    [
        ["2024-11", "2024-12", "2025-01"],
        ["2024-9", "2024-10", "2024-11", "2024-12", "2025-1"],
        ["2024/09", "2024/10", "2024/11"],
        ["10/2024", "11/2024", "12/2024", "01/2025"],
        ["12.2023", "1.2024", "2.2024", "3.2024"],
        ["Nov 2024", "Dec 2024", "Jan 2025"],
        ["NOV-2024", "DEC-2024", "JAN-2025"],
        ["Nov. 2024", "Dec. 2024", "Jan. 2025"],
        ["2024 november", "2024 december", "2025 january"],
        ["2024Nov", "2024Dec", "2025Jan"],
        ["Q1 2024", "Q2 2024", "Q3 2024"],
        ["2024-Q3", "2024-Q4", "2025-Q1", "2025-Q2"],
        ["2024q4", "2025q1", "2025q2"],
        ["2020-W52", "2020-W53", "2021-W01"],
        ["2021W51", "2021W52", "2022W01"],
        ["2024-W9", "2024-W10", "2024-W11"],
        ["12/2024", *(f"{month:02d}/2025" for month in range(1, 11))],
        ["Week 9, 2024", "Week 10, 2024", "Week 11, 2024"],
        ["2020", "2021", "2022", "2023"],
    ],
)
def test_what_lies_between_two_periods_of_one_form_is_written_as_they_are(
    calendar: list[str],
) -> None:
    assert in_order([calendar[-1], calendar[0]], columns()) == calendar
    assert has_known_order([calendar[-1], calendar[0]], columns())
    assert sort_categories([calendar[-1], calendar[0]]) == [calendar[0], calendar[-1]]


@pytest.mark.parametrize(
    "calendar",
    [
        ["Q1", "Q2", "Q3", "Q4"],
        ["W9", "W10", "W11", "W12"],
        ["week 01", "week 02", "week 03", "week 04"],
        ["1", "2", "3", "4", "5"],
        ["98", "99", "100", "101"],
        ["01", "02", "03", "04"],
    ],
)
def test_without_a_year_something_is_absent_only_where_two_are_neighbours(
    calendar: list[str],
) -> None:
    first, second, *_, last = calendar
    assert in_order([last, first, second], columns()) == calendar
    assert in_order([last, first], columns()) == [first, last]
    assert has_known_order([last, first], columns())


def test_two_spellings_of_a_month_of_a_year_both_stay() -> None:
    assert in_order(["June 2024", "Aug 2024", "Jun 2024"], columns()) == [
        *("Jun 2024", "June 2024", "Jul 2024", "Aug 2024")
    ]


@pytest.mark.parametrize(
    "labels",
    [
        ["2024-9", "2024-11", "2025-01"],  # 2025-01 or 2025-1
        ["2024-11", "1/2025"],
        ["Nov 2024", "Jan, 2025"],
        ["W1 2024", "Week 3 2024"],
        ["2023-1", "2023-2", "2024-2"],  # quarters, terms or months
        ["2009/10", "2011/12"],  # months or business years
        ["2023/24", "2025/26"],
        ["202411", "202501"],  # months, weeks or numbers
        ["20241130", "20250101"],
        ["1231", "2001"],  # days or numbers
        ["2412", "2501"],
        ["0930", "1001"],
        ["24", "2024"],
        ["01", "2", "05"],
        ["1.0", "3.0"],
        ["-1", "2"],
        ["2021-W53", "2022-W02"],  # 2021 has no such week in ISO 8601
        ["P1", "P3"],
        ["1024-01", "2024-01"],  # a slip
        ["1024-W01", "2024-W01"],
    ],
)
def test_where_it_is_not_certain_what_lies_between_nothing_is_added(labels: list[str]) -> None:
    assert in_order(shuffled(labels), columns()) == labels


@pytest.mark.parametrize("most", [11, 12])
def test_a_calendar_has_so_many_periods_at_most(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(periods, "MOST_PERIODS", most)

    for labels in (("2024-01", "2024-12"), ("1", "2", "12"), ("W1", "W2", "W12"), ("1990", "2001")):
        assert len(in_order(labels, columns())) == (12 if most == 12 else len(labels))


def test_the_weeks_of_two_centuries_are_those_of_their_days() -> None:
    days = [date(1900, 1, 1) + timedelta(days=7 * n) for n in range(9_000)]
    weeks = ["W{1:02d}/{0}".format(*day.isocalendar()[:2]) for day in days]

    assert in_order([weeks[-1], weeks[0]], columns()) == weeks


@pytest.mark.parametrize(
    "labels",
    [
        ["1", "2", "9", "10", "100"],
        ["-1.5", "0", ".5", "+2", "1e3"],
        ["2024", "2026"],
        ["01", "2", "03"],
    ],
)
def test_numbers_are_sorted_by_size(labels: list[str]) -> None:
    calendar = in_order(shuffled(labels), columns())

    assert sort_categories(shuffled(labels)) == labels
    assert [label for label in calendar if label in labels] == labels


def test_two_spellings_of_one_number_or_month_both_stay() -> None:
    assert in_order(["1.0", "1", "0"], columns()) == ["0", "1", "1.0"]
    assert in_order(["June", "Jun", "Jul"], columns()) == ["Jun", "June", "Jul"]


def test_no_period_has_no_calendar() -> None:
    assert in_order([], columns()) == []
    assert in_order([], columns(period_bin="day")) == []


def test_values_of_a_category_are_sorted_the_same_way_and_none_is_added() -> None:
    assert sort_categories(["x", "b", "a", "c"], accepted=("c", "b", "zzz")) == ["c", "b", "a", "x"]
    assert sort_categories(["Dec", "Feb", "Feb"]) == ["Feb", "Dec"]
    assert sort_categories(["10", "9", "10"]) == ["9", "10"]
    assert sort_categories(["b", "B", "a"]) == ["B", "a", "b"]
    assert sort_categories([]) == []


# --- dates ---------------------------------------------------------------------------------


def test_every_day_from_the_first_to_the_last() -> None:
    assert in_order(["2024-03-02", "2024-02-27"], columns(period_bin="day")) == [
        *("2024-02-27", "2024-02-28", "2024-02-29", "2024-03-01", "2024-03-02")
    ]


def test_every_week_also_where_a_year_has_53() -> None:
    # 2020 has 53 weeks in ISO 8601, 2021 has 52.
    assert in_order(["2021-W02", "2020-W52"], columns(period_bin="week")) == [
        *("2020-W52", "2020-W53", "2021-W01", "2021-W02")
    ]
    assert in_order(["2021-W52", "2022-W01"], columns(period_bin="week")) == [
        *("2021-W52", "2022-W01")
    ]


def test_every_month_over_the_end_of_a_year() -> None:
    assert in_order(["2026-02", "2025-11"], columns(period_bin="month")) == [
        *("2025-11", "2025-12", "2026-01", "2026-02")
    ]


def test_the_weeks_of_a_century_are_those_of_its_days() -> None:
    days = [date(1990, 1, 1) + timedelta(days=n) for n in range(9_000)]
    weeks = dict.fromkeys("{}-W{:02d}".format(*day.isocalendar()[:2]) for day in days)

    assert in_order([min(weeks), max(weeks)], columns(period_bin="week")) == [*weeks]


@pytest.mark.parametrize(
    ("period_bin", "present"),
    [
        ("day", ["2026-01-31", "1026-01-31"]),
        ("week", ["2026-W05", "1026-W05"]),
        ("month", ["2026-01", "1026-01"]),
    ],
)
def test_a_slip_of_a_thousand_years_is_not_filled(
    period_bin: PeriodBin, present: list[str]
) -> None:
    assert periods.MOST_PERIODS < 1_000 * 12
    assert in_order(present, columns(period_bin=period_bin)) == sorted(present)


@pytest.mark.parametrize(
    ("period_bin", "label"),
    [("day", "2026-W05"), ("week", "2026-01-31"), ("month", "Feb"), ("month", "2026-W05")],
)
def test_periods_of_another_setting_are_refused(period_bin: PeriodBin, label: str) -> None:
    with pytest.raises(SettingError, match=f"{label}.* none of columns.period_bin = {period_bin}"):
        in_order([label], columns(period_bin=period_bin))


def test_accepted_values_of_another_column_are_none_of_its_business() -> None:
    assert in_order(["b", "a"], columns()) == ["a", "b"]

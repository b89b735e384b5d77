"""What a name of a period says, and how the names of others are written like it."""

import pytest

from user_activity_trends.sessions.period_names import filled, month_writer, read, read_all


@pytest.mark.parametrize(
    ("label", "kind", "year", "part"),
    [
        ("Nov 2024", "month", 2024, 11),
        ("2024-november", "month", 2024, 11),
        ("(sept. 2024)", "month", 2024, 9),
        ("02/2024", "month", 2024, 2),
        ("2024_7", "month", 2024, 7),
        ("Q4 2024", "quarter", 2024, 4),
        ("2024, quarter 1", "quarter", 2024, 1),
        ("qtr 3", "quarter", None, 3),
        ("2024-W53", "week", 2024, 53),
        ("wk 9/2024", "week", 2024, 9),
        ("W1", "week", None, 1),
    ],
)
def test_months_quarters_and_weeks_are_read(
    label: str, kind: str, year: int | None, part: int
) -> None:
    found = read(label)

    assert found
    assert (found.kind, found.year, found.part) == (kind, year, part)


@pytest.mark.parametrize(
    "label",
    [
        *("", "2024", "7", "May", "Ma 2024", "Mai 2024", "spring 2024", "Q5 2024", "2024-W54"),
        *("W0", "2024-0", "2024-13", "12/24", "Nov 24", "12024-05", "2024-005", "112024", "Q 20"),
        *(
            "1 Q 2024",
            "2024 2025",
            "P3 2024",
            "2024-1-1",
            "2024.1",
            "5.1234",
            "1224-01",
            "-5.2010",
            ".2024",
        ),
    ],
)
def test_nothing_is_read_into_other_names(label: str) -> None:
    assert read(label) is None


@pytest.mark.parametrize("labels", [["Q4 2024", "2024-11"], ["Q4 2024", "Q3"], ["Q4", "x"], []])
def test_names_of_several_kinds_are_not_read(labels: list[str]) -> None:
    assert read_all(labels) == {}
    assert filled(labels, 100) == []


@pytest.mark.parametrize(
    ("names", "august"),
    [
        (["January"], "August"),
        (["May"], "August"),
        (["May", "Jan"], "Aug"),
        (["june", "jan"], "aug"),
        (["JAN", "MAY"], "AUG"),
        (["Jan.", "May"], "Aug."),
        (["Jan.", "Feb"], "Aug"),
        (["Sept", "March"], "Aug"),
        (["JAN", "Feb"], "Aug"),
    ],
)
def test_a_month_is_written_as_others_are(names: list[str], august: str) -> None:
    assert month_writer(names)(7) == august


def test_may_has_no_dot_among_short_names_that_have() -> None:
    assert month_writer(["Jan.", "Feb."])(4) == "May"

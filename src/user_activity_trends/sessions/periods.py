"""The order of periods, and which of them are absent."""

import re
import string
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Any

from user_activity_trends.errors import SettingError
from user_activity_trends.sessions import period_names
from user_activity_trends.sessions.columns import ColumnsParams

MOST_PERIODS = 10_000
"""A calendar that would be longer has only the periods that occur: one of them is a slip."""

_FIRST_YEAR = 1_000
_LIKELY_YEARS = range(1900, 2100)
_DIGIT = "0"
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


def in_order(present: Iterable[str], columns: ColumnsParams) -> list[str]:
    """Return the calendar: the periods in order, those without a session as well.

    Names of months do not tell a year: they go from January to December. Where a
    year begins elsewhere, the accepted values say so.

    Args:
        present: The periods that occur, in any order, each once or more often.
        columns: Whether they are dates or categories, and their accepted values.

    Returns:
        Every day, week or month from the first to the last where the period is
        a date; else the accepted values in their order (any others last); else, where
        all are names of months, or months or quarters with their year, or weeks, or
        whole numbers, and written in the same form, every one from the first to the
        last; else those present, as ``sort_categories`` sorts them.

    Raises:
        SettingError: The periods are not those of the setting.

    >>> in_order(["2026-W02", "2025-W51"], ColumnsParams(period="day", period_bin="week"))
    ['2025-W51', '2025-W52', '2026-W01', '2026-W02']
    >>> in_order(["May", "Feb", "june"], ColumnsParams(period="month"))
    ['Feb', 'Mar', 'Apr', 'May', 'june']
    >>> in_order(["Q1 2025", "Q3 2024"], ColumnsParams(period="quarter"))
    ['Q3 2024', 'Q4 2024', 'Q1 2025']
    """
    labels = sorted(set(present))
    if columns.period_bin and labels:
        try:
            return _dates(labels, columns.period_bin)
        except ValueError as error:
            msg = (
                f"periods such as {labels[0]!r} are none of columns.period_bin = "
                f"{columns.period_bin}: the sessions were read under another setting; read them "
                "again (kedro run --pipelines data_processing), or set it back"
            )
            raise SettingError(msg) from error
    values = columns.values.get(columns.period or "")
    if values and values.accepted:
        return [*values.accepted, *sort_categories(set(labels) - set(values.accepted))]
    months = _months(labels)
    if months:
        return _filled_months(months)
    return period_names.filled(labels, MOST_PERIODS) or sort_categories(labels)


def sort_categories(labels: Iterable[str], accepted: Sequence[str] = ()) -> list[str]:
    """Sort values of a category: as accepted; else by the calendar, by number, or as text.

    By the calendar go names of months, and months, quarters and weeks with their year
    ("Nov 2024", "2024-9", "11/2024", "Q4 2024"). In text, digits count as numbers.

    >>> sort_categories(["10", "9"]), sort_categories(["b", "a", "c"], accepted=["c", "b"])
    (['9', '10'], ['c', 'b', 'a'])
    >>> sort_categories(["March", "January"])
    ['January', 'March']
    >>> sort_categories(["Feb 2025", "Nov 2024"]), sort_categories(["W10", "W9"])
    (['Nov 2024', 'Feb 2025'], ['W9', 'W10'])
    """
    found = sorted(set(labels))
    known = {label: place for place, label in enumerate(accepted)}
    if not known:
        known = _months(found)
    order, _ = _order([label for label in found if label not in known])
    return sorted(found, key=lambda label: (known.get(label, len(known)), order.get(label, ())))


def has_known_order(present: Iterable[str], columns: ColumnsParams) -> bool:
    """Tell whether ``in_order`` sorts by more than the text of the periods.

    It is not known of labels with two numbers or more where no year of four digits
    goes first: "12/23" may be the month of a year, or a day of a month.

    >>> has_known_order(["spring", "summer"], ColumnsParams(period="when"))
    False
    >>> has_known_order(["12/23", "1/24"], ColumnsParams(period="when"))
    False
    """
    values = columns.values.get(columns.period or "")
    labels = sorted(set(present) - set(values.accepted if values else ()))
    return bool(columns.period_bin or _months(labels)) or _order(labels)[1]


def _order(labels: Sequence[str]) -> tuple[dict[str, tuple[Any, ...]], bool]:
    """Return what labels are sorted by, and whether that is more than their text."""
    if dated := period_names.read_all(labels):
        return {label: (name.year or 0, name.part) for label, name in dated.items()}, True
    if all(_NUMBER.fullmatch(label) for label in labels):
        sizes = {label: float(label) for label in labels}
        # 12.23 and 1.24 may be months of a year, or days of a month.
        whole = all(size.is_integer() for size in sizes.values())
        return {label: (size,) for label, size in sizes.items()}, len(labels) == 1 or whole
    keys = {label: _chunks(label) for label in labels}
    shapes = {tuple(text for text, _ in chunks) for chunks in keys.values()}
    numbers = [[one for text, one in chunks if text == _DIGIT] for chunks in keys.values()]
    told = all(len(found) < 2 or _year_goes_first(found) for found in numbers)  # noqa: PLR2004
    return keys, len(labels) == 1 or (len(shapes) == 1 and told)


def _year_goes_first(numbers: Sequence[float]) -> bool:
    """Tell whether the first number is a year and none of the others may be one."""
    return numbers[0] in _LIKELY_YEARS and all(one < _FIRST_YEAR for one in numbers[1:])


def _chunks(label: str) -> tuple[tuple[str, float], ...]:
    """Split a label into texts and numbers; a number stands where a digit would."""
    parts = [part for part in re.split("([0-9]+)", label) if part]
    return tuple((_DIGIT, float(one)) if one[0] in string.digits else (one, 0.0) for one in parts)


def _months(labels: Sequence[str]) -> dict[str, int]:
    """Return the place of each month, nothing if one of the labels is no month."""
    places = {label: period_names.month(label) for label in labels}
    found = {label: place for label, place in places.items() if place is not None}
    return found if len(found) == len(places) else {}


def _filled_months(places: dict[str, int]) -> list[str]:
    """Put months in order, and the absent ones between them, written as the others are."""
    first, last = min(places.values()), max(places.values())
    write = period_names.month_writer(places)
    absent = set(range(first, last + 1)) - set(places.values())
    places = places | {write(place): place for place in absent}
    return sorted(places, key=lambda label: (places[label], label))


def _dates(labels: Sequence[str], period_bin: str) -> list[str]:
    if period_bin == "month":
        first, last = (_month_number(label) for label in (labels[0], labels[-1]))
        count = last - first + 1
    else:
        step = 7 if period_bin == "week" else 1
        start, end = (_first_day(label, period_bin) for label in (labels[0], labels[-1]))
        count = (end - start).days // step + 1
    if count > MOST_PERIODS:
        return list(labels)
    if period_bin == "month":
        return [f"{n // 12:04d}-{n % 12 + 1:02d}" for n in range(first, first + count)]
    days = (start + timedelta(days=step * n) for n in range(count))
    return [_week(day) if period_bin == "week" else day.isoformat() for day in days]


def _month_number(label: str) -> int:
    year, month = label.split("-")
    return 12 * int(year) + int(month) - 1


def _first_day(label: str, period_bin: str) -> date:
    if period_bin == "day":
        year, month, day = (int(part) for part in label.split("-"))
        return date(year, month, day)
    year, week = (int(part) for part in label.split("-W"))
    return date.fromisocalendar(year, week, 1)


def _week(day: date) -> str:
    year, week, _ = day.isocalendar()
    return f"{year:04d}-W{week:02d}"

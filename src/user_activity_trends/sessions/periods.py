"""The order of periods, and which of them are absent."""

import re
import string
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Any

from user_activity_trends.errors import SettingError
from user_activity_trends.sessions.columns import ColumnsParams

_MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july"),
    *("august", "september", "october", "november", "december"),
)
_SHORTEST = 3
"""Letters of a month's name that tell it from the others."""

MOST_PERIODS = 10_000
"""A calendar that would be longer has only the periods that occur: one of them is a slip."""

_FIRST_YEAR = 1_000
_DIGIT = "0"
_PART = re.compile(r"[^\W\d_]+(?:[0-9](?![0-9]))?\.?|[0-9]+")
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
        a date; else the accepted values in their order (any others last); else, where all are
        names of months, every month from the first to the last; else those
        present, as ``sort_categories`` sorts them.

    Raises:
        SettingError: The periods are not those of the setting.

    >>> in_order(["2026-W02", "2025-W51"], ColumnsParams(period="day", period_bin="week"))
    ['2025-W51', '2025-W52', '2026-W01', '2026-W02']
    >>> in_order(["May", "Feb", "june"], ColumnsParams(period="month"))
    ['Feb', 'Mar', 'Apr', 'May', 'june']
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
    return _filled_months(months) if months else sort_categories(labels)


def sort_categories(labels: Iterable[str], accepted: Sequence[str] = ()) -> list[str]:
    """Sort values of a category: as accepted; else by the calendar, by number, or as text.

    By the calendar go names of months, and months and quarters with their year
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

    >>> has_known_order(["spring", "summer"], ColumnsParams(period="when"))
    False
    """
    values = columns.values.get(columns.period or "")
    labels = sorted(set(present) - set(values.accepted if values else ()))
    return bool(columns.period_bin or _months(labels)) or _order(labels)[1]


def _order(labels: Sequence[str]) -> tuple[dict[str, tuple[Any, ...]], bool]:
    """Return what labels are sorted by, and whether that is more than their text."""
    if all(_NUMBER.fullmatch(label) for label in labels):
        return {label: (float(label),) for label in labels}, True
    dated = {label: _year_and_part(label) for label in labels}
    known = {label: place for label, place in dated.items() if place is not None}
    if len(known) == len(labels) and len({kind for kind, *_ in known.values()}) == 1:
        return {label: tuple(place) for label, (_, *place) in known.items()}, True
    keys = {label: _chunks(label) for label in labels}
    shapes = {tuple(text for text, _ in chunks) for chunks in keys.values()}
    # Where a year stands behind another number, that number goes before it by mistake.
    numbers = ([one for text, one in chunks if text == _DIGIT] for chunks in keys.values())
    late = any(one >= _FIRST_YEAR for found in numbers for one in found[1:])
    return keys, len(labels) == 1 or (len(shapes) == 1 and not late)


def _chunks(label: str) -> tuple[tuple[str, float], ...]:
    """Split a label into texts and numbers; a number stands where a digit would."""
    parts = [part for part in re.split("([0-9]+)", label) if part]
    return tuple((_DIGIT, float(one)) if one[0] in string.digits else (one, 0.0) for one in parts)


def _year_and_part(label: str) -> tuple[str, int, int] | None:
    """Return whether a label is a month or a quarter, its year, and which; else None."""
    parts = [part.lower() for part in _PART.findall(label)]
    if len(parts) != 2:  # noqa: PLR2004
        return None
    for year, part in (parts, parts[::-1]):
        if not re.fullmatch("[0-9]{4}", year):
            continue
        if quarter := re.fullmatch("q([1-4])", part):
            return "quarter", int(year), int(quarter[1])
        if re.fullmatch("[0-9]{1,2}", part) and 1 <= int(part) <= len(_MONTHS):
            return "month", int(year), int(part)
        if (month := _month(part)) is not None:
            return "month", int(year), month + 1
    return None


def _months(labels: Sequence[str]) -> dict[str, int]:
    """Return the place of each month, nothing if one of the labels is no month."""
    places = {label: _month(label) for label in labels}
    found = {label: place for label, place in places.items() if place is not None}
    return found if len(found) == len(places) else {}


def _month(label: str) -> int | None:
    """Return the place of an English month (0 = January), in full or short; else None."""
    name = label.lower().removesuffix(".")
    if len(name) < _SHORTEST:
        return None
    return next((i for i, month in enumerate(_MONTHS) if month.startswith(name)), None)


def _filled_months(places: dict[str, int]) -> list[str]:
    """Put months in order, and the absent ones between them, written as the others are."""
    first, last = min(places.values()), max(places.values())
    in_full = all(label.lower() in _MONTHS for label in places)
    upper, lower = (all(map(test, places)) for test in (str.isupper, str.islower))
    for absent in set(range(first, last + 1)) - set(places.values()):
        name = _MONTHS[absent] if in_full else _MONTHS[absent][:_SHORTEST]
        places = places | {name.upper() if upper else name if lower else name.title(): absent}
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

"""What names of periods say: which month, quarter, week or number, and what is between two."""

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july"),
    *("august", "september", "october", "november", "december"),
)
SHORTEST = 3
"""Letters of a month's name that tell it from the others."""

_QUARTERS, _WEEKS = 4, 53
_UNITS: dict[str, tuple[str, int]] = {
    **dict.fromkeys(("q", "qtr", "quarter"), ("quarter", _QUARTERS)),
    **dict.fromkeys(("w", "wk", "week"), ("week", _WEEKS)),
}

_IN_A_YEAR = {"month": len(MONTHS), "quarter": _QUARTERS}

_FORM_YEAR, _FORM_PART = "0 year", "0 part"
"""No other piece of a form has a digit."""

_GAP = r"[\W_]*"
_LETTERS = r"[^\W\d_]+"
_YEAR = "(?<![0-9])(?P<year>(?:19|20)[0-9]{2})(?![0-9])"
"""Other numbers of four digits may be a day and month, or a month and year."""
_NUMBER = "(?P<number>(?<![0-9])[0-9]{1,2}(?![0-9]))"
_PART = rf"(?:(?P<name>{_LETTERS}\.?)|(?:(?P<unit>{_LETTERS}){_GAP})?{_NUMBER})"
_FORMS = (
    re.compile(rf"{_GAP}{_YEAR}{_GAP}{_PART}{_GAP}"),
    re.compile(rf"{_GAP}{_PART}{_GAP}{_YEAR}{_GAP}"),
    re.compile(rf"{_GAP}(?P<unit>{_LETTERS}){_GAP}{_NUMBER}{_GAP}"),
)
_DECIMAL = re.compile(r"[+-]?[0-9]*\.[0-9]*")
_MONTH_AND_YEAR = re.compile(r"[0-9]{1,2}\.[0-9]{4}|[0-9]{4}\.[0-9]{2}")
"""Of what could be a decimal fraction, that which is none: 2024.1 may be October, or a tenth."""

_SMALLEST_YEAR = 1990
_WHOLE = re.compile("[0-9]{1,3}|199[0-9]|20[0-9]{2}")
"""Numbers that go up by one. A longer one may be 202412, before 202501; of four digits,
2412 before 2501, or 1231 before 101, so only years are taken for what they seem to be."""


@dataclass(frozen=True)
class PeriodName:
    """What a name says: "Q4 2024" is quarter 4 of the year 2024."""

    kind: str
    """month, quarter or week."""
    year: int | None
    part: int
    """1 is the first of its year."""
    written: str
    """The part as it stands: its number, or the name of the month."""
    form: tuple[str, ...]
    """The name in pieces, ``_FORM_YEAR`` and ``_FORM_PART`` instead of the year and part."""

    @property
    def place(self) -> int | None:
        """How many periods of its kind go before it; None if its year has no such week."""
        if self.year is None:
            return self.part
        if self.kind == "week":
            try:
                return date.fromisocalendar(self.year, self.part, 1).toordinal() // 7
            except ValueError:
                return None
        return self.year * _IN_A_YEAR[self.kind] + self.part - 1

    def at(self, place: int, write: Callable[[int], str]) -> str:
        """Write the name of the period at another place in the same form."""
        year, part = 0, place
        if self.year is not None and self.kind == "week":
            # Ordinal 1 is a Monday, and so is each of 7 n + 1.
            year, part, _ = (date.min + timedelta(days=7 * place)).isocalendar()
        elif self.year is not None:
            year, part = divmod(place, _IN_A_YEAR[self.kind])
            part += 1
        texts = {_FORM_YEAR: f"{year:04d}", _FORM_PART: write(part)}
        return "".join(texts.get(piece, piece) for piece in self.form)


def read(label: str) -> PeriodName | None:
    """Return what a label says; None if it is no month of a year, no quarter and no week.

    >>> read("Nov 2024").place, read("2024-12").place, read("1/2025").place
    (24298, 24299, 24300)
    >>> read("12/24"), read("2024-13"), read("Q5 2024")
    (None, None, None)
    """
    if _DECIMAL.fullmatch(label) and not _MONTH_AND_YEAR.fullmatch(label):
        return None
    matches = (form.fullmatch(label) for form in _FORMS)
    return next((name for match in matches if match and (name := _said(match))), None)


def _said(match: re.Match[str]) -> PeriodName | None:
    found = match.groupdict()
    kind, most = "month", len(MONTHS)
    if name := found.get("name"):
        place = month(name)
        part = 0 if place is None else place + 1
    else:
        part = int(found["number"])
        if found["unit"]:
            kind, most = _UNITS.get(found["unit"].lower(), ("", 0))
    if not 1 <= part <= most:
        return None
    written, year = "name" if name else "number", found.get("year")
    spans = {match.span(written): _FORM_PART} | ({match.span("year"): _FORM_YEAR} if year else {})
    form, done = [], 0
    for (start, end), piece in sorted(spans.items()):
        form += [match.string[done:start], piece]
        done = end
    form.append(match.string[done:])
    return PeriodName(kind, int(year) if year else None, part, match[written], tuple(form))


def read_all(labels: Iterable[str]) -> dict[str, PeriodName]:
    """Return what each label says; nothing if they are not all of one kind.

    >>> read_all(["Q4 2024", "2025-01"])
    {}
    """
    read_ones = {label: read(label) for label in labels}
    found = {label: name for label, name in read_ones.items() if name is not None}
    kinds = {(name.kind, name.year is None) for name in found.values()}
    return found if len(found) == len(read_ones) and len(kinds) == 1 else {}


def month(name: str) -> int | None:
    """Return the place of an English month (0 = January), in full or short; else None."""
    short = name.lower().removesuffix(".")
    if len(short) < SHORTEST:
        return None
    return next((i for i, full in enumerate(MONTHS) if full.startswith(short)), None)


def month_writer(names: Collection[str]) -> Callable[[int], str]:
    """Return what writes a month (0 = January) as these names of months are written.

    >>> month_writer(["JAN.", "FEB."])(11), month_writer(["May", "June"])(11)
    ('DEC.', 'December')
    """
    short = [name for name in names if name.lower() not in MONTHS]
    upper, lower = (all(map(test, names)) for test in (str.isupper, str.islower))

    def write(place: int) -> str:
        name = MONTHS[place][:SHORTEST] if short else MONTHS[place]
        if short and all(one.endswith(".") for one in short) and name != MONTHS[place]:
            name += "."
        return name.upper() if upper else name if lower else name.title()

    return write


def filled(labels: Sequence[str], most: int) -> list[str]:
    """Return labels in order, and those absent between them, written as they are.

    Args:
        labels: All different.
        most: How many the result may have.

    Returns:
        Nothing if it is not certain what is absent: the labels are not all months of
        a year, quarters, weeks (ISO 8601) or whole numbers; or not all in the same
        form; or have no year and no two are neighbours; or there would be too many.

    >>> filled(["Nov 2024", "Jan 2025"], 9), filled(["8", "9", "11"], 9)
    (['Nov 2024', 'Dec 2024', 'Jan 2025'], ['8', '9', '10', '11'])
    >>> filled(["2024-11", "1/2025"], 9), filled(["202411", "202501"], 99)
    ([], [])
    """
    if labels and all(map(_WHOLE.fullmatch, labels)):
        return _filled_numbers(labels, most)
    names = read_all(labels)
    places = {label: name.place for label, name in names.items()}
    known = {label: place for label, place in places.items() if place is not None}
    if len({name.form for name in names.values()}) != 1 or len(known) < len(names):
        return []
    write = _part_writer([*names.values()])
    first, last = min(known.values()), max(known.values())
    if write is None or last - first >= most:
        return []
    if next(iter(names.values())).year is None and not _has_neighbours(known.values()):
        return []
    there: dict[int, list[str]] = {}
    for label, place in sorted(known.items()):
        there.setdefault(place, []).append(label)
    one = next(iter(names.values()))
    return [
        label
        for place in range(first, last + 1)
        for label in there.get(place) or [one.at(place, write)]
    ]


def _filled_numbers(labels: Sequence[str], most: int) -> list[str]:
    numbers = [int(label) for label in labels]
    width = _width(labels)
    if width is None or max(numbers) - min(numbers) >= most:
        return []
    are_years = {number >= _SMALLEST_YEAR for number in numbers}
    if len(are_years) > 1 or not (are_years == {True} or _has_neighbours(numbers)):
        return []
    return [f"{number:0{width}d}" for number in range(min(numbers), max(numbers) + 1)]


def _has_neighbours(places: Iterable[int]) -> bool:
    """Tell whether a step of one occurs: 10, 20, 30 may go up by ten, and W52 come before W1.

    >>> _has_neighbours([1, 2, 5]), _has_neighbours([10, 20, 30])
    (True, False)
    """
    there = set(places)
    return any(place + 1 in there for place in there)


def _width(numbers: Iterable[str]) -> int | None:
    """Return how many digits numbers are filled up to with zeros; None if they disagree.

    >>> _width(["8", "11"]), _width(["08", "11"]), _width(["08", "9"])
    (1, 2, None)
    """
    lengths = {len(number) for number in numbers}
    if all(number == str(int(number)) for number in numbers):
        return 1
    return lengths.pop() if len(lengths) == 1 else None


def _part_writer(names: Sequence[PeriodName]) -> Callable[[int], str] | None:
    """Return what writes the part of a year as those of these names are; None if unsure."""
    if not names[0].written[0].isdecimal():
        write_month = month_writer([name.written for name in names])
        return lambda part: write_month(part - 1)
    written = {name.written for name in names}
    width = _width(written)
    years = {name.year for name in names}
    if names[0].kind == "month" and len(years) > 1:
        if all(name.part == ((name.year or 0) + 1) % 100 for name in names):
            return None  # 2009/10 and 2010/11 are more likely business years
        if width == 1 and max(name.part for name in names) <= _QUARTERS:
            return None  # 2024-1 and 2025-2 may be quarters or terms
    if width == 1 and all(len(number) > 1 for number in written):
        width = 2  # as in ISO 8601; no label says otherwise
    return None if width is None else lambda part: f"{part:0{width}d}"

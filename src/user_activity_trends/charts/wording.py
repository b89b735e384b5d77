"""Numbers as people read them; shared by the charts and the page.

A no-break space keeps a number and its unit on one line.
"""

import math

NONE = "\N{EN DASH}"
"""Stands for what is not there."""

_SPACE = "\N{NO-BREAK SPACE}"


def minus(written: str) -> str:
    r"""Write a minus sign where a number has a hyphen.

    >>> minus("-3") == "\N{MINUS SIGN}3"
    True
    """
    return written.replace("-", "\N{MINUS SIGN}")


def count(number: float) -> str:
    """Write a whole number.

    >>> count(12330), count(0.6)
    ('12,330', '1')
    """
    return minus(f"{round(number):,}")


def percent(share: float | None, digits: int = 1) -> str:
    r"""Write a share; one that is missing is a dash.

    >>> percent(0.1547).replace("\N{NO-BREAK SPACE}", " "), percent(float("nan")) == NONE
    ('15.5 %', True)
    """
    if share is None or math.isnan(share):
        return NONE
    return minus(f"{100 * share:.{digits}f}{_SPACE}%")


def points(difference: float) -> str:
    r"""Write the difference of two shares, in percentage points.

    >>> points(0.044).replace("\N{NO-BREAK SPACE}", " "), points(-0.00004)[:3]
    ('+4.4 points', '0.0')
    """
    written = f"{100 * difference:+.1f}"
    written = "0.0" if written in {"+0.0", "-0.0"} else written
    return minus(f"{written}{_SPACE}points")


def signed(value: float, digits: int) -> str:
    r"""Write a number with its sign; what rounds to zero has none.

    >>> signed(0.44, 1), signed(-0.04, 1), signed(-1.25, 2) == "\N{MINUS SIGN}1.25"
    ('+0.4', '0.0', True)
    """
    written = f"{value:.{digits}f}"
    return f"{0:.{digits}f}" if float(written) == 0 else minus(f"{value:+.{digits}f}")


def number(value: float | None) -> str:
    """Write a measurement with three digits that count, or all that are before the point.

    >>> number(1509.99), number(7.9213), number(0.00444), number(0), number(12.34)
    ('1,510', '7.92', '0.00444', '0', '12.3')
    >>> number(25.0)
    '25'
    """
    if value is None or math.isnan(value):
        return NONE
    if value == round(value):
        return count(value)
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    written = f"{value:.2e}" if digits > 6 else f"{value:,.{digits}f}"  # noqa: PLR2004
    return minus(written)


def p_value(value: float) -> str:
    """Write how probable a result is by chance.

    >>> p_value(1.9e-35), p_value(0.0421)
    ('< 0.001', '0.042')
    """
    return "< 0.001" if value < 0.001 else f"{value:.3f}"  # noqa: PLR2004


def some(number: int, one: str, many: str | None = None) -> str:
    """Write how many there are of something.

    >>> some(1, "segment"), some(3, "segment"), some(12, "segment"), some(2, "series", "series")
    ('one segment', 'three segments', '12 segments', 'two series')
    """
    words = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    written = words[number] if number < len(words) else count(number)
    return f"{written} {one if number == 1 else many or one + 's'}"


def sentence(text: str) -> str:
    """Begin with a capital letter; nothing else changes.

    >>> sentence("three segments: A, B")
    'Three segments: A, B'
    """
    return text[:1].upper() + text[1:]

"""Text from data, made safe for Plotly: the one place where it is escaped.

Plotly reads a subset of HTML (and links) in every title, label and hover text,
``%{...}`` in templates, and TeX between dollar signs. What comes from data
shows as it is written.
"""

import html
import textwrap
import unicodedata

_PLAIN = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    "$": "&#36;",  # TeX, where a page has MathJax
    "{": "&#123;",  # templates: %{...}
}
LINE = "<br>"
"""What Plotly takes for a new line."""

ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"

WIDTH = 78
"""Characters in a line of a title."""
LONGEST = 32
"""Characters of a name in a chart; hover texts and tables have all of them."""


def literal(text: object) -> str:
    """Escape a text so that Plotly shows it as it is written.

    Characters that are not printed, such as line breaks, become blanks.

    >>> literal("a <b>&amp;</b> $x$ %{y}")
    'a &lt;b&gt;&amp;amp;&lt;/b&gt; &#36;x&#36; %&#123;y}'
    """
    blank = "".join(" " if ord(one) < ord(" ") or one == "\x7f" else one for one in str(text))
    return "".join(_PLAIN.get(one, one) for one in blank)


def shortened(text: object, most: int = LONGEST) -> str:
    r"""Cut a text that is longer than ``most`` characters; an ellipsis ends it.

    A character that is as wide as two, such as an emoji, counts for two.

    >>> shortened("High exit rates, low page values", 18)
    'High exit rates, …'
    >>> shortened("\U0001f600" * 4, 8) == "\U0001f600" * 4, len(shortened("\U0001f600" * 5, 8))
    (True, 4)
    """
    whole = str(text)
    room, kept = most, 0
    for place, one in enumerate(whole):
        room -= 2 if unicodedata.east_asian_width(one) in {"F", "W"} else 1
        kept = place + 1 if room >= 1 else kept
    return whole if room >= 0 else whole[:kept] + ELLIPSIS


def name(text: object, most: int = LONGEST) -> str:
    """Shorten a name and escape it.

    >>> name("<script>alert(1)</script>", 9)
    '&lt;script&gt;…'
    """
    return literal(shortened(text, most))


def wrapped(text: str, width: int = WIDTH) -> str:
    """Break a text into lines and escape each.

    >>> wrapped("Three segments: one < two", 16)
    'Three segments:<br>one &lt; two'
    """
    broken = textwrap.wrap(text, width, break_on_hyphens=False)
    return LINE.join(literal(line) for line in broken) or " "


def lines(*parts: str) -> str:
    """Put escaped texts under each other."""
    return LINE.join(parts)


def plain(escaped: str) -> str:
    """Undo ``wrapped``: return the text that is shown.

    >>> plain(wrapped("Three segments: one < two & three", 16))
    'Three segments: one < two & three'
    """
    return html.unescape(escaped.replace(LINE, " "))

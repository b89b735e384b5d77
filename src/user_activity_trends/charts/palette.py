"""Colours, and what tells segments apart without them.

Blue and vermillion are those of Okabe and Ito (2008). The others were searched
for so that every colour keeps a contrast of 3:1 to a white and to a dark page,
and every two differ, also as people see them who lack one kind of cone
(simulated after Machado, Oliveira and Fernandes 2009). A segment has its colour
by its number, so that it is the same in every chart.
"""

from dataclasses import dataclass

COLOURS = (
    "#0072B2",
    "#D55E00",
    "#009D61",
    "#6F4FE0",
    "#A5481B",
    "#7B8C8E",
    "#F7465A",
    "#646180",
)
SYMBOLS = (
    *("circle", "square", "diamond", "triangle-up"),
    *("cross", "triangle-down", "star", "hexagon"),
)
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot", "4px,2px", "1px,3px")
PATTERNS = ("", "/", ".", "x", "\\", "-", "+", "|")

MOST = len(COLOURS)
"""Segments beyond which nobody tells colours apart: names beside the marks do instead."""

ACCENT = "#0072B2"
"""What a chart without segments is about."""
NEUTRAL = "#7A7A7A"
"""What is there for comparison, and segments where there are too many for colours."""
MIX, RATE = "#8A6D3B", "#A8509F"
BAND = "rgba(122, 122, 122, 0.14)"
"""Behind what is absent."""
CHOSEN = "rgba(0, 114, 178, 0.12)"
"""Behind what was chosen."""

PAGES = ("#FFFFFF", "#14181D")
"""The light and the dark page that the colours must be seen on."""

DIVERGING = (
    (0.0, "#2B5C9E"),
    (0.25, "#8FB4DC"),
    (0.5, "#F3F3F1"),
    (0.75, "#F0AE72"),
    (1.0, "#B4500A"),
)
"""Below and above a middle: blue and orange, which all kinds of eyes tell apart."""
SEQUENTIAL = ((0.0, "#EEF3F8"), (0.5, "#8DB4DA"), (1.0, "#1F5C9C"))


@dataclass(frozen=True)
class Style:
    """How one segment is drawn."""

    colour: str
    symbol: str
    dash: str
    pattern: str


def style(segment: int, segments: int) -> Style:
    """Return how a segment is drawn.

    Args:
        segment: Its number. Numbers that differ by a multiple of eight look the same;
            segments of one model never do so (``segmentation.alignment.give_ids``).
        segments: How many there are; beyond eight, all look the same.

    >>> style(2, 3).colour, style(2, 9).colour, style(9, 9).symbol
    ('#D55E00', '#7A7A7A', 'circle')
    """
    if segments > MOST:
        return Style(NEUTRAL, SYMBOLS[0], DASHES[0], PATTERNS[0])
    place = (segment - 1) % MOST
    return Style(COLOURS[place], SYMBOLS[place], DASHES[place], PATTERNS[place])

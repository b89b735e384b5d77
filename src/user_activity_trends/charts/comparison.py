"""Chart of recipes that were tried on the same sessions."""

import math

import pandas as pd

from user_activity_trends.charts import figure, palette, text
from user_activity_trends.charts.figure import Figure, Layout, Trace
from user_activity_trends.charts.rows import Row, rows_of
from user_activity_trends.charts.wording import NONE, count, minus, number, percent, some
from user_activity_trends.segmentation.criteria import (
    AGREEMENT,
    Unit,
    criterion,
    recipes_of,
    standing,
)

ROW = 42
"""Pixels of one criterion: its name, and the marks below."""
MOST_WRITTEN = 3
"""Recipes beyond which a row has no room for the numbers of all; hovering tells them."""
_HEAD, _FOOT = 34, 62
"""Pixels above a group of criteria, and below it for its scale."""
_NARROW = 26
"""Characters of a name that leave room for the numbers on a narrow screen."""
_TITLE = 42
"""Characters in a line of the title, which no page shows in its stead."""
_LIMITS = ("outcome_spread_low", "outcome_spread_high")
_SIGNS = {
    "circle": "\N{WHITE CIRCLE}",
    "square": "\N{WHITE SQUARE}",
    "diamond": "\N{WHITE DIAMOND}",
    "triangle-up": "\N{WHITE UP-POINTING TRIANGLE}",
    "cross": "\N{HEAVY GREEK CROSS}",
    "triangle-down": "\N{WHITE DOWN-POINTING TRIANGLE}",
    "star": "\N{WHITE STAR}",
    "hexagon": "\N{WHITE HEXAGON}",
}
"""What stands for a mark in a line of text."""


def criteria_chart(table: pd.DataFrame) -> Figure:
    """Draw every criterion with a mark for each recipe.

    Args:
        table: ``recipe_comparison``.

    Returns:
        One row a criterion in groups of one scale each: those that decide something,
        those that do not, numbers of segments, and what has a scale of its own.
    """
    recipes = recipes_of(table)
    styles = {name: palette.style(place + 1, len(recipes)) for place, name in enumerate(recipes)}
    rows = rows_of(table)
    limits = {row["criterion"]: row for row in rows if row["criterion"] in _LIMITS}
    shown = [row for row in rows if row["criterion"] not in _LIMITS]
    groups = [(heading, those) for heading, those in _grouped(shown) if those]
    inner = sum(_HEAD + _FOOT + ROW * len(those) for _, those in groups)
    traces: list[Trace] = []
    layout: Layout = {"annotations": [], "showlegend": True, "height": inner + 150}
    layout["title_y"] = 1 - 12 / layout["height"]
    layout["legend"] = {"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom", "xanchor": "left"}
    top = 1.0
    for place, (heading, those) in enumerate(groups):
        axes = str(place + 1) if place else ""
        bottom = top - (_HEAD + ROW * len(those)) / inner
        domain = [max(0.0, bottom), top]
        top = bottom - _FOOT / inner
        scale = [_scale(row, recipes) for row in those]
        traces += _lines(those, recipes, scale, axes)
        for name in recipes:
            marks = _marks(name, those, styles[name], scale, axes)
            traces.append(marks | {"showlegend": place == 0})
            traces += _intervals(name, those, limits, styles[name], axes)
        layout["annotations"] += _texts(heading, those, styles, axes)
        layout |= _axes(heading, those, recipes, axes, domain)
    return figure.drawn(_title(table), traces, layout, title_width=_TITLE)


DECIDES = "Compared, more is better (bold: the better one)"
TELLS = "Not compared"
SEGMENTS = "Numbers of segments, not compared"
OWN_SCALE = "On a scale of its own in each row"


def _grouped(rows: list[Row]) -> list[tuple[str, list[Row]]]:
    at_most_one = [row for row in rows if row["unit"] in {"index", "share", "yes or no"}]
    return [
        (DECIDES, [row for row in at_most_one if row["compared"]]),
        (TELLS, [row for row in at_most_one if not row["compared"]]),
        (SEGMENTS, [row for row in rows if row["unit"] == "k"]),
        (OWN_SCALE, [row for row in rows if row["unit"] in {"score", "count"}]),
    ]


def _values(row: Row, recipes: list[str]) -> list[float]:
    return [float(row[name]) for name in recipes if not math.isnan(row[name])]


def _largest(rows: list[Row], recipes: list[str]) -> float:
    return max((value for row in rows for value in _values(row, recipes)), default=1.0)


def _lowest(rows: list[Row], recipes: list[str]) -> float:
    return min((value for row in rows for value in _values(row, recipes)), default=0.0)


def _scale(row: Row, recipes: list[str]) -> float:
    """Return what a value is divided by: the row's largest where the rows have no common scale."""
    if row["unit"] not in {"score", "count"}:
        return 1.0
    return max(_values(row, recipes), default=1.0) or 1.0


def _pair(axes: str) -> Trace:
    return {"xaxis": f"x{axes}", "yaxis": f"y{axes}"}


def _lines(rows: list[Row], recipes: list[str], scale: list[float], axes: str) -> list[Trace]:
    """Join the marks of a row, so that the eye finds those that belong together."""
    ends = [
        (place, [value / by for value in _values(row, recipes)])
        for place, (row, by) in enumerate(zip(rows, scale, strict=True))
    ]
    return [
        {
            "type": "scatter",
            "mode": "lines",
            "x": [x for _, found in ends if found for x in (min(found), max(found), None)],
            "y": [y for place, found in ends if found for y in (place, place, None)],
            "line": {"color": palette.NEUTRAL, "width": 1.5},
            "hoverinfo": "skip",
            "showlegend": False,
            **_pair(axes),
        }
    ]


def _marks(
    name: str, rows: list[Row], style: palette.Style, scale: list[float], axes: str
) -> Trace:
    known = [
        (place, row, by)
        for place, (row, by) in enumerate(zip(rows, scale, strict=True))
        if not math.isnan(row[name])
    ]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": text.name(name),
        "legendgroup": name,
        "x": [row[name] / by for _, row, by in known],
        "y": [place for place, _, _ in known],
        # Open, so that two marks in one place are both seen.
        "marker": {
            "symbol": f"{style.symbol}-open",
            "size": 12,
            "color": style.colour,
            "line": {"width": 2.5, "color": style.colour},
        },
        "cliponaxis": False,
        "hovertext": [
            text.lines(
                f"{text.name(name)}: {written(row['unit'], row[name])}",
                text.literal(criterion(row["criterion"]).label),
                text.wrapped(row["note"], 48),
            )
            for _, row, _ in known
        ],
        "hoverinfo": "text",
        **_pair(axes),
    }


def _intervals(
    name: str, rows: list[Row], limits: dict[str, Row], style: palette.Style, axes: str
) -> list[Trace]:
    """Draw the interval of the one row that has one: Plotly marks an empty one elsewhere."""
    return [
        {
            "type": "scatter",
            "mode": "lines",
            "legendgroup": name,
            "x": [float(limits[one][name]) for one in _LIMITS],
            "y": [place, place],
            "line": {"color": style.colour, "width": 5, "dash": "solid"},
            "opacity": 0.35,
            "hoverinfo": "skip",
            "showlegend": False,
            **_pair(axes),
        }
        for place, row in enumerate(rows)
        if row["criterion"] == "outcome_spread" and not math.isnan(row[name])
    ]


def written(unit: Unit, value: float) -> str:
    """Write a value as people read it.

    >>> written("yes or no", 1.0), written("k", 3.0), written("index", 0.8917)
    ('yes', '3', '0.892')
    """
    if math.isnan(value):
        return NONE
    if unit == "yes or no":
        return "yes" if value else "no"
    if unit == "share":
        return percent(value)
    if unit == "index":
        return minus(f"{value:.3f}")
    return number(value) if unit == "score" else count(value)


def _texts(
    heading: str, rows: list[Row], styles: dict[str, palette.Style], axes: str
) -> list[Layout]:
    found = [
        figure.note(
            f"<b>{heading}</b>",
            x=0,
            xref=f"x{axes} domain",
            xanchor="left",
            y=1,
            yref=f"y{axes} domain",
            yanchor="top",
        )
    ]
    for place, row in enumerate(rows):
        where = {"y": place - 0.18, "yref": f"y{axes}", "yanchor": "bottom"}
        label = criterion(row["criterion"]).label
        found.append(
            figure.note(
                text.name(label, _NARROW),
                x=0,
                xref=f"x{axes} domain",
                xanchor="left",
                xshift=-2,
                **where,
            )
        )
        if len(styles) <= MOST_WRITTEN:
            found.append(
                figure.note(
                    _numbers(row, styles),
                    x=1,
                    xref=f"x{axes} domain",
                    xanchor="right",
                    **where,
                )
            )
    return found


def _numbers(row: Row, styles: dict[str, palette.Style]) -> str:
    better = str(row["better"]).split(",")
    if row["criterion"].startswith(AGREEMENT):
        styles = {name: one for name, one in styles.items() if not math.isnan(row[name])}
    parts = []
    for name, style in styles.items():
        value = written(row["unit"], row[name])
        told = f"{_SIGNS[style.symbol]}\N{NO-BREAK SPACE}{value}"
        parts.append(f"<b>{told}</b>" if name in better else told)
    return "\N{NO-BREAK SPACE}\N{NO-BREAK SPACE} ".join(parts)


def _axes(
    heading: str, rows: list[Row], recipes: list[str], axes: str, domain: list[float]
) -> Layout:
    answers = any(row["unit"] == "yes or no" for row in rows)
    low, high = _lowest(rows, recipes), _largest(rows, recipes)
    room = (_HEAD - 12) / ROW
    below = {
        SEGMENTS: "Number of segments (k)",
        OWN_SCALE: "Share of the largest in the row",
    }.get(heading, "Index or share" + "; yes is 1, no is 0" * answers)
    span = {"range": [min(0.0, low) - 0.03, 1.03], "nticks": 6}
    if heading == SEGMENTS:
        span = {"range": [0.7, high + 0.3], "dtick": 1}
    elif heading == OWN_SCALE:
        span = {"range": [-0.03, 1.03], "nticks": 6}
    return {
        f"xaxis{axes}": figure.axis(below, anchor=f"y{axes}", **span),
        f"yaxis{axes}": figure.axis(
            domain=domain,
            anchor=f"x{axes}",
            range=[len(rows) - 0.6, -0.6 - room],
            showticklabels=False,
            tickvals=[*range(len(rows))],
        ),
    }


def _title(table: pd.DataFrame) -> str:
    found = standing(table)
    if any(found.better.values()):
        first, *others = found.better.items()
        title = f"{first[0]} is better in {len(first[1])} of {found.compared} criteria"
        title += "".join(
            f", {name} in\N{NO-BREAK SPACE}{len(names) or 'none'}" for name, names in others
        )
    else:
        title = f"No recipe is better in any of {found.compared} criteria"
    (chosen,) = table[table["criterion"] == "k"].to_dict("records")
    counts = [f"{name} makes {some(int(chosen[name]), 'segment')}" for name in recipes_of(table)]
    return f"{title}; {', '.join(counts)}"

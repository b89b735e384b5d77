"""A figure from plain dictionaries: one construction each, and no theme of its own.

Background, text and grid are left to the page that shows a figure, so that it
is readable on a light and on a dark one.
"""

from collections.abc import Sequence
from typing import Any, Protocol

from user_activity_trends.charts import palette, text

Trace = dict[str, Any]
Layout = dict[str, Any]

ROW = 54
"""Pixels of one bar with its name above it."""


class Figure(Protocol):
    """A ``plotly.graph_objects.Figure``, which is imported only where one is made."""

    def to_plotly_json(self) -> dict[str, Any]:
        """Return traces and layout as plain dictionaries."""
        ...


def drawn(
    title: str, traces: Sequence[Trace], layout: Layout, *, title_width: int = text.WIDTH
) -> Figure:
    """Make a figure.

    Args:
        title: The finding, as plain text.
        traces: Traces of Plotly; every text in them is escaped.
        layout: Layout of Plotly, likewise.
        title_width: Characters in a line of the title.

    Returns:
        The figure, with plain lists in it.
    """
    import plotly.graph_objects as go

    lines = text.wrapped(title, title_width)
    heading = {
        "text": lines,
        "x": 0.01,
        "xref": "container",
        "xanchor": "left",
        "y": 1,
        "yref": "container",
        "yanchor": "top",
        "pad": {"t": 14},
        "font": {"size": 16},
    }
    room = 36 + 21 * (lines.count(text.LINE) + 1)
    common: Layout = {
        "title": heading,
        "template": {},  # or Plotly's own would be part of every file
        "hovermode": "closest",
        "hoverlabel": {"align": "left", "namelength": -1},
        "dragmode": False,
        "margin": {"l": 8, "r": 16, "t": room, "b": 8},
        "font": {"size": 13},
        "showlegend": False,
        "barmode": "overlay",
    }
    figure: Figure = go.Figure({"data": [*traces], "layout": common | layout})
    return figure


def empty(title: str, how: str) -> Figure:
    """Make a figure that says what is missing.

    Args:
        title: What is missing.
        how: Which setting turns it on, or why nothing can.
    """
    note = {
        "text": text.wrapped(how, 42),
        "x": 0.5,
        "y": 0.5,
        "xref": "paper",
        "yref": "paper",
        "showarrow": False,
        "font": {"size": 14},
    }
    axis = {"visible": False, "range": [0, 1], "fixedrange": True}
    frame = {
        "type": "rect",
        "xref": "paper",
        "yref": "paper",
        "x0": 0,
        "x1": 1,
        "y0": 0,
        "y1": 1,
        "line": {"color": palette.NEUTRAL, "dash": "dot", "width": 1},
    }
    layout = {"xaxis": axis, "yaxis": axis, "annotations": [note], "shapes": [frame]}
    nothing = {"type": "scatter", "x": [], "y": [], "hoverinfo": "skip"}
    return drawn(title, [nothing], layout | {"height": 180})


def axis(title: str | None = None, /, **more: Any) -> Layout:
    """Describe an axis that makes room for its labels; ``title`` is escaped already."""
    described: Layout = {"automargin": True, "fixedrange": True, "zeroline": False} | more
    return described | ({"title": {"text": title, "standoff": 10}} if title else {})


def note(message: str, **where: Any) -> Layout:
    """Describe a text in a chart; ``message`` is escaped already."""
    return {"text": message, "showarrow": False} | where


def bars(  # noqa: PLR0913 (what a bar is made of)
    *,
    names: Sequence[str],
    values: Sequence[float],
    labels: Sequence[str],
    hovers: Sequence[str],
    styles: Sequence[palette.Style],
    axes: str = "",
) -> tuple[list[Trace], list[Layout]]:
    """Describe horizontal bars, each with its name above it, so that they fit any width.

    Args:
        names: What each is called; escaped.
        values: How long each is.
        labels: What stands at its end; escaped.
        hovers: What is told about it; escaped.
        styles: How each looks.
        axes: Number of the pair of axes, empty for the first.

    Returns:
        The traces, and the names as annotations. The vertical axis counts the
        bars from 0 downwards; see ``rows``.
    """
    # A trace for each look: Plotly takes no list of colours behind patterns.
    places: dict[palette.Style, list[int]] = {}
    for place, style in enumerate(styles):
        places.setdefault(style, []).append(place)
    pair = {"xaxis": f"x{axes}", "yaxis": f"y{axes}"} if axes else {}
    traces: list[Trace] = [
        {
            "type": "bar",
            "orientation": "h",
            "x": [values[place] for place in those],
            "y": those,
            "width": 0.4,
            "text": [labels[place] for place in those],
            "textposition": "outside",
            "cliponaxis": False,
            "hovertext": [hovers[place] for place in those],
            "hoverinfo": "text",
            "marker": {"color": style.colour, "pattern": pattern(style.pattern)},
            "showlegend": False,
            **pair,
        }
        for style, those in places.items()
    ]
    above = [
        note(
            name,
            x=0,
            xref=f"x{axes} domain",
            xanchor="left",
            xshift=-2,
            y=place - 0.2,
            yref=f"y{axes}",
            yanchor="bottom",
        )
        for place, name in enumerate(names)
    ]
    return traces, above


def pattern(shape: str) -> Layout:
    """Describe white marks on a bar, which tell it from others without its colour."""
    return {
        "shape": shape,
        "fillmode": "overlay",
        "size": 7,
        "solidity": 0.22,
        "fgcolor": "rgba(255, 255, 255, 0.8)",
    }


def colorbar(unit: str) -> Layout:
    """Describe the scale of a heatmap, at the bottom of the chart."""
    return {
        "orientation": "h",
        "thickness": 10,
        "len": 1,
        "y": 0,
        "yref": "container",
        "yanchor": "bottom",
        "ypad": 4,
        "outlinewidth": 0,
        "nticks": 5,
        "ticksuffix": f"\N{NO-BREAK SPACE}{unit}",
    }


def rows(number: int, **more: Any) -> Layout:
    """Describe the vertical axis of ``bars``."""
    return axis() | {
        "range": [number - 0.6, -0.7],
        "showticklabels": False,
        "showgrid": False,
        **more,
    }

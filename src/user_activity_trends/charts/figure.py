"""A figure from plain dictionaries: one construction, no theme of its own."""

from typing import Any, Protocol

Trace = dict[str, Any]
Layout = dict[str, Any]


class Figure(Protocol):
    """A ``plotly.graph_objects.Figure``, which is imported only where one is made."""

    def to_plotly_json(self) -> dict[str, Any]:
        """Return traces and layout as plain dictionaries."""
        ...


def drawn(title: str, traces: list[Trace], layout: Layout) -> Figure:
    """Make a figure whose title states the finding."""
    import plotly.graph_objects as go

    figure: Figure = go.Figure(
        {"data": traces, "layout": layout | {"title": {"text": title}, "template": {}}}
    )
    return figure


def empty(title: str) -> Figure:
    """Make a figure that says what is missing, and what turns it on."""
    return drawn(title, [], {"xaxis": {"visible": False}, "yaxis": {"visible": False}})

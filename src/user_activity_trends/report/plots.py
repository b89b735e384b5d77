"""The page's charts: their data as JSON that a script tag can hold, and their legends."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from user_activity_trends.charts import palette, text
from user_activity_trends.charts.figure import Figure
from user_activity_trends.report.sources import Source, source


@dataclass(frozen=True)
class Entry:
    """One line of a legend."""

    name: str
    kind: str
    """``line``, ``marker`` or ``bar``."""
    colour: str
    symbol: str
    dash: str
    pattern: str


@dataclass(frozen=True)
class Plot:
    """One chart of the page."""

    id: str
    finding: str
    how: str
    legend: tuple[Entry, ...]
    sources: tuple[Source, ...]
    file: str
    least_width: int
    content: dict[str, Any]


def plot(
    name: str, figure: Figure, how: str, *tables: str, names: Mapping[str, str] | None = None
) -> Plot:
    """Take a figure apart: the page has its title and its legend as text of its own.

    Args:
        name: Its name in the catalog.
        figure: The figure.
        how: How to read it.
        tables: Datasets that it is drawn from.
        names: What is shortened in the chart, and in full.

    Returns:
        What the page needs to draw it.
    """
    content = json.loads(json.dumps(figure.to_plotly_json(), default=_as_list))
    layout = content["layout"]
    finding = text.plain(layout.pop("title")["text"])
    legend = tuple(_entry(one, names or {}) for one in content["data"] if one.get("name"))
    with_legend = bool(layout.get("showlegend")) and len(legend) > 0
    layout["showlegend"] = False
    return Plot(
        id=name,
        finding=finding,
        how=how,
        legend=legend if with_legend else (),
        sources=tuple(source(table) for table in tables),
        file=f"08_reporting/charts/{name}.json",
        least_width=_least_width(content),
        content={"data": content["data"], "layout": layout},
    )


def _as_list(value: Any) -> Any:
    return value.tolist()


def _least_width(content: dict[str, Any]) -> int:
    """Return below how many pixels a heatmap's cells could not hold the numbers in them."""
    widths = [180 + 40 * len(one["x"]) for one in content["data"] if "texttemplate" in one]
    return max(widths, default=0)


def _entry(trace: dict[str, Any], names: Mapping[str, str]) -> Entry:
    line, marker = trace.get("line") or {}, trace.get("marker") or {}
    kind = "bar" if trace["type"] == "bar" else "line" if "lines" in trace["mode"] else "marker"
    outline = marker.get("line") or {}
    colour = line.get("color") or marker.get("color")
    symbol = str(marker.get("symbol", "circle")) if "markers" in trace.get("mode", "") else ""
    if symbol.startswith("line") or (kind == "marker" and outline.get("color")):
        colour = outline["color"]
        symbol += "-open" if symbol == "diamond" else ""
    return Entry(
        name=names.get(trace["name"], text.plain(trace["name"])),
        kind=kind,
        colour=colour if isinstance(colour, str) else palette.NEUTRAL,
        symbol=symbol,
        dash=str(line.get("dash", "solid")),
        pattern=str((marker.get("pattern") or {}).get("shape") or "") if kind == "bar" else "",
    )


def embedded(plots: list[Plot]) -> str:
    """Write the charts' data for a script tag: nothing in it can end the tag or begin a comment."""
    written = json.dumps(
        {one.id: one.content for one in plots},
        separators=(",", ":"),
        ensure_ascii=True,
        allow_nan=False,
    )
    return written.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")

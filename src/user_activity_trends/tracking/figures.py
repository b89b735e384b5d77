"""Figures as one page that needs no network, so that they open wherever the artifact does."""

from collections.abc import Collection, Mapping
from html import escape
from typing import Any


def page(figures: Mapping[str, Any], version: str) -> str:
    """Return an HTML page with all figures, and Plotly's script once.

    Args:
        figures: Plotly figures by their name in the catalog.
        version: Of the model that they show.
    """
    parts = [
        figure.to_html(full_html=False, include_plotlyjs=number == 0, div_id=name)
        for number, (name, figure) in enumerate(figures.items())
    ]
    title = escape(f"Figures of model {version}")
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"</head><body>{''.join(parts)}</body></html>"
    )


def figures_of(catalog: Any, names: Collection[str]) -> dict[str, Any]:
    """Return the Plotly figures among some datasets of the catalog, in its order."""
    kinds = {name: type(catalog[name]).__module__ for name in catalog if name in names}
    return {
        name: catalog.load(name)
        for name, kind in kinds.items()
        if kind.startswith("kedro_datasets.plotly")
    }

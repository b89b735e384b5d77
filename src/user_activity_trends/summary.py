"""The short table at the end of a run, and the same as data."""

from collections.abc import Collection
from pathlib import PurePosixPath
from typing import Any

from kedro.io import CatalogProtocol

RESULTS = (
    "session_segments",
    "segment_profiles",
    "new_session_segments",
    "segmentation_model",
    "rejected_sessions",
    "data_quality",
)
"""Datasets that people look for after a run, in this order."""


def collect(
    catalog: CatalogProtocol,
    produced: Collection[str],
    *,
    run_id: str,
    recipe: str,
    seconds: dict[str, float],
) -> dict[str, Any]:
    """Gather what the run did from what it wrote.

    Args:
        catalog: The catalog of the run.
        produced: Names of the datasets that the run wrote.
        run_id: Its id, which is also the version of its versioned datasets.
        recipe: Name of the recipe in use.
        seconds: Seconds spent in the nodes of each stage, and ``total``.

    Returns:
        ``run_summary``: ``run_id``, ``recipe``, ``seconds``, ``results`` (where
        they are) and, if the run made them, ``rows``, ``clusters``,
        ``segments`` and ``new_sessions``.
    """
    found: dict[str, Any] = {"run_id": run_id, "recipe": recipe}
    if "data_quality" in produced:
        quality = catalog.load("data_quality")
        names = ("rows_read", "rows_accepted", "rows_rejected")
        found["rows"] = {"file": quality["file"]} | {name: quality[name] for name in names}
    if "cluster_choice" in produced:
        choice = catalog.load("cluster_choice")
        found["clusters"] = {"k": choice["k"], "verdict": choice["verdict"]}
    if "segment_profiles" in produced:
        profiles = catalog.load("segment_profiles")
        names = ("segment", "segment_name", "sessions", "share", "outcome_rate")
        found["segments"] = profiles[[n for n in names if n in profiles]].to_dict("records")
    if "new_session_segments" in produced:
        scored = catalog.load("new_session_segments")
        found["new_sessions"] = {
            "file": getattr(catalog["new_sessions"], "file", None),
            "rows": len(scored),
            "scored": int(scored["segment"].notna().sum()),
            "unusual": int(scored["unusual"].fillna(value=False).sum()),
        }
    found["results"] = {name: _where(catalog[name]) for name in RESULTS if name in produced}
    found["seconds"] = {stage: round(spent, 3) for stage, spent in seconds.items()}
    return found


def _where(dataset: Any) -> str:
    path = dataset._filepath  # noqa: SLF001 (file datasets of Kedro have no public name for it)
    version = dataset.resolve_save_version()
    return str(path / version / path.name if version else PurePosixPath(path))


def show(summary: dict[str, Any]) -> None:
    """Print the summary on the terminal."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in _lines(summary):
        # Text, because names and paths come from outside and may look like markup.
        table.add_row(name, Text(value))
    console.print()
    console.print(table)


def _lines(summary: dict[str, Any]) -> list[tuple[str, str]]:
    lines = []
    if rows := summary.get("rows"):
        lines.append(
            (
                "sessions",
                f"{rows['rows_read']:,} read, {rows['rows_accepted']:,} accepted, "
                f"{rows['rows_rejected']:,} rejected",
            )
        )
    if clusters := summary.get("clusters"):
        lines.append(("segments", clusters["verdict"]))
    for one in summary.get("segments", []):
        rate = f", outcome {one['outcome_rate']:.1%}" if "outcome_rate" in one else ""
        lines.append(
            (
                f"  {one['segment']}",
                f"{one['segment_name']}: {one['sessions']:,} sessions ({one['share']:.1%}){rate}",
            )
        )
    if new := summary.get("new_sessions"):
        told = f"{new['rows']:,} read, {new['scored']:,} scored, {new['unusual']:,} unusual"
        none = "no file given (new_sessions_file), so nothing was scored"
        lines.append(("new sessions", told if new["file"] else none))
    lines += [(name.replace("_", " "), path) for name, path in summary["results"].items()]
    seconds = ", ".join(f"{stage} {spent:.1f}" for stage, spent in summary["seconds"].items())
    return [*lines, ("seconds", seconds)]

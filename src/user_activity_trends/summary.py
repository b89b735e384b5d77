"""The short table at the end of a run, and the same as data."""

from collections.abc import Collection, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from kedro.io import CatalogProtocol

from user_activity_trends.files.session_table import SessionTableDataset
from user_activity_trends.locations import is_sample

RESULTS = (
    "report",
    "recipe_comparison",
    "recipe_comparison_chart",
    "session_segments",
    "segment_profiles",
    "segment_trends",
    "new_session_segments",
    "segmentation_model",
    "rejected_sessions",
    "data_quality",
)
"""Datasets that people look for after a run, in this order."""

_ORDER = (
    *("run_id", "recipe", "rows", "clusters", "judged", "in_use", "segments", "new_sessions"),
    *("comparison", "results", "seconds"),
)
_ROWS = ("rows_read", "rows_accepted", "rows_rejected")
_BY_MODEL_IN_USE = {"champion", "session_segments", "new_session_segments"}
_SEGMENT = ("segment", "segment_name", "sessions", "share", "outcome_rate")
_WIDTH = 1_000
"""Columns of the table where there is no terminal: no path is ever cut in two."""


def collect(
    catalog: CatalogProtocol[Any, Any],
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
        ``run_summary``: ``run_id``, ``recipe``, ``results`` (where they are),
        ``seconds`` and, if the run made them, ``rows``, ``clusters``, ``judged``
        (how the new model stood before the gates), ``in_use`` (version of the
        model in use), ``segments``, ``new_sessions`` and ``comparison``.
    """
    found: dict[str, Any] = {"run_id": run_id, "recipe": recipe}
    if "data_quality" in produced:
        quality = catalog.load("data_quality")
        found["rows"] = {"file": quality["file"]} | {name: quality[name] for name in _ROWS}
        if quality.get("duplicates") == "dropped":
            found["rows"]["duplicates_dropped"] = quality["duplicate_rows"]
    # That of the model in use, whose segments are shown, if the run has labelled sessions.
    known = [name for name in ("choice_in_use", "cluster_choice") if name in produced]
    if known:
        choice = catalog.load(known[0])
        found["clusters"] = {"k": choice["k"], "verdict": choice["verdict"]}
    if "promotion_report" in produced:
        found["judged"] = catalog.load("promotion_report")["in_words"]
    if _BY_MODEL_IN_USE & {*produced}:
        found["in_use"] = catalog.load("champion")["version"]
    if "segment_profiles" in produced:
        profiles = catalog.load("segment_profiles")
        shown = [name for name in _SEGMENT if name in profiles]
        found["segments"] = profiles[shown].to_dict("records")
    if "new_session_segments" in produced:
        scored = catalog.load("new_session_segments")
        found["new_sessions"] = {
            "file": _source(catalog["new_sessions"]),
            "rows": len(scored),
            "scored": int(scored["segment"].notna().sum()),
            "unusual": int(scored["unusual"].fillna(value=False).sum()),
        }
    if "recipe_comparison" in produced:
        found["comparison"] = _comparison(catalog.load("recipe_comparison"))
    # Of models, the one in use: nobody looks for one that was refused.
    of_models = {"segmentation_model": found["in_use"]} if "champion" in produced else {}
    found["results"] = {
        name: _where(catalog[name], of_models.get(name))
        for name in RESULTS
        if name in produced or name in of_models
    }
    found["seconds"] = {stage: round(spent, 3) for stage, spent in seconds.items()}
    return found


def _comparison(table: Any) -> dict[str, Any]:
    """Take what decides between recipes, and the number of segments, off the table."""
    from user_activity_trends.segmentation.criteria import in_words, recipes_of

    told = table[table["compared"] | (table["criterion"] == "k")]
    names = recipes_of(table)
    return {
        "verdict": in_words(table),
        "criteria": [
            {"criterion": row["criterion"], "values": {name: row[name] for name in names}}
            | {"better": row["better"] if isinstance(row["better"], str) else ""}
            for row in told.to_dict("records")
        ],
    }


def joined(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Make one summary of what the tasks of one run have told.

    Args:
        parts: The summary of each task that has ended, in the order of the pipeline.

    Returns:
        What one process that ran all of them would have told.
    """
    whole: dict[str, Any] = {}
    results: dict[str, str] = {}
    seconds: dict[str, float] = {}
    for part in parts:
        whole |= part
        results |= part["results"]
        for stage, spent in part["seconds"].items():
            seconds[stage] = round(seconds.get(stage, 0) + spent, 3)
    total = seconds.pop("total")
    whole["results"] = {name: results[name] for name in RESULTS if name in results}
    whole["seconds"] = seconds | {"total": total}
    return {name: whole[name] for name in _ORDER if name in whole}


def _source(dataset: Any) -> str | None:
    """Return where sessions to score came from; None if no file was given."""
    return dataset.file if isinstance(dataset, SessionTableDataset) else _where(dataset)


def _where(dataset: Any, version: str | None = None) -> str:
    """Return the place of what the run wrote, or of another version."""
    if not hasattr(dataset, "_filepath"):
        return type(dataset).__name__
    # Kedro has no public name for either.
    path, protocol = PurePosixPath(dataset._filepath), dataset._protocol  # noqa: SLF001
    version = version or dataset.resolve_save_version()
    where = path / version / path.name if version else path
    return str(where) if protocol == "file" else f"{protocol}://{where}"


def show(summary: dict[str, Any]) -> None:
    """Print the summary on standard output."""
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _WIDTH
    console.print()
    for block in (_facts(summary), _segments(summary), _criteria(summary), _results(summary)):
        if block.row_count:
            console.print(block)
            console.print()


def _facts(summary: dict[str, Any]) -> Any:
    table = _two_columns()
    if rows := summary.get("rows"):
        read, accepted, rejected = (rows[name] for name in _ROWS)
        told = f"{read:,} read, {accepted:,} accepted, {rejected:,} rejected"
        if is_sample(rows.get("file")):
            told += " (the embedded synthetic sample)"
        if dropped := rows.get("duplicates_dropped"):
            told += f", {dropped:,} duplicates dropped"
        _add(table, "sessions", told)
    if clusters := summary.get("clusters"):
        _add(table, "segments", clusters["verdict"])
    if in_use := summary.get("in_use"):
        judged = summary.get("judged")
        _add(table, "model", f"{judged} " * bool(judged) + f"{in_use} is in use.")
    if comparison := summary.get("comparison"):
        _add(table, "recipes", comparison["verdict"])
    if new := summary.get("new_sessions"):
        told = f"{new['rows']:,} read, {new['scored']:,} scored, {new['unusual']:,} unusual"
        none = "none: no file is given (new_sessions_file), so nothing was scored"
        _add(table, "new sessions", told if new["file"] else none)
    return table


def _segments(summary: dict[str, Any]) -> Any:
    from rich.table import Table

    from user_activity_trends.segmentation.trends import LEAST_SESSIONS

    segments = summary.get("segments", [])
    with_outcome = any("outcome_rate" in one for one in segments)
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("segment", justify="right")
    table.add_column("name", overflow="fold")
    for name in ("sessions", "share") + (("outcome",) if with_outcome else ()):
        table.add_column(name, justify="right", no_wrap=True)
    for one in segments:
        few = one["sessions"] < LEAST_SESSIONS
        rate = ["-" if few else f"{one['outcome_rate']:.1%}"] if with_outcome else []
        numbers = [f"{one['sessions']:,}", f"{one['share']:.1%}", *rate]
        table.add_row(str(one["segment"]), _literal(one["segment_name"]), *numbers)
    return table


def _criteria(summary: dict[str, Any]) -> Any:
    from rich.table import Table

    from user_activity_trends.charts.comparison import written
    from user_activity_trends.segmentation.criteria import criterion

    told = summary.get("comparison", {}).get("criteria", [])
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("criterion")
    for name in told[0]["values"] if told else ():
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("better")
    for one in told:
        about = criterion(one["criterion"])
        values = [written(about.unit, value) for value in one["values"].values()]
        table.add_row(about.label, *values, one["better"].replace(",", ", "))
    return table


def _results(summary: dict[str, Any]) -> Any:
    table = _two_columns()
    here = PurePosixPath(Path.cwd())
    for name, path in summary["results"].items():
        inside = PurePosixPath(path).is_relative_to(here)
        _add(table, name, str(PurePosixPath(path).relative_to(here)) if inside else path)
    stages = ", ".join(f"{stage} {spent:.1f}" for stage, spent in summary["seconds"].items())
    _add(table, "seconds", stages)
    return table


def _two_columns() -> Any:
    from rich.table import Table

    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    return table


def _add(table: Any, name: str, value: str) -> None:
    table.add_row(name, _literal(value))


def _literal(value: str) -> Any:
    """Keep names and paths, which come from outside, from being read as markup."""
    from rich.text import Text

    return Text(value)

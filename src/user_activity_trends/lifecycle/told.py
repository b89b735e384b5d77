"""What ``kedro models`` prints."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
from kedro.io import DatasetError

from user_activity_trends.errors import ChampionError, ModelMismatchError
from user_activity_trends.lifecycle.judgement import failed_gates
from user_activity_trends.lifecycle.store import ModelStore
from user_activity_trends.segmentation import challenge
from user_activity_trends.segmentation.scorer import SegmentScorer

_METRICS = ("k", "sessions", "sse", "silhouette", "davies_bouldin", "calinski_harabasz")
_WIDTH = 1_000
"""Columns where there is no terminal: nothing is cut in two."""


def show(*blocks: Any) -> None:
    """Print tables and sentences on standard output."""
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _WIDTH
    for block in blocks:
        console.print(block if not isinstance(block, str) else _literal(block))


def models(store: ModelStore) -> list[Any]:
    """List all versions, the oldest first; a champion that cannot be read is told of."""
    try:
        champion, warnings = store.champion(), []
    except ChampionError as error:
        champion, warnings = None, [str(error)]
    table = _table(
        ("", "version", "trained", "sessions", "k", "silhouette", "least stable", "gates")
    )
    shown = set[str]()
    for version in store.versions():
        try:
            record, report = store.record(version), store.report(version)
        except (ModelMismatchError, DatasetError, ChampionError) as error:
            told = error.__cause__ if isinstance(error, DatasetError) else error
            warnings.append(f"{version} cannot be read: {told}")
            continue
        shown.add(version)
        refused = [] if report is None else failed_gates(report)
        said = "not judged" if report is None else "passed"
        in_use = champion is not None and champion.version == version
        stable = (report or {}).get("models", {}).get("candidate", {}).get("minimum_jaccard")
        _row(
            table,
            "in use" if in_use else "",
            version,
            record.trained,
            f"{record.data.rows:,}",
            str(record.metrics["k"]),
            _number(record.metrics["silhouette"]),
            _number(stable),
            f"refused: {', '.join(refused)}" if refused else said,
        )
    if champion is not None and champion.version not in shown:
        warnings.append(
            f"champion names {champion.version}, which is not there or cannot be read, so nothing "
            "can be labelled; restore it, or name another: kedro models promote VERSION"
        )
    for version in store.incomplete():
        in_use = champion is not None and champion.version == version
        lacking = f"incomplete: no {', '.join(store.missing(version))}"
        _row(table, "in use" * in_use, version, "", "", "", "", "", lacking)
    return [*warnings, table]


def model(store: ModelStore, version: str) -> list[Any]:
    """Show one version: what it was made of, its segments, its gates, and its times in use."""
    record, scorer, report = store.record(version), store.scorer(version), store.report(version)
    facts = _table(("", ""), head=False)
    git = record.git.revision or "not known"
    for name, value in (
        ("version", version),
        ("model", record.model),
        ("trained", record.trained),
        ("recipe", record.recipe),
        ("based on", record.based_on or "no earlier model"),
        ("sessions", f"{record.data.rows:,} of {record.data.file}"),
        ("columns", ", ".join(record.data.columns)),
        ("sha256 of them", record.data.sha256),
        ("code", git + " (changed)" * bool(record.git.changed)),
        ("packages", ", ".join(f"{name} {of}" for name, of in record.packages.items())),
        *((name, _number(record.metrics[name])) for name in _METRICS),
    ):
        _row(facts, name, str(value))
    segments = _table(("segment", "name", "colour", "origin"))
    lineage = {one.segment: one for one in store.identities(version).segments}
    for one in scorer.segments:
        known = lineage[one.segment]
        origin: str = known.origin
        if known.came_from and known.came_from != (one.segment,):
            origin += f" from {', '.join(map(str, known.came_from))}"
        _row(segments, str(one.segment), one.segment_name, one.colour, origin)
    return [facts, segments, *_gates(report), *_reigns(store, version)]


def _gates(report: dict[str, Any] | None) -> list[Any]:
    if report is None:
        return ["It never stood before the gates."]
    table = _table(("gate", "", "figure", "limit", "in words"))
    for one in report["gates"]:
        said = "passed" if one["passed"] else "missed"
        _row(
            table, one["gate"], said, _number(one["figure"]), _number(one["limit"]), one["in_words"]
        )
    return [table, report["in_words"]]


def _reigns(store: ModelStore, version: str) -> list[Any]:
    champion = store.champion()
    history = champion.history if champion else ()
    ends = [f" to {one.since}" for one in history[1:]] + [" until now"]
    own = [
        f"In use from {one.since}{end}: {one.how}, {one.why}"
        for one, end in zip(history, ends[: len(history)], strict=True)
        if one.version == version
    ]
    return own or ["It never was in use."]


def comparison(store: ModelStore, one: str, other: str, sessions: pd.DataFrame | None) -> list[Any]:
    """Compare two versions by what their trainings said, and on the same sessions."""
    records = [store.record(version) for version in (one, other)]
    scorers = [store.scorer(version) for version in (one, other)]
    table = _table(("", one, other))
    for name in _METRICS:
        _row(table, name, *(_number(record.metrics[name]) for record in records))
    _row(table, "recipe", *(record.recipe for record in records))
    _row(table, "segments", *(_segments(scorer) for scorer in scorers))
    blocks: list[Any] = [table]
    changed = _differences(records[0].parameters, records[1].parameters)
    if changed:
        settings = _table(("setting", one, other))
        for name, values in changed.items():
            _row(settings, name, *map(str, values))
        blocks.append(settings)
    lacking = (
        []
        if sessions is None
        else sorted({name for scorer in scorers for name in scorer.lacking(sessions)})
    )
    if sessions is None or lacking:
        why = f"they lack {', '.join(lacking)}" if lacking else "there are none"
        return [*blocks, f"Not compared on the sessions of the last run: {why}."]
    found = [challenge.see(scorer, sessions) for scorer in scorers]
    told = challenge.between(found[1], found[0])
    blocks.append(
        f"On the {len(sessions):,} sessions of the last run: adjusted Rand index "
        f"{told['adjusted_rand']:.3f}; {told['changed']:.2%} of the sessions have another segment "
        f"(95 %: {told['changed_low']:.2%} to {told['changed_high']:.2%})."
    )
    if told["moved"]:
        moves = _table(("segment", "feature", "before", "after", "shift (scaled)"))
        for move in told["moved"]:
            _row(
                moves,
                str(move["segment"]),
                move["feature"],
                _number(move["before"]),
                _number(move["after"]),
                f"{move['shift']:+.3f}",
            )
        blocks.append(moves)
    return blocks


def _segments(scorer: SegmentScorer) -> str:
    return "; ".join(f"{one.segment} {one.segment_name}" for one in scorer.segments)


def _differences(
    one: dict[str, Any], other: dict[str, Any], path: str = ""
) -> dict[str, tuple[Any, Any]]:
    """Name the settings that differ, by their path."""
    found: dict[str, tuple[Any, Any]] = {}
    for name in sorted({*one, *other}):
        a, b = one.get(name), other.get(name)
        if isinstance(a, dict) and isinstance(b, dict):
            found |= _differences(a, b, f"{path}{name}.")
        elif a != b:
            found[f"{path}{name}"] = (a, b)
    return found


def _number(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:.4g}"


def _table(columns: Sequence[str], *, head: bool = True) -> Any:
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0), show_header=head)
    for name in columns:
        table.add_column(name, overflow="fold")
    return table


def _row(table: Any, *cells: str) -> None:
    table.add_row(*map(_literal, cells))


def _literal(value: str) -> Any:
    """Keep names, which come from outside, from being read as markup."""
    from rich.text import Text

    return Text(value)

"""The page's tables: what a person reads in each cell, and what is copied."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from user_activity_trends.charts.choice import CRITERIA
from user_activity_trends.charts.rows import is_missing, rows_of
from user_activity_trends.charts.wording import (
    NONE,
    count,
    number,
    p_value,
    percent,
    points,
    signed,
)
from user_activity_trends.report.sources import Source, source
from user_activity_trends.segmentation.trends import LEAST_SESSIONS
from user_activity_trends.sessions.columns import ColumnsParams

MOST_ROWS = 1_000
"""Rows of a table on the page; its file has all of them."""

MOST_BESIDE = 4
"""Segments whose features stand beside each other; those of more would not fit on paper."""


@dataclass(frozen=True)
class Cell:
    """One cell: what is shown, and what is copied from it."""

    shown: str
    copied: str
    muted: bool = False
    head: bool = False
    swatch: int | None = None


@dataclass(frozen=True)
class Table:
    """One table of the page."""

    id: str
    caption: str
    columns: tuple[tuple[str, bool], ...]
    """Titles, and whether numbers are below."""
    rows: list[list[Cell]]
    source: Source
    note: str = ""
    left_out: int = field(default=0)


def _number(value: Any, written: Callable[[Any], str], *, muted: bool = False) -> Cell:
    if is_missing(value):
        return Cell(NONE, "", muted=True)
    plain = int(value) if isinstance(value, float) and value.is_integer() else value
    return Cell(written(value), str(plain), muted=muted)


def _text(value: Any, *, head: bool = False, muted: bool = False) -> Cell:
    written = "" if is_missing(value) else str(value)
    return Cell(written or NONE, written, muted=muted, head=head)


def _segment(row: dict[str, Any], *, head: bool = True, named: bool = True) -> list[Cell]:
    number = str(int(row["segment"]))
    cells = [Cell(number, number, head=head, swatch=int(row["segment"]))]
    return [*cells, _text(row["segment_name"])] if named else cells


def _cut(rows: list[list[Cell]]) -> tuple[list[list[Cell]], int]:
    return rows[:MOST_ROWS], max(0, len(rows) - MOST_ROWS)


_SEGMENT: tuple[tuple[str, bool], ...] = (("Segment", True), ("Name", False))


def profiles(table: pd.DataFrame) -> Table:
    """Show size, conversion, stability and rule of each segment."""
    with_outcome = "outcome_rate" in table
    rows = []
    for row in rows_of(table):
        cells = [
            *_segment(row),
            _number(row["sessions"], count),
            _number(row["share"], percent),
        ]
        if with_outcome:
            few = row["sessions"] < LEAST_SESSIONS
            rates = ("outcome_rate", "ci_low", "ci_high")
            cells += [_number(None if few else row[name], percent) for name in rates]
        cells += [
            _number(row["stability"], "{:.2f}".format),
            _text(row["rule"]),
            _number(row["rule_precision"], percent),
            _number(row["rule_recall"], percent),
        ]
        rows.append(cells)
    outcome = [("Converts", True), ("95 % from", True), ("to", True)] if with_outcome else []
    return Table(
        "profiles",
        "Segments: size, conversion, stability and rule",
        (
            *_SEGMENT,
            *(("Sessions", True), ("Share", True)),
            *outcome,
            *(("Stability (Jaccard)", True), ("Rule", False)),
            *(("Precision", True), ("Recall", True)),
        ),
        rows,
        source("segment_profiles"),
        note="Precision: of the sessions that fulfil the rule, how many are in the segment. "
        "Recall: of the segment's sessions, how many fulfil it. Intervals: Wilson, 95 %; a "
        f"segment of under {LEAST_SESSIONS} sessions has no rate here, but in the file.",
    )


def features(table: pd.DataFrame, columns: ColumnsParams) -> Table:
    """Show the mean and median of each feature in each segment, in the feature's unit."""
    names = [str(name).removeprefix("mean_") for name in table if str(name).startswith("mean_")]
    segments = rows_of(table)
    beside = len(segments) <= MOST_BESIDE
    rows: list[list[Cell]] = []
    for name in names:
        first = [_text(name, head=True), _text(columns.kinds.get(name, "number"))]
        measured = [
            [
                _number(row[f"mean_{name}"], number),
                _number(row.get(f"median_{name}"), number),
                _number(row.get(f"standing_{name}"), _signed),
            ]
            for row in segments
        ]
        if beside:
            rows.append([*first, *(cell for cells in measured for cell in cells)])
        else:
            rows += [
                [*first, *_segment(row, head=False, named=False), *cells]
                for row, cells in zip(segments, measured, strict=True)
            ]
    titles: list[tuple[str, bool]] = [("Feature", False), ("Kind", False)]
    measures = ("Mean", "Median", "Standing")
    if beside:
        of = (f"segment {row['segment']}" for row in segments)
        titles += [(f"{measure}, {one}", True) for one in of for measure in measures]
    else:
        titles += [("Segment", True), *((measure, True) for measure in measures)]
    return Table(
        "features",
        "Features of each segment, in their own units",
        tuple(titles),
        rows,
        source("segment_profiles"),
        note="Standing: the segment's mean minus that of all sessions, in standard deviations "
        "of all sessions.",
    )


def _signed(value: float) -> str:
    return signed(value, 2)


def typical(table: pd.DataFrame) -> Table:
    """Show the sessions nearest to the centre of each segment."""
    known = ("segment", "segment_name", "rank", "session_id", "distance")
    names = [str(name) for name in table.columns if name not in known]
    rows = [
        [
            *_segment(row),
            _number(row["rank"], count),
            _text(row["session_id"]),
            _number(row["distance"], number),
            *(_number(row[name], number) for name in names),
        ]
        for row in rows_of(table)
    ]
    kept, left_out = _cut(rows)
    return Table(
        "typical",
        "Typical sessions: the nearest to each segment's centre",
        (
            *_SEGMENT,
            *(("Rank", True), ("Session", False), ("Distance", True)),
            *((name, True) for name in names),
        ),
        kept,
        source("typical_sessions"),
        note="Distance: Euclidean, in scaled units; features in their own.",
        left_out=left_out,
    )


def votes(choice: dict[str, Any]) -> Table:
    """Show the k of each criterion, and what it is on shuffled tables."""
    shuffled = {"elbow": choice["permutations"]["elbows"]} | choice["permutations"]["votes"]
    rows = [
        [
            _text(CRITERIA[name], head=True),
            _number(vote, count),
            _text(", ".join(NONE if k is None else str(k) for k in shuffled.get(name, []))),
        ]
        for name, vote in choice["votes"].items()
    ]
    return Table(
        "votes",
        "The number of segments that each criterion votes for",
        (("Criterion", False), ("Vote", True), ("Votes on shuffled columns", False)),
        rows,
        source("choice_in_use"),
        note=f"{NONE}: no vote. Stability and prediction strength have none on shuffled columns.",
    )


_SCORES = (
    ("sse", "SSE", number),
    ("silhouette", "Silhouette", "{:.3f}".format),
    ("davies_bouldin", "Davies-Bouldin", "{:.3f}".format),
    ("calinski_harabasz", "Calinski-Harabasz", count),
    ("smallest_share", "Smallest segment", percent),
    ("stability_mean", "ARI, mean", "{:.3f}".format),
    ("stability_min", "ARI, minimum", "{:.3f}".format),
    ("prediction_strength", "Prediction strength", "{:.3f}".format),
    ("permuted_sse", "SSE, shuffled", number),
    ("permuted_silhouette", "Silhouette, shuffled", "{:.3f}".format),
    ("permuted_davies_bouldin", "Davies-Bouldin, shuffled", "{:.3f}".format),
    ("permuted_calinski_harabasz", "Calinski-Harabasz, shuffled", count),
)


def scores(curve: pd.DataFrame) -> Table:
    """Show every score of every number of segments."""
    shown = [one for one in _SCORES if one[0] in curve]
    rows = [
        [Cell(str(row["k"]), str(row["k"]), head=True)]
        + [_number(row[name], written) for name, _, written in shown]
        for row in rows_of(curve)
    ]
    return Table(
        "scores",
        "Scores of each number of segments (k)",
        (("k", True), *((title, True) for _, title, _ in shown)),
        rows,
        source("curve_in_use"),
        note="Higher is better, but for SSE and Davies-Bouldin. Shuffled: means over tables whose "
        "columns were shuffled one by one, so that no groups are left.",
    )


def trends(table: pd.DataFrame, calendar: Sequence[str]) -> Table:
    """Show each segment in each period; periods without sessions are named."""
    with_outcome = "conversion_rate" in table
    by_period: dict[str, list[dict[str, Any]]] = {}
    for row in rows_of(table):
        by_period.setdefault(str(row["period"]), []).append(row)
    width = 6 if with_outcome else 3
    rows: list[list[Cell]] = []
    shown = 0
    for period in calendar:
        if period not in by_period:
            gap = Cell(NONE, "", muted=True)
            told = Cell("no sessions", "no sessions", muted=True)
            rows.append([_text(period, head=True), gap, told, *[gap] * width])
        for row in by_period.get(period, []):
            first = [_text(period, head=True), *_segment(row, head=False)]
            shown += len(rows) < MOST_ROWS
            rows.append([*first, *_counted(row, with_outcome=with_outcome)])
    return Table(
        "trends",
        "Segments through time",
        (("Period", False), *_SEGMENT, *_counted_titles(with_outcome=with_outcome)),
        rows[:MOST_ROWS],
        source("segment_trends"),
        note=f"Grey: under {LEAST_SESSIONS} sessions, too few for a rate; the counts stay. "
        "Intervals: Wilson, 95 %.",
        left_out=len(table) - shown,
    )


def _counted(row: dict[str, Any], *, with_outcome: bool) -> list[Cell]:
    few = row["sessions"] < LEAST_SESSIONS
    cells = [
        _number(row["sessions"], count, muted=few),
        _number(row["share"], percent, muted=is_missing(row["share_low"])),
        _interval(row["share_low"], row["share_high"]),
    ]
    if with_outcome:
        cells += [
            _number(row["conversions"], count, muted=few),
            _number(row["conversion_rate"], percent),
            _interval(row["ci_low"], row["ci_high"]),
        ]
    return cells


def _interval(low: float, high: float) -> Cell:
    if is_missing(low) or is_missing(high):
        return Cell(NONE, "", muted=True)
    return Cell(f"{percent(low)} to {percent(high)}", f"{low} to {high}")


def _counted_titles(*, with_outcome: bool) -> list[tuple[str, bool]]:
    titles = [("Sessions", True), ("Share", True), ("95 % interval", True)]
    more = [("Conversions", True), ("Converts", True), ("95 % interval", True)]
    return titles + (more if with_outcome else [])


def trend_tests(table: pd.DataFrame) -> Table:
    """Show whether each segment's share and conversion have a trend."""
    measures = {"share": "Share of sessions", "conversion_rate": "Conversion"}
    rows = [
        [
            *_segment(row),
            _text(measures.get(row["measure"], row["measure"])),
            _number(row["periods"], count),
            _number(row["change_per_period"], points),
            _number(row["effect_size"], _signed),
            _number(row["p_value"], p_value),
        ]
        for row in rows_of(table)
    ]
    return Table(
        "trend-tests",
        "Trend of each segment over all periods",
        (
            *_SEGMENT,
            *(("Measure", False), ("Periods", True), ("Change a period", True)),
            *(("Effect r", True), ("p (Holm)", True)),
        ),
        rows,
        source("trend_tests"),
        note="Cochran-Armitage test for a trend in a proportion; effect r = z / √N, the "
        "correlation of period and outcome. How large r can get depends on the share itself: far "
        "below 1 where it is small or large. With many sessions a small change has a small p: "
        "judge by the change a period.",
    )


def changes(table: pd.DataFrame, trends: pd.DataFrame) -> Table:
    """Show what each change of the overall conversion is made of."""
    sessions = trends.groupby("period")["sessions"].sum()
    rows = []
    for row in rows_of(table):
        ends = (row["period_from"], row["period_to"])
        few = min(sessions[one] for one in ends) < LEAST_SESSIONS
        measured = (_number(row[name], points, muted=few) for name in ("change", "mix", "rate"))
        rows.append([*(_text(one, head=True) for one in ends), *measured])
    kept, left_out = _cut(rows)
    return Table(
        "changes",
        "Change of the overall conversion from period to period",
        (
            *(("From", False), ("To", False), ("Change", True)),
            *(("Mix of segments", True), ("Rates of segments", True)),
        ),
        kept,
        source("conversion_changes"),
        note="Change = mix + rate. Mix: what the shift of sessions between segments accounts for; "
        "rate: what changed within the segments (Kitagawa 1955, symmetric). Grey: to or from a "
        f"period of under {LEAST_SESSIONS} sessions, which says little.",
        left_out=left_out,
    )


def breakdowns(table: pd.DataFrame) -> list[Table]:
    """Show the segments by each dimension."""
    with_outcome = "conversion_rate" in table
    found = []
    for position, (dimension, part) in enumerate(table.groupby("dimension", sort=False), start=1):
        rows = [
            [
                _text(row["value"], head=True),
                *_segment(row, head=False),
                *_counted(row, with_outcome=with_outcome),
            ]
            for row in rows_of(part)
        ]
        kept, left_out = _cut(rows)
        found.append(
            Table(
                f"breakdown-{position}",
                f"Segments by {dimension}",
                (
                    (str(dimension), False),
                    *_SEGMENT,
                    *_counted_titles(with_outcome=with_outcome),
                ),
                kept,
                source("segment_breakdowns"),
                note="Share: of the sessions with that value.",
                left_out=left_out,
            )
        )
    return found


def migrations(table: pd.DataFrame) -> Table:
    """Show to which segment users move from each."""
    rows = [
        [
            Cell(
                str(row["segment_from"]),
                str(row["segment_from"]),
                head=True,
                swatch=row["segment_from"],
            ),
            Cell(
                str(row["segment_to"]), str(row["segment_to"]), head=True, swatch=row["segment_to"]
            ),
            _number(row["moves"], count),
            _number(row["share"], percent),
        ]
        for row in rows_of(table)
    ]
    return Table(
        "migrations",
        "From one session of a user to the next",
        (("From segment", True), ("To segment", True), ("Moves", True), ("Share", True)),
        rows,
        source("segment_migrations"),
        note="Share: of the moves from that segment. A user's sessions are in the order of their "
        "periods, and within a period in that of the file.",
    )


def reasons(data_quality: dict[str, Any]) -> Table:
    """Show why rows were rejected."""
    rows = [
        [_text(reason, head=True), _number(cells, count)]
        for reason, cells in data_quality["defects_by_reason"].items()
    ]
    kept, left_out = _cut(rows)
    return Table(
        "reasons",
        "Cells with a defect, by column and reason",
        (("Column and reason", False), ("Cells", True)),
        kept,
        source("data_quality"),
        note="Each single cell is in rejected_sessions, 02_intermediate/rejected_sessions.csv.",
        left_out=left_out,
    )


def ranges(data_quality: dict[str, Any]) -> Table:
    """Show the range of each feature."""
    rows = [
        [_text(name, head=True), *(_number(one[part], number) for part in ("min", "mean", "max"))]
        for name, one in data_quality["ranges"].items()
    ]
    return Table(
        "ranges",
        "Range of each feature among the accepted sessions",
        (("Feature", False), ("Lowest", True), ("Mean", True), ("Highest", True)),
        rows,
        source("data_quality"),
    )

"""Charts of how segments move through time."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import pandas as pd

from user_activity_trends.charts import figure, palette, text
from user_activity_trends.charts.figure import Figure, Layout, Trace
from user_activity_trends.charts.rows import Row, is_missing, rows_of
from user_activity_trends.charts.segments import label
from user_activity_trends.charts.wording import count, percent, points
from user_activity_trends.segmentation.moves import Change, largest_change, largest_move
from user_activity_trends.segmentation.trends import LEAST_SESSIONS

NO_PERIOD = "columns.period is not set in parameters.yml; name the column that says when"
NO_OUTCOME = "columns.outcome is not set in parameters.yml; name the column that is true or false"
_MOST_TICKS = 16
_MOST_NOTES = 24
_MOST_CELLS = 24
_LABEL_GAP = 0.055
MOST_TOLD = 400
"""Periods beyond which marks are thin, have no text of their own and few digits."""


def shares(trends: pd.DataFrame, calendar: Sequence[str]) -> Figure:
    """Draw each segment's share of the sessions of each period.

    Args:
        trends: ``segment_trends``.
        calendar: All periods in order, those without sessions as well.

    Returns:
        One line a segment with intervals; beyond eight segments a heatmap.
    """
    if trends.empty:
        return figure.empty("No shares through time: the sessions have no period", NO_PERIOD)
    return _through_time(
        trends,
        calendar,
        _SHARE,
        _moves(trends, "share", "Share of the sessions"),
    )


def conversions(trends: pd.DataFrame, calendar: Sequence[str], period: str | None) -> Figure:
    """Draw how many sessions of each segment converted in each period.

    Args:
        trends: ``segment_trends``.
        calendar: All periods in order, those without sessions as well.
        period: Column of the period, if there is one.

    Returns:
        One line a segment with intervals, and one for all sessions; beyond
        eight segments a heatmap.
    """
    if "conversion_rate" not in trends:
        return figure.empty("No conversion: the sessions have no outcome", NO_OUTCOME)
    if period is None or trends.empty:
        return figure.empty("No conversion through time: the sessions have no period", NO_PERIOD)
    return _through_time(
        trends,
        calendar,
        _CONVERSION,
        _moves(trends, "conversion_rate", "Conversion"),
    )


def _moves(trends: pd.DataFrame, column: str, what: str) -> str:
    present = trends["period"].unique()
    if len(present) == 1:
        return f"{what} in the one period, {text.shortened(present[0])}: nothing to compare it with"
    found = largest_move(trends, column)
    if found is None:
        few = (
            f"fewer than two periods have {LEAST_SESSIONS} sessions or more"
            if column == "share"
            else f"no segment has {LEAST_SESSIONS} sessions or more in two periods"
        )
        return f"{what}: {few}, too few to tell a move"
    if found.before == found.after:
        return f"{what} of each segment is the same in every period"
    start, end = text.shortened(found.period_from), text.shortened(found.period_to)
    if not found.clear:
        return (
            f"{what}: no clear move; the largest, of segment {found.segment} from "
            f"{percent(found.before)} in {start} to {percent(found.after)} in {end}, is within "
            "what chance makes"
        )
    way = "rises" if found.after > found.before else "falls"
    return (
        f"{what} {way} most in segment {found.segment}: from {percent(found.before)} in {start} "
        f"to {percent(found.after)} in {end}"
    )


@dataclass(frozen=True)
class _Measure:
    """What is drawn through time: its columns, and the words for it."""

    value: str
    low: str
    high: str
    axis: str


_SHARE = _Measure("share", "share_low", "share_high", "Share of the period's sessions (%)")
_CONVERSION = _Measure("conversion_rate", "ci_low", "ci_high", "Sessions that convert (%)")


def _through_time(
    trends: pd.DataFrame, calendar: Sequence[str], measure: _Measure, title: str
) -> Figure:
    segments = sorted({int(one) for one in trends["segment"]})
    if len(segments) > palette.MOST:
        return _grid(trends, calendar, measure, title)
    many = len(calendar) > MOST_TOLD
    cells = {(row["segment"], row["period"]): row for row in rows_of(trends)}
    traces: list[Trace] = []
    few: list[tuple[float, str]] = []
    ends: list[tuple[int, float, float]] = []
    if measure is _CONVERSION:
        traces.append(_all_sessions(trends, calendar))
    for position, segment in enumerate(segments):
        shift = (position - (len(segments) - 1) / 2) * min(0.5 / len(segments), 0.09)
        found = [(at + shift, cells.get((segment, period))) for at, period in enumerate(calendar)]
        traces.append(_line(found, palette.style(segment, len(segments)), measure))
        few += [
            (round(at, 4), "" if many else _told(row, measure))
            for at, row in found
            if row and is_missing(row[measure.value])
        ]
        known = [(at, row[measure.value]) for at, row in found if row]
        known = [(at, 100 * value) for at, value in known if not is_missing(value)]
        ends += [(segment, *known[-1])] if known else []
    if few and measure is _CONVERSION:
        traces.append(_too_few(few))
    drawn = trends[[measure.value, measure.high]].max().max()
    highest = 0.0 if is_missing(drawn) else 100 * float(drawn)
    top = 1.08 * max([highest, *(value for value in traces[0]["y"] if value)]) or 10.0
    layout: Layout = {
        "xaxis": _calendar_axis(calendar),
        "yaxis": figure.axis(measure.axis, range=[-0.04 * top, top], nticks=6),
        **_absences(trends, calendar, _numbers(ends, top)),
        "showlegend": True,
        "height": 440,
    }
    return figure.drawn(title, _thinned(traces) if many else traces, layout)


def _thinned(traces: Sequence[Trace]) -> list[Trace]:
    """Leave out what nobody sees of thousands of marks, so that the page stays small."""
    return [_thin(trace) for trace in traces]


def _thin(trace: Trace) -> Trace:
    thin = {name: part for name, part in trace.items() if name not in {"hovertext", "text"}}
    for name in {"x", "y", "base", "width"} & {*thin}:
        thin[name] = _rounded(thin[name])
    if "error_y" in thin:
        ends = {name: _rounded(thin["error_y"][name]) for name in ("array", "arrayminus")}
        thin["error_y"] = thin["error_y"] | ends | {"thickness": 0.5}
    if "size" in thin.get("marker", {}):
        thin["marker"] = thin["marker"] | {"size": 3}
    return thin | ({"hoverinfo": "y+name"} if trace["hoverinfo"] == "text" else {})


def _rounded(values: Any) -> Any:
    if not isinstance(values, list):
        return values
    return [None if value is None else round(value, 2) for value in values]


def _line(
    found: Sequence[tuple[float, Row | None]], style: palette.Style, measure: _Measure
) -> Trace:
    values: list[float | None] = []
    above: list[float | None] = []
    below: list[float | None] = []
    colours: list[str] = []
    for _, row in found:
        value, low, high = (
            (None if row is None or is_missing(row[name]) else 100 * float(row[name]))
            for name in (measure.value, measure.low, measure.high)
        )
        values.append(value)
        above.append(None if value is None or high is None else high - value)
        below.append(None if value is None or low is None else value - low)
        few = value is not None and low is None
        colours.append(palette.NEUTRAL if few else style.colour)
    named = next(row for _, row in found if row)
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": label(named["segment"], named["segment_name"]),
        "x": [round(at, 4) for at, _ in found],
        "y": values,
        "connectgaps": False,
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": above,
            "arrayminus": below,
            "width": 0,
            "thickness": 1.5,
            "color": style.colour,
        },
        "line": {"color": style.colour, "dash": style.dash, "width": 2},
        "marker": {
            "color": colours if palette.NEUTRAL in colours else style.colour,
            "symbol": style.symbol,
            "size": 9,
        },
        "hovertext": ["" if row is None else _told(row, measure) for _, row in found],
        "hoverinfo": "text",
    }


def _told(row: Row, measure: _Measure) -> str:
    value, low, high = (row[name] for name in (measure.value, measure.low, measure.high))
    parts = [
        text.literal(f"{row['segment']} · {row['segment_name']}"),
        text.literal(row["period"]),
    ]
    if is_missing(value):
        parts.append(f"no rate: {count(row['sessions'])} sessions, under {LEAST_SESSIONS}")
    else:
        told = percent(value)
        interval = f" ({percent(low)} to {percent(high)})"
        parts.append(told + ("" if is_missing(low) else interval))
        if is_missing(low):
            parts.append(f"no interval: under {LEAST_SESSIONS} sessions in the period")
        if measure is _CONVERSION:
            parts.append(f"{count(row['conversions'])} of {count(row['sessions'])} sessions")
        else:
            parts.append(f"{count(row['sessions'])} sessions")
    return text.lines(*parts)


def overall_rates(trends: pd.DataFrame) -> dict[str, float]:
    """Return the conversion rate of all sessions of each period that has 30 of them, in order."""
    sums = trends.groupby("period", sort=False)[["conversions", "sessions"]].sum()
    sums = sums[sums["sessions"] >= LEAST_SESSIONS]
    rates = sums["conversions"] / sums["sessions"]
    return {str(period): float(rate) for period, rate in rates.items()}


def _all_sessions(trends: pd.DataFrame, calendar: Sequence[str]) -> Trace:
    rates = overall_rates(trends)
    return {
        "type": "scatter",
        "mode": "lines",
        "name": "all sessions",
        "x": [*range(len(calendar))],
        "y": [100 * rates[period] if period in rates else None for period in calendar],
        "connectgaps": False,
        "line": {"color": palette.NEUTRAL, "dash": "dot", "width": 1.5},
        "hovertext": [
            text.lines("all sessions", text.literal(period), percent(rates.get(period)))
            for period in calendar
        ],
        "hoverinfo": "text",
    }


def _too_few(cells: list[tuple[float, str]]) -> Trace:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": f"under {LEAST_SESSIONS} sessions: no rate",
        "x": [at for at, _ in cells],
        "y": [0] * len(cells),
        "marker": {"symbol": "x-thin-open", "size": 8, "color": palette.NEUTRAL},
        "hovertext": [told for _, told in cells],
        "hoverinfo": "text",
    }


def _numbers(ends: list[tuple[int, float, float]], top: float) -> list[Layout]:
    """Write each segment's number at the end of its line, none upon another."""
    ordered = sorted(ends, key=lambda end: end[2])
    heights = spread([value for *_, value in ordered], _LABEL_GAP * top, top)
    return [
        figure.note(
            f"<b>{segment}</b>",
            x=round(at, 4),
            y=height,
            xanchor="left",
            xshift=6,
            font={"size": 13},
        )
        for (segment, at, _), height in zip(ordered, heights, strict=True)
    ]


def spread(values: Sequence[float], gap: float, top: float) -> list[float]:
    """Move sorted values apart, upwards, and down again from ``top``.

    >>> spread([0, 1, 10], 3, 20), spread([8, 9, 10], 3, 10)
    ([0, 3, 10], [4, 7, 10])
    """
    moved: list[float] = []
    for value in values:
        moved.append(max(value, moved[-1] + gap) if moved else value)
    for place in reversed(range(len(moved))):
        above = moved[place + 1] - gap if place + 1 < len(moved) else top
        moved[place] = min(moved[place], above)
    return moved


def _calendar_axis(calendar: Sequence[str]) -> Layout:
    step = math.ceil(len(calendar) / _MOST_TICKS)
    return figure.axis(
        "Period",
        tickvals=[*range(0, len(calendar), step)],
        ticktext=[text.name(period, 14) for period in calendar[::step]],
        range=[-0.5, len(calendar) - 1 + max(0.65, 0.075 * len(calendar))],
        showgrid=False,
    )


def absent_runs(present: Sequence[str], calendar: Sequence[str]) -> list[tuple[int, int]]:
    """Return the first and last place of each run of periods without sessions.

    >>> absent_runs(["Feb", "May"], ["Jan", "Feb", "Mar", "Apr", "May"])
    [(0, 0), (2, 3)]
    """
    known, runs = {*present}, []
    for is_present, run in groupby(enumerate(calendar), key=lambda one: one[1] in known):
        places = [place for place, _ in run]
        if not is_present:
            runs.append((places[0], places[-1]))
    return runs


def _absences(
    trends: pd.DataFrame, calendar: Sequence[str], notes: list[Layout]
) -> dict[str, list[Layout]]:
    runs = absent_runs(trends["period"].unique().tolist(), calendar)
    bands = [
        {
            "type": "rect",
            "x0": first - 0.45,
            "x1": last + 0.45,
            "y0": 0,
            "y1": 1,
            "yref": "y domain",
            "fillcolor": palette.BAND,
            "line": {"width": 0},
            "layer": "below",
        }
        for first, last in runs
    ]
    told = [
        figure.note(
            "no sessions",
            x=(first + last) / 2,
            y=0.5,
            yref="y domain",
            textangle=-90,
            font={"size": 11},
        )
        for first, last in runs
        if len(calendar) <= _MOST_NOTES
    ]
    return {"shapes": bands, "annotations": [*notes, *told]}


def _grid(trends: pd.DataFrame, calendar: Sequence[str], measure: _Measure, title: str) -> Figure:
    """Draw a heatmap: nobody follows more than eight lines."""
    cells = {(row["segment"], row["period"]): row for row in rows_of(trends)}
    names = {row["segment"]: row["segment_name"] for row in cells.values()}
    segments = sorted(names)
    values, written, hovers = [], [], []
    for segment in segments:
        found = [cells.get((segment, period)) for period in calendar]
        known = [
            None if row is None or is_missing(row[measure.low]) else 100 * row[measure.value]
            for row in found
        ]
        values.append(known)
        written.append([f"{value:.0f}" if value is not None else "" for value in known])
        hovers.append(["" if row is None else _told(row, measure) for row in found])
    trace: Trace = {
        "type": "heatmap",
        "z": values,
        "x": [*range(len(calendar))],
        "y": [*range(len(segments))],
        "zmin": 0,
        "colorscale": [[*stop] for stop in palette.SEQUENTIAL],
        "hovertext": hovers,
        "hoverinfo": "text",
        "hoverongaps": False,
        "xgap": 2 if len(calendar) <= _MOST_CELLS else 0,
        "ygap": 2,
        "colorbar": figure.colorbar("%"),
    }
    if len(calendar) > MOST_TOLD:
        del trace["hovertext"]
        trace |= {"hoverinfo": "z", "z": [_rounded(line) for line in values]}
    if len(calendar) <= _MOST_CELLS:
        trace |= {"text": written, "texttemplate": "%{text}"}
    layout = {
        "xaxis": _calendar_axis(calendar) | {"range": [-0.5, len(calendar) - 0.5]},
        "yaxis": figure.axis(
            tickvals=[*range(len(segments))],
            ticktext=[label(segment, names[segment], 24) for segment in segments],
            range=[len(segments) - 0.5, -0.5],
            showgrid=False,
        ),
        **_absences(trends, calendar, []),
        "height": 190 + 32 * len(segments),
    }
    return figure.drawn(title, [trace], layout)


def changes(
    conversion_changes: pd.DataFrame,
    trends: pd.DataFrame,
    calendar: Sequence[str],
    period: str | None,
) -> Figure:
    """Draw what the change of the overall conversion is made of.

    Args:
        conversion_changes: The table of that name.
        trends: ``segment_trends``.
        calendar: All periods in order, those without sessions as well.
        period: Column of the period, if there is one.

    Returns:
        The overall conversion of each period, and between two of them one step
        for the mix of segments and one for their rates; none to or from a period
        of under 30 sessions, which has no rate.
    """
    if "conversion_rate" not in trends:
        return figure.empty("No changes of conversion: the sessions have no outcome", NO_OUTCOME)
    if period is None or trends.empty:
        return figure.empty("No changes of conversion: the sessions have no period", NO_PERIOD)
    if conversion_changes.empty:
        only = text.shortened(trends["period"].iloc[0])
        title = f"One period only ({only}): no change of conversion to explain"
        return figure.empty(title, "The sessions of one more period make a change.")
    rates = overall_rates(trends)
    ends = conversion_changes[["period_from", "period_to"]]
    counting = conversion_changes[ends.isin({*rates}).all(axis=1)]
    title = _changes_title(largest_change(conversion_changes, trends))
    if counting.empty:
        return figure.empty(title, "Longer periods have more sessions: see columns.period_bin.")
    place = {name: at for at, name in enumerate(calendar)}
    mix: list[tuple[float, float, float, str]] = []
    rate: list[tuple[float, float, float, str]] = []
    spans: list[tuple[int, int]] = []
    for row in rows_of(counting):
        start, end = place[row["period_from"]], place[row["period_to"]]
        spans.append((start, end))
        level = 100 * rates[row["period_from"]]
        told = text.lines(
            text.literal(f"{row['period_from']} to {row['period_to']}"),
            f"change {points(row['change'])}",
            f"mix of segments {points(row['mix'])}",
            f"rates of segments {points(row['rate'])}",
        )
        mix.append((start + (end - start) * 0.36, level, 100 * row["mix"], told))
        rate.append(
            (start + (end - start) * 0.64, level + 100 * row["mix"], 100 * row["rate"], told)
        )
    levels: Trace = {
        "type": "scatter",
        "mode": "markers",
        "name": "conversion of all sessions",
        "x": [place[name] for name in rates],
        "y": [100 * value for value in rates.values()],
        "marker": {"symbol": "line-ew", "size": 18, "line": {"width": 3, "color": palette.ACCENT}},
        "hovertext": [
            text.lines(text.literal(name), f"{percent(value)} of all sessions convert")
            for name, value in rates.items()
        ],
        "hoverinfo": "text",
    }
    tops = [base + step for steps in (mix, rate) for _, base, step, _ in steps]
    low, high = min([0.0, *tops]), max([*tops, *(100 * value for value in rates.values())])
    layout: Layout = {
        "xaxis": _calendar_axis(calendar),
        "yaxis": figure.axis(
            "Sessions that convert (%)",
            range=[low - 0.05 * (high - low or 1), high + 0.1 * (high - low or 1)],
            nticks=6,
        ),
        **_absences(trends, calendar, []),
        "showlegend": True,
        "height": 420,
    }
    steps = [
        _steps("mix: segments grow or shrink", mix, palette.MIX, "/"),
        _steps("rate: segments convert more or less", rate, palette.RATE, ""),
    ]
    joints: Trace = {
        "type": "scatter",
        "mode": "lines",
        "x": [
            at
            for (first, *_), (second, *_), row in zip(mix, rate, spans, strict=True)
            for at in (row[0], first, None, first, second, None, second, row[1], None)
        ],
        "y": [
            level
            for (_, start, step, _), (_, middle, last, _) in zip(mix, rate, strict=True)
            for level in (
                start,
                start,
                None,
                start + step,
                middle,
                None,
                *[middle + last] * 2,
                None,
            )
        ],
        "line": {"color": palette.NEUTRAL, "width": 1},
        "hoverinfo": "skip",
        "showlegend": False,
    }
    drawn = [joints, *steps, levels]
    return figure.drawn(title, _thinned(drawn) if len(calendar) > MOST_TOLD else drawn, layout)


def _changes_title(found: Change | None) -> str:
    if found is None:
        return (
            f"Changes of conversion: under {LEAST_SESSIONS} sessions in one of any two periods, "
            "too few to tell a change"
        )
    if found.change == 0:
        return f"No change of conversion: {percent(found.after)} in each period"
    start, end = text.shortened(found.period_from), text.shortened(found.period_to)
    if not found.clear:
        return (
            f"No clear change of conversion: the largest, {start} to {end}, "
            f"{points(found.change)}, is within chance"
        )
    return (
        f"Largest change of conversion: {start} to {end}, {points(found.change)}; the mix of "
        f"segments makes {points(found.mix)} of it, their rates {points(found.rate)}"
    )


def _steps(
    name: str, steps: list[tuple[float, float, float, str]], colour: str, pattern: str
) -> Trace:
    return {
        "type": "bar",
        "name": name,
        "x": [round(at, 4) for at, _, _, _ in steps],
        "base": [base for _, base, _, _ in steps],
        "y": [step for _, _, step, _ in steps],
        "width": 0.26,
        "marker": {
            "color": colour,
            "pattern": figure.pattern(pattern),
        },
        "hovertext": [told for _, _, _, told in steps],
        "hoverinfo": "text",
    }

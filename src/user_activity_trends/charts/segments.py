"""Charts of who the segments are: their size, their profile, their place."""

from math import isnan
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from user_activity_trends.charts import figure, palette, text
from user_activity_trends.charts.figure import Figure, Layout, Trace
from user_activity_trends.charts.rows import Row, rows_of
from user_activity_trends.charts.wording import NONE, count, number, percent, sentence, signed, some
from user_activity_trends.segmentation.naming import readable
from user_activity_trends.segmentation.trends import LEAST_SESSIONS

SAMPLE = 2_000
"""Sessions on the map: more would hide each other."""
AT_LEAST = 5
"""Sessions of each segment on the map, if it has as many."""
_SEED = 42
_LABEL = (0.09, 0.075)
"""Room that the number of a centre takes on a narrow screen, as shares of the map."""
_PREFIX = "standing_"
_MOST_DIGITS = 8
"""Segments beyond which the cells of the heatmap hold whole numbers only."""

WIDE = 46
"""Characters of a name that has a line of its own."""


def label(segment: int, name: object, most: int = text.LONGEST) -> str:
    """Return what a segment is called in a chart: its number and its shortened name."""
    return f"{segment} · {text.name(name, most)}"


def sizes(profiles: pd.DataFrame) -> Figure:
    """Draw how many sessions each segment has.

    Args:
        profiles: ``segment_profiles``.

    Returns:
        One bar a segment, by its number.
    """
    total, shares = int(profiles["sessions"].sum()), profiles["share"]
    if len(profiles) == 1:
        title = f"One segment holds all {count(total)} sessions"
    else:
        title = sentence(
            f"{some(len(profiles), 'segment')}: the largest holds {percent(shares.max(), 0)} of "
            f"{count(total)} sessions, the smallest {percent(shares.min())}"
        )
    rows = rows_of(profiles)
    traces, names = figure.bars(
        names=[label(row["segment"], row["segment_name"], WIDE) for row in rows],
        values=[int(row["sessions"]) for row in rows],
        labels=[
            f"{count(row['sessions'])} · {percent(row['share'])}"
            + (f" · under {LEAST_SESSIONS} sessions" if row["sessions"] < LEAST_SESSIONS else "")
            for row in rows
        ],
        hovers=[
            text.lines(
                text.literal(f"{row['segment']} · {row['segment_name']}"),
                f"{count(row['sessions'])} sessions, {percent(row['share'])}",
            )
            for row in rows
        ],
        styles=[palette.style(row["segment"], len(rows)) for row in rows],
    )
    layout = {
        "xaxis": figure.axis(
            "Sessions", range=[0, 1.42 * total * shares.max()], nticks=8, tickformat=",d"
        ),
        "yaxis": figure.rows(len(rows)),
        "annotations": names,
        "height": 150 + figure.ROW * len(rows),
    }
    return figure.drawn(title, traces, layout)


def profile_map(profiles: pd.DataFrame) -> Figure:
    """Draw how far each segment stands from the mean of all sessions.

    Args:
        profiles: ``segment_profiles``.

    Returns:
        A heatmap, one row a feature and one column a segment, in standard
        deviations of all sessions; the means are told on hovering.
    """
    names = [str(name) for name in profiles]
    features = [name.removeprefix(_PREFIX) for name in names if name.startswith(_PREFIX)]
    segments = rows_of(profiles)
    standing = profiles[[_PREFIX + name for name in features]].to_numpy(dtype=float)
    # A segment with nothing but gaps in a feature has no mean of it.
    far = np.nan_to_num(np.abs(standing))
    row, column = divmod(int(far.argmax()), len(features))
    most, feature = float(standing[row, column]), readable(features[column])
    sign = "above" if most > 0 else "below"
    title = (
        f"Segment {segments[row]['segment']} stands out most: {text.shortened(feature)}, "
        f"{abs(most):.1f} standard deviations {sign} the mean"
    )
    if len(segments) == 1:
        title = "One segment: nothing that it could stand out from"
    reach = max(1.0, min(3.0, float(far.max())))
    decimals = 1 if len(profiles) <= _MOST_DIGITS else 0
    cells = standing.T
    trace: Trace = {
        "type": "heatmap",
        "z": [[None if isnan(cell) else round(float(cell), 4) for cell in line] for line in cells],
        "x": [*range(len(profiles))],
        "y": [*range(len(features))],
        "zmin": -reach,
        "zmax": reach,
        "zmid": 0,
        "colorscale": [[*stop] for stop in palette.DIVERGING],
        "text": [[_standing(cell, decimals) for cell in line] for line in cells],
        "texttemplate": "%{text}",
        "hovertext": [
            [_told(one, name, float(cells[j, i])) for i, one in enumerate(segments)]
            for j, name in enumerate(features)
        ],
        "hoverinfo": "text",
        "xgap": 2,
        "ygap": 2,
        "colorbar": figure.colorbar("SD"),
    }
    layout = {
        "xaxis": figure.axis(
            "Segment",
            tickvals=[*range(len(profiles))],
            ticktext=[str(one) for one in profiles["segment"]],
            showgrid=False,
            tickangle=0,
        ),
        "yaxis": figure.axis(
            tickvals=[*range(len(features))],
            ticktext=[text.name(readable(name), 26) for name in features],
            range=[len(features) - 0.5, -0.5],
            showgrid=False,
        ),
        "height": 190 + 34 * len(features),
    }
    return figure.drawn(title, [trace], layout)


def _told(row: Row, feature: str, standing: float) -> str:
    parts = [
        text.literal(f"{row['segment']} · {row['segment_name']}"),
        text.literal(feature),
        f"mean {number(row[f'mean_{feature}'])}",
    ]
    if f"median_{feature}" in row:
        parts.append(f"median {number(row[f'median_{feature}'])}")
    if isnan(standing):
        return text.lines(*parts, "no session of the segment has a value")
    return text.lines(*parts, f"{_standing(standing, 2)} standard deviations")


def _standing(value: float, decimals: int) -> str:
    return NONE if isnan(value) else signed(value, decimals)


def sessions_map(scaled: pd.DataFrame, labelled: pd.DataFrame) -> Figure:
    """Draw a sample of sessions in two dimensions.

    The axes are the first two principal components of the sample (Pearson
    1901), in the scaled units that the model sees.

    Args:
        scaled: ``session_id`` and the scaled features.
        labelled: ``session_id`` and ``segment`` of the same sessions.

    Returns:
        One mark a session, one trace a segment, the smallest segments on top.
    """
    joined = scaled.merge(labelled[["session_id", "segment", "segment_name"]], on="session_id")
    if len(joined) > SAMPLE:
        shuffled = joined["segment"].sample(frac=1, random_state=_SEED).reset_index()
        late = shuffled.groupby("segment").cumcount() >= AT_LEAST
        chosen = shuffled["index"][late.argsort(kind="stable")[:SAMPLE]]
        joined = joined.loc[np.sort(chosen)]
    features = [name for name in scaled.columns if name != "session_id"]
    place, explained, loadings = components(joined[features].to_numpy(dtype=float))
    segments = joined["segment"].to_numpy()
    found = np.unique(segments)
    centres = np.array([place[segments == one].mean(axis=0) for one in found])
    nearest = found[((place[:, None] - centres[None]) ** 2).sum(axis=2).argmin(axis=1)]
    total = len(labelled["segment"].unique())
    title = (
        f"Two directions show {percent(float(explained.sum()), 0)} of the variance; "
        f"{percent(float((nearest == segments).mean()), 0)} of the {count(len(joined))} sessions "
        "shown lie nearest to the centre of their own segment"
    )
    if total == 1:
        title = (
            f"Two directions show {percent(float(explained.sum()), 0)} of the variance of the "
            "one segment"
        )
    names = dict(zip(joined["segment"], joined["segment_name"], strict=True))
    traces = [
        _cloud(joined["session_id"].to_numpy()[segments == one], place[segments == one])
        | _look(int(one), names[one], total)
        for one in found
    ]
    marks = [
        figure.note(
            str(one),
            x=round(float(centre[0]), 4),
            y=round(float(centre[1]), 4),
            bgcolor="rgba(255, 255, 255, 0.88)",
            borderpad=2,
            bordercolor=palette.style(int(one), total).colour,
            borderwidth=2,
            font={"size": 13, "color": "#111111"},
        )
        for one, centre in zip(found, _apart(centres, place), strict=True)
    ]
    first, second = (
        f"{which} direction: {percent(float(explained[i]), 0)} of the variance, mostly<br>"
        f"{text.name(readable(features[int(np.abs(loadings[i]).argmax())]), 28)} (scaled units)"
        for i, which in enumerate(("First", "Second"))
    )
    layout = {
        "xaxis": figure.axis(first),
        "yaxis": figure.axis(second),
        "annotations": marks,
        "legend": {"itemsizing": "constant"},
        "showlegend": total <= palette.MOST,
        "height": 480,
    }
    return figure.drawn(title, traces, layout)


def _apart(centres: NDArray[np.float64], place: NDArray[np.float64]) -> NDArray[np.float64]:
    """Move the numbers of centres apart that would cover each other."""
    size = np.ptp(place, axis=0)
    size = np.where(size > 0, size, 1) * _LABEL
    moved = centres.copy()
    for _ in range(200):
        steps = np.zeros_like(moved)
        for one in range(len(moved)):
            for other in range(one):
                gap = (moved[one] - moved[other]) / size
                if np.abs(gap).max() < 1:
                    axis = int(np.abs(gap).argmax())
                    way = 1.0 if gap[axis] >= 0 else -1.0
                    push = way * (1.02 - abs(gap[axis])) / 2 * size[axis]
                    steps[one, axis] += push
                    steps[other, axis] -= push
        if not steps.any():
            break
        moved += steps
    return moved


def components(
    points: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Find the two directions in which points vary most.

    Args:
        points: One a row.

    Returns:
        Each point's place along them, the share of the variance that each
        explains, and the directions, whose largest part is positive. What does
        not exist (points with one column) is zero.
    """
    centred = points - points.mean(axis=0)
    _, sizes, directions = np.linalg.svd(centred, full_matrices=False)
    directions = directions * np.sign(
        directions[np.arange(len(directions)), np.abs(directions).argmax(axis=1)]
    ).reshape(-1, 1)
    variance = sizes**2
    kept = np.zeros((2, points.shape[1]))
    explained = np.zeros(2)
    here = min(2, len(sizes))
    kept[:here] = directions[:here]
    if variance.sum() > 0:
        explained[:here] = variance[:here] / variance.sum()
    return centred @ kept.T, explained, kept


def _cloud(ids: NDArray[Any], place: NDArray[np.float64]) -> Trace:
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [round(float(one), 4) for one in place[:, 0]],
        "y": [round(float(one), 4) for one in place[:, 1]],
        "hovertext": [text.name(f"session {one}", 60) for one in ids],
        "hoverinfo": "text+name",
    }


def _look(segment: int, name: object, segments: int) -> Layout:
    style = palette.style(segment, segments)
    return {
        "name": label(segment, name),
        "marker": {"color": style.colour, "symbol": style.symbol, "size": 6, "opacity": 0.55},
    }

"""Charts of how the number of segments was chosen, and how reliable it is."""

from collections import Counter
from typing import Any

import pandas as pd

from user_activity_trends.charts import figure, palette, text
from user_activity_trends.charts.figure import Figure, Layout, Trace
from user_activity_trends.charts.rows import rows_of
from user_activity_trends.charts.segments import label
from user_activity_trends.charts.wording import count, number, sentence, some

CRITERIA = {
    "elbow": "Elbow",
    "silhouette": "Silhouette",
    "davies_bouldin": "Davies-Bouldin",
    "calinski_harabasz": "Calinski-Harabasz",
    "stability": "Stability",
    "prediction_strength": "Prediction strength",
}
METHODS = {
    "elbow": "the elbow",
    "silhouette": "the silhouette",
    "consensus": "the largest weighted vote (stability and prediction strength count twice)",
    "fixed": "the configuration",
}
NO_RESAMPLES = "clustering.stability.resamples is 0; a number such as 30 turns it on"
GOOD_JACCARD = 0.75
"""From here on a segment counts as stable (Hennig 2007)."""
ALIKE = 0.01
"""Mean agreements that differ by no more are alike."""
_NAMES = 38


def elbow(curve: pd.DataFrame, choice: dict[str, Any]) -> Figure:
    """Draw the error for each number of segments, and what every criterion votes for.

    Args:
        curve: ``elbow_curve``.
        choice: ``cluster_choice``.

    Returns:
        Above, the sum of squared errors for each k, and the same for shuffled
        columns; below, one row a criterion with its votes on both.
    """
    k, votes = int(choice["k"]), choice["votes"]
    permuted = bool(curve["permuted_sse"].notna().any())
    traces: list[Trace] = [_curve(curve, "sse", "these sessions", palette.ACCENT, "solid")]
    if permuted:
        traces.append(_curve(curve, "permuted_sse", "shuffled columns", palette.NEUTRAL, "dash"))
    rows = [name for name in CRITERIA if name in votes]
    traces += _shuffled_votes(rows, choice) if permuted else []
    voted = [name for name in rows if votes[name] is not None]
    traces.append(
        {
            "type": "scatter",
            "mode": "markers",
            "name": "vote",
            "x": [int(votes[name]) for name in voted],
            "y": [rows.index(name) for name in voted],
            "xaxis": "x",
            "yaxis": "y2",
            "marker": {"symbol": "diamond", "size": 12, "color": palette.ACCENT},
            "hovertext": [f"{CRITERIA[name]} votes for {votes[name]}" for name in voted],
            "hoverinfo": "text",
        }
    )
    silent = [
        figure.note(
            "no vote",
            x=0.01,
            xref="x domain",
            xanchor="left",
            y=place,
            yref="y2",
            font={"size": 11},
        )
        for place, name in enumerate(rows)
        if votes[name] is None
    ]
    band = {
        "type": "rect",
        "x0": k - 0.4,
        "x1": k + 0.4,
        "y0": 0,
        "y1": 1,
        "yref": "paper",
        "line": {"width": 0},
        "fillcolor": palette.CHOSEN,
        "layer": "below",
    }
    left = k > curve["k"].mean()
    chosen = figure.note(
        f"chosen: {k}",
        x=k - 0.4 if left else k + 0.4,
        xanchor="right" if left else "left",
        xshift=-4 if left else 4,
        y=1,
        yref="paper",
        yanchor="top",
    )
    most = float(max(curve["sse"].max(), curve["permuted_sse"].max() if permuted else 0))
    layout = {
        "xaxis": figure.axis(
            "Number of segments (k)",
            dtick=1,
            anchor="y2",
            range=[curve["k"].min() - 0.5, curve["k"].max() + 0.5],
        ),
        "yaxis": figure.axis(
            "Sum of squared errors<br>(scaled units)",
            domain=[0.46, 1],
            range=[0, 1.06 * most],
            nticks=5,
            tickformat=",~g",
        ),
        "yaxis2": figure.axis(
            domain=[0, 0.38],
            tickvals=[*range(len(rows))],
            ticktext=[CRITERIA[name] for name in rows],
            range=[len(rows) - 0.4, -0.6],
        ),
        "shapes": [band],
        "annotations": [*silent, chosen],
        "showlegend": permuted,
        "height": 520,
    }
    return figure.drawn(_elbow_title(k, choice), traces, layout)


def _elbow_title(k: int, choice: dict[str, Any]) -> str:
    method, votes = choice["method"], choice["votes"]
    others = [vote for name, vote in votes.items() if name != method and vote is not None]
    agreeing = sum(vote == k for vote in others)
    title = f"{some(k, 'segment')}, chosen by {METHODS.get(method, method)}"
    if others:
        of = "criteria" if method in {"consensus", "fixed"} else "other criteria"
        voting = "vote" if agreeing > 1 else "votes"
        title += f": {agreeing or 'none'} of {len(others)} {of} {voting} for {k}"
    elbows = choice["permutations"]["elbows"]
    bends = Counter(elbow for elbow in elbows if elbow)
    if bends:
        often, times = bends.most_common(1)[0]
        title += f"; shuffled data bends at {often} in {times} of {len(elbows)} trials"
    return sentence(title)


def _curve(curve: pd.DataFrame, column: str, name: str, colour: str, dash: str) -> Trace:
    known = curve[curve[column].notna()]
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": name,
        "x": [int(k) for k in known["k"]],
        "y": [float(value) for value in known[column]],
        "line": {"color": colour, "dash": dash, "width": 2},
        "marker": {"size": 7, "symbol": "circle" if dash == "solid" else "circle-open"},
        "hovertext": [
            f"k = {k}, {name}: {number(value)}"
            for k, value in zip(known["k"], known[column], strict=True)
        ],
        "hoverinfo": "text",
    }


def _shuffled_votes(rows: list[str], choice: dict[str, Any]) -> list[Trace]:
    cast = {"elbow": choice["permutations"]["elbows"]} | choice["permutations"]["votes"]
    found = [
        (place, k, times, len(cast[name]))
        for place, name in enumerate(rows)
        for k, times in sorted(Counter(k for k in cast.get(name, []) if k is not None).items())
    ]
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "name": "vote, shuffled columns",
            "x": [k for _, k, _, _ in found],
            "y": [place for place, _, _, _ in found],
            "xaxis": "x",
            "yaxis": "y2",
            "marker": {
                "symbol": "circle-open",
                "size": [12 + 12 * times / of for _, _, times, of in found],
                "color": palette.NEUTRAL,
                "line": {"width": 1.5},
            },
            "hovertext": [
                f"{CRITERIA[rows[place]]}: {k} in {times} of {of} shuffled tables"
                for place, k, times, of in found
            ],
            "hoverinfo": "text",
        }
    ]


def stability(curve: pd.DataFrame, choice: dict[str, Any], profiles: pd.DataFrame) -> Figure:
    """Draw how well each number of segments, and each segment, is found again.

    Args:
        curve: ``elbow_curve``.
        choice: ``cluster_choice``.
        profiles: ``segment_profiles``.

    Returns:
        Above, the adjusted Rand index of resamples for each k, mean and
        minimum; below, the Jaccard index of each segment.
    """
    known = curve[curve["stability_mean"].notna()]
    if known.empty:
        return figure.empty("Stability was not measured", NO_RESAMPLES)
    k = int(choice["k"])
    traces = _agreement(known, k)
    segments = rows_of(profiles[profiles["stability"].notna()])
    height = 120 + figure.ROW * max(1, len(segments))
    lower = height / (height + 330)
    bars, names = figure.bars(
        names=[label(row["segment"], row["segment_name"], _NAMES) for row in segments],
        values=[float(row["stability"]) for row in segments],
        labels=[f"{row['stability']:.2f}" for row in segments],
        hovers=[
            text.lines(
                text.literal(f"{row['segment']} · {row['segment_name']}"),
                f"mean Jaccard index {row['stability']:.3f}",
            )
            for row in segments
        ],
        styles=[palette.style(row["segment"], len(profiles)) for row in segments],
        axes="2",
    )
    least = min(0.0, float(known["stability_min"].min()))
    line = {
        "type": "line",
        "x0": GOOD_JACCARD,
        "x1": GOOD_JACCARD,
        "xref": "x2",
        "y0": 0,
        "y1": 1,
        "yref": "y2 domain",
        "line": {"color": palette.NEUTRAL, "dash": "dot", "width": 1.5},
        "layer": "below",
    }
    layout: Layout = {
        "xaxis": figure.axis(
            "Number of segments (k)",
            dtick=1,
            range=[known["k"].min() - 0.6, known["k"].max() + 0.6],
            showgrid=False,
        ),
        "yaxis": figure.axis(
            "Agreement of resamples<br>(adjusted Rand index)",
            domain=[lower + 0.1, 1],
            range=[least, 1.04],
            dtick=0.25,
        ),
        "xaxis2": figure.axis(
            f"Overlap in resamples (Jaccard);<br>dotted: {GOOD_JACCARD}, stable from there",
            range=[0, 1.15],
            tickvals=[0, 0.25, 0.5, 0.75, 1],
            anchor="y2",
        ),
        "yaxis2": figure.rows(len(segments), domain=[0, lower - 0.08], anchor="x2"),
        "annotations": names,
        "shapes": [line] if segments else [],
        "showlegend": True,
        "height": 330 + height,
    }
    return figure.drawn(_stability_title(known, choice, k), [*traces, *bars], layout)


def _agreement(known: pd.DataFrame, k: int) -> list[Trace]:
    ks = [int(one) for one in known["k"]]
    means = [float(one) for one in known["stability_mean"]]
    least = [float(one) for one in known["stability_min"]]
    strength = known[known["prediction_strength"].notna()]
    return [
        {
            "type": "bar",
            "name": "mean",
            "x": ks,
            "y": means,
            "width": 0.6,
            "marker": {
                "color": [palette.CHOSEN if one == k else palette.BAND for one in ks],
                "line": {
                    "color": [palette.ACCENT if one == k else palette.NEUTRAL for one in ks],
                    "width": 2,
                },
            },
            "hovertext": [
                f"k = {one}: mean {mean:.3f}, minimum {low:.3f}"
                for one, mean, low in zip(ks, means, least, strict=True)
            ],
            "hoverinfo": "text",
        },
        {
            "type": "scatter",
            "mode": "markers",
            "name": "minimum",
            "x": ks,
            "y": least,
            "marker": {"symbol": "line-ew", "size": 16, "line": {"width": 3, "color": "#B4500A"}},
            "hoverinfo": "skip",
        },
        {
            "type": "scatter",
            "mode": "markers",
            "name": "prediction strength",
            "x": [int(one) for one in strength["k"]],
            "y": [float(one) for one in strength["prediction_strength"]],
            "marker": {
                "symbol": "diamond",
                "size": 9,
                "color": "#F3F3F1",
                "line": {"width": 2, "color": "#6F4FE0"},
            },
            "hovertext": [
                f"k = {int(one)}: prediction strength {value:.3f}"
                for one, value in zip(strength["k"], strength["prediction_strength"], strict=True)
            ],
            "hoverinfo": "text",
        },
    ]


def _stability_title(known: pd.DataFrame, choice: dict[str, Any], k: int) -> str:
    resamples = f"{count(choice['resamples'])} resamples"
    scores = {int(row["k"]): row for row in rows_of(known)}
    if k > 1 and k not in scores:
        return f"k = {k}: not measured, as the sample of the resamples lacks a segment"
    if k not in scores:
        return sentence(f"{some(k, 'segment')}: the same in each of {resamples} by definition")
    mean, least = scores[k]["stability_mean"], scores[k]["stability_min"]
    best = max(scores, key=lambda one: float(scores[one]["stability_mean"]))
    title = f"k = {k}: {resamples} agree by {mean:.2f} on average and {least:.2f} at worst"
    others = [float(row["stability_mean"]) for one, row in scores.items() if one != k]
    if max(others, default=-1.0) < mean - ALIKE:
        return f"{title}, more than for any other k"
    if max(others, default=-1.0) <= mean + ALIKE:
        return f"{title}; no other k is more reproducible"
    return f"{title}; k = {best} is more reproducible, with {max(others):.2f}"

"""Chart of what was read, and what of it was refused."""

from typing import Any

from user_activity_trends.charts import figure, palette, text
from user_activity_trends.charts.figure import Figure
from user_activity_trends.charts.wording import count, percent, sentence, some

MOST = 10
"""Reasons in the chart; the page has all of them."""


def quality(data_quality: dict[str, Any]) -> Figure:
    """Draw how many rows were accepted, and why the others were not.

    Args:
        data_quality: The report on the table of sessions.

    Returns:
        Above, the rows that were accepted and rejected; below, the defects by
        reason, the most frequent first.
    """
    read, accepted = data_quality["rows_read"], data_quality["rows_accepted"]
    rejected, repeated = data_quality["rows_rejected"], data_quality["duplicate_rows"]
    reasons = list(data_quality["defects_by_reason"].items())
    shown = reasons[:MOST]
    told = [("accepted", accepted, 1), ("rejected", rejected, 2)]
    told.append((f"exact duplicates, {data_quality['duplicates']}", repeated, 0))
    rows, names = figure.bars(
        names=[sentence(what) for what, _, _ in told],
        values=[number for _, number, _ in told],
        labels=[f"{count(number)} · {percent(number / read)}" for _, number, _ in told],
        hovers=[f"{count(number)} of {count(read)} rows {what}" for what, number, _ in told],
        styles=[_style(kind) for _, _, kind in told],
    )
    above, below = figure.ROW * len(told), figure.ROW * len(shown)
    layout: dict[str, Any] = {
        "xaxis": figure.axis(
            "Rows",
            range=[0, 1.42 * max(number for _, number, _ in told)],
            tickformat=",d",
            **_ticks(8, max(number for _, number, _ in told)),
        ),
        "yaxis": figure.rows(len(told)),
        "height": 150 + above,
    }
    traces = rows
    if shown:
        height = 250 + above + below
        lower = (below + 20) / height
        bars, more = figure.bars(
            names=[text.name(reason, 46) for reason, _ in shown],
            values=[number for _, number in shown],
            labels=[count(number) for _, number in shown],
            hovers=[
                text.lines(text.literal(reason), some(number, "cell")) for reason, number in shown
            ],
            styles=[_style(2)] * len(shown),
            axes="2",
        )
        traces += bars
        names += more
        layout["yaxis"]["domain"] = [lower + 90 / height, 1]
        layout |= {
            "xaxis2": figure.axis(
                "Cells with a defect",
                range=[0, 1.3 * shown[0][1]],
                tickformat=",d",
                **_ticks(5, shown[0][1]),
                anchor="y2",
            ),
            "yaxis2": figure.rows(len(shown), domain=[0, lower], anchor="x2"),
            "height": height,
        }
    return figure.drawn(_title(data_quality), traces, layout | {"annotations": names})


def _ticks(most: int, highest: int) -> dict[str, int]:
    """Describe ticks at whole numbers only."""
    return {"dtick": 1} if highest < most else {"nticks": most}


def _title(data_quality: dict[str, Any]) -> str:
    read, rejected = data_quality["rows_read"], data_quality["rows_rejected"]
    if rejected == 0:
        title = f"All {count(read)} rows keep the rules: none was rejected"
    else:
        reason = next(iter(data_quality["defects_by_reason"]))
        title = (
            f"{count(rejected)} of {count(read)} rows ({percent(rejected / read)}) were rejected, "
            f"most often for “{text.shortened(reason, 50)}”"
        )
    if repeated := data_quality["duplicate_rows"]:
        rows = "row repeats an earlier one" if repeated == 1 else "rows repeat an earlier one"
        title += f"; {count(repeated)} {rows} and {_be(repeated)} {data_quality['duplicates']}"
    return title


def _be(number: int) -> str:
    return "was" if number == 1 else "were"


def _style(kind: int) -> palette.Style:
    """Return how accepted (1), rejected (2) and other rows (0) look."""
    if kind:
        return palette.style(kind, 2)
    return palette.Style(palette.NEUTRAL, "circle", "solid", "")

"""What the page says of the model in use, and of the last one that was trained."""

from collections.abc import Mapping, Sequence
from typing import Any

from user_activity_trends.charts.wording import NONE, count, number, percent, signed
from user_activity_trends.report.sources import source
from user_activity_trends.report.tables import Cell, Table

_MEASURES = (
    ("k", "Segments", count),
    ("silhouette", "Silhouette, in the space of the model in use", "{:.3f}".format),
    ("sse", "SSE, in the same space", number),
    ("smallest_share", "Smallest segment", percent),
    ("outlier_share", "Sessions that are unusual to it", lambda share: percent(share, 2)),
    ("minimum_jaccard", "Least stable segment, fresh resamples (Jaccard)", "{:.2f}".format),
)


def notes(champion: Mapping[str, Any], report: Mapping[str, Any]) -> list[str]:
    """Say which model the page shows, and what became of the last one that was trained."""
    since = str(champion["since"]).replace("T", " ").replace("+00:00", " UTC")
    told = [
        (
            f"The model in use is version {champion['version']}, since {since} "
            f"({champion['how']}): all that this page shows is made with it."
        )
    ]
    if champion["how"] != "promoted":
        told.append(f"Reason: {str(champion['why']).rstrip('.')}.")
    told.append(f"The last training: {report['in_words']}")
    told.append(f"Judged on {report['evaluation']['in_words']}.")
    if between := report["between"]:
        told.append(
            f"Against the model that was in use then, {percent(between['changed'], 2)} of the "
            f"sessions change segment (95 % interval {percent(between['changed_low'], 2)} to "
            f"{percent(between['changed_high'], 2)}); the adjusted Rand index is "
            f"{between['adjusted_rand']:.3f}."
        )
    return told


def tables(report: Mapping[str, Any]) -> list[Table]:
    """Show the gates, both models side by side, and which centres moved."""
    shown = [_gates(report["gates"]), _models(report["models"])]
    if report["between"] and report["between"]["moved"]:
        shown.append(_moves(report["between"]["moved"]))
    return shown


def _gates(gates: Sequence[Mapping[str, Any]]) -> Table:
    rows = [
        [
            Cell(one["gate"], one["gate"], head=True),
            Cell("passed" if one["passed"] else "missed", str(one["passed"])),
            Cell(number(one["figure"]), "" if one["figure"] is None else str(one["figure"])),
            Cell(number(one["limit"]), str(one["limit"])),
            Cell(one["in_words"], one["in_words"]),
        ]
        for one in gates
    ]
    return Table(
        "gates",
        "Gates of the last training",
        (
            *(("Gate", False), ("Result", False), ("Figure", True), ("Limit", True)),
            ("In words", False),
        ),
        rows,
        source("promotion_report"),
        note="The limits are promotion.gates.",
    )


def _models(models: Mapping[str, Mapping[str, Any]]) -> Table:
    names = {"candidate": "Last training", "champion": "In use before"}
    rows = [
        [
            Cell(title, title, head=True),
            *(
                Cell(NONE if one[name] is None else written(one[name]), str(one[name]))
                for one in models.values()
            ),
        ]
        for name, title, written in _MEASURES
    ]
    rows.append(
        [
            Cell("Spread of outcome rates", "Spread of outcome rates", head=True),
            *(_spread(one["outcome_spread"]) for one in models.values()),
        ]
    )
    return Table(
        "models",
        "The last training beside the model in use before it",
        (("Measure", False), *((names[name], True) for name in models)),
        rows,
        source("promotion_report"),
        note="Measured on the same sessions. Spread: the highest rate minus the lowest of segments "
        "with 30 sessions or more; the 95 % interval (Newcombe 1998) is that of two segments "
        "chosen beforehand.",
    )


def _spread(spread: Mapping[str, Any] | None) -> Cell:
    if spread is None:
        return Cell(NONE, "", muted=True)
    told = f"{percent(spread['spread'])} ({percent(spread['low'])} to {percent(spread['high'])})"
    return Cell(told, str(spread["spread"]))


def _moves(moved: Sequence[Mapping[str, Any]]) -> Table:
    rows = [
        [
            Cell(str(one["segment"]), str(one["segment"]), head=True, swatch=one["segment"]),
            Cell(one["feature"], one["feature"]),
            Cell(number(one["before"]), str(one["before"])),
            Cell(number(one["after"]), str(one["after"])),
            Cell(signed(one["shift"], 3), str(one["shift"])),
        ]
        for one in moved
    ]
    return Table(
        "moves",
        "Centres that moved",
        (
            *(("Segment", True), ("Feature", False), ("Before", True), ("After", True)),
            ("Shift, scaled", True),
        ),
        rows,
        source("promotion_report"),
        note="The largest shifts of segments that both models have, of 0.02 scaled units or more.",
    )

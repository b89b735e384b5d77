"""The page: one HTML file with everything in it."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import pandas as pd

from user_activity_trends.charts import palette
from user_activity_trends.charts.figure import Figure
from user_activity_trends.charts.rows import rows_of
from user_activity_trends.charts.segments import label
from user_activity_trends.charts.trends import MOST_TOLD, NO_OUTCOME, NO_PERIOD
from user_activity_trends.charts.wording import count, percent, sentence, some
from user_activity_trends.report import answers, in_use, plots, sources, tables
from user_activity_trends.segmentation.cautions import DOMINANT, ENOUGH, FEW_PERIODS, TINY
from user_activity_trends.segmentation.natural import CLEAR, PREDICTABLE, VALLEY
from user_activity_trends.segmentation.selection import NEARLY, STABLE, STRONG
from user_activity_trends.segmentation.trends import LEAST_SESSIONS
from user_activity_trends.sessions.columns import ColumnsParams

SECTIONS = (
    ("summary", "Summary"),
    ("segments", "Segments"),
    ("choice", "Choice of k"),
    ("model", "Model in use"),
    ("trends", "Trends"),
    ("changes", "Changes of conversion"),
    ("breakdowns", "Breakdowns"),
    ("migrations", "Migrations"),
    ("quality", "Data quality"),
    ("method", "Method notes"),
)

_HOW: dict[str, tuple[str, tuple[str, ...]]] = {
    "sizes_chart": ("One bar a segment.", ("segment_profiles",)),
    "profiles_chart": (
        (
            "One column a segment, one row a feature: blue is below the mean of all sessions, "
            "orange above it, in standard deviations (SD) of all sessions."
        ),
        ("segment_profiles",),
    ),
    "sessions_map": (
        (
            "One mark a session of a sample that has some of every segment; a numbered box stands "
            "at the centre of a segment's marks, or beside it where two would cover each other. "
            "Distance on the map is part of the distance that the model in use sees."
        ),
        ("valid_sessions", "session_segments"),
    ),
    "elbow_chart": (
        (
            "Above: the smaller the error, the tighter the segments; it falls with every "
            "segment, and bends where more bring little. Below: what each criterion votes for, "
            "and what it would vote for if the columns were shuffled (larger: more often)."
        ),
        ("curve_in_use", "choice_in_use"),
    ),
    "stability_chart": (
        (
            "Above: how alike the segments of resamples are, 1 is the same each time. Below: how"
            " much of each segment is found again."
        ),
        ("curve_in_use", "segment_profiles"),
    ),
    "shares_chart": (
        (
            "Each period's sessions by segment; bars are 95 % intervals; grey marks are periods of "
            f"under {LEAST_SESSIONS} sessions, too few for one; grey bands periods without "
            "sessions."
        ),
        ("segment_trends",),
    ),
    "conversions_chart": (
        (
            "Bars are 95 % intervals; crosses on the axis are segments with under "
            f"{LEAST_SESSIONS} sessions, too few for a rate; grey bands are periods without "
            "sessions."
        ),
        ("segment_trends",),
    ),
    "changes_chart": (
        (
            "From one period's conversion to the next in two steps: what the mix of segments "
            "accounts for, and what their rates account for; none to or from a period of under "
            f"{LEAST_SESSIONS} sessions, too few for a rate."
        ),
        ("conversion_changes", "segment_trends"),
    ),
    "quality_chart": (
        "Rows of the file, and the most frequent reasons why some were refused (at most ten).",
        ("data_quality",),
    ),
}
_GRID = "One row a segment, one column a period; the scale tells which colour is how much."
_GRIDS = {
    "shares_chart": (
        f"{_GRID} Blank: under {LEAST_SESSIONS} sessions in the period, or none (grey band)."
    ),
    "conversions_chart": (
        f"{_GRID} Blank: under {LEAST_SESSIONS} sessions of the segment, too few for a rate; grey "
        "bands are periods without sessions."
    ),
}
"""How to read the charts that are heatmaps where there are many segments."""
_ELBOW_ALONE = (
    "Above: the smaller the error, the tighter the segments; it falls with every segment, and "
    "bends where more bring little. Below: what each criterion votes for."
)
CHARTS = tuple(_HOW)
"""The charts that the page has."""

_METHOD = (
    (
        "Segments",
        (
            "k-means (Lloyd 1982) from k-means++ starts (Arthur and Vassilvitskii 2007) on the "
            "scaled features. The segments of a first model are numbered by size; later ones keep "
            "their numbers."
        ),
    ),
    (
        "Choice of k",
        (
            "Elbow: kneedle (Satopää et al. 2011). Silhouette: Rousseeuw 1987. Davies and Bouldin "
            "1979. Caliński and Harabasz 1974. Stability: the largest k whose mean adjusted Rand "
            f"index is within {NEARLY} of the best, if that is {STABLE} or more. Prediction "
            f"strength: the largest k that has {STRONG} or more (Tibshirani and Walther 2005)."
        ),
    ),
    (
        "Stability",
        (
            "Sessions are drawn anew with replacement and segmented again; the adjusted Rand "
            "index (Hubert and Arabie 1985) tells how alike the two results are, the Jaccard "
            "index how much of a segment is found again (Hennig 2007: 0.75 and more is stable)."
        ),
    ),
    (
        "Retraining",
        (
            "Segments of a new model are matched with those in use by the sessions that both have "
            "(Hungarian method, Kuhn 1955) and keep id, name and colour while they overlap by "
            "more than half (Jaccard index; Hennig 2007). A new model goes on from the centres in "
            "use unless a fresh start is clearly tighter (after Chakrabarti et al. 2006)."
        ),
    ),
    (
        "Shuffled columns",
        (
            "Each column is shuffled by itself, which leaves its values and takes away all "
            "groups: a criterion that still votes says little."
        ),
    ),
    (
        "Natural groups",
        (
            f"Segments count as groups where their silhouette is {CLEAR} or more above that of "
            "each table without groups (columns shuffled, or drawn with the same rank "
            f"correlations), their prediction strength is {PREDICTABLE} or more, and midway "
            f"between any two centres are less than {VALLEY} times as many sessions as around "
            "either (in the manner of Hennig 2010)."
        ),
    ),
    ("Intervals", "95 % score intervals of a proportion (Wilson 1927)."),
    (
        "Within chance",
        (
            "A share or rate moves clearly where a chi-square test over its periods says so (p "
            "below 0.05, adjusted after Holm 1979) and two of its intervals do not overlap; the "
            "conversion of all sessions changes clearly where the interval of the difference "
            "(Newcombe 1998, shared among the pairs of periods after Bonferroni) leaves out 0."
        ),
    ),
    (
        "Mix and rate",
        (
            "The change of a rate split symmetrically into what the composition and what the rates "
            "account for (Kitagawa 1955); the two add up to the change."
        ),
    ),
    (
        "Trend tests",
        (
            "Cochran 1954 and Armitage 1955, p-values adjusted after Holm 1979. A trend over the "
            "periods of one year is no season: a season shows only where years repeat."
        ),
    ),
    (
        "Map",
        (
            "The first two principal components (Pearson 1901) of a sample of at most 2,000 "
            "sessions, in scaled units."
        ),
    ),
)


@dataclass(frozen=True)
class _Segment:
    number: int
    name: str
    told: str
    rule: str


@dataclass(frozen=True)
class Results:
    """The tables that the page tells about; each is the dataset of that name."""

    data_quality: dict[str, Any]
    is_of_this_file: bool
    """Whether the sessions came from the file that ``data_quality`` is about."""
    cluster_choice: dict[str, Any]
    elbow_curve: pd.DataFrame
    champion: dict[str, Any]
    promotion_report: dict[str, Any]
    segment_profiles: pd.DataFrame
    typical_sessions: pd.DataFrame
    segment_trends: pd.DataFrame
    segment_breakdowns: pd.DataFrame
    conversion_changes: pd.DataFrame
    trend_tests: pd.DataFrame
    segment_migrations: pd.DataFrame


def build(
    charts: Mapping[str, Figure],
    results: Results,
    calendar: Sequence[str],
    columns: ColumnsParams,
    recipe: str,
) -> str:
    """Build the page.

    Args:
        charts: The figures, by their names in the catalog.
        results: The tables.
        calendar: All periods in order, those without sessions as well.
        columns: What the columns of the sessions mean.
        recipe: Name of the recipe in use.

    Returns:
        HTML that needs nothing else: no file, no address. The same arguments
        give the same text.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup
    from plotly.offline import get_plotlyjs

    folder = files("user_activity_trends.report") / "template"
    environment = Environment(
        loader=FileSystemLoader(str(folder)), autoescape=True, undefined=StrictUndefined
    )
    script = (folder / "report.js").read_text(encoding="utf-8")
    plotly = get_plotlyjs()
    names = {
        label(int(row["segment"]), row["segment_name"]): f"{row['segment']} · {row['segment_name']}"
        for row in rows_of(results.segment_profiles)
    }
    drawn = [
        plots.plot(name, charts[name], _how(name, charts[name], how), *of, names=names)
        for name, (how, of) in _HOW.items()
    ]
    return environment.get_template("report.html.j2").render(
        **_told(results, calendar, columns, recipe),
        plots={one.id: one for one in drawn},
        charts=Markup(plots.embedded(drawn)),  # noqa: S704 (made of escapes only, see embedded)
        plotly=Markup(plotly),  # noqa: S704 (the library itself)
        script=Markup(script),  # noqa: S704 (our own)
        script_hashes=Markup(f"{_hash(plotly)} {_hash(script)}"),  # noqa: S704 (hexadecimal)
        css=Markup((folder / "report.css").read_text(encoding="utf-8")),  # noqa: S704 (our own)
        source=sources.source,
        dashes=_DASHES,
    )


def _how(name: str, figure: Figure, usual: str) -> str:
    """Say how to read what was drawn, which is not the same for all sessions."""
    traces = figure.to_plotly_json()["data"]
    if not any(len(trace["x"]) for trace in traces):
        return ""
    if name in _GRIDS and traces[0]["type"] == "heatmap":
        return _GRIDS[name]
    if name == "elbow_chart" and not any("shuffled" in trace["name"] for trace in traces):
        return _ELBOW_ALONE
    return usual


_DASHES = {
    "solid": "none",
    "dash": "7 4",
    "dot": "2 3",
    "dashdot": "7 3 2 3",
    "longdash": "11 4",
    "longdashdot": "10 3 2 3",
    "4px,2px": "4 2",
    "1px,3px": "1 3",
}


def _hash(script: str) -> str:
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _told(
    results: Results, calendar: Sequence[str], columns: ColumnsParams, recipe: str
) -> dict[str, Any]:
    profiles, quality = results.segment_profiles, results.data_quality
    choice, trends = results.cluster_choice, results.segment_trends
    segments = [_segment(row) for row in rows_of(profiles)]
    warnings = [str(one["message"]) for one in choice["warnings"]] + _tiny(choice, profiles)
    return {
        "sections": SECTIONS,
        "file": answers.file_name(quality)
        if results.is_of_this_file
        else f"An earlier file than {answers.file_name(quality)}",
        "recipe": recipe,
        "sessions": count(int(profiles["sessions"].sum())),
        "headline": f"{count(int(profiles['sessions'].sum()))} sessions in "
        f"{some(len(segments), 'segment')}",
        "answers": {
            "how_many": answers.how_many(
                quality,
                profiles,
                trends,
                calendar,
                columns,
                is_of_this_file=results.is_of_this_file,
            ),
            "what_changed": answers.what_changed(results.conversion_changes, trends, columns),
            "trust": answers.can_i_trust_it(choice, results.elbow_curve, profiles, warnings),
            "rejected": answers.what_was_rejected(quality, is_of_this_file=results.is_of_this_file),
        },
        "segments": segments,
        "styles": {one.number: palette.style(one.number, len(segments)) for one in segments},
        "verdict": _verdict(choice),
        "chosen_on": answers.chosen_on(choice),
        "warnings": warnings,
        "no_warning": _no_warning(profiles, trends, columns),
        "restarts": _restarts(choice),
        "model": str(results.champion["model"]),
        "model_notes": in_use.notes(results.champion, results.promotion_report),
        "trend_notes": _trend_notes(trends, calendar, columns),
        "quality_notes": _quality_notes(quality, is_of_this_file=results.is_of_this_file),
        "no_migrations": _no_migrations(columns),
        "tables": {
            "profiles": tables.profiles(profiles),
            "features": tables.features(profiles, columns),
            "typical": tables.typical(results.typical_sessions),
            "votes": tables.votes(choice),
            "scores": tables.scores(results.elbow_curve),
            "models": in_use.tables(results.promotion_report),
            "trends": tables.trends(trends, calendar if len(trends) else []),
            "trend_tests": tables.trend_tests(results.trend_tests),
            "changes": tables.changes(results.conversion_changes, trends),
            "breakdowns": tables.breakdowns(results.segment_breakdowns),
            "migrations": tables.migrations(results.segment_migrations),
            "reasons": tables.reasons(quality),
            "ranges": tables.ranges(quality),
        },
        "method": _METHOD,
        "root": sources.root(recipe),
    }


def _verdict(choice: dict[str, Any]) -> str:
    r"""Return the verdict, in which what is said of k stays on one line.

    >>> _verdict({"verdict": "The elbow says k = 3."}) == "The elbow says k\xa0=\xa03."
    True
    """
    return str(choice["verdict"]).strip().replace("k = ", "k\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}")


def _segment(row: dict[str, Any]) -> _Segment:
    told = f"{count(row['sessions'])} sessions, {percent(row['share'])}"
    if "outcome_rate" in row and row["sessions"] < LEAST_SESSIONS:
        told += f"; under {LEAST_SESSIONS} sessions, too few to tell how many convert"
    elif "outcome_rate" in row:
        told += (
            f"; {percent(row['outcome_rate'])} convert "
            f"({percent(row['ci_low'])} to {percent(row['ci_high'])})"
        )
    rule = row["rule"]
    if not isinstance(rule, str) or not rule:
        rule = "No rule in words was found."
    else:
        rule = (
            f"{sentence(rule.rstrip('.'))}. Of the sessions that fulfil it "
            f"{percent(row['rule_precision'])} are in the segment; of the segment's sessions "
            f"{percent(row['rule_recall'])} fulfil it."
        )
    return _Segment(int(row["segment"]), str(row["segment_name"]), told, rule)


def _restarts(choice: dict[str, Any]) -> str:
    parts = [
        f"{name.replace('_', ' ')} {count(number)}"
        for name, number in choice["restarts"].items()
        if choice["resamples"] or name in {"sweep", "model"}
    ]
    return f"Starts of k-means: {', '.join(parts)}. Resamples: {count(choice['resamples'])}."


def _no_warning(profiles: pd.DataFrame, trends: pd.DataFrame, columns: ColumnsParams) -> str:
    """Name the checks that could have warned."""
    checks = [
        f"no column carries more than {percent(DOMINANT, 0)} of the variance",
        f"no segment holds under {percent(TINY, 0)} of the sessions",
        "no silhouette is high only because one segment holds nearly everything",
    ]
    if columns.outcome is not None:
        yes = (profiles["outcome_rate"] * profiles["sessions"]).sum()
        if min(yes, profiles["sessions"].sum() - yes) >= ENOUGH:
            checks.append("no column is nearly the outcome")
    if columns.period is not None and trends["period"].nunique() * FEW_PERIODS >= 1:
        checks.append("no column is filled in few periods only")
    return f"No warning: {', '.join(checks[:-1])}, and {checks[-1]}."


def _tiny(choice: dict[str, Any], profiles: pd.DataFrame) -> list[str]:
    """Warn of segments that are tiny here, where the model was trained on other sessions."""
    if answers.is_trained_on_these(choice):
        return []
    return [
        f"Segment {row['segment']} holds {percent(row['share'], 2)} of the sessions of this page: "
        "its rates mean little."
        for row in rows_of(profiles)
        if row["share"] < TINY
    ]


def _trend_notes(
    trends: pd.DataFrame, calendar: Sequence[str], columns: ColumnsParams
) -> list[str]:
    if columns.period is None or trends.empty:
        return [f"There is no trend to show: {NO_PERIOD}."]
    present = set(trends["period"])
    notes = []
    if len(present) == 1:
        notes.append("There is one period only: nothing to compare it with.")
    if absent := answers.absences(present, calendar):
        notes.append(f"No sessions in {absent}.")
    if len(calendar) > MOST_TOLD:
        notes.append(
            f"There are {count(len(calendar))} periods, more than a chart can tell apart: "
            "columns.period_bin makes them longer."
        )
    if "conversion_rate" not in trends:
        notes.append(f"There is no conversion to show: {NO_OUTCOME}.")
    if 1 < len(present) < 3:  # noqa: PLR2004
        notes.append("Two periods make no trend: the tests need three.")
    return notes


def _quality_notes(quality: dict[str, Any], *, is_of_this_file: bool) -> list[str]:
    notes = [] if is_of_this_file else [answers.not_this_file(quality)]
    if unused := quality.get("unused_columns"):
        notes.append(f"Columns of the file that were not used: {', '.join(unused)}.")
    if blank := quality.get("blank_lines"):
        notes.append(f"Blank lines that were skipped: {count(blank)}.")
    return notes


def _no_migrations(columns: ColumnsParams) -> str:
    if columns.user is None:
        return (
            "Migrations between segments cannot be told: the table has no column that says whose "
            "session it was. Where there is one, name it in columns.user."
        )
    return f"No user has a second session (column {columns.user}), so nobody moved."

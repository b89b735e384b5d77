"""The summary on top of the page: five questions, answered in words and numbers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import pandas as pd

from user_activity_trends.charts.choice import GOOD_JACCARD
from user_activity_trends.charts.rows import Row, is_missing, rows_of
from user_activity_trends.charts.trends import NO_PERIOD
from user_activity_trends.charts.wording import NONE, count, percent, points, sentence, some
from user_activity_trends.locations import is_sample
from user_activity_trends.segmentation.moves import largest_change, largest_move
from user_activity_trends.segmentation.selection import STABLE
from user_activity_trends.segmentation.trends import LEAST_SESSIONS
from user_activity_trends.sessions.columns import ColumnsParams

_MOST_NAMED = 4
"""Periods without sessions beyond which they are counted only."""
STEADY = 0.9
"""Mean adjusted Rand index that counts as excellent agreement (Steinley 2004)."""


@dataclass(frozen=True)
class Answer:
    """One question of the summary."""

    id: str
    question: str
    figure: str
    unit: str
    sentences: tuple[str, ...]
    link: str
    link_text: str


def file_name(data_quality: dict[str, Any]) -> str:
    """Return the name of the file that was read, without its folder, and whether it is real."""
    path = PurePosixPath(str(data_quality["file"]))
    sample = ", the embedded synthetic sample" if is_sample(str(path)) else ""
    return f"{path.name}{sample}"


def not_this_file(data_quality: dict[str, Any]) -> str:
    """Say why the last file that was read is not that of the sessions on the page."""
    return (
        f"{file_name(data_quality)} was refused, or its run ended early: this page shows the "
        "sessions that were read before it."
    )


def is_trained_on_these(choice: dict[str, Any]) -> bool:
    """Tell whether the model in use was trained on just the sessions that are shown."""
    return bool(choice["trained_on"]["sha256"] == choice["labelled"])


def chosen_on(choice: dict[str, Any]) -> str:
    """Say on which sessions the number of segments was chosen, if not on just those shown."""
    if is_trained_on_these(choice):
        return ""
    trained = choice["trained_on"]
    return (
        f"The choice of k and its warnings are of the {count(trained['rows'])} sessions of "
        f"{file_name(trained)} that the model in use was trained on; the sessions of this page "
        "are not the same."
    )


def how_many(  # noqa: PLR0913 (what is known of the sessions)
    data_quality: dict[str, Any],
    profiles: pd.DataFrame,
    trends: pd.DataFrame,
    calendar: Sequence[str],
    columns: ColumnsParams,
    *,
    is_of_this_file: bool,
) -> Answer:
    """Say how many sessions there are, from when, and how many converted."""
    sessions = int(profiles["sessions"].sum())
    told = [f"{count(sessions)} of {count(data_quality['rows_read'])} rows were used."]
    if not is_of_this_file:
        told = [not_this_file(data_quality)]
    if columns.period is None or trends.empty:
        told.append(f"No period: {NO_PERIOD}.")
    else:
        told.append(_periods(trends, calendar, columns.period))
    if "outcome_rate" in profiles:
        rate = float((profiles["outcome_rate"] * profiles["share"]).sum())
        told.append(f"{percent(rate)} of the sessions converted ({columns.outcome}).")
    else:
        told.append("What a session ended in is not known: columns.outcome is not set.")
    return Answer(
        "how-many",
        "How many sessions?",
        count(sessions),
        "sessions",
        tuple(told),
        "#quality",
        "Data quality",
    )


def _periods(trends: pd.DataFrame, calendar: Sequence[str], column: str) -> str:
    present = list(dict.fromkeys(trends["period"]))
    if len(present) == 1:
        told = f"They are from one period, {present[0]} ({column})"
    else:
        of = some(len(present), "period")
        told = f"They are from {of}, {present[0]} to {present[-1]} ({column})"
    absent = absences(present, calendar)
    return f"{told}; no sessions in {absent}." if absent else f"{told}."


def absences(present: Iterable[str], calendar: Sequence[str]) -> str:
    """Name the periods without sessions, or count them where they are many.

    >>> absences(["Feb"], ["Jan", "Feb", "Mar"]), absences(["0"], [*"0123456"]), absences("a", "a")
    ('Jan and Mar', '6 further periods', '')
    """
    known = set(present)
    absent = [period for period in calendar if period not in known]
    if len(absent) > _MOST_NAMED:
        return f"{count(len(absent))} further periods"
    return " and ".join([", ".join(absent[:-1]), absent[-1]] if len(absent) > 1 else absent)


def what_changed(changes: pd.DataFrame, trends: pd.DataFrame, columns: ColumnsParams) -> Answer:
    """Say what moved most from one period to the next, and why."""
    question, link, link_text = "What changed?", "#changes", "Changes of conversion"
    share = None if trends.empty else largest_move(trends, "share")
    told = []
    if share:
        moved = "moved most" if share.clear else "moved most, though no more than by chance"
        told.append(
            f"The share of segment {share.segment} {moved}: {percent(share.before)} in "
            f"{share.period_from}, {percent(share.after)} in {share.period_to}."
        )
    found = largest_change(changes, trends)
    if found and found.change == 0:
        told.insert(0, f"The conversion of all sessions is {percent(found.after)} in each period.")
        return Answer(
            "what-changed", question, points(0), "of conversion", tuple(told), link, link_text
        )
    if found:
        start, end = found.period_from, found.period_to
        within = "" if found.clear else ", which is within chance"
        told.insert(
            0,
            f"From {start} to {end} the conversion of all sessions went from "
            f"{percent(found.before)} to {percent(found.after)}{within}: "
            f"{points(found.mix)} because segments grew or shrank (mix), {points(found.rate)} "
            "because segments converted more or less (rate).",
        )
        told.append("These are differences between periods; nothing here claims a season.")
        unit = f"of conversion, {start} to {end}" + ("" if found.clear else ": within chance")
        return Answer(
            "what-changed", question, points(found.change), unit, tuple(told), link, link_text
        )
    if columns.period is None or trends.empty:
        told = [f"The sessions have no period: {NO_PERIOD}."]
    elif len(set(trends["period"])) == 1:
        told = ["There is one period only: nothing to compare it with."]
    elif columns.outcome is None:
        told.append("Conversion is not known: columns.outcome is not set.")
    else:
        told.append(
            f"One of any two periods has under {LEAST_SESSIONS} sessions: too few to tell a "
            "change of conversion."
        )
    figure = NONE if share is None else points(share.after - share.before)
    unit = (
        "no change to tell"
        if share is None
        else f"in the share of segment {share.segment}, {share.period_from} to {share.period_to}"
        + ("" if share.clear else ": within chance")
    )
    return Answer("what-changed", question, figure, unit, tuple(told), "#trends", "Trends")


def can_i_trust_it(
    choice: dict[str, Any], curve: pd.DataFrame, profiles: pd.DataFrame, warnings: Sequence[str]
) -> Answer:
    """Say how reproducible the segments are, and what to be careful about."""
    k = int(choice["k"])
    chosen = curve[curve["k"] == k]
    mean = float(chosen["stability_mean"].iloc[0]) if len(chosen) else float("nan")
    least = float(chosen["stability_min"].iloc[0]) if len(chosen) else float("nan")
    known = [row for row in rows_of(profiles) if not is_missing(row["stability"])]
    told = [_in_short(mean, known, choice)]
    figure, unit = NONE, "stability was not measured"
    if not is_missing(mean):
        figure = f"{mean:.2f}"
        unit = f"agreement of {count(choice['resamples'])} resamples (1: the same each time)"
        told.append(
            f"Over {count(choice['resamples'])} resamples the adjusted Rand index at k = {k} is "
            f"{mean:.3f} on average and {least:.3f} at worst"
            + (
                ", where segments are made afresh; those in use go on from earlier ones."
                if choice["continued"]
                else "."
            )
        )
        weakest = min(known, key=lambda row: float(row["stability"]), default=None)
        if weakest is not None:
            told.append(
                f"The least stable is segment {weakest['segment']}: it overlaps with itself by "
                f"{weakest['stability']:.2f} (mean Jaccard index)."
            )
    elif not choice["resamples"]:
        told.append("Resampling is off: clustering.stability.resamples is 0.")
    if warnings:
        told.append(f"{sentence(some(len(warnings), 'warning'))}: see the choice of k.")
    if elsewhere := chosen_on(choice):
        told.append(elsewhere)
    return Answer("trust", "Can I trust it?", figure, unit, tuple(told), "#choice", "Choice of k")


def _in_short(mean: float, known: Sequence[Row], choice: dict[str, Any]) -> str:
    """Say the same for who knows no index: do they come back, and are they kinds of sessions."""
    weak = [f"{row['segment']}" for row in known if float(row["stability"]) < GOOD_JACCARD]
    if is_missing(mean):
        told = "Whether the same segments would come back was not tried"
    elif mean < STABLE:
        told = "Other segments come back when the sessions are drawn again: do not build on these"
    else:
        often = "Nearly" if mean >= STEADY else "Mostly"
        told = f"{often} the same segments come back when the sessions are drawn again"
        if weak:
            which = f"segment{'s' * (len(weak) > 1)} {' and '.join(weak)}"
            told += f", but {which} often {'comes' if len(weak) == 1 else 'come'} back different"
    if choice["natural_at_k"] is None or mean < STABLE:
        return f"{told}."
    if choice["natural_at_k"]:
        return (
            f"{told}. They stand apart: clearer than in tables without groups, with few sessions "
            "in between."
        )
    elsewhere = " and ".join(str(k) for k in choice["natural_counts"])
    instead = f" (those at k = {elsewhere} are)" if elsewhere else ""
    return (
        f"{told}. They are not shown to be separate kinds of sessions{instead}: read them as a "
        "useful way to cut."
    )


def what_was_rejected(data_quality: dict[str, Any], *, is_of_this_file: bool) -> Answer:
    """Say how many rows were refused, and why."""
    read, rejected = data_quality["rows_read"], data_quality["rows_rejected"]
    reasons = list(data_quality["defects_by_reason"].items())
    if rejected == 0:
        told = ["Every row keeps the rules."]
    else:
        told = [
            f"{count(rejected)} of {count(read)} rows ({percent(rejected / read)}) broke a rule."
        ]
        most = "; ".join(f"{reason} ({count(cells)})" for reason, cells in reasons[:3])
        told.append(f"Most often: {most}.")
    if repeated := data_quality["duplicate_rows"]:
        verb = (
            "repeats an earlier one and was" if repeated == 1 else "repeat an earlier one and were"
        )
        told.append(f"{sentence(some(repeated, 'row'))} {verb} {data_quality['duplicates']}.")
    if not is_of_this_file:
        told.insert(0, not_this_file(data_quality))
    return Answer(
        "rejected",
        "What was rejected?",
        count(rejected),
        "row" if rejected == 1 else "rows",
        tuple(told),
        "#quality",
        "Data quality",
    )

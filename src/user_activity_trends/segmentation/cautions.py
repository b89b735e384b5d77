"""What to be careful about with the segments that were chosen: found from the data, not by name."""

from collections.abc import Iterable, Mapping, Sequence
from math import floor, lgamma, log, sqrt

import pandas as pd
from pydantic import BaseModel, ConfigDict

DOMINANT = 0.9
"""Share of the variance above which one feature decides alone."""
TINY = 0.01
"""Share of the sessions below which a segment is hardly one."""
LOPSIDED = 0.9
"""Share of the sessions above which one segment holds nearly everything."""
HIGH_SILHOUETTE = 0.5
"""Rousseeuw (1987) and Kaufman and Rousseeuw (1990) speak of a reasonable structure from here."""
PROXY = 0.8
"""Area under the ROC curve from which one feature alone nearly tells the outcome.
On the public data set one of ten has 0.86, and the next 0.70."""
ENOUGH = 30
"""Sessions that must have the outcome, and that must not, to judge that."""
_NORMAL_95 = 1.959964
FEW_PERIODS = 1 / 3
"""Share of the periods up to which a feature is in few of them; one of two is not few."""
NEARLY_ALL = 0.95
"""Share of its sessions from which a feature is nearly only in some periods."""
RARER = 0.1
"""How often a feature may be elsewhere, against how often it is in these periods."""
CHANCE = 0.001
"""Probability up to which it is no accident that a feature is in few periods only."""


class Caution(BaseModel):
    """One thing to be careful about."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    about: str
    """The feature or the k that it is about."""
    message: str
    """What it means and what to do, in plain words."""


def dominant_features(variance_shares: Mapping[str, float]) -> list[Caution]:
    """Find a feature that carries more than 90 % of the variance of the scaled features.

    Args:
        variance_shares: Feature: its share of their variance.
    """
    return [
        Caution(
            kind="dominant_feature",
            about=name,
            message=f"{name} carries {share:.0%} of the variance of the scaled features, so the "
            "segments are cuts along it and the other features hardly count; use another scaler "
            "or transform in the recipe, or leave it out.",
        )
        for name, share in variance_shares.items()
        if share > DOMINANT
    ]


def tiny_segments(sizes: Sequence[int]) -> list[Caution]:
    """Find segments that hold under 1 % of the sessions.

    Args:
        sizes: Sessions in each segment, the largest first.
    """
    every = sum(sizes)
    return [
        Caution(
            kind="tiny_segment",
            about=f"segment {number}",
            message=f"Segment {number} has {size:,} of {every:,} sessions ({size / every:.2%}): "
            "it may be a handful of outliers, and its rates mean little; look at its typical "
            "sessions, and choose fewer segments or a recipe with transform log1p if so.",
        )
        for number, size in enumerate(sizes, start=1)
        if size < TINY * every
    ]


def lopsided_scores(
    silhouettes: "pd.Series[float]", sizes: Mapping[int, Sequence[int]], asked: Iterable[int]
) -> list[Caution]:
    """Find silhouettes that are high only because one segment holds nearly everything.

    Args:
        silhouettes: The silhouette of each k, by k.
        sizes: k: sessions in each segment, the largest first.
        asked: The k that were chosen or voted for.
    """
    found = []
    for k in sorted(set(asked)):
        share = sizes[k][0] / sum(sizes[k])
        if silhouettes[k] > HIGH_SILHOUETTE and share > LOPSIDED:
            message = (
                f"The silhouette at k = {k} is high ({silhouettes[k]:.2f}) because one segment "
                f"holds {share:.0%} of the sessions: setting a few far ones aside always scores "
                "well and says little about the rest; do not take this score as a reason for it."
            )
            found.append(Caution(kind="lopsided_score", about=f"k = {k}", message=message))
    return found


def outcome_proxies(features: pd.DataFrame, outcome: pd.Series) -> list[Caution]:
    """Find features that nearly tell the outcome by themselves, and by no accident.

    At least 30 sessions must have the outcome and 30 must not, and the lower
    limit of the area's 95 % interval must be 0.8 or more.

    Args:
        features: One session a row, each feature in its own unit; gaps are left out.
        outcome: What each session ended in, as truth value.
    """
    found = []
    for name in features.columns:
        known = features[name].notna()
        yes = int(outcome[known].astype(bool).sum())
        no = int(known.sum()) - yes
        if min(yes, no) < ENOUGH:
            continue
        area = rank_auc(features[name], outcome)
        # Where the outcome goes with small values, the two sides change their roles.
        apart, more, less = (area, yes, no) if area >= 1 / 2 else (1 - area, no, yes)
        low = apart - _NORMAL_95 * auc_error(apart, more, less)
        if low >= PROXY:
            message = (
                f"{name} nearly tells {outcome.name} by itself (area under the ROC curve "
                f"{apart:.2f}, 95% interval from {low:.2f}, where 0.5 is none and 1 all): it may "
                f"be measured after {outcome.name} or with it, and segments that differ in it "
                f"differ in {outcome.name} too; find out when it is measured, and leave it out of "
                "the recipe to see who converts and why."
            )
            found.append(Caution(kind="outcome_proxy", about=str(name), message=message))
    return found


def auc_error(area: float, larger: int, smaller: int) -> float:
    """Return the standard error of an area under the ROC curve (Hanley and McNeil 1982).

    Args:
        area: The area, from 0 to 1.
        larger: Sessions of the side that has the larger values.
        smaller: Sessions of the other side.

    >>> round(auc_error(0.893, 51, 58), 4)
    0.0325
    """
    two_larger, two_smaller = area / (2 - area), 2 * area**2 / (1 + area)
    squares = area * (1 - area)
    squares += (larger - 1) * (two_larger - area**2) + (smaller - 1) * (two_smaller - area**2)
    return float(sqrt(squares / (larger * smaller)))


def rank_auc(values: pd.Series, outcome: pd.Series) -> float:
    """Return the chance that a session with the outcome has the larger value (Bamber 1975).

    Args:
        values: One number a session; gaps are left out.
        outcome: What each session ended in, as truth value.

    Returns:
        The area under the ROC curve, ties counted as half; 0.5 if one side is empty.

    >>> rank_auc(pd.Series([1, 2, 3, 4]), pd.Series([False, False, True, True]))
    1.0
    >>> rank_auc(pd.Series([1, 1, 1, 2]), pd.Series([False, True, True, False]))
    0.25
    """
    known = values.notna()
    ranks, with_outcome = values[known].rank(), outcome[known].to_numpy(dtype=bool)
    yes, no = int(with_outcome.sum()), int((~with_outcome).sum())
    if not yes or not no:
        return 0.5
    above = float(ranks.to_numpy()[with_outcome].sum()) - yes * (yes + 1) / 2
    return above / (yes * no)


def calendar_artefacts(features: pd.DataFrame, periods: pd.Series) -> list[Caution]:
    """Find features that are other than 0 in few of the periods only, or almost only.

    Of the sessions that have the feature, 95 % must be in at most a third of the
    periods, and a session elsewhere must have it at most a tenth as often. It must
    be no accident: the chance that so many sessions are within so few periods,
    whichever they are, is below 0.001 (Bonferroni's bound, and Chernoff's of the
    binomial tail).

    Args:
        features: One session a row, each feature in its own unit; gaps are left out.
        periods: The period of each session.
    """
    sessions = periods.value_counts()
    found: list[Caution] = []
    for name in features.columns:
        there = periods[features[name].notna() & (features[name] != 0)].value_counts()
        fewest = 1 + int((there.cumsum() < NEARLY_ALL * there.sum()).sum())
        if there.empty or fewest > FEW_PERIODS * len(sessions):
            continue
        chosen = set(there.index[:fewest])
        within = float(there.iloc[:fewest].sum() / there.sum())
        share = float(sessions[[*chosen]].sum() / sessions.sum())
        if (1 - within) / (1 - share) > RARER * within / share:
            continue
        ways = _log_choices(len(sessions), fewest)
        if ways - int(there.sum()) * divergence(within, share) < log(CHANCE):
            present = [one for one in dict.fromkeys(periods) if one in chosen]
            almost = "" if within == 1 else f", with {_percent_below(within)} of those sessions"
            message = (
                f"{name} is other than 0 {'almost only ' if almost else ''}in {_listed(present)}"
                f"{'' if almost else ' only'} ({fewest} of {len(sessions)} periods{almost}), so "
                "it says when a session was rather than how it went, and its segments come and "
                "go with the calendar; leave it out of the recipe."
            )
            found.append(Caution(kind="calendar_artefact", about=str(name), message=message))
    return found


def _log_choices(many: int, few: int) -> float:
    """Return the logarithm of the ways to choose a few out of many."""
    return lgamma(many + 1) - lgamma(few + 1) - lgamma(many - few + 1)


def divergence(seen: float, expected: float) -> float:
    """Return how far a share is from that expected, by Kullback and Leibler (1951).

    The chance that of n trials a share of ``seen`` or more succeeds, where
    ``expected`` do, is at most exp(-n * divergence) (Chernoff 1952).

    >>> round(divergence(1, 0.5), 4), round(divergence(0.95, 0.5), 4)
    (0.6931, 0.4946)
    """
    missed = (1 - seen) * log((1 - seen) / (1 - expected)) if seen < 1 else 0
    return seen * log(seen / expected) + missed


def _percent_below(share: float) -> str:
    """Write a share, rounded down, so that nearly all is never written as all."""
    return f"{floor(1_000 * share) / 10:.1f}%"


def _listed(periods: Sequence[object], most: int = 4) -> str:
    shown = [str(one) for one in periods[:most]]
    if len(periods) > most:
        return f"{', '.join(shown)} and {len(periods) - most} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)

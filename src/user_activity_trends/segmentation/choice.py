"""Choose the number of clusters from everything that is known, and say why."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from user_activity_trends.segmentation import (
    cautions,
    natural,
    references,
    selection,
    stability,
    verdict,
)
from user_activity_trends.segmentation.cautions import Caution
from user_activity_trends.segmentation.evidence import Evidence
from user_activity_trends.segmentation.selection import SelectionParams


@dataclass(frozen=True)
class Background:
    """What the table of sessions says beside the scaled features."""

    sessions: pd.DataFrame
    """One session a row, in its own units."""
    outcome: str | None
    """Column of the outcome as truth value, if there is one."""
    period: str | None
    """Column of the period, if there is one."""


def conclude(  # noqa: PLR0913 (what is known, what is asked, and what is in use)
    curve: pd.DataFrame,
    known: Evidence,
    selecting: SelectionParams,
    restarts: int,
    background: Background,
    *,
    kept_k: int | None = None,
) -> dict[str, Any]:
    """Choose the number of clusters and say why (``cluster_choice``).

    Args:
        curve: The sweep's record, one row a ``k``.
        known: What the sweep found beside it.
        selecting: Who decides.
        restarts: Starts of each fit in the sweep.
        background: The same sessions in their own units.
        kept_k: k of the model in use, which is kept where the sweep has tried it; None: choose.

    Returns:
        ``k``, ``method`` (that chose it; ``champion``: the model in use has as many),
        ``votes`` (the k of each criterion), ``candidates``, ``restarts``,
        ``resamples``, ``samples`` (sessions on which each thing was measured),
        ``references`` (tables without groups),
        ``thresholds`` (of natural groups), ``scores`` (with the highest
        ``reference_silhouette``, and the sessions' own one that is compared with
        it, of the same quick fit; and ``valley``, the share of sessions between
        the two clusters that are parted least), ``elbow_ranges``,
        ``permutations``, ``natural_groups`` (whether any k has them),
        ``natural_counts`` (those k), ``natural_at_k`` (whether the chosen k has
        them; None: not examined), ``warnings``, and ``verdict`` in words.

    Raises:
        NoElbowError: There is no elbow and no fallback.
        DegenerateDataError: The data does not allow the k that is configured.
    """
    counts = [int(k) for k in curve["k"]]
    votes = selection.collect_votes(curve)
    k, method = selection.choose(
        votes, counts, selecting.method, selecting.n_clusters, selecting.fallback, kept_k=kept_k
    )
    ranges = selection.elbow_ranges(curve)
    judged = natural.Natural(None)
    if known.resamples:
        judged = natural.judge(
            curve,
            known.own_silhouettes,
            known.reference_silhouettes,
            known.valleys,
            known.sizes,
            known.variance_shares,
        )
    elbows = [one["elbow"] for one in known.permuted_votes]
    by_k = curve.set_index("k")
    findings = verdict.Findings(
        k=k,
        method=method,
        asked=selecting.method,
        votes=votes,
        counts=counts,
        elbow_ranges=ranges,
        resamples=known.resamples,
        permuted_elbows=elbows,
        stability={
            one: (by_k["stability_mean"][one], by_k["stability_min"][one]) for one in known.jaccard
        },
        natural=judged,
        references=sum(known.references.values()),
    )
    found = _cautions(by_k, known, {k} | _cast(votes), k) + _column_cautions(
        list(known.variance_shares), background
    )
    return {
        "k": k,
        "method": method,
        "votes": votes,
        "candidates": counts,
        "restarts": {
            "sweep": restarts,
            "model": restarts,
            "stability": stability.RESTARTS,
            "prediction_strength": stability.RESTARTS,
            "permutations": references.RESTARTS,
            "drawn_references": references.RESTARTS,
        },
        "resamples": known.resamples,
        "samples": known.samples,
        "references": known.references,
        "thresholds": {
            "silhouette_above_references": natural.CLEAR,
            "prediction_strength": natural.PREDICTABLE,
            "valley": natural.VALLEY,
        },
        "scores": [
            {name: None if np.isnan(value) else value for name, value in row.items()}
            | {
                "own_silhouette": known.own_silhouettes.get(int(row["k"])),
                "reference_silhouette": known.reference_silhouettes.get(int(row["k"])),
                "valley": known.valleys.get(int(row["k"])),
                "jaccard": known.jaccard.get(int(row["k"]), []),
            }
            for row in curve.to_dict("records")
        ],
        "elbow_ranges": ranges,
        "permutations": {
            "count": len(elbows),
            "elbows": elbows,
            "votes": {
                name: [one[name] for one in known.permuted_votes]
                for name in ("silhouette", "davies_bouldin", "calinski_harabasz")
            },
        },
        "natural_groups": None if judged.counts is None else bool(judged.counts),
        "natural_counts": judged.counts,
        "natural_at_k": None if judged.counts is None else k in judged.counts,
        "warnings": [caution.model_dump() for caution in found],
        "verdict": verdict.in_words(findings),
    }


def _cast(votes: dict[str, int | None]) -> set[int]:
    return {k for k in votes.values() if k is not None}


def _cautions(by_k: pd.DataFrame, known: Evidence, asked: set[int], k: int) -> list[Caution]:
    return [
        *cautions.dominant_features(known.variance_shares),
        *cautions.tiny_segments(known.sizes[k]),
        *cautions.lopsided_scores(by_k["silhouette"], known.sizes, asked),
    ]


def _column_cautions(names: list[str], background: Background) -> list[Caution]:
    features, found = background.sessions[names], list[Caution]()
    if background.outcome:
        found += cautions.outcome_proxies(features, background.sessions[background.outcome])
    if background.period:
        found += cautions.calendar_artefacts(features, background.sessions[background.period])
    return found

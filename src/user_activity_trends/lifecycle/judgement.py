"""Judge a new model against the one in use, and write down why."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel

from user_activity_trends.lifecycle.predecessor import Predecessor
from user_activity_trends.lifecycle.record import ModelRecord
from user_activity_trends.segmentation import challenge, gates
from user_activity_trends.segmentation.gates import Gate, GatesParams
from user_activity_trends.segmentation.scorer import SegmentScorer


class Report(BaseModel):
    """What a ``promotion_report`` must say at least."""

    decision: Literal["promoted", "refused"]
    in_words: str
    gates: tuple[Gate, ...]


def judge(  # noqa: PLR0913 (two models, the sessions, and how to judge)
    record: ModelRecord,
    scorer: SegmentScorer,
    predecessor: Predecessor,
    sessions: pd.DataFrame,
    outcome: NDArray[np.bool_] | None,
    *,
    rejected: float,
    limits: GatesParams,
    allow_new_segments: bool,
    resamples: int,
    continuity: float,
    random_state: int,
) -> dict[str, Any]:
    """Compare a new model with the one in use, and put it before the gates.

    Args:
        record: What the new model was made of.
        scorer: The new model.
        predecessor: The model in use.
        sessions: The sessions to judge on, in their own units.
        outcome: Whether each ended in the outcome; None: there is none.
        rejected: Share of the rows of the file that were refused.
        limits: The gates.
        allow_new_segments: Whether segments may change.
        resamples: Bootstrap samples.
        continuity: What it may cost to go on from the segments in use.
        random_state: Seed.

    Returns:
        ``candidate`` and ``champion`` (versions), ``decision`` (``promoted`` or
        ``refused``), ``in_words``, ``gates``, ``models`` (measures of each) and
        ``between`` (None if there is nothing to compare with).
    """
    seen = [challenge.see(scorer, sessions)]
    rival = predecessor.scorer
    strangers = [] if rival is None else rival.lacking(sessions)
    lost: list[str] = []
    if rival is not None and not strangers:
        lost = [name for name in rival.columns if name not in scorer.columns]
        seen.append(challenge.see(rival, sessions))
    measured = challenge.measure(seen, seen[-1].scaled, outcome, random_state)
    for one, told in zip(seen, measured, strict=True):
        told["jaccard"] = challenge.stability(one, resamples, random_state)
        told["minimum_jaccard"] = _least(told["jaccard"])
    measured[0]["retraining_jaccard"] = None
    if record.continued and continuity:
        again = challenge.stability(seen[0], resamples, random_state, continuity)
        measured[0]["retraining_jaccard"] = _least(again)
    between = None
    if len(seen) > 1:
        between = challenge.between(seen[0], seen[1])
        usual = predecessor.mean_square
        now = float((seen[1].distance ** 2).mean())
        rise = now / usual - 1 if usual else None
        # What differs by rounding only has not risen.
        measured[1]["distance_rise"] = None if rise is None else round(rise, 9) + 0.0
    judged = gates.judge(
        limits,
        measured[0],
        measured[1] if between else None,
        between["adjusted_rand"] if between else None,
        {"candidate": record.data.rows, "champion": predecessor.rows},
        rejected=rejected,
        allow_new_segments=allow_new_segments,
    )
    judged += _of_one_kind(predecessor, strangers, lost, allow_new_segments=allow_new_segments)
    refused = gates.failed(judged)
    champion = predecessor.champion
    return {
        "candidate": record.version,
        "champion": None if champion is None else champion.version,
        "decision": "refused" if refused else "promoted",
        "in_words": _in_words(record, predecessor, judged, compared=between is not None),
        "gates": [one.model_dump() for one in judged],
        "models": dict(zip(("candidate", "champion"), measured, strict=False)),
        "between": between,
    }


def _least(jaccard: Mapping[int, float | None]) -> float | None:
    return min((value for value in jaccard.values() if value is not None), default=None)


def _of_one_kind(
    predecessor: Predecessor,
    strangers: Sequence[str],
    lost: Sequence[str],
    *,
    allow_new_segments: bool,
) -> list[Gate]:
    """Refuse what cannot be compared with the model in use, or sees less than it.

    Args:
        predecessor: The model in use.
        strangers: Columns that it takes and the sessions lack.
        lost: Columns that it takes and the new model does not, though the sessions have them:
            they are empty or the same in all sessions, as where a source has stopped filling them.
        allow_new_segments: Whether segments may change.
    """
    found = []
    if predecessor.only_a_sample:
        found.append(
            Gate(
                gate="own_sessions",
                figure=None,
                limit=1,
                passed=False,
                in_words="it was trained on the embedded sample, and the model in use on sessions "
                "of your own",
            )
        )
    if strangers or lost:
        told = (
            f"{', '.join(strangers)}, which the sessions lack, as the recipe reads them, or have "
            "gaps in, so they cannot be compared"
            if strangers
            else f"{', '.join(lost)}, with at most one value in all sessions of this training, as "
            "where a source has stopped, so the new model does without"
        )
        found.append(
            Gate(
                gate="same_columns",
                figure=len(strangers) + len(lost),
                limit=0,
                passed=allow_new_segments,
                in_words=f"the model in use takes {told} (promotion.allow_new_segments lets "
                "segments change)",
            )
        )
    return found


def _in_words(
    record: ModelRecord, predecessor: Predecessor, judged: Sequence[Gate], *, compared: bool
) -> str:
    """Say what the gates say; which model is in use now or later, ``champion`` says."""
    refused = gates.failed(judged)
    if refused:
        told = "; ".join(f"{one.gate}: {one.in_words}" for one in refused)
        return f"Model {record.version} was refused by {told}."
    asked = sum(one.figure is not None for one in judged)
    if predecessor.scorer is None:
        kind = "model" if predecessor.champion is None else "of sessions of your own"
        return f"Model {record.version}, the first {kind}, passed all {asked} gates."
    how = "compared with" if compared else "but could not be compared with"
    return f"Model {record.version} passed all {asked} gates, {how} {predecessor.scorer.version}."


def failed_gates(report: Mapping[str, Any]) -> list[str]:
    """Name the gates that refused a model.

    Args:
        report: ``promotion_report``.
    """
    return [str(one["gate"]) for one in report["gates"] if not one["passed"]]

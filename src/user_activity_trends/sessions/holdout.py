"""Which sessions models are judged on: all, or some that training does not see."""

import hashlib
from typing import Annotated, Any, Literal

import narwhals as nw
from pydantic import Field

from user_activity_trends.errors import DegenerateDataError, SettingError
from user_activity_trends.sessions.columns import ColumnsParams
from user_activity_trends.sessions.periods import in_order
from user_activity_trends.sessions.rules import SESSION_ID

EvaluationRows = Literal["all", "newest_period"] | Annotated[float, Field(gt=0, lt=1)]
"""``all``: judged on the training sessions; a number: that share of them, by hash."""
_SETTING = "promotion.evaluation_rows"
_LEAST = 2


def training_rows(
    sessions: nw.DataFrame[Any], columns: ColumnsParams, evaluation_rows: EvaluationRows
) -> list[bool]:
    """Say which sessions a model is trained on.

    Args:
        sessions: One session a row, with ``session_id`` and the period.
        columns: Which column is the period.
        evaluation_rows: Which sessions are kept out of training.

    Returns:
        Whether each session is for training; all are for ``all``.

    Raises:
        SettingError: There is no period whose newest could be kept out.
        DegenerateDataError: Too few sessions would be left on either side.
    """
    if evaluation_rows == "all":
        return [True] * len(sessions)
    if evaluation_rows == "newest_period":
        if columns.period is None:
            msg = (
                f"{_SETTING} is newest_period, but columns.period is null; name the column of "
                "the period, or set it to all or to a share"
            )
            raise SettingError(msg)
        labels = sessions[columns.period].cast(nw.String).to_list()
        present = set(labels)
        newest = [period for period in in_order(present, columns) if period in present][-1]
        kept = [label != newest for label in labels]
    else:
        kept = [not _is_drawn(one, evaluation_rows) for one in sessions[SESSION_ID].to_list()]
    if min(sum(kept), len(kept) - sum(kept)) < _LEAST:
        msg = (
            f"{_SETTING} = {evaluation_rows} leaves {sum(kept)} sessions for training and "
            f"{len(kept) - sum(kept)} to judge by; set it to all, or give more sessions"
        )
        raise DegenerateDataError(msg)
    return kept


def _is_drawn(session: object, share: float) -> bool:
    """Draw a session by a hash of its id: the same one in every run."""
    digest = hashlib.sha256(str(session).encode()).digest()
    return int.from_bytes(digest[:8], "big") < share * 2**64


def in_words(
    evaluation_rows: EvaluationRows, rows: int, columns: ColumnsParams, *, in_sample: bool
) -> str:
    """Say what models were judged on.

    Args:
        evaluation_rows: What was configured.
        rows: Sessions that models were judged on.
        columns: Which column is the id.
        in_sample: Whether the new model was trained on them.

    >>> in_words("all", 1200, ColumnsParams(), in_sample=True)
    'all 1,200 sessions, those of the training as well (in-sample)'
    """
    if in_sample:
        return f"all {rows:,} sessions, those of the training as well (in-sample)"
    which = "drawn by their id" if columns.id else "drawn by the number of their row"
    if evaluation_rows == "newest_period":
        which = "of the newest period"
    return (
        f"{rows:,} sessions {which}, which the training of the new model did not see; an earlier "
        "model may have been trained on them"
    )

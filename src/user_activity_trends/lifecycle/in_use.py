"""The model in use, as nodes get it."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from user_activity_trends.lifecycle.champion import Champion
from user_activity_trends.lifecycle.record import ModelRecord
from user_activity_trends.segmentation.model import SegmentationModel, scale
from user_activity_trends.segmentation.scorer import SegmentScorer
from user_activity_trends.sessions.rules import SESSION_ID


@dataclass(frozen=True)
class ModelInUse:
    """All that belongs to the model that ``champion`` names, read at one time."""

    champion: Champion
    model: SegmentationModel
    identities: dict[str, Any]
    record: ModelRecord
    report: dict[str, Any]
    """``promotion_report`` of the model; empty if it was put in use without one."""

    @property
    def jaccard(self) -> dict[str, float | None]:
        """Segment, as text: how much of it comes back in resamples; nothing if not measured."""
        judged: dict[str, float | None] = (
            self.report.get("models", {}).get("candidate", {}).get("jaccard", {})
        )
        return {str(segment): value for segment, value in judged.items()}

    def scaled(self, sessions: pd.DataFrame) -> pd.DataFrame:
        """Return ``session_id`` and the features of sessions in the model's scaled units."""
        places = scale(self.model, sessions)
        columns = list(self.model.feature_names_in_)
        scaled = pd.DataFrame(places, columns=columns, index=sessions.index)
        scaled.insert(0, SESSION_ID, sessions[SESSION_ID])
        return scaled


@dataclass(frozen=True)
class ReigningChampion:
    """The model in use before a run promotes its own; all None if there is none."""

    champion: Champion | None = None
    scorer: SegmentScorer | None = None
    record: ModelRecord | None = None
    own_model: str | None = None
    """Fingerprint that this run's version has in the history: it was run before, and promoted."""

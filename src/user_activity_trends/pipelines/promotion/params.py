"""The typed owner of ``promotion`` in the parameters."""

from pydantic import BaseModel, ConfigDict, Field

from user_activity_trends.segmentation.gates import GatesParams
from user_activity_trends.sessions.holdout import EvaluationRows


class PromotionParams(BaseModel):
    """When a new model takes over from the one in use."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    evaluation_rows: EvaluationRows
    allow_new_segments: bool
    gates: GatesParams
    keep_versions: int | None = Field(
        ge=1, description="model versions that are kept besides those in use; null: all"
    )

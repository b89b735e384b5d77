"""The typed owner of ``clustering`` in the parameters."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from user_activity_trends.segmentation.selection import SelectionParams
from user_activity_trends.segmentation.stability import StabilityParams
from user_activity_trends.segmentation.sweep import SweepParams

__all__ = ["ClusteringParams", "SelectionParams", "StabilityParams", "SweepParams"]


class ClusteringParams(BaseModel):
    """How segments are found."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sweep: SweepParams
    selection: SelectionParams
    stability: StabilityParams
    continuity: float = Field(
        ge=0, lt=1, description="share of the SSE that going on from the segments in use may cost"
    )

    @model_validator(mode="after")
    def _fixed_count_is_tried(self) -> Self:
        fixed, sweep = self.selection.n_clusters, self.sweep
        if fixed is not None and not sweep.k_min <= fixed <= sweep.k_max:
            msg = (
                f"selection.n_clusters = {fixed} is outside sweep.k_min = {sweep.k_min} "
                f"to sweep.k_max = {sweep.k_max}"
            )
            raise ValueError(msg)
        return self

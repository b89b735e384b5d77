"""The typed owner of ``data_processing`` in the parameters."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class DataProcessingParams(BaseModel):
    """How much damage a table of sessions may have, and what happens to repeated rows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_rejected_share: float = Field(
        ge=0, le=1, description="share of rows with a defect above which the run stops"
    )
    duplicates: Literal["keep", "drop"] = Field(description="what happens to exact duplicates")

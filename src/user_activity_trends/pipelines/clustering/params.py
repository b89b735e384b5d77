"""The typed owner of ``clustering`` in the parameters."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from user_activity_trends.segmentation.selection import Method


class SweepParams(BaseModel):
    """Cluster counts to try, and the seed that makes the trial repeatable."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    k_min: int = Field(ge=1)
    k_max: int = Field(ge=2)
    restarts: int = Field(ge=1, description="k-means++ starts per k; the tightest result counts")
    random_state: int = Field(ge=0, lt=2**32)

    @model_validator(mode="after")
    def _range_is_not_empty(self) -> Self:
        if self.k_min > self.k_max:
            msg = f"k_min = {self.k_min} is above k_max = {self.k_max}"
            raise ValueError(msg)
        return self


class SelectionParams(BaseModel):
    """Who decides on the number of clusters."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Method
    n_clusters: int | None = Field(ge=2, description="for method or fallback fixed")
    fallback: Method | None = Field(description="method to use if there is no elbow")
    keep_k: bool = Field(description="go on with as many segments as the model in use has")

    @model_validator(mode="after")
    def _choice_is_possible(self) -> Self:
        if "fixed" in (self.method, self.fallback) and self.n_clusters is None:
            msg = "n_clusters is missing; method or fallback fixed needs it"
            raise ValueError(msg)
        if self.fallback == "elbow":
            msg = "fallback cannot be elbow, which is what failed; use silhouette or fixed"
            raise ValueError(msg)
        return self


class StabilityParams(BaseModel):
    """How far the segments are put to the test."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    resamples: int = Field(ge=0, description="bootstrap samples; 0: no resampling, no permutation")


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

"""What is mirrored to MLflow, and what happens when it cannot be reached."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

BASE_RECIPE = "base"


class TrackingParams(BaseModel):
    """The mirror; where MLflow is, is told by ``mlflow.yml``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = True
    registered_model: str = Field(
        "user_activity_trends",
        pattern=r"^[\w.-]+$",
        max_length=200,
        description="name in MLflow's registry; recipes other than base add theirs to it",
    )
    when_unreachable: Literal["later", "never"] = Field(
        "later", description="whether a run logs what earlier runs could not"
    )

    def model_of(self, recipe: str) -> str:
        """Return the registered model of a recipe: each recipe has a champion of its own.

        >>> TrackingParams().model_of("base"), TrackingParams().model_of("log")
        ('user_activity_trends', 'user_activity_trends-log')
        """
        base = self.registered_model
        return base if recipe == BASE_RECIPE else f"{base}-{recipe}"

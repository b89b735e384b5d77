"""The typed owner of ``compare_recipes`` in the parameters."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from user_activity_trends.segmentation.criteria import FIXED


class CompareRecipesParams(BaseModel):
    """Which recipes are compared."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    recipes: tuple[str, ...] = Field(min_length=2, description="names, in the order of the table")

    @model_validator(mode="after")
    def _recipes_differ(self) -> Self:
        repeated = [name for name in self.recipes if self.recipes.count(name) > 1]
        if repeated:
            msg = f"recipes: {repeated[0]} is named twice; name two or more different recipes"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _names_are_columns_of_their_own(self) -> Self:
        taken = [name for name in self.recipes if name in FIXED]
        if taken:
            msg = (
                f"recipes: {taken[0]} is a column of the table itself; give the recipe another name"
            )
            raise ValueError(msg)
        return self

"""How features are made: the typed owner of ``recipes`` in the parameters."""

import re
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, RootModel, model_validator

Transform = Literal["none", "log1p"]
Scaler = Literal["minmax", "standard", "robust"]
Missing = Literal["reject", "median", "fail"]


class RecipeParams(BaseModel):
    """Columns that describe behaviour, and what is done to them before k-means."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    columns: tuple[str, ...] = Field(min_length=1)
    transform: Transform = "none"
    scaler: Scaler = "minmax"
    missing: Missing = Field(
        "reject", description="a row with a gap: left out, filled with the median, or an error"
    )

    @model_validator(mode="after")
    def _columns_differ(self) -> Self:
        if len(set(self.columns)) < len(self.columns):
            msg = "columns: a column is named twice"
            raise ValueError(msg)
        return self


class RecipesParams(RootModel[dict[str, RecipeParams]]):
    """All recipes by name; a name is also a folder name."""

    model_config = ConfigDict(frozen=True)

    @model_validator(mode="after")
    def _names_are_folder_names(self) -> Self:
        for name in self.root:
            if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name):
                msg = f"{name!r}: a recipe's name has letters, digits, - and _ only"
                raise ValueError(msg)
        return self

    def __getitem__(self, name: str) -> RecipeParams:
        """Return the recipe called ``name``, which the parameters were checked to have."""
        return self.root[name]

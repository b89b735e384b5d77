"""The whole tree of parameters as one type, checked before any node runs."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, RootModel, ValidationError, model_validator

from user_activity_trends.errors import SettingError
from user_activity_trends.pipelines.clustering.params import ClusteringParams
from user_activity_trends.pipelines.compare_recipes.params import CompareRecipesParams
from user_activity_trends.pipelines.data_processing.params import DataProcessingParams
from user_activity_trends.pipelines.labelling.params import LabellingParams
from user_activity_trends.pipelines.promotion.params import PromotionParams
from user_activity_trends.recipes import RecipesParams
from user_activity_trends.sessions.columns import ColumnsParams
from user_activity_trends.sessions.rules import ROW, SESSION_ID
from user_activity_trends.tracking.params import TrackingParams

_OURS = (SESSION_ID, ROW, "segment", "segment_name")
"""Names that our own tables have; a column of the user's of that name would be hidden."""


class ProjectParams(BaseModel):
    """Everything that ``conf/`` and ``--params`` may set."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sessions_file: str | None = Field(None, min_length=1)
    new_sessions_file: str | None = Field(None, min_length=1)
    recipe: str
    recipes: RecipesParams
    columns: ColumnsParams
    data_processing: DataProcessingParams
    clustering: ClusteringParams
    promotion: PromotionParams
    compare_recipes: CompareRecipesParams
    labelling: LabellingParams
    tracking: TrackingParams

    @model_validator(mode="after")
    def _recipe_exists(self) -> Self:
        if self.recipe not in self.recipes.root:
            known = ", ".join(self.recipes.root)
            msg = f"recipe: there is no recipe {self.recipe!r}; known: {known}"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _compared_recipes_exist(self) -> Self:
        for name in self.compare_recipes.recipes:
            if name not in self.recipes.root:
                known = ", ".join(self.recipes.root)
                msg = f"compare_recipes.recipes: there is no recipe {name!r}; known: {known}"
                raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _columns_have_one_role(self) -> Self:
        columns = self.columns
        taken = dict.fromkeys(_OURS, "a column of the results")
        roles = [
            ("columns.outcome", columns.outcome),
            ("columns.period", columns.period),
            ("columns.user", columns.user),
        ]
        for setting, name in [*roles, *(("columns.dimensions", n) for n in columns.dimensions)]:
            if name in taken:
                msg = f"{setting}: {name} is {taken[name]}; rename it in the file"
                raise ValueError(msg)
        given: dict[str, str] = {}
        for setting, name in [("columns.id", columns.id), *roles]:
            if name in given:
                msg = f"{setting}: {name} is {given[name]}, and cannot be both"
                raise ValueError(msg)
            given |= {name: setting} if name else {}
        if columns.id in columns.dimensions:
            msg = f"columns.dimensions: {columns.id} is columns.id, of which no two are alike"
            raise ValueError(msg)
        taken |= given
        for recipe, chosen in self.recipes.root.items():
            for name in chosen.columns:
                if name in taken:
                    msg = f"recipes.{recipe}.columns: {name} is {taken[name]}, not a feature"
                    raise ValueError(msg)
        return self


def check_parameters(raw: Mapping[str, Any]) -> ProjectParams:
    """Check all parameters at once.

    Args:
        raw: The parameters as configuration and ``--params`` give them.

    Returns:
        The same, typed.

    Raises:
        SettingError: A setting is unknown, missing, of the wrong type, or
            contradicts another; the message has the path of each.
    """
    try:
        return ProjectParams.model_validate(raw)
    except ValidationError as error:
        lines = [_explain(found) for found in error.errors()]
        msg = "the parameters (conf/, --params) are not accepted:\n" + "\n".join(
            f"  - {line}" for line in lines
        )
        raise SettingError(msg) from error


def _explain(found: Any) -> str:
    path = ".".join(str(part) for part in found["loc"])
    if found["type"] == "extra_forbidden":
        known = list(_settings_of(found["loc"][:-1]))
        close = get_close_matches(str(found["loc"][-1]), known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"known here: {', '.join(known)}"
        return f"{path}: there is no such setting; {hint}"
    message = found["msg"].removeprefix("Value error, ")
    if not path:
        return str(message)
    if found["type"] in {"value_error", "missing"}:
        return f"{path}: {message}"
    return f"{path}: {message}, not {found['input']!r}"


def _settings_of(path: tuple[int | str, ...]) -> Iterator[str]:
    """Name the settings that the model at ``path`` has."""
    kind: Any = ProjectParams
    for part in path:
        if isinstance(kind, type) and issubclass(kind, RootModel):
            kind = kind.model_fields["root"].annotation
        # A mapping has any names, and one kind of value; a model has its fields.
        kind = get_args(kind)[-1] if get_args(kind) else kind.model_fields[str(part)].annotation
    yield from kind.model_fields

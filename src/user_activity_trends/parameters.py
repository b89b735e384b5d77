"""The whole tree of parameters as one type, checked before any node runs."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any, Self, get_args

from pydantic import BaseModel, ConfigDict, RootModel, ValidationError, model_validator

from user_activity_trends.errors import SettingError
from user_activity_trends.pipelines.clustering.params import ClusteringParams
from user_activity_trends.pipelines.data_processing.params import DataProcessingParams
from user_activity_trends.pipelines.labelling.params import LabellingParams
from user_activity_trends.recipes import RecipesParams
from user_activity_trends.sessions.columns import ColumnsParams
from user_activity_trends.sessions.rules import SESSION_ID


class ProjectParams(BaseModel):
    """Everything that ``conf/`` and ``--params`` may set."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sessions_file: str | None = None
    new_sessions_file: str | None = None
    recipe: str
    recipes: RecipesParams
    columns: ColumnsParams
    data_processing: DataProcessingParams
    clustering: ClusteringParams
    labelling: LabellingParams

    @model_validator(mode="after")
    def _recipe_exists(self) -> Self:
        if self.recipe not in self.recipes.root:
            known = ", ".join(self.recipes.root)
            msg = f"recipe: there is no recipe {self.recipe!r}; known: {known}"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _features_have_no_other_role(self) -> Self:
        columns = self.columns
        taken = {
            columns.id: "columns.id",
            columns.outcome: "columns.outcome",
            columns.period: "columns.period",
            SESSION_ID: "the name of the session",
            "segment": "a column of the results",
            "segment_name": "a column of the results",
        }
        for name, recipe in self.recipes.root.items():
            for column in recipe.columns:
                if column in taken:
                    msg = f"recipes.{name}.columns: {column} is {taken[column]}, not a feature"
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

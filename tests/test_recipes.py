"""What the settings may say about recipes."""

from typing import Any

import pytest
from pydantic import ValidationError

from user_activity_trends.recipes import RecipeParams, RecipesParams


def test_a_recipe_has_columns_and_is_plain_unless_it_says_more() -> None:
    recipe = RecipeParams.model_validate({"columns": ["b", "a"]})

    assert recipe.columns == ("b", "a")
    assert (recipe.transform, recipe.scaler, recipe.missing) == ("none", "minmax", "reject")


@pytest.mark.parametrize("transform", ["none", "log1p"])
@pytest.mark.parametrize("scaler", ["minmax", "standard", "robust"])
@pytest.mark.parametrize("missing", ["reject", "median", "fail"])
def test_every_documented_choice_is_accepted(transform: str, scaler: str, missing: str) -> None:
    settings = {"columns": ["a"], "transform": transform, "scaler": scaler, "missing": missing}

    recipe = RecipeParams.model_validate(settings)

    assert recipe.model_dump() == settings | {"columns": ("a",)}


@pytest.mark.parametrize(
    ("settings", "path", "said"),
    [
        ({}, ("columns",), "required"),
        ({"columns": []}, ("columns",), "at least 1"),
        ({"columns": "a"}, ("columns",), "valid tuple"),
        ({"columns": ["a", 1]}, ("columns", 1), "valid string"),
        ({"columns": ["a"], "transform": "log"}, ("transform",), "'log1p'"),
        ({"columns": ["a"], "scaler": "max"}, ("scaler",), "'minmax'"),
        ({"columns": ["a"], "missing": "mean"}, ("missing",), "'median'"),
        ({"columns": ["a"], "scalar": "minmax"}, ("scalar",), "Extra inputs"),
        ({"columns": ["a", "b", "a"]}, (), "named twice"),
    ],
)
def test_what_makes_no_sense_is_refused(
    settings: dict[str, Any], path: tuple[str | int, ...], said: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        RecipeParams.model_validate(settings)

    (error,) = refused.value.errors()
    assert error["loc"] == path
    assert said in error["msg"]


@pytest.mark.parametrize("name", ["base", "log", "log_2", "A-b", "2026", "x"])
def test_a_name_that_can_be_a_folder_is_accepted(name: str) -> None:
    recipes = RecipesParams.model_validate({"other": {"columns": ["a"]}, name: {"columns": ["b"]}})

    assert recipes[name].columns == ("b",)
    assert recipes["other"].columns == ("a",)


@pytest.mark.parametrize(
    "name", ["a/b", "/a", "..", ".", "", "a b", "a\\b", "~", "-a", "_a", "å", "a\n", "a:b", "*"]
)
def test_a_name_that_could_lead_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(ValidationError) as refused:
        RecipesParams.model_validate({"base": {"columns": ["a"]}, name: {"columns": ["a"]}})

    (error,) = refused.value.errors()
    assert error["loc"] == ()
    assert repr(name) in error["msg"]

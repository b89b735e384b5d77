"""Sessions for several recipes: a row is used if every recipe accepts it."""

import narwhals as nw
import pandas as pd
import pytest

from user_activity_trends.errors import CellsError, DegenerateDataError, InputFileError
from user_activity_trends.recipes import RecipeParams
from user_activity_trends.sessions.acceptance import (
    DataProcessingParams,
    Table,
    accept,
    read,
    varying,
)
from user_activity_trends.sessions.columns import ColumnsParams
from user_activity_trends.sessions.rules import find_defects, rules_for_all

TOLERANT = DataProcessingParams(max_rejected_share=1, duplicates="keep")


def sessions() -> pd.DataFrame:
    """Row 2 has no a, row 3 a negative b, row 5 repeats row 4."""
    table = pd.DataFrame(
        {"a": ["1", "", "3", "4", "4"], "b": ["1", "2", "-3", "0", "0"], "c": ["7"] * 5},
        dtype="str",
    )
    table.attrs["file"] = "in.csv"
    return table


def accepted(
    recipes: dict[str, RecipeParams],
    processing: DataProcessingParams = TOLERANT,
    table: pd.DataFrame | None = None,
) -> Table:
    rules = rules_for_all(ColumnsParams(), recipes.values())
    found = read(sessions() if table is None else table, rules, processing)
    defects = find_defects(found.checked, rules, found.file)
    return accept(found, defects, rules, recipes=recipes, processing=processing, advice="see there")


def test_a_row_is_used_if_every_recipe_accepts_it() -> None:
    one, other = RecipeParams(columns=("a",)), RecipeParams(columns=("b",), transform="log1p")

    assert accepted({"one": one})["session_id"].to_list() == [1, 3, 4, 5]
    assert accepted({"other": other})["session_id"].to_list() == [1, 2, 4, 5]
    both = accepted({"one": one, "other": other})
    assert both.columns == ["session_id", "a", "b"]
    assert both.rows() == [(1, 1.0, 1.0), (4, 4.0, 0.0), (5, 4.0, 0.0)]


def test_rows_that_repeat_are_dropped_if_they_are_to_be() -> None:
    processing = DataProcessingParams(max_rejected_share=1, duplicates="drop")
    recipe = RecipeParams(columns=("a",))

    assert accepted({"one": recipe}, processing)["session_id"].to_list() == [1, 3, 4]


@pytest.mark.parametrize(
    ("recipes", "share", "message"),
    [
        (
            {"x": RecipeParams(columns=("b",)), "y": RecipeParams(columns=("a",), missing="fail")},
            1,
            (
                "in.csv: 1 values are missing and recipes.y.missing is fail: a: missing value (1); "
                "see there, or set it to reject or median"
            ),
        ),
        (
            {
                "x": RecipeParams(columns=("a",)),
                "y": RecipeParams(columns=("b",), transform="log1p"),
            },
            0.39,
            (
                "in.csv: 2 of 5 rows (40.0%) have a defect, more than "
                "data_processing.max_rejected_share = 0.39 allows: a: missing value (1); "
                "b: negative, and the recipe takes its logarithm (1); see there, mend the file, "
                "give other spellings in columns.values, or raise the setting"
            ),
        ),
    ],
)
def test_too_much_damage_for_any_recipe_is_refused(
    recipes: dict[str, RecipeParams], share: float, message: str
) -> None:
    processing = DataProcessingParams(max_rejected_share=share, duplicates="keep")

    with pytest.raises(CellsError) as refused:
        accepted(recipes, processing)

    assert str(refused.value) == message


def test_sessions_that_are_all_the_same_for_one_recipe_are_refused() -> None:
    recipes = {"x": RecipeParams(columns=("b",)), "y": RecipeParams(columns=("c",))}

    with pytest.raises(DegenerateDataError, match=r"are the same in recipes\.y\.columns \(c\)"):
        accepted(recipes)


def test_a_file_without_sessions_is_refused() -> None:
    with pytest.raises(InputFileError, match="has a header and no sessions"):
        accepted({"x": RecipeParams(columns=("b",))}, table=sessions().head(0))


def test_columns_with_one_value_do_not_vary() -> None:
    table = nw.from_native(pd.DataFrame({"a": [1.0, 2.0], "c": [7.0, 7.0]}), eager_only=True)

    assert varying(table, RecipeParams(columns=("c", "a"))) == ["a"]

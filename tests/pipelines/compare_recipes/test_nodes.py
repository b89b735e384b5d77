"""Recipes are tried on the same rows, and what stops one of them names it."""

import logging

import numpy as np
import pandas as pd
import pytest

from user_activity_trends.errors import CellsError, ColumnsError, NoElbowError
from user_activity_trends.pipelines.compare_recipes import nodes
from user_activity_trends.pipelines.compare_recipes.params import CompareRecipesParams
from user_activity_trends.recipes import RecipesParams
from user_activity_trends.schemas import RecipeComparison
from user_activity_trends.segmentation.criteria import CRITERIA
from user_activity_trends.segmentation.selection import SelectionParams
from user_activity_trends.segmentation.stability import StabilityParams
from user_activity_trends.segmentation.sweep import SweepParams
from user_activity_trends.sessions.acceptance import DataProcessingParams
from user_activity_trends.sessions.columns import ColumnsParams

LOGGER = "user_activity_trends.pipelines.compare_recipes.nodes"
SIZES = (60, 90, 40)
GROUPS = np.repeat([0, 1, 2], SIZES)
RECIPES = RecipesParams.model_validate(
    {
        "raw": {"columns": ["pages", "seconds"]},
        "log": {"columns": ["pages", "seconds"], "transform": "log1p"},
        "again": {"columns": ["pages", "seconds"], "transform": "log1p"},
        "other": {"columns": ["noise"]},
    }
)


def sessions() -> pd.DataFrame:
    """Three groups on a logarithmic scale, under a long tail that hides them from raw values."""
    draw = np.random.default_rng(1)
    levels = np.array([(1.0, 1.0), (3.0, 1.0), (2.0, 3.0)])[GROUPS]
    values = np.exp(levels + draw.normal(0, 0.12, levels.shape))
    values[-3:] = [[900.0, 9.0], [9.0, 950.0], [800.0, 800.0]]
    table = pd.DataFrame(
        {
            "pages": [f"{one:.6f}" for one in values[:, 0]],
            "seconds": [f"{one:.6f}" for one in values[:, 1]],
            "noise": [f"{one:.6f}" for one in draw.random(len(values))],
            "bought": ["TRUE" if one else "FALSE" for one in draw.random(len(values)) < 0.3],
        },
        dtype="str",
    )
    table.attrs["file"] = "in.csv"
    return table


def comparison(
    *recipes: str,
    table: pd.DataFrame | None = None,
    k_max: int = 6,
    share: float = 0.05,
    outcome: str | None = "bought",
    resamples: int = 0,
) -> pd.DataFrame:
    return nodes.compare_recipes(
        sessions() if table is None else table,
        ColumnsParams(outcome=outcome),
        RECIPES,
        DataProcessingParams(max_rejected_share=share, duplicates="keep"),
        SweepParams(k_min=1, k_max=k_max, restarts=4, random_state=42),
        SelectionParams(method="elbow", n_clusters=None, fallback=None, keep_k=True),
        StabilityParams(resamples=resamples),
        CompareRecipesParams(recipes=recipes),
    )


def test_the_recipe_that_shows_the_planted_groups_is_better() -> None:
    found = RecipeComparison.validate(comparison("raw", "log", resamples=3)).set_index("criterion")

    assert found.loc["k", "log"] == 3
    # A handful of far sessions is a segment of its own with raw values.
    assert found.loc["smallest_share", "raw"] < 0.02 < found.loc["smallest_share", "log"]
    for name in ("silhouette_all_columns", "jaccard_min", "warnings"):
        assert found.loc[name, "better"] == "log"


def test_the_same_recipe_under_two_names_ties_exactly() -> None:
    found = comparison("log", "again", resamples=2).set_index("criterion")

    names = [one.name for one in CRITERIA]
    pd.testing.assert_series_equal(
        found.loc[names, "log"], found.loc[names, "again"], check_names=False, check_exact=True
    )
    assert (found["better"] == "").all()
    assert found.loc["agreement_with_log", "again"] == 1


def test_each_recipe_sees_the_rows_that_all_accept(caplog: pytest.LogCaptureFixture) -> None:
    """The same as if the row that one of them refuses were not in the file."""
    table, without = sessions(), sessions().drop(index=7).reset_index(drop=True)
    without.attrs["file"] = "in.csv"
    table.loc[7, "noise"] = "none"

    with caplog.at_level(logging.INFO, LOGGER):
        found = comparison("log", "other", table=table)

    pd.testing.assert_frame_equal(found, comparison("log", "other", table=without))
    assert "in.csv: 189 of 190 sessions are accepted by all of log, other" in caplog.messages


def test_nodes_leave_their_input_alone() -> None:
    table = sessions()

    found = comparison("log", "other", table=table)
    kept = found.copy()
    nodes.draw_recipe_comparison(found)

    pd.testing.assert_frame_equal(table, sessions())
    pd.testing.assert_frame_equal(found, kept)


def test_too_many_refused_rows_stop_the_comparison() -> None:
    table = sessions()
    table.loc[:9, "noise"] = "many"

    with pytest.raises(CellsError) as refused:
        comparison("log", "other", table=table)

    assert str(refused.value) == (
        "in.csv: 10 of 190 rows (5.3%) have a defect, more than "
        "data_processing.max_rejected_share = 0.05 allows: noise: not a number (10); "
        "kedro run --pipelines data_processing --params RECIPE lists them in rejected_sessions, "
        "where RECIPE is recipe=log or recipe=other, mend the file, give other spellings in "
        "columns.values, or raise the setting"
    )


def test_a_missing_column_stops_the_comparison() -> None:
    with pytest.raises(
        ColumnsError,
        match=r"in\.csv: column names missing from the header: noise; .*that take them: other$",
    ):
        comparison("log", "other", table=sessions().drop(columns="noise"))


def test_an_error_of_one_recipe_names_it() -> None:
    with pytest.raises(NoElbowError, match=r"^recipe raw: no elbow in the curve for k = 1\.\.2;"):
        comparison("raw", "log", k_max=2)


def test_the_verdict_is_the_last_word(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, LOGGER):
        comparison("log", "again", outcome=None)

    assert caplog.messages[-1] == (
        "k = 3 with log, 3 with again. No recipe is better in any of 3 criteria. Not compared, "
        "for the reason in the table (silhouette, shared columns; stability, mean; stability, "
        "worst; least stable segment; prediction strength; natural groups; spread of outcome "
        "rates). The criteria overlap, and nothing weighs them: that is for you to do."
    )

"""Nodes that try recipes on the same sessions and lay the results side by side."""

import logging
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd

from user_activity_trends.charts import comparison as charts
from user_activity_trends.charts.figure import Figure
from user_activity_trends.errors import ColumnsError, UserActivityTrendsError
from user_activity_trends.pipelines.compare_recipes.params import CompareRecipesParams
from user_activity_trends.recipes import RecipeParams, RecipesParams
from user_activity_trends.segmentation import comparison, criteria
from user_activity_trends.segmentation.choice import Background
from user_activity_trends.segmentation.selection import SelectionParams
from user_activity_trends.segmentation.stability import StabilityParams
from user_activity_trends.segmentation.sweep import SweepParams
from user_activity_trends.sessions.acceptance import DataProcessingParams, accept, read, varying
from user_activity_trends.sessions.columns import ColumnsParams
from user_activity_trends.sessions.rules import find_defects, rules_for_all

logger = logging.getLogger(__name__)


def compare_recipes(  # noqa: PLR0913, PLR0917 (one argument an input)
    sessions: pd.DataFrame,
    columns: ColumnsParams,
    recipes: RecipesParams,
    processing: DataProcessingParams,
    sweeping: SweepParams,
    selecting: SelectionParams,
    testing: StabilityParams,
    comparing: CompareRecipesParams,
) -> pd.DataFrame:
    """Part the same sessions by each recipe, and measure the results by the same criteria.

    Args:
        sessions: One session a row, as the file has it; used if every recipe accepts it.
        columns: What the columns mean.
        recipes: All recipes.
        processing: The largest share of rows that may be refused, and what happens to
            exact duplicates.
        sweeping: Candidate range, restarts and seed, the same for all.
        selecting: Who decides on k.
        testing: How far the segments are put to the test.
        comparing: Which recipes are compared.

    Returns:
        One row a criterion; see ``user_activity_trends.segmentation.comparison.compare``.

    Raises:
        InputFileError: The file has no sessions.
        ColumnsError: The file lacks a column that a recipe takes.
        CellsError: More rows than allowed have a defect.
        NoElbowError: A recipe has no elbow, and there is no fallback.
        DegenerateDataError: The sessions do not differ enough for a recipe.
    """
    chosen = {name: recipes[name] for name in comparing.recipes}
    try:
        valid = _accepted(sessions, columns, chosen, processing)
    except ColumnsError as error:
        lacking = [name for name, of in chosen.items() if not {*of.columns} <= {*sessions.columns}]
        if not lacking:
            raise
        msg = f"{error}. compare_recipes.recipes that take them: {', '.join(lacking)}"
        raise ColumnsError(msg) from error
    background = Background(valid.to_native(), columns.outcome, columns.period)
    attempts = {}
    for name, recipe in chosen.items():
        logger.info("recipe %s", name)
        try:
            attempts[name] = comparison.attempt(
                background.sessions[varying(valid, recipe)],
                recipe,
                background,
                sweeping=sweeping,
                selecting=selecting,
                resamples=testing.resamples,
            )
        except UserActivityTrendsError as error:
            msg = f"recipe {name}: {error}"
            raise type(error)(msg) from error
        for caution in attempts[name].concluded["warnings"]:
            logger.warning("recipe %s: %s", name, caution["message"])
    ends = background.sessions[columns.outcome].to_numpy(np.bool_) if columns.outcome else None
    table = comparison.compare(attempts, ends, sweeping.random_state)
    logger.info("%s", criteria.in_words(table))
    return table


def _accepted(
    sessions: pd.DataFrame,
    columns: ColumnsParams,
    chosen: dict[str, RecipeParams],
    processing: DataProcessingParams,
) -> nw.DataFrame[Any]:
    rules = rules_for_all(columns, chosen.values())
    found = read(sessions, rules, processing)
    defects = find_defects(found.checked, rules, found.file)
    each = " or ".join(f"recipe={name}" for name in chosen)
    accepted = accept(
        found,
        defects,
        rules,
        recipes=chosen,
        processing=processing,
        advice="kedro run --pipelines data_processing --params RECIPE lists them in "
        f"rejected_sessions, where RECIPE is {each}",
    )
    logger.info(
        "%s: %s of %s sessions are accepted by all of %s",
        found.file,
        f"{len(accepted):,}",
        f"{len(found.table):,}",
        ", ".join(chosen),
    )
    return accepted


def draw_recipe_comparison(recipe_comparison: pd.DataFrame) -> Figure:
    """Draw every criterion with a mark for each recipe."""
    return charts.criteria_chart(recipe_comparison)

"""Nodes that score new sessions."""

import logging
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd

from user_activity_trends.errors import CellsError, listed
from user_activity_trends.lifecycle.in_use import ModelInUse
from user_activity_trends.recipes import RecipesParams
from user_activity_trends.segmentation import labels
from user_activity_trends.sessions import quality
from user_activity_trends.sessions.columns import ColumnsParams
from user_activity_trends.sessions.rules import (
    MISSING,
    SESSION_ID,
    Rule,
    find_defects,
    numbered,
    rules_for,
    typed,
)

logger = logging.getLogger(__name__)


def validate_new_sessions(
    new_sessions: pd.DataFrame,
    columns: ColumnsParams,
    recipes: RecipesParams,
    recipe: str,
    after: object = None,  # noqa: ARG001 (Kedro orders nodes by their inputs only)
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Separate the sessions that can be scored from those that cannot.

    Args:
        new_sessions: One session a row, as the file has it; no columns and no
            rows if there is no file.
        columns: What the columns mean.
        recipes: All recipes.
        recipe: Name of the recipe in use.
        after: Ignored; something that must have been written before.

    Returns:
        The sessions that can be scored (``session_id`` and features, typed), and
        the defects of the others, one a row.

    Raises:
        ColumnsError: The file lacks a column of the recipe.
        CellsError: A value is missing and the recipe says ``missing: fail``.
    """
    table, rules, defects = check_new_sessions(new_sessions, columns, recipes, recipe)
    unused = [name for name in new_sessions.columns if name not in table.columns]
    if unused:
        file = new_sessions.attrs.get("file", "new_sessions")
        logger.info("%s: columns not used: %s", file, listed(unused))
    return typed(table, rules, defects["row"]).to_native(), defects.to_native()


def check_new_sessions(
    new_sessions: pd.DataFrame, columns: ColumnsParams, recipes: RecipesParams, recipe: str
) -> tuple[nw.DataFrame[Any], list[Rule], nw.DataFrame[Any]]:
    """Check whether new sessions can be scored at all; see ``validate_new_sessions``.

    Returns:
        The sessions, numbered; the rules that they were checked by; and the defects.
    """
    chosen = recipes[recipe]
    rules = rules_for(columns, chosen, to_score=True)
    file = new_sessions.attrs.get("file", "new_sessions")
    if file is None:
        file = ""
        new_sessions = pd.DataFrame(columns=[rule.column for rule in rules], dtype="str")
    table = numbered(nw.from_native(new_sessions, eager_only=True), rules, file)
    defects = find_defects(table, rules, file)
    gaps = defects.filter((nw.col("reason") == MISSING) & nw.col("column").is_in(chosen.columns))
    if chosen.missing == "fail" and len(gaps):
        reasons = "; ".join(quality.count_reasons(gaps))
        msg = (
            f"{file}: {len(gaps)} values are missing, the first in row {gaps['row'][0]}, and "
            f"recipes.{recipe}.missing is fail: {reasons}; mend the file, or set it to reject "
            "or median"
        )
        raise CellsError(msg)
    return table, rules, defects


def predict_segments(
    champion: dict[str, Any],  # noqa: ARG001 (Kedro orders nodes by their inputs only)
    model_in_use: ModelInUse,
    valid_new_sessions: pd.DataFrame,
    rejected_new_sessions: pd.DataFrame,
) -> pd.DataFrame:
    """Score every new session that can be scored, and say of the others why not.

    Args:
        champion: Not used: a run that promotes a model does so first.
        model_in_use: That model, and what belongs to it.
        valid_new_sessions: Sessions that can be scored.
        rejected_new_sessions: The defects of the others.

    Returns:
        One row a new session, in the order of the file: ``session_id``,
        ``segment``, ``segment_name``, ``distance``, ``margin``, ``unusual``
        (missing where not scored), ``reason`` (empty where scored),
        ``model_version``.

    Raises:
        ModelMismatchError: Model and identities come from different runs, or the
            model takes a column that the recipe does not have.
    """
    scored = labels.label(model_in_use.model, model_in_use.identities, valid_new_sessions)
    scored = scored.astype({"segment": "Int64", "unusual": "boolean"}).assign(reason="")
    version = model_in_use.champion.version
    if rejected_new_sessions.empty:
        return scored.assign(model_version=version)
    told = rejected_new_sessions["column"] + ": " + rejected_new_sessions["reason"]
    unscored = (
        rejected_new_sessions.assign(reason=told)
        .groupby("row", sort=True)
        .agg({SESSION_ID: "first", "reason": "; ".join})
    )
    rows = np.arange(1, len(scored) + len(unscored) + 1)
    scored.index = pd.Index(rows[~np.isin(rows, unscored.index)])
    return (
        pd.concat([scored.astype({SESSION_ID: object}), unscored.astype({SESSION_ID: object})])
        .sort_index()
        .reset_index(drop=True)
        .assign(model_version=version)
    )

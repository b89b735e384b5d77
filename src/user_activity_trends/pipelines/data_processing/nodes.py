"""Nodes that turn the file of sessions into scaled features."""

import logging
from typing import Any

import narwhals as nw
import pandas as pd

from user_activity_trends.errors import listed
from user_activity_trends.lifecycle.record import fingerprint_table
from user_activity_trends.pipelines.data_processing.params import DataProcessingParams
from user_activity_trends.recipes import RecipesParams
from user_activity_trends.segmentation.scaling import FeatureScaler
from user_activity_trends.sessions import holdout, quality
from user_activity_trends.sessions.acceptance import accept, read, varying
from user_activity_trends.sessions.columns import ColumnsParams
from user_activity_trends.sessions.rules import SESSION_ID, find_defects, rules_for, typed

logger = logging.getLogger(__name__)


def validate_sessions(
    sessions: pd.DataFrame,
    columns: ColumnsParams,
    recipes: RecipesParams,
    recipe: str,
    processing: DataProcessingParams,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Name every cell that breaks a rule, and count what was read.

    Args:
        sessions: One session a row, as the file has it.
        columns: What the columns mean.
        recipes: All recipes.
        recipe: Name of the recipe in use.
        processing: What happens to exact duplicates.

    Returns:
        The defects, one a row (``rejected_sessions``), and the report on the
        table as a whole (``data_quality``).

    Raises:
        InputFileError: The file has no sessions.
        ColumnsError: The file lacks a column.
    """
    rules = rules_for(columns, recipes[recipe])
    found = read(sessions, rules, processing)
    table, file, checked = found.table, found.file, found.checked
    defects = find_defects(checked, rules, file)
    accepted = typed(checked, rules, defects["row"])
    unused = [name for name in table.columns if name not in checked.columns]
    if unused:
        logger.info("%s: columns not used: %s", file, listed(unused))
    ranges = quality.ranges(accepted, rules)
    report = {
        "file": file,
        "sha256": fingerprint_table(accepted.select(*ranges).to_native()),
        "rows_read": len(table),
        "rows_accepted": len(accepted),
        "rows_rejected": defects["row"].n_unique(),
        "defects_by_reason": quality.count_reasons(defects),
        "duplicate_rows": len(found.repeated),
        "duplicates": {"keep": "kept", "drop": "dropped"}[processing.duplicates],
        "blank_lines": sessions.attrs.get("blank_lines", 0),
        "unused_columns": unused,
        "ranges": ranges,
    }
    return defects.to_native(), report


def check_rejected_share(  # noqa: PLR0913, PLR0917 (one argument an input)
    sessions: pd.DataFrame,
    rejected_sessions: pd.DataFrame,
    columns: ColumnsParams,
    recipes: RecipesParams,
    recipe: str,
    processing: DataProcessingParams,
) -> pd.DataFrame:
    """Stop if too many rows were refused; otherwise let the others through, typed.

    Args:
        sessions: One session a row, as the file has it.
        rejected_sessions: The defects found in it.
        columns: What the columns mean.
        recipes: All recipes.
        recipe: Name of the recipe in use.
        processing: The largest share of rows that may be refused.

    Returns:
        The accepted sessions: ``session_id`` first, features as numbers, the
        outcome as truth value, period and dimensions as text.

    Raises:
        CellsError: More rows than allowed have a defect, or a value is missing
            and the recipe says ``missing: fail``.
        DegenerateDataError: No session was accepted, or all are the same.
    """
    rules = rules_for(columns, recipes[recipe])
    valid: pd.DataFrame = accept(
        read(sessions, rules, processing),
        nw.from_native(rejected_sessions, eager_only=True),
        rules,
        recipes={recipe: recipes[recipe]},
        processing=processing,
        advice="see rejected_sessions",
    ).to_native()
    return valid


def select_features(
    valid_sessions: pd.DataFrame, recipes: RecipesParams, recipe: str
) -> pd.DataFrame:
    """Keep the columns that describe behaviour; drop those that are constant.

    Args:
        valid_sessions: The accepted sessions.
        recipes: All recipes.
        recipe: Name of the recipe in use.

    Returns:
        ``session_id`` and the recipe's columns that vary, in their own units.
    """
    sessions = nw.from_native(valid_sessions, eager_only=True)
    chosen = recipes[recipe]
    kept = varying(sessions, chosen)
    constant = [name for name in chosen.columns if name not in kept]
    if constant:
        logger.warning(
            "columns with one value only say nothing and are left out: %s", ", ".join(constant)
        )
    features: pd.DataFrame = sessions.select(SESSION_ID, *kept).to_native()
    return features


def scale_features(  # noqa: PLR0913, PLR0917 (one argument an input)
    session_features: pd.DataFrame,
    valid_sessions: pd.DataFrame,
    columns: ColumnsParams,
    recipes: RecipesParams,
    recipe: str,
    evaluation_rows: Any,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Bring the features of the training sessions to one scale.

    Args:
        session_features: ``session_id`` and features in their own units.
        valid_sessions: The same sessions, with their period.
        columns: Which column is the period.
        recipes: All recipes.
        recipe: Name of the recipe in use.
        evaluation_rows: Which sessions are kept out of training, to judge models by.

    Returns:
        The training sessions, scaled and without gaps, and the numbers that did it
        (``feature_scaler``).

    Raises:
        SettingError: There is no period whose newest could be kept out.
        DegenerateDataError: Too few sessions would be left on either side, or all
            that are left are the same.
    """
    sessions = nw.from_native(valid_sessions, eager_only=True)
    kept = holdout.training_rows(sessions, columns, evaluation_rows)
    features = nw.from_native(session_features, eager_only=True).filter(kept)
    chosen = recipes[recipe]
    scaler = FeatureScaler.learn(
        features,
        [name for name in features.columns if name != SESSION_ID],
        chosen.transform,
        chosen.scaler,
        fill_gaps=chosen.missing == "median",
    )
    if chosen.scaler == "robust" and scaler.unscaled:
        logger.warning(
            "recipes.%s.scaler is robust, but half of the sessions or more are alike in: %s; "
            "these columns are centred and keep their own unit, which may outweigh the others",
            recipe,
            listed(scaler.unscaled),
        )
    scaled: pd.DataFrame = scaler.apply(features).to_native()
    return scaled, scaler.model_dump(mode="json")

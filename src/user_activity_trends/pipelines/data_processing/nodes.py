"""Nodes that turn the file of sessions into scaled features."""

import logging
from typing import Any

import narwhals as nw
import pandas as pd

from user_activity_trends.errors import CellsError, DegenerateDataError, InputFileError, listed
from user_activity_trends.pipelines.data_processing.params import DataProcessingParams
from user_activity_trends.recipes import RecipeParams, RecipesParams
from user_activity_trends.segmentation.scaling import FeatureScaler
from user_activity_trends.sessions import holdout, quality
from user_activity_trends.sessions.columns import ColumnsParams
from user_activity_trends.sessions.rules import (
    MISSING,
    ROW,
    SESSION_ID,
    find_defects,
    numbered,
    rules_for,
    typed,
)

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
    table = nw.from_native(sessions, eager_only=True)
    file = sessions.attrs.get("file", "sessions")
    rules = rules_for(columns, recipes[recipe])
    checked = numbered(table, rules, file)
    if table.is_empty():
        msg = f"{file}: has a header and no sessions; give a file with at least two sessions"
        raise InputFileError(msg)
    repeated = quality.repeated_rows(table)
    if processing.duplicates == "drop":
        checked = checked.filter(~nw.col(ROW).is_in(repeated))
    defects = find_defects(checked, rules, file)
    accepted = typed(checked, rules, defects["row"])
    unused = [name for name in table.columns if name not in checked.columns]
    if unused:
        logger.info("%s: columns not used: %s", file, listed(unused))
    report = {
        "file": file,
        "rows_read": len(table),
        "rows_accepted": len(accepted),
        "rows_rejected": defects["row"].n_unique(),
        "defects_by_reason": quality.count_reasons(defects),
        "duplicate_rows": len(repeated),
        "duplicates": {"keep": "kept", "drop": "dropped"}[processing.duplicates],
        "blank_lines": sessions.attrs.get("blank_lines", 0),
        "unused_columns": unused,
        "ranges": quality.ranges(accepted, rules),
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
    table = nw.from_native(sessions, eager_only=True)
    file = sessions.attrs.get("file", "sessions")
    defects = nw.from_native(rejected_sessions, eager_only=True)
    chosen = recipes[recipe]
    rules = rules_for(columns, chosen)
    gaps = defects.filter((nw.col("reason") == MISSING) & nw.col("column").is_in(chosen.columns))
    if chosen.missing == "fail" and len(gaps):
        msg = (
            f"{file}: {len(gaps)} values are missing and recipes.{recipe}.missing is fail: "
            f"{_listed(quality.count_reasons(gaps))}; see rejected_sessions, or set it to "
            "reject or median"
        )
        raise CellsError(msg)
    refused = defects["row"].n_unique()
    if refused / len(table) > processing.max_rejected_share:
        msg = (
            f"{file}: {refused} of {len(table)} rows ({refused / len(table):.1%}) have a defect, "
            f"more than data_processing.max_rejected_share = {processing.max_rejected_share:g} "
            f"allows: {_listed(quality.count_reasons(defects))}; see rejected_sessions, "
            "mend the file, give other spellings in columns.values, or raise the setting"
        )
        raise CellsError(msg)
    checked = numbered(table, rules, file)
    if processing.duplicates == "drop":
        checked = checked.filter(~nw.col(ROW).is_in(quality.repeated_rows(table)))
    accepted = typed(checked, rules, defects["row"])
    if accepted.is_empty():
        msg = f"{file}: none of {len(table)} sessions was accepted; see rejected_sessions"
        raise DegenerateDataError(msg)
    if not _varying(accepted, chosen):
        msg = (
            f"{file}: all {len(accepted)} accepted sessions are the same in "
            f"recipes.{recipe}.columns ({', '.join(chosen.columns)}); "
            "give more sessions or other columns"
        )
        raise DegenerateDataError(msg)
    valid: pd.DataFrame = accepted.to_native()
    return valid


def _listed(counts: dict[str, int], most: int = 8) -> str:
    listed = [f"{reason} ({count})" for reason, count in counts.items()]
    return "; ".join(listed[:most] + ([f"{len(listed) - most} more"] if listed[most:] else []))


def _varying(sessions: nw.DataFrame[Any], recipe: RecipeParams) -> list[str]:
    low, high = (
        sessions.select(nw.col(*recipe.columns).min()).rows(named=True)[0],
        sessions.select(nw.col(*recipe.columns).max()).rows(named=True)[0],
    )
    return [name for name in recipe.columns if low[name] is not None and low[name] < high[name]]


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
    varying = _varying(sessions, chosen)
    constant = [name for name in chosen.columns if name not in varying]
    if constant:
        logger.warning(
            "columns with one value only say nothing and are left out: %s", ", ".join(constant)
        )
    features: pd.DataFrame = sessions.select(SESSION_ID, *varying).to_native()
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

"""Which sessions are used, and when so many are refused that none is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import narwhals as nw
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from user_activity_trends.errors import CellsError, DegenerateDataError, InputFileError
from user_activity_trends.recipes import RecipeParams
from user_activity_trends.sessions import quality
from user_activity_trends.sessions.rules import (
    MISSING,
    ROW,
    Rule,
    numbered,
    typed,
)

Table = nw.DataFrame[Any]


class DataProcessingParams(BaseModel):
    """How much damage a table of sessions may have, and what happens to repeated rows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_rejected_share: float = Field(
        ge=0, le=1, description="share of rows with a defect above which the run stops"
    )
    duplicates: Literal["keep", "drop"] = Field(description="what happens to exact duplicates")


@dataclass(frozen=True)
class Read:
    """A table of sessions as the file has it."""

    file: str
    table: Table
    """One session a row, all columns of the file."""
    numbered: Table
    """``__row`` and the columns that have a rule, as text."""
    drops_repeated: bool

    @cached_property
    def repeated(self) -> nw.Series[Any]:
        """Positions (1 = first data row) of the rows that equal an earlier one."""
        return quality.repeated_rows(self.table)

    @property
    def checked(self) -> Table:
        """The result of ``numbered`` without the rows that are dropped."""
        if not self.drops_repeated:
            return self.numbered
        return self.numbered.filter(~nw.col(ROW).is_in(self.repeated))


def read(sessions: pd.DataFrame, rules: Sequence[Rule], processing: DataProcessingParams) -> Read:
    """Take the columns that have a rule.

    Args:
        sessions: One session a row, as the file has it.
        rules: The rules of its columns.
        processing: What happens to exact duplicates.

    Raises:
        InputFileError: The file has no sessions.
        ColumnsError: The file lacks a column.
    """
    table = nw.from_native(sessions, eager_only=True)
    file = sessions.attrs.get("file", "sessions")
    with_rules = numbered(table, rules, file)
    if table.is_empty():
        msg = f"{file}: has a header and no sessions; give a file with at least two sessions"
        raise InputFileError(msg)
    return Read(file, table, with_rules, processing.duplicates == "drop")


def accept(  # noqa: PLR0913 (what decides)
    found: Read,
    defects: Table,
    rules: Sequence[Rule],
    *,
    recipes: Mapping[str, RecipeParams],
    processing: DataProcessingParams,
    advice: str,
) -> Table:
    """Stop if too many rows were refused; otherwise let the others through, typed.

    Args:
        found: The sessions as they were read.
        defects: The defects found in them (``find_defects``).
        rules: The rules of their columns.
        recipes: The recipes that they are for, by name.
        processing: The largest share of rows that may be refused.
        advice: Where all defects are listed, for the message.

    Returns:
        The accepted sessions: ``session_id`` first, features as numbers, the
        outcome as truth value, period and dimensions as text.

    Raises:
        CellsError: More rows than allowed have a defect, or a value is missing
            and a recipe says ``missing: fail``.
        DegenerateDataError: No session was accepted, or all are the same.
    """
    file, rows = found.file, len(found.table)
    for name, recipe in recipes.items():
        gaps = defects.filter(
            (nw.col("reason") == MISSING) & nw.col("column").is_in(recipe.columns)
        )
        if recipe.missing == "fail" and len(gaps):
            msg = (
                f"{file}: {len(gaps)} values are missing and recipes.{name}.missing is fail: "
                f"{_listed(quality.count_reasons(gaps))}; {advice}, or set it to "
                "reject or median"
            )
            raise CellsError(msg)
    refused = defects["row"].n_unique()
    if refused / rows > processing.max_rejected_share:
        msg = (
            f"{file}: {refused} of {rows} rows ({refused / rows:.1%}) have a defect, "
            f"more than data_processing.max_rejected_share = {processing.max_rejected_share:g} "
            f"allows: {_listed(quality.count_reasons(defects))}; {advice}, "
            "mend the file, give other spellings in columns.values, or raise the setting"
        )
        raise CellsError(msg)
    accepted = typed(found.checked, rules, defects["row"])
    if accepted.is_empty():
        msg = f"{file}: none of {rows} sessions was accepted; {advice}"
        raise DegenerateDataError(msg)
    for name, recipe in recipes.items():
        if not varying(accepted, recipe):
            msg = (
                f"{file}: all {len(accepted)} accepted sessions are the same in "
                f"recipes.{name}.columns ({', '.join(recipe.columns)}); "
                "give more sessions or other columns"
            )
            raise DegenerateDataError(msg)
    return accepted


def _listed(counts: dict[str, int], most: int = 8) -> str:
    listed = [f"{reason} ({count})" for reason, count in counts.items()]
    return "; ".join(listed[:most] + ([f"{len(listed) - most} more"] if listed[most:] else []))


def varying(sessions: Table, recipe: RecipeParams) -> list[str]:
    """Name the columns of a recipe that are not the same in all sessions."""
    low, high = (
        sessions.select(nw.col(*recipe.columns).min()).rows(named=True)[0],
        sessions.select(nw.col(*recipe.columns).max()).rows(named=True)[0],
    )
    return [name for name in recipe.columns if low[name] is not None and low[name] < high[name]]

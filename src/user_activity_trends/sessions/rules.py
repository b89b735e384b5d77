"""Rules that the cells of a table must keep, as Narwhals expressions over text.

A table of sessions arrives as text. ``rules_for`` builds one rule a column from
the parameters, ``find_defects`` names every cell that breaks its rule, and
``typed`` turns the rest into numbers, truth values and categories.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import narwhals as nw

from user_activity_trends.errors import ColumnsError, listed
from user_activity_trends.recipes import RecipeParams
from user_activity_trends.sessions.columns import ColumnsParams, Kind, PeriodBin

Role = Literal["id", "feature", "outcome", "period", "user", "dimension"]

SESSION_ID = "session_id"
ROW = "__row"
"""Position of a session in its file, 1 = first data row."""

_TEXT = "__text "
_NUMERIC = "__number "

MISSING = "missing value"
LARGEST = 1e100
"""Numbers beyond this would overflow when their squares are summed."""

_GAPS = ("", "na", "n/a", "nan", "null", "none")
_INFINITE = r"^[+-]?(?:inf|infinity)$"
_NUMBER = r"^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$"
_LEAP = "[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[2468][048]|[13579][26])00"
_DATE = (
    "(?:[1-9][0-9]{3}-(?:"
    "(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|"
    "(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|"
    "02-(?:0[1-9]|1[0-9]|2[0-8]))|"
    f"(?:{_LEAP})-02-29)"
)
_TIME = "(?:[01][0-9]|2[0-3]):[0-5][0-9](?::(?:[0-5][0-9]|60)(?:[.,][0-9]+)?)?"
_ZONE = "(?:Z|[+-][0-9]{2}(?::?[0-9]{2})?)"
_MOMENT = f"^{_DATE}(?:[T ]{_TIME} ?{_ZONE}?)?$"
"""A day of the years 1000 to 9999 that exists, by itself or with a time (ISO 8601)."""

_TRUE = ("true", "1", "1.0")
_FALSE = ("false", "0", "0.0")


@dataclass(frozen=True)
class Rule:
    """What a cell of one column may hold."""

    column: str
    role: Role
    kind: Kind = "number"
    required: bool = True
    logged: bool = False
    accepted: tuple[str, ...] = ()
    codes: dict[str, str] = field(default_factory=dict)
    period_bin: PeriodBin | None = None

    @property
    def text(self) -> nw.Expr:
        """The cell without surrounding blanks, its code resolved; a gap is null."""
        cell = nw.col(self.column).str.strip_chars()
        text = cell
        for code, meaning in self.codes.items():
            text = nw.when(cell == code).then(nw.lit(meaning)).otherwise(text)
        # A category may well be called NA or none; a number or a truth value may not.
        gaps = _GAPS if self.role in {"feature", "outcome"} else ("",)
        return nw.when(~text.str.to_lowercase().is_in(gaps)).then(text)

    @property
    def value(self) -> nw.Expr:
        """The cell, typed: a number, a truth value, or text; null where it is missing.

        A date is the text of what it is taken together by: 2026-01-31, 2026-W05
        (the week of ISO 8601) or 2026-01, the date as it stands, whatever its zone.
        """
        if self.role == "feature":
            return self.text.cast(nw.Float64)
        if self.role == "outcome":
            return self.text.str.to_lowercase().is_in(_TRUE)
        if self.period_bin == "week":
            day = self.text.str.slice(0, len("2026-01-31")).str.to_datetime("%Y-%m-%d")
            return day.dt.to_string("%G-W%V")
        if self.period_bin:
            return self.text.str.slice(
                0, len({"day": "2026-01-31", "month": "2026-01"}[self.period_bin])
            )
        return self.text

    @property
    def number(self) -> nw.Expr:
        """The cell as a number; null where it is missing or not a number."""
        text = nw.col(_TEXT + self.column)
        is_number = text.str.contains(_NUMBER).fill_null(value=False)
        return nw.when(is_number).then(text).cast(nw.Float64)

    @property
    def broken(self) -> list[tuple[nw.Expr, str]]:
        """The ways in which a cell can break the rule: a condition and its reason each.

        The conditions read the columns that ``find_defects`` adds.
        """
        absent = nw.col(_TEXT + self.column).is_null()
        reasons = [
            ((condition & ~absent).fill_null(value=False), reason)
            for condition, reason in self._reasons()
        ]
        return reasons + ([(absent, MISSING)] if self.required else [])

    def _reasons(self) -> list[tuple[nw.Expr, str]]:
        text = nw.col(_TEXT + self.column)
        if self.role == "feature":
            return self._numeric_reasons()
        if self.role == "id":
            return [(~text.is_first_distinct(), "id occurs before")]
        if self.role == "outcome":
            known = text.str.to_lowercase().is_in([*_TRUE, *_FALSE])
            spellings = ("TRUE", "FALSE", "1", "0", *self.codes)
            return [(~known, f"not one of {', '.join(spellings)}")]
        if self.period_bin:
            return [(~text.str.contains(_MOMENT), "not a date such as 2026-01-31")]
        if self.accepted:
            return [(~text.is_in(self.accepted), f"not one of {', '.join(self.accepted)}")]
        return []

    def _numeric_reasons(self) -> list[tuple[nw.Expr, str]]:
        number = nw.col(_NUMERIC + self.column)
        reasons = [
            (nw.col(_TEXT + self.column).str.to_lowercase().str.contains(_INFINITE), "infinite"),
            (number.is_null(), "not a number"),
            (number.abs() > LARGEST, f"beyond {LARGEST:g}"),
        ]
        if self.kind == "rate":
            reasons.append(((number < 0) | (number > 1), "outside [0, 1]"))
        elif self.kind != "number":
            reasons.append((number < 0, "negative"))
        elif self.logged:
            reasons.append((number < 0, "negative, and the recipe takes its logarithm"))
        if self.kind == "count":
            reasons.append((number != number.round(), "not a whole number"))
        return reasons


def rules_for(
    columns: ColumnsParams, recipe: RecipeParams, *, to_score: bool = False
) -> list[Rule]:
    """Build the rule of every column that a run needs.

    Args:
        columns: What the columns mean.
        recipe: The features, and what is done to them.
        to_score: The sessions are to be scored only: they need no outcome,
            period, user or dimension.

    Returns:
        The rules in the order in which the typed table has its columns.
    """
    rules = [Rule(columns.id, "id")] if columns.id else []
    rules += [
        Rule(
            name,
            "feature",
            kind=columns.kinds.get(name, "number"),
            required=recipe.missing != "median",
            logged=recipe.transform == "log1p",
        )
        for name in recipe.columns
    ]
    if to_score:
        return rules
    others: list[tuple[str | None, Role]] = [
        (columns.outcome, "outcome"),
        (columns.period, "period"),
        (columns.user, "user"),
        *((name, "dimension") for name in columns.dimensions),
    ]
    for name, role in others:
        if name is None or name in {rule.column for rule in rules}:
            continue
        values = columns.values.get(name)
        rules.append(
            Rule(
                name,
                role,
                required=role in {"outcome", "period"},
                accepted=values.accepted if values else (),
                codes=values.codes if values else {},
                period_bin=columns.period_bin if role == "period" else None,
            )
        )
    return rules


def rules_for_all(columns: ColumnsParams, recipes: Iterable[RecipeParams]) -> list[Rule]:
    """Build rules that a session keeps if it keeps those of every recipe.

    Args:
        columns: What the columns mean.
        recipes: The recipes that the sessions are for.

    Returns:
        One rule a column: the id, the features of all recipes, then the others. A
        column that is a feature of one recipe is checked as that for all.
    """
    merged: dict[str, Rule] = {}
    for rule in (one for recipe in recipes for one in rules_for(columns, recipe)):
        known = merged.get(rule.column, rule)
        feature = rule if rule.role == "feature" else known
        merged[rule.column] = replace(
            feature,
            required=known.required or rule.required,
            logged=known.logged or rule.logged,
        )
    order = ("id", "feature")
    return sorted(
        merged.values(),
        key=lambda rule: order.index(rule.role) if rule.role in order else len(order),
    )


def numbered(table: nw.DataFrame[Any], rules: Sequence[Rule], file: str) -> nw.DataFrame[Any]:
    """Put the position of each session in front of the columns that have a rule.

    Args:
        table: One session a row, cells as text or typed.
        rules: The rules of its columns.
        file: Its path, for the message.

    Returns:
        ``__row`` and the columns that have a rule, as text.

    Raises:
        ColumnsError: A column is missing; the message lists all that are, and
            the columns that were found.
    """
    missing = [rule.column for rule in rules if rule.column not in table.columns]
    if missing:
        found = listed(table.columns) or "none"
        msg = (
            f"{file}: column names missing from the header: {', '.join(missing)}; found: {found}. "
            "Rename them in the file, or change columns and recipes in parameters.yml"
        )
        raise ColumnsError(msg)
    return (
        table.select(nw.col(rule.column).cast(nw.String).fill_null("") for rule in rules)
        .with_row_index(ROW)
        .with_columns(nw.col(ROW).cast(nw.Int64) + 1)
    )


def find_defects(table: nw.DataFrame[Any], rules: Sequence[Rule], file: str) -> nw.DataFrame[Any]:
    """Name every cell that breaks its rule.

    Args:
        table: The result of ``numbered``.
        rules: The rules of its columns.
        file: Path that the result names.

    Returns:
        One row a defect, ordered by row and then by column: ``file``, ``row``
        (1 = first data row), ``session_id``, ``column``, ``value`` (as it
        stands in the file), ``reason``.
    """
    prepared = table.with_columns(rule.text.alias(_TEXT + rule.column) for rule in rules)
    prepared = prepared.with_columns(
        rule.number.alias(_NUMERIC + rule.column) for rule in rules if rule.role == "feature"
    )
    flags = prepared.select(
        condition.alias(f"{position} {reason}")
        for position, rule in enumerate(rules)
        for condition, reason in rule.broken
    )
    found = [_defects(prepared.head(0), rules, 0, "", file)]
    for position, rule in enumerate(rules):
        told = None
        for _, reason in rule.broken:
            flag = flags[f"{position} {reason}"]
            flag = flag if told is None else flag & ~told
            if flag.any():
                found.append(_defects(prepared.filter(flag), rules, position, reason, file))
                told = flag if told is None else told | flag
    return nw.concat(found).sort("row", "__position").drop("__position")


def _defects(
    broken: nw.DataFrame[Any], rules: Sequence[Rule], position: int, reason: str, file: str
) -> nw.DataFrame[Any]:
    column = rules[position].column
    return broken.select(
        nw.lit(file).alias("file"),
        nw.col(ROW).alias("row"),
        _session_id(rules).cast(nw.String).fill_null("").alias(SESSION_ID),
        nw.lit(column).alias("column"),
        nw.col(column).alias("value"),
        nw.lit(reason).alias("reason"),
        nw.lit(position).alias("__position"),
    )


def typed(
    table: nw.DataFrame[Any], rules: Sequence[Rule], refused: nw.Series[Any]
) -> nw.DataFrame[Any]:
    """Turn the sessions without a defect into typed columns.

    Args:
        table: The result of ``numbered``.
        rules: The rules of its columns.
        refused: Rows (1 = first data row) to leave out.

    Returns:
        One session a row: ``session_id`` (text from the id column, or the
        position in the file), then each column that has a rule: features as
        floating-point numbers, the outcome as truth value, the rest as text.
    """
    kept = table.filter(~nw.col(ROW).is_in(refused))
    return kept.select(
        _session_id(rules).alias(SESSION_ID),
        *(rule.value.alias(rule.column) for rule in rules if rule.role != "id"),
    )


def _session_id(rules: Sequence[Rule]) -> nw.Expr:
    return next((rule.text for rule in rules if rule.role == "id"), nw.col(ROW))

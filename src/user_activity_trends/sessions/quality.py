"""What was read, what was refused and why."""

from collections.abc import Sequence
from typing import Any

import narwhals as nw

from user_activity_trends.sessions.rules import ROW, Rule


def repeated_rows(table: nw.DataFrame[Any]) -> nw.Series[Any]:
    """Find exact duplicates.

    Args:
        table: One session a row, all columns of the file.

    Returns:
        Positions (1 = first data row) of the rows that equal an earlier one.
    """
    # Plain numbers as names: the file's own could be anything, also that of the position.
    cells = table.rename({name: str(place) for place, name in enumerate(table.columns)})
    numbered = cells.with_row_index(ROW).with_columns(nw.col(ROW).cast(nw.Int64) + 1)
    first = numbered.unique(subset=cells.columns, keep="first")
    return numbered.filter(~nw.col(ROW).is_in(first[ROW]))[ROW]


def count_reasons(defects: nw.DataFrame[Any]) -> dict[str, int]:
    """Count the defects by column and reason, the most frequent first."""
    counted = (
        defects.group_by("column", "reason")
        .agg(nw.len().alias("defects"))
        .sort("defects", "column", "reason", descending=[True, False, False])
    )
    return {
        f"{column}: {reason}": int(count)
        for column, reason, count in counted.select("column", "reason", "defects").iter_rows()
    }


def ranges(sessions: nw.DataFrame[Any], rules: Sequence[Rule]) -> dict[str, dict[str, Any]]:
    """Return ``min``, ``mean`` and ``max`` of each feature, None where there is no value."""
    names = [rule.column for rule in rules if rule.role == "feature"]
    numbers = {
        "min": sessions.select(nw.col(*names).min()),
        "mean": sessions.select(nw.col(*names).mean()),
        "max": sessions.select(nw.col(*names).max()),
    }
    rows = {name: frame.rows(named=True)[0] for name, frame in numbers.items()}
    return {
        column: {
            name: None if row[column] is None or row[column] != row[column] else float(row[column])
            for name, row in rows.items()
        }
        for column in names
    }

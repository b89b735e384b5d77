"""How many sessions each segment has in each group, and what they end in."""

from collections.abc import Sequence
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd

from user_activity_trends.segmentation.profiles import wilson_intervals

LEAST_SESSIONS = 30
"""A share or rate of fewer sessions than this says too little to be shown."""

_COUNTED = {"segment": "int64", "segment_name": "str", "sessions": "int64"}
_SHARES = ("share", "share_low", "share_high")
_RATES = ("conversion_rate", "ci_low", "ci_high")


def count_groups(
    sessions: nw.DataFrame[Any], groups: Sequence[str | None], *, with_outcome: bool
) -> pd.DataFrame:
    """Count the sessions of every segment in every group.

    Args:
        sessions: One session a row: ``segment``, ``segment_name``, ``group``
            (text; missing where it is not known), and ``outcome`` as truth value
            if there is one.
        groups: The groups that occur, in the order of the result; None stands
            for the sessions whose group is missing.
        with_outcome: Whether there is an outcome.

    Returns:
        One row a group and segment, also where there is no session: ``group``,
        ``segment``, ``segment_name``, ``sessions``, ``share`` (of the group's
        sessions) with ``share_low`` and ``share_high`` (95 % Wilson; missing
        where the group has under 30 sessions); with an outcome ``conversions``,
        ``conversion_rate``, ``ci_low`` and ``ci_high`` (missing where segment
        and group have under 30 sessions in common).
    """
    sums = {"sessions": nw.lit(1)}
    if with_outcome:
        sums["conversions"] = nw.col("outcome").cast(nw.Int64)
    # Group-by of one engine leaves missing keys out, that of another does not.
    counted = (
        sessions.select(
            "segment",
            nw.col("group").fill_null(""),
            *(expression.alias(name) for name, expression in sums.items()),
        )
        .group_by("group", "segment")
        .agg(nw.col(*sums).sum())
        .to_pandas()
        .set_index(["group", "segment"])
    )
    named = sessions.select("segment", "segment_name").unique().sort("segment").to_pandas()
    keys = ["" if group is None else group for group in groups]
    grid = pd.MultiIndex.from_product([keys, named["segment"]], names=["group", "segment"])
    table = counted.reindex(grid, fill_value=0).reset_index()
    table["group"] = pd.Series(
        [group for group in groups for _ in range(len(named))], index=table.index, dtype="str"
    )
    table["segment_name"] = pd.Series(
        [*named["segment_name"]] * len(groups), index=table.index, dtype="str"
    )
    table = table.astype(_COUNTED)
    whole = table.groupby(np.arange(len(table)) // max(1, len(named)))["sessions"].transform("sum")
    table["share"] = table["sessions"] / whole
    table["share_low"], table["share_high"] = _limits(table["sessions"], whole)
    if with_outcome:
        table["conversions"] = table["conversions"].astype("int64")
        few = table["sessions"] < LEAST_SESSIONS
        table["conversion_rate"] = (table["conversions"] / table["sessions"]).mask(few)
        table["ci_low"], table["ci_high"] = _limits(table["conversions"], table["sessions"])
    return table[counted_columns(with_outcome=with_outcome, first=("group",))]


def counted_columns(*, with_outcome: bool, first: Sequence[str]) -> list[str]:
    """Name the columns of a table of counts, ``first`` before the segment's."""
    rates = ("conversions", *_RATES) if with_outcome else ()
    return [*first, *_COUNTED, *_SHARES, *rates]


def no_counts(*, with_outcome: bool, first: Sequence[str]) -> pd.DataFrame:
    """Return a table of counts without any row, each column of its type."""
    types = dict.fromkeys(first, "str") | _COUNTED | {"conversions": "int64"}
    return pd.DataFrame(
        {
            name: pd.Series(dtype=types.get(name, "float64"))
            for name in counted_columns(with_outcome=with_outcome, first=first)
        }
    )


def _limits(
    successes: "pd.Series[int]", trials: "pd.Series[int]"
) -> tuple["pd.Series[float]", "pd.Series[float]"]:
    few, index = trials < LEAST_SESSIONS, trials.index
    low, high = wilson_intervals(successes.mask(few, 0).to_numpy(), trials.mask(few, 1).to_numpy())
    return pd.Series(low, index=index).mask(few), pd.Series(high, index=index).mask(few)

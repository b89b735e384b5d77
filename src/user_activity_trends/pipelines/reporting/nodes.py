"""Nodes that count segments through time and by category."""

import logging
from typing import Any

import narwhals as nw
import pandas as pd

from user_activity_trends.segmentation import changes, migrations, trend_tests, trends
from user_activity_trends.sessions import periods
from user_activity_trends.sessions.columns import ColumnsParams
from user_activity_trends.sessions.rules import SESSION_ID

logger = logging.getLogger(__name__)

_MANY = 366
"""Periods that a year may have; a category of more is perhaps none."""


def summarise_trends(
    session_segments: pd.DataFrame, valid_sessions: pd.DataFrame, columns: ColumnsParams
) -> pd.DataFrame:
    """Count the sessions and conversions of each segment in each period.

    Args:
        session_segments: The segment of each session.
        valid_sessions: The sessions, with their period and outcome.
        columns: Which columns these are, and the order of the periods.

    Returns:
        One row a period that occurs and segment, in calendar order: ``period``,
        ``segment``, ``segment_name``, ``sessions``, ``share`` (of the period's
        sessions), ``share_low``, ``share_high`` (95 % Wilson; missing in a period
        of under 30 sessions); with an outcome ``conversions``,
        ``conversion_rate``, ``ci_low``, ``ci_high`` (missing under 30 sessions).
        No row if there is no period.
    """
    with_outcome = columns.outcome is not None
    if columns.period is None:
        return trends.no_counts(with_outcome=with_outcome, first=["period"])
    sessions = _labelled(session_segments, valid_sessions, columns.period, columns)
    present = set(sessions["group"].unique().to_list())
    calendar = [period for period in periods.in_order(present, columns) if period in present]
    if len(calendar) > _MANY and columns.period_bin is None:
        logger.warning(
            "column %s has %d different periods; if it is a date, set columns.period_bin to day, "
            "week or month",
            columns.period,
            len(calendar),
        )
    if not periods.has_known_order(present, columns):
        logger.warning(
            "periods of column %s, such as %r, are sorted by their text, digits as numbers; if "
            "that is not their order, list them in order in columns.values.%s.accepted",
            columns.period,
            calendar[0],
            columns.period,
        )
    counted = trends.count_groups(sessions, calendar, with_outcome=with_outcome)
    return counted.rename(columns={"group": "period"})


def break_down_segments(
    session_segments: pd.DataFrame, valid_sessions: pd.DataFrame, columns: ColumnsParams
) -> pd.DataFrame:
    """Count the sessions and conversions of each segment by each dimension.

    Args:
        session_segments: The segment of each session.
        valid_sessions: The sessions, with their dimensions and outcome.
        columns: Which columns these are, and the order of their values.

    Returns:
        ``dimension``, ``value`` (missing where a session has none, last), then
        the columns of ``summarise_trends`` from ``segment`` on. No row if there
        is no dimension.
    """
    with_outcome = columns.outcome is not None
    tables = [trends.no_counts(with_outcome=with_outcome, first=["dimension", "value"])]
    for dimension in columns.dimensions:
        sessions = _labelled(session_segments, valid_sessions, dimension, columns)
        values = columns.values.get(dimension)  # noqa: PD011 (no pandas)
        present = sessions["group"].drop_nulls().unique().to_list()
        groups: list[str | None] = []
        groups += periods.sort_categories(present, values.accepted if values else ())
        groups += [None] if sessions["group"].is_null().any() else []
        counted = trends.count_groups(sessions, groups, with_outcome=with_outcome)
        counted.insert(0, "dimension", pd.Series(dimension, index=counted.index, dtype="str"))
        tables.append(counted.rename(columns={"group": "value"}))
    filled = [table for table in tables if len(table)] or tables
    return pd.concat(filled, ignore_index=True)


def split_conversion_changes(segment_trends: pd.DataFrame) -> pd.DataFrame:
    """Split the change of the overall conversion from each period to the next.

    Args:
        segment_trends: Sessions and conversions by period and segment.

    Returns:
        ``period_from``, ``period_to`` (the next that occurs), ``change``,
        ``mix`` (segments grew or shrank), ``rate`` (segments converted
        otherwise). No row without an outcome or with under two periods.
    """
    return changes.split_changes(segment_trends)


def measure_trends(segment_trends: pd.DataFrame, columns: ColumnsParams) -> pd.DataFrame:
    """Measure the linear trend of each segment's share and conversion, and test it.

    Args:
        segment_trends: Sessions and conversions by period and segment.
        columns: The order of the periods.

    Returns:
        ``segment``, ``segment_name``, ``measure``, ``periods``,
        ``change_per_period``, ``effect_size``, ``p_value``. No row with under
        three periods.
    """
    calendar = periods.in_order(segment_trends["period"], columns)
    return trend_tests.find_trends(segment_trends, calendar)


def count_migrations(
    session_segments: pd.DataFrame, valid_sessions: pd.DataFrame, columns: ColumnsParams
) -> pd.DataFrame:
    """Count the moves from each session of a user to that user's next one.

    The next one is that of the next period, and within a period that which comes
    next in the file: no more of a date is kept than the period, nor of a day
    the time. Without a period the order is that of the file.

    Args:
        session_segments: The segment of each session.
        valid_sessions: The sessions in the order of the file, with their user and period.
        columns: Which columns these are, and the order of the periods.

    Returns:
        ``segment_from``, ``segment_to``, ``moves``, ``share`` (of the moves from
        ``segment_from``). No row where the table does not say whose a session is.
    """
    if columns.user is None:
        return migrations.no_moves()
    users = pd.DataFrame(
        {
            SESSION_ID: valid_sessions[SESSION_ID],
            "user": valid_sessions[columns.user],
            "place": 0,
        }
    )
    if columns.period:
        present = valid_sessions[columns.period]
        calendar = periods.in_order(present, columns)
        users["place"] = present.map({period: i for i, period in enumerate(calendar)})
    if columns.period and columns.period_bin in {"week", "month"}:
        logger.warning(
            "segment_migrations: a user's sessions of one %s follow each other as in the file, "
            "since columns.period_bin keeps no more of the date; see that the file is sorted by "
            "column %s",
            columns.period_bin,
            columns.period,
        )
    joined = users.merge(session_segments[[SESSION_ID, "segment"]], on=SESSION_ID)
    return migrations.count_moves(joined)


def _labelled(
    session_segments: pd.DataFrame,
    valid_sessions: pd.DataFrame,
    group: str,
    columns: ColumnsParams,
) -> nw.DataFrame[Any]:
    """Join sessions and segments: ``segment``, ``segment_name``, ``group`` and ``outcome``."""
    sessions = nw.from_native(valid_sessions, eager_only=True)
    label = nw.col(group).cast(nw.String)
    if sessions[group].dtype.is_float():  # a feature that is a dimension as well
        label = label.str.replace(r"\.0$", "")
    chosen = [nw.col(SESSION_ID), label.alias("group")]
    if columns.outcome:
        chosen.append(nw.col(columns.outcome).alias("outcome"))
    segments = nw.from_native(session_segments, eager_only=True)
    return segments.select(SESSION_ID, "segment", "segment_name").join(
        sessions.select(*chosen), on=SESSION_ID
    )

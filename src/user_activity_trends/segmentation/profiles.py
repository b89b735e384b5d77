"""Who the segments are: their size, their outcome, their features, and typical sessions."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray

Counts = NDArray[np.integer]
Vector = NDArray[np.float64]

Z = 1.959963984540054
"""The 97.5 % point of the standard normal distribution."""

TYPICAL = 3
"""Sessions that stand for a segment."""


def wilson_interval(successes: int, trials: int) -> tuple[float, float]:
    """Return the 95 % score interval of a share (Wilson 1927).

    >>> [round(limit, 4) for limit in wilson_interval(8, 10)]
    [0.4902, 0.9433]
    >>> wilson_interval(0, 0)
    Traceback (most recent call last):
    ZeroDivisionError: division by zero
    """
    low, high = _score_limits(successes / trials, trials, Z)
    return float(low), float(high)


def wilson_intervals(successes: Counts, trials: Counts, z: float = Z) -> tuple[Vector, Vector]:
    """Return the lower and the upper limit of ``wilson_interval``, one each a share.

    Args:
        successes: How many of the trials of each succeeded.
        trials: How many trials each had.
        z: Point of the standard normal distribution; by default that for 95 %.
    """
    return _score_limits(successes / trials, trials, z)


def _score_limits(share: Any, trials: Any, z: float) -> tuple[Any, Any]:
    denominator = 1 + z**2 / trials
    middle = share + z**2 / (2 * trials)
    reach = z * (share * (1 - share) / trials + z**2 / (4 * trials**2)) ** 0.5
    # Rounding must put no limit on the wrong side of the share: that of 0 is 0, that of 1 is 1.
    low = np.clip((middle - reach) / denominator, 0, share)
    return low, np.clip((middle + reach) / denominator, share, 1)


def profile(
    sessions: nw.DataFrame[Any], features: Sequence[str], outcome: str | None
) -> nw.DataFrame[Any]:
    """Summarise each segment.

    Args:
        sessions: One session a row: ``segment``, ``segment_name``, the features
            in their own units, and the outcome as truth value.
        features: Columns to summarise; a gap does not count.
        outcome: Column of the outcome, if there is one.

    Returns:
        One row a segment, ordered by ``segment``: ``segment``, ``segment_name``,
        ``sessions``, ``share``; with an outcome ``outcome_rate``, ``ci_low``,
        ``ci_high`` (95 % Wilson); then of every feature ``mean_<feature>`` and
        ``median_<feature>`` in its own unit, and ``standing_<feature>``, the mean
        minus that of all sessions, in standard deviations of all sessions.
    """
    # Sums of columns made beforehand: group-by stays simple on every engine.
    means = [f"mean_{name}" for name in features]
    sums = {"sessions": nw.lit(1)}
    if outcome:
        sums["__outcomes"] = nw.col(outcome).cast(nw.Int64)
    counted = (
        sessions.select(
            "segment",
            "segment_name",
            *(expression.alias(name) for name, expression in sums.items()),
            *(nw.col(name).alias(mean) for name, mean in zip(features, means, strict=True)),
        )
        .group_by("segment", "segment_name")
        .agg(nw.col(*sums).sum(), nw.col(*means).mean())
        .sort("segment")
        .with_columns(share=nw.col("sessions") / len(sessions))
    )
    chosen = ["segment", "segment_name", "sessions", "share"]
    if outcome:
        low, high = wilson_intervals(
            counted["__outcomes"].to_numpy(), counted["sessions"].to_numpy()
        )
        counted = counted.with_columns(
            (nw.col("__outcomes") / nw.col("sessions")).alias("outcome_rate"),
            _column(counted, "ci_low", low),
            _column(counted, "ci_high", high),
        )
        chosen += ["outcome_rate", "ci_low", "ci_high"]
    medians, standing = _medians(sessions, features, counted), _standing(sessions, features)
    return counted.with_columns(*medians, *standing).select(
        *chosen, *means, *(one.name for one in medians), *(f"standing_{name}" for name in features)
    )


def _medians(
    sessions: nw.DataFrame[Any], features: Sequence[str], counted: nw.DataFrame[Any]
) -> list[nw.Series[Any]]:
    # Within a group-by some engines have an approximate median only.
    middle = nw.col(*features).quantile(0.5, interpolation="linear")
    rows = [
        sessions.filter(nw.col("segment") == segment).select(middle).row(0)
        for segment in counted["segment"].to_list()
    ]
    return [
        _column(counted, f"median_{name}", np.array([row[place] for row in rows], dtype=np.float64))
        for place, name in enumerate(features)
    ]


def _standing(sessions: nw.DataFrame[Any], features: Sequence[str]) -> list[nw.Expr]:
    middle = sessions.select(nw.col(*features).mean()).row(0)
    spread = sessions.select(nw.col(*features).std(ddof=0)).row(0)
    return [
        ((nw.col(f"mean_{name}") - mean) / (deviation or 1)).alias(f"standing_{name}")
        for name, mean, deviation in zip(features, middle, spread, strict=True)
    ]


def _column(table: nw.DataFrame[Any], name: str, values: Vector) -> nw.Series[Any]:
    return nw.new_series(name, values.tolist(), nw.Float64, backend=table.implementation)


def pick_typical(
    segments: pd.DataFrame, features: pd.DataFrame, count: int = TYPICAL
) -> pd.DataFrame:
    """Pick the sessions nearest the centroid of their segment.

    Args:
        segments: One session a row: ``session_id``, ``segment``,
            ``segment_name``, ``distance`` (to the own centroid, in scaled units).
        features: ``session_id`` and the features in their own units.
        count: Sessions a segment; a smaller segment has fewer.

    Returns:
        ``segment``, ``segment_name``, ``rank`` (1 is the nearest; of equals, the
        one that comes first in ``segments``), ``session_id``, ``distance``, and
        the features. A feature that is called like one of these columns has an
        underscore behind its name.
    """
    nearest = (
        segments.sort_values("distance", kind="stable")
        .groupby("segment")
        .head(count)
        .sort_values("segment", kind="stable")[
            ["segment", "segment_name", "session_id", "distance"]
        ]
    )
    nearest.insert(2, "rank", nearest.groupby("segment").cumcount() + 1)
    taken = [*nearest.columns]
    renamed = {}
    for name in features.columns.drop("session_id"):
        renamed[name] = name
        while renamed[name] in taken:
            renamed[name] += "_"
        taken.append(renamed[name])
    return nearest.merge(features.rename(columns=renamed), on="session_id", how="left")


def stability_of(segments: "pd.Series[int]", choice: Mapping[str, Any]) -> list[float]:
    """Look up how reproducible segments are: NaN where it was not measured.

    Args:
        segments: Their ids.
        choice: ``choice_in_use``; its ``stability`` has a text of each id.

    Returns:
        Mean Jaccard of each segment over the resamples, from 0 to 1.
    """
    known = choice["stability"]
    found = [known.get(str(one)) for one in segments]
    return [math.nan if one is None else float(one) for one in found]

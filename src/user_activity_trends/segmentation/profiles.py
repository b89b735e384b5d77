"""Who the segments are: their size, their outcome, and the mean of each feature."""

import math
from collections.abc import Sequence
from typing import Any

import narwhals as nw

_Z = 1.959963984540054  # the 97.5 % point of the standard normal distribution


def wilson_interval(successes: int, trials: int) -> tuple[float, float]:
    """Return the 95 % score interval of a share (Wilson 1927).

    >>> [round(limit, 4) for limit in wilson_interval(8, 10)]
    [0.4902, 0.9433]
    >>> wilson_interval(0, 0)
    Traceback (most recent call last):
    ZeroDivisionError: division by zero
    """
    share = successes / trials
    denominator = 1 + _Z**2 / trials
    middle = share + _Z**2 / (2 * trials)
    reach = _Z * math.sqrt(share * (1 - share) / trials + _Z**2 / (4 * trials**2))
    return max(0.0, (middle - reach) / denominator), min(1.0, (middle + reach) / denominator)


def profile(
    sessions: nw.DataFrame[Any], features: Sequence[str], outcome: str | None
) -> nw.DataFrame[Any]:
    """Summarise each segment.

    Args:
        sessions: One session a row: ``segment``, ``segment_name``, the features
            in their own units, and the outcome as truth value.
        features: Columns to average.
        outcome: Column of the outcome, if there is one.

    Returns:
        One row a segment, ordered by ``segment``: ``segment``, ``segment_name``,
        ``sessions``, ``share``; with an outcome ``outcome_rate``, ``ci_low``,
        ``ci_high`` (95 % Wilson); and ``mean_<feature>`` in the feature's unit.
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
        pairs = zip(counted["__outcomes"].to_list(), counted["sessions"].to_list(), strict=True)
        limits = [wilson_interval(int(successes), int(trials)) for successes, trials in pairs]
        backend = counted.implementation
        counted = counted.with_columns(
            (nw.col("__outcomes") / nw.col("sessions")).alias("outcome_rate"),
            nw.new_series("ci_low", [low for low, _ in limits], nw.Float64, backend=backend),
            nw.new_series("ci_high", [high for _, high in limits], nw.Float64, backend=backend),
        )
        chosen += ["outcome_rate", "ci_low", "ci_high"]
    return counted.select(*chosen, *means)

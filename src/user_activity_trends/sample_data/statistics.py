"""What the sample imitates, measured; and how far one table is from what was measured."""

from collections.abc import Callable, Sequence
from statistics import NormalDist
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from user_activity_trends.errors import CellsError, ColumnsError
from user_activity_trends.sample_data import layout
from user_activity_trends.sample_data.targets import Behaviour, Targets

Floats: TypeAlias = npt.NDArray[np.float64]
Integers: TypeAlias = npt.NDArray[np.int64]

SOURCE: Final = (
    "Aggregates of Online Shoppers Purchasing Intention, C. O. Sakar and Y. Kastro, 2018, "
    "UCI Machine Learning Repository no. 468, doi:10.24432/C5F88Q, CC BY 4.0"
)

BODY: Final = (0.05, 0.25, 0.5, 0.75, 0.95)
TAIL: Final = (0.99, 0.999, 1.0)
# Finer towards the ends: min-max scaling hangs on the extremes.
GRID: Final = (
    0.0,
    0.001,
    0.005,
    *(step / 200 for step in range(2, 200)),
    0.997,
    0.998,
    0.999,
    0.9994,
    0.9997,
    1.0,
)

BOUNDS: Final = {
    "month_sessions": 0.0,
    "bouncing_share": 0.01,
    "conversion_share": 0.01,
    "weekend_share": 0.01,
    "visitor_share": 0.01,
    "zero_share": 0.01,
    "level_share": 0.01,
    "quantiles": 0.05,
    "tail_quantiles": 0.05,
    "rank_correlations": 0.05,
}
"""The largest distance that still counts as alike; ``distances`` explains each."""


def measure(frame: pd.DataFrame) -> dict[str, Any]:
    """Compute the statistics of a table of sessions.

    Args:
        frame: One session a row, with the columns of the public data set.

    Returns:
        The fields of ``Targets``, ready for JSON.

    Raises:
        ColumnsError: A column of the public data set is missing.
        CellsError: There are no rows, a cell is empty or not a number, or a month
            or a type of visitor is not one of the data set's.
    """
    _check(frame)
    month = frame["Month"].map(layout.MONTHS.index).to_numpy(np.int64)
    columns = _as_numbers(frame)
    bounces = columns["BounceRates"]
    behaviour = (bounces > 0).astype(np.int64) + (bounces >= layout.RATE_CEILING)
    probabilities = (*BODY, *TAIL)
    return {
        "source": SOURCE,
        "months": list(layout.MONTHS),
        "summary": list(probabilities),
        "summary_values": {
            name: _quantiles(columns[name], probabilities) for name in layout.NUMERIC
        },
        "rank_correlations": _named_correlations(columns),
        "grid": list(GRID),
        "behaviours": {
            kind: _measure_behaviour(
                {name: values[behaviour == code] for name, values in columns.items()},
                month[behaviour == code],
            )
            for code, kind in enumerate(layout.BOUNCING)
        },
    }


def rank_correlations(columns: Floats) -> Floats:
    """Compute Spearman's correlations, ties sharing their average rank.

    Args:
        columns: One variable a column.

    Returns:
        The symmetric matrix; a variable that never varies correlates 0 with all.
    """
    ranks = pd.DataFrame(columns).rank().to_numpy()
    centred = ranks - ranks.mean(axis=0)
    norms = np.sqrt((centred**2).sum(axis=0))
    standard: Floats = centred / np.where(norms > 0, norms, 1.0)
    return standard.T @ standard


def distances(frame: pd.DataFrame, targets: Targets) -> dict[str, float]:
    """Compare a table of sessions with the targets, the worst case of each family.

    Args:
        frame: One session a row, with the columns of the public data set.
        targets: What the table should look like.

    Returns:
        By the names of ``BOUNDS``. ``month_sessions`` is in sessions. Shares are
        fractions of the sessions of one month, ``level_share`` of all sessions.
        ``quantiles`` is relative to the span between the 5 % and 95 % quantiles,
        ``tail_quantiles`` to the value itself. ``rank_correlations`` is the
        difference of two coefficients.
    """
    found = Targets.model_validate(measure(frame))
    sessions = [_by_month(side, lambda kind: kind.sessions) for side in (found, targets)]

    def share_distance(counts: Callable[[Behaviour], list[int]]) -> float:
        shares = [
            _by_month(side, counts) / np.maximum(total, 1)
            for side, total in zip((found, targets), sessions, strict=True)
        ]
        return _worst(shares[0] - shares[1])

    def zero_distance(name: str) -> float:
        return share_distance(lambda kind: kind.zeros[name])

    body, tail = [], []
    for name in layout.NUMERIC:
        seen, wanted = (np.array(side.summary_values[name]) for side in (found, targets))
        off, split = np.abs(seen - wanted), len(BODY)
        span = wanted[split - 1] - wanted[0]
        body += [_relative(difference, span) for difference in off[:split]]
        tail += [_relative(*pair) for pair in zip(off[split:], wanted[split:], strict=True)]
    return {
        "month_sessions": _worst(sessions[0] - sessions[1]),
        "bouncing_share": max(
            _worst(
                np.array(found.behaviours[kind].sessions) / np.maximum(sessions[0], 1)
                - np.array(targets.behaviours[kind].sessions) / np.maximum(sessions[1], 1)
            )
            for kind in layout.BOUNCING
        ),
        # The share of what did not happen is as far off as the share of what did.
        "conversion_share": zero_distance("Revenue"),
        "weekend_share": zero_distance("Weekend"),
        "visitor_share": max(
            share_distance(lambda kind, visitor=visitor: kind.visitor_types[visitor])  # type: ignore[misc]
            for visitor in layout.VISITOR_TYPES
        ),
        "zero_share": max(zero_distance(name) for name in layout.NUMERIC),
        "level_share": max(_level_distance(found, targets, name) for name in layout.LEVELLED),
        "quantiles": max(body),
        "tail_quantiles": max(tail),
        "rank_correlations": _worst(
            np.array([*found.rank_correlations.values()])
            - np.array([*targets.rank_correlations.values()])
        ),
    }


def _measure_behaviour(columns: dict[str, Floats], month: Integers) -> dict[str, Any]:
    visitors = columns["VisitorType"]
    present = {name: columns[name] != 0 for name in (*layout.NUMERIC, *layout.FLAGS)}
    moments = {
        name: _score_moments(columns[name][rows], month[rows]) for name, rows in present.items()
    }
    return {
        "sessions": _count(month),
        "visitor_types": {
            visitor: _count(month[visitors == code])
            for code, visitor in enumerate(layout.VISITOR_TYPES)
        },
        "zeros": {name: _count(month[~rows]) for name, rows in present.items()},
        "score_means": {name: means for name, (means, _) in moments.items()},
        "score_deviations": {name: deviations for name, (_, deviations) in moments.items()},
        "levels": {name: _frequencies(columns[name][present[name]]) for name in layout.LEVELLED},
        "grid_values": {
            name: _quantiles(columns[name][present[name]], GRID) for name in layout.DECIMALS
        },
        "rank_correlations": _named_correlations(columns),
    }


def _check(frame: pd.DataFrame) -> None:
    """Refuse a table whose columns or words are not those of the public data set."""
    missing = [name for name in layout.COLUMNS if name not in frame.columns]
    if missing:
        msg = (
            f"columns {', '.join(missing)} are missing; the statistics are those of the 18 columns "
            "of Online Shoppers Purchasing Intention (UCI 468)"
        )
        raise ColumnsError(msg)
    if frame.empty:
        msg = "there are no sessions in the table; the statistics need some"
        raise CellsError(msg)
    for name, allowed in (("Month", layout.MONTHS), ("VisitorType", layout.VISITOR_TYPES)):
        unknown = sorted({str(value) for value in frame[name]}.difference(allowed))
        if unknown:
            msg = f"column {name} holds {unknown[0]!r}; expected one of {', '.join(allowed)}"
            raise CellsError(msg)


def _as_numbers(frame: pd.DataFrame) -> dict[str, Floats]:
    columns = {"VisitorType": frame["VisitorType"].map(layout.VISITOR_TYPES.index).to_numpy(float)}
    for name in (*layout.NUMERIC, *layout.FLAGS):
        try:
            columns[name] = frame[name].to_numpy(np.float64)
        except ValueError as error:
            msg = f"column {name} holds something that is not a number: {error}"
            raise CellsError(msg) from error
        if not np.isfinite(columns[name]).all():
            msg = f"column {name} has an empty cell; the statistics need every cell"
            raise CellsError(msg)
    return columns


def _count(month: Integers) -> list[int]:
    return [int(count) for count in np.bincount(month, minlength=len(layout.MONTHS))]


def _by_month(side: Targets, counts: Callable[[Behaviour], list[int]]) -> Integers:
    total: Integers = np.array([counts(kind) for kind in side.behaviours.values()]).sum(axis=0)
    return total


def _level_distance(found: Targets, targets: Targets, name: str) -> float:
    def shares(side: Targets) -> "pd.Series[float]":
        kinds = side.behaviours.values()
        counts = pd.concat([pd.Series(kind.levels[name], dtype=float) for kind in kinds])
        return counts.groupby(level=0).sum() / sum(sum(kind.sessions) for kind in kinds)

    return float(shares(found).sub(shares(targets), fill_value=0.0).abs().max())


def _score_moments(values: Floats, month: Integers) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of the normal scores of ``values``, by month.

    Normal scores (van der Waerden) say where a month lies within all sessions
    without carrying any value.
    """
    ranks, position = np.unique(pd.Series(values).rank(), return_inverse=True)
    normal = NormalDist()
    scores = np.array([normal.inv_cdf(rank / (len(values) + 1)) for rank in ranks])[position]
    groups = [scores[month == code] for code in range(len(layout.MONTHS))]
    return (
        _rounded([group.mean() if len(group) else 0.0 for group in groups], 3),
        _rounded([group.std() if len(group) else 0.0 for group in groups], 3),
    )


def _frequencies(values: Floats) -> dict[str, int]:
    levels, counts = np.unique(values, return_counts=True)
    return {f"{level:g}": int(count) for level, count in zip(levels, counts, strict=True)}


def _quantiles(values: Floats, probabilities: Sequence[float]) -> list[float]:
    if not len(values):
        return []
    # Whole numbers are written without a decimal point, others with six digits.
    quantiles = (float(f"{value:.6g}") for value in np.quantile(values, probabilities))
    return [int(value) if value.is_integer() else value for value in quantiles]


def _named_correlations(columns: dict[str, Floats]) -> dict[str, list[float]]:
    matrix = rank_correlations(np.column_stack([columns[name] for name in layout.RANKED]))
    return {name: _rounded(row, 4) for name, row in zip(layout.RANKED, matrix, strict=True)}


def _rounded(values: Sequence[float] | Floats, decimals: int) -> list[float]:
    # Adding 0.0 turns -0.0 into 0.0.
    return [round(float(value), decimals) + 0.0 for value in values]


def _worst(differences: Floats | Integers) -> float:
    return float(np.abs(differences).max())


def _relative(difference: float, scale: float) -> float:
    """Divide a difference by a scale; where there is no scale only equality will do."""
    if difference == 0:
        return 0.0
    return float(difference / scale) if scale > 0 else float("inf")

"""Draw synthetic sessions from the targets and a seed alone.

The method is a Gaussian copula, NORTA ("normal to anything"): correlated
normal variables say in which order the sessions stand, tables say which values
stand in that order.

    M. C. Cario and B. L. Nelson (1997), Modeling and generating random vectors
    with arbitrary marginal distributions and correlation matrix. Technical
    report, Northwestern University.

Four things are added. The sessions are a mixture of three behaviours, by how much
they bounced, each with its own copula. How many sessions of a month have a zero in
a column is exact. What is not zero comes from one table for all months of a
behaviour; the months differ in where their sessions stand in it. And the
correlations of the normals are calibrated until the rank correlations of the
finished table, with all its zeros, ties and constraints, are those wanted.
"""

from collections.abc import Sequence
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from user_activity_trends.sample_data import layout
from user_activity_trends.sample_data.statistics import rank_correlations
from user_activity_trends.sample_data.targets import Behaviour, Targets

Floats: TypeAlias = npt.NDArray[np.float64]
Integers: TypeAlias = npt.NDArray[np.int64]

SEED: Final = 468
NEW_SESSIONS_SEED: Final = 2018
NEW_SESSIONS: Final = 12

_CALIBRATION_STEPS: Final = (1.0,) * 6 + (0.5,) * 4
_SMALLEST_EIGENVALUE: Final = 1e-4


def generate_sessions(targets: Targets, seed: int) -> pd.DataFrame:
    """Draw a table of sessions that has the statistics of the targets.

    Args:
        targets: What the table should look like.
        seed: Fixes the draw; the same seed gives the same table.

    Returns:
        One session a row, with the columns of the public data set, in the
        order of the calendar.
    """
    rng = np.random.default_rng(seed)
    kinds = [_generate_behaviour(kind, targets.grid, rng) for kind in targets.behaviours.values()]
    sessions = pd.concat(kinds, ignore_index=True)
    # Within a month, sessions of all behaviours are mixed.
    order = np.lexsort((rng.permutation(len(sessions)), sessions["Month"]))
    sessions = sessions.iloc[order].reset_index(drop=True)
    sessions["Month"] = sessions["Month"].map(dict(enumerate(targets.months)))
    sessions["VisitorType"] = sessions["VisitorType"].map(dict(enumerate(layout.VISITOR_TYPES)))
    whole = dict.fromkeys((*layout.PAGE_TYPES, *layout.CODES), "int64")
    return sessions[[*layout.COLUMNS]].astype(whole | dict.fromkeys(layout.FLAGS, "bool"))


def generate_new_sessions(targets: Targets, seed: int) -> pd.DataFrame:
    """Draw a few sessions to score that differ from each other as much as possible.

    Args:
        targets: What the sessions should look like.
        seed: Fixes the draw; take another one than for the sample.

    Returns:
        ``NEW_SESSIONS`` rows with the behavioural columns.
    """
    behaviour = generate_sessions(targets, seed)[list(layout.BEHAVIOUR)]
    # Ranks, so that no column with a long tail decides alone.
    position = behaviour.rank(pct=True).to_numpy()
    chosen = [int(np.abs(position - 0.5).sum(axis=1).argmin())]
    nearest = np.full(len(position), np.inf)
    while len(chosen) < NEW_SESSIONS:
        nearest = np.minimum(nearest, np.abs(position - position[chosen[-1]]).sum(axis=1))
        chosen.append(int(nearest.argmax()))
    return behaviour.iloc[chosen].reset_index(drop=True)


def _generate_behaviour(
    behaviour: Behaviour, grid: Sequence[float], rng: np.random.Generator
) -> pd.DataFrame:
    """Draw the sessions of one behaviour, all columns as numbers.

    Zeros, ties and constraints weaken a correlation by an amount that no formula
    gives, so what is missing is added to the normals' matrix again and again.
    """
    month = np.repeat(np.arange(len(behaviour.sessions)), behaviour.sessions)
    noise = rng.standard_normal((len(month), len(layout.RANKED)))
    wanted = np.array([*behaviour.rank_correlations.values()])
    # Pearson's for Spearman's correlation, if all columns were normal.
    latent = _nearest_correlation(2 * np.sin(np.pi / 6 * wanted))
    columns = _draw(behaviour, grid, month, noise @ np.linalg.cholesky(latent).T)
    for step in _CALIBRATION_STEPS:
        missing = wanted - rank_correlations(columns[[*layout.RANKED]].to_numpy())
        # Rounding keeps the last bits, in which machines differ, from adding up.
        latent = _nearest_correlation(np.round(latent + step * missing, 6))
        columns = _draw(behaviour, grid, month, noise @ np.linalg.cholesky(latent).T)
    return columns.assign(Month=month)


def _nearest_correlation(matrix: Floats) -> Floats:
    """Move a symmetric matrix to one that is a correlation matrix, by its eigenvalues."""
    values, vectors = np.linalg.eigh(matrix)
    positive = (vectors * np.maximum(values, _SMALLEST_EIGENVALUE)) @ vectors.T
    scale = np.sqrt(np.diag(positive))
    nearest: Floats = positive / np.outer(scale, scale)
    return nearest


def _draw(
    behaviour: Behaviour, grid: Sequence[float], month: Integers, scores: Floats
) -> pd.DataFrame:
    """Turn correlated normal scores into the values of the columns ``RANKED``."""
    score = dict(zip(layout.RANKED, scores.T, strict=True))
    first = np.cumsum(behaviour.sessions) - behaviour.sessions
    place = np.arange(len(month)) - first[month]
    columns = {name: np.zeros(len(month)) for name in layout.RANKED}
    for name in (*layout.NUMERIC, *layout.FLAGS):
        # No page, no time spent: such sessions are the first to get a zero.
        visited = columns[layout.DURATIONS[name]] > 0 if name in layout.DURATIONS else month >= 0
        ascending = np.lexsort((score[name], visited, month))
        rows = ascending[place >= np.array(behaviour.zeros[name])[month]]
        standing = _standing(behaviour, name, month[rows], score[name][rows])
        ascending = rows[np.argsort(standing, kind="stable")]
        columns[name][ascending] = _table(behaviour, grid, name, len(rows))
    columns["ExitRates"] = _lift(columns["ExitRates"], columns["BounceRates"])
    known_first = np.lexsort((score["VisitorType"], month))
    counts = np.array([behaviour.visitor_types[visitor] for visitor in layout.VISITOR_TYPES]).T
    kinds = np.tile(np.arange(len(layout.VISITOR_TYPES)), len(counts))
    columns["VisitorType"][known_first] = np.repeat(kinds, counts.ravel())
    return pd.DataFrame(columns)


def _standing(behaviour: Behaviour, name: str, month: Integers, score: Floats) -> Floats:
    """Where sessions stand among all of one behaviour that are not zero, as normal scores.

    The scores of a month are those that its zeros left over, so they are
    standardised again before the month's own mean and deviation go on.
    """
    months = len(behaviour.sessions)
    count = np.maximum(np.bincount(month, minlength=months), 1)
    centred = score - (np.bincount(month, score, months) / count)[month]
    deviation = np.sqrt(np.bincount(month, centred**2, months) / count)[month]
    standard = centred / np.where(deviation > 0, deviation, 1.0)
    means, deviations = behaviour.score_means[name], behaviour.score_deviations[name]
    standing: Floats = np.array(means)[month] + np.array(deviations)[month] * standard
    return standing


def _table(behaviour: Behaviour, grid: Sequence[float], name: str, count: int) -> Floats:
    """Values of the ``count`` sessions that are not zero, ascending."""
    if name in layout.LEVELLED:
        levels = behaviour.levels[name]
        return np.repeat(np.array([*levels], float), np.array([*levels.values()], int))
    if not count:
        return np.empty(0)
    values = np.interp(np.linspace(0, 1, count), grid, behaviour.grid_values[name])
    return np.round(values, layout.DECIMALS[name])


def _lift(exits: Floats, bounces: Floats) -> Floats:
    """Exchange exit rates until none is below its session's bounce rate.

    The largest bounce rate in need goes first and takes from a session with a
    smaller one, preferably one that is content with what it gets; if it is not,
    its own turn comes later. Where nobody can give, the exit rate is raised.
    """
    exits = exits.copy()
    for row in np.argsort(-bounces, kind="stable"):
        if exits[row] < bounces[row]:
            givers = np.flatnonzero((exits >= bounces[row]) & (bounces < bounces[row]))
            if len(givers):
                giver = givers[np.lexsort((exits[givers], bounces[givers] > exits[row]))[0]]
                exits[[row, giver]] = exits[[giver, row]]
            else:
                exits[row] = bounces[row]
    return exits

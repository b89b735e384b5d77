"""Say in words what sets a segment apart, and how far the words are true."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from user_activity_trends.segmentation.naming import readable
from user_activity_trends.segmentation.threads import one_thread

DEPTH = 3
"""Conditions that a rule has at most; more would be no description."""

SLACK = 0.005
"""A rule that is shorter, or has rounder numbers, may have a lower F1 by this."""

LEARNT = 20_000
"""Sessions that a rule is learnt on at most; how far it is true is measured on all."""

_LONGEST = 17
"""Digits that tell any two numbers apart."""

_EXACT = 2**53
"""Beyond this not every whole number has a floating-point number of its own."""

_SMALL, _GROUPED = 1e-5, 10_000
"""Numbers below the first are written with an exponent, from the second with commas."""

Mask = NDArray[np.bool_]
Values = NDArray[np.float64]


@dataclass(frozen=True)
class _Split:
    """One condition of a tree: a feature is above a gap between two of its values, or not."""

    feature: int
    above: bool
    low: float
    high: float
    """Neighbouring values of the feature; the split is anywhere between them."""


@dataclass(frozen=True)
class _Bounds:
    """What a rule says of one feature; the numbers are those that are printed."""

    feature: int
    lower: float | None
    upper: float | None
    whole: bool

    def holds(self, values: Values) -> Mask:
        """Return which sessions keep it."""
        kept: Mask = np.ones(len(values), dtype=np.bool_)
        if self.lower is not None:
            kept &= values >= self.lower if self.whole else values > self.lower
        if self.upper is not None:
            kept &= values <= self.upper
        return kept

    def told(self, name: str) -> str:
        """Put it in words: ``exit rates above 0.02 and at most 0.05``."""
        lower, upper = (None if x is None else _written(x) for x in (self.lower, self.upper))
        if upper is None:
            return f"{name} {'at least' if self.whole else 'above'} {lower}"
        if lower is None:
            return f"{name} at most {upper}"
        if not self.whole:
            return f"{name} above {lower} up to {upper}"
        return f"{name} exactly {lower}" if lower == upper else f"{name} from {lower} to {upper}"


def describe_segments(
    features: pd.DataFrame, segments: NDArray[np.integer], random_state: int = 0
) -> pd.DataFrame:
    """Find for each segment a short rule that tells its sessions from the others.

    A shallow decision tree (Breiman, Friedman, Olshen and Stone 1984,
    Classification and regression trees) separates the segment from the rest; the
    rule is the path to the node with the highest F1, the harmonic mean of
    precision and recall (van Rijsbergen 1979, Information retrieval), without
    the conditions and the digits that hardly matter.

    Args:
        features: One session a row, features in their own units; a gap stands
            for the median, as it does for the model.
        segments: The segment of each session.
        random_state: Seed of the sample that rules are learnt on, and of the
            order in which equally good features are tried.

    Returns:
        One row a segment, in order: ``segment``, ``rule`` (missing where no rule
        does better than to take every session for one of the segment),
        ``rule_precision`` (share of the sessions that keep the rule which are
        of the segment) and ``rule_recall`` (share of the segment that keeps it),
        both of the rule as it is written, on all sessions.
    """
    table = features.fillna(features.median()).to_numpy(dtype=np.float64)
    names = _names([str(name) for name in features.columns])
    whole = [bool((np.abs(x) < _EXACT).all() and (x == np.rint(x)).all()) for x in table.T]
    learnt, weights = _sample(segments, random_state)
    # A tree sees the order of values only, and holds numbers in single precision:
    # with ranks in their place it is exact whatever their size.
    ranked = [np.unique(column, return_inverse=True) for column in table[learnt].T]
    ranks = np.column_stack([place for _, place in ranked]).astype(np.float32)
    levels = [level for level, _ in ranked]
    rows: list[tuple[int, str | None, float, float]] = []
    for number in np.unique(segments):
        members = segments == number
        rule: list[_Bounds] = []
        if not members.all():
            path = _best_path(ranks, members[learnt], weights, levels, random_state)
            rule = _simplest(path, table, members, whole)
        if rule:
            kept = _keeping(rule, table)
            told = _listed([one.told(names[one.feature]) for one in rule])
            both = float((kept & members).sum())
            rows.append((int(number), told, both / kept.sum(), both / members.sum()))
        else:
            rows.append((int(number), None, np.nan, np.nan))
    found = pd.DataFrame(rows, columns=["segment", "rule", "rule_precision", "rule_recall"])
    return found.astype({"rule": "str", "rule_precision": "float64", "rule_recall": "float64"})


def _sample(segments: NDArray[np.integer], random_state: int) -> tuple[NDArray[np.intp], Values]:
    """Choose sessions to learn on, as many of each segment, and how many each stands for."""
    if len(segments) <= LEARNT:
        return np.arange(len(segments)), np.ones(len(segments))
    rng = np.random.default_rng(random_state)
    numbers, sizes = np.unique(segments, return_counts=True)
    most = max(1, LEARNT // len(numbers))
    chosen = [rng.permutation(np.flatnonzero(segments == one))[:most] for one in numbers]
    each = [size / len(taken) for size, taken in zip(sizes, chosen, strict=True)]
    return np.concatenate(chosen), np.repeat(each, [len(taken) for taken in chosen])


def _best_path(
    ranks: NDArray[np.float32],
    members: Mask,
    weights: Values,
    levels: Sequence[Values],
    random_state: int,
) -> list[_Split]:
    """Grow a tree that separates the members, and return the path to its best node."""
    from sklearn.tree import DecisionTreeClassifier

    with one_thread():
        grown = DecisionTreeClassifier(max_depth=DEPTH, random_state=random_state).fit(
            ranks, members, sample_weight=weights
        )
    passed = grown.decision_path(ranks).T
    scores = _f1(passed @ (weights * members), passed @ weights, (weights * members).sum())
    return _paths(grown.tree_, levels)[int(np.argmax(scores))]


def _paths(tree: Any, levels: Sequence[Values]) -> dict[int, list[_Split]]:
    """Return the conditions that lead to each node; the first node has none."""
    paths: dict[int, list[_Split]] = {0: []}
    for node in range(tree.node_count):  # a node comes before those below it
        feature, below = int(tree.feature[node]), int(tree.threshold[node])
        if tree.children_left[node] >= 0:
            low, high = levels[feature][below : below + 2]
            for child, above in ((tree.children_left, False), (tree.children_right, True)):
                split = _Split(feature, above, float(low), float(high))
                paths[int(child[node])] = [*paths[node], split]
    return paths


def _simplest(
    path: Sequence[_Split], table: Values, members: Mask, whole: Sequence[bool]
) -> list[_Bounds]:
    """Drop conditions and digits as long as F1 hardly falls; no rule if it says nothing."""

    def score(splits: Sequence[_Split], digits: int) -> float:
        kept = _keeping(_merged(splits, whole, digits), table)
        return float(_f1((kept & members).sum(), kept.sum(), members.sum()))

    enough = score(path, _LONGEST) - SLACK
    shorter = (
        max(combinations(path, count), key=lambda one: score(one, _LONGEST))
        for count in range(len(path) + 1)
    )
    chosen = next(one for one in shorter if score(one, _LONGEST) >= enough)
    digits = next(n for n in range(1, _LONGEST + 1) if score(chosen, n) >= enough)
    return _merged(chosen, whole, digits)


def _merged(splits: Sequence[_Split], whole: Sequence[bool], digits: int) -> list[_Bounds]:
    """Put the conditions on one feature together, with numbers of so many digits."""
    merged = []
    for feature in dict.fromkeys(split.feature for split in splits):
        of_feature = [split for split in splits if split.feature == feature]
        lowers = [_threshold(one, digits, whole=whole[feature]) for one in of_feature if one.above]
        uppers = [
            _threshold(one, digits, whole=whole[feature]) for one in of_feature if not one.above
        ]
        merged.append(
            _Bounds(feature, max(lowers, default=None), min(uppers, default=None), whole[feature])
        )
    return merged


def _threshold(split: _Split, digits: int, *, whole: bool) -> float:
    """Choose the number to print: 0 where it will do, else about the middle of the gap."""
    middle = split.low + (split.high - split.low) / 2
    between = split.low if split.low == 0 or middle >= split.high else middle
    if whole:
        between = np.floor(between) + split.above
    return float(f"{between:.{digits}g}")


def _keeping(rule: Sequence[_Bounds], table: Values) -> Mask:
    kept: Mask = np.ones(len(table), dtype=np.bool_)
    for bounds in rule:
        kept &= bounds.holds(table[:, bounds.feature])
    return kept


def _f1(both: Any, kept: Any, members: Any) -> Any:
    """Return the harmonic mean of ``both / kept`` and ``both / members``."""
    return 2 * both / (kept + members)


def _names(columns: Sequence[str]) -> list[str]:
    """Turn the names of columns into words, unless that makes two of them alike."""
    words = [readable(column) for column in columns]
    return [
        word if word and words.count(word) == 1 else column
        for word, column in zip(words, columns, strict=True)
    ]


def _listed(parts: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]]))


def _written(number: float) -> str:
    """Write a number with the fewest digits that tell it, and no exponent where it has few."""
    if number and not _SMALL <= abs(number) < _EXACT:
        return np.format_float_scientific(number, trim="-")
    text = np.format_float_positional(number, trim="-")
    decimals = len(text.partition(".")[2])
    return f"{number:{',' if abs(number) >= _GROUPED else ''}.{decimals}f}"

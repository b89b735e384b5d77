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
class _Condition:
    """The same as it is printed."""

    feature: int
    above: bool
    number: float
    whole: bool
    """Whether the feature is counted: then above is "at least"."""

    def holds(self, table: Values) -> Mask:
        """Return which sessions keep it."""
        values = table[:, self.feature]
        if not self.above:
            return values <= self.number
        return values >= self.number if self.whole else values > self.number


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
        path = _best_path(ranks, members[learnt], weights, levels, random_state)
        rule = _simplest(path, table, members, whole)
        if rule:
            kept = _keeping(rule, table)
            both = float((kept & members).sum())
            told = _in_words(rule, names)
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
) -> list[_Condition]:
    """Drop conditions and digits as long as F1 hardly falls; no rule if it says nothing."""

    def printed(splits: Sequence[_Split], digits: int = _LONGEST) -> list[_Condition]:
        return [_printed(one, digits, whole=whole[one.feature]) for one in splits]

    def score(rule: Sequence[_Condition]) -> float:
        kept = _keeping(rule, table)
        return float(_f1((kept & members).sum(), kept.sum(), members.sum()))

    enough = score(printed(path)) - SLACK
    shorter = (
        max(combinations(path, count), key=lambda one: score(printed(one)))
        for count in range(len(path) + 1)
    )
    chosen = next(one for one in shorter if score(printed(one)) >= enough)
    rounded = (printed(chosen, digits) for digits in range(1, _LONGEST + 1))
    return next(rule for rule in rounded if score(rule) >= enough)


def _printed(split: _Split, digits: int, *, whole: bool) -> _Condition:
    """Choose the number to print: 0 where it will do, else about the middle of the gap."""
    middle = split.low + (split.high - split.low) / 2
    between = split.low if split.low == 0 or middle >= split.high else middle
    if whole:
        between = np.floor(between) + split.above
    return _Condition(split.feature, split.above, float(f"{between:.{digits}g}"), whole)


def _keeping(rule: Sequence[_Condition], table: Values) -> Mask:
    kept: Mask = np.ones(len(table), dtype=np.bool_)
    for condition in rule:
        kept &= condition.holds(table)
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


def _in_words(rule: Sequence[_Condition], names: Sequence[str]) -> str:
    """Say what a session must keep: ``exit rates above 0.02 up to 0.05 and clicks at least 3``."""
    parts = []
    for feature in dict.fromkeys(one.feature for one in rule):
        # One number a side: of two, the wider would have been dropped.
        sides = {one.above: _written(one.number) for one in rule if one.feature == feature}
        counted = next(one.whole for one in rule if one.feature == feature)
        parts.append(f"{names[feature]} {_between(sides.get(True), sides.get(False), counted)}")
    return " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]]))


def _between(lower: str | None, upper: str | None, counted: bool) -> str:  # noqa: FBT001
    if lower is None:
        return f"at most {upper}"
    if upper is None:
        return f"{'at least' if counted else 'above'} {lower}"
    if not counted:
        return f"above {lower} up to {upper}"
    return f"exactly {lower}" if lower == upper else f"from {lower} to {upper}"


def _written(number: float) -> str:
    """Write a number with the fewest digits that tell it, and no exponent where it has few."""
    if number and not _SMALL <= abs(number) < _EXACT:
        return np.format_float_scientific(number, trim="-")
    text = np.format_float_positional(number, trim="-")
    decimals = len(text.partition(".")[2])
    return f"{number:{',' if abs(number) >= _GROUPED else ''}.{decimals}f}"

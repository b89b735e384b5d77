"""Say in a few plain sentences which number of clusters was chosen, and how far to trust it."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from user_activity_trends.segmentation.cautions import TINY
from user_activity_trends.segmentation.natural import Natural
from user_activity_trends.segmentation.selection import (
    STABLE,
    ChosenBy,
    Method,
    most_reproducible,
)

Votes = Mapping[str, int | None]


@dataclass(frozen=True)
class Findings:
    """What the verdict is made of."""

    k: int
    method: ChosenBy
    """The method that chose k."""
    asked: Method
    """The method that was configured."""
    votes: Votes
    counts: Sequence[int]
    """The numbers of clusters that were tried."""
    elbow_ranges: Sequence[Mapping[str, int | None]]
    resamples: int
    """Bootstrap samples; 0: neither resamples nor references were made."""
    permuted_elbows: Sequence[int | None]
    stability: Mapping[int, tuple[float, float]]
    """k: mean and lowest adjusted Rand index over the resamples; NaN where not measured."""
    natural: Natural
    references: int
    """Tables without groups that the segments were compared with."""


def in_words(found: Findings) -> str:
    """Write the verdict: how k was chosen, whether it is reproducible, whether groups exist."""
    sentences = [_choice(found), _ranges(found), _shuffled(found)]
    sentences += [_reproducible(found), _natural(found)]
    return " ".join(sentence for sentence in sentences if sentence)


def _choice(found: Findings) -> str:
    reason = {
        "elbow": f"the curve for k = {found.counts[0]}..{found.counts[-1]} bends most there",
        "silhouette": "the silhouette is highest there",
        "consensus": ("the largest weighted vote (the two reproducibility criteria count twice)"),
        "fixed": "clustering.selection.n_clusters says so",
        "champion": "the model in use has as many segments (clustering.selection.keep_k)",
    }[found.method]
    start = f"k = {found.k}: {reason}"
    kept = found.method == "champion"
    if found.method != found.asked and not kept:
        start += f" (fallback: no {found.asked} was found)"
    told = {found.method} if kept else {found.method, found.asked}
    others = {
        _NAMES.get(name, name): vote for name, vote in found.votes.items() if name not in told
    }
    cast = {name: vote for name, vote in others.items() if vote is not None}
    none = [name for name in others if name not in cast]
    if cast:
        agree = not none and set(cast.values()) == {found.k}
        said = ", ".join(f"{name} {vote}" for name, vote in cast.items())
        start += f"; {'the other criteria agree' if agree else 'other criteria'}: {said}"
    return f"{start}; no vote from {_listed(none)}." if none else f"{start}."


_NAMES = {
    "davies_bouldin": "davies-bouldin",
    "calinski_harabasz": "calinski-harabasz",
    "prediction_strength": "prediction strength",
}


def _ranges(found: Findings) -> str:
    if found.votes["elbow"] is None:
        return f"The curve for k = {found.counts[0]}..{found.counts[-1]} has no elbow."
    if len(found.elbow_ranges) < 2:  # noqa: PLR2004
        return ""
    elbows = [one["elbow"] for one in found.elbow_ranges]
    ranges = _listed([f"{one['k_min']}..{one['k_max']}" for one in found.elbow_ranges])
    if len(set(elbows)) == 1:
        return f"Over the ranges {ranges} the elbow is always {elbows[0]}."
    told = ", ".join("none" if elbow is None else str(elbow) for elbow in elbows)
    return f"Over the ranges {ranges} the elbow is {told}: it depends on where one looks."


def _shuffled(found: Findings) -> str:
    count, tally = len(found.permuted_elbows), Counter(found.permuted_elbows)
    if not count:
        return ""
    none = found.votes["elbow"] is None
    if tally.pop(None, 0) == count:
        return f"With each column shuffled by itself there is no elbow{' either' * none}."
    often = max(tally, key=lambda k: (tally[k], -(k or 0)))
    have = tally.total()
    return (
        f"With each column shuffled by itself there is an elbow{' as well' * (not none)} in "
        f"{have} of {count} tables (k = {often} in {tally[often]})"
        f"{', so an elbow by itself proves nothing' * (have > count / 2)}."
    )


def _reproducible(found: Findings) -> str:
    means = {k: mean for k, (mean, _) in found.stability.items()}
    top = most_reproducible(means)
    lost = found.k in means and math.isnan(means[found.k])
    own = (
        f"at k = {found.k} it was not measured, as a segment has no session in the sample"
        if lost
        else ""
    )
    if not top:
        return f"Whether the segments come back: {own}." if lost else ""
    best = max(means[k] for k in top)
    measured = f"adjusted Rand index {best:.2f} on average over {found.resamples} resamples"
    if found.k in means and not lost:
        mean, worst = found.stability[found.k]
        own = f"k = {found.k} has {mean:.2f}, {worst:.2f} at worst"
    if best < STABLE:
        return (
            f"No k reaches the {STABLE:.2f} from which segments are called stable; the most "
            f"reproducible {_are(top)} ({measured}){'; ' * bool(own)}{own}."
        )
    if top == [found.k]:
        return f"It is also the most reproducible k ({measured}, {worst:.2f} at worst)."
    if found.k in top:
        others = [k for k in top if k != found.k]
        return f"It is as reproducible as the best ({measured}): {own}, and {_as_good(others)}."
    return f"The most reproducible {_are(top)} ({measured}){'; ' * bool(own)}{own}."


def _are(counts: Sequence[int]) -> str:
    return f"{'is' if len(counts) == 1 else 'are'} {_of(counts)}"


def _as_good(counts: Sequence[int]) -> str:
    return f"{_of(counts)} {'is' if len(counts) == 1 else 'are'} as reproducible"


def _natural(found: Findings) -> str:
    if not found.resamples:
        return (
            "Whether the segments come back and whether there are natural groups was not "
            "examined (clustering.stability.resamples = 0)."
        )
    counts, outliers = found.natural.counts, found.natural.outliers
    if counts is None:
        return f"Whether there are natural groups was not examined: {found.natural.hindrance}."
    drawn = f"in {found.references} drawn tables with the same columns and no groups"
    how = (
        f"clearer than {drawn}, predictable from half of the sessions, and parted by valleys "
        "(fewer than half as many sessions midway as around either centre)"
    )
    if found.k in counts:
        told = f"There are natural groups: at k = {found.k} the segments are {how}"
    elif counts:
        told = (
            f"There are natural groups at {_of(counts)}, where the segments are {how}; "
            f"those at k = {found.k} are not"
        )
    else:
        but = f" but {_listed([str(k) for k in outliers])}" if outliers else ""
        told = (
            f"There are no natural groups: at no k{but} are the segments all three: {how}; "
            "groups that show in one column alone cannot be told in this way"
        )
    return f"{told}.{_outliers(outliers)}"


def _outliers(counts: Sequence[int]) -> str:
    if not counts:
        return ""
    return (
        f" Segments at {_of(counts)} do not count as natural groups, clear as they are: all but "
        f"the largest hold under {TINY:.0%} of the sessions there, and setting a few far ones "
        "aside always scores well."
    )


def _of(counts: Sequence[int]) -> str:
    return f"k = {_listed([str(k) for k in counts])}"


def _listed(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)

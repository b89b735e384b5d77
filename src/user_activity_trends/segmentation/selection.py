"""Choose the number of clusters from what the sweep recorded."""

from collections import Counter
from typing import Literal

import pandas as pd

from user_activity_trends.errors import DegenerateDataError, NoElbowError

Method = Literal["elbow", "silhouette", "consensus", "fixed"]


def find_elbow(curve: pd.DataFrame) -> int | None:
    """Find where more clusters stop paying.

    The elbow is the point of largest curvature of the sum of squared errors,
    found by Kneedle (Satopaa, Albrecht, Irwin and Raghavan 2011).

    Args:
        curve: Columns ``k`` and ``sse``, ordered by ``k``.

    Returns:
        The elbow, at least 2, or None: a straight line has none.
    """
    from kneed import KneeLocator

    if len(curve) < 3:  # noqa: PLR2004 (two points are a straight line)
        return None
    elbow = KneeLocator(
        curve["k"].tolist(), curve["sse"].tolist(), curve="convex", direction="decreasing"
    ).elbow
    return int(elbow) if elbow is not None and elbow > 1 else None


def collect_votes(curve: pd.DataFrame) -> dict[str, int | None]:
    """Ask each criterion for its k.

    Args:
        curve: The result of ``sweep``.

    Returns:
        The k of ``elbow``, ``silhouette``, ``davies_bouldin`` and
        ``calinski_harabasz``; None from a criterion that is not defined for
        any k, or finds none.
    """
    votes = {"elbow": find_elbow(curve)}
    for name, best in (("silhouette", 1), ("davies_bouldin", -1), ("calinski_harabasz", 1)):
        score = best * curve[name]
        votes[name] = int(curve["k"].iloc[int(score.argmax())]) if score.notna().any() else None
    votes |= {"stability": None, "prediction_strength": None}
    return votes


def elbow_ranges(curve: pd.DataFrame) -> list[dict[str, int | None]]:
    """Find the elbow over several ranges of k."""
    first, last = int(curve["k"].iloc[0]), int(curve["k"].iloc[-1])
    ranges = dict.fromkeys(
        (low, high)
        for low, high in ((first, 6), (first, 8), (first, last), (max(first, 2), last))
        if low < high <= last
    )
    return [
        {"k_min": low, "k_max": high, "elbow": find_elbow(curve[curve["k"].between(low, high)])}
        for low, high in ranges
    ]


def choose(
    votes: dict[str, int | None],
    counts: list[int],
    method: Method,
    n_clusters: int | None = None,
    fallback: Method | None = None,
) -> tuple[int, Method]:
    """Choose k.

    Args:
        votes: What each criterion says.
        counts: The cluster counts that were tried.
        method: ``elbow`` and ``silhouette`` follow that criterion, ``consensus``
            takes the k with the most votes (the smallest of equals), ``fixed``
            takes ``n_clusters``.
        n_clusters: k for ``fixed``.
        fallback: Method to use if there is no elbow.

    Returns:
        The k, and the method that chose it.

    Raises:
        NoElbowError: There is no elbow and no fallback.
        DegenerateDataError: The data does not allow ``n_clusters`` clusters, or
            no criterion votes.
    """
    if method == "elbow" and votes["elbow"] is None:
        if fallback is None:
            msg = (
                f"no elbow in the curve for k = {counts[0]}..{counts[-1]}; widen clustering.sweep "
                "(k_min, k_max), or set clustering.selection.fallback, or set "
                "clustering.selection.method to fixed with n_clusters, in parameters_clustering.yml"
            )
            raise NoElbowError(msg)
        method = fallback
    if method == "fixed":
        if n_clusters not in counts:
            msg = (
                f"clustering.selection.n_clusters = {n_clusters}, but the sessions allow "
                f"k = {counts[0]}..{counts[-1]} only; choose one of these"
            )
            raise DegenerateDataError(msg)
        return n_clusters, method
    if method == "consensus":
        tally = Counter(k for k in votes.values() if k is not None)
        k = min(tally, key=lambda k: (-tally[k], k), default=None)
    else:
        k = votes[method]
    if k is None:
        msg = (
            f"clustering.selection.method = {method}, but it is not defined for "
            f"k = {counts[0]}..{counts[-1]}; widen clustering.sweep, or use method fixed"
        )
        raise DegenerateDataError(msg)
    return k, method


def verdict(
    k: int, method: Method, asked: Method, votes: dict[str, int | None], counts: list[int]
) -> str:
    """Say in words how k was chosen and who disagrees."""
    reason = {
        "elbow": f"the curve for k = {counts[0]}..{counts[-1]} bends most there",
        "silhouette": "the silhouette is highest there",
        "consensus": "most criteria vote for it",
        "fixed": "clustering.selection.n_clusters says so",
    }[method]
    start = f"k = {k}: {reason}"
    if method != asked:
        start += f" (fallback: no {asked} was found)"
    others = {name: vote for name, vote in votes.items() if name != method and vote is not None}
    if not others:
        return f"{start}."
    said = ", ".join(f"{name.replace('_', '-')} {vote}" for name, vote in others.items())
    agree = "the other criteria agree" if set(others.values()) == {k} else "other criteria"
    return f"{start}; {agree}: {said}."

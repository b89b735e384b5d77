"""Each way to choose k takes the k that it says, and the words say who disagrees."""

import numpy as np
import pandas as pd
import pytest

from user_activity_trends.errors import DegenerateDataError, NoElbowError
from user_activity_trends.segmentation.selection import (
    Method,
    choose,
    collect_votes,
    elbow_ranges,
    find_elbow,
    most_reproducible,
)

REAL = [1837.24, 684.91, 503.44, 371.74, 318.91, 287.45, 266.91, 247.34, 231.57, 217.49]
"""The curve of the original recipe on the real data."""

Votes = dict[str, int | None]
VOTES: Votes = {
    "elbow": 3,
    "silhouette": 2,
    "davies_bouldin": 5,
    "calinski_harabasz": 2,
    "stability": 2,
    "prediction_strength": None,
}
COUNTS = list(range(1, 11))


def curve(sse: list[float], first: int = 1, **scores: list[float]) -> pd.DataFrame:
    undefined = {
        name: [np.nan] * len(sse) for name in ("silhouette", "davies_bouldin", "calinski_harabasz")
    }
    return pd.DataFrame({"k": range(first, first + len(sse)), "sse": sse} | undefined | scores)


def votes(*found: int | None) -> Votes:
    """Return the votes of the criteria in their order; those that are not given have none."""
    return dict.fromkeys(VOTES) | dict(zip(VOTES, found, strict=False))


@pytest.mark.parametrize(
    ("sse", "first", "elbow"),
    [
        (REAL, 1, 3),
        ([1000.0, 600, 100, 90, 80, 70, 60, 50], 1, 3),
        ([1000.0, 700, 400, 100, 92, 85, 79, 74], 1, 4),
        ([100.0, 10, 9, 8], 5, 6),
    ],
)
def test_the_elbow_is_where_the_curve_bends(sse: list[float], first: int, elbow: int) -> None:
    assert find_elbow(curve(sse, first)) == elbow


@pytest.mark.parametrize(
    "sse",
    [
        [100.0, 90, 80, 70, 60],
        [100.0, 10],
        [100.0],
        [100.0, 95, 80, 50, 0],
    ],
    ids=["straight", "two points", "one point", "bent the other way"],
)
def test_a_curve_that_does_not_bend_has_no_elbow(sse: list[float]) -> None:
    assert find_elbow(curve(sse)) is None


def test_every_criterion_votes_for_its_best_k() -> None:
    swept = curve(
        [1000.0, 600, 100, 90, 80, 70],
        silhouette=[np.nan, 0.7, 0.5, 0.6, 0.2, 0.1],
        davies_bouldin=[np.nan, 0.9, 0.8, 0.7, 0.4, 0.6],
        calinski_harabasz=[np.nan, 10, 20, 30, 40, 50],
    )

    assert collect_votes(swept) == {
        "elbow": 3,
        "silhouette": 2,
        "davies_bouldin": 5,
        "calinski_harabasz": 6,
        "stability": None,
        "prediction_strength": None,
    }


def test_the_first_of_equal_scores_gets_the_vote() -> None:
    swept = curve([9.0, 5, 4], silhouette=[np.nan, 0.5, 0.5], davies_bouldin=[np.nan, 0.2, 0.2])

    found = collect_votes(swept)

    assert (found["silhouette"], found["davies_bouldin"]) == (2, 2)


@pytest.mark.parametrize(
    ("index", "spread", "k"),
    [
        ([np.nan, 40, np.nan, np.nan, np.nan], [np.nan, 0.5, 0.0, 0.0, np.nan], 3),
        ([np.nan, 40, 60, np.nan, np.nan], [np.nan, 0.5, 0.2, 0.1, np.nan], 4),
        ([np.nan, 40, 60, 50, np.nan], [np.nan, 0.5, 0.2, 0.3, np.nan], 3),
    ],
    ids=["perfect from 3", "perfect from 4", "one session a cluster"],
)
def test_the_first_perfect_partition_has_the_highest_index(
    index: list[float], spread: list[float], k: int
) -> None:
    swept = curve([9.0, 2, 1, 0.5, 0], calinski_harabasz=index, davies_bouldin=spread)

    assert collect_votes(swept)["calinski_harabasz"] == k


def test_a_score_that_is_never_defined_does_not_vote() -> None:
    assert collect_votes(curve([100.0, 0])) == votes(None, None, None, None)


@pytest.mark.parametrize(
    ("method", "k"), [("elbow", 3), ("silhouette", 2), ("consensus", 2), ("fixed", 7)]
)
def test_each_method_takes_the_k_that_it_stands_for(method: Method, k: int) -> None:
    assert choose(VOTES, COUNTS, method, n_clusters=7, fallback="silhouette") == (k, method)


@pytest.mark.parametrize(
    ("cast", "k"),
    [
        (votes(3, 3, 4, 4), 3),
        (votes(4, 3, 4, 3), 3),
        (votes(5, 4, 3, 2), 2),
        (votes(6, 2, 6, 3), 6),
        (votes(None, 5, None, 4), 4),
        (votes(None, 5, 5, 4), 5),
        (votes(9, None, None, None), 9),
    ],
)
def test_the_consensus_is_the_most_frequent_vote_and_of_equals_the_smallest(
    cast: Votes, k: int
) -> None:
    assert choose(cast, COUNTS, "consensus") == (k, "consensus")


def test_no_elbow_is_an_error_that_names_the_settings_to_turn() -> None:
    straight = collect_votes(curve([100.0, 90, 80, 70, 60], first=2))

    with pytest.raises(NoElbowError) as caught:
        choose(straight, [2, 3, 4, 5, 6], "elbow")

    for named in (
        "k = 2..6",
        "clustering.sweep",
        "k_min, k_max",
        "clustering.selection.fallback",
        "clustering.selection.method",
        "n_clusters",
        "parameters_clustering.yml",
    ):
        assert named in str(caught.value)
    assert "distinct" not in str(caught.value)
    with pytest.raises(NoElbowError, match=r"k = 1\.\.2; that takes three k, so three distinct"):
        choose(straight, [1, 2], "elbow")


@pytest.mark.parametrize(("fallback", "k"), [("silhouette", 2), ("consensus", 5), ("fixed", 8)])
def test_the_fallback_decides_where_there_is_no_elbow(fallback: Method, k: int) -> None:
    cast = votes(None, 2, 5, 5)

    assert choose(cast, COUNTS, "elbow", n_clusters=8, fallback=fallback) == (k, fallback)


def test_the_fallback_is_not_asked_where_there_is_an_elbow() -> None:
    assert choose(VOTES, COUNTS, "elbow", n_clusters=8, fallback="fixed") == (3, "elbow")


@pytest.mark.parametrize("asked", [1, 5])
def test_a_fixed_k_that_the_sessions_do_not_allow_is_an_error(asked: int) -> None:
    with pytest.raises(
        DegenerateDataError, match=rf"clustering.selection.n_clusters = {asked}, .*k = 2\.\.4 only"
    ):
        choose(VOTES, [2, 3, 4], "fixed", n_clusters=asked)


@pytest.mark.parametrize("asked", [2, 4])
def test_a_fixed_k_at_the_end_of_the_range_is_allowed(asked: int) -> None:
    assert choose(VOTES, [2, 3, 4], "fixed", n_clusters=asked) == (asked, "fixed")


@pytest.mark.parametrize("method", ["silhouette", "consensus"])
def test_a_method_that_is_not_defined_for_any_k_is_an_error(method: Method) -> None:
    with pytest.raises(
        DegenerateDataError, match=rf"clustering.selection.method = {method}, .*k = 1\.\.2;"
    ):
        choose(votes(None, None, None, None), [1, 2], method)


def test_an_undefined_fallback_is_an_error_that_names_it() -> None:
    with pytest.raises(DegenerateDataError) as caught:
        choose(votes(None, None, 3, 3), COUNTS, "elbow", fallback="silhouette")

    assert "clustering.selection.fallback = silhouette, but it is not" in str(caught.value)
    assert "or use fallback fixed" in str(caught.value)


@pytest.mark.parametrize(
    ("cast", "k"),
    [
        (votes(2, 2, 2, 2, 4, 4), 4),
        (votes(2, 2, 2, 2, 4, None), 2),
        (votes(2, 2, 2, 4, 4, 3), 4),
        (votes(None, None, None, None, 5, 4), 4),
        (votes(3, 5, 5, None, 3, None), 3),
        (votes(None, 5, 5, None, 3, None), 3),
    ],
)
def test_criteria_that_saw_the_sessions_vary_have_two_votes_and_decide_between_equals(
    cast: Votes, k: int
) -> None:
    assert choose(cast, COUNTS, "consensus") == (k, "consensus")


def examined(stability: list[float], strength: list[float]) -> pd.DataFrame:
    return curve(
        [1000.0, 600, 100, 90, 80, 70],
        stability_mean=[np.nan, *stability],
        prediction_strength=[np.nan, *strength],
    )


@pytest.mark.parametrize(
    ("stability", "strength", "k"),
    [
        ([0.8, 0.99, 0.9, 0.979, 0.7], [0.95, 0.95, 0.92, 0.89, 0.91], (3, 6)),
        ([0.8, 0.985, 0.9, 0.98, 0.7], [0.95, 0.95, 0.92, 0.89, 0.89], (5, 4)),
        ([0.74, 0.7, 0.3, 0.2, 0.1], [0.89, 0.5, 0.4, 0.3, 0.2], (None, None)),
        ([0.76, 0.755, 0.3, 0.2, 0.1], [0.9, 0.5, 0.4, 0.3, 0.2], (3, 2)),
        ([0.755, 0.748, 0.3, 0.2, 0.1], [np.nan] * 5, (2, None)),
        ([np.nan] * 5, [np.nan] * 5, (None, None)),
    ],
)
def test_reproducible_is_the_largest_k_that_is_as_good_as_the_best_and_good_at_all(
    stability: list[float], strength: list[float], k: tuple[int | None, int | None]
) -> None:
    found = collect_votes(examined(stability, strength))

    assert (found["stability"], found["prediction_strength"]) == k


def test_the_elbow_is_looked_for_over_four_ranges() -> None:
    assert elbow_ranges(curve(REAL)) == [
        {"k_min": 1, "k_max": 6, "elbow": 2},
        {"k_min": 1, "k_max": 8, "elbow": 2},
        {"k_min": 1, "k_max": 10, "elbow": 3},
        {"k_min": 2, "k_max": 10, "elbow": 4},
    ]


@pytest.mark.parametrize(
    ("first", "rows", "ranges"),
    [
        (1, 6, [(1, 4), (1, 5), (1, 6), (2, 6)]),
        (2, 9, [(2, 7), (2, 9), (2, 10), (3, 10)]),
        (1, 3, [(1, 2), (1, 3), (2, 3)]),
        (4, 1, [(4, 4)]),
    ],
)
def test_a_narrower_sweep_has_as_many_ranges_as_differ(
    first: int, rows: int, ranges: list[tuple[int, int]]
) -> None:
    found = elbow_ranges(curve(REAL[:rows], first))

    assert [(one["k_min"], one["k_max"]) for one in found] == ranges


@pytest.mark.parametrize(
    ("means", "counts"),
    [
        ({2: 1.0, 3: 0.95, 4: 0.995, 5: 0.989}, [2, 4]),
        ({2: 0.3, 3: 0.5}, [3]),
        ({1: np.nan, 2: 0.3}, [2]),
        ({1: np.nan}, []),
    ],
)
def test_means_that_differ_by_less_than_a_hundredth_are_as_good(
    means: dict[int, float], counts: list[int]
) -> None:
    assert most_reproducible(means) == counts

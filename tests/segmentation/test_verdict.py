"""The verdict says what was found, in sentences that can be read one by one."""

import math
from dataclasses import replace

import pytest

from user_activity_trends.segmentation.natural import Natural
from user_activity_trends.segmentation.selection import Method
from user_activity_trends.segmentation.verdict import Findings, Votes, in_words

VOTES: Votes = {
    "elbow": 3,
    "silhouette": 2,
    "davies_bouldin": 5,
    "calinski_harabasz": 2,
    "stability": None,
    "prediction_strength": None,
}
BARE = Findings(
    k=3,
    method="elbow",
    asked="elbow",
    votes=VOTES,
    counts=range(1, 11),
    elbow_ranges=[],
    resamples=0,
    permuted_elbows=[],
    stability={},
    natural=Natural([]),
    references=10,
)
RANGES = [
    {"k_min": 1, "k_max": 6, "elbow": 3},
    {"k_min": 1, "k_max": 8, "elbow": 3},
    {"k_min": 1, "k_max": 10, "elbow": 4},
    {"k_min": 2, "k_max": 10, "elbow": None},
]
TESTED = replace(
    BARE,
    votes=VOTES | {"stability": 5, "prediction_strength": 2},
    elbow_ranges=RANGES,
    resamples=30,
    permuted_elbows=[4, 4, 5, None, 4],
    stability={2: (0.8, 0.5), 3: (0.914, 0.796), 5: (0.98, 0.92)},
)


def votes(k: int | None) -> Votes:
    return dict.fromkeys(VOTES, k)


@pytest.mark.parametrize(
    ("k", "method", "asked", "cast", "said"),
    [
        (
            3,
            "elbow",
            "elbow",
            VOTES,
            (
                "the curve for k = 1..10 bends most there; other criteria: silhouette 2, "
                "davies-bouldin 5, calinski-harabasz 2; no vote from stability and prediction "
                "strength."
            ),
        ),
        (
            4,
            "elbow",
            "elbow",
            votes(4),
            (
                "the curve for k = 1..10 bends most there; the other criteria agree: silhouette 4, "
                "davies-bouldin 4, calinski-harabasz 4, stability 4, prediction strength 4."
            ),
        ),
        (
            4,
            "elbow",
            "elbow",
            votes(4) | {"silhouette": None},
            (
                "the curve for k = 1..10 bends most there; other criteria: davies-bouldin 4, "
                "calinski-harabasz 4, stability 4, prediction strength 4; no vote from silhouette."
            ),
        ),
        (
            2,
            "silhouette",
            "elbow",
            VOTES | {"elbow": None},
            (
                "the silhouette is highest there (fallback: no elbow was found); other criteria: "
                "davies-bouldin 5, calinski-harabasz 2; no vote from stability and prediction "
                "strength."
            ),
        ),
        (
            7,
            "fixed",
            "fixed",
            votes(None),
            (
                "clustering.selection.n_clusters says so; no vote from elbow, silhouette, "
                "davies-bouldin, calinski-harabasz, stability and prediction strength."
            ),
        ),
        (
            2,
            "consensus",
            "consensus",
            VOTES,
            (
                "the largest weighted vote (the two reproducibility criteria count twice); other "
                "criteria: elbow 3, silhouette 2, davies-bouldin 5, calinski-harabasz 2; no vote "
                "from stability and prediction strength."
            ),
        ),
    ],
)
def test_the_first_sentence_says_how_k_was_chosen_and_who_disagrees(
    k: int, method: Method, asked: Method, cast: Votes, said: str
) -> None:
    found = in_words(replace(BARE, k=k, method=method, asked=asked, votes=cast))

    assert found.startswith(f"k = {k}: {said} ")


def test_the_whole_verdict_on_a_choice_that_deserves_doubt() -> None:
    assert in_words(TESTED) == (
        "k = 3: the curve for k = 1..10 bends most there; other criteria: silhouette 2, "
        "davies-bouldin 5, calinski-harabasz 2, stability 5, prediction strength 2. "
        "Over the ranges 1..6, 1..8, 1..10 and 2..10 the elbow is 3, 3, 4, none: it depends on "
        "where one looks. "
        "With each column shuffled by itself there is an elbow as well "
        "in 4 of 5 tables (k = 4 in 3), so an elbow by itself proves nothing. "
        "The most reproducible is k = 5 (adjusted Rand index 0.98 on average over 30 resamples); "
        "k = 3 has 0.91, 0.80 at worst. "
        "There are no natural groups: at no k are the segments all three: clearer than in 10 drawn "
        "tables with the same columns and no groups, predictable from half of the sessions, and "
        "parted by valleys (fewer than half as many sessions midway as around either centre); "
        "groups that show in one column alone cannot be told in this way."
    )


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"elbow_ranges": RANGES[:2]}, "Over the ranges 1..6 and 1..8 the elbow is always 3."),
        ({"permuted_elbows": [None] * 5}, "With each column shuffled by itself there is no elbow."),
        (
            {"permuted_elbows": [5, 4, 5, 4]},
            "as well in 4 of 4 tables (k = 4 in 2), so an elbow by itself proves nothing.",
        ),
        (
            {"permuted_elbows": [4, None, 4, None, None]},
            "there is an elbow as well in 2 of 5 tables (k = 4 in 2). The most",
        ),
        (
            {"permuted_elbows": [4, None, 5, None]},
            "there is an elbow as well in 2 of 4 tables (k = 4 in 1). The most",
        ),
        (
            {"permuted_elbows": [4, None, 5, None, 6]},
            "as well in 3 of 5 tables (k = 4 in 1), so an elbow by itself proves nothing.",
        ),
        (
            {"stability": {2: (0.8, 0.5), 3: (math.nan, math.nan)}},
            (
                "The most reproducible is k = 2 (adjusted Rand index 0.80 on average over 30 "
                "resamples); at k = 3 it was not measured, as a segment has no session in the "
                "sample. There are no"
            ),
        ),
        (
            {"stability": {2: (0.7, 0.5), 3: (math.nan, math.nan)}},
            (
                "resamples); at k = 3 it was not measured, as a segment has no session in the "
                "sample. There are no"
            ),
        ),
        (
            {"stability": {3: (math.nan, math.nan)}},
            (
                "nothing. Whether the segments come back: at k = 3 it was not measured, as a "
                "segment has no session in the sample. There are no"
            ),
        ),
        ({"stability": {3: (math.nan, math.nan)}, "k": 1}, "nothing. There are no"),
        (
            {"k": 5},
            (
                "It is also the most reproducible k (adjusted Rand index 0.98 on average over 30 "
                "resamples, 0.92 at worst)."
            ),
        ),
        (
            {"k": 3, "stability": {2: (1.0, 0.99), 3: (0.995, 0.98), 4: (0.9, 0.5)}},
            (
                "It is as reproducible as the best (adjusted Rand index 1.00 on average over 30 "
                "resamples): k = 3 has 0.99, 0.98 at worst, and k = 2 is as reproducible."
            ),
        ),
        (
            {"stability": {2: (1.0, 0.99), 3: (0.9, 0.8), 4: (0.991, 0.5), 5: (0.995, 0.5)}},
            (
                "The most reproducible are k = 2, 4 and 5 (adjusted Rand index 1.00 on average "
                "over 30 resamples); k = 3 has 0.90, 0.80 at worst."
            ),
        ),
        (
            {"stability": {2: (0.74, 0.3), 3: (0.6, 0.1)}},
            (
                "No k reaches the 0.75 from which segments are called stable; the most "
                "reproducible is k = 2 (adjusted Rand index 0.74 on average over 30 resamples); "
                "k = 3 has 0.60, 0.10 at worst."
            ),
        ),
        (
            {"stability": {2: (0.745, 0.3), 3: (0.74, 0.1)}, "k": 1},
            (
                "the most reproducible are k = 2 and 3 (adjusted Rand index 0.74 on average over "
                "30 resamples)."
            ),
        ),
        ({"k": 1}, "(adjusted Rand index 0.98 on average over 30 resamples). "),
        (
            {"natural": Natural(None, hindrance="there is one feature")},
            "Whether there are natural groups was not examined: there is one feature.",
        ),
        (
            {"natural": Natural([2, 3])},
            (
                "There are natural groups: at k = 3 the segments are clearer than in 10 drawn "
                "tables with the same columns and no groups, predictable from half of the "
                "sessions, and parted by valleys (fewer than half as many sessions midway as "
                "around either centre)."
            ),
        ),
        (
            {"natural": Natural([2, 4, 5])},
            (
                "There are natural groups at k = 2, 4 and 5, where the segments are clearer than "
                "in 10 drawn tables with the same columns and no groups, predictable from half of "
                "the sessions, and parted by valleys (fewer than half as many sessions midway as "
                "around either centre); those at k = 3 are not."
            ),
        ),
        (
            {"natural": Natural([], outliers=[2])},
            (
                "There are no natural groups: at no k but 2 are the segments all three: clearer "
                "than in 10 drawn tables with the same columns and no groups, predictable from "
                "half of the sessions, and parted by valleys (fewer than half as many sessions "
                "midway as around either centre); groups that show in one column alone cannot be "
                "told in this way. Segments at k = 2 do not count as natural groups, clear as they "
                "are: all but the largest hold under 1% of the sessions there, and setting a few "
                "far ones aside always scores well."
            ),
        ),
        (
            {"natural": Natural([3], outliers=[2, 4])},
            (
                "centre). Segments at k = 2 and 4 do not count as natural groups, clear as they "
                "are: all but the largest hold under 1% of the sessions there,"
            ),
        ),
    ],
)
def test_what_was_found_is_what_is_said(changed: dict[str, object], said: str) -> None:
    assert said in in_words(replace(TESTED, **changed))  # type: ignore[arg-type]
    assert said not in in_words(TESTED)


def test_without_resamples_the_verdict_says_that_nothing_was_examined() -> None:
    found = in_words(replace(BARE, elbow_ranges=RANGES))

    assert found.endswith(
        "the elbow is 3, 3, 4, none: it depends on where one looks. Whether the segments come back "
        "and whether there are natural groups was not examined "
        "(clustering.stability.resamples = 0)."
    )
    assert "huffled" not in found


@pytest.mark.parametrize(
    ("permuted", "said"),
    [
        (
            [4, 4, 5, None, 4],
            (
                "With each column shuffled by itself there is an elbow in 4 of 5 tables (k = 4 in "
                "3), so an elbow by itself proves nothing."
            ),
        ),
        ([None] * 5, "With each column shuffled by itself there is no elbow either."),
    ],
)
def test_a_curve_without_an_elbow_is_said_to_have_none(
    permuted: list[int | None], said: str
) -> None:
    no_elbow = VOTES | {"elbow": None}

    found = in_words(
        replace(TESTED, votes=no_elbow, method="fixed", asked="fixed", permuted_elbows=permuted)
    )

    assert f"The curve for k = 1..10 has no elbow. {said} " in found
    assert "ranges" not in found

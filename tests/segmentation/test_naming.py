"""Segments are numbered by size and have names that differ."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st
from pydantic import ValidationError

from user_activity_trends.segmentation.naming import (
    NamesParams,
    Segment,
    SegmentIdentities,
    name_all,
    name_clusters,
    readable,
    settle_names,
)

Standing = list[dict[str, float]]


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ("ProductRelated_Duration", "product related duration"),
        ("PageValues", "page values"),
        ("pages_viewed", "pages viewed"),
        ("_private__column_", "private column"),
        ("Top10Pages", "top10 pages"),
        ("URL", "url"),
        ("Größe", "größe"),
        ("od280/od315_of_diluted_wines", "od280/od315 of diluted wines"),
        ("already two words", "already two words"),
    ],
)
def test_a_column_becomes_words(column: str, words: str) -> None:
    assert readable(column) == words


@pytest.mark.parametrize(
    ("standing", "name"),
    [
        ({"ExitRates": 0.5, "PageValues": -0.3}, "High exit rates, low page values"),
        ({"a": 0.3, "b": -1.5, "c": 1.49}, "Very low b, high c"),
        ({"a": 1.5, "b": 1.6, "c": -9.0}, "Very low c, very high b"),
        ({"a": 0.2, "b": 0.19, "c": -0.19}, "High a"),
        ({"a": 0.1, "b": -0.1, "c": 0.0}, "Average in everything"),
        ({}, "Average in everything"),
    ],
)
def test_a_name_says_what_stands_out_the_most_first(standing: dict[str, float], name: str) -> None:
    assert name_all([standing]) == [name]


@pytest.mark.parametrize(
    ("standing", "names"),
    [
        (
            [
                {"a": 1.0, "b": 0.9, "c": 0.8, "d": 0.7},
                {"a": 1.0, "b": 0.9, "c": -0.8, "d": 0.7},
                {"a": -1.0},
            ],
            ["High a, high b, high c", "High a, high b, low c", "Low a"],
        ),
        (
            [{"a": 1.0, "b": 0.9, "c": 0.8}, {"a": 1.2, "b": 1.1}],
            ["High a, high b, high c", "High a, high b"],
        ),
        ([{"a": 1.0}, {"b": 1.0}, {"a": 1.1}], ["High a (1)", "High b", "High a (3)"]),
        ([{}, {}], ["Average in everything (1)", "Average in everything (2)"]),
    ],
)
def test_names_grow_until_they_differ(standing: Standing, names: list[str]) -> None:
    assert name_all(standing) == names


@settings(deadline=None, derandomize=True, max_examples=200)
@drawn(
    st.lists(
        st.dictionaries(
            st.sampled_from(["PageValues", "page_values", "a", "b", "c", "a (2)"]),
            st.sampled_from([-3.0, -0.5, 0.0, 0.5, 0.6, 3.0]) | st.floats(-4, 4),
            max_size=4,
        ),
        max_size=7,
    )
)
def test_any_segments_have_names_that_differ(standing: Standing) -> None:
    names = name_all(standing)

    assert len(names) == len(standing) == len(set(names))


def test_a_number_put_behind_a_name_does_not_make_it_another_segments_name() -> None:
    names = name_all([{"pages": 1.0}, {"pages": 1.0}, {"pages (2)": 1.0}])

    assert len(set(names)) == 3, names


def planted() -> tuple[np.ndarray, pd.DataFrame]:
    """Raw cluster 0 has 2 sessions, cluster 1 has 5, cluster 2 has 3."""
    clusters = np.array([1, 1, 1, 1, 1, 2, 2, 2, 0, 0])
    scaled = pd.DataFrame(
        {
            "PageViews": [0.0] * 5 + [1.0] * 3 + [0.0] * 2,
            "stay": [0.1] * 8 + [0.9] * 2,
            "same": [0.5] * 10,
        }
    )
    return clusters, scaled


def test_the_largest_cluster_comes_first() -> None:
    clusters, scaled = planted()

    found = name_clusters("abc", clusters, np.arange(10.0), scaled)

    assert found.model == "abc"
    assert [(one.cluster, one.sessions, one.name) for one in found.clusters] == [
        # Standard deviations from the mean: -0.65 and -0.5, 1.53 and -0.5, -0.65 and 2.
        (1, 5, "Low page views, low stay"),
        (2, 3, "Very high page views, low stay"),
        (0, 2, "Very high stay, low page views"),
    ]


def test_of_clusters_of_equal_size_the_lower_comes_first() -> None:
    clusters = np.array([2, 2, 0, 0, 1, 1, 1, 3, 3])
    scaled = pd.DataFrame({"a": np.arange(9.0)})

    found = name_clusters("abc", clusters, np.zeros(9), scaled)

    assert [one.cluster for one in found.clusters] == [1, 0, 2, 3]


def test_a_session_is_unusual_beyond_what_all_but_one_in_a_thousand_reach() -> None:
    distances = np.arange(2_001.0)
    scaled = pd.DataFrame({"a": np.zeros(2_001)})

    found = name_clusters("abc", np.zeros(2_001, dtype=np.intp), distances, scaled)

    assert found.distance_limit == pytest.approx(1_998)
    assert [one.name for one in found.clusters] == ["Average in everything"]


AUTOMATIC = {1: "Low", 2: "High", 3: "Odd"}


@pytest.mark.parametrize(
    ("earlier", "given", "names"),
    [
        ({}, {}, ["Low", "High", "Odd"]),
        ({}, {2: "Buyers", 9: "nobody"}, ["Low", "Buyers", "Odd"]),
        ({2: "Fans"}, {}, ["Low", "Fans", "Odd"]),
        ({2: "Fans"}, {2: "Buyers"}, ["Low", "Buyers", "Odd"]),
        # A new segment whose automatic name an earlier one has must take another.
        ({2: "Odd"}, {}, ["Low", "Odd", "Odd (3)"]),
        ({1: "High"}, {}, ["High", "High (2)", "Odd"]),
        ({1: "High"}, {2: "High"}, ["High (1)", "High", "Odd"]),
        ({}, {1: "Odd", 2: "Odd (3)"}, ["Odd", "Odd (3)", "Odd (3) (3)"]),
    ],
)
def test_each_segment_has_one_name_and_no_other_has_it(
    earlier: dict[int, str], given: dict[int, str], names: list[str]
) -> None:
    assert list(settle_names(AUTOMATIC, earlier, given).values()) == names


def identities() -> SegmentIdentities:
    colour = {"colour": "#0072B2", "origin": "first", "came_from": ()}
    return SegmentIdentities(
        model="abc",
        based_on=None,
        distance_limit=1.5,
        segments=(
            Segment(cluster=2, segment=1, segment_name="one", **colour),
            Segment(cluster=0, segment=2, segment_name="two", **colour),
            Segment(cluster=1, segment=3, segment_name="three", **colour),
        ),
    )


def test_raw_clusters_are_translated_into_segments_and_names() -> None:
    labelled = identities().label(np.array([0, 2, 1, 2]))

    expected = pd.DataFrame(
        {"segment": [2, 1, 3, 1], "segment_name": ["two", "one", "three", "one"]}
    ).astype({"segment": "int64", "segment_name": "str"})
    pd.testing.assert_frame_equal(labelled, expected)


def test_no_clusters_are_translated_into_no_rows_of_the_same_types() -> None:
    empty = identities().label(np.array([], dtype=np.intp))

    assert empty.shape == (0, 2)
    pd.testing.assert_series_equal(empty.dtypes, identities().label(np.array([0])).dtypes)


def test_identities_survive_json() -> None:
    before = identities()

    again = SegmentIdentities.model_validate(json.loads(json.dumps(before.model_dump(mode="json"))))

    assert again == before


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({1: "Buyers", 2: "Buyers"}, "two segments have the same name"),
        ({"first": "Buyers"}, "valid integer"),
        ({1: 5}, "valid string"),
        (["Buyers"], "valid dictionary"),
    ],
)
def test_names_that_cannot_be_used_are_refused(names: object, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        NamesParams.model_validate(names)


def test_segment_numbers_may_be_text_as_on_the_command_line() -> None:
    assert NamesParams.model_validate({"2": "Buyers", "1": "Others"}).root == {
        1: "Others",
        2: "Buyers",
    }

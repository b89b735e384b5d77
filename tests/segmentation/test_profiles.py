"""Profiles are the counts, rates and means of a table whose truth is planted."""

import math
from statistics import NormalDist
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from user_activity_trends.segmentation.profiles import (
    pick_typical,
    profile,
    stability_of,
    wilson_interval,
    wilson_intervals,
)


def sessions() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "segment": [2, 1, 1, 2, 1],
            "segment_name": ["few", "many", "many", "few", "many"],
            "pages": [10.0, 1, 2, 20, 6],
            "rate": [0.5, 0.0, 0.1, 0.7, 0.2],
            "bought": [True, False, True, True, False],
        }
    )


def profiled(table: pd.DataFrame, features: list[str], outcome: str | None) -> pd.DataFrame:
    return profile(nw.from_native(table, eager_only=True), features, outcome).to_native()


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        # Newcombe 1998, Statistics in Medicine 17, table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        # The mirror image of 0 of 20.
        (20, 20, 0.8389, 1.0),
    ],
)
def test_the_interval_is_the_published_one(
    successes: int, trials: int, low: float, high: float
) -> None:
    assert wilson_interval(successes, trials) == pytest.approx((low, high), abs=5e-5)


@settings(deadline=None, derandomize=True)
@given(st.integers(1, 100_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_limits_are_where_the_score_test_is_just_passed(counts: tuple[int, int]) -> None:
    successes, trials = counts
    share, z = successes / trials, NormalDist().inv_cdf(0.975)

    low, high = wilson_interval(successes, trials)

    assert 0 <= low <= share <= high <= 1
    for limit in (low, high):
        reach = z * math.sqrt(limit * (1 - limit) / trials)
        assert abs(share - limit) == pytest.approx(reach, abs=1e-7)


def test_the_limits_of_never_and_always_are_0_and_1_whatever_the_rounding() -> None:
    never = [wilson_interval(0, trials) for trials in range(1, 3_000)]
    always = [wilson_interval(trials, trials) for trials in range(1, 3_000)]

    assert {low for low, _ in never} == {0}
    assert {high for _, high in always} == {1}
    trials = np.arange(1, 3_000)
    assert set(wilson_intervals(np.zeros_like(trials), trials)[0]) == {0}
    assert set(wilson_intervals(trials, trials)[1]) == {1}


def test_a_share_of_nothing_has_no_interval() -> None:
    with pytest.raises(ZeroDivisionError):
        wilson_interval(0, 0)


def test_many_intervals_are_the_single_ones() -> None:
    successes, trials = np.array([0, 8, 81, 20, 5]), np.array([20, 10, 263, 20, 100_000])

    found = np.column_stack(wilson_intervals(successes, trials))

    single = [wilson_interval(*pair) for pair in zip(successes, trials, strict=True)]
    assert found.tolist() == pytest.approx(np.array(single), rel=1e-14)


def test_a_profile_with_an_outcome() -> None:
    found = profiled(sessions(), ["rate", "pages"], "bought")

    (low1, high1), (low2, high2) = wilson_interval(1, 3), wilson_interval(2, 2)
    expected = pd.DataFrame(
        {
            "segment": [1, 2],
            "segment_name": ["many", "few"],
            "sessions": [3, 2],
            "share": [0.6, 0.4],
            "outcome_rate": [1 / 3, 1.0],
            "ci_low": [low1, low2],
            "ci_high": [high1, high2],
            "mean_rate": [0.1, 0.6],
            "mean_pages": [3.0, 15.0],
            "median_rate": [0.1, 0.6],
            "median_pages": [2.0, 15.0],
            # The means of all are 0.3 and 7.8, the variances 0.068 and 47.36.
            "standing_rate": [-0.2 / math.sqrt(0.068), 0.3 / math.sqrt(0.068)],
            "standing_pages": [-4.8 / math.sqrt(47.36), 7.2 / math.sqrt(47.36)],
        }
    )
    pd.testing.assert_frame_equal(found.reset_index(drop=True), expected, check_dtype=False)


def test_a_profile_without_an_outcome() -> None:
    found = profiled(sessions(), ["pages"], None)

    assert list(found.columns) == [
        *("segment", "segment_name", "sessions", "share"),
        *("mean_pages", "median_pages", "standing_pages"),
    ]
    assert found["share"].to_list() == [0.6, 0.4]


def test_a_gap_does_not_count() -> None:
    table = sessions().assign(pages=[None, 1.0, None, 20.0, 5.0])

    found = profiled(table, ["pages"], None)

    assert found["mean_pages"].to_list() == [3.0, 20.0]
    assert found["median_pages"].to_list() == [3.0, 20.0]
    # 1, 5 and 20 have the mean 26 / 3 and the variance 602 / 9.
    assert found["standing_pages"].to_list() == pytest.approx(
        [(3 - 26 / 3) / math.sqrt(602 / 9), (20 - 26 / 3) / math.sqrt(602 / 9)]
    )


def test_a_segment_without_a_value_has_neither_mean_nor_median() -> None:
    table = sessions().assign(pages=[None, 1.0, 2.0, None, 6.0])

    found = profiled(table, ["pages"], None)

    for column in ("mean_pages", "median_pages", "standing_pages"):
        assert found[column].isna().to_list() == [False, True]


def test_a_feature_with_one_value_stands_nowhere() -> None:
    table = sessions().assign(pages=7.0)

    assert profiled(table, ["pages"], None)["standing_pages"].to_list() == [0, 0]


# --- stability ---------------------------------------------------------------------------------


def test_stability_is_looked_up_by_id() -> None:
    choice = {"stability": {"2": 0.4, "7": 0.9}}

    assert stability_of(pd.Series([7, 2]), choice) == [0.9, 0.4]


@pytest.mark.parametrize("known", [{}, {"3": 0.9}, {"1": None, "2": None}])
def test_where_nothing_was_resampled_stability_is_missing(known: dict[str, Any]) -> None:
    found = stability_of(pd.Series([1, 2]), {"stability": known})

    assert all(math.isnan(one) for one in found)


# --- typical sessions --------------------------------------------------------------------------


def labelled() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "session_id": ["a", "b", "c", "d", "e", "f", "g"],
            "segment": [2, 1, 1, 1, 1, 2, 1],
            "segment_name": ["few", "many", "many", "many", "many", "few", "many"],
            "distance": [0.5, 0.3, 0.1, 0.2, 0.2, 0.4, 0.2],
        }
    )


def test_the_sessions_nearest_the_centroid_are_typical_and_the_first_of_equals() -> None:
    features = pd.DataFrame({"session_id": [*"gfedcba"], "pages": [7.0, 6, 5, 4, 3, 2, 1]})

    found = pick_typical(labelled(), features)

    expected = pd.DataFrame(
        {
            "segment": [1, 1, 1, 2, 2],
            "segment_name": ["many", "many", "many", "few", "few"],
            "rank": [1, 2, 3, 1, 2],
            "session_id": [*"cdefa"],
            "distance": [0.1, 0.2, 0.2, 0.4, 0.5],
            "pages": [3.0, 4, 5, 6, 1],
        }
    )
    pd.testing.assert_frame_equal(found, expected)


def test_a_feature_called_like_a_column_of_ours_has_another_name_there() -> None:
    features = pd.DataFrame({"session_id": [*"abcdefg"], "rank": 1.0, "rank_": 2.0, "distance": 3})

    found = pick_typical(labelled(), features)

    assert list(found.columns)[5:] == ["rank_", "rank__", "distance_"]
    assert found.loc[0, ["rank", "rank_", "rank__", "distance", "distance_"]].tolist() == [
        *(1, 1.0, 2.0, 0.1, 3)
    ]


# --- names, engines ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["sessions", "share", "outcome_rate", "ci_low"])
def test_a_feature_may_have_the_name_of_a_column_of_the_profile(name: str) -> None:
    table = sessions().rename(columns={"pages": name})

    found = profiled(table, [name], "bought")

    assert found[f"mean_{name}"].to_list() == [3.0, 15.0]
    assert found["sessions"].to_list() == [3, 2]
    assert found["outcome_rate"].to_list() == pytest.approx([1 / 3, 1])


def test_the_input_stays_as_it_was() -> None:
    table = sessions()

    profiled(table, ["pages"], "bought")

    pd.testing.assert_frame_equal(table, sessions(), check_exact=True)


def test_another_engine_gives_the_same_profile() -> None:
    arrow = nw.from_native(pa.Table.from_pandas(sessions()), eager_only=True)

    by_arrow = profile(arrow, ["pages", "rate"], "bought").to_pandas()

    by_pandas = profiled(sessions(), ["pages", "rate"], "bought").reset_index(drop=True)
    pd.testing.assert_frame_equal(by_arrow, by_pandas, check_dtype=False, rtol=1e-12)

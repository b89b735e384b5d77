"""Profiles are the counts, rates and means of a table whose truth is planted."""

import math
from statistics import NormalDist

import narwhals as nw
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from user_activity_trends.segmentation.profiles import profile, wilson_interval


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

    assert 0 <= low <= share + 1e-15
    assert share - 1e-15 <= high <= 1
    for limit in (low, high):
        reach = z * math.sqrt(limit * (1 - limit) / trials)
        assert abs(share - limit) == pytest.approx(reach, abs=1e-7)


def test_the_limits_of_never_and_always_are_shares_whatever_the_rounding() -> None:
    never = [wilson_interval(0, trials) for trials in range(1, 3_000)]
    always = [wilson_interval(trials, trials) for trials in range(1, 3_000)]

    assert all(0 <= low < 1e-15 for low, _ in never)
    assert all(1 - 1e-15 < high <= 1 for _, high in always)


def test_a_share_of_nothing_has_no_interval() -> None:
    with pytest.raises(ZeroDivisionError):
        wilson_interval(0, 0)


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
        }
    )
    pd.testing.assert_frame_equal(found.reset_index(drop=True), expected, check_dtype=False)


def test_a_profile_without_an_outcome() -> None:
    found = profiled(sessions(), ["pages"], None)

    assert found.to_dict("list") == {
        "segment": [1, 2],
        "segment_name": ["many", "few"],
        "sessions": [3, 2],
        "share": [0.6, 0.4],
        "mean_pages": [3.0, 15.0],
    }


def test_a_gap_does_not_count_in_the_mean() -> None:
    table = sessions().assign(pages=[None, 1.0, None, 20.0, 5.0])

    assert profiled(table, ["pages"], None)["mean_pages"].to_list() == [3.0, 20.0]


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

"""The sweep records what scikit-learn measures, for the counts that the data allows."""

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs

from user_activity_trends.errors import DegenerateDataError
from user_activity_trends.segmentation.model import Matrix
from user_activity_trends.segmentation.scores import SILHOUETTE_ALL
from user_activity_trends.segmentation.selection import collect_votes, find_elbow
from user_activity_trends.segmentation.sweep import candidate_counts, sweep

SCORES = ["silhouette", "davies_bouldin", "calinski_harabasz"]
CENTERS = [(0, 0), (20, 0), (0, 20), (20, 20), (10, 40)]


def blobs(groups: int, rows: int = 200) -> Matrix:
    points, _ = make_blobs(
        n_samples=rows, centers=np.array(CENTERS[:groups]), cluster_std=0.7, random_state=7
    )
    return points


def noise(rows: int, seed: int = 0) -> Matrix:
    return np.random.default_rng(seed).random((rows, 3))


def test_sse_is_the_inertia_of_the_tightest_of_all_restarts() -> None:
    points = noise(250)
    counts = [1, 2, 5, 9, 14]

    curve = sweep(points, counts, 8, 3).curve

    expected = [KMeans(k, n_init=8, random_state=3).fit(points).inertia_ for k in counts]
    assert curve["k"].to_list() == counts
    assert curve["sse"].to_list() == pytest.approx(expected, rel=1e-12)
    single = [KMeans(k, n_init=1, random_state=3).fit(points).inertia_ for k in counts]
    assert (curve["sse"] < np.array(single) * (1 - 1e-6)).any()


def test_sse_of_one_cluster_is_the_sum_of_squares_around_the_mean() -> None:
    points = np.array([[0.0, 0], [2, 0], [0, 4], [2, 4]])

    assert sweep(points, [1, 2, 4], 3, 0).curve["sse"].to_list() == pytest.approx(
        [20, 4, 0], abs=1e-12
    )


@pytest.mark.parametrize("planted", [3, 4, 5])
def test_planted_groups_are_found_at_the_elbow_and_by_every_score(planted: int) -> None:
    curve = sweep(blobs(planted), range(1, 11), 10, 42).curve

    assert curve["sse"].diff()[1:].max() <= 0
    assert find_elbow(curve) == planted
    votes = collect_votes(curve)
    assert {votes[name] for name in SCORES} == {planted}


def test_the_columns_are_those_of_the_curve_and_one_cluster_has_no_scores() -> None:
    curve = sweep(blobs(3), range(1, 4), 2, 0).curve

    assert list(curve.columns) == ["k", "sse", *SCORES, "smallest_share"]
    assert curve[SCORES].isna().to_numpy().tolist() == [[True] * 3, [False] * 3, [False] * 3]


@pytest.mark.parametrize(
    ("values", "k_min", "k_max", "counts"),
    [
        ([0.0, 1, 2, 3, 4, 5], 1, 4, [1, 2, 3, 4]),
        ([0.0, 1, 2, 3], 1, 4, [1, 2, 3, 4]),
        ([0.0, 1, 2, 2, 2, 1], 1, 10, [1, 2, 3]),
        ([0.0, 1], 1, 10, [1, 2]),
        ([0.0, 1, 2], 3, 10, [3]),
        ([0.0, 1, 2, 3, 4], 2, 3, [2, 3]),
        ([0.0, -0.0, 1], 1, 10, [1, 2]),
    ],
)
def test_the_sweep_stops_at_the_number_of_distinct_sessions(
    values: list[float], k_min: int, k_max: int, counts: list[int]
) -> None:
    scaled = np.column_stack([values, np.zeros(len(values))])

    assert list(candidate_counts(scaled, k_min, k_max)) == counts


@pytest.mark.parametrize(
    ("values", "k_min", "seen"),
    [
        ([3.0], 1, "1 distinct session,"),
        ([3.0, 3, 3], 1, "1 distinct session,"),
        ([3.0, 4, 4], 3, "2 distinct sessions,"),
        ([1.0, 2, 3], 9, "3 distinct sessions,"),
    ],
)
def test_too_few_distinct_sessions_are_an_error_that_says_how_many(
    values: list[float], k_min: int, seen: str
) -> None:
    with pytest.raises(DegenerateDataError, match=f"{seen} .*clustering.sweep.k_min = {k_min};"):
        candidate_counts(np.array(values)[:, None], k_min, 10)


@pytest.mark.parametrize("noise_of_rounding", [1e-20, 1e-16, 1e-12])
def test_sessions_that_differ_by_less_than_k_means_can_see_are_not_distinct(
    noise_of_rounding: float,
) -> None:
    """k-means expands squares of centred data, which loses differences below about 1e-8."""
    scaled = np.array([[0.0]] * 50 + [[n * noise_of_rounding] for n in range(1, 5)] + [[1.0]] * 5)

    curve = sweep(scaled, candidate_counts(scaled, 1, 10), 2, 0).curve

    assert curve["k"].to_list() == [1, 2]


def test_a_sweep_that_can_tell_too_few_sessions_apart_for_its_first_k_is_an_error() -> None:
    scaled = np.array([[0.0]] * 50 + [[n * 1e-16] for n in range(1, 5)] + [[1.0]] * 5)

    with pytest.raises(DegenerateDataError):
        sweep(scaled, candidate_counts(scaled, 3, 10), 2, 0)


def test_a_sweep_with_the_same_seed_is_the_same_to_the_last_bit() -> None:
    points = noise(2_300)

    one, two = (sweep(points, range(1, 5), 2, 9).curve for _ in range(2))

    pd.testing.assert_frame_equal(one, two, check_exact=True)


def test_the_seed_reaches_the_starts() -> None:
    points = noise(300)

    one, two = (sweep(points, [13], 1, seed).curve for seed in (1, 2))

    assert one["sse"][0] != two["sse"][0]


def test_the_seed_reaches_the_sample_of_the_silhouette() -> None:
    points = blobs(2, rows=SILHOUETTE_ALL + 300)

    one, two = (sweep(points, [2], 5, seed).curve for seed in (1, 2))

    assert one["davies_bouldin"][0] == pytest.approx(two["davies_bouldin"][0], rel=1e-9)
    assert one["silhouette"][0] != pytest.approx(two["silhouette"][0], rel=1e-9)


def test_the_partitions_are_those_of_the_curve() -> None:
    points = np.concatenate([np.zeros((30, 2)), np.ones((60, 2)), np.full((10, 2), 5.0)])
    points += np.random.default_rng(2).normal(0, 0.01, points.shape)

    found = sweep(points, range(1, 4), 3, 0)

    assert list(found.partitions) == [1, 2, 3]
    for k, partition in found.partitions.items():
        centers = partition.centers[partition.labels]
        sse = found.curve.set_index("k")["sse"][k]
        assert partition.sse == sse == pytest.approx(((points - centers) ** 2).sum())
    assert sorted(found.partitions[3].sizes) == [10, 30, 60]
    assert found.curve["smallest_share"].to_list() == [1, 0.1, 0.1]


def test_the_data_stays_as_it_was() -> None:
    points = blobs(3)
    before = points.copy()

    sweep(points, range(1, 4), 2, 0)

    np.testing.assert_array_equal(points, before)

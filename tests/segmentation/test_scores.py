"""Scores are scikit-learn's, whatever the way that they are computed."""

import numpy as np
import pytest
from sklearn.datasets import make_blobs
from sklearn.metrics import calinski_harabasz_score, davies_bouldin_score, silhouette_score

from user_activity_trends.segmentation.agreement import Labels
from user_activity_trends.segmentation.model import Matrix
from user_activity_trends.segmentation.scores import (
    SILHOUETTE_ALL,
    SILHOUETTE_ROWS,
    measure,
    silhouettes,
)

SCORES = ["silhouette", "davies_bouldin", "calinski_harabasz"]


def noise(rows: int) -> Matrix:
    return np.random.default_rng(0).random((rows, 3))


def at_random(rows: int, clusters: int) -> Labels:
    return np.random.default_rng(1).integers(0, clusters, rows)


def test_scores_of_a_small_table_are_those_of_all_its_sessions() -> None:
    points, _ = make_blobs(n_samples=1_300, centers=4, random_state=7)
    partitions = [at_random(1_300, k) for k in (2, 5, 9)]

    found = measure(points, partitions, 0)

    for scores, labels in zip(found, partitions, strict=True):
        expected = {
            "silhouette": silhouette_score(points, labels),
            "davies_bouldin": davies_bouldin_score(points, labels),
            "calinski_harabasz": calinski_harabasz_score(points, labels),
        }
        assert scores == pytest.approx(expected, rel=1e-9)
        assert list(scores) == SCORES


@pytest.mark.parametrize(("rows", "sampled"), [(700, False), (701, True)])
def test_the_silhouette_of_a_large_table_is_that_of_a_seeded_sample(
    rows: int, *, sampled: bool
) -> None:
    points = noise(rows)
    labels = (points[:, 0] > 0.4).astype(int)

    [scores] = measure(points, [labels], 11, all_up_to=700, sample=300)

    drawn = np.arange(rows)
    if sampled:
        drawn = np.random.default_rng(11).choice(rows, 300, replace=False)
    assert scores["silhouette"] == pytest.approx(
        silhouette_score(points[drawn], labels[drawn]), rel=1e-9
    )
    assert scores["davies_bouldin"] == pytest.approx(davies_bouldin_score(points, labels))
    assert scores["calinski_harabasz"] == pytest.approx(calinski_harabasz_score(points, labels))
    [other] = measure(points, [labels], 12, all_up_to=700, sample=300)
    assert (other["silhouette"] != scores["silhouette"]) == sampled


def test_the_silhouette_is_sampled_above_5000_sessions() -> None:
    assert SILHOUETTE_ALL == 5_000
    points = noise(SILHOUETTE_ALL + 1)
    labels = (points[:, 0] > 0.4).astype(int)

    [scores] = measure(points, [labels], 3)

    drawn = np.random.default_rng(3).choice(len(points), SILHOUETTE_ROWS, replace=False)
    expected = silhouette_score(points[drawn], labels[drawn])
    assert scores["silhouette"] == pytest.approx(expected, rel=1e-9)


def test_the_silhouette_of_two_tight_pairs_is_that_worked_out_by_hand() -> None:
    points = np.array([[0.0], [1.0], [10.0], [11.0]])

    [found] = silhouettes(points, [np.array([0, 0, 1, 1])])

    outer, inner = 1 - 1 / 10.5, 1 - 1 / 9.5
    assert found == pytest.approx((outer + inner) / 2)


def test_a_session_alone_in_its_cluster_counts_zero() -> None:
    points = np.array([[0.0], [1.0], [10.0]])
    labels = np.array([0, 0, 1])

    [found] = silhouettes(points, [labels])

    assert found == pytest.approx(silhouette_score(points, labels))


def test_sessions_that_are_all_the_same_count_zero() -> None:
    [found] = silhouettes(np.zeros((4, 2)), [np.array([0, 0, 1, 1])])

    assert found == 0


@pytest.mark.parametrize("labels", [[0, 0, 0, 0], [0, 1, 2, 3]])
def test_one_cluster_and_one_session_a_cluster_have_no_score(labels: list[int]) -> None:
    points = np.array([[0.0], [1.0], [5.0], [6.0]])

    undefined, defined = measure(points, [np.array(labels), np.array([0, 0, 1, 1])], 0)

    assert list(undefined) == SCORES
    assert np.isnan(list(undefined.values())).all()
    assert defined["silhouette"] == pytest.approx(0.79798, abs=1e-4)


@pytest.mark.parametrize(("off", "perfect"), [(0, True), (1e-15, True), (1e-6, False)])
def test_no_index_is_given_where_no_session_is_off_its_centroid(off: float, perfect: bool) -> None:  # noqa: FBT001
    points = np.array([[0.1, 7.0], [0.1 + off, 7], [0.9, 3], [0.9, 3 - off]])

    [scores] = measure(points, [np.array([1, 1, 0, 0])], 0)

    assert np.isnan(scores["calinski_harabasz"]) == perfect
    assert scores["davies_bouldin"] == pytest.approx(0, abs=1e-4)
    assert scores["silhouette"] == pytest.approx(1)


def test_a_cluster_outside_the_sample_leaves_only_the_silhouette_undefined() -> None:
    points = noise(600)
    labels = np.ones(600, dtype=int)
    labels[np.random.default_rng(0).choice(600, 400, replace=False)] = 0

    [scores] = measure(points, [labels], 0, all_up_to=500, sample=400)

    assert np.isnan(scores["silhouette"])
    assert scores["davies_bouldin"] == pytest.approx(davies_bouldin_score(points, labels))

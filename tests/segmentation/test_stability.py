"""Planted groups come back from resamples and halves; cuts through noise do not."""

import numpy as np
import pytest

from user_activity_trends.segmentation.model import Matrix
from user_activity_trends.segmentation.stability import bootstrap, prediction_strength
from user_activity_trends.segmentation.sweep import Sweep, sweep

SIZES = (120, 80, 40)


def planted() -> Matrix:
    centers = np.array([(0, 0), (9, 0), (0, 9)])[np.repeat(range(3), SIZES)]
    return centers + np.random.default_rng(0).normal(size=centers.shape)


def noise() -> Matrix:
    return np.random.default_rng(1).random((240, 3))


def swept(points: Matrix) -> Sweep:
    return sweep(points, range(1, 5), 8, 0)


def stability(points: Matrix, resamples: int = 8, random_state: int = 0):  # noqa: ANN201
    partitions = {k: one.labels for k, one in swept(points).partitions.items()}
    return bootstrap(points, partitions, resamples, random_state)


def test_planted_groups_come_back_from_every_resample() -> None:
    found = stability(planted())

    assert list(found) == [2, 3, 4]
    assert found[3].ari.tolist() == pytest.approx([1] * 8, abs=0.03)
    assert found[3].jaccard.tolist() == pytest.approx([1] * 3, abs=0.03)
    assert found[4].ari.mean() < 0.95


def test_cuts_through_noise_do_not_come_back() -> None:
    found = stability(noise())

    assert max(one.ari.mean() for one in found.values()) < 0.75
    assert len({round(float(one), 6) for one in found[3].ari}) > 1


def test_the_jaccard_index_is_that_of_the_cluster_of_that_number() -> None:
    """A far group comes back, a cloud cut in two does not."""
    draw = np.random.default_rng(6)
    points = np.concatenate([draw.normal(size=(300, 2)), draw.normal(40, 1, size=(60, 2))])
    partitions = {3: swept(points).partitions[3].labels}
    far = partitions[3][-1]

    found = bootstrap(points, partitions, 10, 0)[3].jaccard

    assert (partitions[3] == far).sum() == 60
    assert found[far] == 1
    assert max(np.delete(found, far)) < 0.95


def test_all_sessions_are_compared_also_those_that_were_not_drawn() -> None:
    """Every resample puts one group's sessions right, be they drawn or not: the index is 1."""
    points = np.repeat([[0.0], [1.0], [2.0]], [2, 40, 40], axis=0)
    labels = np.repeat([0, 1, 2], [2, 40, 40])

    found = bootstrap(points, {3: labels}, 20, 0)[3]

    # Both sessions at 0 are missing from some resamples; the index cannot be 1 there.
    assert found.ari.max() == 1
    assert found.ari.min() < 1


def test_a_cluster_without_sessions_here_is_not_measured() -> None:
    """Clusters 0 and 2 are found each time; no session of cluster 1 is among these."""
    points, labels = np.repeat([[0.0], [9.0]], 30, axis=0), np.repeat([0, 2], 30)

    found = bootstrap(points, {2: labels // 2, 3: labels}, 4, 0)

    assert np.isnan(found[3].ari).all()
    assert np.isnan(found[3].jaccard).tolist() == [False, True, False]
    assert (found[2].ari.tolist(), found[2].jaccard.tolist()) == ([1] * 4, [1, 1])


def test_stability_is_the_same_for_the_same_seed_and_differs_for_another() -> None:
    points = noise()

    one, two, other = (stability(points, 4, seed) for seed in (5, 5, 6))

    for k in one:
        np.testing.assert_array_equal(one[k].ari, two[k].ari)
        np.testing.assert_array_equal(one[k].jaccard, two[k].jaccard)
    assert one[3].ari.tolist() != other[3].ari.tolist()
    # The first resamples of a longer run are those of a shorter one.
    assert stability(points, 6, 5)[3].ari[:4].tolist() == one[3].ari.tolist()


def test_more_clusters_than_a_resample_has_sessions_are_no_error() -> None:
    points = np.arange(6.0)[:, None]

    found = bootstrap(points, {6: np.arange(6)}, 3, 0)

    assert found[6].ari.max() < 1


def test_prediction_strength_is_high_up_to_the_planted_number_and_low_beyond() -> None:
    found = prediction_strength(planted(), [1, 2, 3, 4, 5], 0)

    assert list(found) == [2, 3, 4, 5]
    assert found[3] > 0.98
    assert max(found[4], found[5]) < 0.75


def test_prediction_strength_of_noise_is_low() -> None:
    assert max(prediction_strength(noise(), [3, 4], 0).values()) < 0.75


def test_prediction_strength_of_two_far_points_is_that_worked_out_by_hand() -> None:
    """Whatever the halves, each predicts the other's clusters without an error."""
    points = np.repeat([[0.0], [10.0]], [30, 30], axis=0)

    assert prediction_strength(points, [2], 0, splits=3) == {2: 1}


def test_prediction_strength_is_that_of_the_worst_cluster() -> None:
    """One group of three is cut in two at random, the other two are always found."""
    draw = np.random.default_rng(3)
    points = np.concatenate(
        [draw.normal(size=(200, 4)), draw.normal(30, 1, (60, 4)), draw.normal(-30, 1, (60, 4))]
    )

    assert prediction_strength(points, [3], 0)[3] > 0.98
    assert prediction_strength(points, [4], 0)[4] < 0.8


def test_a_k_above_half_of_the_sessions_has_no_prediction_strength() -> None:
    points = np.random.default_rng(0).random((7, 2))

    assert list(prediction_strength(points, [1, 2, 3, 4], 0)) == [2, 3]
    assert prediction_strength(points, [1, 4], 0) == {}

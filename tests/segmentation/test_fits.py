"""Fits: weights count as repeated sessions, and seeds depend on where they are used."""

import numpy as np
import pytest
from sklearn.cluster import KMeans

from user_activity_trends.segmentation import fits
from user_activity_trends.segmentation.fits import fit, fit_quickly, nearest_center, seed
from user_activity_trends.segmentation.model import Matrix, nearest


def groups(seeded: int = 0) -> Matrix:
    centers = np.array([(0, 0), (9, 0), (0, 9), (9, 9)])[np.repeat(range(4), 30)]
    return centers + np.random.default_rng(seeded).normal(size=centers.shape)


def test_a_fit_is_the_tightest_of_all_its_starts() -> None:
    points = np.random.default_rng(3).random((200, 2))

    found = fit(points, 9, 6, 5)

    expected = KMeans(9, n_init=6, random_state=5).fit(points)
    assert found.sse == expected.inertia_
    assert found.labels.tolist() == expected.labels_.tolist()
    assert found.sizes.tolist() == np.bincount(expected.labels_).tolist()
    assert fit(points, 9, 1, 5).sse > found.sse


def test_a_quick_fit_ends_where_k_means_ends() -> None:
    """A further step moves no centroid."""
    points = np.random.default_rng(4).random((300, 3))

    found = fit_quickly(points, 8, 4, 1)

    again = np.array([points[found.labels == one].mean(axis=0) for one in range(8)])
    np.testing.assert_allclose(again, found.centers, atol=0.01)
    assert nearest_center(points, again).tolist() == pytest.approx(found.labels.tolist())


def test_more_starts_of_a_quick_fit_are_tighter() -> None:
    points = np.random.default_rng(5).random((300, 2))

    many, single = ([fit_quickly(points, 20, n, one).sse for one in range(6)] for n in (20, 1))

    assert sum(many) < 0.99 * sum(single)


@pytest.mark.parametrize(("most", "sampled"), [(4 * 120, False), (4 * 119, True)])
def test_the_starts_of_a_large_fit_are_made_on_a_sample(
    monkeypatch: pytest.MonkeyPatch, most: int, *, sampled: bool
) -> None:
    points, steps = groups(), []
    whole = KMeans.fit

    def seen(self: KMeans, given: Matrix, **rest: object) -> KMeans:
        steps.append(len(given))
        return whole(self, given, **rest)

    monkeypatch.setattr(KMeans, "fit", seen)
    monkeypatch.setattr(fits, "START_DISTANCES", most)

    found = fit_quickly(points, 4, 3, 0, np.ones(120))

    assert steps == [119 if sampled else 120, 120]
    assert sorted(found.sizes) == [30, 30, 30, 30]


def test_a_weight_counts_as_so_many_sessions() -> None:
    points = groups()
    times = np.random.default_rng(1).integers(1, 4, len(points))

    weighted = fit_quickly(points, 4, 3, 0, times.astype(float))
    repeated = fit_quickly(np.repeat(points, times, axis=0), 4, 3, 0)

    assert weighted.sse == pytest.approx(repeated.sse)
    order, other = (np.lexsort(one.centers.round(3).T) for one in (weighted, repeated))
    np.testing.assert_allclose(weighted.centers[order], repeated.centers[other])


def test_the_nearest_center_is_the_nearest() -> None:
    points, centers = groups(), np.random.default_rng(2).random((5, 2)) * 9

    assert nearest_center(points, centers).tolist() == nearest(points, centers).cluster.tolist()


def test_seeds_differ_by_state_and_path_and_repeat() -> None:
    paths = [(), (0,), (1,), (0, 0), (0, 1), (1, 0)]

    found = {seed(state, *path) for state in (0, 42) for path in paths}

    assert len(found) == 12
    assert all(0 <= one < 2**32 for one in found)
    assert seed(42, 1, 7) == seed(42, 1, 7)

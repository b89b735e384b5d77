"""Retraining goes on from the segments in use while fresh ones are hardly tighter."""

import numpy as np
import pytest
from sklearn.cluster import KMeans

from user_activity_trends.segmentation.continuity import Anchor, carry_over, go_on
from user_activity_trends.segmentation.scaling import FeatureScaler, FeatureScaling

DRAW = np.random.default_rng(5)
SQUARE = np.vstack([DRAW.normal(at, 0.3, (50, 2)) for at in [(0, 0), (0, 2), (2.1, 0), (2.1, 2)]])
"""Two segments may be the left and the right half, or the lower and the upper, nearly as well."""
LEFT_RIGHT = np.array([[0.0, 1.0], [2.1, 1.0]])
LOWER_UPPER = np.array([[1.05, 2.0], [1.05, 0.0]])


def sse(centers: np.ndarray) -> float:
    return float(((SQUARE[:, None] - centers[None]) ** 2).sum(axis=2).min(axis=1).sum())


@pytest.fixture(scope="module")
def fresh() -> KMeans:
    return KMeans(2, n_init=10, random_state=0).fit(SQUARE)


def test_it_goes_on_from_an_optimum_that_is_about_as_tight(fresh: KMeans) -> None:
    assert abs(fresh.cluster_centers_[0, 0] - fresh.cluster_centers_[1, 0]) > 1.5, "left and right"

    found = go_on(SQUARE, fresh.inertia_, Anchor(LOWER_UPPER, 0.2))

    # Cluster 0 is that of the first centre, so the upper half.
    assert found.labels_.tolist() == ([1] * 50 + [0] * 50) * 2
    np.testing.assert_allclose(found.cluster_centers_, LOWER_UPPER, atol=0.2)
    assert fresh.inertia_ < found.inertia_ <= 1.2 * fresh.inertia_


def test_it_starts_afresh_where_that_is_clearly_tighter(fresh: KMeans) -> None:
    cost = go_on(SQUARE, fresh.inertia_, Anchor(LOWER_UPPER, 0.99)).inertia_ / fresh.inertia_ - 1

    assert go_on(SQUARE, fresh.inertia_, Anchor(LOWER_UPPER, cost * 1.001)) is not None
    assert go_on(SQUARE, fresh.inertia_, Anchor(LOWER_UPPER, cost * 0.999)) is None


def test_it_starts_afresh_where_a_segment_would_have_no_session(fresh: KMeans) -> None:
    centers = np.array([[1.0, 1.0], [900.0, 900.0]])

    assert go_on(SQUARE, fresh.inertia_, Anchor(centers, 0.99)) is None or (
        np.bincount(go_on(SQUARE, fresh.inertia_, Anchor(centers, 0.99)).labels_).min() > 0
    )
    assert go_on(SQUARE[:1], 1.0, Anchor(LEFT_RIGHT, 0.99)) is None


def test_a_session_that_counts_twice_counts_twice() -> None:
    points = np.array([[0.0], [1.0], [10.0], [11.0]])
    anchor = Anchor(np.array([[0.0], [10.0]]), 0.5)

    found = go_on(points, 5.0, anchor, np.array([3.0, 1.0, 1.0, 1.0]))

    np.testing.assert_allclose(found.cluster_centers_, [[0.25], [10.5]])


def test_centres_are_the_same_places_in_other_units() -> None:
    def scaler(*numbers: tuple[float, float]) -> FeatureScaler:
        return FeatureScaler(
            transform="none",
            scaler="minmax",
            features=tuple(
                FeatureScaling(column=str(n), median=None, center=center, scale=scale)
                for n, (center, scale) in enumerate(numbers)
            ),
        )

    found = carry_over(np.array([[0.5, 2.0]]), scaler((1, 10), (0, 2)), scaler((0, 12), (4, 8)))

    # 0.5 * 10 + 1 = 6 is the half of 12; 2 * 2 = 4 is where the other begins.
    np.testing.assert_allclose(found, [[0.5, 0.0]])

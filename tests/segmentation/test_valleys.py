"""Between planted groups there is a valley; between parts of one cloud, bent or not, is none."""

from collections.abc import Callable

import numpy as np
import pytest

from user_activity_trends.segmentation.fits import fit
from user_activity_trends.segmentation.model import Matrix
from user_activity_trends.segmentation.natural import VALLEY
from user_activity_trends.segmentation.valleys import ratio, shallowest

ONE, OTHER = np.array([1.0, 1.0]), np.array([3.0, 1.0])


def on_a_line(*places: float) -> Matrix:
    """Put sessions at these places between the centroids, and each as far off the line."""
    return np.column_stack([1 + 2 * np.array(places), 1 + np.arange(len(places))])


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        ((0, 0, 0.1, 0.5, 1, 1, 0.9), 1 / 3),
        ((0, 0, 0.1, 0.5, 1), 1),
        ((0, 0, 0.39, 0.61, 1, 1), 1),
        ((0, 0, 0.37, 0.63, 1, 1), 0),
        ((0, 0, 0.13, 0.5, 1, 1, 1), 1 / 2),
        ((-0.12, 0.12, 0.5, 1.12, 0.88), 1 / 2),
        ((-0.2, 0.2, 0.5, 0.5, 1), 2),
        ((-0.2, 1.2), 0),
    ],
)
def test_the_windows_are_a_quarter_wide_in_the_middle_and_around_the_ends(
    places: tuple[float, ...], expected: float
) -> None:
    points = on_a_line(*places)

    assert ratio(points, ONE, OTHER) == pytest.approx(expected)
    assert ratio(points, OTHER, ONE) == pytest.approx(expected)


def test_the_clusters_that_are_parted_least_decide() -> None:
    points = np.array([[0.0], [0.0], [10.0], [10.0], [12.0], [12.0], [11.0]])
    labels, centers = np.array([0, 0, 1, 1, 2, 2, 2]), np.array([[0.0], [10.0], [12.0]])

    assert shallowest(points, labels, centers) == 1 / 2


@pytest.mark.parametrize(("labels", "clusters"), [([0, 0, 0], 1), ([0, 0, 2], 3), ([0, 0, 1], 3)])
def test_one_cluster_and_one_without_sessions_have_no_valley(
    labels: list[int], clusters: int
) -> None:
    points, centers = np.arange(3.0)[:, None], np.arange(float(clusters))[:, None]

    assert np.isnan(shallowest(points, np.array(labels), centers))


def found(points: Matrix, k: int) -> float:
    partition = fit(points, k, 5, 0)
    return shallowest(points, partition.labels, partition.centers)


def bent(draw: np.random.Generator) -> Matrix:
    along = draw.random(1_000)
    return np.column_stack([along, along**2 + draw.normal(0, 0.05, 1_000)])


def bow(draw: np.random.Generator) -> Matrix:
    along = draw.uniform(-1, 1, 1_000)
    return np.column_stack([along, along**2 + draw.normal(0, 0.05, 1_000)])


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("k", [2, 3, 4])
@pytest.mark.parametrize(
    "cloud",
    [
        bent,
        bow,
        lambda draw: draw.random((1_000, 3)),
        lambda draw: draw.normal(size=(1_000, 3)),
        lambda draw: draw.normal(size=(1_000, 3)) + 2 * draw.normal(size=(1_000, 1)),
    ],
    ids=["bent", "bow", "uniform", "round", "long"],
)
def test_one_cloud_has_no_valley(
    cloud: Callable[[np.random.Generator], Matrix], k: int, seed: int
) -> None:
    assert found(cloud(np.random.default_rng(seed)), k) > VALLEY + 0.2


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("sizes", [(500, 500), (1_200, 100), (300, 300, 300, 300)])
def test_groups_six_standard_deviations_apart_have_valleys(
    sizes: tuple[int, ...], seed: int
) -> None:
    group = np.repeat(range(len(sizes)), sizes)
    centers = np.eye(6)[: len(sizes)] * 6 / np.sqrt(2)
    points = centers[group] + np.random.default_rng(seed).normal(size=(len(group), 6))

    assert found(points, len(sizes)) < VALLEY

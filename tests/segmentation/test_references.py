"""References keep what they should of a table, and lose the rest."""

import numpy as np
import pandas as pd
import pytest

from user_activity_trends.segmentation import references
from user_activity_trends.segmentation.model import Matrix
from user_activity_trends.segmentation.references import (
    correlated,
    correlated_curves,
    own_curve,
    permuted,
    permuted_curves,
)
from user_activity_trends.segmentation.sweep import sweep

MAKERS = [permuted, correlated]


def tied() -> Matrix:
    """Two columns that go together, of which one is mostly 0, and one that goes its own way."""
    draw = np.random.default_rng(0)
    shared = draw.normal(size=2_000)
    other = shared + draw.normal(0, 0.5, 2_000)
    return np.column_stack([np.exp(shared), np.maximum(other, 0), draw.random(2_000)])


def ranks(points: Matrix) -> Matrix:
    return pd.DataFrame(points).corr("spearman").to_numpy()


@pytest.mark.parametrize("make", MAKERS)
def test_each_column_keeps_its_values_and_the_table_stays_as_it_was(make: object) -> None:
    points = tied()
    before = points.copy()

    found = make(points, np.random.default_rng(1))  # type: ignore[operator]

    np.testing.assert_array_equal(np.sort(found, axis=0), np.sort(points, axis=0))
    np.testing.assert_array_equal(points, before)
    assert not np.array_equal(found, points)


def test_shuffled_columns_go_together_no_more() -> None:
    points = tied()

    found = permuted(points, np.random.default_rng(1))

    assert ranks(points)[0, 1] > 0.8
    assert np.abs(ranks(found)[np.triu_indices(3, 1)]).max() < 0.06


def test_a_correlated_reference_keeps_the_correlations_and_loses_the_groups() -> None:
    draw = np.random.default_rng(2)
    group = np.repeat([0, 1], 1_000)
    points = np.column_stack([draw.normal(6 * group), draw.normal(6 * group), draw.random(2_000)])

    found = correlated(points, np.random.default_rng(3))

    assert 0.5 < ranks(found)[0, 1] < ranks(points)[0, 1]
    assert abs(ranks(found)[0, 2]) < 0.06
    torn = [((one[:, 0] > 3) != (one[:, 1] > 3)).mean() for one in (found, points)]
    assert torn[0] > 0.1
    assert torn[1] < 0.01


def test_one_elongated_cloud_stays_one() -> None:
    points = tied()[:, [0, 2]]
    points[:, 1] += points[:, 0]

    found = correlated(points, np.random.default_rng(3))

    assert ranks(found)[0, 1] == pytest.approx(ranks(points)[0, 1], abs=0.04)


def test_equal_values_do_not_look_correlated() -> None:
    points = np.zeros((1_000, 2))
    points[:20] = np.random.default_rng(4).random((20, 2))

    found = correlated(points, np.random.default_rng(5))

    # Were ties ranked in the order of the file, both columns would be 0 in the same sessions.
    assert ((found[:, 0] > 0) & (found[:, 1] > 0)).sum() < 10


@pytest.mark.parametrize("curves", [permuted_curves, correlated_curves])
def test_every_copy_has_a_curve_of_its_own(curves: object) -> None:
    points = tied()[:300]

    found = curves(points, [1, 2, 3], 7)  # type: ignore[operator]

    assert len(found) == references.COUNT == 5
    for one in found:
        assert one["k"].to_list() == [1, 2, 3]
        assert list(one.columns) == [
            "k",
            "sse",
            "silhouette",
            "davies_bouldin",
            "calinski_harabasz",
        ]
        # The total of squares is that of the table: no value was changed.
        assert one["sse"][0] == pytest.approx(300 * points.var(axis=0).sum())
    assert len({one["sse"][2] for one in found}) == 5
    again, other = (curves(points, [1, 2, 3], seed) for seed in (7, 8))  # type: ignore[operator]
    pd.testing.assert_frame_equal(found[4], again[4], check_exact=True)
    assert other[4]["sse"][2] != found[4]["sse"][2]


def test_the_table_itself_has_a_curve_made_the_same_way() -> None:
    centers = np.repeat([(0, 0), (9, 0), (0, 9)], 100, axis=0)
    points = centers + np.random.default_rng(0).normal(size=centers.shape)

    found = own_curve(points, [1, 3], 7)

    full = sweep(points, [1, 3], 10, 0).curve
    assert found["k"].to_list() == [1, 3]
    assert found["sse"].to_list() == pytest.approx(full["sse"].to_list())
    assert found["silhouette"][1] == pytest.approx(full["silhouette"][1])


def test_shuffled_noise_is_like_the_noise() -> None:
    points = np.random.default_rng(0).random((600, 3))

    curve = sweep(points, [2, 4], 5, 0).curve
    found = pd.concat(permuted_curves(points, [2, 4], 0)).groupby("k").mean()

    assert found["silhouette"].to_list() == pytest.approx(curve["silhouette"].to_list(), abs=0.03)
    assert found["sse"].to_list() == pytest.approx(curve["sse"].to_list(), rel=0.03)


def test_a_large_table_has_smaller_correlated_references(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(references, "CORRELATED_ROWS", 100)
    points = np.random.default_rng(0).random((2_000, 3))

    [first, *_] = correlated_curves(points, [1], 0)

    assert first["sse"][0] == pytest.approx(100 * 3 / 12, rel=0.2)

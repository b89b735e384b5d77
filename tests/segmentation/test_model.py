"""The model does to raw features what training did to them, and finds the nearest centroid."""

import itertools
import pickle
from typing import Any, get_args

import narwhals as nw
import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from user_activity_trends.recipes import Scaler, Transform
from user_activity_trends.segmentation import model as models
from user_activity_trends.segmentation.model import SegmentationModel, assign, nearest
from user_activity_trends.segmentation.scaling import FeatureScaler
from user_activity_trends.segmentation.sweep import sweep
from user_activity_trends.segmentation.threads import one_thread

EVERY_WAY = list(itertools.product(get_args(Transform), get_args(Scaler), (False, True)))
COLUMNS = ["pages", "seconds", "mostly_zero", "rate"]


def sessions(rows: int, seed: int, *, gaps: bool = False) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "pages": draw.poisson(6, rows).astype(float),
            "seconds": draw.lognormal(4, 1, rows),
            "mostly_zero": np.where(draw.random(rows) < 0.6, 0, draw.exponential(40, rows)),
            "rate": draw.beta(1, 9, rows),
        }
    )
    return table.mask(draw.random(table.shape) < 0.05) if gaps else table


def train(  # noqa: PLR0913 (what a recipe and a sweep may set)
    table: pd.DataFrame,
    transform: Transform = "none",
    scaler: Scaler = "minmax",
    *,
    fill_gaps: bool = False,
    n_clusters: int = 4,
    restarts: int = 2,
    seed: int = 5,
) -> tuple[SegmentationModel, FeatureScaler]:
    frame = nw.from_native(table, eager_only=True)
    learnt = FeatureScaler.learn(frame, list(table.columns), transform, scaler, fill_gaps=fill_gaps)
    scaled = scale(learnt, table)
    return models.build_model(learnt, scaled, n_clusters, restarts, seed), learnt


def scale(scaler: FeatureScaler, table: pd.DataFrame) -> models.Matrix:
    return scaler.apply(nw.from_native(table, eager_only=True)).to_native().to_numpy()


def raw_steps(model: Any) -> Any:
    """All steps before k-means."""
    return model[:-1]


@pytest.mark.parametrize(("transform", "scaler", "fill_gaps"), EVERY_WAY)
def test_the_steps_turn_raw_features_into_the_scaled_ones_of_training(
    transform: Transform, scaler: Scaler, *, fill_gaps: bool
) -> None:
    table = sessions(1_500, 1, gaps=fill_gaps)
    model, learnt = train(table, transform, scaler, fill_gaps=fill_gaps)
    new = sessions(1_500, 2, gaps=fill_gaps) * 3

    for raw in (table, new):
        np.testing.assert_allclose(
            raw_steps(model).transform(raw), scale(learnt, raw), rtol=1e-12, atol=1e-12
        )


@pytest.mark.parametrize(("transform", "scaler", "fill_gaps"), EVERY_WAY)
def test_predict_and_assign_agree(transform: Transform, scaler: Scaler, *, fill_gaps: bool) -> None:
    model, _ = train(sessions(800, 1, gaps=fill_gaps), transform, scaler, fill_gaps=fill_gaps)
    new = sessions(5_000, 3, gaps=fill_gaps)

    found = assign(model, new)

    assert set(found.cluster) == {0, 1, 2, 3}
    np.testing.assert_array_equal(found.cluster, model.predict(new))


@pytest.mark.parametrize(("transform", "scaler", "fill_gaps"), EVERY_WAY)
def test_the_model_names_its_features_and_its_steps(
    transform: Transform, scaler: Scaler, *, fill_gaps: bool
) -> None:
    table = sessions(50, 1, gaps=fill_gaps)

    model, _ = train(table, transform, scaler, fill_gaps=fill_gaps)

    assert list(model.feature_names_in_) == COLUMNS
    steps = ["impute"] * fill_gaps + ["transform"] * (transform == "log1p") + ["scale", "cluster"]
    assert list(model.named_steps) == steps
    assert models.centroids(model).shape == (4, 4)


@pytest.mark.parametrize(("transform", "scaler", "fill_gaps"), EVERY_WAY)
def test_a_frame_without_a_column_is_refused(
    transform: Transform, scaler: Scaler, *, fill_gaps: bool
) -> None:
    table = sessions(50, 1, gaps=fill_gaps)
    model, _ = train(table, transform, scaler, fill_gaps=fill_gaps)
    lacking = table.drop(columns="seconds")

    with pytest.raises(ValueError, match=r"(?s)missing.*seconds"):
        model.predict(lacking)
    with pytest.raises(KeyError, match="seconds"):
        assign(model, lacking)


@pytest.mark.parametrize(("transform", "scaler", "fill_gaps"), EVERY_WAY)
def test_predict_refuses_columns_in_another_order(
    transform: Transform, scaler: Scaler, *, fill_gaps: bool
) -> None:
    """Whoever loads the model without this project must not get wrong clusters in silence."""
    table = sessions(50, 1, gaps=fill_gaps)
    model, _ = train(table, transform, scaler, fill_gaps=fill_gaps)

    with pytest.raises(ValueError, match="must be in the same order"):
        model.predict(table[COLUMNS[::-1]])


def test_the_order_of_columns_and_columns_beyond_the_features_do_not_matter() -> None:
    model, _ = train(sessions(300, 1))
    new = sessions(300, 2)
    other = new[COLUMNS[::-1]].assign(session_id="x")

    one, two = assign(model, new), assign(model, other)

    np.testing.assert_array_equal(one.cluster, two.cluster)
    np.testing.assert_array_equal(one.distance, two.distance)


@pytest.mark.parametrize(("transform", "scaler", "fill_gaps"), EVERY_WAY)
def test_far_away_sessions_have_finite_distances(
    transform: Transform, scaler: Scaler, *, fill_gaps: bool
) -> None:
    model, learnt = train(sessions(200, 1, gaps=fill_gaps), transform, scaler, fill_gaps=fill_gaps)
    far = pd.DataFrame(np.eye(4) * 1e99, columns=COLUMNS)

    found = assign(model, far)

    scaled = scale(learnt, far)
    expected = [
        min(np.linalg.norm(row - center) for center in models.centroids(model)) for row in scaled
    ]
    np.testing.assert_allclose(found.distance, expected, rtol=1e-12)
    assert np.isfinite(found.distance).all()
    assert (found.distance > 2).all()
    assert (found.margin >= 0).all()


def test_distance_and_margin_are_those_worked_out_by_hand() -> None:
    # Scaled by 10, the groups lie around (0, 0.1) and (1, 0.9).
    table = pd.DataFrame({"x": [0.0, 0, 10, 10], "y": [0.0, 2, 8, 10]})
    model, _ = train(table, n_clusters=2)

    found = assign(model, pd.DataFrame({"x": [3.0, 10.0], "y": [1.0, 9.0]}))

    own = models.centroids(model)[found.cluster]
    np.testing.assert_allclose(own, [[0, 0.1], [1, 0.9]], atol=1e-12)
    np.testing.assert_allclose(found.distance, [0.3, 0], atol=1e-12)
    runner_up = [np.hypot(0.7, 0.8), np.hypot(1, 0.8)]
    np.testing.assert_allclose(found.margin, [runner_up[0] - 0.3, runner_up[1]], atol=1e-12)


def test_distances_stay_exact_far_from_the_centroids() -> None:
    found = nearest(np.array([[1e9], [-1e9]]), np.array([[0.0], [1.0]]))

    assert found.cluster.tolist() == [1, 0]
    assert found.distance.tolist() == [1e9 - 1, 1e9]
    assert found.margin.tolist() == [1, 1]


def test_a_session_at_its_centroid_has_a_distance_of_exactly_nothing() -> None:
    centers = np.random.default_rng(0).random((20, 9))

    found = nearest(centers, centers)

    assert found.cluster.tolist() == list(range(20))
    assert found.distance.tolist() == [0] * 20


def test_the_first_of_two_centroids_at_the_same_distance_is_the_nearest() -> None:
    found = nearest(np.array([[0.0, 0.0]]), np.array([[0.0, 5.0], [3.0, 0.0], [0.0, -3.0]]))

    assert (found.cluster[0], found.distance[0], found.margin[0]) == (1, 3, 0)


def test_one_cluster_has_no_margin() -> None:
    model, learnt = train(sessions(100, 1), n_clusters=1)
    new = sessions(20, 2)

    found = assign(model, new)

    assert set(found.cluster) == {0}
    assert np.isnan(found.margin).all()
    expected = np.linalg.norm(scale(learnt, new) - models.centroids(model)[0], axis=1)
    np.testing.assert_allclose(found.distance, expected, rtol=1e-12)


def test_no_sessions_give_no_assignments() -> None:
    model, _ = train(sessions(100, 1))

    found = assign(model, sessions(0, 2))

    assert [len(one) for one in (found.cluster, found.distance, found.margin)] == [0, 0, 0]
    assert found.cluster.dtype == np.intp
    assert found.distance.dtype == found.margin.dtype == np.float64


def test_more_restarts_never_end_looser_and_the_seed_decides() -> None:
    table = pd.DataFrame(np.random.default_rng(8).random((300, 4)), columns=COLUMNS)

    def sse(restarts: int, seed: int) -> float:
        model, _ = train(table, n_clusters=12, restarts=restarts, seed=seed)
        return float(model.named_steps["cluster"].inertia_)

    single = [sse(1, seed) for seed in range(5)]
    assert len(set(single)) > 1
    assert all(sse(10, seed) < single[seed] for seed in range(5))
    assert sse(10, 3) == sse(10, 3)


def test_the_fingerprint_survives_pickling_and_a_second_training() -> None:
    model, _ = train(sessions(200, 1))
    again, _ = train(sessions(200, 1))
    loaded = pickle.loads(pickle.dumps(model))  # noqa: S301 (written two words before)

    assert models.fingerprint(loaded) == models.fingerprint(again) == models.fingerprint(model)
    np.testing.assert_array_equal(loaded.predict(sessions(99, 2)), model.predict(sessions(99, 2)))


@pytest.mark.parametrize("scaler", ["minmax", "standard", "robust"])
def test_the_fingerprint_changes_with_all_that_labels_depend_on(scaler: Scaler) -> None:
    table = sessions(200, 1)
    model, _ = train(table, scaler=scaler, fill_gaps=True)
    changed = [
        train(table.rename(columns={"rate": "share"}), scaler=scaler, fill_gaps=True)[0],
        train(table, scaler=scaler)[0],
        train(table, scaler=scaler, fill_gaps=True, transform="log1p")[0],
    ]
    learnt = {
        "minmax": ("min_", "scale_"),
        "standard": ("mean_", "scale_"),
        "robust": ("center_", "scale_"),
    }[scaler]
    for step, names in {
        "impute": ("statistics_",),
        "scale": learnt,
        "cluster": ("cluster_centers_",),
    }.items():
        for name in names:
            other, _ = train(table, scaler=scaler, fill_gaps=True)
            numbers = getattr(other.named_steps[step], name)
            numbers.flat[1] = np.nextafter(numbers.flat[1], np.inf)
            changed.append(other)

    found = {models.fingerprint(one) for one in (model, *changed)}

    assert len(found) == len(changed) + 1


def test_the_number_of_threads_does_not_matter() -> None:
    table = sessions(6_000, 1)
    results = []
    for threads in (1, 2):
        with threadpool_limits(limits=threads):
            model, learnt = train(table, "log1p", n_clusters=6)
            found = assign(model, table)
            curve = sweep(scale(learnt, table), range(2, 5), 2, 0).curve
        results.append((models.centroids(model), found.distance, found.margin, curve.to_numpy()))

    for one, two in zip(*results, strict=True):
        assert one.tobytes() == two.tobytes()


def test_native_pools_have_one_thread_inside_and_what_they_had_outside() -> None:
    def threads() -> list[int]:
        return [pool["num_threads"] for pool in threadpool_info()]

    with threadpool_limits(limits=2):
        before = threads()
        with one_thread():
            assert set(threads()) == {1}
        assert threads() == before

"""Nodes of the clustering stage on planted groups."""

import copy
import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError
from sklearn.cluster import KMeans
from sklearn.metrics import davies_bouldin_score, silhouette_score

from user_activity_trends.errors import DegenerateDataError, NoElbowError
from user_activity_trends.pipelines.clustering import nodes
from user_activity_trends.pipelines.clustering.params import (
    ClusteringParams,
    SelectionParams,
    SweepParams,
)
from user_activity_trends.segmentation.model import centroids, fingerprint
from user_activity_trends.segmentation.naming import NamesParams

SWEEP = SweepParams(k_min=1, k_max=8, restarts=4, random_state=42)
ELBOW = SelectionParams(method="elbow", n_clusters=None, fallback=None)
REAL = [1837.24, 684.91, 503.44, 371.74, 318.91, 287.45, 266.91, 247.34, 231.57, 217.49]
"""The curve of the original recipe on the real data."""

SIZES = (25, 60, 40)
GROUPS = np.repeat([0, 1, 2], SIZES)


def scaled_features() -> pd.DataFrame:
    """Three groups of 25, 60 and 40 sessions; their ids are larger, and tell them apart better."""
    centers = np.array([(0.1, 0.1), (0.9, 0.1), (0.1, 0.9)])[GROUPS]
    values = centers + np.random.default_rng(0).normal(0, 0.02, centers.shape)
    ids = GROUPS * 1_000_000 + np.random.default_rng(1).permutation(len(values))
    return pd.DataFrame({"session_id": ids, "PageViews": values[:, 0], "stay": values[:, 1]})


def feature_scaler(columns: tuple[str, ...] = ("PageViews", "stay")) -> dict[str, Any]:
    """Numbers that turn tens into ones."""
    return {
        "transform": "none",
        "scaler": "minmax",
        "features": [
            {"column": name, "median": None, "center": 0.0, "scale": 10.0} for name in columns
        ],
    }


def curve(sse: list[float]) -> pd.DataFrame:
    scores = {
        "silhouette": [np.nan, 0.5, 0.7] + [0.1] * (len(sse) - 3),
        "davies_bouldin": [np.nan, 0.5, 0.7] + [0.9] * (len(sse) - 3),
        "calinski_harabasz": [np.nan, *range(10, 10 * len(sse), 10)],
    }
    return pd.DataFrame({"k": range(1, len(sse) + 1), "sse": sse} | scores)


def trained(k: int = 3) -> Any:
    return nodes.train_model(scaled_features(), feature_scaler(), {"k": k}, SWEEP)


def test_the_sweep_measures_the_features_and_not_the_ids() -> None:
    table = scaled_features()

    found = nodes.sweep_cluster_counts(table, SWEEP)

    points = table[["PageViews", "stay"]].to_numpy()
    expected = [KMeans(k, n_init=4, random_state=42).fit(points).inertia_ for k in range(1, 9)]
    assert found["k"].to_list() == list(range(1, 9))
    assert found["sse"].to_list() == pytest.approx(expected, rel=1e-12)
    named = nodes.sweep_cluster_counts(table.assign(session_id=table["session_id"].map(hex)), SWEEP)
    pd.testing.assert_frame_equal(named, found, check_exact=True)


def test_the_sweep_stops_at_what_the_sessions_allow() -> None:
    table = pd.DataFrame({"session_id": range(6), "pages": [0.0, 0.5, 1.0, 1.0, 0.5, 1.0]})

    found = nodes.sweep_cluster_counts(table, SWEEP)

    assert found["k"].to_list() == [1, 2, 3]
    assert found["sse"][2] == pytest.approx(0, abs=1e-12)


def test_a_sweep_over_one_distinct_session_is_an_error() -> None:
    table = pd.DataFrame({"session_id": range(6), "pages": [0.5] * 6})

    with pytest.raises(DegenerateDataError, match="1 distinct session,"):
        nodes.sweep_cluster_counts(table, SWEEP)


def test_the_choice_on_the_curve_of_the_original_is_its_elbow() -> None:
    assert nodes.select_cluster_count(curve(REAL), SWEEP, ELBOW) == {
        "k": 3,
        "method": "elbow",
        "votes": {
            "elbow": 3,
            "silhouette": 3,
            "davies_bouldin": 2,
            "calinski_harabasz": 10,
        },
        "candidates": list(range(1, 11)),
        "restarts": 4,
        "verdict": "k = 3: the curve for k = 1..10 bends most there; other criteria: "
        "silhouette 3, davies-bouldin 2, calinski-harabasz 10.",
    }


@pytest.mark.parametrize(
    ("selecting", "k", "method"),
    [
        ({"method": "silhouette", "n_clusters": None, "fallback": None}, 3, "silhouette"),
        ({"method": "consensus", "n_clusters": None, "fallback": None}, 3, "consensus"),
        ({"method": "fixed", "n_clusters": 5, "fallback": None}, 5, "fixed"),
        ({"method": "elbow", "n_clusters": 4, "fallback": "fixed"}, 4, "fixed"),
    ],
)
def test_the_setting_decides_how_k_is_chosen(
    selecting: dict[str, Any], k: int, method: str
) -> None:
    straight = selecting["fallback"] is not None
    swept = curve([100.0, 90, 80, 70, 60] if straight else REAL)

    found = nodes.select_cluster_count(swept, SWEEP, SelectionParams(**selecting))

    assert (found["k"], found["method"]) == (k, method)
    assert ("fallback" in found["verdict"]) == straight
    assert json.loads(json.dumps(found)) == found


def test_a_straight_curve_is_an_error() -> None:
    with pytest.raises(NoElbowError, match=r"k = 1\.\.5"):
        nodes.select_cluster_count(curve([100.0, 90, 80, 70, 60]), SWEEP, ELBOW)


@pytest.mark.parametrize("k", [2, 3, 5])
def test_the_model_has_the_k_that_was_chosen(k: int) -> None:
    model = trained(k)

    assert centroids(model).shape == (k, 2)
    assert list(model.feature_names_in_) == ["PageViews", "stay"]
    points = scaled_features()[["PageViews", "stay"]].to_numpy()
    expected = KMeans(k, n_init=4, random_state=42).fit(points)
    np.testing.assert_allclose(centroids(model), expected.cluster_centers_, rtol=1e-12)


def test_the_model_takes_raw_features() -> None:
    raw = scaled_features()[["PageViews", "stay"]] * 10

    found = trained().predict(raw)

    assert [len(set(found[group == GROUPS])) for group in range(3)] == [1, 1, 1]
    assert sorted(np.bincount(found)) == sorted(SIZES)


def test_segments_are_numbered_by_size_and_named() -> None:
    model, table = trained(), scaled_features()

    found = nodes.name_segments(model, table, NamesParams({}))

    cluster = model.predict(table[["PageViews", "stay"]] * 10)
    order = [int(cluster[group == GROUPS][0]) for group in (1, 2, 0)]
    assert found["model"] == fingerprint(model)
    assert [(one["segment"], one["cluster"]) for one in found["segments"]] == [
        (1, order[0]),
        (2, order[1]),
        (3, order[2]),
    ]
    assert [one["segment_name"] for one in found["segments"]] == [
        "High page views, low stay",
        "High stay, low page views",
        "Low page views, low stay",
    ]
    assert json.loads(json.dumps(found)) == found


def test_the_distance_limit_is_a_quantile_of_the_training_distances() -> None:
    model, table = trained(), scaled_features()

    found = nodes.name_segments(model, table, NamesParams({}))

    points = table[["PageViews", "stay"]].to_numpy()
    every = np.linalg.norm(points[:, None] - centroids(model)[None], axis=2).min(axis=1)
    assert found["distance_limit"] == pytest.approx(np.quantile(every, 0.999), rel=1e-12)


def test_a_configured_name_is_used_and_one_for_no_segment_is_left_out() -> None:
    found = nodes.name_segments(
        trained(), scaled_features(), NamesParams({1: "Browsers", 4: "nobody"})
    )

    assert [one["segment_name"] for one in found["segments"]] == [
        "Browsers",
        "High stay, low page views",
        "Low page views, low stay",
    ]


def test_the_metrics_are_those_of_scikit_learn() -> None:
    model, table = trained(), scaled_features()

    found = nodes.evaluate_model(model, table, SWEEP)

    points = table[["PageViews", "stay"]].to_numpy()
    within = sum(
        ((points[group == GROUPS] - points[group == GROUPS].mean(axis=0)) ** 2).sum()
        for group in range(3)
    )
    assert found["sse"] == pytest.approx(within, rel=1e-9)
    assert found["silhouette"] == pytest.approx(silhouette_score(points, GROUPS), rel=1e-9)
    assert found["davies_bouldin"] == pytest.approx(davies_bouldin_score(points, GROUPS))
    assert (found["model"], found["k"], found["sessions"]) == (fingerprint(model), 3, 125)
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_a_score_that_is_not_defined_is_none() -> None:
    found = nodes.evaluate_model(trained(k=1), scaled_features(), SWEEP)

    names = ("silhouette", "davies_bouldin", "calinski_harabasz")
    assert [found[name] for name in names] == [None, None, None]
    assert (found["k"], found["sessions"]) == (1, 125)


def test_no_node_changes_its_inputs() -> None:
    table, scaler, choice = scaled_features(), feature_scaler(), {"k": 3}
    swept = curve(REAL)
    before = copy.deepcopy((table, scaler, choice, swept))
    model = nodes.train_model(table, scaler, choice, SWEEP)
    identity = fingerprint(model)

    nodes.sweep_cluster_counts(table, SWEEP)
    nodes.select_cluster_count(swept, SWEEP, ELBOW)
    nodes.name_segments(model, table, NamesParams({1: "x"}))
    nodes.evaluate_model(model, table, SWEEP)

    pd.testing.assert_frame_equal(table, before[0], check_exact=True)
    assert (scaler, choice) == before[1:3]
    pd.testing.assert_frame_equal(swept, before[3], check_exact=True)
    assert fingerprint(model) == identity


SWEEPING = {"k_min": 1, "k_max": 10, "restarts": 10, "random_state": 42}
SELECTING = {"method": "elbow", "n_clusters": None, "fallback": None}


@pytest.mark.parametrize(
    ("sweeping", "selecting", "message"),
    [
        ({"k_min": 0}, {}, "sweep.k_min"),
        ({"k_min": 1, "k_max": 1}, {}, "sweep.k_max"),
        ({"restarts": 0}, {}, "sweep.restarts"),
        ({"random_state": -1}, {}, "sweep.random_state"),
        ({"random_state": 2**32}, {}, "sweep.random_state"),
        ({"k_min": 7, "k_max": 5}, {}, "k_min = 7 is above k_max = 5"),
        ({"kmax": 5}, {}, "sweep.kmax"),
        ({}, {"method": "gap"}, "selection.method"),
        ({}, {"n_clusters": 1}, "selection.n_clusters"),
        ({}, {"method": "fixed"}, "n_clusters is missing"),
        ({}, {"fallback": "fixed"}, "n_clusters is missing"),
        ({}, {"fallback": "elbow"}, "fallback cannot be elbow"),
        ({}, {"n_cluster": 3}, "selection.n_cluster"),
        ({}, {"n_clusters": 11}, "n_clusters = 11 is outside sweep.k_min = 1 to sweep.k_max = 10"),
        ({"k_min": 4}, {"n_clusters": 3}, "n_clusters = 3 is outside sweep.k_min = 4"),
    ],
)
def test_settings_that_cannot_work_are_refused(
    sweeping: dict[str, Any], selecting: dict[str, Any], message: str
) -> None:
    ClusteringParams.model_validate({"sweep": SWEEPING, "selection": SELECTING})

    with pytest.raises(ValidationError, match=message):
        ClusteringParams.model_validate(
            {"sweep": SWEEPING | sweeping, "selection": SELECTING | selecting}
        )


@pytest.mark.parametrize("n_clusters", [4, 6])
def test_a_fixed_k_at_the_ends_of_the_sweep_is_accepted(n_clusters: int) -> None:
    accepted = ClusteringParams.model_validate(
        {
            "sweep": SWEEPING | {"k_min": 4, "k_max": 6},
            "selection": SELECTING | {"method": "fixed", "n_clusters": n_clusters},
        }
    )

    assert accepted.selection.n_clusters == n_clusters

"""Nodes of the clustering stage on planted groups."""

import copy
import json
from typing import Any

import numpy as np
import pandas as pd
import planted_models
import pytest
from pydantic import ValidationError
from sklearn.cluster import KMeans
from sklearn.metrics import davies_bouldin_score, silhouette_score

from user_activity_trends.errors import ChampionError, DegenerateDataError, NoElbowError
from user_activity_trends.lifecycle.context import RunContext
from user_activity_trends.lifecycle.in_use import ReigningChampion
from user_activity_trends.lifecycle.predecessor import follow
from user_activity_trends.lifecycle.record import Git, ModelRecord, fingerprint_table
from user_activity_trends.pipelines.clustering import nodes
from user_activity_trends.pipelines.clustering.params import (
    ClusteringParams,
    SelectionParams,
    StabilityParams,
    SweepParams,
)
from user_activity_trends.segmentation.evidence import Evidence
from user_activity_trends.segmentation.labels import label
from user_activity_trends.segmentation.model import centroids, fingerprint, is_continued
from user_activity_trends.segmentation.naming import NamesParams, SegmentIdentities
from user_activity_trends.segmentation.scaling import FeatureScaler
from user_activity_trends.segmentation.scorer import SegmentScorer
from user_activity_trends.sessions.columns import ColumnsParams

SWEEP = SweepParams(k_min=1, k_max=8, restarts=4, random_state=42)
TESTING, UNTESTED = StabilityParams(resamples=3), StabilityParams(resamples=0)
COLUMNS = ColumnsParams(outcome="bought", period="month")
ELBOW = SelectionParams(method="elbow", n_clusters=None, fallback=None, keep_k=True)
REAL = [1837.24, 684.91, 503.44, 371.74, 318.91, 287.45, 266.91, 247.34, 231.57, 217.49]
"""The curve of the original recipe on the real data."""

CONTEXT = RunContext(
    version="2026-02-28T05.00.00.000Z",
    started="2026-02-28T05:00:00+00:00",
    parameters={"recipe": "base"},
    packages={"kedro": "1"},
    git=Git(revision="abc", changed=False),
)
NOTHING_IN_USE = follow(ReigningChampion(), sample=False).model_dump(mode="json")
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


def curve(sse: list[float], *, tested: bool = False) -> pd.DataFrame:
    """Return what the sweep records; ``tested``: with resamples, all of which favour k = 3."""
    rest = len(sse) - 3
    measured = {
        "stability_mean": [np.nan, 0.5, 0.9] + [0.3] * rest,
        "stability_min": [np.nan, 0.1, 0.8] + [0.2] * rest,
        "prediction_strength": [np.nan, 0.6, 0.95] + [0.4] * rest,
        "permuted_sse": [100.0] * len(sse),
        "permuted_silhouette": [np.nan] + [0.2] * (rest + 2),
        "permuted_davies_bouldin": [np.nan] + [2.0] * (rest + 2),
        "permuted_calinski_harabasz": [np.nan] + [5.0] * (rest + 2),
    }
    scores = {
        "silhouette": [np.nan, 0.5, 0.7] + [0.1] * rest,
        "davies_bouldin": [np.nan, 0.5, 0.7] + [0.9] * rest,
        "calinski_harabasz": [np.nan, *range(10, 10 * len(sse), 10)],
        "smallest_share": [1.0] + [0.1] * (len(sse) - 1),
    }
    if not tested:
        measured = {name: [np.nan] * len(sse) for name in measured}
    return pd.DataFrame({"k": range(1, len(sse) + 1), "sse": sse} | scores | measured)


def evidence(counts: range = range(1, 11), *, tested: bool = False) -> dict[str, Any]:
    """Return what the sweep found beside the curve, as it is read from its file."""
    found: dict[str, Any] = {
        "resamples": 0,
        "samples": {"silhouette": 100},
        "sizes": {k: [100 - 10 * (k - 1)] + [10] * (k - 1) for k in counts},
        "variance_shares": {"PageViews": 0.6, "stay": 0.4},
    }
    if tested:
        voted = dict.fromkeys(("elbow", "silhouette", "davies_bouldin", "calinski_harabasz"), 4)
        reproducible = {"stability": None, "prediction_strength": None}
        found |= {
            "resamples": 7,
            "samples": {"silhouette": 100, "stability": 90},
            "references": {"permuted": 2, "drawn": 3},
            "own_silhouettes": {2: 0.5, 3: 0.69, 4: 0.1},
            "valleys": {1: None, 2: 0.4, 3: 0.2, 4: 1.3},
            "jaccard": {k: [0.75] * k for k in counts if k > 1},
            "permuted_votes": [voted | reproducible, voted | reproducible | {"elbow": None}],
            "reference_silhouettes": dict.fromkeys(counts, 0.3),
        }
    known: dict[str, Any] = json.loads(json.dumps(found))
    return known


def valid_sessions() -> pd.DataFrame:
    """Sessions whose features say nothing about the outcome or the month."""
    draw = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "session_id": range(300),
            "PageViews": draw.integers(1, 9, 300),
            "stay": draw.random(300),
            "bought": draw.random(300) < 0.3,
            "month": np.resize(["Feb", "Mar", "May", "Nov"], 300),
        }
    )


def select(  # noqa: PLR0913, PLR0917 (one argument an input)
    swept: pd.DataFrame,
    selecting: SelectionParams = ELBOW,
    known: dict[str, Any] | None = None,
    sessions: pd.DataFrame | None = None,
    columns: ColumnsParams = COLUMNS,
    followed: dict[str, Any] | None = None,
) -> dict[str, Any]:
    return nodes.select_cluster_count(
        swept,
        known or evidence(),
        valid_sessions() if sessions is None else sessions,
        columns,
        SWEEP,
        selecting,
        feature_scaler(),
        followed or NOTHING_IN_USE,
    )


def trained(k: int = 3) -> Any:
    return train(scaled_features(), {"k": k})


def train(
    table: pd.DataFrame, choice: dict[str, Any], followed: dict[str, Any] | None = None
) -> Any:
    following = followed or NOTHING_IN_USE
    return nodes.train_model(table, feature_scaler(), choice, SWEEP, 0.05, following)


def test_the_sweep_measures_the_features_and_not_the_ids() -> None:
    table = scaled_features()

    found, known = nodes.sweep_cluster_counts(table, SWEEP, UNTESTED)

    assert list(known["variance_shares"]) == ["PageViews", "stay"]
    points = table[["PageViews", "stay"]].to_numpy()
    expected = [KMeans(k, n_init=4, random_state=42).fit(points).inertia_ for k in range(1, 9)]
    assert found["k"].to_list() == list(range(1, 9))
    assert found["sse"].to_list() == pytest.approx(expected, rel=1e-12)
    renamed = table.assign(session_id=table["session_id"].map(hex))
    named, _ = nodes.sweep_cluster_counts(renamed, SWEEP, UNTESTED)
    pd.testing.assert_frame_equal(named, found, check_exact=True)


def test_the_sweep_stops_at_what_the_sessions_allow(caplog: pytest.LogCaptureFixture) -> None:
    table = pd.DataFrame({"session_id": range(6), "pages": [0.0, 0.5, 1.0, 1.0, 0.5, 1.0]})

    found, known = nodes.sweep_cluster_counts(table, SWEEP, TESTING)

    assert list(known["sizes"]) == ["1", "2", "3"]
    assert found["k"].to_list() == [1, 2, 3]
    assert found["sse"][2] == pytest.approx(0, abs=1e-12)
    assert found["calinski_harabasz"].isna().to_list() == [True, False, True]
    assert [one.getMessage() for one in caplog.records] == [
        "the sweep stops at k = 3: there are no more distinct sessions (clustering.sweep.k_max = 8)"
    ]


def test_the_sweep_stops_at_what_k_means_tells_apart(caplog: pytest.LogCaptureFixture) -> None:
    """Four distinct numbers, of which two are the same but for rounding."""
    pages = [0.0] * 50 + [1e-16] + [0.5] * 5 + [1.0] * 5
    table = pd.DataFrame({"session_id": range(61), "pages": pages})

    found, _ = nodes.sweep_cluster_counts(table, SWEEP, UNTESTED)

    assert len(set(pages)) == 4
    assert found["k"].to_list() == [1, 2, 3]
    assert [one.getMessage() for one in caplog.records] == [
        (
            "the sweep stops at k = 3: k-means tells no more sessions apart, as the others differ "
            "by rounding only (clustering.sweep.k_max = 8)"
        )
    ]


def test_a_sweep_over_one_distinct_session_is_an_error() -> None:
    table = pd.DataFrame({"session_id": range(6), "pages": [0.5] * 6})

    with pytest.raises(DegenerateDataError, match="1 distinct session,"):
        nodes.sweep_cluster_counts(table, SWEEP, UNTESTED)


def test_the_sweep_puts_every_k_to_the_test() -> None:
    found, known = nodes.sweep_cluster_counts(scaled_features(), SWEEP, TESTING)

    by_k = found.set_index("k")
    assert by_k["stability_mean"][3] == by_k["stability_min"][3] == 1
    assert by_k["prediction_strength"][3] == 1
    assert max(by_k["stability_mean"][4], by_k["prediction_strength"][4]) < 0.9
    read = Evidence.model_validate(json.loads(json.dumps(known, allow_nan=False)))
    assert (read.resamples, read.sizes[3], read.jaccard[3]) == (3, [60, 40, 25], [1, 1, 1])


def test_without_resamples_the_choice_rests_on_the_curve() -> None:
    swept = curve(REAL)

    found = select(swept)

    assert list(found) == [
        *("k", "method", "votes", "candidates", "restarts", "resamples"),
        *("samples", "references", "thresholds", "scores"),
        *("elbow_ranges", "permutations", "natural_groups", "natural_counts", "natural_at_k"),
        *("warnings", "verdict"),
    ]
    assert (found["k"], found["method"], found["resamples"]) == (3, "elbow", 0)
    assert found["votes"] == {
        "elbow": 3,
        "silhouette": 3,
        "davies_bouldin": 2,
        "calinski_harabasz": 10,
        "stability": None,
        "prediction_strength": None,
    }
    assert found["candidates"] == list(range(1, 11))
    assert found["restarts"] == {
        "sweep": 4,
        "model": 4,
        "stability": 8,
        "prediction_strength": 8,
        "permutations": 4,
        "drawn_references": 4,
    }
    assert (found["samples"], found["references"]) == (
        {"silhouette": 100},
        {"permuted": 0, "drawn": 0},
    )
    assert found["thresholds"] == {
        "silhouette_above_references": 0.03,
        "prediction_strength": 0.8,
        "valley": 0.5,
    }
    assert found["scores"][2] == {
        "k": 3,
        "sse": 503.44,
        "silhouette": 0.7,
        "davies_bouldin": 0.7,
        "calinski_harabasz": 20,
        "smallest_share": 0.1,
        **dict.fromkeys(swept.columns[6:]),
        "own_silhouette": None,
        "reference_silhouette": None,
        "valley": None,
        "jaccard": [],
    }
    assert found["scores"][0]["silhouette"] is None
    assert [one["elbow"] for one in found["elbow_ranges"]] == [2, 2, 3, 4]
    assert found["permutations"] == {
        "count": 0,
        "elbows": [],
        "votes": {"silhouette": [], "davies_bouldin": [], "calinski_harabasz": []},
    }
    assert [found[f"natural_{what}"] for what in ("groups", "counts", "at_k")] == [None] * 3
    assert found["warnings"] == []
    assert found["verdict"].startswith("k = 3: the curve for k = 1..10 bends most there; other cr")
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_with_resamples_all_that_was_measured_is_told() -> None:
    found = select(curve(REAL, tested=True), known=evidence(tested=True))

    votes = found["votes"]
    assert (votes["stability"], votes["prediction_strength"], found["resamples"]) == (3, 3, 7)
    assert found["scores"][2]["stability_min"] == 0.8
    assert found["scores"][2]["jaccard"] == [0.75] * 3
    assert found["scores"][2]["own_silhouette"] == 0.69
    assert found["scores"][2]["reference_silhouette"] == 0.3
    assert [one["valley"] for one in found["scores"][:5]] == [None, 0.4, 0.2, 1.3, None]
    assert found["samples"] == {"silhouette": 100, "stability": 90}
    assert found["references"] == {"permuted": 2, "drawn": 3}
    assert "in 5 drawn tables" in found["verdict"]
    assert found["permutations"] == {
        "count": 2,
        "elbows": [4, None],
        "votes": {name: [4, 4] for name in ("silhouette", "davies_bouldin", "calinski_harabasz")},
    }
    assert found["natural_groups"] is found["natural_at_k"] is True
    assert found["natural_counts"] == [3]
    assert "It is also the most reproducible k (adjusted Rand index 0.90" in found["verdict"]
    assert "There are natural groups: at k = 3" in found["verdict"]
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_segments_that_are_no_clearer_than_references_are_no_natural_groups() -> None:
    known = evidence(tested=True) | {"reference_silhouettes": {str(k): 0.67 for k in range(2, 11)}}

    found = select(curve(REAL, tested=True), known=known)

    assert found["natural_groups"] is found["natural_at_k"] is False
    assert found["natural_counts"] == []
    assert "There are no natural groups" in found["verdict"]


def test_groups_at_another_k_are_told_from_groups_at_the_chosen_one() -> None:
    fixed = SelectionParams(method="fixed", n_clusters=5, fallback=None, keep_k=True)

    found = select(curve(REAL, tested=True), fixed, evidence(tested=True))

    assert (found["natural_groups"], found["natural_counts"]) == (True, [3])
    assert found["natural_at_k"] is False
    assert "There are natural groups at k = 3, where" in found["verdict"]


def test_segments_without_a_valley_are_no_natural_groups() -> None:
    known = evidence(tested=True)
    known["valleys"]["3"] = 0.6

    found = select(curve(REAL, tested=True), known=known)

    assert (found["natural_groups"], found["natural_at_k"]) == (False, False)
    assert found["scores"][2]["valley"] == 0.6


def test_a_stability_that_was_not_measured_is_null() -> None:
    swept, known = curve(REAL, tested=True), evidence(tested=True)
    swept.loc[2, ["stability_mean", "stability_min"]] = np.nan
    known["jaccard"]["3"] = [0.8, 0.9, None]

    found = select(swept, known=known)

    assert (found["votes"]["stability"], found["votes"]["prediction_strength"]) == (None, 3)
    assert found["scores"][2]["jaccard"] == [0.8, 0.9, None]
    assert found["scores"][2]["stability_mean"] is found["scores"][2]["stability_min"] is None
    assert "at k = 3 it was not measured, as a segment has no session" in found["verdict"]
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_the_verdict_and_the_warning_agree_on_a_segment_that_holds_nearly_everything() -> None:
    known = evidence(tested=True)
    known["sizes"]["3"] = [991, 5, 4]

    found = select(curve(REAL, tested=True), known=known)

    assert "lopsided_score" in [one["kind"] for one in found["warnings"]]
    assert (found["natural_groups"], found["natural_at_k"]) == (False, False)
    assert "Segments at k = 3 do not count as natural groups" in found["verdict"]


def test_one_feature_has_no_reference_to_be_compared_with() -> None:
    known = evidence(tested=True) | {"variance_shares": {"stay": 1.0}}

    found = select(curve(REAL, tested=True), known=known)

    assert found["natural_groups"] is found["natural_counts"] is found["natural_at_k"] is None
    assert "not examined: fewer than two features vary" in found["verdict"]


def test_the_warnings_name_what_is_planted(caplog: pytest.LogCaptureFixture) -> None:
    sessions = valid_sessions()
    sessions["PageViews"] += 20 * sessions["bought"]
    sessions["stay"] *= sessions["month"] == "May"
    known = evidence() | {
        "sizes": {str(k): [1_200, 95, *range(9, 10 - k, -1)][:k] for k in range(1, 11)},
        "variance_shares": {"PageViews": 0.95, "stay": 0.05},
    }

    found = select(curve(REAL), known=known, sessions=sessions)

    assert [(one["kind"], one["about"]) for one in found["warnings"]] == [
        ("dominant_feature", "PageViews"),
        ("tiny_segment", "segment 3"),
        ("lopsided_score", "k = 3"),
        ("outcome_proxy", "PageViews"),
        ("calendar_artefact", "stay"),
    ]
    assert [one.message for one in caplog.records] == [one["message"] for one in found["warnings"]]


def test_without_outcome_and_period_neither_is_looked_for() -> None:
    sessions = valid_sessions()
    sessions["PageViews"] += 20 * sessions["bought"]
    sessions["stay"] *= sessions["month"] == "May"

    assert select(curve(REAL), sessions=sessions, columns=ColumnsParams())["warnings"] == []


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

    found = select(swept, SelectionParams(**selecting, keep_k=True))

    assert (found["k"], found["method"]) == (k, method)
    assert ("fallback" in found["verdict"]) == straight
    assert json.loads(json.dumps(found)) == found


def test_a_straight_curve_is_an_error() -> None:
    with pytest.raises(NoElbowError, match=r"k = 1\.\.5"):
        select(curve([100.0, 90, 80, 70, 60]))


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


def test_clusters_are_ordered_by_size_and_named() -> None:
    model, table = trained(), scaled_features()

    found = nodes.name_segments(model, table)

    cluster = model.predict(table[["PageViews", "stay"]] * 10)
    order = [int(cluster[group == GROUPS][0]) for group in (1, 2, 0)]
    assert found["model"] == fingerprint(model)
    assert [(one["cluster"], one["sessions"]) for one in found["clusters"]] == list(
        zip(order, sorted(SIZES, reverse=True), strict=True)
    )
    assert [one["name"] for one in found["clusters"]] == [
        "High page views, low stay",
        "High stay, low page views",
        "Low page views, low stay",
    ]
    assert json.loads(json.dumps(found)) == found


def test_the_distance_limit_is_a_quantile_of_the_training_distances() -> None:
    model, table = trained(), scaled_features()

    found = nodes.name_segments(model, table)

    points = table[["PageViews", "stay"]].to_numpy()
    every = np.linalg.norm(points[:, None] - centroids(model)[None], axis=2).min(axis=1)
    assert found["distance_limit"] == pytest.approx(np.quantile(every, 0.999), rel=1e-12)


def align(
    model: Any,
    table: pd.DataFrame,
    names: dict[int, str],
    followed: dict[str, Any] | None = None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    raw = table.assign(PageViews=table["PageViews"] * 10, stay=table["stay"] * 10)
    return nodes.align_segments(
        model,
        nodes.name_segments(model, table),
        table,
        raw,
        followed or NOTHING_IN_USE,
        {"steps": []},
        CONTEXT,
        NamesParams(names),
    )


def test_segments_of_a_first_model_are_numbered_by_size_and_named() -> None:
    model, table = trained(), scaled_features()

    found, lineage = align(model, table, {1: "Browsers"})

    cluster = model.predict(table[["PageViews", "stay"]] * 10)
    order = [int(cluster[group == GROUPS][0]) for group in (1, 2, 0)]
    assert [
        (one["segment"], one["cluster"], one["colour"], one["origin"]) for one in found["segments"]
    ] == [
        (1, order[0], "#0072B2", "first"),
        (2, order[1], "#D55E00", "first"),
        (3, order[2], "#009D61", "first"),
    ]
    assert [one["segment_name"] for one in found["segments"]] == [
        "Browsers",
        "High stay, low page views",
        "Low page views, low stay",
    ]
    assert found["model"] == fingerprint(model)
    (step,) = lineage["steps"]
    assert (step["version"], step["based_on"]) == (CONTEXT.version, None)
    assert [one["share"] for one in step["segments"]] == [
        size / sum(SIZES) for size in sorted(SIZES, reverse=True)
    ]
    assert json.loads(json.dumps([found, lineage])) == [found, lineage]


def test_a_name_for_no_segment_is_told_of(caplog: pytest.LogCaptureFixture) -> None:
    align(trained(), scaled_features(), {4: "nobody"})

    (told,) = [one.getMessage() for one in caplog.records if one.levelname == "WARNING"]
    assert told.endswith("segments that do not exist: 4")


def following(k: int = 3, *, sample: bool = False) -> dict[str, Any]:
    """Put a model of the planted groups in use, whose segments are 5, 7, 9, the smallest first."""
    model, table = trained(k), scaled_features()
    sizes = np.bincount(model.predict(table[["PageViews", "stay"]] * 10))
    named = [(cluster, f"Called {place}") for place, cluster in enumerate(np.argsort(sizes))]
    known = planted_models.identities(model, named, 0.2)
    for place, one in enumerate(known["segments"]):
        one["segment"] = 5 + 2 * place
    scorer = SegmentScorer.build(
        planted_models.VERSION,
        FeatureScaler.model_validate(feature_scaler()),
        centroids(model),
        SegmentIdentities.model_validate(known),
    )
    champion = planted_models.champion(fingerprint(model), sample=sample)
    record = planted_models.record(fingerprint(model), sample=sample, rows=len(table))
    reigning = ReigningChampion(champion, scorer, record)
    return follow(reigning, sample=False).model_dump(mode="json")


def test_the_k_of_the_model_in_use_is_kept() -> None:
    found = select(curve(REAL), followed=following(4))

    assert (found["k"], found["method"], found["votes"]["elbow"]) == (4, "champion", 3)
    assert "k = 4: the model in use has as many segments" in found["verdict"]
    assert "elbow 3" in found["verdict"]


@pytest.mark.parametrize(
    ("selecting", "followed"),
    [
        ({"keep_k": False}, following(4)),
        ({"method": "fixed", "n_clusters": 3}, following(4)),
        ({}, following(4, sample=True)),
    ],
)
def test_k_is_chosen_anew_if_asked_or_if_the_model_in_use_is_of_the_sample(
    selecting: dict[str, Any], followed: dict[str, Any]
) -> None:
    found = select(curve(REAL), ELBOW.model_copy(update=selecting), followed=followed)

    assert found["k"] == 3


def test_segments_that_are_found_again_keep_id_name_and_colour() -> None:
    followed, table = following(), scaled_features().iloc[::-1].reset_index(drop=True)
    model = train(table, {"k": 3}, followed)

    found, lineage = align(model, table, {}, followed)

    assert is_continued(model)
    cluster = model.predict(table[["PageViews", "stay"]] * 10)
    segment = {one["cluster"]: one["segment"] for one in found["segments"]}
    by_group = {5: 25, 7: 40, 9: 60}
    assert {segment[one]: int((cluster == one).sum()) for one in segment} == by_group
    assert [(one["segment_name"], one["colour"]) for one in found["segments"]] == [
        ("Called 0", "#A5481B"),
        ("Called 1", "#F7465A"),
        ("Called 2", "#0072B2"),
    ]
    assert {one["origin"] for one in found["segments"]} == {"kept"}
    assert lineage["steps"][0]["retired"] == []


def test_a_run_that_is_run_again_puts_no_other_model_behind_its_version() -> None:
    table, followed = scaled_features(), following()
    same = train(table, {"k": 3}, followed)

    again = train(table, {"k": 3}, followed | {"own_model": fingerprint(same)})

    assert fingerprint(again) == fingerprint(same)
    with pytest.raises(ChampionError, match="Start a new run"):
        train(table.iloc[:100], {"k": 3}, followed | {"own_model": fingerprint(same)})


def test_the_scorer_labels_as_the_model_does() -> None:
    model, table = trained(), scaled_features()
    raw = table.assign(PageViews=table["PageViews"] * 10, stay=table["stay"] * 10)
    known, _ = align(model, table, {})

    scorer = SegmentScorer.model_validate(
        json.loads(json.dumps(nodes.export_scorer(model, feature_scaler(), known, CONTEXT)))
    )

    expected = label(model, known, raw)
    found = scorer.score(raw)
    assert scorer.segment_of[found.cluster].tolist() == expected["segment"].tolist()
    np.testing.assert_allclose(found.distance, expected["distance"], rtol=0, atol=1e-9)
    assert (scorer.version, scorer.model) == (CONTEXT.version, fingerprint(model))


def test_the_record_says_what_the_model_was_made_of() -> None:
    model, table = trained(), scaled_features()
    raw = table.assign(PageViews=table["PageViews"] * 10, stay=table["stay"] * 10)
    known, _ = align(model, table, {})

    found = nodes.record_model(
        segmentation_model=model,
        segment_identities=known,
        training_metrics={"k": 3, "sse": 1.25},
        cluster_choice={"k": 3},
        elbow_curve=curve(REAL),
        scaled_features=table.iloc[:100],
        session_features=raw,
        feature_scaler=feature_scaler(),
        data_quality={"file": "/x/data/01_raw/sample_sessions.csv"},
        recipe="base",
        run_context=CONTEXT,
    )

    record = ModelRecord.model_validate(json.loads(json.dumps(found, allow_nan=False)))
    assert (record.version, record.trained) == (CONTEXT.version, CONTEXT.started)
    assert (record.model, record.continued, record.based_on) == (fingerprint(model), False, None)
    assert (record.data.rows, record.data.columns) == (100, ("PageViews", "stay"))
    assert record.data.sample
    same = fingerprint_table(raw.iloc[:100][["PageViews", "stay"]])
    other = fingerprint_table(raw.iloc[:100][["stay", "PageViews"]])
    assert record.data.sha256 == same != other
    assert record.scores[0]["silhouette"] is None
    assert [one["sse"] for one in record.scores] == REAL
    assert (record.git.revision, record.packages) == ("abc", {"kedro": "1"})


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
    swept, known, sessions = curve(REAL), evidence(), valid_sessions()
    before = copy.deepcopy((table, scaler, choice, swept, known, sessions))
    model = nodes.train_model(table, scaler, choice, SWEEP, 0.05, NOTHING_IN_USE)
    identity = fingerprint(model)

    nodes.sweep_cluster_counts(table, SWEEP, TESTING)
    select(swept, ELBOW, known, sessions)
    nodes.name_segments(model, table)
    nodes.evaluate_model(model, table, SWEEP)

    pd.testing.assert_frame_equal(table, before[0], check_exact=True)
    assert (scaler, choice) == before[1:3]
    pd.testing.assert_frame_equal(swept, before[3], check_exact=True)
    assert known == before[4]
    pd.testing.assert_frame_equal(sessions, before[5], check_exact=True)
    assert fingerprint(model) == identity


SWEEPING = {"k_min": 1, "k_max": 10, "restarts": 10, "random_state": 42}
SELECTING = {"method": "elbow", "n_clusters": None, "fallback": None, "keep_k": True}
RESAMPLING = {"resamples": 0}


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
    ClusteringParams.model_validate(
        {"sweep": SWEEPING, "selection": SELECTING, "stability": RESAMPLING, "continuity": 0.05}
    )

    with pytest.raises(ValidationError, match=message):
        ClusteringParams.model_validate(
            {
                "sweep": SWEEPING | sweeping,
                "selection": SELECTING | selecting,
                "stability": RESAMPLING,
                "continuity": 0.05,
            }
        )


@pytest.mark.parametrize("n_clusters", [4, 6])
def test_a_fixed_k_at_the_ends_of_the_sweep_is_accepted(n_clusters: int) -> None:
    accepted = ClusteringParams.model_validate(
        {
            "sweep": SWEEPING | {"k_min": 4, "k_max": 6},
            "selection": SELECTING | {"method": "fixed", "n_clusters": n_clusters},
            "stability": RESAMPLING,
            "continuity": 0.05,
        }
    )

    assert accepted.selection.n_clusters == n_clusters


@pytest.mark.parametrize("wrong", [{"resamples": -1}, {"resample": 3}, {}])
def test_resamples_that_cannot_be_made_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValidationError, match=r"stability\.resample"):
        ClusteringParams.model_validate(
            {"sweep": SWEEPING, "selection": SELECTING, "stability": wrong, "continuity": 0}
        )

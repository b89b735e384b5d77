"""Every session gets its own segment, and every segment the profile of its own sessions."""

import copy
from typing import Any

import numpy as np
import pandas as pd
import planted_models
import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner
from pydantic import ValidationError

from user_activity_trends.errors import ModelMismatchError
from user_activity_trends.lifecycle.record import fingerprint_table
from user_activity_trends.pipelines.labelling import create_pipeline, nodes
from user_activity_trends.pipelines.labelling.params import LabellingParams
from user_activity_trends.segmentation.model import (
    SegmentationModel,
    build_model,
    centroids,
    fingerprint,
)
from user_activity_trends.segmentation.profiles import wilson_interval
from user_activity_trends.segmentation.scaling import FeatureScaler, FeatureScaling
from user_activity_trends.sessions.columns import ColumnsParams

SCALER = FeatureScaler(
    transform="none",
    scaler="minmax",
    features=tuple(
        FeatureScaling(column=name, median=None, center=0.0, scale=10.0)
        for name in ("pages", "stay")
    ),
)


class KeptDataset(MemoryDataset):
    """Stays readable after the run, unlike an ordinary dataset in memory."""

    def _release(self) -> None:
        pass


CHOICE = {"k": 2, "stability": {"1": 0.9, "2": 0.8}}
COLUMNS = ColumnsParams(outcome="bought", period="month")


def trained(n_clusters: int = 2) -> SegmentationModel:
    """Centroids at (0, 0) and (1, 1) in scaled units, for two clusters."""
    scaled = np.array([[0.0, 0.1], [0.0, -0.1], [1.0, 0.9], [1.0, 1.1]])
    return build_model(SCALER, scaled, n_clusters, 3, 0)


def identities(model: SegmentationModel) -> dict[str, Any]:
    low, high = model.predict(pd.DataFrame({"pages": [0.0, 10.0], "stay": [0.0, 10.0]}))
    return planted_models.identities(model, [(low, "quiet"), (high, "busy")], 0.01)


def assign(model: SegmentationModel, known: dict[str, Any], sessions: pd.DataFrame) -> pd.DataFrame:
    features = sessions[["session_id", "pages", "stay"]]
    champion, in_use = planted_models.in_use(model, known)
    segments, _, _ = nodes.assign_segments(champion, in_use, sessions, features)
    return segments


def session_features() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "session_id": ["e", "b", "d", "a", "c"],
            "pages": [0.0, 10.0, 0.0, 10.0, 3.0],
            "stay": [0.0, 10.0, 4.0, 7.0, 0.0],
        }
    )


def valid_sessions() -> pd.DataFrame:
    """The same sessions in another order, with columns that the profile does not need."""
    features = session_features().iloc[[3, 0, 4, 1, 2]].reset_index(drop=True)
    bought = {"a": True, "b": False, "c": True, "d": False, "e": False}
    features["bought"] = features["session_id"].map(bought)
    return features.assign(month="May", region=["x", "y", "x", "y", "x"])


def session_segments() -> pd.DataFrame:
    model = trained()
    return assign(model, identities(model), session_features())


def expected_profiles() -> pd.DataFrame:
    quiet, busy = wilson_interval(1, 3), wilson_interval(1, 2)
    return pd.DataFrame(
        {
            "segment": [1, 2],
            "segment_name": ["quiet", "busy"],
            "sessions": [3, 2],
            "share": [0.6, 0.4],
            "outcome_rate": [1 / 3, 1 / 2],
            "ci_low": [quiet[0], busy[0]],
            "ci_high": [quiet[1], busy[1]],
            "stability": [0.9, 0.8],
            # Pages would do as well; the seed decides between the two.
            "rule": ["stay at most 5", "stay at least 6"],
            "rule_precision": [1.0, 1.0],
            "rule_recall": [1.0, 1.0],
            "mean_pages": [1.0, 10.0],
            "mean_stay": [4 / 3, 8.5],
            "median_pages": [0.0, 10.0],
            "median_stay": [0.0, 8.5],
            # The means of all are 4.6 and 4.2, the variances 20.64 and 15.36.
            "standing_pages": [-3.6 / np.sqrt(20.64), 5.4 / np.sqrt(20.64)],
            "standing_stay": [(4 / 3 - 4.2) / np.sqrt(15.36), 4.3 / np.sqrt(15.36)],
        }
    )


def typical_sessions() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "segment": [1, 1, 1, 2, 2],
            "segment_name": ["quiet", "quiet", "quiet", "busy", "busy"],
            "rank": [1, 2, 3, 1, 2],
            "session_id": ["e", "c", "d", "b", "a"],
            "distance": [0.0, 0.3, 0.4, 0.0, 0.3],
            "pages": [0.0, 3.0, 0.0, 10.0, 10.0],
            "stay": [0.0, 0.0, 4.0, 10.0, 7.0],
        }
    )


def test_every_session_gets_its_segment_its_distance_and_its_margin() -> None:
    diagonal = np.sqrt(2)
    expected = pd.DataFrame(
        {
            "session_id": ["e", "b", "d", "a", "c"],
            "segment": [1, 2, 1, 2, 1],
            "segment_name": ["quiet", "busy", "quiet", "busy", "quiet"],
            "distance": [0, 0, 0.4, 0.3, 0.3],
            "margin": [
                diagonal,
                diagonal,
                np.hypot(1, 0.6) - 0.4,
                np.hypot(1, 0.7) - 0.3,
                np.hypot(0.7, 1) - 0.3,
            ],
            "model_version": pd.Series([planted_models.VERSION] * 5, dtype="str"),
        }
    )

    pd.testing.assert_frame_equal(session_segments(), expected, atol=1e-12)


def test_one_segment_has_no_margin() -> None:
    model = trained(n_clusters=1)
    known = planted_models.identities(model, [(0, "all")], 0.01)

    found = assign(model, known, session_features())

    assert found["segment"].to_list() == [1] * 5
    assert found["margin"].isna().all()
    assert found["distance"][0] == pytest.approx(np.hypot(0.5, 0.5))


def test_a_model_with_the_identities_of_another_is_refused() -> None:
    model, other = trained(), trained(n_clusters=3)

    with pytest.raises(ModelMismatchError, match=fingerprint(other)):
        assign(other, identities(model), session_features())


def test_sessions_are_joined_by_id_and_not_by_order() -> None:
    found = nodes.profile_segments(
        session_segments(), valid_sessions(), session_features(), CHOICE, COLUMNS
    )

    pd.testing.assert_frame_equal(
        found.reset_index(drop=True), expected_profiles(), check_dtype=False
    )


def test_without_an_outcome_the_profile_has_no_rate() -> None:
    found = nodes.profile_segments(
        session_segments(), valid_sessions(), session_features(), CHOICE, ColumnsParams()
    )

    without = expected_profiles().drop(columns=["outcome_rate", "ci_low", "ci_high"])
    pd.testing.assert_frame_equal(found.reset_index(drop=True), without, check_dtype=False)


def test_where_nothing_was_resampled_the_profile_says_no_stability() -> None:
    tables = (session_segments(), valid_sessions(), session_features())

    found = nodes.profile_segments(*tables, {"k": 2, "stability": {}}, COLUMNS)

    assert found["stability"].isna().all()
    pd.testing.assert_frame_equal(
        found.drop(columns="stability"),
        expected_profiles().drop(columns="stability"),
        check_dtype=False,
    )


def test_one_segment_has_a_profile_without_a_rule() -> None:
    segments = session_segments().assign(segment=1, segment_name="all")

    found = nodes.profile_segments(
        segments, valid_sessions(), session_features(), {"k": 1, "stability": {}}, COLUMNS
    )

    assert found["sessions"].tolist() == [5]
    assert found[["stability", "rule", "rule_precision", "rule_recall"]].isna().all(axis=None)
    assert found[["standing_pages", "standing_stay"]].to_numpy() == pytest.approx(0, abs=1e-12)


def test_the_rule_is_of_the_sessions_whatever_their_order() -> None:
    features = session_features().iloc[[1, 0, 3, 2, 4]]

    found = nodes.profile_segments(session_segments(), valid_sessions(), features, CHOICE, COLUMNS)

    assert found["rule"].tolist() == ["stay at most 5", "stay at least 6"]


def test_typical_sessions_are_the_nearest() -> None:
    found = nodes.pick_typical_sessions(session_segments(), session_features())

    pd.testing.assert_frame_equal(found, typical_sessions())


def test_ids_may_be_numbers() -> None:
    numbers = {name: place for place, name in enumerate("abcde", start=1)}
    tables = [session_segments(), valid_sessions(), session_features()]
    for table in tables:
        table["session_id"] = table["session_id"].map(numbers)

    found = nodes.profile_segments(*tables, CHOICE, COLUMNS)

    pd.testing.assert_frame_equal(
        found.reset_index(drop=True), expected_profiles(), check_dtype=False
    )


@pytest.mark.parametrize("name", ["distance", "margin", "sessions", "share"])
def test_a_feature_may_have_the_name_of_a_column_of_ours(name: str) -> None:
    renamed = {"pages": name}

    found = nodes.profile_segments(
        session_segments(),
        valid_sessions().rename(columns=renamed),
        session_features().rename(columns=renamed),
        CHOICE,
        COLUMNS,
    )

    expected = expected_profiles().rename(columns=lambda column: column.replace("pages", name))
    pd.testing.assert_frame_equal(found.reset_index(drop=True), expected, check_dtype=False)


def test_no_node_changes_its_inputs() -> None:
    model = trained()
    inputs = (identities(model), session_features(), valid_sessions(), session_segments())
    before = copy.deepcopy(inputs)
    known, features, valid, segments = inputs

    assign(model, known, features)
    nodes.profile_segments(segments, valid, features, CHOICE, COLUMNS)
    nodes.pick_typical_sessions(segments, features)

    assert known == before[0]
    for table, old in zip(inputs[1:], before[1:], strict=True):
        pd.testing.assert_frame_equal(table, old, check_exact=True)


def test_the_stage_goes_from_the_model_in_use_to_profiles() -> None:
    model = trained()
    champion, in_use = planted_models.in_use(model, identities(model), jaccard={"1": 0.9, "2": 0.8})
    given = {
        "champion": champion,
        "model_in_use": in_use,
        "session_features": session_features(),
        "valid_sessions": valid_sessions(),
        "params:columns": COLUMNS,
    }
    pipeline = create_pipeline()
    assert pipeline.inputs() == set(given)
    assert {node.name for node in pipeline.nodes} == {
        "labelling.assign_segments",
        "labelling.profile_segments",
        "labelling.pick_typical_sessions",
    }
    made = (
        *("session_segments", "choice_in_use", "curve_in_use"),
        *("segment_profiles", "typical_sessions"),
    )
    catalog = DataCatalog(
        {name: MemoryDataset(value) for name, value in given.items()}
        | {name: KeptDataset() for name in made}
    )

    SequentialRunner().run(pipeline, catalog)

    assert pipeline.all_outputs() == set(made)
    # In the order of valid_sessions: a, e, c, b, d.
    assert catalog.load("session_segments")["segment"].to_list() == [2, 1, 1, 2, 1]
    choice = catalog.load("choice_in_use")
    assert choice["stability"] == {"1": 0.9, "2": 0.8}
    assert choice["trained_on"]["sha256"] == in_use.record.data.sha256
    assert choice["labelled"] == fingerprint_table(valid_sessions()[["pages", "stay"]])
    assert choice["continued"] is False
    assert catalog.load("curve_in_use")["sse"].to_list() == [9.0, 1.5]
    pd.testing.assert_frame_equal(
        catalog.load("segment_profiles").reset_index(drop=True),
        expected_profiles(),
        check_dtype=False,
    )
    pd.testing.assert_frame_equal(catalog.load("typical_sessions"), typical_sessions())


def test_no_session_is_labelled_beside_features_of_other_sessions() -> None:
    model, features = trained(), session_features()
    in_use = planted_models.in_use(model, identities(model))
    for other in (features.assign(pages=1.0), features.iloc[1:], features.assign(clicks=1.0)):
        with pytest.raises(ModelMismatchError, match="session_features are not of valid_sessions"):
            nodes.assign_segments(*in_use, valid_sessions(), other)


def test_the_model_in_use_measures_distances_where_it_says_that_sessions_are() -> None:
    model = trained()
    known = identities(model)
    _, in_use = planted_models.in_use(model, known)
    sessions = session_features()

    scaled = in_use.scaled(sessions)

    assert list(scaled) == ["session_id", "pages", "stay"]
    assert scaled["session_id"].to_list() == sessions["session_id"].to_list()
    places = scaled[["pages", "stay"]].to_numpy()
    nearest = np.linalg.norm(places[:, None] - centroids(model)[None], axis=2).min(axis=1)
    assert nearest == pytest.approx(assign(model, known, sessions)["distance"].to_numpy())


def test_a_misspelt_setting_is_refused() -> None:
    assert LabellingParams.model_validate({"names": {1: "Buyers"}}).names.root == {1: "Buyers"}
    with pytest.raises(ValidationError, match="name\n"):
        LabellingParams.model_validate({"names": {}, "name": {}})

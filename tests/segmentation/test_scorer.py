"""A scorer labels as its model does, to the last session."""

import json
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
import planted_models
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from user_activity_trends.segmentation.model import (
    SegmentationModel,
    assign,
    build_model,
    centroids,
)
from user_activity_trends.segmentation.naming import SegmentIdentities
from user_activity_trends.segmentation.scaling import FeatureScaler
from user_activity_trends.segmentation.scorer import SegmentScorer, anchor_of

COLUMNS = ["a", "b", "c"]


def table(rows: int, seed: int) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    values = np.abs(draw.normal(3, 2, (rows, 3))) ** np.array([1, 2, 4])
    values[:, 1] = values[:, 1].round()
    return pd.DataFrame(values, columns=COLUMNS)


def trained(
    transform: Any, scaler: Any, *, fill_gaps: bool = False, k: int = 4
) -> tuple[SegmentationModel, SegmentScorer]:
    frame = nw.from_native(table(300, 1), eager_only=True)
    learnt = FeatureScaler.learn(frame, COLUMNS, transform, scaler, fill_gaps=fill_gaps)
    model = build_model(learnt, learnt.apply(frame).to_numpy(), k, 3, 0)
    named = [(cluster, f"called {cluster}") for cluster in reversed(range(k))]
    known = SegmentIdentities.model_validate(planted_models.identities(model, named, 0.5))
    scorer = SegmentScorer.build("v", learnt, centroids(model), known)
    return model, SegmentScorer.model_validate_json(scorer.model_dump_json())


def assert_alike(model: SegmentationModel, scorer: SegmentScorer, sessions: pd.DataFrame) -> None:
    expected, found = assign(model, sessions), scorer.score(sessions)
    assert found.cluster.tolist() == expected.cluster.tolist()
    # Far outside the training data, what counts is the relative error.
    np.testing.assert_allclose(found.distance, expected.distance, rtol=1e-12, atol=1e-9)
    np.testing.assert_allclose(found.margin, expected.margin, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("scaler", ["minmax", "standard", "robust"])
@pytest.mark.parametrize("transform", ["none", "log1p"])
@pytest.mark.parametrize("fill_gaps", [False, True])
def test_labels_and_distances_are_those_of_the_pickle(
    transform: str, scaler: str, *, fill_gaps: bool
) -> None:
    model, scorer = trained(transform, scaler, fill_gaps=fill_gaps)
    sessions = table(5_000, 2)
    if fill_gaps:
        sessions = sessions.mask(np.random.default_rng(3).random(sessions.shape) < 0.1)

    assert_alike(model, scorer, sessions)
    assert_alike(model, scorer, pd.concat([sessions * 1_000, sessions / 1_000]))


@settings(deadline=None, derandomize=True, max_examples=100)
@given(st.lists(st.tuples(*[st.floats(0, 1e12)] * 3), min_size=1, max_size=20))
def test_any_session_gets_the_same_label(rows: list[tuple[float, float, float]]) -> None:
    model, scorer = PAIR

    assert_alike(model, scorer, pd.DataFrame(rows, columns=COLUMNS))


PAIR = trained("log1p", "minmax")


def test_a_session_exactly_between_two_centres_falls_to_the_same_side() -> None:
    model, scorer = trained("none", "minmax")
    centers = centroids(model) * scorer.feature_scaler.scales + scorer.feature_scaler.centers
    middles = [(one + other) / 2 for one in centers for other in centers]

    assert_alike(model, scorer, pd.DataFrame(middles, columns=COLUMNS))


def test_the_input_stays_as_it_was() -> None:
    sessions = table(10, 4).mask(table(10, 4) < 1)
    before = sessions.copy()

    trained("log1p", "standard", fill_gaps=True)[1].score(sessions)

    pd.testing.assert_frame_equal(sessions, before)


@pytest.mark.parametrize("recipe", ["base", "log"])
def test_labels_are_those_of_the_pickle_on_the_real_data(recipe: str, real_sessions: Path) -> None:
    sessions = pd.read_csv(real_sessions)
    names = [name for name in sessions.columns[:9] if recipe == "base" or name != "PageValues"]
    frame = nw.from_native(sessions[names], eager_only=True)
    transform: Any = "log1p" if recipe == "log" else "none"
    learnt = FeatureScaler.learn(frame, names, transform, "minmax", fill_gaps=False)
    model = build_model(learnt, learnt.apply(frame).to_numpy(), 4, 1, 0)
    known = planted_models.identities(model, [(n, str(n)) for n in range(4)], 0.5)
    scorer = SegmentScorer.build(
        "v", learnt, centroids(model), SegmentIdentities.model_validate(known)
    )

    assert_alike(model, scorer, sessions)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"segments": []}, "segments"),
        ({"features": []}, "features"),
        ({"transform": "sqrt"}, "transform"),
        ({"more": 1}, "more"),
        ({"distance_limit": -1}, "distance_limit"),
    ],
)
def test_a_scorer_that_is_none_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        SegmentScorer.model_validate(PAIR[1].model_dump() | change)


def test_a_centroid_without_a_number_for_each_feature_is_refused() -> None:
    content = json.loads(PAIR[1].model_dump_json())
    content["segments"][1]["centroid"].pop()

    with pytest.raises(ValidationError, match="segment 2: its centroid has not one number"):
        SegmentScorer.model_validate(content)


def test_segments_without_a_cluster_each_are_refused() -> None:
    content = json.loads(PAIR[1].model_dump_json())
    content["segments"][1]["cluster"] = 9

    with pytest.raises(ValidationError, match="their clusters are not 0, 1"):
        SegmentScorer.model_validate(content)


def test_it_is_a_few_kilobytes() -> None:
    assert len(PAIR[1].model_dump_json(indent=2)) < 5_000


def test_there_is_an_anchor_only_for_the_same_columns_and_number_of_segments() -> None:
    scorer = PAIR[1]
    scaler = scorer.feature_scaler

    anchor = anchor_of(scorer, scaler, 4, 0.05)

    assert anchor is not None
    np.testing.assert_allclose(anchor.centers, scorer.centers)
    assert anchor_of(None, scaler, 4, 0.05) is None
    assert anchor_of(scorer, scaler, 3, 0.05) is None
    assert anchor_of(scorer, scaler, 4, 0.0) is None
    other = scaler.model_copy(update={"transform": "none"})
    assert anchor_of(scorer, other, 4, 0.05) is None
    fewer = scaler.model_copy(update={"features": scaler.features[:2]})
    assert anchor_of(scorer, fewer, 4, 0.05) is None


def test_what_a_table_lacks_is_named() -> None:
    sessions = table(3, 1)

    assert PAIR[1].lacking(sessions[["c", "a"]].assign(x=1)) == ["b"]
    with_a_gap = sessions.assign(c=[1.0, None, 2.0])
    assert PAIR[1].lacking(with_a_gap) == ["c"]
    assert trained("none", "minmax", fill_gaps=True)[1].lacking(with_a_gap) == []

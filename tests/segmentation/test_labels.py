"""A label belongs to its session, and a model to its own identities."""

from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
import planted_models
import pytest

from user_activity_trends.errors import ModelMismatchError
from user_activity_trends.segmentation.labels import label
from user_activity_trends.segmentation.model import SegmentationModel, build_model, fingerprint
from user_activity_trends.segmentation.scaling import FeatureScaler

COLUMNS = ["x", "y"]
TRAINING = pd.DataFrame({"x": [0.0, 0, 10, 10, 10], "y": [0.0, 2, 8, 10, 9]})
"""Scaled by 10, the groups lie around (0, 0.1) and (1, 0.9)."""


def trained(n_clusters: int = 2) -> SegmentationModel:
    frame = nw.from_native(TRAINING, eager_only=True)
    scaler = FeatureScaler.learn(frame, COLUMNS, "none", "minmax", fill_gaps=False)
    return build_model(scaler, scaler.apply(frame).to_numpy(), n_clusters, 3, 0)


def named(model: SegmentationModel, limit: float = 0.5) -> dict[str, Any]:
    small, large = model.predict(pd.DataFrame({"x": [0.0, 10.0], "y": [1.0, 9.0]}))
    return planted_models.identities(model, [(large, "busy"), (small, "quiet")], limit)


def new_sessions() -> pd.DataFrame:
    return pd.DataFrame(
        {"session_id": ["d", "a", "c"], "x": [10.0, 0.0, 6.0], "y": [9.0, 1.0, 9.0]},
        index=[5, 3, 3],
    )


def test_each_session_gets_its_segment_name_distance_and_margin() -> None:
    model = trained()

    found = label(model, named(model), new_sessions())

    across = np.hypot(1, 0.8)
    expected = pd.DataFrame(
        {
            "session_id": ["d", "a", "c"],
            "segment": [1, 2, 1],
            "segment_name": ["busy", "quiet", "busy"],
            "distance": [0, 0, 0.4],
            "margin": [across, across, np.hypot(0.6, 0.8) - 0.4],
            "unusual": [False, False, False],
        }
    )
    pd.testing.assert_frame_equal(found, expected, atol=1e-12)


@pytest.mark.parametrize(("limit", "unusual"), [(0.39, True), (0.41, False)])
def test_a_session_beyond_the_limit_is_unusual(limit: float, *, unusual: bool) -> None:
    model = trained()

    found = label(model, named(model, limit), new_sessions())

    assert found["unusual"].to_list() == [False, False, unusual]


def test_a_session_exactly_at_the_limit_is_not_unusual() -> None:
    model = trained()
    at = float(label(model, named(model), new_sessions())["distance"][2])

    assert label(model, named(model, at), new_sessions())["unusual"].to_list() == [False] * 3


def test_labels_follow_the_sessions_and_not_their_order() -> None:
    model = trained()
    sessions = new_sessions()

    one = label(model, named(model), sessions).set_index("session_id")
    other = label(model, named(model), sessions.iloc[::-1]).set_index("session_id")

    pd.testing.assert_frame_equal(other.loc[one.index], one)


def test_no_sessions_get_no_labels_and_the_same_columns() -> None:
    model = trained()

    found = label(model, named(model), new_sessions().head(0))

    assert found.shape == (0, 6)
    assert list(found.columns) == list(label(model, named(model), new_sessions()).columns)


def test_identities_of_another_training_run_are_refused() -> None:
    model, other = trained(), trained(n_clusters=3)

    with pytest.raises(ModelMismatchError) as caught:
        label(model, named(other), new_sessions())

    for told in (fingerprint(model), fingerprint(other), "kedro run --pipelines training"):
        assert told in str(caught.value)


def test_sessions_without_a_feature_of_the_model_are_refused() -> None:
    model = trained()

    with pytest.raises(ModelMismatchError, match="segmentation_model takes y, which"):
        label(model, named(model), new_sessions().drop(columns="y"))


def test_the_input_stays_as_it_was() -> None:
    model = trained()
    sessions, identities = new_sessions(), named(model)

    label(model, identities, sessions)

    pd.testing.assert_frame_equal(sessions, new_sessions(), check_exact=True)
    assert identities == named(model)


def test_damaged_identities_are_refused() -> None:
    with pytest.raises(ModelMismatchError, match="3 of its values are not as they must be"):
        label(None, {"model": "x"}, pd.DataFrame())  # type: ignore[arg-type]

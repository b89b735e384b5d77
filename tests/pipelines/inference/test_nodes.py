"""New sessions are scored with what was learnt in training; none is lost, none is guessed."""

import copy
import logging
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
import planted_models
import pytest

from user_activity_trends import schemas
from user_activity_trends.errors import CellsError, ColumnsError, ModelMismatchError
from user_activity_trends.pipelines.inference import nodes
from user_activity_trends.recipes import RecipesParams
from user_activity_trends.segmentation import model as models
from user_activity_trends.segmentation import naming
from user_activity_trends.segmentation.scaling import FeatureScaler
from user_activity_trends.sessions.columns import ColumnsParams

LOGGER = "user_activity_trends.pipelines.inference.nodes"
DIAMOND = [(-1, 0), (1, 0), (0, -1), (0, 1)]
CENTERS = {(1, 1): 3, (9, 1): 2, (1, 9): 1}
"""Centre of each planted segment, and how many diamonds of four sessions it has."""

TRAINING = pd.DataFrame(
    [(x + dx, y + dy) for (x, y), n in CENTERS.items() for _ in range(n) for dx, dy in DIAMOND],
    columns=["a", "b"],
    dtype=float,
)
"""Both features run from 0 to 10, so one unit is 0.1 in scaled units."""

COLUMNS = ColumnsParams.model_validate(
    {"outcome": "o", "period": "m", "kinds": {"a": "amount", "b": "number"}}
)
Trained = tuple[Any, dict[str, Any]]


def _recipes(columns: tuple[str, ...] = ("a", "b"), **settings: Any) -> RecipesParams:
    return RecipesParams.model_validate({"base": {"columns": columns} | settings})


def _train(*, fill_gaps: bool = False, seed: int = 42) -> Trained:
    table = nw.from_native(TRAINING, eager_only=True)
    scaler = FeatureScaler.learn(table, ["a", "b"], "none", "minmax", fill_gaps=fill_gaps)
    scaled = scaler.apply(table).to_native()
    model = models.build_model(scaler, scaled.to_numpy(), 3, restarts=10, random_state=seed)
    found = models.nearest(scaled.to_numpy(), models.centroids(model))
    largest_first = np.argsort(-np.bincount(found.cluster))
    named = list(zip(largest_first, ["Many", "Some", "Few"], strict=True))
    limit = float(np.quantile(found.distance, naming.UNUSUAL_QUANTILE))
    return model, planted_models.identities(model, named, limit)


@pytest.fixture(scope="module")
def trained() -> Trained:
    """A model of the planted segments and what its clusters are called."""
    return _train()


@pytest.fixture(scope="module")
def trained_with_gaps() -> Trained:
    """The same, which fills a gap with the median of training: a 1.5, b 1."""
    return _train(fill_gaps=True)


def _new(rows: list[tuple[str, str]], **more: list[str]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["a", "b"], dtype="str").assign(**more)
    frame.attrs = {"file": "new.csv", "blank_lines": 0}
    return frame


def _score(
    trained: Trained,
    new: pd.DataFrame,
    columns: ColumnsParams = COLUMNS,
    recipes: RecipesParams | None = None,
) -> pd.DataFrame:
    valid, rejected = nodes.validate_new_sessions(new, columns, recipes or _recipes(), "base")
    scored = nodes.predict_segments(*planted_models.in_use(*trained), valid, rejected)
    assert list(scored.columns) == [
        "session_id",
        "segment",
        "segment_name",
        "distance",
        "margin",
        "unusual",
        "reason",
        "model_version",
    ]
    assert scored["model_version"].tolist() == [planted_models.VERSION] * len(scored)
    schemas.NewSessionSegments.validate(scored)
    return scored


# --- scoring ---------------------------------------------------------------------------------


def test_new_sessions_get_the_planted_segment_distance_and_margin(trained: Trained) -> None:
    scored = _score(trained, _new([("1", "1"), ("9", "1.5"), ("1", "9"), ("1", "1")]))

    assert scored["session_id"].tolist() == [1, 2, 3, 4]
    assert scored["session_id"].dtype == np.int64
    assert scored["segment"].tolist() == [1, 2, 3, 1]
    assert scored["segment_name"].tolist() == ["Many", "Some", "Few", "Many"]
    np.testing.assert_allclose(scored["distance"], [0, 0.05, 0, 0], atol=1e-12)
    np.testing.assert_allclose(scored["margin"], [0.8, np.hypot(0.8, 0.05) - 0.05, 0.8, 0.8])
    assert scored["unusual"].tolist() == [False] * 4
    assert scored["reason"].tolist() == [""] * 4


@pytest.mark.parametrize(
    "order", [[0, 1, 2], [2, 1, 0], [1, 2, 0]], ids=["as it is", "turned", "shifted"]
)
def test_a_session_is_scored_the_same_in_whatever_company(
    trained: Trained, order: list[int]
) -> None:
    rows = [("1", "1"), ("9", "1"), ("300", "9")]
    alone = [_score(trained, _new([row])).iloc[0] for row in rows]

    together = _score(trained, _new([rows[position] for position in order]))

    for place, position in enumerate(order):
        assert together.loc[place, "segment"] == alone[position]["segment"]
        assert together.loc[place, "distance"] == alone[position]["distance"]
        assert together.loc[place, "margin"] == alone[position]["margin"]


@pytest.mark.parametrize(
    ("row", "segment", "distance"),
    [
        (("1001", "1"), 2, 99.2),
        (("1", "1e6"), 3, 99999.1),
        (("1", "-999"), 1, 100.0),
        (("1e12", "1"), 2, 99999999999.2),
    ],
)
def test_a_session_far_outside_training_is_scored_and_unusual(
    trained: Trained, row: tuple[str, str], segment: int, distance: float
) -> None:
    scored = _score(trained, _new([("1", "1"), row]))

    assert scored["segment"].tolist() == [1, segment]
    np.testing.assert_allclose(scored["distance"], [0, distance], atol=1e-9)
    assert scored["unusual"].tolist() == [False, True]


def test_unusual_starts_beyond_the_training_sessions(trained: Trained) -> None:
    scored = _score(trained, _new([("1.99", "1"), ("2.02", "1"), ("1e100", "-1e100")]))

    assert scored["unusual"].tolist() == [False, True, True]
    assert np.isfinite(scored["distance"]).all()


def test_columns_are_found_by_name_and_others_are_named_in_the_log(
    trained: Trained, caplog: pytest.LogCaptureFixture
) -> None:
    new = _new([("9", "1")], o=["?"], spare=["x"])[["spare", "b", "o", "a"]]
    new.attrs = {"file": "new.csv"}

    with caplog.at_level(logging.INFO, LOGGER):
        scored = _score(trained, new)
        _score(trained, _new([("9", "1")]))

    assert scored["segment"].tolist() == [2]
    (record,) = caplog.records
    assert "spare, o" in record.getMessage()


def test_outcome_and_period_are_not_needed(trained: Trained) -> None:
    new = _new([("9", "1")])

    valid, rejected = nodes.validate_new_sessions(new, COLUMNS, _recipes(), "base")

    assert list(valid.columns) == ["session_id", "a", "b"]
    assert rejected.empty
    assert _score(trained, new)["segment"].tolist() == [2]


def test_a_column_that_training_dropped_does_not_disturb(trained: Trained) -> None:
    recipes = _recipes(("constant", "a", "b"))

    scored = _score(trained, _new([("9", "1")], constant=["5"]), recipes=recipes)

    assert scored["segment"].tolist() == [2]


# --- sessions that cannot be scored --------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("", "a: missing value"),
        ("NA", "a: missing value"),
        ("x", "a: not a number"),
        ("-1", "a: negative"),
        ("inf", "a: infinite"),
        ("1e999", "a: beyond 1e+100"),
    ],
)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_row_with_a_defect_stays_in_its_place_unscored_with_its_reason(
    trained: Trained, cell: str, reason: str, place: int
) -> None:
    rows = [("9", "1"), ("1", "9")]
    rows.insert(place, (cell, "1"))
    segments: list[Any] = [2, 3]
    segments.insert(place, None)

    scored = _score(trained, _new(rows))

    assert scored["session_id"].astype(str).tolist() == ["1", "2", "3"]
    assert [None if pd.isna(one) else one for one in scored["segment"]] == segments
    assert scored["reason"].tolist() == [reason if n == place else "" for n in range(3)]
    for column in ("segment_name", "distance", "margin", "unusual"):
        assert scored[column].isna().tolist() == [n == place for n in range(3)]


def test_all_reasons_of_a_row_are_told_at_once(trained: Trained) -> None:
    scored = _score(trained, _new([("x", ""), ("9", "1"), ("-1", "1")]))

    assert scored["reason"].tolist() == ["a: not a number; b: missing value", "", "a: negative"]


def test_rows_are_in_the_order_of_the_file_whatever_their_ids(trained: Trained) -> None:
    columns = COLUMNS.model_copy(update={"id": "key"})
    rows = [("1", "1"), ("", "1"), ("9", "1"), ("x", "1"), ("1", "9"), ("1", "1")]

    scored = _score(trained, _new(rows, key=["z", "10", "a", "9", "m", "z"]), columns)

    assert scored["session_id"].tolist() == ["z", "10", "a", "9", "m", "z"]
    assert scored["segment"].fillna(0).tolist() == [1, 0, 2, 0, 3, 0]
    assert scored["reason"].tolist() == [
        "",
        "a: missing value",
        "",
        "a: not a number",
        "",
        "key: id occurs before",
    ]


def test_a_row_without_an_id_is_told_and_not_lost(trained: Trained) -> None:
    columns = COLUMNS.model_copy(update={"id": "key"})
    new = _new([("1", "1"), ("9", "1"), ("1", "9")], key=["k1", "", "k3"])

    _, rejected = nodes.validate_new_sessions(new, columns, _recipes(), "base")
    scored = _score(trained, new, columns)

    assert schemas.RejectedSessions.validate(rejected)["row"].tolist() == [2]
    assert scored["session_id"].tolist() == ["k1", "", "k3"]
    assert scored["reason"].tolist() == ["", "key: missing value", ""]
    assert scored["segment"].fillna(0).tolist() == [1, 0, 3]


def test_a_file_of_defects_only_is_told_row_by_row(trained: Trained) -> None:
    scored = _score(trained, _new([("", "1"), ("1", "x")]))

    assert scored["session_id"].astype(str).tolist() == ["1", "2"]
    assert scored["segment"].isna().tolist() == [True, True]
    assert scored["reason"].tolist() == ["a: missing value", "b: not a number"]


def test_what_is_set_aside_is_named_by_file_row_and_value() -> None:
    new = _new([("1", "1"), ("x", "1")])

    valid, rejected = nodes.validate_new_sessions(new, COLUMNS, _recipes(), "base")

    assert valid.to_dict("records") == [{"session_id": 1, "a": 1.0, "b": 1.0}]
    assert schemas.RejectedSessions.validate(rejected).to_dict("records") == [
        {
            "file": "new.csv",
            "row": 2,
            "session_id": "2",
            "column": "a",
            "value": "x",
            "reason": "not a number",
        }
    ]


# --- gaps --------------------------------------------------------------------------------------


def test_a_gap_is_filled_with_the_median_of_training(trained_with_gaps: Trained) -> None:
    recipes = _recipes(missing="median")

    scored = _score(trained_with_gaps, _new([("", "9"), ("9", "NA"), ("", "")]), recipes=recipes)

    assert scored["segment"].tolist() == [3, 2, 1]
    np.testing.assert_allclose(scored["distance"], [0.05, 0, 0.05], atol=1e-12)
    assert scored["reason"].tolist() == ["", "", ""]


def test_filling_gaps_excuses_nothing_else(trained_with_gaps: Trained) -> None:
    scored = _score(trained_with_gaps, _new([("x", "")]), recipes=_recipes(missing="median"))

    assert scored["reason"].tolist() == ["a: not a number"]


def test_a_gap_is_an_error_if_the_recipe_says_so() -> None:
    new = _new([("1", "1"), ("x", ""), ("", "1")])

    with pytest.raises(CellsError) as refused:
        nodes.validate_new_sessions(new, COLUMNS, _recipes(missing="fail"), "base")

    message = str(refused.value)
    assert message.startswith("new.csv: 2 values are missing, the first in row 2, and ")
    assert "recipes.base.missing is fail" in message


def test_missing_fail_lets_complete_sessions_through(trained: Trained) -> None:
    scored = _score(trained, _new([("9", "1"), ("x", "1")]), recipes=_recipes(missing="fail"))

    assert scored["segment"].fillna(0).tolist() == [2, 0]


def test_a_number_whose_logarithm_is_taken_is_not_negative() -> None:
    recipes = _recipes(transform="log1p")

    _, rejected = nodes.validate_new_sessions(_new([("1", "-1")]), COLUMNS, recipes, "base")

    assert rejected["reason"].tolist() == ["negative, and the recipe takes its logarithm"]


# --- nothing to score, and what is an error ------------------------------------------------------


def _no_file() -> pd.DataFrame:
    frame = pd.DataFrame()
    frame.attrs = {"file": None, "blank_lines": 0}
    return frame


@pytest.mark.parametrize("key", [None, "key"])
@pytest.mark.parametrize("new", [_new([], key=[]), _no_file()], ids=["header only", "no file"])
def test_nothing_to_score_is_an_empty_result(
    trained: Trained, new: pd.DataFrame, key: str | None
) -> None:
    columns = COLUMNS.model_copy(update={"id": key})

    valid, rejected = nodes.validate_new_sessions(new, columns, _recipes(), "base")
    scored = _score(trained, new, columns)

    assert (len(valid), len(rejected), len(scored)) == (0, 0, 0)
    assert list(valid.columns) == ["session_id", "a", "b"]
    assert valid[["a", "b"]].dtypes.tolist() == [np.float64, np.float64]


def test_all_missing_columns_are_listed_with_those_found() -> None:
    columns = COLUMNS.model_copy(update={"id": "key"})

    with pytest.raises(ColumnsError) as refused:
        nodes.validate_new_sessions(
            _new([("1", "1")]).drop(columns="b"), columns, _recipes(), "base"
        )

    assert "names missing from the header: key, b; found: a" in str(refused.value)


def test_a_model_and_the_names_of_another_are_refused(trained: Trained) -> None:
    model, identities = trained
    others = identities | {"model": "0123456789abcdef"}

    with pytest.raises(ModelMismatchError, match="0123456789abcdef"):
        _score((model, others), _new([("1", "1")]))


# --- purity ------------------------------------------------------------------------------------


def test_no_node_changes_what_it_is_given_and_each_repeats_itself(trained: Trained) -> None:
    new = _new([("1", "1"), ("", "1"), ("9", "1")])
    model, identities = trained
    centers = models.centroids(model).copy()
    inputs = (new, identities)
    before = copy.deepcopy(inputs)

    valid, rejected = nodes.validate_new_sessions(new, COLUMNS, _recipes(), "base")
    between = copy.deepcopy((valid, rejected))
    first = nodes.predict_segments(*planted_models.in_use(model, identities), valid, rejected)
    second = nodes.predict_segments(*planted_models.in_use(model, identities), valid, rejected)

    pd.testing.assert_frame_equal(first, second)
    pd.testing.assert_frame_equal(new, before[0])
    assert new.attrs == before[0].attrs
    assert identities == before[1]
    pd.testing.assert_frame_equal(valid, between[0])
    pd.testing.assert_frame_equal(rejected, between[1])
    np.testing.assert_array_equal(models.centroids(model), centers)

"""The stage as a whole, on an in-memory catalog."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner

from user_activity_trends.errors import CellsError, ColumnsError
from user_activity_trends.pipelines.data_processing import create_pipeline
from user_activity_trends.pipelines.data_processing.params import DataProcessingParams
from user_activity_trends.recipes import RecipesParams
from user_activity_trends.sessions.columns import ColumnsParams

OUTPUTS = [
    "rejected_sessions",
    "data_quality",
    "valid_sessions",
    "session_features",
    "scaled_features",
    "feature_scaler",
]


class _Kept(MemoryDataset):
    """Keeps what it holds after its last use, as a file does."""

    def _release(self) -> None:
        pass


def _catalog(sessions: pd.DataFrame, **recipe: Any) -> DataCatalog:
    sessions.attrs = {"file": "in.csv", "blank_lines": 1}
    recipes = {"base": {"columns": ["a", "b", "c"]} | recipe, "other": {"columns": ["b"]}}
    columns = {"id": "key", "outcome": "o", "kinds": {"a": "count"}}
    processing = {"max_rejected_share": 0.2, "duplicates": "drop"}
    inputs = {
        "sessions": sessions,
        "params:columns": ColumnsParams.model_validate(columns),
        "params:recipes": RecipesParams.model_validate(recipes),
        "params:recipe": "base",
        "params:data_processing": DataProcessingParams.model_validate(processing),
        "params:promotion.evaluation_rows": "all",
    }
    return DataCatalog(
        {name: MemoryDataset(value) for name, value in inputs.items()}
        | {name: _Kept() for name in OUTPUTS}
    )


def _sessions() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "key": ["s1", "s2", "s3", "s3", "s4", "s5", "s6"],
            "a": ["0", "1", "2", "2", "-3", "3", "4"],
            "b": ["10", "20", "30", "30", "40", "50", "20"],
            "c": ["7", "7", "7", "7", "7", "7", "7"],
            "o": ["1", "0", "TRUE", "TRUE", "1", "false", "0"],
        },
        dtype="str",
    )


def test_the_stage_turns_a_file_into_scaled_features() -> None:
    catalog = _catalog(_sessions())

    SequentialRunner().run(create_pipeline(), catalog)

    rejected = catalog.load("rejected_sessions")
    assert rejected.to_dict("records") == [
        {
            "file": "in.csv",
            "row": 5,
            "session_id": "s4",
            "column": "a",
            "value": "-3",
            "reason": "negative",
        }
    ]
    quality = catalog.load("data_quality")
    assert {name: quality[name] for name in ("rows_read", "rows_accepted", "rows_rejected")} == {
        "rows_read": 7,
        "rows_accepted": 5,
        "rows_rejected": 1,
    }
    assert (quality["duplicate_rows"], quality["blank_lines"]) == (1, 1)
    valid = catalog.load("valid_sessions")
    assert valid["session_id"].tolist() == ["s1", "s2", "s3", "s5", "s6"]
    assert valid["o"].tolist() == [True, False, True, False, False]
    features = catalog.load("session_features")
    assert list(features.columns) == ["session_id", "a", "b"]
    assert features["b"].tolist() == [10, 20, 30, 50, 20]
    scaled = catalog.load("scaled_features")
    assert scaled["session_id"].tolist() == ["s1", "s2", "s3", "s5", "s6"]
    np.testing.assert_allclose(scaled["a"], [0, 0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(scaled["b"], [0, 0.25, 0.5, 1, 0.25])
    assert [one["column"] for one in catalog.load("feature_scaler")["features"]] == ["a", "b"]


@pytest.mark.parametrize(
    ("change", "error", "written"),
    [
        pytest.param({"b": "x"}, CellsError, ["rejected_sessions", "data_quality"], id="cells"),
        pytest.param({"b": None}, ColumnsError, [], id="columns"),
    ],
)
def test_a_refused_table_leaves_only_what_says_why(
    change: dict[str, str | None], error: type[Exception], written: list[str]
) -> None:
    sessions = _sessions()
    for name, value in change.items():
        sessions = (
            sessions.drop(columns=name) if value is None else sessions.assign(**{name: value})
        )
    catalog = _catalog(sessions)

    with pytest.raises(error):
        SequentialRunner().run(create_pipeline(), catalog)

    assert [name for name in OUTPUTS if catalog[name].exists()] == written


def test_the_stage_is_one_namespace_of_named_nodes_in_order() -> None:
    pipeline = create_pipeline()

    assert [node.name for node in pipeline.nodes] == [
        f"data_processing.{name}"
        for name in (
            "validate_sessions",
            "check_rejected_share",
            "select_features",
            "scale_features",
        )
    ]
    assert pipeline.inputs() == {
        "sessions",
        "params:columns",
        "params:recipes",
        "params:recipe",
        "params:data_processing",
        "params:promotion.evaluation_rows",
    }
    assert pipeline.all_outputs() == set(OUTPUTS)

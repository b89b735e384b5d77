"""From a file of sessions to scaled features: what is refused, counted, dropped and scaled."""

import copy
import logging
from typing import Any

import numpy as np
import pandas as pd
import pytest

from user_activity_trends import schemas
from user_activity_trends.errors import (
    CellsError,
    ColumnsError,
    DegenerateDataError,
    InputFileError,
)
from user_activity_trends.lifecycle.record import fingerprint_table
from user_activity_trends.pipelines.data_processing import nodes
from user_activity_trends.pipelines.data_processing.params import DataProcessingParams
from user_activity_trends.recipes import RecipesParams
from user_activity_trends.sessions.columns import ColumnsParams

LOGGER = "user_activity_trends.pipelines.data_processing.nodes"
MONTHS = ["Jan", "Feb", "Mar"]
COLUMNS = ColumnsParams.model_validate(
    {
        "outcome": "bought",
        "period": "month",
        "dimensions": ["visitor"],
        "kinds": {"pages": "count", "seconds": "duration", "exits": "rate"},
        "values": {"month": {"accepted": MONTHS}},
    }
)
FEATURES = ["pages", "seconds", "exits"]


def _recipes(**settings: Any) -> RecipesParams:
    return RecipesParams.model_validate({"base": {"columns": FEATURES} | settings})


def _processing(share: float = 0.05, duplicates: str = "keep") -> DataProcessingParams:
    return DataProcessingParams.model_validate(
        {"max_rejected_share": share, "duplicates": duplicates}
    )


def _sessions(rows: int = 20, **cells: dict[int, str]) -> pd.DataFrame:
    """Return sessions as the file has them; ``cells`` replaces some, by column and row from 1."""
    frame = pd.DataFrame(
        {
            "month": [MONTHS[n % 3] for n in range(rows)],
            "extra": [f"e{n}" for n in range(rows)],
            "exits": [f"{n / 1000}" for n in range(rows)],
            "pages": [str(n) for n in range(rows)],
            "seconds": [f"{n * 10}.5" for n in range(rows)],
            "bought": ["TRUE" if n % 4 == 0 else "FALSE" for n in range(rows)],
            "visitor": ["new" if n % 2 else "known" for n in range(rows)],
        },
        dtype="str",
    )
    for column, changes in cells.items():
        for row, cell in changes.items():
            frame.loc[row - 1, column] = cell
    frame.attrs = {"file": "in.csv", "blank_lines": 0}
    return frame


def _validate(
    sessions: pd.DataFrame,
    columns: ColumnsParams = COLUMNS,
    recipes: RecipesParams | None = None,
    processing: DataProcessingParams | None = None,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    return nodes.validate_sessions(
        sessions, columns, recipes or _recipes(), "base", processing or _processing()
    )


def _check(
    sessions: pd.DataFrame,
    columns: ColumnsParams = COLUMNS,
    recipes: RecipesParams | None = None,
    processing: DataProcessingParams | None = None,
) -> pd.DataFrame:
    recipes, processing = recipes or _recipes(), processing or _processing()
    rejected, _ = nodes.validate_sessions(sessions, columns, recipes, "base", processing)
    return nodes.check_rejected_share(sessions, rejected, columns, recipes, "base", processing)


# --- validate_sessions -------------------------------------------------------------------


def test_a_clean_table_is_reported_as_it_is() -> None:
    rejected, quality = _validate(_sessions(4))

    assert rejected.empty
    assert list(rejected.columns) == ["file", "row", "session_id", "column", "value", "reason"]
    assert quality == {
        "file": "in.csv",
        "sha256": fingerprint_table(_sessions(4)[["pages", "seconds", "exits"]]),
        "rows_read": 4,
        "rows_accepted": 4,
        "rows_rejected": 0,
        "defects_by_reason": {},
        "duplicate_rows": 0,
        "duplicates": "kept",
        "blank_lines": 0,
        "unused_columns": ["extra"],
        "ranges": {
            "pages": {"min": 0.0, "mean": 1.5, "max": 3.0},
            "seconds": {"min": 0.5, "mean": 15.5, "max": 30.5},
            "exits": {"min": 0.0, "mean": 0.0015, "max": 0.003},
        },
    }


@pytest.mark.parametrize(
    ("column", "cell", "reason"),
    [
        ("pages", "many", "not a number"),
        ("pages", "-1", "negative"),
        ("pages", "1.5", "not a whole number"),
        ("seconds", "-0.5", "negative"),
        ("exits", "1.01", "outside [0, 1]"),
        ("exits", "-0.01", "outside [0, 1]"),
        ("seconds", "inf", "infinite"),
        ("seconds", "", "missing value"),
        ("bought", "NA", "missing value"),
        ("seconds", "NA", "missing value"),
        ("month", "", "missing value"),
        ("month", "Juni", "not one of Jan, Feb, Mar"),
        ("month", "2", "not one of Jan, Feb, Mar"),
        ("bought", "yes", "not one of TRUE, FALSE, 1, 0"),
    ],
)
def test_a_row_with_a_defect_is_set_aside(column: str, cell: str, reason: str) -> None:
    sessions = _sessions(**{column: {7: cell}})

    rejected, quality = _validate(sessions)
    valid = _check(sessions)

    assert rejected.to_dict("records") == [
        {
            "file": "in.csv",
            "row": 7,
            "session_id": "7",
            "column": column,
            "value": cell,
            "reason": reason,
        }
    ]
    assert (quality["rows_read"], quality["rows_accepted"], quality["rows_rejected"]) == (20, 19, 1)
    assert quality["defects_by_reason"] == {f"{column}: {reason}": 1}
    assert valid["session_id"].tolist() == [n for n in range(1, 21) if n != 7]


def test_rows_and_defects_are_counted_apart() -> None:
    sessions = _sessions(pages={2: "x", 5: "y"}, seconds={2: "-1"}, month={2: "May", 9: "May"})

    rejected, quality = _validate(sessions)

    assert list(zip(rejected["row"], rejected["column"], strict=True)) == [
        (2, "pages"),
        (2, "seconds"),
        (2, "month"),
        (5, "pages"),
        (9, "month"),
    ]
    assert quality["rows_rejected"] == 3
    assert quality["rows_accepted"] == 17
    assert list(quality["defects_by_reason"].items()) == [
        ("month: not one of Jan, Feb, Mar", 2),
        ("pages: not a number", 2),
        ("seconds: negative", 1),
    ]


def test_a_gap_in_a_dimension_is_no_defect() -> None:
    sessions = _sessions(visitor={3: ""})

    assert _validate(sessions)[0].empty
    assert _check(sessions)["visitor"].isna().tolist() == [n == 2 for n in range(20)]


def test_what_is_set_aside_is_what_the_catalog_takes() -> None:
    columns = COLUMNS.model_copy(update={"id": "extra"})
    sessions = _sessions(extra={2: "", 3: " ", 5: "e0"}, pages={2: "x", 7: ""})

    rejected, _ = _validate(sessions, columns)

    accepted = schemas.RejectedSessions.validate(rejected)
    assert accepted[["row", "session_id", "column", "value"]].to_numpy().tolist() == [
        [2, "", "extra", ""],
        [2, "", "pages", "x"],
        [3, "", "extra", " "],
        [5, "e0", "extra", "e0"],
        [7, "e6", "pages", ""],
    ]


def test_extra_columns_are_named_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, LOGGER):
        _validate(_sessions())
        _validate(_sessions().drop(columns="extra"))

    (record,) = caplog.records
    assert "extra" in record.getMessage()


def test_the_order_of_the_columns_does_not_matter() -> None:
    sessions = _sessions(pages={2: "x"})
    turned = sessions[sessions.columns[::-1]]
    turned.attrs = sessions.attrs

    pd.testing.assert_frame_equal(_validate(turned)[0], _validate(sessions)[0])
    pd.testing.assert_frame_equal(_check(turned), _check(sessions))


def test_all_missing_columns_are_listed_with_those_found() -> None:
    sessions = _sessions().drop(columns=["pages", "bought"])

    with pytest.raises(ColumnsError) as refused:
        _validate(sessions)

    assert "in.csv: column names missing from the header: pages, bought; found: month, " in str(
        refused.value
    )


def test_a_header_without_sessions_is_an_error() -> None:
    sessions = _sessions(0)

    with pytest.raises(InputFileError, match=r"in\.csv: has a header and no sessions"):
        _validate(sessions)


def test_blank_lines_are_reported() -> None:
    sessions = _sessions()
    sessions.attrs["blank_lines"] = 3

    assert _validate(sessions)[1]["blank_lines"] == 3


def test_a_table_from_elsewhere_has_no_file_and_typed_columns() -> None:
    sessions = _sessions().astype({"pages": "int64", "seconds": "float64", "exits": "float64"})
    sessions["bought"] = sessions["bought"] == "TRUE"
    sessions.attrs = {}
    sessions.loc[3, "seconds"] = np.nan

    rejected, quality = _validate(sessions)

    assert rejected[["file", "row", "reason"]].to_numpy().tolist() == [
        ["sessions", 4, "missing value"]
    ]
    assert quality["ranges"]["pages"]["max"] == 19.0


# --- duplicates ---------------------------------------------------------------------------


def _with_duplicates() -> pd.DataFrame:
    sessions = _sessions(20, pages={4: "x"})
    for row in (9, 15):
        sessions.iloc[row - 1] = sessions.iloc[1]
    sessions.iloc[11] = sessions.iloc[3]
    return sessions


@pytest.mark.parametrize(
    ("duplicates", "said", "accepted", "refused"),
    [("keep", "kept", 18, [4, 12]), ("drop", "dropped", 16, [4])],
)
def test_exact_duplicates_are_counted_and_kept_or_dropped(
    duplicates: str, said: str, accepted: int, refused: list[int]
) -> None:
    sessions, processing = _with_duplicates(), _processing(0.5, duplicates)

    rejected, quality = _validate(sessions, processing=processing)
    valid = _check(sessions, processing=processing)

    assert (quality["duplicate_rows"], quality["duplicates"]) == (3, said)
    assert quality["rows_read"] == 20
    assert quality["rows_accepted"] == accepted
    assert rejected["row"].tolist() == refused
    gone = {4, 12} if duplicates == "keep" else {4, 9, 12, 15}
    assert valid["session_id"].tolist() == [n for n in range(1, 21) if n not in gone]


def test_rows_that_differ_in_an_unused_column_are_no_duplicates() -> None:
    sessions = _sessions(20)
    sessions.iloc[5] = sessions.iloc[4]
    sessions.loc[5, "extra"] = "other"

    assert _validate(sessions)[1]["duplicate_rows"] == 0


# --- check_rejected_share ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "defective", "share", "stops"),
    [
        (20, 1, 0.05, 0),
        (20, 2, 0.05, 1),
        (60, 3, 0.05, 0),
        (59, 3, 0.05, 1),
        (140, 7, 0.05, 0),
        (139, 7, 0.05, 1),
        (20, 0, 0.0, 0),
        (20, 1, 0.0, 1),
        (20, 18, 1.0, 0),
        (10, 3, 0.3, 0),
    ],
)
def test_the_run_stops_above_the_allowed_share_and_not_at_it(
    rows: int, defective: int, share: float, stops: int
) -> None:
    # Two defects a row: rows are what counts.
    bad = dict.fromkeys(range(1, defective + 1), "x")
    sessions = _sessions(rows, pages=bad, seconds=bad)

    if stops:
        with pytest.raises(CellsError, match=f"{defective} of {rows} rows"):
            _check(sessions, processing=_processing(share))
    else:
        assert len(_check(sessions, processing=_processing(share))) == rows - defective


def test_the_reason_to_stop_is_told_in_numbers() -> None:
    sessions = _sessions(pages={1: "x", 2: "y", 3: "z"}, month={4: "5"})

    with pytest.raises(CellsError) as refused:
        _check(sessions)

    assert str(refused.value).startswith(
        "in.csv: 4 of 20 rows (20.0%) have a defect, more than data_processing.max_rejected_share "
        "= 0.05 allows: pages: not a number (3); month: not one of Jan, Feb, Mar (1); "
        "see rejected_sessions"
    )


def test_a_long_list_of_reasons_is_cut() -> None:
    names = [f"f{n}" for n in range(11)]
    sessions = pd.DataFrame({name: ["x", "1"] for name in names})
    recipes = RecipesParams.model_validate({"base": {"columns": names}})

    with pytest.raises(CellsError) as refused:
        _check(sessions, ColumnsParams(), recipes)

    assert str(refused.value).count("not a number (1)") == 8
    assert "; 3 more; see" in str(refused.value)


def test_valid_sessions_are_typed_with_the_session_first() -> None:
    valid = _check(_sessions(3, bought={2: "1", 3: "0"}, pages={2: " 1.0 "}))

    pd.testing.assert_frame_equal(
        valid,
        pd.DataFrame(
            {
                "session_id": [1, 2, 3],
                "pages": [0.0, 1.0, 2.0],
                "seconds": [0.5, 10.5, 20.5],
                "exits": [0.0, 0.001, 0.002],
                "bought": [True, True, False],
                "month": pd.Series(["Jan", "Feb", "Mar"], dtype="str"),
                "visitor": pd.Series(["known", "new", "known"], dtype="str"),
            }
        ),
    )


def test_a_session_is_known_by_its_id_column() -> None:
    columns = COLUMNS.model_copy(update={"id": "extra"})
    sessions = _sessions(extra={3: "e1"})

    rejected, _ = _validate(sessions, columns)
    valid = _check(sessions, columns)

    assert rejected[["row", "session_id", "column", "value", "reason"]].to_numpy().tolist() == [
        [3, "e1", "extra", "e1", "id occurs before"]
    ]
    assert valid["session_id"].tolist() == [f"e{n}" for n in range(20) if n != 2]
    assert "extra" not in valid.columns


@pytest.mark.parametrize(
    ("spelled", "truths"),
    [
        (["TRUE", "FALSE"], [True, False]),
        (["True", "False"], [True, False]),
        (["1", "0"], [True, False]),
        (["1.0", "0.0"], [True, False]),
    ],
)
def test_an_outcome_is_read_in_words_and_in_numbers(spelled: list[str], truths: list[bool]) -> None:
    sessions = _sessions(2, bought=dict(enumerate(spelled, start=1)))

    assert _check(sessions)["bought"].tolist() == truths


def test_months_as_numbers_are_refused_until_they_are_mapped() -> None:
    sessions = _sessions(6, month={n + 1: str(n % 3 + 1) for n in range(6)})
    codes = {str(n): month for n, month in enumerate(MONTHS, start=1)}
    mapped = ColumnsParams.model_validate(
        COLUMNS.model_dump() | {"values": {"month": {"accepted": MONTHS, "codes": codes}}}
    )

    with pytest.raises(CellsError, match=r"6 of 6 rows .* not one of Jan, Feb, Mar \(6\)"):
        _check(sessions)
    assert _check(sessions, mapped)["month"].tolist() == MONTHS * 2


@pytest.mark.parametrize(("missing", "accepted"), [("reject", [1, 3, 4]), ("median", [1, 2, 3, 4])])
def test_a_gap_is_rejected_or_kept_for_the_median(missing: str, accepted: list[int]) -> None:
    sessions = _sessions(4, pages={2: "NA"})
    recipes, processing = _recipes(missing=missing), _processing(0.5)

    rejected, quality = _validate(sessions, recipes=recipes, processing=processing)
    valid = _check(sessions, recipes=recipes, processing=processing)

    assert valid["session_id"].tolist() == accepted
    assert int(valid["pages"].isna().sum()) == len(accepted) - 3
    assert rejected["row"].tolist() == [2][: 4 - len(accepted)]
    assert quality["ranges"]["pages"] == {"min": 0.0, "mean": 5 / 3, "max": 3.0}


def test_a_gap_is_an_error_if_the_recipe_says_so() -> None:
    sessions = _sessions(pages={2: "NA", 5: ""}, seconds={2: ""})

    with pytest.raises(CellsError) as refused:
        _check(sessions, recipes=_recipes(missing="fail"), processing=_processing(1))

    assert str(refused.value).startswith(
        "in.csv: 3 values are missing and recipes.base.missing is fail: "
        "pages: missing value (2); seconds: missing value (1);"
    )


def test_missing_fail_concerns_features_only() -> None:
    sessions = _sessions(month={2: ""}, pages={3: "x"})

    valid = _check(sessions, recipes=_recipes(missing="fail"), processing=_processing(0.1))

    assert len(valid) == 18


def test_median_does_not_excuse_a_gap_elsewhere() -> None:
    rejected, _ = _validate(_sessions(month={2: ""}), recipes=_recipes(missing="median"))

    assert rejected[["row", "column"]].to_numpy().tolist() == [[2, "month"]]


def _alike(rows: int) -> pd.DataFrame:
    sessions = _sessions(rows)
    for name in FEATURES:
        sessions[name] = "1"
    return sessions


@pytest.mark.parametrize("rows", [1, 2, 20])
def test_sessions_that_are_all_the_same_are_an_error(rows: int) -> None:
    with pytest.raises(DegenerateDataError) as refused:
        _check(_alike(rows))

    assert str(refused.value).startswith(
        f"in.csv: all {rows} accepted sessions are the same in recipes.base.columns "
        "(pages, seconds, exits)"
    )


def test_sessions_that_differ_in_a_refused_row_only_are_an_error() -> None:
    sessions = _alike(20)
    sessions.loc[3, ["pages", "month"]] = ["9", "May"]

    with pytest.raises(DegenerateDataError, match="all 19 accepted sessions are the same"):
        _check(sessions)


def test_no_session_left_is_an_error() -> None:
    sessions = _sessions(3, pages={1: "x", 2: "x", 3: "x"})

    with pytest.raises(DegenerateDataError, match="none of 3 sessions was accepted"):
        _check(sessions, processing=_processing(1))


def test_a_difference_in_one_feature_is_enough() -> None:
    sessions = _alike(2)
    sessions.loc[1, "exits"] = "0.5"

    assert _check(sessions)["exits"].tolist() == [1.0, 0.5]


# --- select_features ------------------------------------------------------------------------


def _valid(**columns: list[float]) -> pd.DataFrame:
    frame = {"session_id": [1, 2, 3], "pages": [1.0, 2.0, 3.0], "seconds": [0.0, 5.0, 5.0]}
    return pd.DataFrame(frame | {"exits": [0.1, 0.2, 0.2], "bought": [True] * 3} | columns)


def test_features_are_the_recipes_columns_in_its_order(caplog: pytest.LogCaptureFixture) -> None:
    features = nodes.select_features(_valid(), _recipes(columns=["exits", "pages"]), "base")

    pd.testing.assert_frame_equal(features, _valid()[["session_id", "exits", "pages"]])
    assert caplog.records == []


@pytest.mark.parametrize(
    ("columns", "kept", "dropped"),
    [
        ({"pages": [2.0, 2.0, 2.0]}, ["seconds", "exits"], ["pages"]),
        ({"pages": [0.0] * 3, "exits": [1.0] * 3}, ["seconds"], ["pages", "exits"]),
        ({"pages": [np.nan, 2.0, 2.0]}, ["seconds", "exits"], ["pages"]),
        ({"pages": [np.nan] * 3}, ["seconds", "exits"], ["pages"]),
        ({"pages": [np.nan, 2.0, 2.5]}, ["pages", "seconds", "exits"], []),
    ],
)
def test_constant_columns_are_dropped_with_a_warning(
    columns: dict[str, list[float]],
    kept: list[str],
    dropped: list[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    features = nodes.select_features(_valid(**columns), _recipes(missing="median"), "base")

    assert list(features.columns) == ["session_id", *kept]
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == bool(dropped)
    for record in warnings:
        assert [name for name in FEATURES if name in record.getMessage()] == dropped


# --- scale_features -----------------------------------------------------------------------


def _scale(
    features: pd.DataFrame,
    recipes: RecipesParams,
    kept_out: Any = "all",
    valid: pd.DataFrame | None = None,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    sessions = features if valid is None else valid
    return nodes.scale_features(features, sessions, COLUMNS, recipes, "base", kept_out)


def test_the_newest_period_is_kept_out_of_training_and_of_scaling() -> None:
    features = pd.DataFrame({"session_id": [*"abcdef"], "pages": [0.0, 4, 10, 90, 2, 80]})
    valid = features.assign(month=["Jan", "Feb", "Jan", "Mar", "Feb", "Mar"])

    scaled, numbers = _scale(features, _recipes(), "newest_period", valid)

    assert scaled["session_id"].tolist() == [*"abce"]
    assert scaled["pages"].tolist() == [0, 0.4, 1, 0.2]
    assert numbers["features"][0]["scale"] == 10
    assert len(features) == 6


@pytest.mark.parametrize(
    ("scaler", "transform", "expected"),
    [
        ("minmax", "none", [0, 0.1, 0.2, 0.3, 1]),
        ("standard", "none", (np.array([0, 1, 2, 3, 10]) - 3.2) / np.sqrt(12.56)),
        ("robust", "none", [-1, -0.5, 0, 0.5, 4]),
        ("minmax", "log1p", np.log1p([0, 1, 2, 3, 10]) / np.log(11)),
    ],
)
def test_features_are_scaled_as_the_recipe_says(scaler: str, transform: str, expected: Any) -> None:
    features = pd.DataFrame({"session_id": [*"abcde"], "pages": [0.0, 1, 2, 3, 10]})
    recipes = _recipes(scaler=scaler, transform=transform)

    scaled, numbers = _scale(features, recipes)

    assert scaled["session_id"].tolist() == [*"abcde"]
    np.testing.assert_allclose(scaled["pages"], expected, rtol=1e-12, atol=1e-15)
    assert (numbers["transform"], numbers["scaler"]) == (transform, scaler)
    (one,) = numbers["features"]
    prepared = np.log1p(features["pages"]) if transform == "log1p" else features["pages"]
    np.testing.assert_allclose((prepared - one["center"]) / one["scale"], scaled["pages"])
    assert one["median"] is None


def test_gaps_are_filled_with_the_median_of_training() -> None:
    features = pd.DataFrame({"session_id": [1, 2, 3, 4], "pages": [0.0, np.nan, 4.0, 10.0]})

    scaled, numbers = _scale(features, _recipes(missing="median"))

    assert scaled["pages"].tolist() == [0.0, 0.4, 0.4, 1.0]
    assert numbers["features"] == [{"column": "pages", "median": 4.0, "center": 0.0, "scale": 10.0}]


def test_a_feature_without_spread_in_the_middle_is_not_divided_by_zero() -> None:
    features = pd.DataFrame({"session_id": range(6), "pages": [0.0, 2, 2, 2, 2, 9]})

    scaled, _ = _scale(features, _recipes(scaler="robust"))

    assert scaled["pages"].tolist() == [-2, 0, 0, 0, 0, 7]


# --- all of them ----------------------------------------------------------------------------


def test_no_node_changes_what_it_is_given_and_each_repeats_itself() -> None:
    sessions = _with_duplicates()
    sessions.loc[6, "seconds"] = ""
    recipes, processing = _recipes(missing="median"), _processing(0.5, "drop")
    settings = (COLUMNS, recipes, "base", processing)

    def stages() -> list[Any]:
        rejected, quality = nodes.validate_sessions(sessions, *settings)
        valid = nodes.check_rejected_share(sessions, rejected, *settings)
        features = nodes.select_features(valid, recipes, "base")
        scaled, numbers = _scale(features, recipes)
        return [sessions, rejected, quality, valid, features, scaled, numbers]

    def same(left: Any, right: Any) -> None:
        if isinstance(left, pd.DataFrame):
            pd.testing.assert_frame_equal(left, right)
            assert left.attrs == right.attrs
        else:
            assert left == right

    before = copy.deepcopy(sessions)
    first = stages()
    kept = copy.deepcopy(first)
    _, rejected, _, valid, features, *_ = first
    second = stages()
    nodes.check_rejected_share(sessions, rejected, *settings)
    nodes.select_features(valid, recipes, "base")
    _scale(features, recipes)

    same(sessions, before)
    for one, copied, again in zip(first, kept, second, strict=True):
        same(one, copied)
        same(one, again)


def test_columns_that_the_robust_scaler_leaves_as_they_are_get_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    features = pd.DataFrame(
        {"session_id": range(8), "pages": [0.0] * 7 + [90.0], "seconds": np.arange(8.0)}
    )

    scaled, _ = _scale(features, _recipes(scaler="robust"))

    assert scaled["pages"].tolist() == features["pages"].tolist()
    (warning,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "alike in: pages;" in warning.getMessage()

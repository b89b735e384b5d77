"""Each table's contract takes the right table and refuses a damaged one, rule by rule."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
import pandera.pandas as pa
import pytest
import yaml
from pandera.errors import SchemaError, SchemaErrors

from user_activity_trends import schemas
from user_activity_trends.recipes import RecipeParams
from user_activity_trends.sessions.columns import ColumnsParams
from user_activity_trends.sessions.rules import find_defects, numbered, rules_for

Damage = Callable[[pd.DataFrame], pd.DataFrame]
Model = type[pa.DataFrameModel]


def right_tables() -> dict[str, pd.DataFrame]:
    gone = np.nan
    sessions = pd.DataFrame({"session_id": [3, 1, 2], "pages": [0.5, 0.0, 1.0]})
    counted = {
        "segment": [1, 2, 1],
        "segment_name": ["many", "few", "many"],
        "sessions": [40, 0, 10],
        "share": [1.0, 0.0, 1.0],
        "share_low": [0.9, 0.0, gone],
        "share_high": [1.0, 0.1, gone],
        "conversions": [40, 0, 1],
        "conversion_rate": [1.0, gone, gone],
        "ci_low": [0.9, gone, gone],
        "ci_high": [1.0, gone, gone],
    }
    return {
        "RejectedSessions": pd.DataFrame(
            {
                "file": ["a.csv", "a.csv"],
                "row": [1, 7],
                "session_id": ["x", "7"],
                "column": ["pages", "rate"],
                "value": ["", "many"],
                "reason": ["missing value", "not a number"],
            }
        ),
        "Sessions": sessions.assign(pages=[0.5, gone, 1.0], month=["May", "May", None]),
        "ScaledFeatures": sessions,
        "ElbowCurve": pd.DataFrame(
            {
                "k": [1, 2, 3],
                "sse": [9.0, 4.0, 0.0],
                "silhouette": [gone, -1.0, 1.0],
                "davies_bouldin": [gone, 0.0, 7.5],
                "calinski_harabasz": [gone, 0.0, 1e6],
                "smallest_share": [1.0, 0.5, 0.01],
                "stability_mean": [1.0, gone, -1.0],
                "stability_min": [1.0, gone, -1.0],
                "prediction_strength": [1.0, gone, 0.0],
                "permuted_sse": [9.0, gone, 0.0],
                "permuted_silhouette": [gone, -1.0, 1.0],
                "permuted_davies_bouldin": [gone, 0.0, 7.5],
                "permuted_calinski_harabasz": [gone, 0.0, 1e6],
            }
        ),
        "SessionSegments": pd.DataFrame(
            {
                "session_id": ["a", "b", "c"],
                "segment": [2, 1, 1],
                "segment_name": ["few", "many", "many"],
                "distance": [0.0, 0.5, 2.0],
                "margin": [gone, 0.0, 0.1],
                "model_version": ["2026-01-31T05.00.00.000Z"] * 3,
            }
        ),
        "SegmentProfiles": pd.DataFrame(
            {
                "segment": [1, 2],
                "segment_name": ["many", "few"],
                "sessions": [3, 1],
                "share": [0.75, 0.25],
                "outcome_rate": [0.0, 1.0],
                "ci_low": [0.0, 0.2],
                "ci_high": [0.6, 1.0],
                "stability": [gone, 1.0],
                "rule": ["pages at most 2", None],
                "rule_precision": [1.0, gone],
                "rule_recall": [0.0, gone],
                "mean_pages": [-3.5, 4.0],
                "median_pages": [-3.0, gone],
                "standing_pages": [-0.5, 1.5],
            }
        ),
        "TypicalSessions": pd.DataFrame(
            {
                "segment": [1, 1, 2],
                "segment_name": ["many", "many", "few"],
                "rank": [1, 2, 1],
                "session_id": ["b", "a", "c"],
                "distance": [0.0, 0.5, 0.1],
                "pages": [0.5, gone, -1.0],
            }
        ),
        "SegmentTrends": pd.DataFrame({"period": ["May", "May", "Jan"]} | counted),
        "SegmentBreakdowns": pd.DataFrame(
            {"dimension": ["region", "region", "weekend"], "value": ["a", None, "TRUE"]} | counted
        ),
        "ConversionChanges": pd.DataFrame(
            {
                "period_from": ["Jan", "May"],
                "period_to": ["May", "Jun"],
                "change": [0.25, -1.0],
                "mix": [-0.5, -1.0],
                "rate": [0.75, 0.0],
            }
        ),
        "TrendTests": pd.DataFrame(
            {
                "segment": [1, 1, 2],
                "segment_name": ["many", "many", "few"],
                "measure": ["share", "conversion_rate", "share"],
                "periods": [3, 4, 3],
                "change_per_period": [-0.25, 0.0, 0.5],
                "effect_size": [-1.0, 0.0, 1.0],
                "p_value": [0.0, 1.0, 0.5],
            }
        ),
        "SegmentMigrations": pd.DataFrame(
            {
                "segment_from": [1, 1, 2],
                "segment_to": [1, 2, 1],
                "moves": [3, 1, 0],
                "share": [0.75, 0.25, 0.0],
            }
        ),
        "RecipeComparison": pd.DataFrame(
            {
                "criterion": ["stability_mean", "warnings", "vote_elbow"],
                "unit": ["index", "count", "k"],
                "base": [0.5, 2.0, gone],
                "log": [0.75, 2.0, 4.0],
                "wanted": ["high", "low", None],
                "tolerance": [0.01, 0.0, gone],
                "compared": [True, True, False],
                "better": ["log", None, None],
                "note": ["a", "b", "c"],
            }
        ),
        "NewSessionSegments": pd.DataFrame(
            {
                "session_id": ["a", "b", "c"],
                "segment": pd.array([2, None, 1], dtype="Int64"),
                "segment_name": ["few", None, "many"],
                "distance": [0.0, gone, 3.0],
                "margin": [0.0, gone, gone],
                "unusual": pd.array([False, None, True], dtype="boolean"),
                "reason": ["", "pages: missing value", None],
                "model_version": ["2026-01-31T05.00.00.000Z"] * 3,
            }
        ),
    }


def model_of(name: str) -> Model:
    return getattr(schemas, name)


def put(column: str, value: Any, row: int = 0) -> Damage:
    """Put one value into one cell."""

    def damaged(table: pd.DataFrame) -> pd.DataFrame:
        values = table[column].to_list()
        values[row] = value
        return table.assign(**{column: values})

    return damaged


def without(column: str) -> Damage:
    return lambda table: table.drop(columns=column)


def as_text(column: str) -> Damage:
    return lambda table: table.assign(**{column: table[column].map(lambda cell: f"cell {cell}")})


def also(column: str, value: Any) -> Damage:
    return lambda table: table.assign(**{column: value})


GONE = float("nan")
DAMAGED: list[tuple[str, str, Damage]] = [
    ("RejectedSessions", "another column", also("note", "x")),
    ("RejectedSessions", "row 0", put("row", 0)),
    ("RejectedSessions", "row is text", as_text("row")),
    ("RejectedSessions", "no reason", put("reason", "")),
    ("RejectedSessions", "value is gone", put("value", None)),
    *(("RejectedSessions", f"no {c}", without(c)) for c in right_tables()["RejectedSessions"]),
    ("Sessions", "no ids", without("session_id")),
    ("Sessions", "repeated id", put("session_id", 1)),
    ("Sessions", "id is gone", put("session_id", None)),
    ("ScaledFeatures", "no ids", without("session_id")),
    ("ScaledFeatures", "repeated id", put("session_id", 1)),
    ("ScaledFeatures", "gap", put("pages", GONE)),
    ("ScaledFeatures", "infinite", put("pages", np.inf)),
    ("ScaledFeatures", "infinite downwards", put("pages", -np.inf, row=2)),
    ("ElbowCurve", "repeated k", put("k", 2)),
    ("ElbowCurve", "k = 0", put("k", 0)),
    ("ElbowCurve", "k is not whole", put("k", 1.5)),
    ("ElbowCurve", "negative sse", put("sse", -1e-9)),
    ("ElbowCurve", "sse is gone", put("sse", GONE)),
    ("ElbowCurve", "silhouette below", put("silhouette", -1.01)),
    ("ElbowCurve", "silhouette above", put("silhouette", 1.01)),
    ("ElbowCurve", "negative davies_bouldin", put("davies_bouldin", -0.1)),
    ("ElbowCurve", "negative calinski_harabasz", put("calinski_harabasz", -0.1)),
    *(("ElbowCurve", f"no {c}", without(c)) for c in right_tables()["ElbowCurve"]),
    ("SessionSegments", "repeated id", put("session_id", "b")),
    ("SessionSegments", "segment 0", put("segment", 0)),
    ("SessionSegments", "segment is gone", put("segment", None)),
    ("SessionSegments", "name is gone", put("segment_name", None)),
    ("SessionSegments", "name is a number", also("segment_name", 5)),
    ("SessionSegments", "negative distance", put("distance", -0.1)),
    ("SessionSegments", "distance is gone", put("distance", GONE)),
    ("SessionSegments", "negative margin", put("margin", -0.1)),
    *(("SessionSegments", f"no {c}", without(c)) for c in right_tables()["SessionSegments"]),
    ("SegmentProfiles", "repeated segment", put("segment", 2)),
    ("SegmentProfiles", "segment 0", put("segment", 0)),
    ("SegmentProfiles", "repeated name", put("segment_name", "few")),
    ("SegmentProfiles", "name is gone", put("segment_name", None)),
    ("SegmentProfiles", "nobody in it", put("sessions", 0)),
    ("SegmentProfiles", "shares above 1", put("share", 0.7501)),
    ("SegmentProfiles", "shares below 1", put("share", 0.7499)),
    ("SegmentProfiles", "a share above 1", lambda table: table.assign(share=[1.5, -0.5])),
    *(
        ("SegmentProfiles", f"{c} = {value}", put(c, value))
        for c in ("outcome_rate", "ci_low", "ci_high")
        for value in (-0.01, 1.01, GONE)
    ),
    *(
        ("SegmentProfiles", f"{c} = {value}", put(c, value))
        for c in ("stability", "rule_precision", "rule_recall")
        for value in (-0.01, 1.01)
    ),
    ("SegmentProfiles", "lower limit above its rate", put("ci_low", 1e-16)),
    ("SegmentProfiles", "upper limit below its rate", put("ci_high", 1 - 1e-15, row=1)),
    *(
        ("SegmentProfiles", f"no {c}", without(c))
        for c in (
            *("segment", "segment_name", "sessions", "share"),
            *("stability", "rule", "rule_precision", "rule_recall"),
        )
    ),
    ("TypicalSessions", "segment 0", put("segment", 0)),
    ("TypicalSessions", "rank 0", put("rank", 0)),
    ("TypicalSessions", "repeated rank", put("rank", 2)),
    ("TypicalSessions", "name is gone", put("segment_name", None)),
    ("TypicalSessions", "id is gone", put("session_id", None)),
    ("TypicalSessions", "negative distance", put("distance", -0.1)),
    ("TypicalSessions", "distance is gone", put("distance", GONE)),
    *(
        ("TypicalSessions", f"no {c}", without(c))
        for c in ("segment", "segment_name", "rank", "session_id", "distance")
    ),
    *(
        (model, f"{c} = {value}", put(c, value))
        for model in ("SegmentTrends", "SegmentBreakdowns")
        for c in ("share", "share_low", "share_high", "conversion_rate", "ci_low", "ci_high")
        for value in (-0.01, 1.01)
    ),
    *(
        (model, what, damage)
        for model in ("SegmentTrends", "SegmentBreakdowns")
        for what, damage in (
            ("segment 0", put("segment", 0)),
            ("name is gone", put("segment_name", None)),
            ("negative sessions", put("sessions", -1, row=1)),
            ("sessions are gone", put("sessions", GONE)),
            ("share is gone", put("share", GONE)),
            ("lower limit above its share", put("share_low", 1e-16, row=1)),
            ("upper limit below its share", put("share_high", 1 - 1e-15)),
            ("lower limit above its rate", put("conversion_rate", 0.8999)),
            ("upper limit below its rate", put("ci_high", 1 - 1e-15)),
            ("negative conversions", put("conversions", -1)),
            ("more conversions than sessions", put("conversions", 41)),
            *(
                (f"no {c}", without(c))
                for c in (
                    *("segment", "segment_name", "sessions"),
                    *("share", "share_low", "share_high"),
                )
            ),
        )
    ),
    ("SegmentTrends", "no period", without("period")),
    ("SegmentTrends", "period is gone", put("period", None)),
    ("SegmentTrends", "repeated segment", put("segment", 1, row=1)),
    ("SegmentBreakdowns", "no dimension", without("dimension")),
    ("SegmentBreakdowns", "dimension is gone", put("dimension", None)),
    ("SegmentBreakdowns", "no value", without("value")),
    (
        "SegmentBreakdowns",
        "repeated value",
        lambda table: pd.concat([table, table.iloc[[1]]], ignore_index=True),
    ),
    ("ConversionChanges", "parts do not add up", put("mix", -0.5 + 2e-12)),
    *(
        ("ConversionChanges", f"{c} is gone", put(c, None))
        for c in right_tables()["ConversionChanges"]
    ),
    ("ConversionChanges", "a change beyond 1", put("change", 1.25)),
    *(("ConversionChanges", f"no {c}", without(c)) for c in right_tables()["ConversionChanges"]),
    ("TrendTests", "segment 0", put("segment", 0)),
    ("TrendTests", "name is gone", put("segment_name", None)),
    ("TrendTests", "another measure", put("measure", "sessions")),
    ("TrendTests", "repeated measure", put("measure", "share", row=1)),
    ("TrendTests", "two periods", put("periods", 2)),
    ("TrendTests", "slope is gone", put("change_per_period", GONE)),
    ("TrendTests", "an effect beyond 1", put("effect_size", 1.01)),
    ("TrendTests", "an effect beyond -1", put("effect_size", -1.01)),
    ("TrendTests", "a p-value above 1", put("p_value", 1.01)),
    ("TrendTests", "a negative p-value", put("p_value", -0.01)),
    *(("TrendTests", f"no {c}", without(c)) for c in right_tables()["TrendTests"]),
    ("SegmentMigrations", "from segment 0", put("segment_from", 0)),
    ("SegmentMigrations", "to segment 0", put("segment_to", 0)),
    ("SegmentMigrations", "repeated pair", put("segment_to", 2)),
    ("SegmentMigrations", "negative moves", put("moves", -1)),
    ("SegmentMigrations", "a share above 1", put("share", 1.01)),
    ("SegmentMigrations", "share is gone", put("share", GONE)),
    *(("SegmentMigrations", f"no {c}", without(c)) for c in right_tables()["SegmentMigrations"]),
    ("RecipeComparison", "repeated criterion", put("criterion", "warnings")),
    ("RecipeComparison", "another unit", put("unit", "metres")),
    ("RecipeComparison", "another wish", put("wanted", "much")),
    ("RecipeComparison", "negative tolerance", put("tolerance", -0.01)),
    ("RecipeComparison", "no words", put("note", "")),
    ("RecipeComparison", "one recipe only", without("log")),
    ("RecipeComparison", "a recipe has text", as_text("base")),
    ("RecipeComparison", "compared without a value", put("base", GONE)),
    ("RecipeComparison", "compared without a wish", put("wanted", None)),
    ("RecipeComparison", "an unknown recipe is better", put("better", "other")),
    ("RecipeComparison", "better, but not compared", put("better", "base", row=2)),
    *(
        ("RecipeComparison", f"no {c}", without(c))
        for c in (
            *("criterion", "unit", "wanted", "tolerance"),
            *("compared", "better", "note"),
        )
    ),
    ("NewSessionSegments", "segment 0", put("segment", 0)),
    ("NewSessionSegments", "segment is not whole", put("segment", 1.5)),
    ("NewSessionSegments", "negative distance", put("distance", -0.1)),
    ("NewSessionSegments", "negative margin", put("margin", -0.1)),
    ("NewSessionSegments", "unusual is text", put("unusual", "perhaps")),
    ("NewSessionSegments", "neither scored nor explained", put("reason", "", row=1)),
    ("NewSessionSegments", "neither, reason gone", put("reason", None, row=1)),
    ("NewSessionSegments", "scored and explained", put("reason", "why", row=2)),
    *(("NewSessionSegments", f"no {c}", without(c)) for c in right_tables()["NewSessionSegments"]),
]


@pytest.mark.parametrize("name", right_tables())
def test_the_right_table_is_accepted_and_keeps_its_values(name: str) -> None:
    table = right_tables()[name]

    accepted = model_of(name).validate(table)

    pd.testing.assert_frame_equal(accepted, table, check_dtype=False)


@pytest.mark.parametrize("name", right_tables())
def test_a_right_table_without_rows_is_accepted(name: str) -> None:
    if name == "SegmentProfiles":
        with pytest.raises(SchemaError, match="shares_add_up"):
            model_of(name).validate(right_tables()[name].head(0))
    else:
        assert len(model_of(name).validate(right_tables()[name].head(0))) == 0


@pytest.mark.parametrize(
    ("name", "damage"), [pytest.param(m, how, id=f"{m}: {what}") for m, what, how in DAMAGED]
)
def test_a_damaged_table_is_refused(name: str, damage: Damage) -> None:
    table = damage(right_tables()[name])

    with pytest.raises((SchemaError, SchemaErrors)):
        model_of(name).validate(table)


def test_every_contract_is_tested() -> None:
    contracts = {
        name
        for name, value in vars(schemas).items()
        if isinstance(value, type)
        and issubclass(value, pa.DataFrameModel)
        and not name.startswith("_")
    }

    assert contracts == set(right_tables()) == {name for name, *_ in DAMAGED}


def test_profiles_need_no_outcome() -> None:
    table = right_tables()["SegmentProfiles"].drop(columns=["outcome_rate", "ci_low", "ci_high"])

    pd.testing.assert_frame_equal(schemas.SegmentProfiles.validate(table), table)


@pytest.mark.parametrize("name", ["SegmentTrends", "SegmentBreakdowns"])
def test_counts_need_no_outcome(name: str) -> None:
    rates = ["conversions", "conversion_rate", "ci_low", "ci_high"]
    table = right_tables()[name].drop(columns=rates)

    pd.testing.assert_frame_equal(model_of(name).validate(table), table)


def test_cells_that_look_like_numbers_become_text() -> None:
    table = right_tables()["RejectedSessions"].assign(file=5, session_id=[1, 7], value=[0.5, 1.0])

    accepted = schemas.RejectedSessions.validate(table)

    assert accepted["session_id"].to_list() == ["1", "7"]
    assert accepted["file"].to_list() == ["5", "5"]


def test_a_session_whose_id_is_missing_can_be_reported() -> None:
    columns = ColumnsParams(id="key")
    rules = rules_for(columns, RecipeParams(columns=("pages",)))
    table = pd.DataFrame({"key": ["a", "", "c"], "pages": ["1", "2", "many"]})
    checked = numbered(nw.from_native(table, eager_only=True), rules, "a.csv")

    accepted = schemas.RejectedSessions.validate(find_defects(checked, rules, "a.csv").to_native())

    assert accepted[["row", "column", "reason"]].to_numpy().tolist() == [
        [2, "key", "missing value"],
        [3, "pages", "not a number"],
    ]


@pytest.mark.parametrize("names", [("1", "2"), ("2024", "NA"), ("None", "nan"), ("Größe", "a, b")])
def test_segments_keep_their_names_in_the_files_that_people_open(
    names: tuple[str, str], project: Path
) -> None:
    """``labelling.names`` may be anything, also what pandas reads as number or gap."""
    catalog = yaml.safe_load((project / "conf/base/catalog.yml").read_text(encoding="utf-8"))

    def through_csv(dataset: str, table: pd.DataFrame) -> pd.DataFrame:
        entry = catalog[dataset]
        text = io.StringIO(table.to_csv(**entry["save_args"]))
        loaded = pd.read_csv(text, **entry.get("load_args", {}))
        return model_of(entry["validator"].rpartition(".")[2]).validate(loaded)

    profiles = right_tables()["SegmentProfiles"].assign(segment_name=names)
    scored = right_tables()["NewSessionSegments"].assign(segment_name=[names[0], None, names[1]])

    assert through_csv("segment_profiles", profiles)["segment_name"].to_list() == [*names]
    found = through_csv("new_session_segments", scored)["segment_name"]
    assert [found[0], found[2]] == [*names]

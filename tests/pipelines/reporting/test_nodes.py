"""Tables of the report: planted counts come out, also where columns or sessions are lacking."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from kedro.io import DataCatalog

from user_activity_trends import schemas
from user_activity_trends.pipelines.reporting import nodes
from user_activity_trends.sessions.columns import ColumnsParams, PeriodBin

TABLES = (
    "segment_trends",
    "segment_breakdowns",
    "conversion_changes",
    "trend_tests",
    "segment_migrations",
)
MONTHS = {"accepted": ["Jan", "Feb", "Mar", "Apr", "May"]}
COLUMNS = ColumnsParams.model_validate(
    {
        "outcome": "bought",
        "period": "month",
        "user": "visitor",
        "dimensions": ["region", "month"],
        "values": {"month": MONTHS},
    }
)
NOTHING = ColumnsParams()

PLANTED: dict[tuple[str, int], tuple[int, int]] = {
    # period, segment: sessions, conversions; April is absent
    ("May", 1): (60, 30),
    ("May", 2): (40, 4),
    ("Jan", 1): (80, 8),
    ("Mar", 1): (50, 10),
    ("Mar", 2): (29, 1),
    ("Feb", 1): (5, 1),
    ("Feb", 2): (15, 3),
}
NAMES = {1: "Browsers", 2: "Buyers"}


def tables(
    planted: dict[tuple[str, int], tuple[int, int]] | None = None,
    names: dict[int, str] | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return ``session_segments`` and ``valid_sessions``, in different orders."""
    called = names or NAMES
    rows = [
        (month, segment, called[segment], place < conversions)
        for (month, segment), (sessions, conversions) in (planted or PLANTED).items()
        for place in range(sessions)
    ]
    whole = pd.DataFrame(rows, columns=["month", "segment", "segment_name", "bought"])
    whole = whole.sample(frac=1, random_state=1).reset_index(drop=True)
    whole.insert(0, "session_id", np.arange(1, len(whole) + 1))
    whole["region"] = np.where(whole["session_id"] % 7 == 0, None, whole["segment_name"])
    whole["visitor"] = (whole["session_id"] // 2).astype("str")
    whole = whole.astype({"region": "str", "month": "str"})
    segments = whole[["session_id", "segment", "segment_name"]].sample(frac=1, random_state=2)
    segments = segments.reset_index(drop=True).assign(distance=0.1, margin=0.2)
    return segments, whole[["session_id", "bought", "month", "visitor", "region"]]


def every_table(
    segments: pd.DataFrame, sessions: pd.DataFrame, columns: ColumnsParams
) -> dict[str, pd.DataFrame]:
    trends = nodes.summarise_trends(segments, sessions, columns)
    return {
        "segment_trends": trends,
        "segment_breakdowns": nodes.break_down_segments(segments, sessions, columns),
        "conversion_changes": nodes.split_conversion_changes(trends),
        "trend_tests": nodes.measure_trends(trends, columns),
        "segment_migrations": nodes.count_migrations(segments, sessions, columns),
    }


# --- what is counted ----------------------------------------------------------------------------


def test_trends_come_in_calendar_order_without_the_absent_period() -> None:
    found = nodes.summarise_trends(*tables(), COLUMNS)

    assert found["period"].tolist() == [*("Jan",) * 2, *("Feb",) * 2, *("Mar",) * 2, *("May",) * 2]
    assert found["segment"].tolist() == [1, 2] * 4
    assert found["segment_name"].tolist() == ["Browsers", "Buyers"] * 4
    assert found["sessions"].tolist() == [80, 0, 5, 15, 50, 29, 60, 40]
    assert found["conversions"].tolist() == [8, 0, 1, 3, 10, 1, 30, 4]
    told = found["conversion_rate"].fillna(-1).tolist()
    assert told == pytest.approx([0.1, -1, -1, -1, 0.2, -1, 0.5, 0.1])
    assert found["share_low"].isna().tolist() == [False, False, True, True] + [False] * 4
    assert found["share"].tolist() == pytest.approx([1, 0, 0.25, 0.75, 50 / 79, 29 / 79, 0.6, 0.4])


def test_breakdowns_have_every_dimension_and_a_missing_value_last() -> None:
    segments, sessions = tables()

    found = nodes.break_down_segments(segments, sessions, COLUMNS)

    labelled = segments.merge(sessions, on="session_id")
    by_region = found[found["dimension"] == "region"]
    assert by_region["value"].fillna("missing").tolist() == [
        *("Browsers",) * 2, *("Buyers",) * 2, *("missing",) * 2
    ]  # fmt: skip
    for _, row in by_region.iterrows():
        same = labelled["segment"] == row["segment"]
        here = labelled["region"].isna() if pd.isna(row["value"]) else (
            labelled["region"] == row["value"]
        )  # fmt: skip
        assert row["sessions"] == (same & here).sum()
        assert row["conversions"] == (same & here & labelled["bought"]).sum()
    by_month = found[found["dimension"] == "month"]
    trends = nodes.summarise_trends(segments, sessions, COLUMNS)
    pd.testing.assert_frame_equal(
        by_month.drop(columns="dimension").reset_index(drop=True),
        trends.rename(columns={"period": "value"}),
    )


def test_values_of_a_dimension_come_in_the_order_that_is_accepted() -> None:
    columns = ColumnsParams.model_validate(
        {"dimensions": ["region"], "values": {"region": {"accepted": ["Buyers", "Browsers"]}}}
    )

    found = nodes.break_down_segments(*tables(), columns)

    assert found["value"].fillna("-").tolist() == [
        *("Buyers", "Buyers", "Browsers", "Browsers", "-", "-")
    ]


def test_changes_go_from_each_period_to_the_next_that_occurs() -> None:
    trends = nodes.summarise_trends(*tables(), COLUMNS)

    found = nodes.split_conversion_changes(trends)

    assert found["period_from"].tolist() == ["Jan", "Feb", "Mar"]
    assert found["period_to"].tolist() == ["Feb", "Mar", "May"]
    overall = np.array([8 / 80, 4 / 20, 11 / 79, 34 / 100])
    assert found["change"].to_numpy() == pytest.approx(np.diff(overall), abs=1e-15)
    assert (found["change"] - found["mix"] - found["rate"]).abs().max() < 1e-12
    # The second segment is new in February: at its own rate it is mix, and all of it.
    assert found["mix"][0] == pytest.approx(0.75 * (0.2 - (0.1 + 0.2) / 2))


def test_a_trend_knows_that_april_is_absent() -> None:
    planted = {("Jan", 1): (360, 36), ("Jan", 2): (40, 4), ("Feb", 1): (320, 32)}
    planted |= {("Feb", 2): (80, 8), ("May", 1): (200, 20), ("May", 2): (200, 20)}
    trends = nodes.summarise_trends(*tables(planted), COLUMNS)

    found = nodes.measure_trends(trends, COLUMNS).set_index(["segment", "measure"])

    # 90, 80 and 50 % in the first, second and fifth month lie on one line.
    assert found.loc[(1, "share"), "change_per_period"] == pytest.approx(-0.1)
    assert found.loc[(2, "share"), "change_per_period"] == pytest.approx(0.1)
    assert found.loc[(2, "conversion_rate"), "effect_size"] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    ("labels", "warnings"),
    [(("high", "low"), 1), (("Q1-25", "Q4-24"), 1), (("Q1 2025", "Q4 2024"), 0)],
)
def test_periods_in_the_order_of_their_text_are_told_once(
    labels: tuple[str, ...], warnings: int, caplog: pytest.LogCaptureFixture
) -> None:
    planted = {(label, 1): (40, 4) for label in labels}

    every_table(*tables(planted), COLUMNS.model_copy(update={"values": {}}))

    said = [record.getMessage() for record in caplog.records]
    assert len(said) == warnings
    assert all("columns.values.month.accepted" in one and repr(labels[0]) in one for one in said)


def test_moves_are_in_the_order_of_the_periods() -> None:
    segments = pd.DataFrame(
        {"session_id": [1, 2, 3, 4], "segment": [1, 2, 3, 2], "segment_name": [*"abcb"]}
    )
    sessions = pd.DataFrame(
        {
            "session_id": [1, 2, 3, 4],
            "month": ["Mar", "Jan", "May", "Jan"],
            "visitor": ["x", "x", "x", None],
        }
    )
    expected = {(2, 1): 1, (1, 3): 1}
    by_file = {(1, 2): 1, (2, 3): 1}
    without = ColumnsParams(user="visitor")

    for columns, moved in ((COLUMNS, expected), (without, by_file)):
        found = nodes.count_migrations(segments, sessions, columns)
        told = found[found["moves"] > 0].set_index(["segment_from", "segment_to"])["moves"]
        assert told.to_dict() == moved


@pytest.mark.parametrize(
    ("period_bin", "periods", "warnings"),
    [
        ("month", ("2026-02", "2026-01"), 1),
        ("week", ("2026-W06", "2026-W05"), 1),
        ("day", ("2026-02-01", "2026-01-31"), 0),
        (None, ("Feb", "Jan"), 0),
    ],
)
def test_moves_within_a_period_are_in_the_order_of_the_file_which_is_told_of_long_ones(
    period_bin: PeriodBin | None,
    periods: tuple[str, str],
    warnings: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    late, early = periods
    segments = pd.DataFrame({"session_id": [3, 1, 4, 2], "segment": [3, 1, 4, 2]})
    sessions = pd.DataFrame(
        {"session_id": [1, 2, 3, 4], "when": [late, early, early, late], "visitor": "x"}
    )
    columns = ColumnsParams(period="when", period_bin=period_bin, user="visitor")

    found = nodes.count_migrations(segments, sessions, columns)

    told = found[found["moves"] > 0]
    moved = [*zip(told["segment_from"], told["segment_to"], strict=True)]
    assert moved == [(1, 4), (2, 3), (3, 1)]
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == warnings
    assert all(f"of one {period_bin} follow each other as in the file" in one for one in said)
    # Nobody's moves are in any order.
    caplog.clear()
    nodes.count_migrations(segments, sessions, columns.model_copy(update={"user": None}))
    assert caplog.records == []


@pytest.mark.parametrize(
    "labels",
    [
        ("2024-11", "2024-12", "2025-03"),
        ("Nov 2024", "Dec 2024", "Mar 2025"),
        ("Q3 2024", "Q4 2024", "Q3 2025"),
        ("2024-W50", "2024-W51", "2025-W02"),
        ("1", "2", "5"),
        ("2019", "2020", "2023"),
    ],
)
def test_a_trend_knows_which_periods_are_absent(labels: tuple[str, str, str]) -> None:
    cells = {1: [(360, 36), (320, 32), (200, 20)], 2: [(40, 4), (80, 8), (200, 20)]}
    planted = {
        (label, one): count
        for one, counts in cells.items()
        for label, count in zip(labels, counts, strict=True)
    }
    columns = ColumnsParams(outcome="bought", period="month")
    trends = nodes.summarise_trends(*tables(planted), columns)

    found = nodes.measure_trends(trends, columns).set_index(["segment", "measure"])

    assert trends["period"].unique().tolist() == [*labels]
    # 90, 80 and 50 % in the first, second and fifth period lie on one line.
    assert found.loc[(1, "share"), "change_per_period"] == pytest.approx(-0.1)


def test_dates_are_periods_as_well() -> None:
    columns = ColumnsParams(outcome="bought", period="month", period_bin="week")
    weeks = {"May": "2026-W02", "Jan": "2025-W51", "Mar": "2026-W01", "Feb": "2025-W52"}
    segments, sessions = tables()
    dated = sessions.assign(month=sessions["month"].map(weeks))

    found = nodes.summarise_trends(segments, dated, columns)

    assert found["period"].unique().tolist() == ["2025-W51", "2025-W52", "2026-W01", "2026-W02"]
    assert found["sessions"].tolist() == [80, 0, 5, 15, 50, 29, 60, 40]
    # That of 20 sessions does not count.
    assert nodes.measure_trends(found, columns)["periods"].tolist() == [3, 3, 3]


@pytest.mark.parametrize(("count", "warned"), [(366, 0), (367, 1)])
def test_dates_that_are_taken_for_categories_are_told(
    count: int, warned: int, caplog: pytest.LogCaptureFixture
) -> None:
    segments = pd.DataFrame({"session_id": range(count), "segment": 1, "segment_name": "all"})
    days = pd.Series(pd.date_range("2025-01-01", periods=count)).dt.strftime("%Y-%m-%d")
    sessions = pd.DataFrame({"session_id": range(count), "day": days})

    found = nodes.summarise_trends(segments, sessions, ColumnsParams(period="day"))

    assert found["period"].tolist() == days.tolist()
    assert [record.levelname for record in caplog.records] == ["WARNING"] * warned
    # Who has set it already is not told to.
    binned = ColumnsParams(period="day", period_bin="day")
    caplog.clear()
    pd.testing.assert_frame_equal(nodes.summarise_trends(segments, sessions, binned), found)
    assert caplog.records == []


# --- what is lacking ------------------------------------------------------------------------------

FEW: list[tuple[str, dict[str, Any], list[str]]] = [
    # what is lacking, settings to change, and the tables that have rows all the same
    ("nothing", {}, [*TABLES]),
    ("outcome", {"outcome": None}, ["segment_trends", "segment_breakdowns", "trend_tests",
                                    "segment_migrations"]),
    ("period", {"period": None}, ["segment_breakdowns", "segment_migrations"]),
    ("user", {"user": None}, [*TABLES[:4]]),
    ("dimensions", {"dimensions": ()}, [name for name in TABLES if name != "segment_breakdowns"]),
    ("everything", dict.fromkeys(("outcome", "period", "user")) | {"dimensions": ()}, []),
]  # fmt: skip


@pytest.fixture
def catalog(project: Path, tmp_path: Path) -> DataCatalog:
    """Return the datasets of the tables, as the project's catalog has them, in a folder."""
    path = project / "conf/base/catalog_reporting.yml"
    entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    entries["_names"] = yaml.safe_load(path.read_text(encoding="utf-8"))["_names"]
    chosen = {}
    for name in TABLES:
        entry = copy.deepcopy(entries[name])
        assert entry["load_args"] == "${_names}"
        entry |= {"load_args": entries["_names"], "filepath": f"{tmp_path}/{name}.csv"}
        chosen[name] = entry
    return DataCatalog.from_config(chosen)


def through_the_catalog(found: dict[str, pd.DataFrame], catalog: DataCatalog) -> None:
    """Save and load each table; what is loaded is what was saved."""
    for name, table in found.items():
        catalog.save(name, table)
        loaded = catalog.load(name)
        pd.testing.assert_frame_equal(loaded, table, rtol=1e-14)
        validator = getattr(schemas, "".join(part.title() for part in name.split("_")))
        pd.testing.assert_frame_equal(validator.validate(table), table)


@pytest.mark.parametrize(("lacking", "settings", "filled"), FEW, ids=[name for name, *_ in FEW])
def test_a_table_without_rows_has_its_header_and_goes_through_its_file(
    lacking: str, settings: dict[str, Any], filled: list[str], catalog: DataCatalog
) -> None:
    columns = COLUMNS.model_copy(update=settings)

    found = every_table(*tables(), columns)

    assert [name for name, table in found.items() if len(table)] == filled, lacking
    for table in (found["segment_trends"], found["segment_breakdowns"]):
        assert ("conversions" in table) == ("ci_low" in table) == (columns.outcome is not None)
    through_the_catalog(found, catalog)


@pytest.mark.parametrize("count", [1, 2])
def test_one_or_two_periods_have_no_trend(count: int, catalog: DataCatalog) -> None:
    planted = {cell: n for cell, n in PLANTED.items() if cell[0] in ("Mar", "May")[:count]}

    found = every_table(*tables(planted), COLUMNS)

    assert len(found["segment_trends"]) == 2 * count
    assert len(found["conversion_changes"]) == count - 1
    assert len(found["trend_tests"]) == 0
    through_the_catalog(found, catalog)


def test_one_segment_has_all_sessions(catalog: DataCatalog) -> None:
    planted = {cell: n for cell, n in PLANTED.items() if cell[1] == 1}

    found = every_table(*tables(planted), COLUMNS)

    assert found["segment_trends"]["share"].tolist() == [1, 1, 1, 1]
    assert found["conversion_changes"]["mix"].tolist() == pytest.approx([0, 0, 0], abs=1e-15)
    assert found["segment_migrations"]["share"].tolist() == [1]
    through_the_catalog(found, catalog)


ODD = {
    1: "<script>alert(\"1\")</script> & 'x'",
    2: "\U0001f6d2" + "\u00e9" * 80,
    3: "NA",
    4: "1",
    5: "a,b\nc",
    6: " blank ",
    7: "None",
    8: '"',
    9: "=1+1",
    10: "\u202eright to left",
    11: "x" * 80,
    12: "null",
}


def test_twelve_segments_with_odd_names_go_through_files(catalog: DataCatalog) -> None:
    rng = np.random.default_rng(4)
    labels = [label.strip() for label in ODD.values()]
    cells = {(label, one): (int(rng.integers(1, 60)), 1) for label in labels for one in ODD}
    segments, sessions = tables(cells, ODD)
    columns = ColumnsParams(
        outcome="bought", period="month", user="visitor", dimensions=("region",)
    )

    found = every_table(segments, sessions, columns)

    assert found["segment_trends"]["period"].unique().tolist() == sorted(labels)
    assert found["segment_trends"].groupby("segment")["segment_name"].unique().map(
        list
    ).tolist() == [[name] for name in ODD.values()]
    assert found["segment_trends"]["sessions"].sum() == len(segments)
    assert found["segment_breakdowns"]["value"].isna().sum() == 12
    through_the_catalog(found, catalog)


@pytest.mark.parametrize(
    "name", ["segment_", "sessions", "share", "group", "outcome", "distance", "period", "place"]
)
def test_columns_may_be_called_like_ours(name: str) -> None:
    segments, sessions = tables()
    expected = every_table(segments, sessions, COLUMNS)
    roles = {"month": "period", "bought": "outcome", "visitor": "user"}

    for column, role in roles.items():
        settings = COLUMNS.model_dump() | {role: name}
        settings["values"] = {name if column == "month" else "month": MONTHS}
        settings["dimensions"] = ["region", name if column == "month" else "month"]
        columns = ColumnsParams.model_validate(settings)
        found = every_table(segments, sessions.rename(columns={column: name}), columns)
        for table, frame in expected.items():
            if table == "segment_breakdowns":
                renamed = (
                    frame.replace({"dimension": {"month": name}}) if column == "month" else frame
                )
                pd.testing.assert_frame_equal(found[table], renamed)
            else:
                pd.testing.assert_frame_equal(found[table], frame)


def test_a_dimension_may_be_a_feature_or_the_outcome() -> None:
    segments, sessions = tables()
    pages = np.where(sessions["session_id"] % 2 == 0, 10.0, 2.0)
    pages[:3] = [np.nan, 0.5, np.nan]
    columns = ColumnsParams(outcome="bought", dimensions=("pages", "bought"))

    found = nodes.break_down_segments(segments, sessions.assign(pages=pages), columns)

    by_pages = found[found["dimension"] == "pages"].groupby("value", sort=False, dropna=False)
    assert [str(value) for value in by_pages.groups] == ["0.5", "2", "10", "nan"]
    assert by_pages["sessions"].sum().tolist()[0] == 1
    assert by_pages["sessions"].sum().sum() == len(sessions)
    by_outcome = found[found["dimension"] == "bought"]
    assert by_outcome.groupby("value")["conversions"].sum().tolist() == [
        0,
        sessions["bought"].sum(),
    ]


def test_a_hundred_thousand_sessions_are_all_counted() -> None:
    rng = np.random.default_rng(9)
    count = 100_000
    segments = pd.DataFrame({"session_id": np.arange(count), "segment": rng.integers(1, 13, count)})
    segments["segment_name"] = "segment " + segments["segment"].astype("str")
    sessions = pd.DataFrame(
        {
            "session_id": np.arange(count),
            "bought": rng.random(count) < 0.1,
            "month": rng.choice(["Jan", "Feb", "Mar", "May"], count),
            "visitor": rng.integers(0, 40_000, count).astype("str"),
            "region": rng.choice([*"abc"], count),
        }
    )

    found = every_table(segments, sessions, COLUMNS)

    assert found["segment_trends"]["sessions"].sum() == count
    assert found["segment_trends"]["conversions"].sum() == sessions["bought"].sum()
    assert len(found["segment_migrations"]) == 144
    expected = count - sessions["visitor"].nunique()
    assert found["segment_migrations"]["moves"].sum() == expected
    # Nothing was planted, and so nothing is found.
    assert found["trend_tests"]["effect_size"].abs().max() < 0.05


def test_no_node_changes_its_inputs() -> None:
    segments, sessions = tables()
    before = (segments.copy(deep=True), sessions.copy(deep=True))
    trends = nodes.summarise_trends(segments, sessions, COLUMNS)
    known = trends.copy(deep=True)

    every_table(segments, sessions, COLUMNS)
    nodes.split_conversion_changes(trends)
    nodes.measure_trends(trends, COLUMNS)

    for table, old in zip((segments, sessions, trends), (*before, known), strict=True):
        pd.testing.assert_frame_equal(table, old, check_exact=True)

"""Another table, other columns, other methods: through configuration alone."""

import csv
import gzip
import itertools
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from click.testing import CliRunner
from sklearn.datasets import load_wine
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    RobustScaler,
    StandardScaler,
)
from tests.project.conftest import PROJECT

from user_activity_trends.cli import run as run_command
from user_activity_trends.errors import CellsError

# Other tests go through the same lines, and coverage makes a run half as long again.
pytestmark = pytest.mark.no_cover

Run = Callable[..., None]
Configure = Callable[..., str]

TINY = PROJECT / "tests/data/tiny_sessions.csv"
FEATURES = (
    (PROJECT / "tests/data/tiny_new_sessions.csv").read_text(encoding="utf-8").split("\n")[0]
).split(",")
SMALL_SWEEP = {"sweep": {"k_max": 6, "restarts": 3}, "stability": {"resamples": 0}}


@pytest.fixture
def configure(tmp_path: Path) -> Configure:
    """Return a copy of ``conf`` whose ``local`` has what a user would write there."""

    def write(parameters: dict[str, Any], catalog: dict[str, Any] | None = None) -> str:
        # What is planted here has columns and gaps to be read, not segments that come back.
        parameters = {"promotion": {"gates": {"minimum_jaccard": 0}}} | parameters
        conf = tmp_path / "conf"
        shutil.copytree(PROJECT / "conf", conf)
        for name, content in (("parameters", parameters), ("catalog", catalog)):
            if content:
                text = yaml.safe_dump(content, allow_unicode=True)
                (conf / f"local/{name}.yml").write_text(text, encoding="utf-8")
        return str(conf)

    return write


def _newest(root: Path, name: str) -> Path:
    return max(path for path in root.rglob(name) if path.is_file())


def _json(root: Path, name: str) -> Any:
    return json.loads(_newest(root, name).read_text(encoding="utf-8"))


def _parquet(root: Path, name: str) -> pd.DataFrame:
    return pd.read_parquet(_newest(root, f"{name}.parquet"))


def _scored(root: Path) -> pd.DataFrame:
    return pd.read_csv(_newest(root, "new_session_segments.csv"), dtype={"session_id": str})


# --- other tables -------------------------------------------------------------------------------


def test_wine_without_outcome_and_period(
    run: Run, configure: Configure, data_root: Path, tmp_path: Path
) -> None:
    wine = load_wine(as_frame=True)
    file = tmp_path / "wine.csv"
    wine.data.to_csv(file, index=False)
    conf = configure(
        {
            "recipes": {"base": {"columns": list(wine.data), "scaler": "standard"}},
            "columns": {"outcome": None, "period": None, "dimensions": []},
            "clustering": {"stability": {"resamples": 0}},
        }
    )
    run(env="local", conf=conf, sessions_file=str(file))

    choice = _json(data_root, "cluster_choice.json")
    assert choice["method"] == "elbow"
    assert choice["k"] == choice["votes"]["elbow"]
    assert choice["candidates"] == list(range(1, 11))
    segments = _parquet(data_root, "session_segments")
    assert segments["session_id"].tolist() == list(range(1, 179))
    assert segments["segment"].nunique() == choice["k"]
    # The sorts of wine are real groups: a segment is nearly of one sort.
    main = pd.crosstab(segments["segment"], wine.target).max(axis=1).sum()
    assert main / 178 > 0.9
    profiles = pd.read_csv(_newest(data_root, "segment_profiles.csv"))
    assert list(profiles) == [
        "segment",
        "segment_name",
        "sessions",
        "share",
        *("stability", "rule", "rule_precision", "rule_recall"),
        *(f"{what}_{name}" for what in ("mean", "median", "standing") for name in wine.data),
    ]
    assert profiles["sessions"].sum() == 178
    by_segment = wine.data.groupby(segments["segment"].to_numpy())
    assert profiles.filter(regex="^mean_").to_numpy() == pytest.approx(by_segment.mean().to_numpy())
    medians = by_segment.median().to_numpy()
    assert profiles.filter(regex="^median_").to_numpy() == pytest.approx(medians)
    assert (profiles[["rule_precision", "rule_recall"]] > 0.8).all(axis=None)
    for name in ("segment_trends", "segment_breakdowns", "conversion_changes", "trend_tests"):
        table = pd.read_csv(_newest(data_root, f"{name}.csv"))
        assert len(table) == 0
        assert "conversions" not in table
    assert _scored(data_root).empty


VISITS = pd.DataFrame(
    {
        "Bought?": ["yes" if i % 3 == 0 else "no" for i in range(60)],
        "Pages seen": [(2, 40, 90)[i % 3] + i % 4 for i in range(60)],
        "visit no": [f"{i:05d}" for i in range(60)],
        "Seconds": [(10.5, 600.25, 100)[i % 3] + i for i in range(60)],
        "When": [str(1 + i % 12) for i in range(60)],
        "Länd": [("Österreich", "", "France")[i % 3] for i in range(60)],
    }
)
MINE: dict[str, Any] = {
    "recipes": {"base": {"columns": ["Pages seen", "Seconds"]}},
    "columns": {
        "id": "visit no",
        "outcome": "Bought?",
        "period": "When",
        "dimensions": ["Länd"],
        "kinds": {"Pages seen": "count", "Seconds": "duration"},
        "values": {
            "Bought?": {"codes": {"yes": "TRUE", "no": "FALSE"}},
            "When": {
                "accepted": ["spring", "summer", "autumn", "winter"],
                "codes": {
                    str(month): ("winter", "spring", "summer", "autumn")[month % 12 // 3]
                    for month in range(1, 13)
                },
            },
        },
    },
    "clustering": SMALL_SWEEP,
}


def test_other_columns_ids_codes_separator_and_compression(
    run: Run, configure: Configure, data_root: Path, tmp_path: Path
) -> None:
    file, new = tmp_path / "visits.csv.gz", tmp_path / "new.csv.gz"
    file.write_bytes(gzip.compress(VISITS.to_csv(index=False, sep=";").encode()))
    few = VISITS.iloc[[5, 3, 4]][["Seconds", "visit no", "Pages seen"]]
    new.write_bytes(gzip.compress(few.to_csv(index=False, sep="|").encode()))
    conf = configure(
        MINE,
        {"sessions": {"load_args": {"sep": ";"}}, "new_sessions": {"load_args": {"sep": "|"}}},
    )
    run(env="local", conf=conf, sessions_file=str(file), new_sessions_file=str(new))

    valid = _parquet(data_root, "valid_sessions")
    assert list(valid) == ["session_id", "Pages seen", "Seconds", "Bought?", "When", "Länd"]
    assert valid["session_id"].tolist() == VISITS["visit no"].tolist()
    assert valid["Bought?"].tolist() == [i % 3 == 0 for i in range(60)]
    seasons = ["winter", "winter", *["spring"] * 3, *["summer"] * 3, *["autumn"] * 3, "winter"]
    assert valid["When"].tolist() == seasons * 5
    assert valid["Länd"].fillna("-").tolist() == ["Österreich", "-", "France"] * 20

    segments = _parquet(data_root, "session_segments").set_index("session_id")["segment"]
    assert segments.index.tolist() == [f"{i:05d}" for i in range(60)]
    # Three groups are planted, by i % 3.
    assert _json(data_root, "cluster_choice.json")["k"] == 3
    assert segments.groupby([i % 3 for i in range(60)]).nunique().tolist() == [1, 1, 1]
    assert segments.nunique() == 3
    profiles = pd.read_csv(_newest(data_root, "segment_profiles.csv")).set_index("segment")
    buyers = segments["00000"]
    assert profiles["outcome_rate"].to_dict() == {
        segment: float(segment == buyers) for segment in (1, 2, 3)
    }

    scored = _scored(data_root)
    assert scored["session_id"].tolist() == ["00005", "00003", "00004"]
    assert scored["segment"].tolist() == segments[["00005", "00003", "00004"]].tolist()


def test_a_code_that_is_not_mapped_is_refused_under_the_id_of_its_session(
    run: Run, configure: Configure, data_root: Path, tmp_path: Path
) -> None:
    visits = VISITS.copy()
    visits.loc[6, "Bought?"] = "maybe"
    visits.loc[7, "When"] = "13"
    visits.loc[8, "visit no"] = "00001"
    file = tmp_path / "visits.csv"
    visits.to_csv(file, index=False)
    conf = configure(MINE)
    run(env="local", conf=conf, pipeline="data_processing", sessions_file=str(file))

    with _newest(data_root, "rejected_sessions.csv").open(encoding="utf-8", newline="") as told:
        lines = [tuple(line.values())[1:] for line in csv.DictReader(told)]
    assert lines == [
        ("7", "00006", "Bought?", "maybe", "not one of TRUE, FALSE, 1, 0, no, yes"),
        ("8", "00007", "When", "13", "not one of spring, summer, autumn, winter"),
        ("9", "00001", "visit no", "00001", "id occurs before"),
    ]
    valid = _parquet(data_root, "valid_sessions")
    assert valid["session_id"].tolist() == [f"{i:05d}" for i in range(60) if i not in {6, 7, 8}]


def test_nested_leaves_can_be_set_on_the_command_line(in_project: Path, data_root: Path) -> None:
    params = (
        "clustering.sweep.k_max=4,clustering.selection.method=fixed,"
        "clustering.selection.n_clusters=4,recipes.base.scaler=standard,columns.id=null,"
        "data_processing.duplicates=drop"
    )
    done = CliRunner().invoke(run_command, ["--env", "test", "--params", params])

    assert in_project
    assert done.exit_code == 0
    choice = _json(data_root, "cluster_choice.json")
    assert (choice["k"], choice["method"], choice["candidates"]) == (4, "fixed", [1, 2, 3, 4])
    assert choice["restarts"]["sweep"] == 3  # of the environment, which the leaves leave alone
    scaler = _json(data_root, "feature_scaler.json")
    assert (scaler["transform"], scaler["scaler"]) == ("none", "standard")
    assert [one["column"] for one in scaler["features"]] == FEATURES
    assert _json(data_root, "data_quality.json")["duplicates"] == "dropped"


# --- every transform, scaler and policy ---------------------------------------------------------

SCALERS: dict[str, Any] = {
    "minmax": MinMaxScaler,
    "standard": StandardScaler,
    "robust": RobustScaler,
}
METHODS = list(itertools.product(["none", "log1p"], SCALERS))
GAPS = {3: "PageValues", 50: "ExitRates", 51: "ProductRelated", 120: "Administrative"}
"""Row (1 = first data row) and the column in which it has a gap."""


def _with_gaps(path: Path) -> pd.DataFrame:
    """Write 150 sessions, four with a gap; return their features."""
    table = pd.read_csv(TINY, dtype=str).head(150)
    for row, column in GAPS.items():
        table.loc[row - 1, column] = ""
    table.to_csv(path, index=False)
    return table[FEATURES].replace("", None).astype(float)


def _reference(features: pd.DataFrame, transform: str, scaler: str) -> np.ndarray[Any, Any]:
    steps = [SimpleImputer(strategy="median")]
    if transform == "log1p":
        steps.append(FunctionTransformer(np.log1p))
    return np.asarray(make_pipeline(*steps, SCALERS[scaler]()).fit_transform(features))


def _recipe(transform: str, scaler: str, missing: str) -> dict[str, Any]:
    return {"base": {"transform": transform, "scaler": scaler, "missing": missing}}


@pytest.mark.long
@pytest.mark.parametrize("missing", ["median", "reject"])
@pytest.mark.parametrize(("transform", "scaler"), METHODS)
def test_new_sessions_get_the_labels_that_the_same_sessions_got_in_training(  # noqa: PLR0913, PLR0917
    run: Run, data_root: Path, tmp_path: Path, transform: str, scaler: str, missing: str
) -> None:
    file = tmp_path / "gaps.csv"
    features = _with_gaps(file)
    run(
        sessions_file=str(file),
        new_sessions_file=str(file),
        recipes=_recipe(transform, scaler, missing),
        clustering={"selection": {"fallback": "silhouette"}},
    )

    kept = [row for row in range(1, 151) if missing == "median" or row not in GAPS]
    features = features.iloc[[row - 1 for row in kept]]
    scaled = _parquet(data_root, "scaled_features")
    assert scaled["session_id"].tolist() == kept
    assert scaled[FEATURES].to_numpy() == pytest.approx(
        _reference(features, transform, scaler), abs=1e-9
    )

    trained = _parquet(data_root, "session_segments").set_index("session_id")
    assert trained.index.tolist() == kept
    assert trained["segment"].nunique() == _json(data_root, "cluster_choice.json")["k"] > 1
    scored = _scored(data_root).set_index("session_id")
    assert scored.index.tolist() == [str(row) for row in range(1, 151)]
    same = scored.loc[[str(row) for row in kept]]
    assert same["reason"].isna().all()
    assert same["segment"].tolist() == trained["segment"].tolist()
    assert same["segment_name"].tolist() == trained["segment_name"].tolist()
    for column in ("distance", "margin"):
        assert same[column].tolist() == pytest.approx(trained[column].tolist(), abs=1e-6)
    unscored = scored.loc[scored["segment"].isna(), "reason"].to_dict()
    assert unscored == (
        {}
        if missing == "median"
        else {str(row): f"{column}: missing value" for row, column in GAPS.items()}
    )


@pytest.mark.long
@pytest.mark.parametrize(("transform", "scaler"), METHODS)
def test_a_gap_fails_training_and_scoring_if_the_policy_says_so(
    run: Run, data_root: Path, tmp_path: Path, transform: str, scaler: str
) -> None:
    whole, gaps = tmp_path / "whole.csv", tmp_path / "gaps.csv"
    _with_gaps(gaps)
    pd.read_csv(TINY, dtype=str).head(150).to_csv(whole, index=False)
    settings: dict[str, Any] = {
        "recipes": _recipe(transform, scaler, "fail"),
        "clustering": {"selection": {"fallback": "silhouette"}},
    }
    run(sessions_file=str(whole), new_sessions_file=str(whole), **settings)

    trained = _parquet(data_root, "session_segments")
    scored = _scored(data_root)
    assert len(trained) == 150
    assert scored["segment"].tolist() == trained["segment"].tolist()
    assert scored["distance"].tolist() == pytest.approx(trained["distance"].tolist(), abs=1e-6)

    for stage, given in (
        ("inference", {"new_sessions_file": str(gaps)}),
        ("data_processing", {"sessions_file": str(gaps)}),
    ):
        with pytest.raises(CellsError) as refused:
            run(pipeline=stage, **given, **settings)
        told = str(refused.value)
        assert told.startswith(f"{gaps}: ")
        assert "recipes.base.missing" in told
        for column in GAPS.values():
            assert f"{column}: missing value" in told


def test_a_gap_in_a_new_session_is_filled_with_the_median_of_training(
    run: Run, data_root: Path, tmp_path: Path
) -> None:
    gaps, filled = tmp_path / "gaps.csv", tmp_path / "filled.csv"
    features = _with_gaps(gaps)
    median = features.median()
    rows = pd.DataFrame([features.iloc[0]] * len(FEATURES)).reset_index(drop=True)
    explicit = rows.copy()
    for i, column in enumerate(FEATURES):
        rows.loc[i, column] = np.nan
        explicit.loc[i, column] = median[column]
    pd.concat([rows, explicit]).to_csv(filled, index=False)
    run(
        sessions_file=str(gaps),
        new_sessions_file=str(filled),
        recipes=_recipe("none", "minmax", "median"),
    )

    scored = _scored(data_root)
    with_gap, without = scored.iloc[: len(FEATURES)], scored.iloc[len(FEATURES) :]
    assert with_gap["segment"].tolist() == without["segment"].tolist()
    assert with_gap["distance"].tolist() == pytest.approx(without["distance"].tolist(), abs=1e-6)
    assert with_gap["reason"].isna().all()
    medians = {
        one["column"]: one["median"] for one in _json(data_root, "feature_scaler.json")["features"]
    }
    assert medians == pytest.approx(median.to_dict())


def test_a_file_named_in_the_catalog_comes_without_the_samples_new_sessions(
    configure: Configure, run: Run, data_root: Path
) -> None:
    conf = configure({"clustering": SMALL_SWEEP}, {"sessions": {"filepath": str(TINY)}})

    run(env="local", conf=conf)

    assert _json(data_root, "data_quality.json")["rows_read"] == 494
    assert _scored(data_root).empty
    assert _json(data_root, "run_summary.json")["new_sessions"] == {
        "file": None,
        "rows": 0,
        "scored": 0,
        "unusual": 0,
    }


def test_a_parquet_table_is_read_as_the_same_table_in_csv(
    configure: Configure, run: Run, data_root: Path, tmp_path: Path
) -> None:
    pd.read_csv(TINY).to_parquet(tmp_path / "sessions.parquet")
    parquet = {"type": "pandas.ParquetDataset", "filepath": str(tmp_path / "sessions.parquet")}
    conf = configure({"clustering": SMALL_SWEEP}, {"sessions": parquet})
    run(env="local", conf=conf)
    labelled = _parquet(data_root, "session_segments")

    run(sessions_file=str(TINY), clustering={"sweep": SMALL_SWEEP["sweep"]})

    again = _parquet(data_root, "session_segments")
    columns = ["session_id", "segment", "segment_name"]
    pd.testing.assert_frame_equal(again[columns], labelled[columns])


def test_an_empty_path_of_sessions_is_refused(kedro: Callable[..., Any]) -> None:
    done = kedro("run", "--env", "test", "--params", "sessions_file=")

    assert done.code == 1
    assert done.last_words == "sessions: no file is given; name one (sessions_file)"

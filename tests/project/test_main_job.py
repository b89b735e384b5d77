"""The main job: what a run on good input leaves behind and tells."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd
import pytest
import yaml
from click.testing import CliRunner
from kedro.framework.project import settings
from tests.project.conftest import PROJECT, Finished, fingerprints

from user_activity_trends.cli import explain
from user_activity_trends.cli import run as run_command
from user_activity_trends.errors import InputFileError
from user_activity_trends.files import model_pickle


def _outputs(catalog: str) -> dict[str, str]:
    """Return the file of each dataset of a catalog that a run of one recipe writes."""
    entries = yaml.safe_load((PROJECT / "conf/base" / catalog).read_text(encoding="utf-8"))
    return {
        name: PurePosixPath(entry["filepath"]).name
        for name, entry in entries.items()
        if not name.startswith("_") and entry.get("filepath", "").startswith("${_out}/")
    }


REPORTING = _outputs("catalog_reporting.yml")
OUTPUTS = _outputs("catalog.yml") | REPORTING
VERSIONED = {
    "segmentation_model",
    "segment_identities",
    "segment_scorer",
    "model_record",
    "training_metrics",
    "promotion_report",
    "new_session_segments",
}
NEW_COLUMNS = [
    *("session_id", "segment", "segment_name", "distance", "margin"),
    *("unusual", "reason", "model_version"),
]
INFERENCE = {"valid_new_sessions", "rejected_new_sessions", "new_session_segments"}
TINY = PROJECT / "tests/data/tiny_sessions.csv"
TINY_NEW = PROJECT / "tests/data/tiny_new_sessions.csv"

Run = Callable[..., None]


def _versions(root: Path, dataset: str) -> list[Path]:
    return sorted(path for path in root.rglob(OUTPUTS[dataset]) if path.is_file())


def _newest(root: Path, dataset: str) -> Path:
    return _versions(root, dataset)[-1]


def _json(root: Path, dataset: str) -> Any:
    return json.loads(_newest(root, dataset).read_text(encoding="utf-8"))


def _table(root: Path, dataset: str) -> pd.DataFrame:
    path = _newest(root, dataset)
    return pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)


def _written(root: Path) -> set[str]:
    return {name for name in OUTPUTS if _versions(root, name)}


def _compact(text: str) -> str:
    """Leave out all blanks: the table wraps long cells."""
    return "".join(text.split())


def _content(root: Path) -> dict[str, str]:
    """Fingerprint what must be the same in every run on the same input."""
    found = fingerprints(root)
    return {
        path: content
        for path, content in found.items()
        if path.endswith((".csv", ".json", ".parquet", ".html"))
        and OUTPUTS["run_summary"] not in path
    }


def _predicted(root: Path, features: pd.DataFrame) -> list[int]:
    """Label with the model file itself, not with what the project wrote."""
    with _newest(root, "segmentation_model").open("rb") as file:
        model = model_pickle.load(file)
    segment = {
        one["cluster"]: one["segment"] for one in _json(root, "segment_identities")["segments"]
    }
    return [segment[int(raw)] for raw in model.predict(features[list(model.feature_names_in_)])]


# --- the embedded sample ------------------------------------------------------------------------


def test_a_run_on_the_sample_ends_with_a_table_that_says_what_the_datasets_say(
    kedro: Callable[..., Finished], data_root: Path
) -> None:
    done = kedro("run")

    assert done.code == 0, done.err
    assert _written(data_root) == set(OUTPUTS)
    summary, quality = _json(data_root, "run_summary"), _json(data_root, "data_quality")
    choice, profiles = _json(data_root, "cluster_choice"), _table(data_root, "segment_profiles")

    rows = re.search(
        r"^sessions +([\d,]+) read, ([\d,]+) accepted, ([\d,]+) rej", done.out, re.MULTILINE
    )
    assert rows is not None
    told = [int(number.replace(",", "")) for number in rows.groups()]
    assert told == [quality[f"rows_{name}"] for name in ("read", "accepted", "rejected")]
    assert told == [12_330, 12_330, 0]
    sample = str(PROJECT / "data/01_raw/sample_sessions.csv")
    assert summary["rows"] == {
        "file": sample,
        "rows_read": 12_330,
        "rows_accepted": 12_330,
        "rows_rejected": 0,
    }

    model = f"{summary['judged']} {summary['in_use']} is in use."
    told = f"segments {choice['verdict']} model {model} new sessions"
    assert _compact(told) in _compact(done.out)
    assert summary["judged"] == (f"Model {summary['in_use']}, the first model, passed all 4 gates.")
    assert choice["verdict"].startswith(f"k = {choice['k']}: ")
    assert choice["k"] == choice["votes"]["elbow"] == len(profiles)
    assert summary["clusters"] == {"k": choice["k"], "verdict": choice["verdict"]}

    lines = re.findall(
        r"^ +(\d+)  (.+?)  +([\d,]+) +([\d.]+)% +([\d.]+)% *$", done.out, re.MULTILINE
    )
    assert [
        (int(segment), name, int(size.replace(",", "")), float(share), float(rate))
        for segment, name, size, share, rate in lines
    ] == [
        (
            one.segment,
            one.segment_name,
            one.sessions,
            round(100 * one.share, 1),
            round(100 * one.outcome_rate, 1),
        )
        for one in profiles.itertuples()
    ]
    shown = ["segment", "segment_name", "sessions", "share", "outcome_rate"]
    pd.testing.assert_frame_equal(pd.DataFrame(summary["segments"]), profiles[shown])

    segments, sessions = _table(data_root, "session_segments"), _table(data_root, "valid_sessions")
    converted = sessions.set_index("session_id")["Revenue"]
    grouped = converted.groupby(segments.set_index("session_id")["segment"])
    assert profiles["sessions"].tolist() == grouped.size().tolist()
    assert profiles["outcome_rate"].tolist() == pytest.approx(grouped.mean().tolist())

    assert list(summary["results"]) == [
        "report",
        "session_segments",
        "segment_profiles",
        "segment_trends",
        "new_session_segments",
        "segmentation_model",
        "rejected_sessions",
        "data_quality",
    ]
    for name, path in summary["results"].items():
        assert Path(path) == _newest(data_root, name)
        assert _compact(f"{name} {path}") in _compact(done.out)

    scored = len(_table(data_root, "new_session_segments"))
    assert f"{scored} read, {scored} scored, 0 unusual" in done.out
    seconds = summary["seconds"]
    stages = {
        *("data_processing", "clustering", "promotion", "labelling", "inference", "reporting"),
    }
    assert set(seconds) == stages | {"total"}
    assert seconds["total"] >= sum(spent for stage, spent in seconds.items() if stage != "total")
    told_seconds = ", ".join(f"{stage} {spent:.1f}" for stage, spent in seconds.items())
    assert re.search(rf"^seconds +{re.escape(told_seconds)} *$", done.out, re.MULTILINE)

    for name in ("sample_sessions.csv", "sample_new_sessions.csv"):
        assert re.search(rf"synthetic \(.*/{name}\)$", done.err, re.MULTILINE)
    assert all(summary["run_id"] in line for line in done.err.splitlines())
    assert "\r" not in done.err  # a progress bar is for terminals


# --- what is in the outputs ---------------------------------------------------------------------


@pytest.mark.usefixtures("after_a_run")
def test_segments_have_distinct_names_and_are_numbered_by_size(data_root: Path) -> None:
    profiles = _table(data_root, "segment_profiles")
    assert profiles["segment"].tolist() == list(range(1, len(profiles) + 1))
    assert profiles["sessions"].is_monotonic_decreasing
    assert profiles["sessions"].sum() == 494
    assert profiles["segment_name"].is_unique
    identities = _json(data_root, "segment_identities")["segments"]
    assert [(one["segment"], one["segment_name"]) for one in identities] == list(
        zip(profiles["segment"], profiles["segment_name"], strict=True)
    )
    assert len(identities) == _json(data_root, "cluster_choice")["k"]


@pytest.mark.usefixtures("after_a_run")
def test_every_session_is_in_the_segment_that_the_model_file_says(data_root: Path) -> None:
    segments = _table(data_root, "session_segments")
    names = {
        one["segment"]: one["segment_name"]
        for one in _json(data_root, "segment_identities")["segments"]
    }
    assert list(segments) == [
        *("session_id", "segment", "segment_name", "distance", "margin", "model_version"),
    ]
    assert segments["session_id"].tolist() == list(range(1, 495))
    assert segments["segment"].tolist() == _predicted(data_root, pd.read_csv(TINY))
    assert segments["segment_name"].tolist() == [names[one] for one in segments["segment"]]
    sse = float((segments["distance"] ** 2).sum())
    assert sse == pytest.approx(_json(data_root, "training_metrics")["sse"], rel=1e-9)
    curve = _table(data_root, "elbow_curve").set_index("k")["sse"]
    assert sse == pytest.approx(curve[segments["segment"].nunique()], rel=1e-9)


@pytest.mark.usefixtures("after_a_run")
def test_every_new_session_is_scored_in_order(data_root: Path) -> None:
    scored = _table(data_root, "new_session_segments")
    assert list(scored) == NEW_COLUMNS
    assert scored["session_id"].tolist() == [1, 2, 3, 4, 5]
    assert scored["segment"].tolist() == _predicted(data_root, pd.read_csv(TINY_NEW))
    assert scored["reason"].isna().all()


@pytest.mark.usefixtures("after_a_run")
def test_inference_alone_scores_as_the_whole_run_did(run: Run, data_root: Path) -> None:
    first = _versions(data_root, "new_session_segments")
    run(pipeline="inference")

    both = _versions(data_root, "new_session_segments")
    assert len(both) == 2
    assert both[0] == first[0]
    assert both[0].read_bytes() == both[1].read_bytes()
    assert len(_versions(data_root, "segmentation_model")) == 1


@pytest.mark.usefixtures("after_a_run")
def test_a_second_run_adds_a_version_and_keeps_the_first(run: Run, data_root: Path) -> None:
    first = {name: _newest(data_root, name) for name in VERSIONED}
    bytes_before = {name: path.read_bytes() for name, path in first.items()}
    run(
        clustering={"selection": {"method": "fixed", "n_clusters": 4}},
        promotion={"allow_new_segments": True, "gates": {"silhouette_loss": 2}},
    )

    for name in VERSIONED:
        old, new = _versions(data_root, name)
        assert old == first[name]
        assert old.read_bytes() == bytes_before[name]
        assert new.read_bytes() != bytes_before[name]
    assert _json(data_root, "training_metrics")["k"] == 4


def test_names_from_the_command_line_are_used_wherever_a_segment_is_named(
    in_project: Path, data_root: Path
) -> None:
    names = 'labelling.names.1=Window shoppers,labelling.names.3="[red]Bouncers[/red]"'
    done = CliRunner().invoke(run_command, ["--env", "test", "--params", names])

    assert in_project
    assert done.exit_code == 0
    profiles = _table(data_root, "segment_profiles").set_index("segment")["segment_name"]
    assert (profiles[1], profiles[3]) == ("Window shoppers", "[red]Bouncers[/red]")
    assert profiles[2] not in {"Window shoppers", "[red]Bouncers[/red]"}
    named = ("session_segments", "new_session_segments", "typical_sessions", "segment_trends")
    for dataset in named:
        table = _table(data_root, dataset)
        assert table["segment_name"].tolist() == profiles[table["segment"]].tolist()
    assert re.search(r"^ +1  Window shoppers  ", done.stdout, re.MULTILINE)
    assert re.search(r"^ +3  \[red\]Bouncers\[/red\]  ", done.stdout, re.MULTILINE)


def test_with_sessions_only_nothing_is_scored_and_the_run_says_so(
    in_project: Path, data_root: Path
) -> None:
    params = f"sessions_file={TINY},clustering.sweep.k_max=6,clustering.sweep.restarts=3"
    done = CliRunner().invoke(run_command, ["--params", params])

    assert in_project
    assert done.exit_code == 0
    said = [line for line in done.stdout.splitlines() if line.startswith("new sessions")]
    assert len(said) == 1
    assert "nothing was scored" in said[0]
    assert "new_sessions_file" in said[0]
    scored = _newest(data_root, "new_session_segments").read_text(encoding="utf-8")
    assert scored == f"{','.join(NEW_COLUMNS)}\n"
    assert _json(data_root, "run_summary")["new_sessions"] == {
        "file": None,
        "rows": 0,
        "scored": 0,
        "unusual": 0,
    }
    assert len(_table(data_root, "session_segments")) == 494
    assert _table(data_root, "rejected_new_sessions").empty


@pytest.mark.usefixtures("after_a_run")
def test_another_recipe_is_written_beside_the_one_in_use(run: Run, data_root: Path) -> None:
    before = fingerprints(data_root)
    run(recipe="log")

    after = fingerprints(data_root)
    beside = {path: content for path, content in after.items() if path.startswith("recipes/log/")}
    assert {path: content for path, content in after.items() if path not in beside} == before
    assert len(beside) == len(OUTPUTS)
    assert "PageValues" not in _table(data_root / "recipes/log", "session_features")
    assert "PageValues" in _table(data_root / "04_feature", "session_features")


# --- stages -------------------------------------------------------------------------------------


@pytest.mark.usefixtures("after_a_run")
def test_the_stages_one_by_one_write_what_the_whole_run_writes(
    run: Run, data_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    apart = tmp_path / "stage by stage"
    monkeypatch.setenv("DATA_ROOT", str(apart))
    written = []
    for stage in (
        *("data_processing", "clustering", "promotion"),
        *("labelling", "inference", "reporting"),
    ):
        before = _written(apart)
        run(pipeline=stage, resampled=True)
        written.append(_written(apart) - before - {"run_summary"})

    assert written == [
        {
            "rejected_sessions",
            "data_quality",
            "valid_sessions",
            "session_features",
            "scaled_features",
            "feature_scaler",
        },
        {
            "predecessor",
            "elbow_curve",
            "cluster_evidence",
            "cluster_choice",
            "segmentation_model",
            "named_clusters",
            "segment_identities",
            "segment_lineage",
            "segment_scorer",
            "training_metrics",
            "model_record",
        },
        {"promotion_report", "champion"},
        {
            *("session_segments", "choice_in_use", "curve_in_use"),
            *("segment_profiles", "typical_sessions"),
        },
        INFERENCE,
        {*REPORTING},
    ]
    assert _content(apart) == _content(data_root)


def test_training_does_everything_but_scoring(run: Run, data_root: Path) -> None:
    run(pipeline="training")

    assert _written(data_root) == set(OUTPUTS) - INFERENCE
    summary = _json(data_root, "run_summary")
    assert "new_sessions" not in summary
    assert summary["clusters"]["k"] == len(summary["segments"])


@pytest.mark.parametrize(
    ("stage", "lacking", "file"),
    [
        ("inference", "champion", "champion.json"),
        ("promotion", "data_quality", "data_quality.json"),
        ("clustering", "data_quality", "data_quality.json"),
        ("labelling", "champion", "champion.json"),
        ("reporting", "champion", "champion.json"),
    ],
)
def test_a_stage_before_those_it_needs_is_refused_and_says_what_to_run(
    run: Run, data_root: Path, stage: str, lacking: str, file: str
) -> None:
    with pytest.raises(InputFileError) as refused:
        run(pipeline=stage)

    message = explain(refused.value)
    assert message is not None
    assert message.startswith(f"{lacking}: there is no such file: {data_root}")
    assert file in message
    assert "kedro run --pipelines training" in message
    assert not any(path.is_file() for path in data_root.rglob("*"))


def test_without_the_sample_of_new_sessions_inference_scores_nothing(
    in_project: Path, data_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in an image, which has no data: whoever gives no file has nothing to score."""
    monkeypatch.setenv("DO_NOT_TRACK", "1")  # the copy has no .telemetry
    home = tmp_path / "home"
    shutil.copytree(in_project / "conf", home / "conf")
    fewer = {"clustering": {"sweep": {"k_max": 6, "restarts": 3}}}
    for pipeline, params in (
        ("training", {"sessions_file": str(TINY), **fewer}),
        ("inference", {}),
    ):
        with settings.SESSION_CLASS.create(
            project_path=home, env="base", runtime_params=params
        ) as session:
            session.run(pipeline_names=[pipeline])

    assert not (home / "data").exists()
    scored = _newest(data_root, "new_session_segments").read_text(encoding="utf-8")
    assert scored == f"{','.join(NEW_COLUMNS)}\n"
    told = {"file": None, "rows": 0, "scored": 0, "unusual": 0}
    assert _json(data_root, "run_summary")["new_sessions"] == told

"""The same input gives the same bytes, and they go where they are told to and nowhere else."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd
import pytest
import yaml
from comparable import comparable

from user_activity_trends.files import atomic

# Other tests go through the same lines, and coverage makes a run half as long again.
pytestmark = pytest.mark.no_cover

PROJECT = Path(__file__).resolve().parents[2]
CATALOG = {
    name: entry
    for file in ("catalog.yml", "catalog_reporting.yml")
    for name, entry in yaml.safe_load((PROJECT / "conf/base" / file).read_text()).items()
}
OUTPUTS = {
    name: dataset
    for name, dataset in CATALOG.items()
    if not name.startswith("_") and dataset.get("filepath", "").startswith("${_out}/")
}
PLACES = {PurePosixPath(one["filepath"].removeprefix("${_out}/")) for one in OUTPUTS.values()}
VERSIONED = {
    PurePosixPath(one["filepath"]).name for one in OUTPUTS.values() if one.get("versioned")
}
SUMMARY = PurePosixPath("08_reporting/run_summary.json")
COMPARED = {".csv", ".html", ".json", ".parquet"}

Contents = dict[PurePosixPath, list[str]]


def _contents(root: Path) -> Contents:
    """Hash every file below ``root``: by its place without the version, the oldest first."""
    found: Contents = {}
    for path in sorted(root.rglob("*")):
        if path.is_file():
            place = PurePosixPath(path.relative_to(root))
            if path.name in VERSIONED:
                place = place.parent.parent
            content = hashlib.sha256(comparable(path)).hexdigest()
            found.setdefault(place, []).append(content)
    return found


def _without_timings(summary: Path) -> Any:
    told = json.loads(summary.read_text(encoding="utf-8"))
    del told["run_id"], told["results"]  # the version is part of both
    for name in ("judged", "in_use"):
        told[name] = re.sub(atomic.VERSION, "VERSION", told[name])
    return told | {"seconds": [*told["seconds"]]}


def _assert_same(one: Path, other: Path) -> None:
    first, second = _contents(one), _contents(other)
    assert set(first) == set(second) == PLACES
    for place in PLACES - {SUMMARY}:
        if place.suffix in COMPARED:
            assert first[place][-1] == second[place][-1], place
    assert _without_timings(one / SUMMARY) == _without_timings(other / SUMMARY)


@pytest.mark.long
def test_hash_seed_threads_and_place_do_not_matter_on_the_whole_sample(
    kedro: Callable[..., Any], tmp_path: Path
) -> None:
    for name, seed, threads in (("one", "0", "1"), ("the other", "1", "2")):
        finished = kedro(
            "run",
            DATA_ROOT=str(tmp_path / name),
            PYTHONHASHSEED=seed,
            OMP_NUM_THREADS=threads,
            OPENBLAS_NUM_THREADS=threads,
        )
        assert finished.code == 0, finished.err

    _assert_same(tmp_path / "one", tmp_path / "the other")
    quality = json.loads((tmp_path / "one/08_reporting/data_quality.json").read_text())
    assert quality["rows_read"] == 12_330


def test_two_projects_write_the_same_bytes_through_two_runs(
    run: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second run of each goes on from the model of the first."""
    for name in ("one", "the other"):
        monkeypatch.setenv("DATA_ROOT", str(tmp_path / name))
        run(resampled=True)
        run(resampled=True)

    _assert_same(tmp_path / "one", tmp_path / "the other")
    contents = _contents(tmp_path / "one")
    assert {place.name for place in PLACES if len(contents[place]) == 2} == VERSIONED


@pytest.mark.usefixtures("after_a_run")
def test_a_second_run_on_the_same_sessions_changes_no_label(
    run: Callable[..., None], data_root: Path
) -> None:
    labels = data_root / "07_model_output/session_segments.parquet"
    names = ["session_id", "segment", "segment_name"]
    first = pd.read_parquet(labels)
    run()
    second = pd.read_parquet(labels)

    pd.testing.assert_frame_equal(first[names], second[names])
    assert set(first["model_version"]) != set(second["model_version"])


@pytest.mark.usefixtures("after_a_run")
def test_another_recipe_writes_beside_what_is_in_use(
    run: Callable[..., None], data_root: Path
) -> None:
    before = _contents(data_root)

    run(recipe="log")

    after = _contents(data_root)
    beside = PurePosixPath("recipes/log")
    assert {place: after[place] for place in before} == before
    assert after.keys() - before.keys() == {beside / place for place in PLACES}
    features = PurePosixPath("04_feature/session_features.parquet")
    assert after[beside / features] != after[features]


def _snapshot(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): (
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
        )
        for path in folder.rglob("*")
    }


@pytest.mark.long
@pytest.mark.parametrize("recipe", ["base", "log"])
def test_data_root_moves_all_outputs(recipe: str, tmp_path: Path) -> None:
    """In a copy of the project, so that nothing else can change it meanwhile."""
    copy, root = tmp_path / "project", tmp_path / "elsewhere"
    shutil.copytree(PROJECT / "src", copy / "src", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("conf", "data/01_raw", "tests/data"):
        shutil.copytree(PROJECT / name, copy / name)
    for name in ("pyproject.toml", ".telemetry"):
        shutil.copy(PROJECT / name, copy)
    (copy / "logs").mkdir()
    # Kedro-Viz, where it is installed, writes what it shows of a run.
    (copy / ".viz").mkdir()
    before = _snapshot(copy)

    variables = {name: value for name, value in os.environ.items() if "COVERAGE" not in name}
    command = ["run", "--env", "test", "--params", f"recipe={recipe}"]
    subprocess.run(
        [sys.executable, "-m", "kedro", *command],
        cwd=copy,
        env=variables | {"DATA_ROOT": str(root), "PYTHONDONTWRITEBYTECODE": "1"},
        check=True,
        capture_output=True,
    )

    changed = {name for name, _ in _snapshot(copy).items() ^ before.items()}
    assert {PurePosixPath(name).parts[0] for name in changed} - {".viz"} == {"logs"}
    moved = root if recipe == "base" else root / "recipes" / recipe
    assert set(_contents(moved)) == PLACES
    assert len(_contents(root)) == len(PLACES)

"""A run that is killed at the worst moment leaves every output old or new, and no trace."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml

from user_activity_trends.lifecycle.context import REVISION
from user_activity_trends.pipeline_registry import register_pipelines

pytestmark = pytest.mark.long

PROJECT = Path(__file__).resolve().parents[2]
CATALOG = {
    name: dataset
    for file in sorted((PROJECT / "conf/base").glob("catalog*.yml"))
    for name, dataset in yaml.safe_load(file.read_text(encoding="utf-8")).items()
}
SUMMARY = "run_summary"  # written by no node; the seconds in it are never the same
LINEAGE = "segment_lineage"  # tells of models that were never in use as well
OUTPUTS = sorted(register_pipelines()["__default__"].all_outputs() | {SUMMARY})
FILES = {name: PurePosixPath(CATALOG[name]["filepath"]).name for name in OUTPUTS}
NAMES = {file: name for name, file in FILES.items()}
VERSIONED = {name for name in OUTPUTS if CATALOG[name].get("versioned")}
VIEWS = {
    "model_in_use": "champion",
    "reigning_champion": "champion",
    "earlier_lineage": LINEAGE,
}
"""Datasets that only read, and the output that says which model they are of."""

SWEEP = {"k_min": 2, "k_max": 3, "restarts": 1}
GATES = {
    "minimum_rows": 1,
    "minimum_rows_share": 0,
    "rejected_share": 1,
    "smallest_share": 0,
    "minimum_jaccard": 0,
    "outlier_share": 1,
    "distance_rise": 1e9,
    "silhouette_loss": 2,
    "adjusted_rand": -1,
}
"""Every model is promoted, so that every run replaces every output."""


@dataclass(frozen=True)
class Answer:
    """How a forked run ended."""

    end: int
    result: Any
    words: str


@dataclass(frozen=True)
class Undisturbed:
    """What a run that nobody has killed leaves."""

    root: Path
    state: dict[str, dict[str, str]]
    told: dict[str, dict[str, str]]
    values: dict[str, str]


@dataclass(frozen=True)
class Bench:
    """A warm process to fork runs from, what undisturbed runs leave, and what dead ones do."""

    ask: Callable[..., Answer]
    old: Undisturbed
    new: Undisturbed
    """After the old one, and with all deaths."""
    after_old: Undisturbed
    after_new: Undisturbed
    """What the run that follows a death is to leave, by what that death left in use."""
    following: dict[str, Any]
    """How to run that one."""
    graves: Path


def _content(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _places(root: Path) -> dict[str, list[Path]]:
    """Return the files of every output."""
    found: dict[str, list[Path]] = {name: [] for name in OUTPUTS}
    for path in root.rglob("*"):
        if path.name in NAMES and path.is_file():
            found[NAMES[path.name]].append(path)
    return found


def _state(root: Path) -> dict[str, dict[str, str]]:
    """Hash the file of every output by its version, which is empty for one without versions."""
    return {
        name: {path.parent.name if name in VERSIONED else "": _content(path) for path in paths}
        for name, paths in _places(root).items()
    }


def _told(root: Path) -> dict[str, dict[str, str]]:
    """Return ``_state`` without what differs from run to run, and the lineage by version."""
    places = _places(root)
    summary, lineage = (
        json.loads(path.read_text(encoding="utf-8"))
        for name in (SUMMARY, LINEAGE)
        for path in places[name]
    )
    summary |= {part: sorted(summary[part]) for part in ("results", "seconds")}
    return _state(root) | {
        SUMMARY: {"": json.dumps(summary)},
        LINEAGE: {step["version"]: json.dumps(step) for step in lineage["steps"]},
    }


def _leftovers(root: Path) -> list[Path]:
    """List what is no output: other files, and folders without a file."""
    outputs = {path for paths in _places(root).values() for path in paths}
    return [
        path
        for path in sorted(root.rglob("*"))
        if path not in outputs and (path.is_file() or not any(path.iterdir()))
    ]


def _latest(versions: dict[str, str]) -> str:
    return versions[max(versions)]


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """Start the driver, and make the outputs of an old and a new run, none of them the same."""
    folder = tmp_path_factory.mktemp("killing")
    (folder / "logs").mkdir()
    header, *sessions = (PROJECT / "tests/data/tiny_sessions.csv").read_text().splitlines()
    new_header, *new_sessions = (
        (PROJECT / "tests/data/tiny_new_sessions.csv").read_text().splitlines()
    )
    later, new_later = sessions[200:], new_sessions[1:]
    later[3] = later[3].replace(",", "x,", 1)  # a defect, so that something is rejected
    new_later[1] = new_later[1].replace(",", "x,", 1)
    texts = {
        "old.csv": [header, *sessions[:300]],
        "old_new.csv": [new_header, *new_sessions],
        "new.csv": [header, *later],
        "new_new.csv": [new_header, *new_later],
    }
    for name, lines in texts.items():
        (folder / name).write_text("\n".join(lines) + "\n")

    def params(which: str, k: int) -> dict[str, Any]:
        fixed = {
            "sweep": SWEEP,
            "selection": {"method": "fixed", "n_clusters": k},
            "stability": {"resamples": 1},
        }
        return {
            "sessions_file": str(folder / f"{which}.csv"),
            "new_sessions_file": str(folder / f"{which}_new.csv"),
            "clustering": fixed,
            "promotion": {"gates": GATES},
            # Any columns, so that there are moves, and periods of sessions enough to be tested.
            "columns": {"user": "Region", "period": "OperatingSystems"},
        }

    old, new = params("old", 3), params("new", 2)
    # A fork has only the thread that forked, so the warm process must need no other one:
    # Arrow makes its threads anew after a fork, OpenMP and OpenBLAS are told to have none.
    # Coverage would double the time, of code that other tests measure.
    variables = {name: value for name, value in os.environ.items() if "COVERAGE" not in name}
    variables |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    variables |= {
        "PYTHONPATH": str(PROJECT / "src"),
        "KEDRO_LOGGING_CONFIG": str(PROJECT / "conf/logging.yml"),
        REVISION: "that of the tests",
    }
    with (
        (folder / "driver.txt").open("w+") as words,
        subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("run_and_die.py"))],
            cwd=folder,
            env=variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=words,
            text=True,
        ) as driver,
    ):
        assert driver.stdin
        assert driver.stdout
        requests, answers = driver.stdin, driver.stdout

        def ask(do: str, root: Path, **details: Any) -> Answer:
            print(json.dumps({"do": do, "root": str(root)} | details), file=requests, flush=True)
            line = answers.readline()
            assert line, (folder / "driver.txt").read_text()
            return Answer(**json.loads(line))

        def run(do: str, name: str, after: Path | None = None, **how: Any) -> Undisturbed:
            root = folder / name
            if after:
                shutil.copytree(after, root)
            made = ask(do, root, **how)
            assert made.end == 0, made.words
            loaded = ask("load", root, names=[*OUTPUTS, *VIEWS])
            assert loaded.end == 0, loaded.words
            return Undisturbed(root, _state(root), _told(root), loaded.result)

        following = {"params": new, "day": "2026-01-03"}
        graves = folder / "graves"
        first = run("warm", "old", params=old, day="2026-01-01")
        after_first = run("warm", "after old", first.root, **following)
        second = run("die", "new", first.root, params=new, day="2026-01-02", graves=str(graves))
        after_second = run("warm", "after new", second.root, **following)
        for name in OUTPUTS:
            assert _latest(first.state[name]) != _latest(second.state[name]), f"{name}: no change"
        for name, value in first.values.items():
            assert value != second.values[name], f"{name}: no change"
        yield Bench(ask, first, second, after_first, after_second, following, graves)
        requests.close()
        assert driver.wait(timeout=30) == 0


def test_the_outputs_are_all_that_a_run_writes(bench: Bench) -> None:
    assert sorted(path.name for path in bench.graves.iterdir()) == sorted(FILES.values())


@pytest.mark.parametrize("moment", ["write", "replace"])
@pytest.mark.parametrize("output", OUTPUTS)
def test_a_killed_run_leaves_every_output_old_or_new_and_the_next_run_cleans_up(
    output: str, moment: str, bench: Bench, tmp_path: Path
) -> None:
    root = tmp_path / "data"
    shutil.copytree(bench.graves / FILES[output] / moment, root)

    _assert_it_died_at(moment, output, root, bench)
    _assert_old_or_new(output, root, bench)
    loaded = bench.ask("load", root, names=[*OUTPUTS, *VIEWS])
    assert loaded.end == 0, loaded.words
    state = _state(root)
    for name, value in loaded.result.items():
        shown = VIEWS.get(name, name)
        is_old = _latest(state[shown]) == _latest(bench.old.state[shown])
        assert value == (bench.old if is_old else bench.new).values[name], name

    if moment == "write":
        # The next run, which reads nothing of what is left, begins as after the other moment.
        assert _outputs(root) == _outputs(bench.graves / FILES[output] / "replace")
        return
    following = bench.ask("run", root, **bench.following)

    assert following.end == 0, following.words
    assert _leftovers(root) == []
    promoted = state["champion"] == bench.new.state["champion"]
    _assert_as_if_undisturbed(root, bench, bench.after_new if promoted else bench.after_old)


def _outputs(root: Path) -> dict[str, str]:
    """Hash all outputs by their place."""
    return {
        str(path.relative_to(root)): _content(path)
        for paths in _places(root).values()
        for path in paths
    }


def _assert_it_died_at(moment: str, output: str, root: Path, bench: Bench) -> None:
    """The test itself: what the dead run left is part of that output, or all of it."""
    (left,) = [path for path in _leftovers(root) if path.is_file()]
    assert FILES[output] in left.name
    (whole,) = [
        path
        for path in _places(bench.new.root)[output]
        if _content(path) == _latest(bench.new.state[output])
    ]
    written, expected = left.read_bytes(), whole.read_bytes()
    if moment == "write":
        assert 0 < len(written) < len(expected)
        assert expected.startswith(written)
    else:
        assert written == expected


def _assert_old_or_new(output: str, root: Path, bench: Bench) -> None:
    state, old, new = _state(root), bench.old.state, bench.new.state
    assert state[output] == old[output], "it was killed before the output was in place"
    for name, found in state.items():
        assert found in (old[name], new[name]), name


def _assert_as_if_undisturbed(root: Path, bench: Bench, expected: Undisturbed) -> None:
    """The next run is as if there had been no dead one, of which only versions may stay."""
    found, wanted, old, new = _told(root), expected.told, bench.old.told, bench.new.told
    for name in OUTPUTS:
        assert max(found[name].items()) == max(wanted[name].items()), name
        assert found[name].items() >= wanted[name].items() & old[name].items(), name
        assert found[name].items() <= (new[name] | wanted[name]).items(), name

"""A run that is killed at the worst moment leaves every output old or new, and no trace."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml

PROJECT = Path(__file__).resolve().parents[2]
CATALOG = {
    name: dataset
    for file in sorted((PROJECT / "conf/base").glob("catalog*.yml"))
    for name, dataset in yaml.safe_load(file.read_text(encoding="utf-8")).items()
}
OUTPUTS = {
    name: dataset
    for name, dataset in CATALOG.items()
    if not name.startswith("_") and dataset["filepath"].startswith("${_out}/")
}
FILES = {name: PurePosixPath(dataset["filepath"]).name for name, dataset in OUTPUTS.items()}
VERSIONED = {name for name, dataset in OUTPUTS.items() if dataset.get("versioned")}
SUMMARY = "run_summary"  # has the times of its run, so that no two are the same

SWEEP = {"k_min": 2, "k_max": 3, "restarts": 1}


@dataclass(frozen=True)
class Answer:
    """How a forked run ended."""

    end: int
    result: Any
    words: str


@dataclass(frozen=True)
class Bench:
    """A warm process to fork runs from, and what undisturbed runs of it leave."""

    ask: Callable[..., Answer]
    old_root: Path
    old: dict[str, dict[str, str]]
    old_values: dict[str, str]
    new_params: dict[str, Any]
    new_root: Path
    new: dict[str, dict[str, str]]
    new_values: dict[str, str]


def _content(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _places(root: Path, output: str) -> list[Path]:
    return [path for path in root.rglob(FILES[output]) if path.is_file()]


def _state(root: Path) -> dict[str, dict[str, str]]:
    """Hash the file of every output by its version, which is empty for one without versions."""
    return {
        name: {
            path.parent.name if name in VERSIONED else "": _content(path)
            for path in _places(root, name)
        }
        for name in OUTPUTS
    }


def _leftovers(root: Path) -> list[Path]:
    """List what is no output: other files, and folders without a file."""
    outputs = {path for name in OUTPUTS for path in _places(root, name)}
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
    }
    with (
        (folder / "driver.txt").open("w+") as words,
        subprocess.Popen(
            [
                sys.executable,
                str(Path(__file__).with_name("run_and_die.py")),
                str(folder / "warm"),
                json.dumps(old),
            ],
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

        old_root, new_root = folder / "old", folder / "new"
        made = [ask("run", old_root, params=old)]
        shutil.copytree(old_root, new_root)
        made.append(ask("run", new_root, params=new))
        values = [ask("load", root, names=[*OUTPUTS]) for root in (old_root, new_root)]
        for answer in (*made, *values):
            assert answer.end == 0, answer.words
        old_state, new_state = _state(old_root), _state(new_root)
        for name in OUTPUTS:
            assert _latest(old_state[name]) != _latest(new_state[name]), f"{name} does not tell"
            assert values[0].result[name] != values[1].result[name], f"{name} does not tell"
        yield Bench(
            ask,
            old_root,
            old_state,
            values[0].result,
            new,
            new_root,
            new_state,
            values[1].result,
        )
        requests.close()
        assert driver.wait(timeout=30) == 0


@pytest.mark.parametrize("moment", ["write", "replace"])
@pytest.mark.parametrize("output", OUTPUTS)
def test_a_killed_run_leaves_every_output_old_or_new_and_the_next_run_cleans_up(
    output: str, moment: str, bench: Bench, tmp_path: Path
) -> None:
    root = tmp_path / "data"
    shutil.copytree(bench.old_root, root)

    killed = bench.ask("run", root, params=bench.new_params, target=FILES[output], moment=moment)

    assert killed.end == -signal.SIGKILL, killed.words
    _assert_it_died_at(moment, output, root, bench)
    _assert_old_or_new(output, root, bench)
    loaded = bench.ask("load", root, names=[*OUTPUTS])
    assert loaded.end == 0, loaded.words
    state = _state(root)
    for name, value in loaded.result.items():
        is_old = _latest(state[name]) == _latest(bench.old[name])
        assert value == (bench.old_values if is_old else bench.new_values)[name], name

    following = bench.ask("run", root, params=bench.new_params)

    assert following.end == 0, following.words
    assert _leftovers(root) == []
    _assert_as_if_undisturbed(root, bench)


def _assert_it_died_at(moment: str, output: str, root: Path, bench: Bench) -> None:
    """The test itself: what the dead run left is part of that output, or all of it."""
    (left,) = [path for path in _leftovers(root) if path.is_file()]
    assert FILES[output] in left.name
    (whole,) = [
        path
        for path in _places(bench.new_root, output)
        if _content(path) == _latest(bench.new[output])
    ]
    written, expected = left.read_bytes(), whole.read_bytes()
    if output == SUMMARY:
        assert written.startswith(b'{\n  "run_id": "')
        assert written.endswith(b"}\n}") == (moment == "replace")
    elif moment == "write":
        assert 0 < len(written) < len(expected)
        assert expected.startswith(written)
    else:
        assert written == expected


def _assert_old_or_new(output: str, root: Path, bench: Bench) -> None:
    state = _state(root)
    assert state[output] == bench.old[output], "it was killed before the output was in place"
    for name, found in state.items():
        old = bench.old[name]
        if name in VERSIONED:
            assert found.items() >= old.items(), name
            added = [content for version, content in found.items() if version not in old]
            assert added in ([], [_latest(bench.new[name])]), name
        else:
            assert found in (old, bench.new[name]), name


def _assert_as_if_undisturbed(root: Path, bench: Bench) -> None:
    state = _state(root)
    for name in OUTPUTS.keys() - {SUMMARY}:
        assert _latest(state[name]) == _latest(bench.new[name]), name
        assert set(state[name].values()) <= set(bench.new[name].values()), name
    summaries = [
        json.loads(_places(where, SUMMARY)[0].read_text(encoding="utf-8"))
        for where in (root, bench.new_root)
    ]
    for summary in summaries:
        summary["results"] = sorted(summary["results"])
        summary["seconds"] = sorted(summary["seconds"])
        del summary["run_id"]
    assert summaries[0] == summaries[1]

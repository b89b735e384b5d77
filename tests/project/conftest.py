"""Run the project as people do, in the process of the tests or in one of its own."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from comparable import comparable
from kedro.framework.project import settings
from kedro.framework.startup import ProjectMetadata, bootstrap_project

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture
def data_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Point DATA_ROOT at an empty folder."""
    root = tmp_path / "data root"
    monkeypatch.setenv("DATA_ROOT", str(root))
    return root


@cache
def loaded() -> ProjectMetadata:
    """Load the project, once: dynaconf looks into every frame, and pytest has many."""
    return bootstrap_project(PROJECT)


@pytest.fixture
def in_project(monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in the project's folder, with the project loaded."""
    monkeypatch.chdir(PROJECT)
    loaded()
    return PROJECT


@pytest.fixture
def run(in_project: Path, data_root: Path) -> Callable[..., None]:
    """Run the project in this process; parameters as keyword arguments, paths as strings.

    ``run(pipeline="training", env="test", sessions_file="x.csv")`` raises what the run raises.
    Nothing is resampled, which takes a third of a run, unless ``resampled=True``.
    """

    assert in_project
    assert data_root
    return _run


def _run(
    *,
    pipeline: str | None = None,
    env: str = "test",
    conf: str | None = None,
    resampled: bool = False,
    **params: Any,
) -> None:
    if env == "test" and not resampled:
        params["clustering"] = {"stability": {"resamples": 0}} | params.get("clustering", {})
    with settings.SESSION_CLASS.create(
        project_path=PROJECT, env=env, runtime_params=params, conf_source=conf
    ) as session:
        session.run(pipeline_names=[pipeline] if pipeline else None)


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return what one run of ``--env test`` has written: to read, never to change."""
    root = tmp_path_factory.mktemp("tiny run") / "data root"
    with _writing_to(root):
        _run(resampled=True)
    return root


@pytest.fixture(scope="session")
def tiny_trainings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return what two trainings of ``--env test`` have written: to read, never to change."""
    root = tmp_path_factory.mktemp("tiny trainings") / "data root"
    with _writing_to(root):
        for _ in range(2):
            _run(pipeline="training", resampled=True)
    return root


@contextmanager
def _writing_to(root: Path) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(PROJECT)
        patch.setenv("DATA_ROOT", str(root))
        loaded()
        yield


@pytest.fixture
def after_a_run(tiny_run: Path, data_root: Path) -> Path:
    """Put the same where DATA_ROOT points, for a run that comes second; return DATA_ROOT."""
    shutil.copytree(tiny_run, data_root)
    return data_root


def unmeasured() -> dict[str, str]:
    """Return the environment for a process without coverage.

    Coverage makes a run take half as long again; what is measured of it is measured in the
    runs that are made in the process of the tests.
    """
    return {name: value for name, value in os.environ.items() if "COVERAGE" not in name}


@dataclass(frozen=True)
class Finished:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def last_words(self) -> str:
        """Return the last message on standard error, without level and run id."""
        lines = self.err.rstrip().splitlines()
        start = max(i for i, line in enumerate(lines) if line.startswith("ERROR"))
        _, run_id, first = lines[start].split(maxsplit=2)
        return "\n".join([first, *(one.removeprefix(f"{run_id} ") for one in lines[start + 1 :])])


@pytest.fixture
def kedro(data_root: Path) -> Callable[..., Finished]:
    """Run ``kedro`` in a process of its own, in the project's folder."""

    def run_command(*arguments: str, **environment: str) -> Finished:
        done = subprocess.run(
            [sys.executable, "-m", "kedro", *arguments],
            cwd=PROJECT,
            env=unmeasured() | {"DATA_ROOT": str(data_root), "NO_COLOR": "1"} | environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return Finished(done.returncode, done.stdout, done.stderr)

    return run_command


def fingerprints(root: Path) -> dict[str, str]:
    """Hash every file under ``root``, by its path; versions and times are left out."""
    found = {}
    for path in sorted(root.rglob("*")):
        if path.is_file():
            parts = [part for part in path.relative_to(root).parts if not part.startswith("20")]
            found["/".join(parts)] = hashlib.sha256(comparable(path)).hexdigest()
    return found

"""One Airflow deployment for all tests here: real parts, on the loopback interface."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parent))

from planted import Faults, Webhook
from stack import PROJECT, TRAINING, Stack, postgres_commands

# They run in other environments than the tests.
collect_ignore = ["plugin_checks.py", "test_project"]

CANNOT_HAVE = "this machine cannot have"

DIFFERENT_HERE: dict[str, dict[str, Any]] = {
    "default": {"retry_delay": 2, "webhook_connection": "webhook"},
    "inference": {
        "deadline": 6,
        "params": {"new_sessions_file": "data/01_raw/sample_new_sessions.csv"},
    },
}
"""Leaves of ``airflow.yml``: retries at once, a deadline that a test can miss, a file to score."""


def _environment(variable: str, default: str) -> Path:
    found = PROJECT / os.environ.get(variable, default)
    if not found.exists():
        pytest.fail(f"{found} is not there: make test-airflow sets it up ({variable})")
    return found


def _make_test_project(folder: Path, python: Path) -> None:
    """Make ``python``, an interpreter in whose environment the fault hooks are installed, too."""
    plugin = folder / "test_project"
    shutil.copytree(PROJECT / "tests/airflow/test_project", plugin)
    told = plugin / "fault_hooks-1.dist-info"
    told.mkdir()
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: fault_hooks\nVersion: 1\n")
    (told / "entry_points.txt").write_text("[kedro.hooks]\nfaults = fault_hooks:hooks\n")
    (folder / "faults").mkdir()
    wrapper = folder / "python"
    wrapper.write_text(
        f"#!/bin/sh\nexport PYTHONPATH='{plugin}' FAULTS='{folder}/faults'\n"
        f"exec '{python}' \"$@\"\n"
    )
    wrapper.chmod(0o755)


def _make_home(home: Path) -> None:
    """Make the folder in which the tasks run, with the configuration but for the resamples."""
    shutil.copytree(PROJECT / "conf", home / "conf", ignore=shutil.ignore_patterns("local"))
    shutil.copytree(PROJECT / "data/01_raw", home / "data/01_raw")
    # Resamples would take most of the time of each of some thirty runs, and nothing here is
    # about them.
    settings = home / "conf/base/parameters_clustering.yml"
    content = yaml.safe_load(settings.read_text(encoding="utf-8"))
    content["clustering"]["stability"]["resamples"] = 0
    settings.write_text(yaml.safe_dump(content), encoding="utf-8")


def _dags(folder: Path, home: Path) -> Path:
    """Generate the DAGs, as ``make dags`` does, from settings that differ in a few leaves."""
    project = folder / "project"
    (project / "airflow").mkdir(parents=True)
    shutil.copytree(home / "conf", project / "conf")
    for name in ("pyproject.toml", "airflow/dag_template.py.j2"):
        shutil.copy(PROJECT / name, project / name)
    shutil.copytree(PROJECT / "src", project / "src")
    settings = project / "conf/base/airflow.yml"
    content = yaml.safe_load(settings.read_text(encoding="utf-8"))
    for block, leaves in DIFFERENT_HERE.items():
        content[block] |= leaves
    settings.write_text(yaml.safe_dump(content), encoding="utf-8")
    subprocess.run(
        [sys.executable, "-m", "user_activity_trends.orchestration.dags", "--target", "dags"],
        cwd=project,
        env=Stack.plain_environment() | {"PYTHONPATH": "src", "DO_NOT_TRACK": "1"},
        check=True,
        capture_output=True,
    )
    return project / "dags"


@pytest.fixture(scope="session")
def webhook() -> Iterator[Webhook]:
    """Start a server that the notifier posts to."""
    started = Webhook()
    yield started
    started.stop()


@pytest.fixture(scope="session")
def stack(webhook: Webhook) -> Iterator[Stack]:
    """Start the deployment, with the DAGs in it, and stop it whatever happens."""
    if shutil.which("redis-server") is None:
        pytest.skip(f"{CANNOT_HAVE} redis-server; install Debian's redis-server")
    if postgres_commands() is None:
        pytest.skip(f"{CANNOT_HAVE} initdb; install Debian's postgresql")
    airflow = _environment("AIRFLOW_BIN", ".venv-airflow/bin")
    python = _environment("TASKS_PYTHON", ".venv-tasks/bin/python")
    # What ends this process politely ends the deployment as well.
    signal.signal(signal.SIGTERM, lambda *_: pytest.exit("stopped by SIGTERM", 1))
    folder = Path(tempfile.mkdtemp(prefix="airflow-"))
    home = folder / "home"
    started = Stack(folder, airflow, python, folder / "python", home, webhook.url)
    try:
        _make_home(home)
        dags = _dags(folder, home)
        _make_test_project(folder, python)
        started.start()
        started.deploy(dags)
        yield started
    finally:
        started.stop()
        if kept := os.environ.get("KEEP_LOGS"):
            shutil.copytree(folder / "logs", kept, dirs_exist_ok=True)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def faults(stack: Stack) -> Iterator[Faults]:
    """Plant faults in tasks; they are gone after the test."""
    planted = Faults(stack.folder / "faults")
    planted.clear()
    yield planted
    planted.clear()


@pytest.fixture(scope="session")
def trained(stack: Stack) -> str:
    """Return the id of a run of ``training`` on the sample that has succeeded."""
    run_id = stack.api.trigger(TRAINING)
    assert stack.api.wait_for_run(TRAINING, run_id)["state"] == "success"
    return run_id

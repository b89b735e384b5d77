"""The operator and the notifier, in Airflow's own environment; no deployment is needed."""

import ast
import json
import os
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
CHECKS = Path(__file__).with_name("plugin_checks.py")
SECONDS = 300


def _names() -> list[str]:
    """Return the names of the checks, which cannot be imported here."""
    tree = ast.parse(CHECKS.read_text(encoding="utf-8"))
    return [
        f"{group.name}.{check.name}"
        for group in tree.body
        if isinstance(group, ast.ClassDef)
        for check in group.body
        if isinstance(check, ast.FunctionDef) and check.name.startswith("test_")
    ]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Run all checks in one process; return what went wrong in each."""
    python = PROJECT / os.environ.get("AIRFLOW_BIN", ".venv-airflow/bin") / "python"
    if not python.exists():
        pytest.fail(f"{python} is not there: make test-airflow sets it up (AIRFLOW_BIN)")
    folder = tmp_path_factory.mktemp("plugin")
    told = folder / "results.json"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [python, CHECKS, told],
        cwd=folder,
        env=kept
        | {
            "AIRFLOW_HOME": str(folder),
            "AIRFLOW__CORE__UNIT_TEST_MODE": "True",  # operators may run without a task runner
            "NO_PROXY": "127.0.0.1",
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    assert told.exists(), done.stderr
    return dict(json.loads(told.read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", _names())
def test_plugin(name: str, results: dict[str, str]) -> None:
    assert not results[name], results[name]


def test_every_check_is_reported(results: dict[str, str]) -> None:
    assert sorted(results) == sorted(_names())

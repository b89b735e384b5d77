"""The committed DAGs are what ``make dags`` makes of the configuration."""

import difflib
import subprocess
import sys
from pathlib import Path

import pytest
from kedro.framework.startup import bootstrap_project

from user_activity_trends.orchestration import dags

PROJECT = Path(__file__).resolve().parents[2]
REPAIR = "make dags"


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Generate and format the DAGs elsewhere."""
    target = tmp_path_factory.mktemp("dags")
    dags.generate(bootstrap_project(PROJECT), "base", target)
    # The project's own settings: those of the folder would be looked for above it.
    settings = str(PROJECT / "pyproject.toml")
    command = [sys.executable, "-m", "ruff", "format", "--quiet", "--config", settings]
    subprocess.run([*command, str(target)], check=True)
    return target


def _difference(committed: Path, fresh: Path) -> str:
    """Return a diff of two folders of DAGs that leads from the first to the second."""
    files = [sorted(folder.glob("*.py")) for folder in (committed, fresh)]
    names = sorted({path.name for found in files for path in found})
    told = []
    for name in names:
        old, new = (
            path.read_bytes().decode().splitlines(keepends=True) if path.exists() else []
            for path in (committed / name, fresh / name)
        )
        told += difflib.unified_diff(old, new, f"{dags.FOLDER}/{name}", f"generated/{name}")
    return "".join(told)


def _check(committed: Path, fresh: Path) -> None:
    difference = _difference(committed, fresh)
    assert not difference, (
        f"{dags.FOLDER} is not what conf/ and airflow/dag_template.py.j2 make:\n{difference}\n"
        f"repair it with: {REPAIR}"
    )


def test_the_committed_dags_equal_a_fresh_generation(fresh: Path) -> None:
    assert len(list(fresh.iterdir())) == 3
    _check(PROJECT / dags.FOLDER, fresh)


@pytest.mark.parametrize(
    ("old", "new", "shown"),
    [
        ("a = 1\n", "a = 2\n", ["--- airflow/dags/x_dag.py", "-a = 1", "+a = 2"]),
        ("a = 1\n", "a = 1", ["-a = 1", "+a = 1"]),
        ("a = 1\r\n", "a = 1\n", ["-a = 1\r", "+a = 1"]),
        (None, "a = 1\n", ["+++ generated/x_dag.py", "+a = 1"]),
        ("a = 1\n", None, ["--- airflow/dags/x_dag.py", "-a = 1"]),
    ],
)
def test_a_difference_is_shown_with_the_command_that_repairs_it(
    old: str | None, new: str | None, shown: list[str], tmp_path: Path
) -> None:
    for name, text in (("committed", old), ("fresh", new)):
        (tmp_path / name).mkdir()
        if text is not None:
            (tmp_path / name / "x_dag.py").write_bytes(text.encode())

    with pytest.raises(AssertionError) as failed:
        _check(tmp_path / "committed", tmp_path / "fresh")

    message = str(failed.value)
    told = [line.strip(" ") for line in message.split("\n")]
    assert [line for line in shown if line not in told] == []
    assert "repair it with: make dags" in message


def test_files_that_are_no_dags_do_not_matter(tmp_path: Path) -> None:
    for name in ("committed", "fresh"):
        (tmp_path / name).mkdir()
    (tmp_path / "committed" / "__pycache__").mkdir()

    _check(tmp_path / "committed", tmp_path / "fresh")

"""The notebooks run from top to end on what a run left, read the catalog alone, and are clean."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from tests.project.conftest import PROJECT, fingerprints

NOTEBOOKS = sorted((PROJECT / "notebooks").glob("*.ipynb"))
OTHER_WAYS_TO_READ = ("read_csv", "read_parquet", "read_json", "open(", "Path(", "data/")


def _code(notebook: Path) -> list[Any]:
    book = nbformat.read(notebook, as_version=4)
    return [cell for cell in book.cells if cell.cell_type == "code"]


def test_there_is_a_walk_through_the_segments_and_one_through_a_new_recipe() -> None:
    assert [path.stem for path in NOTEBOOKS] == ["new_recipe", "segments"]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_output_is_committed(notebook: Path) -> None:
    for cell in _code(notebook):
        assert (cell.outputs, cell.execution_count) == ([], None), cell.source


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_tables_come_from_the_catalog_alone(notebook: Path) -> None:
    code = "\n".join(cell.source for cell in _code(notebook))

    assert 'load("' in code
    assert [way for way in OTHER_WAYS_TO_READ if way in code] == []


@pytest.fixture
def executed(
    after_a_run: Path, in_project: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], dict[str, str]]:
    """Execute a notebook after a run; return the text that each code cell gave, by its code."""

    def execute(name: str) -> dict[str, str]:
        monkeypatch.setenv("KEDRO_ENV", "test")
        monkeypatch.setenv("PYTHONPATH", str(PROJECT / "src"))
        monkeypatch.setenv("NO_COLOR", "1")
        path = PROJECT / "notebooks" / f"{name}.ipynb"
        book = nbformat.read(path, as_version=4)
        resources = {"metadata": {"path": str(path.parent)}}
        NotebookClient(book, timeout=300, resources=resources).execute()
        return {
            cell.source: "".join(
                output.get("text") or output.get("data", {}).get("text/plain", "")
                for output in cell.outputs
            )
            for cell in book.cells
            if cell.cell_type == "code"
        }

    assert after_a_run
    assert in_project
    return execute


def test_the_walk_through_the_segments(
    executed: Callable[[str], dict[str, str]], data_root: Path
) -> None:
    told = executed("segments")

    choice = json.loads((data_root / "06_models/cluster_choice.json").read_text("utf-8"))
    assert any(choice["verdict"] in text for text in told.values())


def test_the_walk_through_a_new_recipe_leaves_what_is_in_use(
    executed: Callable[[str], dict[str, str]], data_root: Path
) -> None:
    def in_use() -> dict[str, str]:
        found = fingerprints(data_root)
        return {name: found[name] for name in found if not name.startswith("recipes/")}

    before = in_use()

    executed("new_recipe")

    assert in_use() == before
    assert (data_root / "recipes/pages/07_model_output/session_segments.parquet").exists()

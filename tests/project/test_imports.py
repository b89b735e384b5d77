"""Nobody pays for a library that the work at hand does not need."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
HEAVY = {"sklearn", "plotly", "scipy.stats"}
NUMERICS = ("charts", "errors", "recipes", "report", "sample_data", "segmentation", "sessions")

RUN = """
import json, sys
from kedro.framework.cli.cli import main
sys.argv[0] = "kedro"
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
print(json.dumps(sorted(sys.modules)))
"""

IMPORT_ALL_OF = """
import importlib, json, pkgutil, sys
def load(name):
    module = importlib.import_module(name)
    for found in pkgutil.iter_modules(getattr(module, "__path__", ()), name + "."):
        if not found.name.endswith("__main__"):
            load(found.name)
load(sys.argv[1])
print(json.dumps(sorted(sys.modules)))
"""

IMPORT = """
import json, sys
before = {*sys.modules}
import user_activity_trends
print(json.dumps(sorted({*sys.modules} - before)))
"""


def _modules(program: str, *arguments: str, root: Path) -> set[str]:
    """Run a program in a process of its own, and return the modules that it names at last."""
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=PROJECT,
        env=os.environ | {"DATA_ROOT": str(root), "PYTHONPATH": str(PROJECT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_cleaning_data_imports_no_heavy_library_and_clustering_does(tmp_path: Path) -> None:
    cleaning = _modules(RUN, "run", "--env=test", "--namespaces=data_processing", root=tmp_path)
    clustering = _modules(RUN, "run", "--env=test", "--namespaces=clustering", root=tmp_path)

    nodes = "user_activity_trends.pipelines.data_processing.nodes"
    assert nodes in cleaning & clustering
    assert cleaning & HEAVY == set()
    assert clustering & HEAVY >= {"sklearn"}
    assert (tmp_path / "05_model_input/scaled_features.parquet").exists()
    assert (tmp_path / "06_models/elbow_curve.csv").exists()


@pytest.mark.parametrize("name", NUMERICS)
def test_numerics_work_without_kedro(name: str, tmp_path: Path) -> None:
    modules = _modules(IMPORT_ALL_OF, f"user_activity_trends.{name}", root=tmp_path)

    source = PROJECT / "src/user_activity_trends" / name
    parts = {f"user_activity_trends.{name}"} | {
        f"user_activity_trends.{name}.{path.stem}"
        for path in source.glob("*.py")
        if not path.stem.startswith("__")
    }
    assert parts <= modules
    assert {one.partition(".")[0] for one in modules} & {"kedro", "kedro_datasets"} == set()
    assert modules & HEAVY == set()


def test_the_package_itself_imports_nothing(tmp_path: Path) -> None:
    assert _modules(IMPORT, root=tmp_path) == {"user_activity_trends"}

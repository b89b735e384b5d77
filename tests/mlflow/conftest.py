"""MLflow as people have it: a file, or a server process with PostgreSQL behind it."""

import logging
import shutil
import signal
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kedro.framework.startup import bootstrap_project

sys.path.insert(0, str(Path(__file__).parent))

with warnings.catch_warnings():
    # What they warn of while they are imported concerns their own code.
    warnings.simplefilter("ignore")
    import kedro_mlflow.framework.hooks  # noqa: F401 (so that nobody imports it later)
    import mlflow.sklearn

from planted_versions import PlantedStore
from projects import PROJECT, make_context
from servers import MlflowServer, postgres_commands

CANNOT_HAVE = "this machine cannot have"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave to MLflow what it warns of in its own code; ours is held to raise nothing."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            for where in ("mlflow", "sqlalchemy", "skops", "alembic"):
                item.add_marker(pytest.mark.filterwarnings(rf"ignore:::{where}(\..*)?"))


@pytest.fixture(autouse=True)
def _in_project(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Work in the project, with everything that is written elsewhere."""
    monkeypatch.chdir(PROJECT)
    monkeypatch.setenv("DATA_ROOT", str(tmp_path / "data root"))
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_ARTIFACT_LOCATION"):
        monkeypatch.delenv(name, raising=False)
    bootstrap_project(PROJECT)


@pytest.fixture(scope="session")
def _tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make MLflow's empty tables once: it takes seconds."""
    file = tmp_path_factory.mktemp("tables") / "mlflow.db"
    mlflow.MlflowClient(f"sqlite:///{file}").search_experiments()
    return file


@pytest.fixture
def context(tmp_path: Path, _tables: Path) -> Any:
    """Return Kedro's context; MLflow is a file in the data root, and empty."""
    root = tmp_path / "data root"
    root.mkdir()
    shutil.copy(_tables, root)
    return make_context()


@pytest.fixture
def store() -> PlantedStore:
    """Return a catalog with two versions, the first of them in use."""
    planted = PlantedStore()
    planted.add("2026-11-26T05.38.00.123Z", seed=7)
    planted.add("2026-11-26T06.38.00.123Z", seed=8)
    planted.in_use = "2026-11-26T05.38.00.123Z"
    return planted


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """Return what returns every warning so far, whoever told it."""
    return lambda: [
        record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING
    ]


@pytest.fixture(scope="session")
def server() -> Iterator[MlflowServer]:
    """Start a tracking server and its PostgreSQL, and stop them whatever happens."""
    if postgres_commands() is None:
        pytest.skip(f"{CANNOT_HAVE} initdb; install Debian's postgresql")
    # What ends this process politely ends the server as well.
    signal.signal(signal.SIGTERM, lambda *_: pytest.exit("stopped by SIGTERM", 1))
    folder = Path(tempfile.mkdtemp(prefix="mlflow-"))
    started = MlflowServer(folder)
    try:
        started.start()
        yield started
    finally:
        started.stop()
        shutil.rmtree(folder, ignore_errors=True)

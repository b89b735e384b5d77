"""What all tests share: where things are, and no skip that nobody knows of."""

import importlib.util
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
from playwright.sync_api import Browser, sync_playwright

from user_activity_trends import logs

# conf/logging.yml, which Kedro applies when it is imported, needs the run's id on every record.
logs.install()

# Runs that are compared must not differ because somebody changes a file meanwhile.
os.environ["GIT_REVISION"] = "0" * 40

PROJECT = Path(__file__).resolve().parents[1]
CANNOT_HAVE = "this machine cannot have"

_skipped: list[str] = []


@pytest.fixture(scope="session")
def project() -> Path:
    """Return the project's root."""
    return PROJECT


def _shared(name: str) -> Path:
    folder = Path(os.environ.get("SHARED_DATA", PROJECT.parent / "shared/data"))
    path = folder / name
    if not path.exists():
        pytest.skip(f"{CANNOT_HAVE} {path}: the public data set is not part of the project")
    return path


@pytest.fixture(scope="session")
def real_sessions() -> Path:
    """Return the public data set, which is not part of the project."""
    return _shared("online_shoppers_intention.csv")


@pytest.fixture(scope="session")
def real_new_sessions() -> Path:
    """Return the three hand-made sessions that go with it."""
    return _shared("new_sessions.csv")


@pytest.fixture(scope="session")
def load_benchmark() -> Callable[[str], ModuleType]:
    """Return what imports a module of ``benchmarks/``, which is no part of the package."""

    def load(name: str) -> ModuleType:
        path = PROJECT / f"benchmarks/{name}.py"
        specification = importlib.util.spec_from_file_location(name, path)
        assert specification is not None
        assert specification.loader is not None
        module = importlib.util.module_from_spec(specification)
        specification.loader.exec_module(module)
        return module

    return load


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Start Debian's Chromium."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip(f"{CANNOT_HAVE} chromium; install Debian's chromium")
    options = ["--no-proxy-server", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=options)
        yield started
        started.close()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Remember why a test was skipped."""
    if report.skipped and isinstance(report.longrepr, tuple):
        _skipped.append(f"{report.nodeid}: {report.longrepr[2].removeprefix('Skipped: ')}")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI a skipped test fails the run, unless it names what the machine cannot have."""
    unexplained = [line for line in _skipped if CANNOT_HAVE not in line]
    if os.environ.get("CI") and unexplained and not hasattr(session.config, "workerinput"):
        print("\nskipped in CI without need:", *unexplained, sep="\n  ")  # noqa: T201
        session.exitstatus = pytest.ExitCode.TESTS_FAILED

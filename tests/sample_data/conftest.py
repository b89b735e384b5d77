"""The sample, drawn once, and the real data set where it is at hand."""

import os
from pathlib import Path

import pandas as pd
import pytest

from user_activity_trends.sample_data.__main__ import main
from user_activity_trends.sample_data.generate import SEED, generate_sessions
from user_activity_trends.sample_data.targets import Targets, load_targets

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def project_root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def targets() -> Targets:
    return load_targets()


@pytest.fixture(scope="session")
def _drawn(targets: Targets) -> pd.DataFrame:
    return generate_sessions(targets, SEED)


@pytest.fixture
def sample(_drawn: pd.DataFrame) -> pd.DataFrame:
    """A copy that a test may damage."""
    return _drawn.copy()


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both files as the command line writes them."""
    folder = tmp_path_factory.mktemp("data") / "01_raw"
    assert main(["--output-dir", str(folder)]) == 0
    return folder


@pytest.fixture(scope="session")
def real_file() -> Path:
    folder = Path(os.environ.get("SHARED_DATA", ROOT / ".." / "shared" / "data"))
    path = folder / "online_shoppers_intention.csv"
    if not path.is_file():
        pytest.skip(f"this machine cannot have {path}: it is not part of the project")
    return path

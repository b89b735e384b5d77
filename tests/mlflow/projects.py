"""The project as its commands see it."""

from pathlib import Path
from typing import Any

from kedro.framework.session import KedroSession

PROJECT = Path(__file__).resolve().parents[2]


def make_context(**params: Any) -> Any:
    """Return Kedro's context, with parameters as ``--params`` would give them."""
    session = KedroSession.create(
        project_path=PROJECT, env="test", runtime_params=params, save_on_close=False
    )
    return session.load_context()

"""Where MLflow is: ``mlflow.yml``, which kedro-mlflow owns, and whether that place answers."""

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from user_activity_trends.errors import SettingError

ADDRESS_VARIABLE = "MLFLOW_TRACKING_URI"
LIMITS = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "PGCONNECT_TIMEOUT": "5",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
"""Environment variables that MLflow and PostgreSQL heed, unless they are set.

By its own a client waits minutes for a server that is away, and prints addresses
and progress between the lines of a run.
"""

_LOCAL = "sqlite:///"
_TALKATIVE = ("mlflow", "kedro_mlflow", "alembic", "urllib3")


def read_settings(context: Any) -> Any:
    """Check ``mlflow.yml`` and fill in what follows from where the project is.

    Args:
        context: Kedro's context.

    Returns:
        kedro-mlflow's ``KedroMlflowConfig``; nothing has been asked of a server.

    Raises:
        SettingError: A setting is unknown or wrong, or the default place cannot be.
    """
    from kedro_mlflow.config.kedro_mlflow_config import KedroMlflowConfig

    try:
        settings = KedroMlflowConfig.model_validate(context.config_loader["mlflow"])
    except ValidationError as error:
        lines = [f"  - {'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        msg = "mlflow.yml is not accepted:\n" + "\n".join(lines)
        raise SettingError(msg) from error
    address = str(settings.server.mlflow_tracking_uri or "")
    root = str(context.config_loader["globals"]["data_root"]).rstrip("/")
    place = address.removeprefix(_LOCAL)
    if not address or ("://" in place.removeprefix("/") and address.startswith(_LOCAL)):
        msg = (
            f"mlflow.yml: server.mlflow_tracking_uri is {address!r}, and SQLite needs a folder of "
            f"this machine; set {ADDRESS_VARIABLE} to a tracking server, to "
            "postgresql://... or to sqlite:////FOLDER/mlflow.db, or turn tracking.enabled off"
        )
        raise SettingError(msg)
    if address.startswith(_LOCAL):
        # SQLite would start at the folder that the command was called in.
        settings.server.mlflow_tracking_uri = f"{_LOCAL}{Path(context.project_path, place)}"
    created = settings.tracking.experiment.create_experiment_kwargs
    if created.artifact_location is None and not address.startswith(("http://", "https://")):
        # There is no server that has a place for them.
        created.artifact_location = f"{root}/mlflow_artifacts"
    return settings


def connect(settings: Any, context: Any) -> str:
    """Set MLflow up as ``mlflow.yml`` says.

    Args:
        settings: What ``read_settings`` returned.
        context: Kedro's context, for credentials.

    Returns:
        Id of the experiment.

    Raises:
        Exception: Whatever MLflow, the database or the network raises when the
            place does not answer; within seconds.
    """
    from mlflow import MlflowClient

    address = settings.server.mlflow_tracking_uri
    if "://" in address and not address.startswith(("http://", "https://", _LOCAL)):
        _check_database(address)
    settings.setup(context)
    found = MlflowClient().get_experiment_by_name(settings.tracking.experiment.name)
    return str(found.experiment_id)


def _check_database(address: str) -> None:
    """Connect once: MLflow itself would try ten times, for nearly a minute."""
    from sqlalchemy import create_engine

    engine = create_engine(address)
    with engine.connect():
        pass
    engine.dispose()


def limit_patience() -> None:
    """Set those of ``LIMITS`` that nobody has set."""
    for name, value in LIMITS.items():
        os.environ.setdefault(name, value)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what MLflow tells of its own doings off the terminal; errors are raised anyway."""
    loggers = [logging.getLogger(name) for name in _TALKATIVE]
    before = [one.level for one in loggers]
    for one in loggers:
        one.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*type hints", UserWarning)
            yield
    finally:
        for one, level in zip(loggers, before, strict=True):
            one.setLevel(level)

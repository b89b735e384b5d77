"""What a model was made of."""

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from user_activity_trends.errors import ModelMismatchError
from user_activity_trends.sessions.rules import SESSION_ID


class DataFingerprint(BaseModel):
    """Which sessions a model was trained on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str
    sample: bool
    """Whether it is the embedded sample, which is nobody's own data."""
    rows: int
    """Sessions that the model was trained on."""
    columns: tuple[str, ...]
    sha256: str
    """Of the names and values of these columns, in their own units and in this order."""


class Git(BaseModel):
    """The state of the code, where it is in a git repository."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    revision: str | None
    changed: bool | None
    """Whether files differed from the revision."""


class ModelRecord(BaseModel):
    """Everything that a person needs to make a model again, or to judge it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str
    model: str
    """Fingerprint of the model."""
    trained: str
    """Time in UTC, as ISO 8601."""
    recipe: str
    based_on: str | None
    """Version of the model in use then."""
    continued: bool
    """Whether the model goes on from the segments of that one."""
    data: DataFingerprint
    parameters: dict[str, Any]
    packages: dict[str, str]
    git: Git
    metrics: dict[str, Any]
    """``training_metrics``."""
    scores: tuple[dict[str, Any], ...]
    """``elbow_curve``, one entry a k; None where a score is not defined."""
    cluster_choice: dict[str, Any]


def check_source(data_quality: Mapping[str, Any], valid_sessions: pd.DataFrame) -> None:
    """See that what is known of a file is of the file that the sessions came from.

    Raises:
        ModelMismatchError: It is of another: a run that was refused leaves its
            ``data_quality`` to be looked at, but the sessions as they were.
    """
    if not is_source(data_quality, valid_sessions):
        msg = (
            f"data_quality is about {data_quality['file']}, but valid_sessions are not its "
            "sessions: that file was refused, or its run was interrupted. The model in use stays; "
            "train from a file again (kedro run --pipelines training)"
        )
        raise ModelMismatchError(msg)


def is_source(data_quality: Mapping[str, Any], valid_sessions: pd.DataFrame) -> bool:
    """Tell whether sessions came from the file that ``data_quality`` is about.

    Raises:
        ModelMismatchError: An earlier version of this project has written it.
    """
    if "sha256" not in data_quality:
        msg = (
            "data_quality was written by an earlier version of this project; read your sessions "
            "again (kedro run --pipelines training)"
        )
        raise ModelMismatchError(msg)
    return has_values(valid_sessions, [*data_quality["ranges"]], data_quality["sha256"])


def check_features(session_features: pd.DataFrame, valid_sessions: pd.DataFrame) -> None:
    """See that features are those of the sessions.

    Raises:
        ModelMismatchError: They are of another file: the run that read the
            sessions ended before it had written their features.
    """
    names = [str(name) for name in session_features if name != SESSION_ID]
    others = valid_sessions.set_index(SESSION_ID).reindex(session_features[SESSION_ID])
    known = fingerprint_table(session_features[names])
    if len(session_features) != len(valid_sessions) or not has_values(others, names, known):
        msg = (
            "session_features are not of valid_sessions: the run that read these ended early; "
            "read your sessions again (kedro run --pipelines data_processing)"
        )
        raise ModelMismatchError(msg)


def has_values(sessions: pd.DataFrame, columns: list[str], sha256: str) -> bool:
    """Tell whether sessions have these columns, and their ``fingerprint_table`` is this."""
    return {*columns} <= {*sessions} and fingerprint_table(sessions[columns]) == sha256


def fingerprint_table(table: pd.DataFrame) -> str:
    """Hash a table: its columns' names, and its values in order.

    Args:
        table: Numbers, gaps included.

    Returns:
        SHA-256, hexadecimal.
    """
    digest = hashlib.sha256("\n".join(map(str, table.columns)).encode())
    values = np.ascontiguousarray(table.to_numpy(dtype=np.float64, copy=True))
    values[np.isnan(values)] = np.nan  # a gap has one of many bit patterns
    digest.update(values.tobytes())
    return digest.hexdigest()

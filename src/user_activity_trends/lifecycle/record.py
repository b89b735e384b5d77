"""What a model was made of."""

import hashlib
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict


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

"""The statistics that the sample imitates, as a typed file."""

import json
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from user_activity_trends.errors import InputFileError

TARGETS_PATH: Final = Path(__file__).with_name("targets.json")


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Behaviour(_Record):
    """Statistics of the sessions of one behaviour; a list by month follows ``Targets.months``."""

    sessions: list[int] = Field(description="by month")
    visitor_types: dict[str, list[int]] = Field(description="sessions by month")
    zeros: dict[str, list[int]] = Field(description="sessions with a zero, by month")
    score_means: dict[str, list[float]] = Field(
        description="mean normal score by month, of what is not zero"
    )
    score_deviations: dict[str, list[float]] = Field(description="their standard deviation")
    levels: dict[str, dict[float, int]] = Field(
        description="sessions by value, of columns with few values, zero left out"
    )
    grid_values: dict[str, list[float]] = Field(
        description="quantiles at Targets.grid of the other columns, zeros left out"
    )
    rank_correlations: dict[str, list[float]]


class Targets(_Record):
    """Statistics of a table of sessions."""

    source: str
    months: list[str]
    summary: list[float] = Field(description="probabilities of summary_values")
    summary_values: dict[str, list[float]] = Field(description="quantiles of all sessions")
    rank_correlations: dict[str, list[float]] = Field(description="Spearman's, of all sessions")
    grid: list[float] = Field(description="probabilities of grid_values")
    behaviours: dict[str, Behaviour] = Field(description="by how much the sessions bounced")


def load_targets(path: Path = TARGETS_PATH) -> Targets:
    """Read the statistics that the sample imitates.

    Args:
        path: A file that ``python -m user_activity_trends.sample_data --measure`` wrote.

    Returns:
        The statistics, checked for names and types.

    Raises:
        InputFileError: The file is missing, or is not one of these.
    """
    try:
        return Targets.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        msg = f"{path} does not hold targets: {error}; write it with --measure REAL.csv"
        raise InputFileError(msg) from error


def render_targets(statistics: dict[str, Any]) -> str:
    """Lay the statistics out as JSON with one line a column, so that a change is easy to see."""
    return _render(statistics, "") + "\n"


def _render(value: Any, indent: str) -> str:
    """Break a mapping into lines if it holds anything larger than numbers and words."""
    if not isinstance(value, dict) or not any(isinstance(v, dict | list) for v in value.values()):
        return json.dumps(value)
    deeper = indent + "  "
    lines = (f"{deeper}{json.dumps(key)}: {_render(item, deeper)}" for key, item in value.items())
    return "{\n" + ",\n".join(lines) + f"\n{indent}}}"

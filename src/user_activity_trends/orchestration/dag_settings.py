"""The typed owner of ``conf/<environment>/airflow.yml``."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)

from user_activity_trends.errors import SettingError
from user_activity_trends.orchestration.task import RunParameters

DEFAULT = "default"
"""The block of ``airflow.yml`` whose settings hold for all DAGs."""

Words = Annotated[str, StringConstraints(min_length=1, max_length=200)]
PRESETS = ("once", "continuous", "hourly", "daily", "weekly", "monthly", "quarterly", "yearly")
"""The schedules that Airflow has a name for, each written with ``@`` before it."""


def _schedule(text: str) -> str:
    from croniter import croniter

    cron = re.fullmatch(r"\S+( +\S+){4}", text) and croniter.is_valid(text)
    if not cron and text not in {f"@{preset}" for preset in PRESETS}:
        msg = "a schedule is null, a cron expression such as 0 5 * * *, or one of @"
        raise ValueError(msg + ", @".join(PRESETS))
    return text


Cron = Annotated[str, AfterValidator(_schedule)]
ConnectionId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]+$")]
Seconds = Annotated[float, Field(gt=0, le=366 * 86_400)]


class AssetSchedule(BaseModel):
    """Run whenever all of these datasets were written."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    assets: tuple[str, ...] = Field(min_length=1)


class DagParams(RunParameters):
    """What the form of a DAG shows first."""

    recipe: str = Field(min_length=1)


class DagSettings(BaseModel):
    """One DAG; times are seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pipeline: str = Field(description="what runs; by default the pipeline called like the block")
    description: Words
    schedule: AssetSchedule | Cron | None
    start_date: date
    catchup: bool
    tasks_by: Literal["stage", "node"]
    owner: Words
    tags: tuple[Words, ...]
    retries: int = Field(ge=0)
    retry_delay: Seconds
    max_retry_delay: Seconds
    execution_timeout: Seconds
    deadline: Seconds | None
    webhook_connection: ConnectionId | None
    params: DagParams


def read_dag_settings(raw: Mapping[str, Any], environment: str) -> dict[str, DagSettings]:
    """Check ``airflow.yml`` and return the settings of each DAG by the name of its block.

    Args:
        raw: The file: ``default``, and one block a DAG with what differs.
        environment: Whose file it is, for messages.

    Raises:
        SettingError: A setting is unknown, missing or not accepted.
    """
    checked = {}
    where = f"airflow.yml of the environment {environment}"
    default = _block(where, DEFAULT, raw.get(DEFAULT))
    default_params = _block(where, f"{DEFAULT}.params", default.get("params"))
    for name in raw:
        if name == DEFAULT:
            continue
        if raw[name] is None:
            msg = f"{where}: {name} is empty; write {name}: {{}}"
            raise SettingError(msg)
        own = _block(where, name, raw[name])
        params = {**default_params, **_block(where, f"{name}.params", own.get("params"))}
        try:
            checked[name] = DagSettings.model_validate(
                {"pipeline": name, **default, **own, "params": params}
            )
        except ValidationError as error:
            lines = "\n".join(
                f"  - {_block_with(one['loc'], name, own, default)}."
                f"{'.'.join(map(str, one['loc']))}: {one['msg']}, not {one['input']!r}"
                for one in error.errors()
            )
            msg = f"{where} is not accepted:\n{lines}"
            raise SettingError(msg) from error
    piped = [one.pipeline for one in checked.values()]
    if len(set(piped)) < len(piped):
        msg = f"{where} has two DAGs of one pipeline; leave one"
        raise SettingError(msg)
    if not checked:
        msg = f"{where} names no pipeline; add one, such as training: {{description: Train}}"
        raise SettingError(msg)
    return checked


def _block_with(
    place: tuple[int | str, ...], name: str, own: Mapping[str, Any], default: Mapping[str, Any]
) -> str:
    """Return the name of the block that sets what is at ``place``."""
    keys = place[:2] if place[0] == "params" else place[:1]

    def sets(block: Any) -> bool:
        for key in keys:
            if not (isinstance(block, Mapping) and key in block):
                return False
            block = block[key]
        return True

    return DEFAULT if sets(default) and not sets(own) else name


def _block(where: str, path: str, value: Any) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        msg = f"{where} is not accepted:\n  - {path}: Input should be a block, not {value!r}"
        raise SettingError(msg)
    return value

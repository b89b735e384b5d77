"""Run one task of an orchestrated run: ``python -m user_activity_trends.orchestration.task JSON``.

A run is several processes, one a task, which read and write the same version of
every versioned dataset. They are started in the folder that holds ``conf/``.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from kedro.framework.project import configure_project
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from user_activity_trends import logs
from user_activity_trends.cli import readable
from user_activity_trends.errors import SettingError
from user_activity_trends.files.atomic import VERSION

LASTING_EXIT_CODE = 3
"""Tells the orchestrator that trying again is of no use."""

_PACKAGE = "user_activity_trends"
_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG in <sys/prctl.h>

Version = Annotated[str, StringConstraints(pattern=f"^{VERSION}$")]
K_MAX_MINIMUM = 3
"""With fewer numbers of segments to try, no curve has an elbow."""
PLAIN_TEXT = r"^([^$\x00-\x1f]|\$+[^${\x00-\x1f])+\$*$"
"""A value without ``${``, which OmegaConf would resolve, reading the environment if told to."""
Text = Annotated[str, StringConstraints(pattern=PLAIN_TEXT)]


class RunParameters(BaseModel):
    """What one run may set, whatever the orchestrator; None leaves the configured value."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sessions_file: Text | None = None
    new_sessions_file: Text | None = None
    recipe: Text | None = None
    k_max: int | None = Field(None, ge=K_MAX_MINIMUM)

    def as_runtime_parameters(self) -> dict[str, Any]:
        """Return them as ``kedro run --params`` would have made them."""
        given: dict[str, Any] = self.model_dump(exclude_none=True, exclude={"k_max"})
        if self.k_max is not None:
            given["clustering"] = {"sweep": {"k_max": self.k_max}}
        return given


class TaskRequest(BaseModel):
    """One task: which part of which pipeline, in which run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pipeline: str
    environment: str
    namespace: str | None = Field(description="stage to run")
    nodes: tuple[str, ...] = Field(description="nodes to run if there is no namespace")
    run_id: Version = Field(description="version of everything that the run writes")
    input_versions: dict[str, Version] = Field(
        {}, description="version by dataset of what earlier runs wrote; of others the latest"
    )
    parent: int | None = Field(None, description="process without which this one must end")
    parameters: RunParameters = RunParameters()


def read_request(text: str) -> TaskRequest:
    """Parse a request.

    Raises:
        SettingError: It is not what ``TaskRequest`` says; the message names each field.
    """
    try:
        return TaskRequest.model_validate_json(text)
    except ValidationError as error:
        lines = "\n".join(
            f"  - {'.'.join(map(str, found['loc'])) or 'request'}: {found['msg']}, "
            f"not {found['input']!r}"
            for found in error.errors()
        )
        msg = (
            "the run cannot start, since what it was given is not accepted (paths and names "
            "have no control characters and no ${...}):\n" + lines
        )
        raise SettingError(msg) from error


def die_with_parent(parent: int) -> None:
    """End this process when the one that started it dies, however it dies (Linux only).

    An orchestrator that loses a worker starts the task again elsewhere; nothing
    of the first attempt may still be writing then.

    Args:
        parent: The process that started this one.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the kernel was asked
        os.kill(os.getpid(), signal.SIGKILL)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the task that the first argument describes.

    If it cannot, the process ends with a message and exit code 1, or ``LASTING_EXIT_CODE``
    if the same task cannot succeed when it is run again.
    """
    (text,) = sys.argv[1:] if arguments is None else arguments
    logs.install()  # the project does it when it is loaded, which is later
    with readable(LASTING_EXIT_CODE):
        request = read_request(text)
        if request.parent is not None:
            die_with_parent(request.parent)
        configure_project(_PACKAGE)
        run_task(request, Path.cwd())


def run_task(request: TaskRequest, project: Path) -> None:
    """Run one task in the Kedro project at ``project``.

    Raises:
        UserActivityTrendsError: What Kedro and the nodes raise on purpose.
    """
    from user_activity_trends.kedro_session import TaskSession

    session = TaskSession(session_id=request.run_id, project_path=project, env=request.environment)
    with session:
        session.run_task(
            request.pipeline,
            namespace=request.namespace,
            nodes=list(request.nodes) or None,
            input_versions=request.input_versions,
            runtime_params=request.parameters.as_runtime_parameters(),
        )


if __name__ == "__main__":
    main()

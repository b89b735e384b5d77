"""What a run is: its version, when it began, and which packages and code made it."""

import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from platform import python_version
from typing import Any

from pydantic import BaseModel, ConfigDict

from user_activity_trends.lifecycle.record import Git
from user_activity_trends.locations import environment_variable

PACKAGES = ("kedro", "kneed", "narwhals", "numpy", "pandas", "scikit-learn", "scipy")
"""Packages whose versions a model may depend on."""
REVISION = "GIT_REVISION"
"""Environment variable: the revision of the code where there is no repository, as in an image."""
_SECONDS = 10


class RunContext(BaseModel):
    """The surroundings of one run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str
    """Version of everything that the run writes."""
    started: str
    """Time in UTC, as ISO 8601."""
    parameters: dict[str, Any]
    """All parameters of the run, typed; empty where no run has told them."""
    packages: dict[str, str]
    git: Git


def read_context(
    run_version: str, started: str, parameters: dict[str, Any], project: Path
) -> RunContext:
    """Look at the surroundings.

    Args:
        run_version: Version of everything that the run writes.
        started: Time in UTC, as ISO 8601.
        parameters: All parameters of the run.
        project: Folder of the code.
    """
    return RunContext(
        version=run_version,
        started=started,
        parameters=parameters,
        packages=_packages(),
        git=read_git(project),
    )


def now() -> str:
    """Return the time in UTC, to the second, as ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _packages() -> dict[str, str]:
    from user_activity_trends import __version__  # run from its folder, it is not installed

    found = {"python": python_version(), "user_activity_trends": __version__}
    for name in PACKAGES:
        found[name] = version(name)
    return found


def read_git(project: Path) -> Git:
    """Read the revision of the code, which is not known where there is no repository."""
    known = environment_variable(REVISION)
    if known:
        return Git(revision=known, changed=None)
    revision = _git(project, "rev-parse", "HEAD")
    if revision is None:
        return Git(revision=None, changed=None)
    status = _git(project, "status", "--porcelain", "--untracked-files=no")
    return Git(revision=revision, changed=None if status is None else bool(status))


def _git(project: Path, *arguments: str) -> str | None:
    command = ["git", "-C", str(project), *arguments]
    try:
        done = subprocess.run(  # noqa: S603 (nothing in it comes from outside)
            command, capture_output=True, text=True, timeout=_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()

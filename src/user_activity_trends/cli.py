"""The project's commands; if something is wrong, their last words are one readable message."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
from kedro.framework.cli.project import run as kedro_run
from kedro.io import DatasetError

from user_activity_trends.errors import LASTING, UserActivityTrendsError
from user_activity_trends.lifecycle import commands

logger = logging.getLogger(__name__)


def explain(error: BaseException) -> str | None:
    """Find the message for people in an error and its causes.

    Args:
        error: What a run raised.

    Returns:
        The message of the first cause that this project raised on purpose, or
        else of a dataset or configuration that failed; None for anything else,
        which is a defect and keeps its traceback.
    """
    causes = _causes(error)
    ours = cause_of(error)
    if ours is not None:
        return str(ours)
    if isinstance(error, DatasetError):
        # What a damaged file or a full disk raises; anything else is a defect of the dataset.
        # A package that is not installed and a wrong argument are matters of the catalog.
        known = (DatasetError, ImportError, OSError, TypeError, ValueError)
        damaged = isinstance(causes[-1], known)
        return str(error) if damaged or isinstance(error, _invalid_data()) else None
    if isinstance(error, _about_configuration()) or _is_about_the_command(error):
        return str(error)
    return None


def cause_of(error: BaseException) -> UserActivityTrendsError | None:
    """Return the first of an error and its causes that this project raised on purpose."""
    return next((one for one in _causes(error) if isinstance(one, UserActivityTrendsError)), None)


def _causes(error: BaseException) -> list[BaseException]:
    causes = [error]
    while (cause := causes[-1].__cause__) and cause not in causes:
        causes.append(cause)
    return causes


def _invalid_data() -> type[BaseException]:
    from kedro.validation.exceptions import DataValidationError

    return DataValidationError


def _about_configuration() -> tuple[type[BaseException], ...]:
    from kedro.config import MissingConfigException
    from kedro.validation.exceptions import ParameterValidationError
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    return (MissingConfigException, OmegaConfBaseException, ParameterValidationError, YAMLError)


def _is_about_the_command(error: BaseException) -> bool:
    """Tell Kedro's word for a pipeline, node or tag that does not exist from any ValueError."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    module = trace.tb_frame.f_globals["__name__"] if trace else ""
    return isinstance(error, ValueError) and module in {
        "kedro.framework.session.session",
        "kedro.pipeline.pipeline",
    }


class _Readable(click.Command):
    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        with readable():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        with readable():
            return super().invoke(ctx)


@contextmanager
def readable(lasting_exit_code: int = 1) -> Iterator[None]:
    """End the process with one message and exit code 1 if the error is not a defect.

    Args:
        lasting_exit_code: Exit code of errors that trying again cannot cure.
    """
    try:
        yield
    except (click.exceptions.ClickException, click.exceptions.Exit, click.exceptions.Abort):
        raise
    except Exception as error:
        message = explain(error)
        if message is None:
            raise
        logger.error("%s", message)  # noqa: TRY400 (the traceback is for defects)
        sys.exit(lasting_exit_code if isinstance(cause_of(error), LASTING) else 1)


@click.group(name="user_activity_trends")
def cli() -> None:
    """Commands of this project."""


class _ReadableGroup(_Readable, click.Group):
    pass


run = _Readable(
    name="run", params=kedro_run.params, callback=kedro_run.callback, help=kedro_run.help
)
cli.add_command(run)


@cli.group(name="models", cls=_ReadableGroup)
def models() -> None:
    """List, compare, promote and roll back models."""


for command in commands.COMMANDS:
    models.add_command(command)

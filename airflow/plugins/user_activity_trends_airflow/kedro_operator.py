"""The operator that runs one task of the project, in the project's own environment."""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow.sdk import BaseOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

PYTHON = "USER_ACTIVITY_TRENDS_PYTHON"
"""Environment variable: the interpreter in whose environment the project is installed."""
HOME = "USER_ACTIVITY_TRENDS_HOME"
"""Environment variable: the folder that holds ``conf/``; relative paths start there."""

_MODULE = "user_activity_trends.orchestration.task"
_LASTING = 3
"""Exit code of a task that cannot succeed when it is run again."""
_FILES = ("sessions_file", "new_sessions_file")
_TOLD = {"dataset", "version", "recipe", "sessions_file"}
"""What an event of this operator's has in its extra."""
_NOT_FOR_TASKS = ("AIRFLOW", "_AIRFLOW", "__AIRFLOW", "CELERY", "FLASK", "PYTHON", "VIRTUAL_ENV")
"""Beginnings of variables that concern Airflow alone, some of them secrets."""


class KedroOperator(BaseOperator):
    """Run one stage, or one node, of a Kedro pipeline as a process of its own.

    No shell is involved: what the run was given travels as one JSON argument.
    Nothing goes through XCom; each task reads and writes the catalog's datasets,
    all tasks of a DAG run in the same version.
    """

    template_fields: Sequence[str] = ()
    ui_color = "#ffc900"

    def __init__(
        self,
        *,
        pipeline: str,
        environment: str,
        namespace: str | None = None,
        nodes: Sequence[str] = (),
        covered_by: Sequence[str] = (),
        **kwargs: Any,
    ) -> None:
        """Describe the task.

        Args:
            pipeline: Name of the Kedro pipeline.
            environment: Kedro environment.
            namespace: Stage to run.
            nodes: Nodes to run if there is no namespace.
            covered_by: Ids of DAGs that run the same nodes themselves: their assets
                trigger nothing.
            kwargs: What every operator takes.
        """
        super().__init__(do_xcom_push=False, **kwargs)
        self.pipeline = pipeline
        self.environment = environment
        self.namespace = namespace
        self.nodes = nodes
        self.covered_by = covered_by

    def execute(self, context: "Context") -> None:
        """Run the task, with its output in the log, and tell what version its assets have.

        Raises:
            AirflowSkipException: The model that triggered this run is of another recipe.
            AirflowFailException: A variable is not set, or the project said that trying
                again is of no use; there are no retries.
            AirflowException: The task failed.
        """
        from airflow.providers.standard.hooks.subprocess import SubprocessHook
        from airflow.sdk.exceptions import AirflowException, AirflowFailException

        home, python = (_required(name) for name in (HOME, PYTHON))
        run, params = context["dag_run"], context["params"]
        version = version_of(run)
        trigger = what_triggered(
            context["triggering_asset_events"], params["recipe"], self.covered_by
        )
        request = {
            "pipeline": self.pipeline,
            "environment": self.environment,
            "namespace": self.namespace,
            "nodes": list(self.nodes),
            "run_id": version,
            "input_versions": trigger.versions,
            "parent": os.getpid(),
            "parameters": trigger.parameters | with_dates(params, run),
        }
        self._hook = SubprocessHook()
        done = self._hook.run_command(
            [python, "-m", _MODULE, json.dumps(request)], env=_environment(home), cwd=home
        )
        if done.exit_code != 0:
            msg = f"{self.task_id} ended with exit code {done.exit_code}: {done.output}"
            raise AirflowFailException(msg) if done.exit_code == _LASTING else AirflowException(msg)
        for asset in self.outlets:
            context["outlet_events"][asset].extra = {
                "dataset": asset.name.rpartition("-")[2],
                "version": version,
                "recipe": params["recipe"],
                "sessions_file": request["parameters"].get("sessions_file"),
            }

    def on_kill(self) -> None:
        """End the process when the task is cleared, marked or out of time."""
        if hasattr(self, "_hook"):
            self._hook.send_sigterm()


def version_of(run: Any) -> str:
    """Name the version of all that a DAG run writes.

    It sorts by the time from which the run may start, and stays the same when
    a task or the whole run is run again. The last part is the run's own, so
    that no other run, of whatever DAG, can have the same version.

    Args:
        run: The DAG run.

    Returns:
        For instance ``2026-01-31T05.00.00.000Z-1f0c9a2b``.
    """
    moment = run.run_after.astimezone(UTC)
    own = hashlib.sha256(f"{run.dag_id}/{run.run_id}".encode()).hexdigest()[:8]
    return f"{moment:%Y-%m-%dT%H.%M.%S}.{moment.microsecond // 1000:03d}Z-{own}"


def with_dates(params: Mapping[str, Any], run: Any) -> dict[str, Any]:
    """Put the run's day in the place of ``{ds}`` and ``{ds_nodash}`` in the two paths.

    The day is that of the logical date or, where a run has none (it was
    triggered by hand without one, or by an asset), of the time from which it
    may start. Both stay the same when the run is run again.
    """
    day = (run.logical_date or run.run_after).astimezone(UTC)
    given = {name: value for name, value in params.items() if value is not None}
    for name in _FILES:
        if name in given:
            given[name] = (
                given[name]
                .replace("{ds}", f"{day:%Y-%m-%d}")
                .replace("{ds_nodash}", f"{day:%Y%m%d}")
            )
    return given


class Trigger(NamedTuple):
    """What the run that triggered this one has left for it."""

    versions: dict[str, str]
    """Version by dataset; of what is not in it the latest is used."""
    parameters: dict[str, str]
    """``sessions_file``, if it had one: whose new sessions these are follows from it."""


def what_triggered(
    triggering: Mapping[Any, Sequence[Any]], recipe: str, covered_by: Sequence[str]
) -> Trigger:
    """Find out which versions of which datasets triggered the run.

    Args:
        triggering: Events by asset; none if the run was not triggered by assets.
        recipe: The run's recipe.
        covered_by: Ids of DAGs that have done this run's work themselves.

    Returns:
        The newest version that all of the datasets have. Nothing of a run without
        events, nor of events that somebody made by hand, which name no version.

    Raises:
        AirflowSkipException: No event is of this recipe and of a DAG that leaves
            the work to this one.
    """
    from airflow.sdk.exceptions import AirflowSkipException

    events = [event for told in triggering.values() for event in told]
    if not events or any(not event.extra.keys() >= _TOLD for event in events):
        return Trigger({}, {})
    ours = [
        event.extra
        for event in events
        if event.source_dag_id not in covered_by and event.extra["recipe"] == recipe
    ]
    if not ours:
        told = "; ".join(f"{e.source_dag_id}, recipe {e.extra['recipe']}" for e in events)
        msg = (
            f"nothing to do for recipe {recipe}: what triggered this run is of another recipe, "
            f"or of a DAG that does the same itself ({told})"
        )
        raise AirflowSkipException(msg)
    datasets = {extra["dataset"] for extra in ours}
    common = set.intersection(
        *({extra["version"] for extra in ours if extra["dataset"] == name} for name in datasets)
    )
    if not common:
        return Trigger({}, {})
    newest = max(common)
    sessions = {extra["sessions_file"] for extra in ours if extra["version"] == newest} - {None}
    return Trigger(
        dict.fromkeys(sorted(datasets), newest),
        {"sessions_file": sessions.pop()} if sessions else {},
    )


def _required(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        from airflow.sdk.exceptions import AirflowFailException

        msg = f"the environment variable {name} is not set on this worker; see airflow/README.md"
        raise AirflowFailException(msg)
    return value


def _environment(home: str) -> dict[str, str]:
    """Return the worker's environment without what is Airflow's own business."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(_NOT_FOR_TASKS)
    }
    logging = os.path.join(home, "conf", "logging_tasks.yml")  # noqa: PTH118
    return {"KEDRO_LOGGING_CONFIG": logging, "DO_NOT_TRACK": "1", "PYTHONUNBUFFERED": "1"} | kept

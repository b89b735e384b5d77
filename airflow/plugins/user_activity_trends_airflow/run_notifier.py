"""Who is told when a run fails or is late: the log, and a webhook if one is configured."""

import asyncio
import logging
from typing import Any

from airflow.sdk import BaseNotifier

_SECONDS = 10


class Notifier(BaseNotifier):
    """Write what happened to the log and, if there is a connection, post it to a webhook.

    The webhook gets one JSON object: ``text`` (a sentence), ``event`` (``failed``
    or ``late``), ``dag_id``, ``run_id``, ``task_id`` and ``reason``, the latter
    three None where they are not known. Its address is the host of an Airflow
    connection, since such addresses often carry a token.
    """

    template_fields = ()

    def __init__(self, event: str, webhook_connection: str | None = None, **kwargs: Any) -> None:
        """Describe the notification.

        Args:
            event: What is told: ``failed`` or ``late``.
            webhook_connection: Id of the Airflow connection whose host is the
                webhook's address; None tells the log only.
            kwargs: What every notifier takes.
        """
        super().__init__(**kwargs)
        self.event = event
        self.webhook_connection = webhook_connection

    def notify(self, context: Any) -> None:
        """Tell it from a process that waits: the DAG processor."""
        message = self._tell_the_log(context)
        if self.webhook_connection:
            from airflow.sdk import Connection

            self._post(Connection.get(self.webhook_connection), message)

    async def async_notify(self, context: Any) -> None:
        """Tell it from a process that must not wait: the triggerer."""
        message = self._tell_the_log(context)
        if self.webhook_connection:
            from airflow.sdk import Connection

            connection = await Connection.async_get(self.webhook_connection)
            await asyncio.to_thread(self._post, connection, message)

    def _tell_the_log(self, context: Any) -> dict[str, str | None]:
        message = describe(self.event, context)
        self.log.error("%s", message["text"])
        return message

    def _post(self, connection: Any, message: dict[str, str | None]) -> None:
        import httpx

        # It would write the address, with its token, to the log.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        try:
            httpx.post(connection.host or "", json=message, timeout=_SECONDS).raise_for_status()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            # Not the error's own text nor its traceback, which have the address.
            self.log.error(  # noqa: TRY400
                "the webhook of connection %s did not take the message: %s",
                self.webhook_connection,
                type(error).__name__,
            )


def describe(event: str, context: Any) -> dict[str, str | None]:
    """Say in words what happened.

    Args:
        event: ``failed`` or ``late``.
        context: What Airflow hands to a callback; a deadline's has plain values only.

    Returns:
        The message; see ``Notifier``.
    """
    run = context.get("dag_run")
    task = context.get("ti")

    def of(thing: Any, name: str) -> str | None:
        value = thing.get(name) if isinstance(thing, dict) else getattr(thing, name, None)
        return None if value is None else str(value)

    # In a deadline's context the run is what the REST API tells of it.
    run_id = of(run, "run_id") or of(run, "dag_run_id") or of(context, "run_id")
    dag_id = of(run, "dag_id") or of(context.get("dag"), "dag_id")
    said = {"failed": "has failed", "late": "has not finished by its deadline"}[event]
    text = f"{dag_id}: run {run_id} {said}"
    task_id = of(task, "task_id")
    if event == "failed" and task_id:
        text += f" (task {task_id})"
    return {
        "text": text,
        "event": event,
        "dag_id": dag_id,
        "run_id": run_id,
        "task_id": task_id,
        "reason": of(context, "reason"),
    }

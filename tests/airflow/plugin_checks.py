# ruff: noqa: E402, N802, PT009, PT027 (unittest's names and ways: pytest is not there)
"""Checks of the Airflow plugin, for Airflow's own environment: ``plugin_checks.py RESULTS``.

Nothing but Airflow and the standard library is there. ``test_plugin.py`` starts
this once and reports each check as a test of its own.
"""

import asyncio
import json
import logging
import os
import sys
import tempfile
import threading
import time
import traceback
import unittest
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar
from unittest import mock

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT / "airflow/plugins"))

from airflow.sdk import Asset
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException
from user_activity_trends_airflow.kedro_operator import (
    HOME,
    PYTHON,
    KedroOperator,
    Trigger,
    version_of,
    what_triggered,
    with_dates,
)
from user_activity_trends_airflow.run_notifier import Notifier, describe

SECONDS = 30
RUN_AFTER = datetime(2026, 1, 31, 5, 6, 7, 89_999, UTC)
VERSION = "2026-01-31T05.06.07.089Z"


def _run(**changes: Any) -> Any:
    told = {
        "dag_id": "training",
        "run_id": "manual__1",
        "run_after": RUN_AFTER,
        "logical_date": None,
    }
    return SimpleNamespace(**(told | changes))


def _event(dag: str, dataset: str, version: str, recipe: str, sessions: str | None = None) -> Any:
    extra = {"dataset": dataset, "version": version, "recipe": recipe, "sessions_file": sessions}
    return SimpleNamespace(source_dag_id=dag, extra=extra)


def _made_by_hand(**extra: Any) -> Any:
    return SimpleNamespace(source_dag_id=None, extra={"from_rest_api": True} | extra)


class VersionOf(unittest.TestCase):
    def test_it_has_the_time_from_which_the_run_may_start_and_the_runs_own_part(self) -> None:
        # echo -n training/manual__1 | sha256sum
        self.assertEqual(version_of(_run()), f"{VERSION}-ff9f583d")

    def test_it_stays_the_same_when_the_run_is_run_again(self) -> None:
        again = _run(start_date=datetime.now(UTC), logical_date=datetime(2020, 1, 1, tzinfo=UTC))
        self.assertEqual(version_of(again), version_of(_run()))

    def test_no_other_run_has_it(self) -> None:
        others = [
            _run(run_id="manual__2"),
            _run(dag_id="inference"),
            _run(dag_id="training/manual", run_id="_1"),
        ]
        self.assertEqual(len({version_of(one) for one in [_run(), *others]}), 4)

    def test_it_is_in_utc(self) -> None:
        there = RUN_AFTER.astimezone(timezone(timedelta(hours=-8)))
        self.assertEqual(version_of(_run(run_after=there)), version_of(_run()))

    def test_it_sorts_by_time(self) -> None:
        later = [RUN_AFTER + timedelta(milliseconds=one) for one in (0, 1, 950, 60_000, 10**8)]
        versions = [version_of(_run(run_after=one)) for one in later]
        self.assertEqual(versions, sorted(versions))


class WithDates(unittest.TestCase):
    def test_the_two_paths_have_the_runs_day(self) -> None:
        given = {
            "sessions_file": "in/{ds}/s-{ds_nodash}.csv",
            "new_sessions_file": "{ds}{ds}.csv",
            "recipe": "{ds}",
            "k_max": 7,
        }
        before = dict(given)
        self.assertEqual(
            with_dates(given, _run(logical_date=datetime(2025, 3, 4, tzinfo=UTC))),
            {
                "sessions_file": "in/2025-03-04/s-20250304.csv",
                "new_sessions_file": "2025-03-042025-03-04.csv",
                "recipe": "{ds}",
                "k_max": 7,
            },
        )
        self.assertEqual(given, before)

    def test_without_a_logical_date_it_is_the_day_from_which_the_run_may_start(self) -> None:
        self.assertEqual(
            with_dates({"sessions_file": "{ds}"}, _run()), {"sessions_file": "2026-01-31"}
        )

    def test_the_day_is_that_of_utc(self) -> None:
        there = datetime(2026, 1, 31, 23, 30, tzinfo=timezone(timedelta(hours=-8)))
        self.assertEqual(
            with_dates({"sessions_file": "{ds}"}, _run(logical_date=there)),
            {"sessions_file": "2026-02-01"},
        )

    def test_what_is_not_given_is_left_to_the_configuration(self) -> None:
        given = {"sessions_file": None, "new_sessions_file": None, "recipe": "base", "k_max": None}
        self.assertEqual(with_dates(given, _run()), {"recipe": "base"})

    def test_anything_else_in_a_path_stays(self) -> None:
        path = "x'; $(touch y) {DS} {dsx} {{ds}} {} %s {{ ds }}.csv"
        self.assertEqual(
            with_dates({"sessions_file": path}, _run()),
            {"sessions_file": "x'; $(touch y) {DS} {dsx} {2026-01-31} {} %s {{ ds }}.csv"},
        )


class WhatTriggered(unittest.TestCase):
    LATEST = Trigger({}, {})

    def test_a_run_that_no_asset_triggered_reads_the_latest(self) -> None:
        for triggering in ({}, {"model": []}):
            self.assertEqual(what_triggered(triggering, "base", ["whole"]), self.LATEST)

    def test_it_is_the_newest_of_the_runs_recipe(self) -> None:
        triggering = {
            "model": [
                _event("training", "model", "2026-01-02", "base"),
                _event("training", "model", "2026-01-09", "log"),
                _event("training", "model", "2026-01-03", "base"),
                _event("training", "model", "2026-01-01", "base"),
            ],
        }
        for recipe, newest in (("base", "2026-01-03"), ("log", "2026-01-09")):
            self.assertEqual(what_triggered(triggering, recipe, []), Trigger({"model": newest}, {}))

    def test_it_is_the_newest_that_all_datasets_have(self) -> None:
        # The names do not matter, nor does the order of the events.
        model = [
            _event("training", "model", one, "base")
            for one in ("2026-01-04", "2026-01-02", "2026-01-01")
        ]
        names = [
            _event("naming", "names", one, "base")
            for one in ("2026-01-01", "2026-01-02", "2026-01-03")
        ]
        other = _event("training", "curve", "2026-01-09", "log")
        for triggering in (
            {"model": [*model, other], "names": names},
            {"names": names[::-1], "model": [other, *model[::-1]]},
        ):
            self.assertEqual(
                what_triggered(triggering, "base", []),
                Trigger({"model": "2026-01-02", "names": "2026-01-02"}, {}),
            )

    def test_without_a_version_in_common_it_is_the_latest(self) -> None:
        triggering = {
            "model": [_event("training", "model", "2026-01-02", "base", "a.csv")],
            "names": [_event("naming", "names", "2026-01-03", "base", "a.csv")],
        }
        self.assertEqual(what_triggered(triggering, "base", []), self.LATEST)

    def test_the_sessions_are_those_of_the_run_that_is_read(self) -> None:
        triggering = {
            "model": [
                _event("training", "model", "2026-01-03", "base", "newer.csv"),
                _event("training", "model", "2026-01-02", "base", "same.csv"),
                _event("training", "model", "2026-01-02", "log", "log.csv"),
                _event("training", "model", "2026-01-01", "base", "older.csv"),
            ],
            "names": [
                _event("naming", "names", "2026-01-01", "base"),
                _event("naming", "names", "2026-01-02", "base"),  # it has no such parameter
            ],
        }
        self.assertEqual(
            what_triggered(triggering, "base", []),
            Trigger(
                {"model": "2026-01-02", "names": "2026-01-02"},
                {"sessions_file": "same.csv"},
            ),
        )

    def test_a_run_without_sessions_of_its_own_leaves_them_to_the_configuration(self) -> None:
        triggering = {
            "model": [
                _event("training", "model", "2026-01-01", "base", "older.csv"),
                _event("training", "model", "2026-01-02", "base"),
            ]
        }
        self.assertEqual(
            what_triggered(triggering, "base", []), Trigger({"model": "2026-01-02"}, {})
        )

    def test_a_dag_that_does_the_same_itself_does_not_count(self) -> None:
        triggering = {
            "model": [
                _event("training", "model", "2026-01-01", "base", "a.csv"),
                _event("whole", "model", "2026-01-02", "base", "b.csv"),
            ],
            "names": [_event("whole", "names", "2026-01-02", "base", "b.csv")],
        }
        self.assertEqual(
            what_triggered(triggering, "base", ["whole"]),
            Trigger({"model": "2026-01-01"}, {"sessions_file": "a.csv"}),
        )

    def test_an_event_made_by_hand_means_the_latest(self) -> None:
        for others in (
            [],
            [_event("training", "model", "2026-01-01", "base", "a.csv")],
            [_event("training", "model", "2026-01-01", "log")],
            [_event("whole", "model", "2026-01-01", "base")],
        ):
            for by_hand in (_made_by_hand(), _made_by_hand(recipe="log", note="mine")):
                triggering = {"model": others, "names": [by_hand]}
                with self.subTest(others=others, by_hand=by_hand):
                    self.assertEqual(what_triggered(triggering, "base", ["whole"]), self.LATEST)

    def test_without_any_that_counts_the_run_is_skipped_and_says_why(self) -> None:
        foreign = _event("training", "model", "2026-01-03", "log")
        covered = _event("whole", "names", "2026-01-02", "base")
        start = (
            "nothing to do for recipe base: what triggered this run is of another recipe, "
            "or of a DAG that does the same itself "
        )
        for triggering, told in (
            ({"model": [foreign]}, "(training, recipe log)"),
            ({"names": [covered]}, "(whole, recipe base)"),
            (
                {"names": [covered], "model": [foreign]},
                "(whole, recipe base; training, recipe log)",
            ),
        ):
            with self.subTest(told), self.assertRaises(AirflowSkipException) as skipped:
                what_triggered(triggering, "base", ["whole"])
            self.assertEqual(str(skipped.exception), start + told)


class Describe(unittest.TestCase):
    def test_a_failed_run_is_told_with_its_task_and_reason(self) -> None:
        context = {"dag_run": _run(), "ti": SimpleNamespace(task_id="clustering"), "reason": "x"}
        self.assertEqual(
            describe("failed", context),
            {
                "text": "training: run manual__1 has failed (task clustering)",
                "event": "failed",
                "dag_id": "training",
                "run_id": "manual__1",
                "task_id": "clustering",
                "reason": "x",
            },
        )

    def test_what_is_not_known_is_none(self) -> None:
        context = {"dag": SimpleNamespace(dag_id="training"), "run_id": "manual__1"}
        self.assertEqual(
            describe("failed", context),
            {
                "text": "training: run manual__1 has failed",
                "event": "failed",
                "dag_id": "training",
                "run_id": "manual__1",
                "task_id": None,
                "reason": None,
            },
        )

    def test_a_late_run_comes_as_plain_values(self) -> None:
        # The run as the REST API tells of it, and what else a deadline adds.
        context = {
            "dag_run": {"dag_id": "training", "dag_run_id": "manual__1", "logical_date": None},
            "deadline": {"id": "1", "deadline_time": "2026-01-31T07:06:07Z"},
        }
        self.assertEqual(
            describe("late", context),
            {
                "text": "training: run manual__1 has not finished by its deadline",
                "event": "late",
                "dag_id": "training",
                "run_id": "manual__1",
                "task_id": None,
                "reason": None,
            },
        )

    def test_an_event_that_is_neither_is_an_error(self) -> None:
        with self.assertRaises(KeyError):
            describe("started", {})


class Webhook:
    """A web server that remembers what was posted to it."""

    def __init__(self, answer: int) -> None:
        self.posted: list[tuple[str, Any]] = []
        webhook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                webhook.posted.append((self.path, json.loads(body)))
                self.send_response(answer)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}/hook/s3cret"
        threading.Thread(target=self._server.serve_forever, args=(0.05,)).start()

    def stop(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def _all_logged() -> Iterator[list[logging.LogRecord]]:
    """Have every logger log all it can, and collect it."""
    import httpx  # noqa: F401 (its loggers are there from here on)

    known = [logging.getLogger(), *map(logging.getLogger, logging.root.manager.loggerDict)]
    before = [(logger, logger.level, logger.disabled) for logger in known]
    disabled, records = logging.root.manager.disable, list[logging.LogRecord]()
    try:
        logging.disable(logging.NOTSET)
        for logger in known:
            logger.setLevel(logging.DEBUG)
            logger.disabled = False
        # Whatever the handlers are, and whether or not a logger hands it on.
        with mock.patch.object(logging.Logger, "handle", records.append):
            yield records
    finally:
        logging.disable(disabled)
        for logger, level, off in before:
            logger.setLevel(level)
            logger.disabled = off


class Notify(unittest.TestCase):
    CONTEXT: ClassVar[Any] = {"dag_run": _run(), "ti": SimpleNamespace(task_id="clustering")}
    TEXT = "training: run manual__1 has failed (task clustering)"

    @contextmanager
    def _webhook(self, answer: int = 204) -> Iterator[Webhook]:
        webhook = Webhook(answer)
        try:
            told = json.dumps({"conn_type": "http", "host": webhook.address})
            with mock.patch.dict(os.environ, AIRFLOW_CONN_CHAT=told):
                yield webhook
        finally:
            webhook.stop()

    def _notify(self, notifier: Notifier) -> list[str]:
        """Notify as Airflow does, and return the log."""
        log = mock.Mock()
        with mock.patch.object(Notifier, "log", log):
            notifier(self.CONTEXT)
        return [told.args[0] % told.args[1:] for told in log.error.mock_calls]

    def test_without_a_connection_it_is_the_log_alone(self) -> None:
        with self._webhook() as webhook:
            self.assertEqual(self._notify(Notifier("failed")), [self.TEXT])
        self.assertEqual(webhook.posted, [])

    def test_with_a_connection_it_is_the_log_and_the_webhook(self) -> None:
        with self._webhook() as webhook:
            self.assertEqual(self._notify(Notifier("failed", "chat")), [self.TEXT])
        message = describe("failed", self.CONTEXT)
        self.assertEqual(webhook.posted, [("/hook/s3cret", message)])
        self.assertEqual(message["text"], self.TEXT)

    def test_the_triggerer_posts_the_same(self) -> None:
        async def tell() -> None:
            notifier = Notifier("late", "chat")
            notifier.context = self.CONTEXT
            await notifier

        with self._webhook() as webhook:
            asyncio.run(tell())
        self.assertEqual(webhook.posted, [("/hook/s3cret", describe("late", self.CONTEXT))])

    def test_the_triggerer_may_tell_the_log_alone(self) -> None:
        async def tell() -> None:
            await Notifier("late").async_notify(self.CONTEXT)

        with self._webhook() as webhook:
            asyncio.run(tell())
        self.assertEqual(webhook.posted, [])

    def test_a_webhook_that_refuses_is_told_without_its_address(self) -> None:
        with self._webhook(500) as webhook:
            logged = self._notify(Notifier("failed", "chat"))
        self.assertEqual(len(webhook.posted), 1)
        self.assertEqual(
            logged,
            [
                self.TEXT,
                "the webhook of connection chat did not take the message: HTTPStatusError",
            ],
        )

    def test_a_webhook_that_is_not_there_is_told_without_its_address(self) -> None:
        with self._webhook() as webhook:
            webhook.stop()
            logged = self._notify(Notifier("failed", "chat"))
        self.assertEqual(
            logged,
            [self.TEXT, "the webhook of connection chat did not take the message: ConnectError"],
        )

    def test_no_logger_has_the_address(self) -> None:
        async def tell() -> None:
            notifier = Notifier("failed", "chat")
            notifier.context = self.CONTEXT
            await notifier

        ways = {
            "DAG processor": lambda: Notifier("failed", "chat")(self.CONTEXT),
            "triggerer": lambda: asyncio.run(tell()),
        }
        for way, notify in ways.items():
            for answer in (204, 302, 404, 500, None):
                with (
                    self.subTest(way, answer=answer),
                    self._webhook(answer or 204) as webhook,
                    # Airflow's own goes past the standard library's.
                    mock.patch.object(Notifier, "log", logging.getLogger("notifier")),
                    _all_logged() as records,
                ):
                    if answer is None:
                        webhook.stop()
                    notify()
                    self.assertEqual(len(webhook.posted), answer is not None)
                    lines = [f"{one.name}: {logging.Formatter().format(one)}" for one in records]
                    for name in ("httpcore", "notifier"):
                        self.assertTrue([one for one in lines if one.startswith(name)], lines)
                    self.assertEqual([one for one in lines if "s3cret" in one], [])
                    self.assertEqual([one for one in records if "s3cret" in repr(vars(one))], [])

    def test_a_host_that_is_no_address_is_told_without_it(self) -> None:
        for host in (None, "", "s3cret.example", "http://127.0.0.1:s3cret/"):
            told = json.dumps({"conn_type": "http", "host": host})
            with self.subTest(host), mock.patch.dict(os.environ, AIRFLOW_CONN_CHAT=told):
                first, second = self._notify(Notifier("failed", "chat"))
                self.assertEqual(first, self.TEXT)
                self.assertTrue(
                    second.startswith("the webhook of connection chat did not take the message: ")
                )
                self.assertNotIn("s3cret", second)


INTERPRETER = f"""#!{sys.executable}
import json, os, sys, time
told = {{"argv": sys.argv[1:], "env": dict(os.environ), "cwd": os.getcwd()}}
told["parent"] = os.getppid()
with open("told.tmp", "w") as file:
    json.dump(told, file)
os.rename("told.tmp", "told.json")
print("first line")
print("last line", file=sys.stderr)
time.sleep(float(os.environ.get("TEST_SECONDS", 0)))
sys.exit(int(os.environ.get("TEST_CODE", 0)))
"""


class Execute(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.home = Path(folder.name).resolve() / "home of the project"
        self.home.mkdir()
        python = self.home / "python"
        python.write_text(INTERPRETER, encoding="utf-8")
        python.chmod(0o755)
        variables = {HOME: str(self.home), PYTHON: str(python)}
        patch = mock.patch.dict(os.environ, variables)
        patch.start()
        self.addCleanup(patch.stop)
        self.written = Asset("project-base-trained_model"), Asset("project-a-b-curve")
        self.context: dict[str, Any] = {
            "dag_run": _run(),
            "params": {"sessions_file": "in/{ds}.csv", "recipe": "base", "k_max": None},
            "triggering_asset_events": {},
            "outlet_events": defaultdict(SimpleNamespace),
        }

    def _operator(self, **changes: Any) -> KedroOperator:
        told = {
            "task_id": "clustering",
            "pipeline": "training",
            "environment": "base",
            "namespace": "clustering",
            "outlets": list(self.written),
        }
        return KedroOperator(**(told | changes))

    def _execute(self, **changes: Any) -> dict[str, Any]:
        self.assertIsNone(self._operator(**changes).execute(self.context))
        return dict(json.loads((self.home / "told.json").read_text(encoding="utf-8")))

    def _request(self, **changes: Any) -> dict[str, Any]:
        *start, text = self._execute(**changes)["argv"]
        self.assertEqual(start, ["-m", "user_activity_trends.orchestration.task"])
        return dict(json.loads(text))

    def test_a_stage_is_one_process_with_one_argument(self) -> None:
        self.assertEqual(
            self._request(),
            {
                "pipeline": "training",
                "environment": "base",
                "namespace": "clustering",
                "nodes": [],
                "run_id": version_of(_run()),
                "input_versions": {},
                "parent": os.getpid(),
                "parameters": {"sessions_file": "in/2026-01-31.csv", "recipe": "base"},
            },
        )

    def test_a_node_is_one_too(self) -> None:
        told = self._request(namespace=None, nodes=["clustering.train_model"])
        self.assertEqual((told["namespace"], told["nodes"]), (None, ["clustering.train_model"]))

    def test_no_shell_sees_a_value(self) -> None:
        hostile = "x'; touch pwned; $(touch pwned) `touch pwned` \"\\ 🛒,;&|>pwned {{ ds }}.csv"
        self.context["params"]["sessions_file"] = hostile
        self.assertEqual(self._request()["parameters"]["sessions_file"], hostile)
        self.assertEqual(sorted(path.name for path in self.home.iterdir()), ["python", "told.json"])

    def test_airflow_renders_nothing_in_it(self) -> None:
        self.assertEqual(tuple(KedroOperator.template_fields), ())

    def test_the_process_is_told_its_own_parent(self) -> None:
        # It ends with it: no process may come between.
        told = self._execute()
        self.assertEqual(told["parent"], json.loads(told["argv"][-1])["parent"])

    def _triggered_by(self, *events: Any) -> None:
        self.context["triggering_asset_events"] = {
            Asset(f"project-base-{number}"): [event] for number, event in enumerate(events)
        }

    def test_the_versions_that_triggered_the_run_are_read(self) -> None:
        self._triggered_by(
            _event("training", "model", "2026-01-02", "base"),
            _event("training", "names", "2026-01-02", "base"),
        )
        self.assertEqual(
            self._request()["input_versions"], {"model": "2026-01-02", "names": "2026-01-02"}
        )

    def test_the_sessions_of_the_run_that_triggered_it_are_handed_on(self) -> None:
        self._triggered_by(_event("training", "model", "2026-01-02", "base", "theirs.csv"))
        self.context["params"] = {"new_sessions_file": "{ds}.csv", "recipe": "base"}
        self.assertEqual(
            self._request()["parameters"],
            {
                "sessions_file": "theirs.csv",
                "new_sessions_file": "2026-01-31.csv",
                "recipe": "base",
            },
        )
        self.assertEqual(
            {event.extra["sessions_file"] for event in self.context["outlet_events"].values()},
            {"theirs.csv"},
        )

    def test_sessions_of_its_own_come_first(self) -> None:
        self._triggered_by(_event("training", "model", "2026-01-02", "base", "theirs.csv"))
        self.assertEqual(self._request()["parameters"]["sessions_file"], "in/2026-01-31.csv")

    def test_an_event_made_by_hand_starts_it_with_the_latest(self) -> None:
        self._triggered_by(_made_by_hand())
        told = self._request()
        self.assertEqual(told["input_versions"], {})
        self.assertEqual(told["parameters"]["sessions_file"], "in/2026-01-31.csv")

    def test_what_does_not_concern_it_skips_the_task_before_it_starts(self) -> None:
        for event in (
            _event("whole", "model", "2026-01-02", "base"),
            _event("training", "model", "2026-01-02", "log"),
        ):
            self._triggered_by(event)
            with self.subTest(event=event), self.assertRaises(AirflowSkipException):
                self._operator(covered_by=["whole"]).execute(self.context)
        self.assertFalse((self.home / "told.json").exists())
        self.assertEqual(dict(self.context["outlet_events"]), {})

    def test_it_runs_in_the_projects_folder_without_airflows_secrets(self) -> None:
        secrets = {
            f"{start}SECRET": "s3cret"  # pragma: allowlist secret
            for start in (
                *("AIRFLOW__CORE__", "AIRFLOW_CONN_", "AIRFLOW_VAR_", "_AIRFLOW_", "__AIRFLOW_"),
                *("CELERY_", "FLASK_", "PYTHON", "VIRTUAL_ENV_"),
            )
        }
        with mock.patch.dict(os.environ, secrets | {"DATA_ROOT": "/data", "AWS_PROFILE": "me"}):
            told = self._execute()
        self.assertEqual(told["cwd"], str(self.home))
        env = told["env"]
        self.assertEqual([name for name, value in env.items() if "s3cret" in value], [])
        self.assertEqual((env["DATA_ROOT"], env["AWS_PROFILE"]), ("/data", "me"))
        self.assertEqual(env["PATH"], os.environ["PATH"])
        self.assertEqual(env["KEDRO_LOGGING_CONFIG"], str(self.home / "conf/logging_tasks.yml"))
        self.assertEqual((env["DO_NOT_TRACK"], env["PYTHONUNBUFFERED"]), ("1", "1"))

    def test_the_platforms_logging_configuration_is_kept(self) -> None:
        with mock.patch.dict(os.environ, KEDRO_LOGGING_CONFIG="/etc/logging.yml"):
            self.assertEqual(self._execute()["env"]["KEDRO_LOGGING_CONFIG"], "/etc/logging.yml")

    def test_the_assets_tell_what_they_are_and_of_which_sessions(self) -> None:
        for given, told in (("in/{ds}.csv", "in/2026-01-31.csv"), (None, None)):
            self.context["params"]["sessions_file"] = given
            self.context["outlet_events"].clear()
            self._execute()
            model, curve = self.written
            extra = {"version": version_of(_run()), "recipe": "base", "sessions_file": told}
            with self.subTest(given):
                self.assertEqual(
                    {asset: event.extra for asset, event in self.context["outlet_events"].items()},
                    {
                        model: extra | {"dataset": "trained_model"},
                        curve: extra | {"dataset": "curve"},
                    },
                )

    def test_what_one_run_tells_is_what_the_next_one_reads(self) -> None:
        self._execute()
        self.context["triggering_asset_events"] = {
            asset: [SimpleNamespace(source_dag_id="training", extra=event.extra)]
            for asset, event in self.context["outlet_events"].items()
        }
        self.context["params"] = {"recipe": "base"}
        told = self._request(task_id="scoring", outlets=[])
        version = version_of(_run())
        self.assertEqual(told["input_versions"], {"trained_model": version, "curve": version})
        self.assertEqual(told["parameters"]["sessions_file"], "in/2026-01-31.csv")

    def test_nothing_goes_through_xcom(self) -> None:
        self.assertFalse(self._operator().do_xcom_push)

    def test_any_other_exit_code_fails_the_task_with_the_last_line(self) -> None:
        # Airflow tries again, unless the task says with code 3 that it is of no use.
        for code, error in (
            (1, AirflowException),
            (2, AirflowException),
            (3, AirflowFailException),
            (4, AirflowException),
        ):
            with self.subTest(code), mock.patch.dict(os.environ, TEST_CODE=str(code)):
                with self.assertRaises(AirflowException) as failed:
                    self._operator().execute(self.context)
                self.assertIs(type(failed.exception), error)
                self.assertEqual(
                    str(failed.exception), f"clustering ended with exit code {code}: last line"
                )
                self.assertEqual(dict(self.context["outlet_events"]), {})

    def test_a_missing_variable_fails_the_task_for_good(self) -> None:
        for name in (HOME, PYTHON):
            for value in ("", None):
                with self.subTest(name, value=value), mock.patch.dict(os.environ):
                    del os.environ[name]
                    if value is not None:
                        os.environ[name] = value
                    with self.assertRaises(AirflowFailException) as failed:
                        self._operator().execute(self.context)
                    self.assertEqual(
                        str(failed.exception),
                        f"the environment variable {name} is not set on this worker; "
                        "see airflow/README.md",
                    )
        self.assertFalse((self.home / "told.json").exists())

    def test_a_task_that_is_killed_ends_its_process(self) -> None:
        operator, ended = self._operator(), []

        def execute() -> None:
            try:
                operator.execute(self.context)
            except AirflowException as error:
                ended.append(str(error))

        with mock.patch.dict(os.environ, TEST_SECONDS=str(4 * SECONDS)):
            task = threading.Thread(target=execute)
            task.start()
            deadline = time.monotonic() + SECONDS
            while not (self.home / "told.json").exists():
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.02)
            operator.on_kill()
            task.join(SECONDS)
        self.assertFalse(task.is_alive())
        self.assertEqual(len(ended), 1)
        self.assertTrue(ended[0].startswith("clustering ended with exit code -15: "))
        self.assertEqual(dict(self.context["outlet_events"]), {})

    def test_a_task_that_is_killed_before_it_starts_is_fine(self) -> None:
        self._operator().on_kill()
        self.assertFalse((self.home / "told.json").exists())


class Results(unittest.TestResult):
    """Keeps what went wrong in each check, by its name."""

    def __init__(self) -> None:
        super().__init__()
        self.told: dict[str, str] = {}

    @staticmethod
    def _name(test: unittest.TestCase) -> str:
        return test.id().removeprefix("__main__.")

    def startTest(self, test: unittest.TestCase) -> None:
        super().startTest(test)
        self.told.setdefault(self._name(test), "")

    def addFailure(self, test: unittest.TestCase, err: Any) -> None:
        super().addFailure(test, err)
        self.told[self._name(test)] += "".join(traceback.format_exception(*err))

    def addError(self, test: unittest.TestCase, err: Any) -> None:
        self.addFailure(test, err)

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: Any) -> None:
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.told[self._name(test)] += f"{subtest}\n" + "".join(
                traceback.format_exception(*err)
            )


if __name__ == "__main__":
    results = Results()
    unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"]).run(results)
    Path(sys.argv[1]).write_text(json.dumps(results.told), encoding="utf-8")

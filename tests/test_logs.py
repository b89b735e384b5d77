"""Every line has its run's id, and JSON lines are JSON whatever a message holds."""

import io
import json
import logging
import logging.config
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from user_activity_trends import logs
from user_activity_trends.errors import SettingError

AWKWARD = [
    "plain",
    "two\nlines\r\nand a third",
    'a "quoted" word, a \\ and a tab\t.',
    "Größe ≥ 3, 数, 🛒",
    "line\u2028separator and next\x85line",
    "a bell \x07 and a null \x00",
    "{not: json} %(levelname)s",
]


@pytest.fixture(autouse=True)
def _logging_as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv(logs.FORMAT_VARIABLE, raising=False)
    monkeypatch.setattr(logs, "_run_id", "-")
    loggers = [logging.root, *map(logging.getLogger, [*logging.root.manager.loggerDict])]
    factory = logging.getLogRecordFactory()
    formatters = [(one, one.formatter) for logger in loggers for one in logger.handlers]
    yield
    logging.setLogRecordFactory(factory)
    for handler, formatter in formatters:
        handler.setFormatter(formatter)


@pytest.fixture
def stream() -> Iterator[tuple[logging.Logger, io.StringIO]]:
    """Return a logger of its own, and what its one handler writes, as text at first."""
    logger, written = logging.getLogger("tests.logs.below"), io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(logging.Formatter("%(levelname)s %(run_id)s %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    yield logger, written
    logger.removeHandler(handler)
    logger.propagate = True


Stream = tuple[logging.Logger, io.StringIO]


def record(message: str, *args: Any, **kwargs: Any) -> logging.LogRecord:
    given = {"exc_info": None} | kwargs
    return logs.RunRecord("a.b", logging.WARNING, "file.py", 1, message, args, **given)


def test_a_record_has_the_id_of_the_run_in_which_it_was_made() -> None:
    before = record("x")
    logs.set_run_id("2026-01-01T00.00.00.000Z")
    after = record("x")

    assert (before.run_id, after.run_id) == ("-", "2026-01-01T00.00.00.000Z")


@pytest.mark.parametrize("message", AWKWARD)
def test_a_record_becomes_one_line_of_json(message: str) -> None:
    logs.set_run_id("run 7")
    made = record("%s", message)

    line = logs.JsonFormatter().format(made)

    assert "\n" not in line
    assert "\r" not in line
    assert json.loads(line) == {
        "time": datetime.fromtimestamp(made.created, UTC).isoformat(timespec="milliseconds"),
        "level": "WARNING",
        "run_id": "run 7",
        "logger": "a.b",
        "message": message,
    }


def test_the_time_is_in_utc_and_to_the_millisecond() -> None:
    made = record("x")
    made.created = 1_700_000_000.123456

    line = json.loads(logs.JsonFormatter().format(made))

    assert line["time"] == "2023-11-14T22:13:20.123+00:00"


def test_a_traceback_stays_on_the_line_of_its_record() -> None:
    def fail() -> None:
        msg = "first\nsecond"
        raise ValueError(msg)

    try:
        fail()
    except ValueError:
        made = record("failed", exc_info=sys.exc_info())

    line = logs.JsonFormatter().format(made)

    assert "\n" not in line
    error = json.loads(line)["error"].splitlines()
    assert error[0] == "Traceback (most recent call last):"
    assert error[-2:] == ["ValueError: first", "second"]


def test_a_record_of_another_library_has_no_run() -> None:
    made = logging.LogRecord("lib", logging.INFO, "f.py", 1, "hello %d", (3,), None)

    line = json.loads(logs.JsonFormatter().format(made))

    assert (line["run_id"], line["message"]) == ("-", "hello 3")


def test_a_path_that_is_not_unicode_can_be_written() -> None:
    """Python reads the bytes of such a name as lone surrogates, which no UTF-8 file takes."""
    line = logs.JsonFormatter().format(record("read %s", os.fsdecode(b"caf\xe9.csv")))

    assert json.loads(line.encode("utf-8"))["message"].startswith("read caf")


@pytest.mark.parametrize("setting", [None, "text"])
def test_text_lines_have_the_run_and_keep_their_format(
    setting: str | None, monkeypatch: pytest.MonkeyPatch, stream: Stream
) -> None:
    logger, written = stream
    if setting:
        monkeypatch.setenv("LOG_FORMAT", setting)
    logs.set_run_id("run 8")

    logs.install()
    logger.info("read %d rows", 12)

    assert written.getvalue() == "INFO run 8 read 12 rows\n"


def test_json_lines_come_from_every_handler(
    monkeypatch: pytest.MonkeyPatch, stream: Stream
) -> None:
    logger, written = stream
    monkeypatch.setenv("LOG_FORMAT", "json")

    logs.install()
    logs.set_run_id("run 9")
    for message in AWKWARD:
        logger.warning(message)

    lines = [json.loads(line) for line in written.getvalue().removesuffix("\n").split("\n")]
    assert [line["message"] for line in lines] == AWKWARD
    assert {(line["run_id"], line["logger"]) for line in lines} == {("run 9", "tests.logs.below")}
    assert all(isinstance(one.formatter, logs.JsonFormatter) for one in logging.root.handlers)


@pytest.mark.parametrize("setting", ["nonsense", "JSON", ""])
def test_an_unknown_format_is_an_error_that_names_the_variable(
    setting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOG_FORMAT", setting)

    with pytest.raises(SettingError, match=f"LOG_FORMAT is {setting!r}; use text or json"):
        logs.check_format()


@pytest.mark.parametrize("setting", [None, "text", "json"])
def test_a_known_format_is_accepted(setting: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if setting:
        monkeypatch.setenv("LOG_FORMAT", setting)

    logs.check_format()


def test_a_run_with_an_unknown_format_ends_in_one_readable_message(
    project: Path, tmp_path: Path
) -> None:
    source = str(Path(logs.__file__).parents[1])
    run = subprocess.run(
        [sys.executable, "-m", "user_activity_trends"],
        cwd=project,
        env=os.environ
        | {"LOG_FORMAT": "nonsense", "PYTHONPATH": source, "DATA_ROOT": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert run.returncode == 1
    assert "Traceback" not in run.stderr
    assert run.stderr.rstrip().endswith("LOG_FORMAT is 'nonsense'; use text or json")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("formatter", "ending"),
    [("terminal", "WARNING run 5 rate 7 %"), ("file", "WARNING run 5 a.b: rate 7 %")],
)
def test_the_configured_formats_show_the_run(formatter: str, ending: str, project: Path) -> None:
    config = yaml.safe_load((project / "conf/logging.yml").read_text(encoding="utf-8"))
    configurator = logging.config.DictConfigurator(config)
    built = configurator.configure_formatter(configurator.config["formatters"][formatter])
    logs.set_run_id("run 5")

    assert built.format(record("rate %d %%", 7)).endswith(ending)


def test_every_line_of_a_message_has_the_id_of_its_run() -> None:
    logs.set_run_id("2026-01-02T03.04.05.678Z")
    record = logs.RunRecord("name", logging.ERROR, "f.py", 1, "one\ntwo\nthree", (), None)

    text = logs.LinesFormatter("%(levelname)s %(run_id)s %(message)s").format(record)

    run = "2026-01-02T03.04.05.678Z"
    assert text.split("\n") == [f"ERROR {run} one", f"{run} two", f"{run} three"]


def test_the_folder_of_a_log_file_is_made(tmp_path: Path) -> None:
    handler = logging.FileHandler(tmp_path / "not there" / "run.log", delay=True)
    logging.getLogger().addHandler(handler)
    try:
        logs.install()
    finally:
        logging.getLogger().removeHandler(handler)

    assert (tmp_path / "not there").is_dir()

"""Log lines: the run's id on every one of them, and JSON lines if asked for."""

import json
import logging
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from user_activity_trends.errors import SettingError

FORMAT_VARIABLE = "LOG_FORMAT"
"""Environment variable: ``json`` turns every line, on the terminal and in files, into JSON."""

_run_id = "-"


class RunRecord(logging.LogRecord):
    """A log record that knows which run it belongs to (``%(run_id)s``)."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.run_id = _run_id


class LinesFormatter(logging.Formatter):
    """Text whose second and later lines begin with the run's id as well."""

    def format(self, record: logging.LogRecord) -> str:
        """Render one record."""
        first, *others = super().format(record).split("\n")
        return "\n".join([first, *(f"{_run_id} {line}" for line in others)])


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, run_id, logger, message, and error if any."""

    def format(self, record: logging.LogRecord) -> str:
        """Render one record."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "run_id": getattr(record, "run_id", "-"),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line)


def install() -> None:
    """Make every log record carry the run's id, and apply ``LOG_FORMAT``.

    Kedro has applied ``conf/logging.yml`` by then; which handlers there are,
    and their levels, stays as that file says.
    """
    logging.setLogRecordFactory(RunRecord)
    as_json = os.environ.get(FORMAT_VARIABLE) == "json"
    for name in (None, *logging.root.manager.loggerDict):
        for handler in logging.getLogger(name).handlers:
            if isinstance(handler, logging.FileHandler):
                Path(handler.baseFilename).parent.mkdir(parents=True, exist_ok=True)
            text = handler.formatter
            if as_json:
                handler.setFormatter(JsonFormatter())
            elif text is not None and "run_id" in (text._fmt or ""):  # noqa: SLF001
                handler.setFormatter(LinesFormatter(text._fmt, text.datefmt))  # noqa: SLF001


def check_format() -> None:
    """Refuse a ``LOG_FORMAT`` that is not known.

    Raises:
        SettingError: It is neither ``text`` nor ``json``.
    """
    chosen = os.environ.get(FORMAT_VARIABLE, "text")
    if chosen not in {"text", "json"}:
        msg = f"the environment variable {FORMAT_VARIABLE} is {chosen!r}; use text or json"
        raise SettingError(msg)


def set_run_id(run_id: str) -> None:
    """Put ``run_id`` on every line from now on."""
    global _run_id  # noqa: PLW0603 (one run a process, as in Kedro)
    _run_id = run_id

"""Start the project once and fork a run from it for every request: kill it, or let it end.

One line of JSON in, one line of JSON out. A request names what to do:

* ``run``: run the project with ``params`` in ``root``; with ``target`` and
  ``moment`` the run kills itself with SIGKILL when the file of that name is half
  written (``write``), or whole but not yet in place (``replace``).
* ``load``: load every output through the catalog, and fingerprint what came.

Importing takes longer than a run, so all runs are forks of one warm process.
"""

import hashlib
import json
import os
import pickle
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any, NoReturn

import pandas as pd
from kedro.framework.project import settings
from kedro.framework.startup import bootstrap_project
from kedro.io import CatalogProtocol
from plotly.basedatatypes import BaseFigure

from user_activity_trends.files import atomic

PROJECT = Path(__file__).resolve().parents[2]
SECONDS = 120


def _session(params: dict[str, Any]) -> Any:
    return settings.SESSION_CLASS.create(
        project_path=PROJECT, env="test", runtime_params=params, save_on_close=False
    )


def _run(params: dict[str, Any]) -> None:
    with _session(params) as session:
        session.run()


def _die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def _die_writing(target: str) -> None:
    file = atomic._ReplacingFile  # noqa: SLF001
    write = file.write

    def write_half(self: Any, data: Any) -> int:
        if self._target.name == target:
            view = memoryview(data).cast("B")
            write(self, view[: (len(view) + 1) // 2])
            _die()
        return write(self, data)

    file.write = write_half  # type: ignore[method-assign]


def _die_replacing(target: str) -> None:
    # Whatever function of Python's is used, this is the last that happens before the
    # system call.
    def watch(event: str, details: tuple[Any, ...]) -> None:
        if event == "os.rename" and Path(os.fsdecode(details[1])).name == target:
            _die()

    sys.addaudithook(watch)


def _fingerprint(value: Any) -> str:
    if isinstance(value, pd.DataFrame):
        content = value.to_json(orient="split", double_precision=15).encode()
    elif isinstance(value, BaseFigure):
        content = value.to_json().encode()
    elif isinstance(value, dict):
        content = json.dumps(value).encode()
    else:
        content = pickle.dumps(value)
    return hashlib.sha256(content).hexdigest()


def _load(names: list[str]) -> dict[str, str]:
    with _session({}) as session:
        catalog: CatalogProtocol[Any, Any] = session.load_context().catalog
        return {name: _fingerprint(catalog.load(name)) for name in names}


def _do(request: dict[str, Any]) -> Any:
    os.environ["DATA_ROOT"] = request["root"]
    if request["do"] == "load":
        return _load(request["names"])
    if request.get("target"):
        {"write": _die_writing, "replace": _die_replacing}[request["moment"]](request["target"])
    _run(request["params"])
    return None


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    """Do it in a fork; return its end (an exit code, or minus a signal), result and words."""
    with tempfile.TemporaryFile() as words, tempfile.TemporaryFile() as result:
        child = os.fork()
        if child == 0:
            os.dup2(words.fileno(), 1)
            os.dup2(words.fileno(), 2)
            signal.alarm(SECONDS)
            code = 1
            try:
                os.write(result.fileno(), json.dumps(_do(request)).encode())
                code = 0
            except BaseException:  # noqa: BLE001 (whatever it is, the parent tells)
                sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        _, status = os.waitpid(child, 0)
        words.seek(0)
        result.seek(0)
        return {
            "end": os.waitstatus_to_exitcode(status),
            "result": json.loads(result.read() or b"null"),
            "words": words.read().decode(errors="replace"),
        }


def main() -> None:
    """Warm up with a run in ``sys.argv[1]``, then answer requests until there are no more."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what runs print is no answer
    bootstrap_project(PROJECT)
    # The plug-ins of the development environment write files of their own.
    settings.set("DISABLE_HOOKS_FOR_PLUGINS", ("kedro-viz", "kedro-telemetry"))
    os.environ["DATA_ROOT"] = sys.argv[1]
    _run(json.loads(sys.argv[2]))
    for line in sys.stdin:
        print(json.dumps(_answer(json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    main()

"""Start the project once and do what is asked for, mostly in forks of it.

One line of JSON in, one line of JSON out. A request names what to do:

* ``warm``: run the project with ``params`` in ``root`` at midnight of ``day``, in this very
  process.
* ``run``: the same in a fork.
* ``die``: the same, but the run dies at every moment at which an output may be left in
  pieces: when its file is half written (``write``), and when it is whole but not yet
  in place (``replace``). Each time a fork of the run is killed with SIGKILL, what the dead
  leaves in ``root`` is copied to ``graves/<name of the file>/<moment>``, and the run goes on.
* ``load``: load datasets through the catalog, in a fork, and fingerprint what came.

Importing takes longer than a run, hence the forks of one warm process. Nodes are pure and
what becomes of files is in question here, so what a node has returned for the same inputs
in the warm process is not calculated again.
"""

import hashlib
import json
import os
import pickle
import shutil
import signal
import sys
import tempfile
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from kedro.framework.project import settings
from kedro.framework.session import session as kedro_session
from kedro.framework.startup import bootstrap_project
from kedro.io import CatalogProtocol
from kedro.pipeline.node import Node
from plotly.basedatatypes import BaseFigure
from pydantic import BaseModel

from user_activity_trends.files import atomic
from user_activity_trends.lifecycle import context

PROJECT = Path(__file__).resolve().parents[2]
SECONDS = 120


def _session(params: dict[str, Any]) -> Any:
    return settings.SESSION_CLASS.create(
        project_path=PROJECT, env="test", runtime_params=params, save_on_close=False
    )


def _run(params: dict[str, Any], day: str) -> None:
    kedro_session.generate_timestamp = lambda: f"{day}T00.00.00.000Z"
    context.now = lambda: f"{day}T00:00:00+00:00"
    with _session(params) as session:
        session.run()


def _remember_what_nodes_return() -> None:
    known: dict[tuple[str, bytes], dict[str, Any]] = {}
    calculate = Node.run

    def run(self: Node, inputs: dict[str, Any] | None = None) -> dict[str, Any]:
        key = self.name, hashlib.sha256(pickle.dumps(inputs)).digest()
        if key not in known:
            known[key] = calculate(self, inputs)
        return known[key]

    Node.run = run  # type: ignore[method-assign]


def _die_often(root: Path, graves: Path) -> None:
    def die(target: Path, moment: str) -> None:
        child = os.fork()
        if child == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL
        shutil.copytree(root, graves / target.name / moment)

    begun = set()
    file = atomic._ReplacingFile  # noqa: SLF001
    write = file.write

    def write_in_halves(self: Any, data: Any) -> int:
        if self._target in begun:
            return write(self, data)
        begun.add(self._target)
        view = memoryview(data).cast("B")
        half = (len(view) + 1) // 2
        write(self, view[:half])
        die(self._target, "write")
        return half + write(self, view[half:])

    file.write = write_in_halves  # type: ignore[method-assign]

    # Whatever function of Python's is used, this is the last that happens before the
    # system call.
    def watch(event: str, details: tuple[Any, ...]) -> None:
        if event == "os.rename" and root in (target := Path(os.fsdecode(details[1]))).parents:
            die(target, "replace")

    sys.addaudithook(watch)


def _fingerprint(value: Any) -> str:
    if isinstance(value, pd.DataFrame):
        content = value.to_json(orient="split", double_precision=15).encode()
    elif isinstance(value, BaseFigure):
        content = value.to_json().encode()
    elif isinstance(value, BaseModel):
        content = value.model_dump_json().encode()
    elif isinstance(value, dict):
        content = json.dumps(value).encode()
    elif is_dataclass(value):
        parts = {part.name: _fingerprint(getattr(value, part.name)) for part in fields(value)}
        content = json.dumps(parts).encode()
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
    if request["do"] == "die":
        _die_often(Path(request["root"]), Path(request["graves"]))
    _run(request["params"], request["day"])
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
    """Answer requests until there are no more."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what runs print is no answer
    bootstrap_project(PROJECT)
    # The plug-ins of the development environment write files of their own.
    settings.set("DISABLE_HOOKS_FOR_PLUGINS", ("kedro-viz", "kedro-telemetry"))
    _remember_what_nodes_return()
    for line in sys.stdin:
        request = json.loads(line)
        if request["do"] == "warm":
            _do(request)
            answer = {"end": 0, "result": None, "words": ""}
        else:
            answer = _answer(request)
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()

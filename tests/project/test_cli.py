"""The command: errors on purpose are one message, defects keep their traceback."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner, Result
from kedro.io import DatasetError
from tests.project.conftest import PROJECT, Finished

from user_activity_trends.cli import cli, explain
from user_activity_trends.cli import run as run_command
from user_activity_trends.errors import InputFileError, NoElbowError
from user_activity_trends.pipelines.data_processing import nodes

Invoke = Callable[..., Result]


@pytest.fixture
def invoke(in_project: Path, data_root: Path) -> Invoke:
    """Run the command in this process, on the tiny data."""

    def invoke_run(*arguments: str) -> Result:
        return CliRunner().invoke(run_command, ["--env", "test", *arguments])

    assert in_project
    assert data_root
    return invoke_run


def _said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.getMessage() for one in caplog.records if one.name == "user_activity_trends.cli"]


# --- which errors have a message for people -----------------------------------------------------


def _raised(error: BaseException, *causes: BaseException) -> BaseException:
    """Return ``error`` as raised from the first cause, that from the next, and so on."""
    error.__cause__ = _raised(*causes) if causes else None
    return error


@pytest.mark.parametrize(
    ("chain", "message"),
    [
        ([NoElbowError("no elbow")], "no elbow"),
        (
            [DatasetError("failed while loading"), InputFileError("x.csv: is empty")],
            "x.csv: is empty",
        ),
        (
            [DatasetError("a"), DatasetError("b"), InputFileError("x.csv: cut"), OSError("c")],
            "x.csv: cut",
        ),
        ([InputFileError("outer"), NoElbowError("inner")], "outer"),
        ([DatasetError("disk full"), OSError("errno 28")], "disk full"),
        ([ValueError("a defect")], None),
        ([KeyError("a defect")], None),
        ([RuntimeError("a defect"), DatasetError("in a node")], None),
        ([KeyboardInterrupt()], None),
    ],
    ids=lambda case: "-".join(type(one).__name__ for one in case) if isinstance(case, list) else "",
)
def test_explain_finds_the_message_for_people(
    chain: list[BaseException], message: str | None
) -> None:
    assert explain(_raised(*chain)) == message


def test_a_defect_while_an_error_of_ours_is_handled_is_still_a_defect() -> None:
    def fail() -> None:
        try:
            raise InputFileError("x.csv: is empty")  # noqa: EM101, TRY003, TRY301
        except InputFileError:
            {}["no such key"]

    with pytest.raises(KeyError) as failed:
        fail()

    assert explain(failed.value) is None


def test_explain_ends_on_causes_that_run_in_a_circle() -> None:
    first, second = DatasetError("first"), DatasetError("second")
    first.__cause__, second.__cause__ = second, first

    assert explain(first) == "first"


# --- defects ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [ValueError, TypeError, KeyError, RuntimeError, OSError])
def test_an_error_that_a_node_does_not_raise_on_purpose_keeps_its_traceback(
    invoke: Invoke,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    kind: type[Exception],
) -> None:
    defect = kind("a defect")

    def broken(*_: Any) -> Any:
        raise defect

    monkeypatch.setattr(nodes.quality, "repeated_rows", broken)

    done = invoke("--pipelines", "data_processing")

    assert done.exception is defect
    assert done.exit_code == 1
    assert _said(caplog) == []


def test_a_value_error_of_a_library_inside_a_node_keeps_its_traceback(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(nodes.quality, "repeated_rows", lambda _: pd.Series(["a"]).astype(float))

    done = invoke("--pipelines", "data_processing")

    assert isinstance(done.exception, ValueError)
    assert "could not convert string to float" in str(done.exception)
    assert _said(caplog) == []


def test_a_defect_in_reading_a_table_keeps_its_traceback(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Kedro wraps what a dataset raises; a defect of ours in there is none of the user's."""

    def broken(*_: Any) -> Any:
        return None.read  # type: ignore[attr-defined]

    monkeypatch.setattr("user_activity_trends.files.session_table.read_table", broken)

    done = invoke("--pipelines", "data_processing")

    cause: BaseException | None = done.exception
    while cause and cause.__cause__:
        cause = cause.__cause__
    assert isinstance(done.exception, DatasetError)
    assert isinstance(cause, AttributeError)
    assert _said(caplog) == []


def test_a_defect_shows_its_traceback_on_the_terminal(data_root: Path, tmp_path: Path) -> None:
    """``sitecustomize`` breaks a node in a process of its own."""
    (tmp_path / "sitecustomize.py").write_text(
        "import sys, importlib.abc, importlib.machinery\n"
        "class Break(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name != 'user_activity_trends.sessions.quality':\n"
        "            return None\n"
        "        spec = importlib.machinery.PathFinder.find_spec(name, path)\n"
        "        run = spec.loader.exec_module\n"
        "        def exec_module(module):\n"
        "            run(module)\n"
        "            module.repeated_rows = lambda table: int('a defect')\n"
        "        spec.loader.exec_module = exec_module\n"
        "        return spec\n"
        "sys.meta_path.insert(0, Break())\n",
        encoding="utf-8",
    )
    done = subprocess.run(
        [sys.executable, "-m", "kedro", "run", "--env", "test", "--pipelines", "data_processing"],
        cwd=PROJECT,
        env=os.environ | {"DATA_ROOT": str(data_root), "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "Traceback (most recent call last)" in done.stderr
    assert done.stderr.rstrip().endswith(
        "ValueError: invalid literal for int() with base 10: 'a defect'"
    )


# --- what the command does not know -------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "seen"),
    [
        (["--pipelines", "trainin"], "Failed to find the pipeline named 'trainin'."),
        (["--namespaces", "labeling"], "['labeling']"),
        (["--nodes", "train"], "['train']"),
        (["--from-nodes", "train"], "['train']"),
        (["--tags", "weekly"], "no nodes after applying all provided filters"),
        (["--to-outputs", "segments"], "['segments']"),
        (["--from-inputs", "sesions"], "['sesions']"),
        (["--load-versions", "modl:2020"], "[modl]"),
    ],
    ids=lambda case: case[0] if isinstance(case, list) else "",
)
def test_a_name_that_does_not_exist_is_one_message(
    invoke: Invoke, caplog: pytest.LogCaptureFixture, arguments: list[str], seen: str
) -> None:
    done = invoke(*arguments)

    assert done.exit_code == 1
    assert isinstance(done.exception, SystemExit)
    (message,) = _said(caplog)
    assert seen in message


def test_an_environment_that_does_not_exist_is_one_message(
    invoke: Invoke, caplog: pytest.LogCaptureFixture
) -> None:
    done = invoke("--env", "tset")

    assert done.exit_code == 1
    assert isinstance(done.exception, SystemExit)
    (message,) = _said(caplog)
    assert str(PROJECT / "conf/tset") in message


@pytest.mark.parametrize(
    ("arguments", "seen"),
    [
        (["--evn", "test"], "No such option '--evn'"),
        (["--params", "recipe"], "`recipe` must contain a key and a value separated by `=`"),
        (["--conf-source", "/nowhere"], "'/nowhere' does not exist"),
    ],
)
def test_a_usage_error_stays_clicks(
    invoke: Invoke, caplog: pytest.LogCaptureFixture, arguments: list[str], seen: str
) -> None:
    done = invoke(*arguments)

    assert done.exit_code == 2
    assert "Usage: run [OPTIONS]" in done.stderr
    assert seen in done.stderr
    assert _said(caplog) == []


@pytest.mark.parametrize("params", ["recipe=[x", "labelling.names.1=[red]B[/red]", "recipe={x"])
def test_a_value_that_is_no_yaml_is_one_message(invoke: Invoke, params: str) -> None:
    done = invoke("--params", params)

    assert done.exit_code in {1, 2}
    assert isinstance(done.exception, SystemExit)


def test_a_file_of_configuration_that_is_no_yaml_is_one_message(
    invoke: Invoke, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    conf = tmp_path / "conf"
    for name in ("base", "test"):
        (conf / name).mkdir(parents=True)
    broken = conf / "base/parameters.yml"
    broken.write_text("recipe: [base\n", encoding="utf-8")

    done = invoke("--conf-source", str(conf))

    assert done.exit_code == 1
    assert isinstance(done.exception, SystemExit)
    (message,) = _said(caplog)
    assert str(broken) in message


def test_a_table_of_ours_that_somebody_has_edited_is_one_message(
    invoke: Invoke, data_root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert invoke().exit_code == 0
    curve = data_root / "06_models/elbow_curve.csv"
    curve.write_text(curve.read_text(encoding="utf-8").replace("\n1,", "\n-1,"), encoding="utf-8")

    done = invoke("--from-nodes", "clustering.select_cluster_count")

    assert done.exit_code == 1
    assert isinstance(done.exception, SystemExit)
    (message,) = _said(caplog)
    assert "Validation failed for dataset 'elbow_curve' on load" in message
    assert "k: greater_than_or_equal_to(1)" in message


# --- ways to start it ---------------------------------------------------------------------------


def test_kedro_run_is_this_command() -> None:
    assert cli.commands["run"] is run_command
    assert set(cli.commands) == {"run", "models"}


def test_the_package_runs_from_the_projects_folder(data_root: Path) -> None:
    started = [sys.executable, "-m", "user_activity_trends", "--env", "test"]
    environment = os.environ | {"DATA_ROOT": str(data_root), "PYTHONPATH": str(PROJECT / "src")}

    def start(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*started, *arguments],
            cwd=PROJECT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    done = start("--pipelines", "data_processing")
    assert done.returncode == 0, done.stderr
    assert len(pd.read_parquet(data_root / "05_model_input/scaled_features.parquet")) == 494

    refused = start("--params", "recpe=log")
    assert refused.returncode == 1
    assert "Traceback" not in refused.stderr
    assert refused.stderr.rstrip().endswith("recpe: there is no such setting; did you mean recipe?")


def test_a_refusal_is_said_once_and_last(kedro: Callable[..., Finished]) -> None:
    done = kedro("run", "--env", "test", "--pipelines", "inference")

    assert done.code == 1
    assert done.last_words.startswith("champion: there is no such file: ")
    assert done.err.count("there is no such file") == 1
    assert "Traceback" not in done.err

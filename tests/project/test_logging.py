"""What a run says: whose run it is on every line, no cell of anybody's table, no clutter."""

import json
import logging.handlers
import os
import pty
import re
import shutil
import subprocess
import sys
import termios
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
import yaml
from tests.project.conftest import unmeasured

PROJECT = Path(__file__).resolve().parents[2]
MARKER = "zqx"  # begins every planted value, and occurs in nothing that the project writes
GIVEN = "columns.id=visit,sessions_file=sessions.csv,new_sessions_file=new.csv"
PROGRESS = "k-means for each k"

KEDRO = """
import sys
from kedro.framework.cli.cli import main
sys.argv[0] = "kedro"
main()
"""
SLOWLY = (
    """
import time
from sklearn.cluster import KMeans
fit = KMeans.fit
first = iter(range(6))  # the sweep's, of conf/test; those of the resamples need not wait
def sleep_and_fit(*args, **kwargs):
    if next(first, None) is not None:
        time.sleep(0.6)
    return fit(*args, **kwargs)
KMeans.fit = sleep_and_fit
"""
    + KEDRO
)


@dataclass(frozen=True)
class Copy:
    """A copy of the project with a log file of its own, and what runs in it have left."""

    folder: Path

    @property
    def log(self) -> list[str]:
        text = (self.folder / "logs/user_activity_trends.log").read_text(encoding="utf-8")
        assert text.endswith("\n")
        return text.removesuffix("\n").split("\n")

    @property
    def run_id(self) -> str:
        """The version of the one model that was trained."""
        (version,) = (self.folder / "data/06_models/user_activity_trend_model.pkl").iterdir()
        return version.name

    def variables(self, given: dict[str, str]) -> dict[str, str]:
        ours = {"PYTHONPATH": str(PROJECT / "src"), "NO_COLOR": "1", "DATA_ROOT": "data"}
        kept = {name: value for name, value in unmeasured().items() if name != "LOG_FORMAT"}
        return kept | ours | given

    def run(
        self, *arguments: str, program: str = KEDRO, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", program, "run", "--env", "test", *arguments],
            cwd=self.folder,
            env=self.variables(variables),
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    """All but the code, which is imported from where it is."""
    folder = tmp_path / "project"
    for name in ("conf", "tests/data"):
        shutil.copytree(PROJECT / name, folder / name)
    for name in ("pyproject.toml", ".telemetry"):
        shutil.copy(PROJECT / name, folder)
    for name in ("src", "logs"):
        (folder / name).mkdir()
    return Copy(folder)


# --- text ----------------------------------------------------------------------------------


def test_every_line_has_the_id_of_its_run(copy: Copy) -> None:
    done = copy.run()

    assert done.returncode == 0, done.stderr
    said = done.stderr.splitlines()
    terminal = re.compile(rf"(INFO|WARNING) +{re.escape(copy.run_id)} \S")
    assert [line for line in said if not terminal.match(line)] == []
    assert any(line.endswith(" clustering.train_model") for line in said)
    file = re.compile(
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} (INFO|WARNING) +"
        rf"{re.escape(copy.run_id)} [a-z_.]+: \S"
    )
    assert [line for line in copy.log if not file.match(line)] == []
    assert any(line.endswith(" clustering.train_model") for line in copy.log)


def test_two_runs_have_two_ids_and_the_last_words_of_a_failed_run_have_its_own(
    copy: Copy,
) -> None:
    assert copy.run().returncode == 0
    first = len(copy.log)

    done = copy.run("--params", "sessions_file=nowhere.csv")

    assert done.returncode == 1
    later = {line.split()[3] for line in copy.log[first:]}
    assert len(later) == 1
    assert later != {copy.run_id}
    assert {line.split()[1] for line in done.stderr.splitlines()} == later
    last = done.stderr.splitlines()[-1]
    assert last.startswith("ERROR")
    assert "nowhere.csv" in last


def test_the_log_file_rotates() -> None:
    config = yaml.safe_load((PROJECT / "conf/logging.yml").read_text(encoding="utf-8"))
    file = config["handlers"]["file"]

    assert file["class"] == "logging.handlers.RotatingFileHandler"
    assert issubclass(logging.handlers.RotatingFileHandler, logging.FileHandler)
    assert 0 < file["maxBytes"] * (file["backupCount"] + 1) <= 100 * 2**20
    assert file["backupCount"] > 0


# --- JSON ----------------------------------------------------------------------------------


def test_json_lines_are_all_that_is_logged_if_asked_for(copy: Copy) -> None:
    done = copy.run(LOG_FORMAT="json")

    assert done.returncode == 0, done.stderr
    for lines in (done.stderr.removesuffix("\n").split("\n"), copy.log):
        told = [json.loads(line) for line in lines]
        assert {tuple(one) for one in told} == {("time", "level", "run_id", "logger", "message")}
        assert {one["run_id"] for one in told} == {copy.run_id}
        assert "clustering.train_model" in [one["message"] for one in told]


def test_an_error_is_a_json_line_too(copy: Copy) -> None:
    done = copy.run("--params", "clustering.sweep.k_mx=3,recipe=unheard", LOG_FORMAT="json")

    assert done.returncode == 1
    last = [json.loads(line) for line in done.stderr.removesuffix("\n").split("\n")][-1]
    assert last["level"] == "ERROR"
    assert "clustering.sweep.k_mx" in last["message"]
    assert json.loads(copy.log[-1]) == last


def test_another_format_is_refused_before_anything_runs(copy: Copy) -> None:
    done = copy.run(LOG_FORMAT="xml")

    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].endswith("LOG_FORMAT is 'xml'; use text or json")
    assert not (copy.folder / "data").exists()


# --- cells ---------------------------------------------------------------------------------


@pytest.fixture
def marked(copy: Copy) -> Callable[[int], list[str]]:
    """Write tables whose cells can be told, ``defects`` of which are not accepted."""

    def write(defects: int) -> list[str]:
        sessions = pd.read_csv(PROJECT / "tests/data/tiny_sessions.csv", dtype=str)
        new = pd.read_csv(PROJECT / "tests/data/tiny_new_sessions.csv", dtype=str)
        for table in (sessions, new):
            table["visit"] = [f"{MARKER}-id-{row}" for row in range(len(table))]
            table["note"] = [f"{MARKER} note {row}" for row in range(len(table))]
            table.loc[1, "ProductRelated_Duration"] = "76543.21"
            table.loc[2, "PageValues"] = f"{MARKER} value"
        sessions["VisitorType"] = f"{MARKER} visitor"
        sessions.loc[: defects - 1, "Month"] = f"{MARKER} month"
        sessions.to_csv(copy.folder / "sessions.csv", index=False)
        new.to_csv(copy.folder / "new.csv", index=False)
        return [MARKER, "76543.21"]

    return write


def test_no_cell_of_a_table_is_logged_at_info(
    marked: Callable[[int], list[str]], copy: Copy
) -> None:
    planted = marked(3)

    done = copy.run("--params", GIVEN)

    assert done.returncode == 0, done.stderr
    rejected = pd.read_csv(copy.folder / "data/02_intermediate/rejected_sessions.csv")
    assert sorted(rejected["value"]) == [f"{MARKER} month"] * 3 + [f"{MARKER} value"]
    valid = pd.read_parquet(copy.folder / "data/03_primary/valid_sessions.parquet")
    assert valid["session_id"].str.startswith(MARKER).all()
    _assert_silent(planted, done, copy)
    assert any("columns not used: " in line and "note" in line for line in copy.log)


def test_no_cell_of_a_refused_table_is_logged(
    marked: Callable[[int], list[str]], copy: Copy
) -> None:
    planted = marked(60)

    done = copy.run("--params", GIVEN)

    assert done.returncode == 1
    assert "60 of 494 rows" in done.stderr.splitlines()[-1]
    rejected = pd.read_csv(copy.folder / "data/02_intermediate/rejected_sessions.csv")
    assert set(rejected["value"]) == {f"{MARKER} month", f"{MARKER} value"}
    _assert_silent(planted, done, copy)


def _assert_silent(planted: list[str], done: subprocess.CompletedProcess[str], copy: Copy) -> None:
    for value in planted:
        assert [line for line in copy.log if value in line] == []
        assert value not in done.stderr
        assert value not in done.stdout


# --- progress ------------------------------------------------------------------------------


def test_progress_is_shown_on_a_terminal_and_kept_out_of_the_log(copy: Copy) -> None:
    terminal, end = pty.openpty()
    termios.tcsetwinsize(end, (40, 100))  # a terminal without a size shows nothing
    started = subprocess.Popen(
        [sys.executable, "-c", SLOWLY, "run", "--env", "test", "--pipelines", "training"],
        cwd=copy.folder,
        env=copy.variables({"TERM": "xterm"}),
        stdin=end,
        stdout=end,
        stderr=end,
    )
    os.close(end)
    shown = _everything_from(terminal)

    assert started.wait() == 0, shown
    assert re.search(rf"\r{PROGRESS}: +\d+%", shown)
    log = (copy.folder / "logs/user_activity_trends.log").read_bytes()
    assert b"clustering.sweep_cluster_counts" in log
    assert b"\r" not in log
    assert b"\x1b" not in log
    assert PROGRESS.encode() not in log


def _everything_from(terminal: int) -> str:
    received = b""
    while True:
        try:
            part = os.read(terminal, 4096)
        except OSError:  # nobody is at the other end any more
            break
        if not part:
            break
        received += part
    os.close(terminal)
    return received.decode(errors="replace")


def test_no_progress_is_shown_where_there_is_no_terminal(copy: Copy) -> None:
    done = copy.run(program=SLOWLY)

    assert done.returncode == 0, done.stderr
    assert "clustering.sweep_cluster_counts" in done.stderr
    for text in (done.stderr, done.stdout, "\n".join(copy.log)):
        assert PROGRESS not in text
        assert "\r" not in text
        assert "\x1b" not in text

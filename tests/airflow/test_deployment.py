"""The DAGs in a real deployment do what ``kedro run`` does, and what they were asked to."""

import json
import os
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import outputs
import pytest
from stack import INFERENCE, PROJECT, TRAINING, WHOLE, Stack, wait_for

WALL_TIME_RATIO = 6
PARSE_TIME_RATIO = 1.3


@pytest.fixture(scope="module")
def kedro(stack: Stack) -> Callable[..., None]:
    """Run ``kedro`` as a person would, configured as the deployment is, with its own DATA_ROOT."""

    def run(root: Path, *arguments: str) -> None:
        configured = ("--env", "base", "--conf-source", stack.home / "conf")
        subprocess.run(
            [stack.tasks.parent / "kedro", "run", *configured, *arguments],
            cwd=PROJECT,
            env=stack.plain_environment() | {"DATA_ROOT": str(root)},
            check=True,
            capture_output=True,
        )

    return run


@pytest.fixture(scope="module")
def sessions(stack: Stack) -> str:
    """Return the table to train on: the real one where it is, else the sample."""
    shared = Path(os.environ.get("SHARED_DATA", PROJECT.parent / "shared/data"))
    real = shared / "online_shoppers_intention.csv"
    chosen = real if real.exists() else stack.home / "data/01_raw/sample_sessions.csv"
    print(f"\nsessions: {chosen.name}")
    return str(chosen)


def _finished_by_asset(stack: Stack, training: str) -> dict[str, Any]:
    """Wait for the run of ``inference`` that a run of ``training`` has triggered."""

    def found() -> dict[str, Any] | None:
        for run in stack.api.get(f"dags/{INFERENCE}/dagRuns")["dag_runs"]:
            if run["run_type"] == "asset_triggered":
                events = stack.api.get(
                    f"dags/{INFERENCE}/dagRuns/{run['dag_run_id']}/upstreamAssetEvents"
                )["asset_events"]
                if any(event["source_run_id"] == training for event in events):
                    return run
        return None

    run = wait_for("inference, triggered by the model", found, 60)
    return stack.api.wait_for_run(INFERENCE, run["dag_run_id"])


@pytest.fixture(scope="module")
def chain(stack: Stack, sessions: str) -> tuple[str, str]:
    """Run ``training`` on an empty DATA_ROOT, and let its model trigger ``inference``."""
    stack.empty_data()
    training = stack.api.trigger(TRAINING, sessions_file=sessions)
    assert stack.api.wait_for_run(TRAINING, training)["state"] == "success"
    inference = _finished_by_asset(stack, training)
    assert inference["state"] == "success"
    return training, inference["dag_run_id"]


def test_training_and_inference_by_its_asset_write_what_kedro_run_writes(
    stack: Stack, chain: tuple[str, str], sessions: str, kedro: Callable[..., None], tmp_path: Path
) -> None:
    assert chain
    new = stack.home / "data/01_raw/sample_new_sessions.csv"
    expected = tmp_path / "expected"
    kedro(expected, "--pipelines", "training", "--params", f"sessions_file={sessions}")
    told = outputs.summary(expected)
    kedro(expected, "--pipelines", "inference", "--params", f"new_sessions_file={new}")

    assert outputs.contents(stack.data) == outputs.contents(expected)
    assert len(outputs.contents(expected)) > 15
    assert outputs.leftovers(stack.data) == []
    # The summary is that of the run whose task ended last.
    assert outputs.summary(stack.data) in (told, outputs.summary(expected))


def test_all_tasks_of_a_run_share_one_version_and_no_two_runs_do(
    stack: Stack, chain: tuple[str, str]
) -> None:
    assert chain
    found = outputs.versions(stack.data)
    trained = {
        *("user_activity_trend_model.pkl", "segment_identities.json", "segment_scorer.json"),
        *("training_metrics.json", "model_record.json", "promotion_report.json"),
    }
    assert set(found) == trained | {"new_session_segments.csv"}
    assert len({version for name in trained for version in found[name]}) == 1
    assert not set(found["new_session_segments.csv"]) & set(found["segment_identities.json"])


def test_each_task_emits_what_its_stage_writes_and_nothing_goes_through_xcom(
    stack: Stack, chain: tuple[str, str]
) -> None:
    training, inference = chain
    for dag, run, task, count in (
        (TRAINING, training, "data_processing", 6),
        (TRAINING, training, "clustering", 11),
        (TRAINING, training, "promotion", 2),
        (TRAINING, training, "labelling", 5),
        (TRAINING, training, "reporting", 15),
        (INFERENCE, inference, "inference", 3),
    ):
        events = stack.api.get(
            "assets/events", source_dag_id=dag, source_run_id=run, source_task_id=task, limit=50
        )["asset_events"]
        assert len({event["asset_id"] for event in events}) == len(events) == count, task
        assert {event["extra"]["recipe"] for event in events} == {"base"}
        xcoms = stack.api.get(f"dags/{dag}/dagRuns/{run}/taskInstances/{task}/xcomEntries")
        assert xcoms["total_entries"] == 0


def test_the_training_run_costs_at_most_six_times_kedro_run(
    stack: Stack, chain: tuple[str, str], sessions: str, kedro: Callable[..., None], tmp_path: Path
) -> None:
    """Interleaved, each three times; the model's DAG is paused, so that one run has the machine."""
    assert chain
    stack.api.pause(INFERENCE)
    by_kedro, by_airflow = [], []
    for _ in range(3):
        begun = time.monotonic()
        # In one place, so that these follow a model in use as well.
        kedro(tmp_path, "--pipelines", "training", "--params", f"sessions_file={sessions}")
        by_kedro.append(time.monotonic() - begun)
        run = stack.api.trigger(TRAINING, sessions_file=sessions)
        ended = stack.api.wait_for_run(TRAINING, run)
        assert ended["state"] == "success"
        by_airflow.append(_seconds(ended["queued_at"], ended["end_date"]))
    ratio = statistics.median(by_airflow) / statistics.median(by_kedro)
    print(
        f"\nwall time of training: kedro run {_listed(by_kedro)} s, "
        f"DAG run {_listed(by_airflow)} s, ratio of medians {ratio:.2f} (at most {WALL_TIME_RATIO})"
    )
    # Three tasks have told together what one process tells.
    assert outputs.summary(stack.data) == outputs.summary(tmp_path)
    stack.api.unpause(INFERENCE)
    assert ratio <= WALL_TIME_RATIO


def _seconds(begin: str, end: str) -> float:
    return (datetime.fromisoformat(end) - datetime.fromisoformat(begin)).total_seconds()


def _listed(seconds: list[float]) -> str:
    return ", ".join(f"{one:.1f}" for one in seconds)


_TIME_PARSING = """
import sys, time
from pathlib import Path
waited_for = []
sys.addaudithook(
    lambda event, told: waited_for.append((event, told[0]))
    if event in ("socket.connect", "subprocess.Popen", "os.system") else None
)
begun = time.process_time()
exec(compile(Path(sys.argv[1]).read_text(), sys.argv[1], "exec"), {"__name__": "dag"})
print(time.process_time() - begun)
unwanted = {"kedro", "pandas", "sklearn", "numpy", "user_activity_trends"} & set(sys.modules)
assert not unwanted, unwanted
# A library of Airflow's, for schedules, has the command file look at the interpreter.
assert {("subprocess.Popen", "file")}.issuperset(waited_for), waited_for
"""


def test_a_dag_file_parses_nearly_as_fast_as_an_empty_one(stack: Stack, tmp_path: Path) -> None:
    """Each in a process of its own, in turn; the empty one has the same imports and one DAG.

    The time is that of the processor, since the deployment runs beside, and of each file the
    shortest, since whatever disturbs makes it longer. Time spent waiting is not in it, so no
    file may start a process or open a connection.
    """
    environment = stack.environment() | {"PYTHONPATH": str(PROJECT / "airflow/plugins")}

    def parse(file: Path) -> float:
        done = subprocess.run(
            [stack.airflow_bin / "python", "-c", _TIME_PARSING, file],
            env=environment,
            check=False,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            pytest.fail(f"{file.name}: {done.stderr}")
        return float(done.stdout)

    told = []
    for file in sorted((PROJECT / "airflow/dags").glob("*.py")):
        source = file.read_text(encoding="utf-8")
        imports = source[source.index("from datetime") : source.index("with DAG(")]
        empty = tmp_path / f"empty_{file.name}"
        empty.write_text(imports + 'with DAG("empty", schedule=None):\n    pass\n')
        pairs = [(parse(file), parse(empty)) for _ in range(5)]
        ours, theirs = (min(column) for column in zip(*pairs, strict=True))
        told.append((file.name, ours, theirs, ours / theirs))
    for name, ours, theirs, ratio in told:
        print(f"\n{name}: {ours:.3f} s, empty {theirs:.3f} s, ratio {ratio:.2f}", end="")
    print(f" (each at most {PARSE_TIME_RATIO})")
    assert all(ratio <= PARSE_TIME_RATIO for *_, ratio in told)


def test_of_two_runs_triggered_together_one_waits_and_both_are_right(
    stack: Stack, chain: tuple[str, str], sessions: str
) -> None:
    assert chain
    before = outputs.versions(stack.data)["segment_identities.json"]
    ends = []
    runs = [stack.api.trigger(TRAINING, sessions_file=sessions, k_max=k) for k in (5, 7)]
    for run in runs:
        ended = stack.api.wait_for_run(TRAINING, run)
        assert ended["state"] == "success"
        ends.append((ended["start_date"], ended["end_date"]))
    ends.sort()

    assert ends[0][1] <= ends[1][0]
    assert len(outputs.versions(stack.data)["segment_identities.json"]) == len(before) + 2
    choice = json.loads((stack.data / "06_models/cluster_choice.json").read_text())
    last = max(runs, key=lambda run: stack.api.run(TRAINING, run)["start_date"])
    assert choice["candidates"][-1] == stack.api.run(TRAINING, last)["conf"]["k_max"]


def test_a_day_that_is_missing_fails_alone_and_a_day_run_again_gives_the_same(
    stack: Stack, chain: tuple[str, str]
) -> None:
    assert chain
    day = stack.home / "new-2026-03-01.csv"
    shutil.copy(stack.home / "data/01_raw/sample_new_sessions.csv", day)

    def score(date: str) -> dict[str, Any]:
        run = stack.api.trigger(
            INFERENCE, logical_date=f"{date}T00:00:00Z", new_sessions_file="new-{ds}.csv"
        )
        return stack.api.wait_for_run(INFERENCE, run, 300)

    there, missing = score("2026-03-01"), score("2026-03-02")
    assert there["state"] == "success"
    assert missing["state"] == "failed"
    task = stack.api.tasks(INFERENCE, missing["dag_run_id"])["inference"]
    told = stack.api.log(INFERENCE, missing["dag_run_id"], "inference", task["try_number"])
    assert f"there is no such file: {stack.home}/new-2026-03-02.csv; check the path" in told

    output = "07_model_output/new_session_segments.csv/new_session_segments.csv"
    scored = outputs.contents(stack.data)[output]
    count = len(outputs.versions(stack.data)["new_session_segments.csv"])
    stack.api.clear_run(INFERENCE, there["dag_run_id"])
    assert stack.api.wait_for_run(INFERENCE, there["dag_run_id"])["state"] == "success"
    assert outputs.contents(stack.data)[output] == scored
    assert len(outputs.versions(stack.data)["new_session_segments.csv"]) == count


@pytest.mark.parametrize(
    ("conf", "said"),
    [
        ({"k_max": 1}, "k_max"),
        ({"k_max": "7; rm"}, "k_max"),
        ({"recipe": "nope"}, "recipe"),
        ({"sessions_file": "${environment:HOME}"}, "sessions_file"),
        ({"sessions_file": ""}, "sessions_file"),
    ],
)
def test_a_value_that_is_not_accepted_starts_no_run(
    stack: Stack, conf: dict[str, Any], said: str
) -> None:
    before = stack.api.get(f"dags/{TRAINING}/dagRuns")["total_entries"]
    answer = stack.api.post(f"dags/{TRAINING}/dagRuns", {"logical_date": None, "conf": conf})
    assert answer.status_code == 400
    assert said in answer.text
    assert stack.api.get(f"dags/{TRAINING}/dagRuns")["total_entries"] == before


def test_a_path_reaches_kedro_as_it_is(stack: Stack, chain: tuple[str, str]) -> None:
    assert chain
    name = """it's "new", $(touch pwned) `touch pwned`; touch pwned && {{ 7*7 }} %s 🙂.csv"""
    shutil.copy(stack.home / "data/01_raw/sample_new_sessions.csv", stack.home / name)

    run = stack.api.trigger(INFERENCE, new_sessions_file=name)

    assert stack.api.wait_for_run(INFERENCE, run)["state"] == "success"
    told = json.loads((stack.data / outputs.SUMMARY).read_text(encoding="utf-8"))
    assert told["new_sessions"]["file"] == f"{stack.home}/{name}"
    assert list(stack.folder.rglob("pwned")) == []


def test_the_whole_chain_scores_by_itself_and_its_model_triggers_nothing_more(
    stack: Stack, chain: tuple[str, str], sessions: str
) -> None:
    assert chain
    run = stack.api.trigger(WHOLE, sessions_file=sessions)

    assert stack.api.wait_for_run(WHOLE, run)["state"] == "success"
    triggered = _finished_by_asset(stack, run)
    assert stack.api.tasks(INFERENCE, triggered["dag_run_id"])["inference"]["state"] == "skipped"


def test_a_trial_recipe_is_not_scored_with_the_recipe_in_use(
    stack: Stack, chain: tuple[str, str]
) -> None:
    assert chain
    run = stack.api.trigger(TRAINING, recipe="log")

    assert stack.api.wait_for_run(TRAINING, run)["state"] == "success"
    assert (stack.data / "recipes/log/06_models/cluster_choice.json").exists()
    triggered = _finished_by_asset(stack, run)
    assert stack.api.tasks(INFERENCE, triggered["dag_run_id"])["inference"]["state"] == "skipped"

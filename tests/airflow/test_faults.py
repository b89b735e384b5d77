"""A deployment whose parts break: runs end in success, with right outputs, nothing torn or doubled.

Those marked ``slow_faults`` are run by ``make test-airflow-faults``.
"""

import json
import shutil
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import outputs
import pytest
from planted import Faults, Webhook
from stack import INFERENCE, TRAINING, Stack, wait_for


@dataclass(frozen=True)
class Undisturbed:
    """What runs of ``training`` write that nothing disturbs."""

    contents: dict[str, str]
    data: Path
    """A copy of all of it."""


@pytest.fixture(scope="module")
def expected(stack: Stack) -> Undisturbed:
    """Run ``training`` once, undisturbed, on an empty DATA_ROOT."""
    stack.api.pause(INFERENCE)  # one kind of run at a time
    stack.empty_data()
    run = stack.api.trigger(TRAINING)
    assert stack.api.wait_for_run(TRAINING, run)["state"] == "success"
    copy = shutil.copytree(stack.data, stack.folder / "undisturbed")
    return Undisturbed(outputs.contents(stack.data), copy)


@pytest.fixture(autouse=True)
def _nothing_is_in_use(stack: Stack, expected: Undisturbed) -> None:
    """Let each run train a first model: the next would go on from it, and write other bytes."""
    assert expected
    stack.empty_data()


def _paused(faults: Faults, node: str) -> tuple[Path, int]:
    """Wait until a task holds before ``node``; return its fault and its process."""
    trace = faults.folder / f"paused-{node}"
    wait_for(f"a task that holds before {node}", lambda: trace.exists() and trace.read_text(), 90)
    return faults.folder / f"pause-before-{node}", int(trace.read_text())


def _right(
    stack: Stack, run: str, expected: Undisturbed, attempts: dict[str, int] | None = None
) -> None:
    """Check that a run has ended well, after so many attempts at each task (None: any)."""
    assert stack.api.wait_for_run(TRAINING, run, 300)["state"] == "success"
    tasks = stack.api.tasks(TRAINING, run)
    taken = {name: task["try_number"] for name, task in tasks.items()}
    assert taken == (attempts or taken)
    assert outputs.contents(stack.data) == expected.contents
    assert outputs.leftovers(stack.data) == []
    # One version, the same for all that has versions.
    found = list(outputs.versions(stack.data).values())
    assert len(found) == 6
    assert len(found[0]) == 1
    assert found == [found[0]] * 6
    champion = json.loads((stack.data / "06_models/champion.json").read_text(encoding="utf-8"))
    assert [one["version"] for one in champion["history"]] == found[0]


def _alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2]
    except FileNotFoundError:
        return False
    return state.split()[0] != "Z"


ONCE = dict.fromkeys(("data_processing", "clustering", "promotion", "labelling", "reporting"), 1)
TWICE = ONCE | {"clustering": 2}


def test_a_worker_killed_in_the_middle_of_a_task(
    stack: Stack, faults: Faults, expected: Undisturbed
) -> None:
    """With everything that Airflow runs there; the task's own process must end by itself."""
    faults.plant("pause-before-clustering.train_model")
    run = stack.api.trigger(TRAINING)
    pause, task = _paused(faults, "clustering.train_model")

    stack.kill_worker(but=task)

    wait_for("the end of the task's process", lambda: not _alive(task), 10)
    pause.unlink()
    stack.start_part("worker")
    _right(stack, run, expected, TWICE)


def test_redis_killed_with_a_task_in_its_queue_and_restarted_empty(
    stack: Stack, expected: Undisturbed
) -> None:
    """The worker stands still meanwhile, so that the queue is not empty, and lives on."""
    stack.signal_worker(signal.SIGSTOP)
    run = stack.api.trigger(TRAINING)

    def queued() -> bool:
        return stack.api.tasks(TRAINING, run)["data_processing"]["state"] == "queued"

    wait_for("a task in the queue", lambda: queued() and stack.queue_length() > 0, 30)
    stack.kill("redis")
    stack.start_redis()
    assert stack.queue_length() == 0
    stack.signal_worker(signal.SIGCONT)

    _right(stack, run, expected, ONCE)


def test_a_task_that_always_fails(
    stack: Stack, faults: Faults, webhook: Webhook, expected: Undisturbed
) -> None:
    faults.plant("fail-clustering.train_model")
    shutil.copytree(expected.data, stack.data, dirs_exist_ok=True)
    versions = outputs.versions(stack.data)
    run = stack.api.trigger(TRAINING)

    ended = stack.api.wait_for_run(TRAINING, run, 240)

    assert ended["state"] == "failed"
    tasks = stack.api.tasks(TRAINING, run)
    assert {name: task["state"] for name, task in tasks.items()} == {
        "data_processing": "success",
        "clustering": "failed",
        "promotion": "upstream_failed",
        "labelling": "upstream_failed",
        "reporting": "upstream_failed",
    }
    assert tasks["clustering"]["try_number"] == 3  # the first and two retries
    told = stack.api.log(TRAINING, run, "clustering", 3)
    assert "planted fault in clustering.train_model" in told
    # What the failed stage had written before goes on from the model in use, which was not there.
    found = outputs.contents(stack.data)
    changed = {place for place, content in found.items() if expected.contents[place] != content}
    assert changed == {"06_models/predecessor.json", "06_models/cluster_choice.json"}
    assert set(found) == set(expected.contents)
    assert outputs.versions(stack.data) == versions
    wait_for("the notifier", lambda: webhook.about(run), 60)
    time.sleep(5)  # a second message would have come by then
    (message,) = webhook.about(run)
    assert message["event"] == "failed"
    assert message["dag_id"] == TRAINING
    assert message["task_id"] == "clustering"
    # In the log as well, of the part that calls it.
    logs = [path for path in (stack.folder / "logs/processor").rglob("*") if path.is_file()]
    assert sum(log.read_text(errors="replace").count(message["text"]) for log in logs) == 1


def test_a_run_that_is_late_is_told_once(
    stack: Stack, faults: Faults, webhook: Webhook, expected: Undisturbed
) -> None:
    """The deadline of inference is a few seconds in this deployment."""
    shutil.copytree(expected.data, stack.data, dirs_exist_ok=True)
    stack.api.unpause(INFERENCE)
    faults.plant("pause-before-inference.predict_segments")
    run = stack.api.trigger(INFERENCE)
    pause, _ = _paused(faults, "inference.predict_segments")

    wait_for("the notifier", lambda: webhook.about(run), 60)
    pause.unlink()

    assert stack.api.wait_for_run(INFERENCE, run)["state"] == "success"
    time.sleep(5)  # a second message would have come by then
    (message,) = webhook.about(run)
    assert message["event"] == "late"
    assert message["dag_id"] == INFERENCE


@pytest.mark.slow_faults
def test_postgresql_restarted_in_the_middle_of_a_task(
    stack: Stack, faults: Faults, expected: Undisturbed
) -> None:
    """Parts of Airflow may end with its database; a deployment starts what has ended again."""
    faults.plant("pause-before-clustering.train_model")
    run = stack.api.trigger(TRAINING)
    pause, _ = _paused(faults, "clustering.train_model")

    stack.stop_part("postgres", signal.SIGINT)
    stack.start_postgres()
    pause.unlink()

    def ended() -> bool:
        stack.restart_ended()
        return stack.api.run(TRAINING, run)["state"] in {"success", "failed"}

    wait_for("the end of the run", ended, 300)
    _right(stack, run, expected)
    stack.wait_until_healthy()


@pytest.mark.slow_faults
def test_the_scheduler_killed_and_restarted(
    stack: Stack, faults: Faults, expected: Undisturbed
) -> None:
    faults.plant("pause-before-clustering.train_model")
    run = stack.api.trigger(TRAINING)
    pause, _ = _paused(faults, "clustering.train_model")

    stack.kill("scheduler")
    pause.unlink()
    stack.start_part("scheduler")

    _right(stack, run, expected)
    stack.wait_until_healthy()


@pytest.mark.slow_faults
@pytest.mark.parametrize(
    ("dataset", "task"),
    [
        ("rejected_sessions", "data_processing"),
        ("segmentation_model", "clustering"),
        ("segment_lineage", "clustering"),
        ("promotion_report", "promotion"),
        ("champion", "promotion"),
        ("session_segments", "labelling"),
    ],
)
def test_a_task_killed_after_a_save(
    stack: Stack, faults: Faults, expected: Undisturbed, dataset: str, task: str
) -> None:
    """Its next attempt replaces what the first has saved in the version of their run."""
    planted = faults.plant(f"die-after-saving-{dataset}")
    run = stack.api.trigger(TRAINING)

    _right(stack, run, expected, ONCE | {task: 2})
    assert not planted.exists()

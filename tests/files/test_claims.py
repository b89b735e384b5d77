"""A claim holds for the very file that was claimed, and for nothing that replaces it."""

import json
import os
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import fsspec
import pytest
from kedro_datasets.json import JSONDataset

from user_activity_trends.files.claims import FOLDER, Claims

RUN = "2026-01-31T05.00.00.000Z-1f0c9a2b"
LATER = "2026-02-01T05.00.00.000Z-0a1b2c3d"
SECONDS = 60
SOURCE = {"PYTHONPATH": str(Path(__file__).resolve().parents[2] / "src")}
"""For a process of its own, which pytest's settings do not reach."""


@pytest.fixture(params=["file", "memory"])
def dataset(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """A dataset on the local file system, or on one that knows no folders, like a store."""
    if request.param == "file":
        return JSONDataset(filepath=f"{tmp_path.as_posix()}/08_reporting/told.json")
    return JSONDataset(filepath=f"memory://store/{uuid.uuid4().hex}/08_reporting/told.json")


def _write(dataset: Any, content: str) -> None:
    """Write the dataset's file as something that claims nothing does."""
    path = str(dataset._filepath)  # noqa: SLF001
    dataset._fs.makedirs(str(dataset._filepath.parent), exist_ok=True)  # noqa: SLF001
    if dataset._protocol == "file":  # noqa: SLF001
        other = Path(f"{path}.other")
        other.write_text(content, encoding="utf-8")
        other.replace(path)
    else:
        fsspec.filesystem("memory").pipe_file(path, content.encode())


# --- whose a file is ----------------------------------------------------------------------------


def test_a_file_belongs_to_the_run_that_claimed_it_last(dataset: Any) -> None:
    dataset.save({"a": 1})
    Claims(dataset).take(RUN)
    assert Claims(dataset).owner() == RUN
    assert Claims(dataset).owner() == RUN  # asking changes nothing

    dataset.save({"a": 2, "b": 3})
    Claims(dataset).take(LATER)
    assert Claims(dataset).owner() == LATER
    assert dataset.load() == {"a": 2, "b": 3}


def test_a_file_that_was_replaced_since_belongs_to_nobody(dataset: Any) -> None:
    dataset.save({"a": 1})
    Claims(dataset).take(RUN)

    _write(dataset, '{"a": 1, "of": "another"}')

    assert Claims(dataset).owner() is None


def test_the_very_same_content_written_again_is_another_file(tmp_path: Path) -> None:
    dataset = JSONDataset(filepath=f"{tmp_path.as_posix()}/told.json")
    dataset.save({"a": 1})
    Claims(dataset).take(RUN)
    before = (tmp_path / "told.json").stat()

    _write(dataset, (tmp_path / "told.json").read_text(encoding="utf-8"))
    os.utime(tmp_path / "told.json", ns=(before.st_atime_ns, before.st_mtime_ns))

    assert Claims(dataset).owner() is None


def test_a_file_changed_in_place_belongs_to_nobody(tmp_path: Path) -> None:
    dataset = JSONDataset(filepath=f"{tmp_path.as_posix()}/told.json")
    dataset.save({"a": 1})
    Claims(dataset).take(RUN)
    file = tmp_path / "told.json"
    before = file.stat()

    with file.open("r+", encoding="utf-8") as opened:
        opened.write(file.read_text(encoding="utf-8").replace("1", "2"))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns + 1_000_000))

    assert (file.stat().st_ino, file.stat().st_size) == (before.st_ino, before.st_size)
    assert Claims(dataset).owner() is None


def test_a_claim_that_another_overtook_does_not_hold(dataset: Any) -> None:
    """Both runs have started; the first one saves after the second one has claimed."""
    first, second = Claims(dataset), Claims(dataset)
    dataset.save({"of": "the second"})
    second.take(LATER)

    dataset.save({"of": "the first run"})
    assert second.owner() is None  # saved, not yet claimed
    first.take(RUN)

    assert second.owner() == RUN


def test_a_file_that_nobody_claimed_belongs_to_nobody(dataset: Any) -> None:
    assert Claims(dataset).owner() is None

    dataset.save({"a": 1})

    assert Claims(dataset).owner() is None


def test_a_file_that_is_gone_belongs_to_nobody(dataset: Any) -> None:
    dataset.save({"a": 1})
    Claims(dataset).take(RUN)

    dataset._fs.rm(str(dataset._filepath))  # noqa: SLF001

    assert Claims(dataset).owner() is None


def test_the_claims_of_files_beside_each_other_are_their_own(tmp_path: Path) -> None:
    here = tmp_path.as_posix()
    one, other = (JSONDataset(filepath=f"{here}/{name}") for name in ("a.json", "b.json"))
    for dataset, run in ((one, RUN), (other, LATER)):
        dataset.save({"a": 1})
        Claims(dataset).take(run)

    assert (Claims(one).owner(), Claims(other).owner()) == (RUN, LATER)
    assert sorted(path.name for path in (tmp_path / FOLDER).iterdir()) == [
        "a.json.json",
        "b.json.json",
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == [FOLDER, "a.json", "b.json"]


# --- what tasks tell ----------------------------------------------------------------------------


def test_what_the_tasks_of_a_run_told_comes_in_the_order_of_their_nodes(dataset: Any) -> None:
    claims = Claims(dataset)
    claims.tell("stage.second", RUN, {"a": 2})
    claims.tell("stage.first", RUN, {"ä": [1]})
    claims.tell("stage.of another", LATER, {"a": 3})

    nodes = ["stage.first", "stage.not yet", "stage.of another", "stage.second"]

    assert Claims(dataset).told(nodes, RUN) == [{"ä": [1]}, {"a": 2}]
    assert Claims(dataset).told(nodes, LATER) == [{"a": 3}]
    assert Claims(dataset).told(["stage.second"], RUN) == [{"a": 2}]
    assert Claims(dataset).told([], RUN) == []


def test_what_a_task_tells_again_replaces_what_it_told(dataset: Any) -> None:
    claims = Claims(dataset)
    claims.tell("node", RUN, {"a": 1})
    claims.tell("node", RUN, {"b": 2})

    assert claims.told(["node"], RUN) == [{"b": 2}]


def test_what_tasks_told_is_no_claim_on_the_file(dataset: Any) -> None:
    dataset.save({"a": 1})
    Claims(dataset).take(RUN)

    Claims(dataset).tell("node", LATER, {"a": 1})

    assert Claims(dataset).owner() == RUN


# --- one at a time ------------------------------------------------------------------------------

TAKER = """
import sys
from kedro_datasets.json import JSONDataset
from user_activity_trends.files.claims import Claims

dataset = JSONDataset(filepath=sys.argv[1])
print("waits", flush=True)
with Claims(dataset).locked():
    dataset.save(dataset.load() | {"second": True})
print("done", flush=True)
"""


def test_while_it_is_locked_another_process_waits(tmp_path: Path) -> None:
    file = tmp_path / "told.json"
    dataset = JSONDataset(filepath=file.as_posix())
    dataset.save({})
    command = [sys.executable, "-c", TAKER, file.as_posix()]
    with subprocess.Popen(
        command, env=os.environ | SOURCE, stdout=subprocess.PIPE, text=True
    ) as other:
        try:
            assert other.stdout is not None
            with Claims(dataset).locked():
                read = dataset.load()
                # The other one has loaded all it needs; only the lock holds it.
                assert other.stdout.readline() == "waits\n"
                time.sleep(1)
                assert (other.poll(), json.loads(file.read_text(encoding="utf-8"))) == (None, {})
                dataset.save(read | {"first": True})
            assert other.stdout.readline() == "done\n"
        except BaseException:
            other.kill()
            raise

    assert dataset.load() == {"first": True, "second": True}


def test_after_an_error_it_is_locked_no_more(tmp_path: Path) -> None:
    dataset = JSONDataset(filepath=f"{tmp_path.as_posix()}/told.json")
    dataset.save({})
    with pytest.raises(ZeroDivisionError), Claims(dataset).locked():
        1 / 0  # noqa: B018

    done = subprocess.run(
        [sys.executable, "-c", TAKER, f"{tmp_path.as_posix()}/told.json"],
        env=os.environ | SOURCE,
        check=True,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )

    assert done.stdout == "waits\ndone\n"
    assert dataset.load() == {"second": True}


def test_a_store_without_folders_locks_nothing() -> None:
    dataset = JSONDataset(filepath=f"memory://store/{uuid.uuid4().hex}/08_reporting/told.json")

    with Claims(dataset).locked(), Claims(dataset).locked():
        dataset.save({"a": 1})

    assert dataset.load() == {"a": 1}

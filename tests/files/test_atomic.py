"""A local file is replaced whole or stays as it was, and leftovers of the dead are removed."""

import errno
import io
import os
import pickle
import re
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import fsspec
import pandas as pd
import pytest
from fsspec.registry import _registry
from kedro.io import DatasetError
from kedro_datasets.json import JSONDataset
from kedro_datasets.pandas import CSVDataset, ParquetDataset
from kedro_datasets.pickle import PickleDataset

from user_activity_trends.files import atomic
from user_activity_trends.files.atomic import AtomicLocalFileSystem, remove_leftovers

HOST = atomic._HOST  # noqa: SLF001
DAY = 24 * 60 * 60


@pytest.fixture
def files() -> AtomicLocalFileSystem:
    return AtomicLocalFileSystem(auto_mkdir=True, skip_instance_cache=True)


@pytest.fixture
def installed() -> Iterator[None]:
    """The project's file system in fsspec's registry, for this test only."""
    before = dict(_registry)
    atomic.install()
    yield
    _registry.clear()
    _registry.update(before)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / "out.bin"
    path.write_bytes(b"old")
    return path


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def _partials(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*.partial")]


# --- a file that is written ----------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "parts", "content"),
    [
        ("wb", [b"new ", b"", b"bytes"], b"new bytes"),
        ("wb", [], b""),
        ("wb", [bytearray(b"ab"), memoryview(b"cd")], b"abcd"),
        ("w", ["new ", "text: å\n"], "new text: å\n".encode()),
        ("w", [], b""),
    ],
)
def test_the_target_is_old_until_the_file_is_closed_and_then_new(
    files: AtomicLocalFileSystem, target: Path, mode: str, parts: list[Any], content: bytes
) -> None:
    with files.open(str(target), mode) as file:
        for part in parts:
            file.write(part)
        file.flush()
        assert target.read_bytes() == b"old"
        assert len(_partials(target.parent)) == 1

    assert target.read_bytes() == content
    assert _names(target.parent) == ["out.bin"]


@pytest.mark.parametrize(("mode", "part"), [("wb", b"first"), ("w", "first")])
def test_closing_again_does_nothing(
    files: AtomicLocalFileSystem, target: Path, mode: str, part: bytes | str
) -> None:
    file = files.open(str(target), mode)
    file.write(part)
    file.close()
    target.write_bytes(b"second")

    file.close()

    assert target.read_bytes() == b"second"
    assert _names(target.parent) == ["out.bin"]


def test_text_is_written_with_the_encoding_and_newline_asked_for(
    files: AtomicLocalFileSystem, target: Path
) -> None:
    with files.open(str(target), "w", encoding="latin-1", newline="\r\n", errors="replace") as file:
        file.write("å\n日")

    assert target.read_bytes() == b"\xe5\r\n?"


def test_written_parts_may_be_found_again_before_the_end(
    files: AtomicLocalFileSystem, target: Path
) -> None:
    with files.open(str(target), "wb") as file:
        assert file.write(b"0123456789") == 10
        file.seek(2)
        file.write(b"xy")
        assert file.tell() == 4

    assert target.read_bytes() == b"01xy456789"


def test_a_new_file_gets_its_folders(files: AtomicLocalFileSystem, tmp_path: Path) -> None:
    target = tmp_path / "a" / "b" / "out.txt"

    with files.open(str(target), "w") as file:
        file.write("new")

    assert target.read_text() == "new"


def test_without_auto_mkdir_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    files = AtomicLocalFileSystem(auto_mkdir=False, skip_instance_cache=True)

    with pytest.raises(FileNotFoundError):
        files.open(str(tmp_path / "a" / "out.txt"), "wb")

    assert _names(tmp_path) == []


def test_an_address_names_the_same_file_as_its_path(
    files: AtomicLocalFileSystem, target: Path
) -> None:
    with files.open(f"file://{target}", "wb") as file:
        file.write(b"new")

    assert target.read_bytes() == b"new"


@pytest.mark.parametrize("mode", ["wb", "w"])
def test_a_link_keeps_pointing_at_what_is_replaced(
    files: AtomicLocalFileSystem, tmp_path: Path, target: Path, mode: str
) -> None:
    links = tmp_path / "links"
    links.mkdir()
    link = links / "link.bin"
    link.symlink_to(Path("..", "out.bin"))

    with files.open(str(link), mode) as file:
        file.write(b"new" if "b" in mode else "new")

    assert link.is_symlink()
    assert link.readlink() == Path("..", "out.bin")
    assert target.read_bytes() == b"new"
    assert _names(links) == ["link.bin"]


@pytest.mark.parametrize(("mode", "content"), [("rb", b"old"), ("r", "old"), ("rt", "old")])
def test_reading_is_as_ever(
    files: AtomicLocalFileSystem, target: Path, mode: str, content: bytes | str
) -> None:
    with files.open(str(target), mode) as file:
        assert file.read() == content

    assert _names(target.parent) == ["out.bin"]


@pytest.mark.parametrize(("mode", "content"), [("ab", b"old+"), ("r+b", b"+ld")])
def test_changing_a_file_in_place_is_as_ever(
    files: AtomicLocalFileSystem, target: Path, mode: str, content: bytes
) -> None:
    with files.open(str(target), mode) as file:
        file.write(b"+")

    assert target.read_bytes() == content


def test_a_file_compressed_by_fsspec_is_written_by_fsspec(
    files: AtomicLocalFileSystem, tmp_path: Path
) -> None:
    path = str(tmp_path / "out.gz")

    with files.open(path, "wb", compression="gzip") as file:
        file.write(b"new")
    with files.open(path, "rb", compression="gzip") as file:
        assert file.read() == b"new"


# --- a file that could not be written ------------------------------------------------


def _fails_in_block(file: Any, part: Any) -> None:
    with file:
        file.write(part)
        file.flush()
        raise KeyboardInterrupt


def _fails_in_block_before_a_byte(file: Any, part: Any) -> None:
    del part
    with file:
        raise KeyboardInterrupt


def _is_closed_after_a_failed_block(file: Any, part: Any) -> None:
    try:
        _fails_in_block(file, part)
    finally:
        file.close()


@pytest.mark.parametrize(
    "fail", [_fails_in_block, _fails_in_block_before_a_byte, _is_closed_after_a_failed_block]
)
@pytest.mark.parametrize(("mode", "part"), [("wb", b"new"), ("w", "new")])
def test_an_error_while_writing_leaves_the_old_file(
    files: AtomicLocalFileSystem,
    target: Path,
    fail: Callable[[Any, Any], None],
    mode: str,
    part: bytes | str,
) -> None:
    file = files.open(str(target), mode)

    with pytest.raises(KeyboardInterrupt):
        fail(file, part)

    assert file.closed
    assert target.read_bytes() == b"old"
    assert _names(target.parent) == ["out.bin"]


@pytest.mark.parametrize(("mode", "part"), [("wb", b"new"), ("w", "new")])
def test_a_file_that_nobody_closes_is_discarded(
    files: AtomicLocalFileSystem, target: Path, mode: str, part: bytes | str
) -> None:
    file = files.open(str(target), mode)
    file.write(part)

    with pytest.warns(ResourceWarning, match="unclosed file"):
        del file

    assert target.read_bytes() == b"old"
    assert _names(target.parent) == ["out.bin"]


@contextmanager
def _room_for(size: int) -> Iterator[None]:
    """Let the system refuse every byte of a file beyond ``size``."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("room", [0, 2])
@pytest.mark.parametrize(("mode", "part"), [("wb", b"new bytes"), ("w", "new text")])
def test_a_full_disk_leaves_the_old_file(
    target: Path, room: int, mode: str, part: bytes | str
) -> None:
    file = AtomicLocalFileSystem().open(str(target), mode)

    with pytest.raises(OSError, match="too large"), _room_for(room), file:
        file.write(part)

    assert target.read_bytes() == b"old"
    assert _names(target.parent) == ["out.bin"]


@pytest.mark.parametrize(("mode", "part"), [("wb", b"new bytes"), ("w", "new text" * 10_000)])
def test_an_error_that_a_writer_swallows_still_discards_the_file(
    files: AtomicLocalFileSystem, target: Path, mode: str, part: bytes | str
) -> None:
    file = files.open(str(target), mode)
    with pytest.raises(OSError, match="too large"), _room_for(2):
        file.write(part)

    file.close()

    assert target.read_bytes() == b"old"
    assert _names(target.parent) == ["out.bin"]


def test_a_disk_that_takes_a_part_at_a_time_gets_all_of_it(
    files: AtomicLocalFileSystem, target: Path
) -> None:
    class Slow(io.FileIO):
        def write(self, data: Any, /) -> int:
            return super().write(bytes(data)[:3])

    kind = atomic._ReplacingFile  # noqa: SLF001
    bases = kind.__bases__
    kind.__bases__ = (Slow,)
    try:
        with files.open(str(target), "wb") as file:
            assert file.write(b"0123456789") == 10
    finally:
        kind.__bases__ = bases

    assert target.read_bytes() == b"0123456789"


def test_bytes_that_do_not_reach_the_disk_leave_the_old_file(
    files: AtomicLocalFileSystem, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: int) -> NoReturn:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", refuse)

    with pytest.raises(OSError, match="error"), files.open(str(target), "wb") as file:
        file.write(b"new")

    assert target.read_bytes() == b"old"
    assert _names(target.parent) == ["out.bin"]


def test_the_bytes_are_on_disk_before_the_name_changes(
    files: AtomicLocalFileSystem, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    fsync = os.fsync

    def watch(descriptor: int) -> None:
        seen.append((os.fstat(descriptor).st_size, target.read_bytes()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", watch)

    with files.open(str(target), "w") as file:
        file.write("new text")

    assert (8, b"old") in seen


def test_a_target_that_cannot_be_replaced_leaves_nothing_behind(
    files: AtomicLocalFileSystem, tmp_path: Path
) -> None:
    (tmp_path / "out.bin").mkdir()

    with (
        pytest.raises(IsADirectoryError),
        files.open(str(tmp_path / "out.bin"), "wb") as file,
    ):
        file.write(b"new")

    assert _partials(tmp_path) == []


# --- the catalog's datasets -------------------------------------------------------------


class _Unwritable:
    """Breaks whatever turns it into bytes."""

    def __str__(self) -> str:
        msg = "broken value"
        raise ValueError(msg)

    __repr__ = __str__

    def __reduce__(self) -> NoReturn:
        msg = "broken value"
        raise ValueError(msg)


FRAME = pd.DataFrame({"a": [1, 2], "b": ["x", "å"]})
LONG = ["filler"] * 50_000  # more than any buffer holds, so that bytes are out before it breaks

CASES = [
    pytest.param(
        CSVDataset,
        {"save_args": {"index": False}},
        FRAME,
        pd.DataFrame({"a": [*LONG, _Unwritable()]}, dtype=object),
        id="csv",
    ),
    pytest.param(
        ParquetDataset, {}, FRAME, pd.DataFrame({"a": ["x", object()]}, dtype=object), id="parquet"
    ),
    pytest.param(JSONDataset, {}, {"a": [1, "å"]}, {"a": LONG, "b": _Unwritable()}, id="json"),
    pytest.param(PickleDataset, {}, {"a": [1, "å"]}, [LONG, _Unwritable()], id="pickle"),
]


def _same(left: Any, right: Any) -> bool:
    return left.equals(right) if isinstance(left, pd.DataFrame) else bool(left == right)


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(("kind", "settings", "good", "bad"), CASES)
def test_a_dataset_replaces_its_file_whole_or_not_at_all(
    tmp_path: Path, kind: Any, settings: dict[str, Any], good: Any, bad: Any
) -> None:
    path = tmp_path / "folder" / "out"
    dataset = kind(filepath=str(path), **settings)
    dataset.save(good)
    assert _same(dataset.load(), good)
    before = path.read_bytes()

    with pytest.raises(DatasetError):
        dataset.save(bad)

    assert path.read_bytes() == before
    assert _names(path.parent) == ["out"]
    assert _same(kind(filepath=str(path), **settings).load(), good)


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(("kind", "settings", "good", "bad"), CASES)
def test_a_dataset_that_fails_at_first_writes_nothing(
    tmp_path: Path, kind: Any, settings: dict[str, Any], good: Any, bad: Any
) -> None:
    del good
    dataset = kind(filepath=str(tmp_path / "out"), **settings)

    with pytest.raises(DatasetError):
        dataset.save(bad)

    assert _names(tmp_path) == []
    assert dataset.exists() is False


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("protocol", ["file", "local"])
def test_installed_it_is_what_fsspec_uses_for_local_files(protocol: str) -> None:
    assert type(fsspec.filesystem(protocol)) is AtomicLocalFileSystem


# --- leftovers ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def dead() -> int:
    """The id of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    return process.pid


def _leave(folder: Path, host: str, process: int | str, age: float = 0) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f".out.v1.csv.{host}.{process}.0a1b2c3d.partial"
    partial.write_text("torn")
    then = time.time() - age
    os.utime(partial, (then, then))
    return partial


def test_what_a_dead_process_left_is_removed_and_nothing_else(tmp_path: Path, dead: int) -> None:
    (tmp_path / "02" / "deep").mkdir(parents=True)
    (tmp_path / "02" / "out.csv").write_text("kept")
    (tmp_path / "02" / "not.partial").write_text("kept")
    shallow = _leave(tmp_path, HOST, dead)
    deep = _leave(tmp_path / "02" / "deep", HOST, dead)
    (tmp_path / "02" / "deep" / "out.csv").write_text("kept")

    removed = remove_leftovers(tmp_path)

    assert sorted(removed) == sorted([shallow, deep])
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()} == {
        "02/out.csv",
        "02/not.partial",
        "02/deep/out.csv",
    }


def test_a_file_that_really_was_left_by_a_killed_process_is_removed(tmp_path: Path) -> None:
    program = (
        "import os, sys\n"
        "from user_activity_trends.files.atomic import AtomicLocalFileSystem\n"
        "file = AtomicLocalFileSystem(auto_mkdir=True).open(sys.argv[1], 'wb')\n"
        "file.write(b'torn')\n"
        "os.kill(os.getpid(), 9)\n"
    )
    source = str(Path(atomic.__file__).parents[2])
    target = tmp_path / "out.bin"
    target.write_bytes(b"old")

    ended = subprocess.run(
        [sys.executable, "-c", program, str(target)],
        env=os.environ | {"PYTHONPATH": source},
        check=False,
    )

    assert ended.returncode == -9
    assert len(_partials(tmp_path)) == 1
    assert [path.read_bytes() for path in tmp_path.glob(".*.partial")] == [b"torn"]
    assert len(remove_leftovers(tmp_path)) == 1
    assert _names(tmp_path) == ["out.bin"]
    assert target.read_bytes() == b"old"


def test_what_a_living_process_writes_is_kept(tmp_path: Path) -> None:
    own = _leave(tmp_path, HOST, os.getpid(), age=2 * DAY)
    with AtomicLocalFileSystem().open(str(tmp_path / "out.csv"), "wb") as file:
        file.write(b"new")

        assert remove_leftovers(tmp_path) == []

    assert own.exists()
    assert (tmp_path / "out.csv").read_bytes() == b"new"


def test_what_another_user_writes_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_process: int, _signal: int) -> NoReturn:
        raise PermissionError

    partial = _leave(tmp_path, HOST, 1)
    monkeypatch.setattr(os, "kill", refuse)

    assert remove_leftovers(tmp_path) == []
    assert partial.exists()


@pytest.mark.parametrize(("age", "kept"), [(0, 1), (DAY - 600, 1), (DAY + 600, 0), (9 * DAY, 0)])
def test_what_another_machine_left_is_removed_after_a_day(
    tmp_path: Path, age: float, kept: int
) -> None:
    # Its process may have any id, also one that runs here.
    partial = _leave(tmp_path, "elsewhere", os.getpid(), age)

    assert remove_leftovers(tmp_path) == ([] if kept else [partial])
    assert len(_partials(tmp_path)) == kept


def test_a_version_that_holds_nothing_else_is_removed_with_its_leftover(
    tmp_path: Path, dead: int
) -> None:
    models = tmp_path / "model.pkl"
    _leave(models / "2026-01-01T00.00.00.000Z", HOST, dead)
    _leave(models / "2026-01-02T00.00.00.000Z", HOST, dead)
    (models / "2026-01-02T00.00.00.000Z" / "model.pkl").write_bytes(b"whole")

    remove_leftovers(tmp_path)

    assert _names(models) == ["2026-01-02T00.00.00.000Z"]


@pytest.mark.parametrize("name", [".partial", ".mine.partial", ".a.b.partial", ".a.b.c.partial"])
def test_a_file_of_somebody_else_with_such_a_suffix_is_left_alone(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_text("kept")
    then = time.time() - 9 * DAY
    os.utime(tmp_path / name, (then, then))

    assert remove_leftovers(tmp_path) == []
    assert (tmp_path / name).read_text() == "kept"


def test_a_folder_that_does_not_exist_holds_no_leftovers(tmp_path: Path) -> None:
    assert remove_leftovers(tmp_path / "nowhere") == []
    assert _names(tmp_path) == []


def test_a_pickle_of_the_old_file_survives_a_failed_one(
    files: AtomicLocalFileSystem, target: Path
) -> None:
    target.write_bytes(pickle.dumps([1, 2]))

    with (
        pytest.raises(ValueError, match="broken value"),
        files.open(str(target), "wb") as file,
    ):
        pickle.dump([LONG, _Unwritable()], file)

    assert pickle.loads(target.read_bytes()) == [1, 2]  # noqa: S301 (written above)


def test_an_empty_folder_of_a_version_is_removed_once_it_is_old(tmp_path: Path) -> None:
    old, young, full = (
        tmp_path / "model.pkl" / f"2026-01-0{day}T00.00.00.000Z" for day in (1, 2, 3)
    )
    for folder in (old, young, full):
        folder.mkdir(parents=True)
    (full / "model.pkl").write_bytes(b"model")
    for folder in (old, full):
        os.utime(folder, (time.time() - 61, time.time() - 61))

    assert remove_leftovers(tmp_path) == [old]
    assert sorted(tmp_path.rglob("*Z")) == [young, full]


def test_an_empty_folder_of_an_orchestrated_runs_version_is_removed_once_it_is_old(
    tmp_path: Path,
) -> None:
    models = tmp_path / "model.pkl"
    old, young, full, not_ours, worse = (
        models / name
        for name in (
            "2026-01-01T00.00.00.000Z-1f0c9a2b",
            "2026-01-02T00.00.00.000Z-1f0c9a2b",
            "2026-01-03T00.00.00.000Z-1f0c9a2b",
            "2026-01-04T00.00.00.000Z-old copy",
            "2026-01-05T00.00.00.000Z-",
        )
    )
    for folder in (old, young, full, not_ours, worse):
        folder.mkdir(parents=True)
    (full / "model.pkl").write_bytes(b"model")
    for folder in (old, full, not_ours, worse):
        os.utime(folder, (time.time() - 61, time.time() - 61))

    assert remove_leftovers(tmp_path) == [old]
    assert sorted(models.iterdir()) == [young, full, not_ours, worse]


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("2026-01-31T05.00.00.000Z", 1),
        ("2026-01-31T05.00.00.000Z-1f0c9a2b", 1),
        ("2026-01-31T05.00.00.000Z-", 0),
        ("2026-01-31T05.00.00.000Z-1F", 0),
        ("2026-01-31T05.00.00.000Z-1f-2", 0),
        ("2026-01-31T05:00:00.000Z", 0),
        ("x2026-01-31T05.00.00.000Z", 0),
    ],
)
def test_versions_are_kedros_and_those_of_orchestrated_runs(text: str, matches: int) -> None:
    assert bool(re.fullmatch(atomic.VERSION, text)) == matches

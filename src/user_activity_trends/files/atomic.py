"""Local files that are replaced whole or not at all.

Every dataset of the catalog writes through fsspec, so one file system class
covers all of them: bytes go to a file beside the target, which takes the
target's name only after they have reached the disk. A run that dies in between
leaves a ``.partial`` file that nothing reads and that the next run removes.
"""

import io
import os
import re
import socket
import time
import uuid
from pathlib import Path
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

SUFFIX = ".partial"
VERSION = r"\d{4}-\d\d-\d\dT\d\d\.\d\d\.\d\d\.\d{3}Z(-[0-9a-z]+)?"
"""Kedro's versions, and those of orchestrated runs, which end in something of their own."""
_HOST = socket.gethostname().replace(".", "-")
_NAME = re.compile(rf"\..+\.(?P<host>[^.]+)\.(?P<process>[0-9]+)\.[0-9a-f]{{8}}{re.escape(SUFFIX)}")
_ABANDONED = 24 * 60 * 60
"""Seconds after which a partial file of another machine counts as left by the dead."""
_SETTLED = 60
"""Seconds after which an empty folder is no longer one that is about to get its file."""


class _ReplacingFile(io.FileIO):
    """A binary file that becomes ``target`` when it is closed without an error before.

    Whatever goes wrong while writing, in ``write`` or in the ``with`` block,
    leaves the target as it was and removes the bytes written so far.
    """

    def __init__(self, target: Path) -> None:
        self._target = target
        self._partial = target.with_name(
            f".{target.name}.{_HOST}.{os.getpid()}.{uuid.uuid4().hex[:8]}{SUFFIX}"
        )
        self._failed = False
        super().__init__(self._partial, "wb")

    def write(self, data: Any, /) -> int:
        """Write all of ``data``; remember a failure so that ``close`` discards the file."""
        view = memoryview(data).cast("B")
        try:
            written = 0
            while written < len(view):
                written += super().write(view[written:])
        except BaseException:
            self._failed = True
            raise
        return written

    def discard(self) -> None:
        """Make ``close`` leave the target as it was."""
        self._failed = True

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if kind is not None:
            self.discard()
        super().__exit__(kind, error, trace)  # type: ignore[arg-type]

    def __del__(self) -> None:
        # Nobody closed it, so nobody said that it is complete.
        self.discard()
        super().__del__()

    def close(self) -> None:
        """Put the file in place, or remove it if anything failed before."""
        if self.closed:
            return
        try:
            if not self._failed:
                os.fsync(self.fileno())
        except BaseException:
            self._failed = True
            raise
        finally:
            super().close()
            if self._failed:
                self._partial.unlink(missing_ok=True)
        if not self._failed:
            try:
                self._partial.replace(self._target)
            except OSError:
                self._partial.unlink(missing_ok=True)
                raise


class _ReplacingText(io.TextIOWrapper):
    """Text over a replacing file: an error in the ``with`` block discards the file."""

    buffer: _ReplacingFile

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if kind is not None:
            self.buffer.discard()
        super().__exit__(kind, error, trace)  # type: ignore[arg-type]

    def __del__(self) -> None:
        if not self.closed:
            self.buffer.discard()
        super().__del__()


class AtomicLocalFileSystem(LocalFileSystem):  # type: ignore[misc]
    """fsspec's local file system, whose files opened for writing are replaced on close."""

    def open(self, path: str, mode: str = "rb", **kwargs: Any) -> Any:
        """Open ``path``; writing (``w``) goes to a file beside it until it is closed."""
        if "w" not in mode or kwargs.get("compression"):
            return super().open(path, mode, **kwargs)
        target = Path(self._strip_protocol(path))
        if self.auto_mkdir:
            target.parent.mkdir(parents=True, exist_ok=True)
        # A link keeps pointing where it did: what it points at is replaced.
        file = _ReplacingFile(target.resolve())
        if "b" in mode:
            return file
        text = {name: kwargs[name] for name in ("encoding", "errors", "newline") if name in kwargs}
        return _ReplacingText(file, **text)


def install() -> None:
    """Make fsspec, and with it every dataset of the catalog, write local files whole."""
    for protocol in ("file", "local"):
        fsspec.register_implementation(protocol, AtomicLocalFileSystem, clobber=True)


def remove_leftovers(root: Path) -> list[Path]:
    """Remove what runs that died have left under ``root``.

    Only files whose process is gone are removed. Those of a process that is
    still writing stay, and those of another machine until they are a day old.

    Args:
        root: Folder that holds the outputs; it need not exist.

    Returns:
        The files and empty folders of versions that were removed.
    """
    removed = []
    for partial in sorted(root.rglob(f".*{SUFFIX}")):
        owner = _NAME.fullmatch(partial.name)
        if owner is None:
            continue  # not ours
        if owner["host"] == _HOST:
            abandoned = not _is_running(int(owner["process"]))
        else:
            abandoned = time.time() - partial.stat().st_mtime > _ABANDONED
        if abandoned:
            partial.unlink(missing_ok=True)
            removed.append(partial)
    # Kedro makes a version's folder before its file: empty, it is a leftover as well.
    emptied = {partial.parent for partial in removed}
    for folder in filter(_is_version, sorted(root.rglob("*Z*"))):
        settled = folder in emptied or time.time() - folder.stat().st_mtime > _SETTLED
        if folder.is_dir() and settled and not any(folder.iterdir()):
            folder.rmdir()
            removed.append(folder)
    return removed


def _is_version(folder: Path) -> bool:
    return re.fullmatch(VERSION, folder.name) is not None


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it runs, under another user
        return True
    return True

"""Keep other processes out of a folder while one of its files is read and replaced."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fsspec.implementations.local import LocalFileSystem


@contextmanager
def locked(files: Any, folder: Path) -> Iterator[None]:
    """Wait until nobody else has the folder, and have it for the length of the block.

    This keeps apart the processes of one machine, and a process that dies gives the
    folder back. Object stores have no locks.

    Args:
        files: fsspec file system.
        folder: Folder there; it is made if it does not exist.
    """
    if not isinstance(files, LocalFileSystem):
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    opened = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX)
        yield
    finally:
        os.close(opened)

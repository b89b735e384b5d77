"""One small JSON file that several processes may want to change."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem
from kedro.io.core import get_protocol_and_path
from pydantic import BaseModel

from user_activity_trends.errors import ChampionError


class SmallFile:
    """One small JSON file that several processes may want to change."""

    def __init__(
        self,
        filepath: str,
        credentials: dict[str, Any] | None = None,
        fs_args: dict[str, Any] | None = None,
    ) -> None:
        """Take a path or an address, and what its file system is to be opened with."""
        self.protocol, path = get_protocol_and_path(filepath)
        self.path = PurePosixPath(path)
        self.files = fsspec.filesystem(self.protocol, **(credentials or {}), **(fs_args or {}))

    def read(self) -> Any:
        """Return what it holds; None if there is none.

        Raises:
            ChampionError: It is not JSON.
        """
        try:
            with self.files.open(str(self.path), "r", encoding="utf-8") as file:
                return json.load(file)
        except FileNotFoundError:
            return None
        except ValueError as error:
            msg = (
                f"{self.path} is damaged ({error}); restore it. Of champion.json the model that "
                "it should name may also be promoted again: kedro models promote VERSION"
            )
            raise ChampionError(msg) from error

    def write(self, content: BaseModel) -> None:
        """Replace it."""
        self.files.makedirs(str(self.path.parent), exist_ok=True)
        with self.files.open(str(self.path), "w", encoding="utf-8") as file:
            file.write(content.model_dump_json(indent=2))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes out while it is read and replaced; on this machine only."""
        if not isinstance(self.files, LocalFileSystem):  # an object store has no locks
            yield
            return
        folder = Path(self.path.parent)
        folder.mkdir(parents=True, exist_ok=True)
        opened = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(opened, fcntl.LOCK_EX)
            yield
        finally:
            os.close(opened)

"""One small JSON file that several processes may want to change."""

import json
from contextlib import AbstractContextManager
from pathlib import Path, PurePosixPath
from typing import Any

import fsspec
from kedro.io.core import get_protocol_and_path
from pydantic import BaseModel

from user_activity_trends.errors import ChampionError
from user_activity_trends.files.locks import locked


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
                f"{self.path} is damaged ({error}); restore it from a copy. For champion.json a "
                "model may be named again instead, and what was in use before is forgotten: "
                "kedro models promote VERSION"
            )
            raise ChampionError(msg) from error

    def write(self, content: BaseModel) -> None:
        """Replace it."""
        self.files.makedirs(str(self.path.parent), exist_ok=True)
        with self.files.open(str(self.path), "w", encoding="utf-8") as file:
            file.write(content.model_dump_json(indent=2))

    def locked(self) -> AbstractContextManager[None]:
        """Keep other processes out while it is read and replaced."""
        return locked(self.files, Path(self.path.parent))

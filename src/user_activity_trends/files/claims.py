"""Which run wrote the files that have no version of their own.

The tasks of an orchestrated run are processes that hand tables to each other
through files such as ``valid_sessions``. If anything else replaces such a file in
between, the later tasks would mix two runs. So a task claims each file that it
has written, by what identifies this very copy of it, and the tasks behind it
check, after reading, that the claim is their run's and the file still the same.

A claim is a small file in ``.claims`` beside the dataset's own file, read and
written through the dataset's file system, so with its credentials.
"""

import json
from collections.abc import Iterable
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

from user_activity_trends.files.locks import locked

FOLDER = ".claims"
_IDENTITY = ("ino", "size", "mtime", "ETag", "etag", "LastModified", "generation", "last_modified")
"""What file systems tell of a file and what differs when it is written again."""


class Claims:
    """The claims beside the file of one dataset."""

    def __init__(self, dataset: Any) -> None:
        """Take a dataset that has a file, as those of kedro-datasets do."""
        # Kedro has no public names for them.
        self._fs = dataset._fs  # noqa: SLF001
        self._file = dataset._filepath  # noqa: SLF001

    def take(self, run_id: str) -> None:
        """Claim the file, which ``run_id`` has just written."""
        self._write("", {"run_id": run_id, "identity": self._identity()})

    def owner(self) -> str | None:
        """Return the run that wrote the file; None if nobody who claims files did."""
        claim = self._read("")
        unchanged = claim.get("identity") == self._identity()
        return str(claim["run_id"]) if claim and unchanged else None

    def tell(self, node: str, run_id: str, told: dict[str, Any]) -> None:
        """Keep what the task of ``node`` has to add to the file when it has ended."""
        self._write(node, {"run_id": run_id, "told": told})

    def told(self, nodes: Iterable[str], run_id: str) -> list[dict[str, Any]]:
        """Return what the tasks of a run have to add, in the order of their nodes."""
        found = map(self._read, nodes)
        return [part["told"] for part in found if part.get("run_id") == run_id]

    def locked(self) -> AbstractContextManager[None]:
        """Keep other tasks out while the file is read and replaced."""
        return locked(self._fs, Path(self._file).parent)

    def _identity(self) -> dict[str, str]:
        with suppress(FileNotFoundError):
            known = self._fs.info(str(self._file))
            return {name: str(known[name]) for name in _IDENTITY if name in known}
        return {}

    def _place(self, part: str) -> str:
        name = ".".join(filter(None, (self._file.name, part, "json")))
        return str(self._file.parent / FOLDER / name)

    def _write(self, part: str, content: dict[str, Any]) -> None:
        place = self._place(part)
        self._fs.makedirs(str(self._file.parent / FOLDER), exist_ok=True)
        with self._fs.open(place, "w", encoding="utf-8") as file:
            json.dump(content, file)

    def _read(self, part: str) -> dict[str, Any]:
        with suppress(FileNotFoundError), self._fs.open(self._place(part), "r") as file:
            content: dict[str, Any] = json.load(file)
            return content
        return {}

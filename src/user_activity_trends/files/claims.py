"""Which run wrote the files that have no version of their own.

The tasks of an orchestrated run are processes that hand tables to each other
through files such as ``valid_sessions``. If another run replaces such a file in
between, the later tasks would mix two runs. So each task claims its nodes before
it writes anything, and the tasks behind it check, after reading, that the claim
is still their run's.
"""

import fcntl
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import fsspec

FOLDER = ".claims"


class Claims:
    """The claims below one folder of outputs, one small file a node."""

    def __init__(self, root: str) -> None:
        """Name the folder, local or an address; nothing is read or written yet."""
        self._root = root
        self._fs, self._folder = fsspec.url_to_fs(f"{root}/{FOLDER}")

    def take(self, node: str, run_id: str, told: dict[str, Any] | None = None) -> None:
        """Claim a node's outputs for a run, whoever had them.

        Args:
            node: The node.
            run_id: The run.
            told: What the node's task told when it ended; None if it has not ended.
        """
        self._fs.makedirs(self._folder, exist_ok=True)
        with self._fs.open(self._file(node), "w", encoding="utf-8") as file:
            json.dump({"run_id": run_id, "told": told}, file)

    def drop(self, nodes: Iterable[str]) -> None:
        """Make the outputs of ``nodes`` nobody's."""
        if not self._fs.exists(self._folder):
            return
        for node in nodes:
            with suppress(FileNotFoundError):
                self._fs.rm_file(self._file(node))

    def owner(self, node: str) -> str | None:
        """Return the run that wrote a node's outputs; None if no orchestrated run did."""
        owner: str | None = self._read(node).get("run_id")
        return owner

    def told(self, nodes: Iterable[str], run_id: str) -> list[dict[str, Any]]:
        """Return what those tasks of a run that have ended told, in the order of their nodes."""
        found = [claim for claim in map(self._read, nodes) if claim.get("run_id") == run_id]
        return [claim["told"] for claim in found if claim["told"]]

    def _read(self, node: str) -> dict[str, Any]:
        try:
            with self._fs.open(self._file(node), "r", encoding="utf-8") as file:
                claim: dict[str, Any] = json.load(file)
                return claim
        except FileNotFoundError:
            return {}

    def _file(self, node: str) -> str:
        return f"{self._folder}/{node}.json"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes out while a file is read and replaced; local folders only."""
        if "://" in self._root:
            yield
            return
        Path(self._root).mkdir(parents=True, exist_ok=True)
        folder = os.open(self._root, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)

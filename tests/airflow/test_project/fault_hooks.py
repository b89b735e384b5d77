"""Kedro hooks that break a task where a test says so; found by their entry point.

A test plants a file in the folder ``FAULTS``: ``pause-before-<node>`` holds the
process there until the file is gone, ``die-after-saving-<dataset>`` kills it
once, ``fail-<node>`` makes the node fail every time.
"""

import os
import signal
import time
from pathlib import Path

from kedro.framework.hooks import hook_impl
from kedro.pipeline.node import Node


class FaultHooks:
    """Break what is to be broken."""

    def __init__(self) -> None:
        self._faults = Path(os.environ["FAULTS"])

    @hook_impl
    def before_node_run(self, node: Node) -> None:
        """Hold the process, or fail."""
        pause = self._faults / f"pause-before-{node.name}"
        if pause.exists():
            (self._faults / f"paused-{node.name}").write_text(str(os.getpid()))
        while pause.exists():
            time.sleep(0.05)
        if (self._faults / f"fail-{node.name}").exists():
            msg = f"planted fault in {node.name}"
            raise RuntimeError(msg)

    @hook_impl
    def after_dataset_saved(self, dataset_name: str) -> None:
        """Die."""
        planted = self._faults / f"die-after-saving-{dataset_name}"
        if planted.exists():
            planted.rename(planted.with_name(f"died-after-saving-{dataset_name}"))
            os.kill(os.getpid(), signal.SIGKILL)


hooks = FaultHooks()

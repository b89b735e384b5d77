"""A tracking server with PostgreSQL: processes of their own, on the loopback interface."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import requests
from psycopg import sql


class NotReadyError(AssertionError):
    """A process has died, or something did not happen in time."""


def free_port() -> int:
    """Return a port on the loopback interface that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def wait_for(what: str, probe: Callable[[], bool], seconds: float) -> None:
    """Call ``probe`` until it returns true."""
    deadline = time.monotonic() + seconds
    while not probe():
        if time.monotonic() > deadline:
            msg = f"{what}: not within {seconds:.0f} s"
            raise NotReadyError(msg)
        time.sleep(0.2)


def answers(address: str) -> bool:
    """Tell whether MLflow answers at an address."""
    try:
        return requests.get(f"{address}/health", timeout=5).status_code == 200
    except (requests.ConnectionError, requests.Timeout):
        return False


def postgres_commands() -> Path | None:
    """Return the folder with PostgreSQL's server commands, which Debian keeps off the PATH."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return folders[-1].parent if folders else None


class MlflowServer:
    """``mlflow server``; artifacts go through it into a folder, the rest into PostgreSQL."""

    def __init__(self, folder: Path) -> None:
        """Lay it out in an empty folder; nothing runs yet."""
        self._folder = folder
        self._ports = {"postgres": free_port(), "mlflow": free_port()}
        self.password = secrets.token_hex(24)
        self._bin = postgres_commands()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        # PostgreSQL refuses to run as root.
        self._as: dict[str, Any] = {"user": "postgres", "group": "postgres", "extra_groups": []}
        if os.geteuid() != 0:
            self._as = {}

    @property
    def url(self) -> str:
        """Return the address of the server, and of its user interface."""
        return f"http://127.0.0.1:{self._ports['mlflow']}"

    @property
    def database(self) -> str:
        """Return the address of the server's database."""
        port = self._ports["postgres"]
        return f"postgresql://mlflow:{self.password}@127.0.0.1:{port}/postgres"

    def make_database(self, name: str) -> str:
        """Make an empty database, for those who need no server, and return its address."""
        with psycopg.connect(self.database, autocommit=True) as link:
            link.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        return f"{self.database.removesuffix('postgres')}{name}"

    def start(self) -> None:
        """Start both, and wait until they answer."""
        self.start_postgres()
        self.start_mlflow()

    def start_postgres(self) -> None:
        """Start PostgreSQL, and make its cluster if there is none."""
        assert self._bin is not None
        cluster = self._folder / "postgres"
        if not cluster.exists():
            self._make_cluster(cluster)
        port = str(self._ports["postgres"])
        self._start(
            "postgres",
            [
                *(self._bin / "postgres", "-D", cluster, "-p", port),
                *("-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="),
            ],
            cwd=cluster,
            **self._as,
        )
        ready = [self._bin / "pg_isready", "-q", "-h", "127.0.0.1", "-p", port]
        wait_for("PostgreSQL", lambda: subprocess.run(ready, check=False).returncode == 0, 60)

    def _make_cluster(self, cluster: Path) -> None:
        cluster.mkdir()
        password = self._folder / "password"
        password.write_text(self.password)
        for path in (cluster, password):
            if self._as:
                shutil.chown(path, "postgres", "postgres")
            path.chmod(0o700 if path.is_dir() else 0o600)
        self._folder.chmod(0o711)
        with self._log("initdb") as log:
            subprocess.run(
                [
                    *(self._bin / "initdb", "--pgdata", cluster, "--username", "mlflow"),
                    *("--pwfile", password, "--auth", "scram-sha-256", "--encoding", "UTF8"),
                    *("--locale", "C.UTF-8", "--no-sync"),
                ],
                check=True,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=cluster,
                **self._as,
            )
        password.unlink()

    def start_mlflow(self) -> None:
        """Start the tracking server."""
        self._start(
            "mlflow",
            [
                *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1"),
                *("--port", self._ports["mlflow"], "--workers", "1"),
                *("--artifacts-destination", self._folder / "artifacts"),
            ],
            cwd=self._folder,
            env=os.environ
            | {
                "MLFLOW_BACKEND_STORE_URI": self.database,
                "MLFLOW_DISABLE_TELEMETRY": "true",
                # A dozen processes for what nobody asks of it here.
                "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            },
        )
        wait_for("mlflow server", self._answers, 120)

    def _answers(self) -> bool:
        if (code := self._processes["mlflow"].poll()) is not None:
            log = (self._folder / "mlflow.log").read_text(errors="replace")
            msg = f"mlflow server has ended with {code}; the end of its log:\n{log[-3000:]}"
            raise NotReadyError(msg)
        return answers(self.url)

    def stop(self, *parts: str) -> None:
        """Stop some parts, or all, each with all that it has started."""
        for part in parts or ("mlflow", "postgres"):
            if process := self._processes.pop(part, None):
                with suppress(ProcessLookupError):  # it may have died
                    # PostgreSQL shall leave nothing behind; MLflow has nothing of its own.
                    how = signal.SIGINT if part == "postgres" else signal.SIGKILL
                    os.killpg(process.pid, how)
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()

    def hold(self, part: str) -> None:
        """Let a part keep its port, but answer nothing."""
        os.killpg(self._processes[part].pid, signal.SIGSTOP)

    def release(self, part: str) -> None:
        """Let a part go on."""
        os.killpg(self._processes[part].pid, signal.SIGCONT)

    def _log(self, part: str) -> Any:
        return (self._folder / f"{part}.log").open("ab")

    def _start(self, part: str, command: list[Any], **kwargs: Any) -> None:
        with self._log(part) as log:
            self._processes[part] = subprocess.Popen(
                list(map(str, command)),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **kwargs,
            )

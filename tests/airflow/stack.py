"""A whole Airflow deployment on the loopback interface: every part a process of its own.

PostgreSQL, Redis, api-server, scheduler, dag-processor, triggerer and a Celery
worker, on free ports, with a password each. Each part leads a process group, by
which it is stopped, whatever it has started itself.
"""

import base64
import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import httpx

PROJECT = Path(__file__).resolve().parents[2]
AIRFLOW_PARTS = ("api-server", "dag-processor", "scheduler", "triggerer", "worker")
AUTH_MANAGER = "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager"
USER = "admin"
TRAINING, INFERENCE, WHOLE = (
    f"user_activity_trends-{name}-base" for name in ("training", "inference", "default")
)
FAULT_SECONDS = 20
"""After so long without a sign of life a task, or a queue, counts as lost."""

T = TypeVar("T")


class NotReadyError(AssertionError):
    """A part has died, or something did not happen in time."""


def free_port() -> int:
    """Return a port on the loopback interface that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def wait_for(what: str, probe: Callable[[], T], seconds: float, every: float = 0.3) -> T:
    """Call ``probe`` until it returns something true, and return that."""
    deadline = time.monotonic() + seconds
    while not (found := probe()):
        if time.monotonic() > deadline:
            msg = f"{what}: not within {seconds:.0f} s"
            raise NotReadyError(msg)
        time.sleep(every)
    return found


def postgres_commands() -> Path | None:
    """Return the folder with PostgreSQL's server commands, which Debian keeps off the PATH."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return folders[-1].parent if folders else None


class Stack:
    """The deployment; start it, use ``api``, break its parts, and stop it whatever happens."""

    def __init__(
        self, folder: Path, airflow: Path, tasks: Path, wrapper: Path, home: Path, webhook: str
    ) -> None:
        """Lay out the deployment; nothing runs yet.

        Args:
            folder: For state and logs of every part; removed by the caller.
            airflow: ``bin`` folder of Airflow's environment.
            tasks: Interpreter of the project's environment.
            wrapper: Command that runs it, which the operator is told of.
            home: Folder that holds ``conf/``, where the tasks run.
            webhook: Address that the connection ``webhook`` has.
        """
        self.folder = folder
        self.home = home
        self.data = folder / "data"
        self.airflow_bin = airflow
        self.tasks = tasks
        self._wrapper = wrapper
        self._webhook = webhook
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self.ports = {
            name: free_port()
            for name in ("postgres", "redis", "api", "logs", "trigger_logs", "health")
        }
        self.passwords = {
            name: secrets.token_hex(24) for name in ("postgres", "redis", "admin", "jwt", "api")
        }
        self.passwords["fernet"] = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
        self._bin = postgres_commands()
        # PostgreSQL refuses to run as root.
        self._as = {"user": "postgres", "group": "postgres", "extra_groups": []}
        if os.geteuid() != 0:
            self._as = {}
        self._api: Api | None = None

    @property
    def url(self) -> str:
        """Return the address of the user interface and of the API."""
        return f"http://127.0.0.1:{self.ports['api']}"

    @property
    def api(self) -> "Api":
        """Return the REST API, logged in."""
        if self._api is None:
            self._api = Api(self.url, self.passwords["admin"])
        return self._api

    def environment(self) -> dict[str, str]:
        """Return the variables that every part of Airflow has in common."""
        secret, port = self.passwords, self.ports
        database = f"airflow:{secret['postgres']}@127.0.0.1:{port['postgres']}/airflow"
        logs = str(self.folder / "logs/tasks")
        settings = {
            "CORE": {
                "EXECUTOR": "CeleryExecutor",
                "DAGS_FOLDER": str(self.folder / "dags"),
                "PLUGINS_FOLDER": str(PROJECT / "airflow/plugins"),
                "LOAD_EXAMPLES": "False",
                "FERNET_KEY": secret["fernet"],
                "AUTH_MANAGER": AUTH_MANAGER,
                "EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
                "PARALLELISM": "8",
            },
            "API": {
                "HOST": "127.0.0.1",
                "PORT": str(port["api"]),
                "BASE_URL": self.url,
                "SECRET_KEY": secret["api"],
                "WORKERS": "1",
            },
            "API_AUTH": {"JWT_SECRET": secret["jwt"]},
            "DATABASE": {"SQL_ALCHEMY_CONN": f"postgresql+psycopg2://{database}"},
            "CELERY": {
                "BROKER_URL": f"redis://:{secret['redis']}@127.0.0.1:{port['redis']}/0",
                "RESULT_BACKEND": f"db+postgresql+psycopg2://{database}",
                "WORKER_CONCURRENCY": "2",
            },
            "SCHEDULER": {
                "TASK_INSTANCE_HEARTBEAT_TIMEOUT": str(FAULT_SECONDS),
                "TASK_INSTANCE_HEARTBEAT_SEC": "5",
                "TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
                "TASK_QUEUED_TIMEOUT": str(FAULT_SECONDS),
                "TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "5",
                "SCHEDULER_HEALTH_CHECK_THRESHOLD": "30",
            },
            "DAG_PROCESSOR": {"REFRESH_INTERVAL": "10", "MIN_FILE_PROCESS_INTERVAL": "10"},
            "LOGGING": {
                "BASE_LOG_FOLDER": logs,
                "DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY": str(self.folder / "logs/processor"),
                "WORKER_LOG_SERVER_PORT": str(port["logs"]),
                "TRIGGER_LOG_SERVER_PORT": str(port["trigger_logs"]),
            },
        }
        named = {
            f"AIRFLOW__{section}__{name}": value
            for section, values in settings.items()
            for name, value in values.items()
        }
        path = f"{self.airflow_bin}{os.pathsep}{os.environ['PATH']}"
        return (
            self.plain_environment()
            | named
            | {
                "AIRFLOW_HOME": str(self.folder / "airflow"),
                "PATH": path,
                "NO_PROXY": "127.0.0.1",
                "USER_ACTIVITY_TRENDS_PYTHON": str(self._wrapper),
                "USER_ACTIVITY_TRENDS_HOME": str(self.home),
                "DATA_ROOT": str(self.data),
                "AIRFLOW_CONN_WEBHOOK": json.dumps({"conn_type": "http", "host": self._webhook}),
            }
        )

    @staticmethod
    def plain_environment() -> dict[str, str]:
        """Return the variables of this process without what concerns Python or Airflow."""
        unwanted = ("AIRFLOW", "PYTHON", "VIRTUAL_ENV", "KEDRO", "COV", "DATA_ROOT")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
        # What is compared with the tasks runs in a repository, and they do not.
        return kept | {"GIT_REVISION": "0" * 40}

    def empty_data(self) -> None:
        """Remove what earlier runs have written."""
        shutil.rmtree(self.data)
        self.data.mkdir()

    def start(self) -> None:
        """Start everything, and wait until each part says that it is well."""
        for name in ("logs/tasks", "airflow", "dags", "data"):
            (self.folder / name).mkdir(parents=True)
        self.start_postgres(first=True)
        self.start_redis()
        self.airflow("db", "migrate")
        self.airflow(
            *("users", "create", "--username", USER, "--role", "Admin", "--email", "a@example.com"),
            *("--firstname", "A", "--lastname", "B", "--password", self.passwords["admin"]),
        )
        for part in AIRFLOW_PARTS:
            self.start_part(part)
        self.wait_until_healthy()

    def airflow(self, *arguments: str) -> None:
        """Run one ``airflow`` command to its end."""
        with self._log("commands") as log:
            subprocess.run(
                [self.airflow_bin / "airflow", *arguments],
                env=self.environment(),
                check=True,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def start_part(self, part: str) -> None:
        """Start a part of Airflow."""
        # Their own servers for logs, which one machine does not need, listen on all addresses.
        command = {
            "worker": ["celery", "worker", "--skip-serve-logs"],
            "triggerer": ["triggerer", "--skip-serve-logs"],
        }.get(part, [part])
        self._start(part, [self.airflow_bin / "airflow", *command], env=self.environment())

    def start_postgres(self, *, first: bool = False) -> None:
        """Start PostgreSQL, and make its database if there is none."""
        assert self._bin is not None
        cluster = self.folder / "postgres"
        if first:
            cluster.mkdir()
            password = self.folder / "postgres-password"
            password.write_text(self.passwords["postgres"])
            for path in (cluster, password):
                if self._as:
                    shutil.chown(path, "postgres", "postgres")
                path.chmod(0o700 if path.is_dir() else 0o600)
            for parent in self.folder.parents[:2] if self._as else ():
                parent.chmod(parent.stat().st_mode | 0o011)
            self.folder.chmod(0o711)
            with self._log("postgres") as log:
                subprocess.run(
                    [
                        *(self._bin / "initdb", "--pgdata", cluster, "--username", "airflow"),
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
        self._start(
            "postgres",
            [
                *(self._bin / "postgres", "-D", cluster, "-p", str(self.ports["postgres"])),
                *("-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="),
                *("-c", "max_connections=200"),
            ],
            cwd=cluster,
            **self._as,
        )
        wait_for("PostgreSQL", self._postgres_answers, 60)
        if first:
            self._psql("postgres", "create database airflow")

    def _postgres_answers(self) -> bool:
        self.check_alive("postgres")
        assert self._bin is not None
        where = ("-h", "127.0.0.1", "-p", str(self.ports["postgres"]))
        ready = subprocess.run([self._bin / "pg_isready", "-q", *where], check=False)
        return ready.returncode == 0

    def _psql(self, database: str, query: str) -> str:
        assert self._bin is not None
        done = subprocess.run(
            [
                *(self._bin / "psql", "-h", "127.0.0.1", "-p", str(self.ports["postgres"])),
                *("-U", "airflow", "-d", database, "-qtA", "-c", query),
            ],
            env={**os.environ, "PGPASSWORD": self.passwords["postgres"]},
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout

    def query(self, query: str) -> str:
        """Ask Airflow's database; rows as lines, fields separated by ``|``."""
        return self._psql("airflow", query)

    def start_redis(self) -> None:
        """Start Redis, empty: it keeps nothing on disk."""
        settings = self.folder / "redis.conf"
        settings.touch(0o600)
        settings.write_text(
            f'bind 127.0.0.1\nport {self.ports["redis"]}\nsave ""\n'
            f"requirepass {self.passwords['redis']}\ndir {self.folder}\n"
        )
        self._start("redis", ["redis-server", settings])
        wait_for("Redis", self._redis_answers, 20)

    def _redis_answers(self) -> bool:
        self.check_alive("redis")
        try:
            with socket.create_connection(("127.0.0.1", self.ports["redis"]), 1) as link:
                link.sendall(f"AUTH {self.passwords['redis']}\r\n".encode())
                return link.recv(16).startswith(b"+OK")
        except OSError:
            return False

    def wait_until_healthy(self, seconds: float = 120) -> None:
        """Wait until the api-server says that scheduler, processor and triggerer are well."""
        wait_for("api-server", self._api_answers, seconds)
        wait_for("all of Airflow", self._all_healthy, seconds)
        wait_for("worker", self._worker_ready, seconds)

    def deploy(self, dags: Path) -> None:
        """Put DAG files in place and wait until Airflow knows them and none has an error."""
        for file in dags.glob("*.py"):
            shutil.copy(file, self.folder / "dags")
        expected = len(list((self.folder / "dags").glob("*.py")))
        wait_for("DAGs", lambda: self.api.get("dags")["total_entries"] == expected, 60)
        assert self.api.get("importErrors")["import_errors"] == []
        for dag in self.api.get("dags")["dags"]:
            self.api.unpause(dag["dag_id"])

    def _api_answers(self) -> bool:
        self.check_alive(*self._processes)
        try:
            return httpx.get(f"{self.url}/api/v2/version", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    def _all_healthy(self) -> bool:
        self.check_alive(*self._processes)
        health = self.api.get("monitor/health")
        return all(part["status"] == "healthy" for part in health.values())

    def _worker_ready(self) -> bool:
        self.check_alive("worker")
        log = (self.folder / "logs/worker.log").read_text(errors="replace")
        return " ready." in log

    def _log(self, part: str) -> Any:
        return (self.folder / "logs" / f"{part}.log").open("ab")

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

    def process(self, part: str) -> int:
        """Return the id of a part's process."""
        return self._processes[part].pid

    def check_alive(self, *parts: str) -> None:
        """Fail, with the end of its log, if a part has died."""
        for part in parts:
            code = self._processes[part].poll()
            if code is not None:
                log = (self.folder / "logs" / f"{part}.log").read_text(errors="replace")
                msg = f"{part} has ended with {code}; the end of its log:\n{log[-3000:]}"
                raise NotReadyError(msg)

    def restart_ended(self) -> None:
        """Start each part of Airflow again that has ended, as ``restart: unless-stopped`` does."""
        for part in [name for name, one in self._processes.items() if one.poll() is not None]:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._processes.pop(part).pid, signal.SIGKILL)  # what it has left behind
            self.start_part(part)

    def kill(self, part: str) -> None:
        """Kill a part, and all of its process group, at once."""
        process = self._processes.pop(part)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def stop_part(self, part: str, how: int) -> None:
        """Ask a part to stop, and wait until it has."""
        process = self._processes.pop(part)
        os.kill(process.pid, how)
        process.wait(60)

    def kill_worker(self, but: int) -> None:
        """Kill the worker and all that it has started at once, except one process."""
        process = self._processes.pop("worker")
        for one in {*_descendants(process.pid), process.pid} - {but}:
            os.kill(one, signal.SIGKILL)
        process.wait()

    def signal_worker(self, how: int) -> None:
        """Send a signal to the worker's process group."""
        os.killpg(self._processes["worker"].pid, how)

    def queue_length(self) -> int:
        """Return how many tasks wait in Redis."""
        done = subprocess.run(
            ["redis-cli", "-p", str(self.ports["redis"]), "llen", "default"],
            env=os.environ | {"REDISCLI_AUTH": self.passwords["redis"]},
            check=True,
            capture_output=True,
            text=True,
        )
        return int(done.stdout)

    def stop(self) -> None:
        """Stop everything by process group, the last started first."""
        if self._api is not None:
            self._api.close()
        for part in reversed(list(self._processes)):
            process = self._processes.pop(part)
            # PostgreSQL: SIGINT does not wait for clients.
            how = signal.SIGINT if part == "postgres" else signal.SIGTERM
            _signal_group(process.pid, how)
            with suppress(subprocess.TimeoutExpired):
                process.wait(15)
            _signal_group(process.pid, signal.SIGKILL)
            process.wait()


def _descendants(process: int) -> set[int]:
    """Return the processes that a process has started, and those that they have."""
    children: dict[int, list[int]] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(status.read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
        children.setdefault(parent, []).append(int(status.parent.name))
    found: set[int] = set()
    waiting = [process]
    while waiting:
        for child in children.get(waiting.pop(), ()):
            found.add(child)
            waiting.append(child)
    return found


def _signal_group(group: int, how: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, how)


class Api:
    """Airflow's REST API, for one user."""

    def __init__(self, url: str, password: str) -> None:
        """Log in."""
        self._client = httpx.Client(base_url=url, timeout=30)
        answer = self._client.post("/auth/token", json={"username": USER, "password": password})
        answer.raise_for_status()
        self._client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def get(self, path: str, **params: Any) -> Any:
        """Return what ``/api/v2/<path>`` holds."""
        return self._client.get(f"/api/v2/{path}", params=params).raise_for_status().json()

    def text(self, path: str) -> str:
        """Return what ``/api/v2/<path>`` holds, as it is."""
        return self._client.get(f"/api/v2/{path}").raise_for_status().text

    def unpause(self, dag: str) -> None:
        """Let the scheduler start runs of a DAG."""
        self._client.patch(f"/api/v2/dags/{dag}", json={"is_paused": False}).raise_for_status()

    def pause(self, dag: str) -> None:
        """Keep the scheduler from starting runs of a DAG."""
        self._client.patch(f"/api/v2/dags/{dag}", json={"is_paused": True}).raise_for_status()

    def clear_run(self, dag: str, run_id: str) -> None:
        """Have a run run again."""
        self._client.post(
            f"/api/v2/dags/{dag}/dagRuns/{run_id}/clear", json={"dry_run": False}
        ).raise_for_status()

    def trigger(self, dag: str, *, logical_date: str | None = None, **conf: Any) -> str:
        """Start a run and return its id."""
        answer = self._client.post(
            f"/api/v2/dags/{dag}/dagRuns", json={"logical_date": logical_date, "conf": conf}
        )
        if answer.is_error:
            raise AssertionError(answer.text)
        return str(answer.json()["dag_run_id"])

    def post(self, path: str, body: Any) -> httpx.Response:
        """Post to ``/api/v2/<path>`` and return the answer, whatever it is."""
        return self._client.post(f"/api/v2/{path}", json=body)

    def run(self, dag: str, run_id: str) -> dict[str, Any]:
        """Return what is known of a run."""
        found: dict[str, Any] = self.get(f"dags/{dag}/dagRuns/{run_id}")
        return found

    def wait_for_run(self, dag: str, run_id: str, seconds: float = 120) -> dict[str, Any]:
        """Wait until a run has ended, and return what is known of it."""

        def ended() -> dict[str, Any] | None:
            found = self.run(dag, run_id)
            return found if found["state"] in {"success", "failed"} else None

        return wait_for(f"{dag} {run_id}", ended, seconds)

    def tasks(self, dag: str, run_id: str) -> dict[str, dict[str, Any]]:
        """Return the task instances of a run, by task."""
        found = self.get(f"dags/{dag}/dagRuns/{run_id}/taskInstances")["task_instances"]
        return {one["task_id"]: one for one in found}

    def log(self, dag: str, run_id: str, task: str, attempt: int) -> str:
        """Return the log of one attempt at a task."""
        return json.dumps(
            self.get(f"dags/{dag}/dagRuns/{run_id}/taskInstances/{task}/logs/{attempt}")
        )

"""A whole Airflow on this machine, until Ctrl-C: ``make airflow``.

SQLite and the local executor, on the loopback interface, with the DAGs of this
project. State, logs and the password are in ``.airflow``, which can be deleted.
Run by the interpreter of Airflow's environment; standard library only.
"""

import base64
import fcntl
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
HOME = PROJECT / ".airflow"
AIRFLOW = Path(sys.executable).with_name("airflow")
USUAL_PORT = 8080
READY_SECONDS = 180
STOP_SECONDS = 20

PARTS = (
    ("api-server",),
    # Their own servers for logs, which nobody needs on one machine, listen on all addresses.
    ("scheduler", "--skip-serve-logs"),
    ("triggerer", "--skip-serve-logs"),
    ("dag-processor",),
)

Process = subprocess.Popen[bytes]


def main() -> int:
    """Start Airflow, say where it is, and stop it on Ctrl-C."""
    # Also where a shell has told this process to ignore them, as it does in the background.
    for how in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(how, signal.default_int_handler)
    HOME.mkdir(mode=0o700, exist_ok=True)
    with (HOME / "lock").open("w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Airflow of this folder is running already", file=sys.stderr)
            return 1
        processes: list[Process] = []
        try:
            return run(processes)
        except KeyboardInterrupt:
            print("\nstopping ...", flush=True)
            return 0
        finally:
            stop(processes)


def run(processes: list[Process]) -> int:
    """Start the parts of Airflow, add them to ``processes``, and wait until one ends."""
    known = own_secrets(HOME / "secrets.json")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    variables = environment(known, port, url)
    log = HOME / "airflow.log"
    told = log.relative_to(PROJECT)
    print(f"Airflow is starting, in about a minute; its log is {told}", flush=True)
    with log.open("ab") as output:
        for command in (("db", "migrate"), *PARTS):
            processes.append(
                subprocess.Popen(
                    [AIRFLOW, *command],
                    env=variables,
                    cwd=HOME,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,  # Ctrl-C is for this process, which stops the others
                )
            )
            if command == ("db", "migrate") and processes.pop().wait() != 0:
                print(f"the database cannot be made; see {told}", file=sys.stderr)
                return 1
    if not wait_until_ready(processes, url):
        print(f"some part of Airflow is not well; see {told}", file=sys.stderr)
    print(f"\n  address   {url}\n  user      admin\n  password  {known['password']}\n")
    print("Ctrl-C stops it.", flush=True)
    while all(process.poll() is None for process in processes):
        time.sleep(1)
    print(f"a part of Airflow has ended; see {told}", file=sys.stderr)
    return 1


def environment(known: dict[str, str], port: int, url: str) -> dict[str, str]:
    """Return the variables of Airflow, all settings included."""
    passwords = HOME / "passwords.json"
    write_private(passwords, json.dumps({"admin": known["password"]}))
    settings = {
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": 4,
        "CORE__DAGS_FOLDER": PROJECT / "airflow/dags",
        "CORE__PLUGINS_FOLDER": PROJECT / "airflow/plugins",
        "CORE__LOAD_EXAMPLES": False,
        "CORE__DAGS_ARE_PAUSED_AT_CREATION": False,
        "CORE__FERNET_KEY": known["fernet"],
        "CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin",
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": passwords,
        "CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{HOME}/airflow.db",
        "LOGGING__BASE_LOG_FOLDER": HOME / "logs",
        "API__HOST": "127.0.0.1",
        "API__PORT": port,
        "API__BASE_URL": url,
        "API__SECRET_KEY": known["api"],
        "API__WORKERS": 1,
        "API_AUTH__JWT_SECRET": known["jwt"],
    }
    return {
        **os.environ,
        **{f"AIRFLOW__{name}": str(value) for name, value in settings.items()},
        "AIRFLOW_HOME": str(HOME),
        "NO_PROXY": f"127.0.0.1,{os.environ.get('NO_PROXY', '')}".rstrip(","),
        "no_proxy": f"127.0.0.1,{os.environ.get('no_proxy', '')}".rstrip(","),
        "PATH": f"{AIRFLOW.parent}{os.pathsep}{os.environ['PATH']}",
        "USER_ACTIVITY_TRENDS_PYTHON": str(PROJECT / ".venv-tasks/bin/python"),
        "USER_ACTIVITY_TRENDS_HOME": str(PROJECT),
    }


def own_secrets(file: Path) -> dict[str, str]:
    """Return the password of ``admin`` and Airflow's keys, which are made at the first start."""
    if not file.exists():
        made = {name: secrets.token_hex(64) for name in ("api", "jwt")}
        made["fernet"] = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
        made["password"] = secrets.token_hex(12)
        write_private(file, json.dumps(made))
    known: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))
    return known


def write_private(file: Path, text: str) -> None:
    """Write a file that nobody but its owner can read at any time."""
    opened = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(opened, "w", encoding="utf-8") as new:
        new.write(text)


def free_port() -> int:
    """Return the usual port, or any other if somebody listens on it."""
    for port in (USUAL_PORT, 0):
        with socket.socket() as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                tried.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(tried.getsockname()[1])
    msg = "there is no free port on 127.0.0.1"
    raise SystemExit(msg)


def wait_until_ready(processes: list[Process], url: str) -> bool:
    """Wait until every part says that it is well; False if one has ended or time is up."""
    deadline = time.monotonic() + READY_SECONDS
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while time.monotonic() < deadline and all(one.poll() is None for one in processes):
        with suppress(urllib.error.URLError, OSError):
            with direct.open(f"{url}/api/v2/monitor/health", timeout=5) as answer:
                health = json.load(answer)
            # The address answers 200 with a dead scheduler as well.
            if all(part["status"] == "healthy" for part in health.values()):
                return True
        time.sleep(1)
    return False


def stop(processes: list[Process]) -> None:
    """Ask all of Airflow to stop, and see to it that it does, with all that it has started."""
    for process in processes:
        signal_group(process, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    for process in processes:
        with suppress(subprocess.TimeoutExpired):
            process.wait(max(0.1, deadline - time.monotonic()))
        signal_group(process, signal.SIGKILL)


def signal_group(process: Process, how: int) -> None:
    """Send a signal to a process and to all of its group."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, how)


if __name__ == "__main__":
    sys.exit(main())

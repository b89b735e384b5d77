"""A whole Airflow on this machine, until Ctrl-C: ``make airflow``.

SQLite and the local executor, on the loopback interface, with the DAGs of this
project. State, logs and the password are in ``.airflow``, which can be deleted.
Run by the interpreter of Airflow's environment; standard library only.
"""

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
USUAL_PORT = 8080
READY_SECONDS = 180
STOP_SECONDS = 30


def main() -> int:
    """Start Airflow, say where it is, and stop it on Ctrl-C."""
    HOME.mkdir(mode=0o700, exist_ok=True)
    password = own_password(HOME / "passwords.json")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    log = HOME / "airflow.log"
    # What ends this process ends Airflow as well, a terminal that is closed included.
    for how in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(how, lambda *_: signal.raise_signal(signal.SIGINT))
    print(f"Airflow is starting, in about a minute; its log is {log.relative_to(PROJECT)}")
    with log.open("ab") as output:
        process = subprocess.Popen(
            [Path(sys.executable).with_name("airflow"), "standalone"],
            env=environment(port, url),
            cwd=HOME,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is ours: it stops the whole group, in order
        )
    try:
        wait_until_ready(process, url)
        print(f"\n  address   {url}\n  user      admin\n  password  {password}\n")
        print("Ctrl-C stops it.", flush=True)
        code = process.wait()
    except KeyboardInterrupt:
        print("\nstopping ...", flush=True)
        return 0
    else:
        print(f"Airflow has ended with {code}; see {log.relative_to(PROJECT)}", file=sys.stderr)
        return 1
    finally:
        stop(process)


def environment(port: int, url: str) -> dict[str, str]:
    """Return the variables of Airflow, all settings included."""
    settings = {
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__DAGS_FOLDER": PROJECT / "airflow/dags",
        "CORE__PLUGINS_FOLDER": PROJECT / "airflow/plugins",
        "CORE__LOAD_EXAMPLES": False,
        "CORE__DAGS_ARE_PAUSED_AT_CREATION": False,
        "CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin",
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": HOME / "passwords.json",
        "CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{HOME}/airflow.db",
        "LOGGING__BASE_LOG_FOLDER": HOME / "logs",
        "API__HOST": "127.0.0.1",
        "API__PORT": port,
        "API__BASE_URL": url,
        "API__WORKERS": 1,
    }
    return {
        **os.environ,
        **{f"AIRFLOW__{name}": str(value) for name, value in settings.items()},
        "AIRFLOW_HOME": str(HOME),
        "NO_PROXY": f"127.0.0.1,{os.environ.get('NO_PROXY', '')}".rstrip(","),
        "no_proxy": f"127.0.0.1,{os.environ.get('no_proxy', '')}".rstrip(","),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "USER_ACTIVITY_TRENDS_PYTHON": str(PROJECT / ".venv-tasks/bin/python"),
        "USER_ACTIVITY_TRENDS_HOME": str(PROJECT),
    }


def own_password(file: Path) -> str:
    """Return the password of ``admin``, which is made at the first start."""
    if not file.exists():
        opened = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(opened, "w", encoding="utf-8") as new:
            json.dump({"admin": secrets.token_urlsafe(12)}, new)
    return str(json.loads(file.read_text(encoding="utf-8"))["admin"])


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


def wait_until_ready(process: "subprocess.Popen[bytes]", url: str) -> None:
    """Wait until every part says that it is well, or Airflow has ended."""
    deadline = time.monotonic() + READY_SECONDS
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    health_page = f"{url}/api/v2/monitor/health"
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with direct.open(health_page, timeout=5) as answer:
                health = json.load(answer)
            # The address answers 200 with a dead scheduler as well.
            if all(health[part]["status"] == "healthy" for part in health):
                return
        except (urllib.error.URLError, OSError):
            pass
        time.sleep(1)
    if process.poll() is None:
        print("some part of Airflow is not well yet; see its log", file=sys.stderr)


def stop(process: "subprocess.Popen[bytes]") -> None:
    """Ask all of Airflow to stop, and see to it that it does."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, how)
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            continue
        except ProcessLookupError:
            return
        break
    # What the parts have started themselves.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())

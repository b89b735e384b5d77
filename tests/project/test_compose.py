"""The deployment in airflow/: secrets, images, rights and health, as far as files tell."""

import base64
import http.server
import json
import os
import re
import runpy
import shutil
import stat
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

PROJECT = Path(__file__).resolve().parents[2]
AIRFLOW = PROJECT / "airflow"
COMPOSE = AIRFLOW / "compose.yaml"
DOCKERFILE = AIRFLOW / "Dockerfile"
SECRETS = [
    "AIRFLOW_ADMIN_PASSWORD",
    "AIRFLOW_API_SECRET_KEY",
    "AIRFLOW_FERNET_KEY",
    "AIRFLOW_JWT_SECRET",
    "POSTGRES_PASSWORD",
    "REDIS_PASSWORD",
]
PARTS = ["api-server", "dag-processor", "scheduler", "triggerer", "worker"]
LASTING = [*PARTS, "postgres", "redis"]
SERVICES = [*LASTING, "init"]


def _program(name: str) -> str:
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        pytest.skip(f"this machine cannot have {name}: it is not installed")
    return found


def _compose(values: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Let docker-compose read the file with these values in .env."""
    command = _program("docker-compose")
    (folder / "airflow").mkdir()
    shutil.copy(COMPOSE, folder / "airflow")
    (folder / "airflow/.env").write_text(
        "".join(f"{name}={value}\n" for name, value in values.items())
    )
    return subprocess.run(
        [command, "-f", str(folder / "airflow/compose.yaml"), "config"],
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def env_tool(tmp_path: Path) -> Path:
    """Return a copy of the tool that writes airflow/.env, in a project of its own."""
    (tmp_path / "project/tools").mkdir(parents=True)
    (tmp_path / "project/airflow").mkdir()
    shutil.copy(PROJECT / "tools/airflow_env.py", tmp_path / "project/tools")
    return tmp_path / "project/tools/airflow_env.py"


def _write_env(tool: Path, umask: int = -1) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(tool)],
        capture_output=True,
        text=True,
        check=False,
        umask=umask,
    )


def _variables(tool: Path) -> dict[str, str]:
    lines = (tool.parents[1] / "airflow/.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines)


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    """Return the services as YAML alone resolves them."""
    found: dict[str, Any] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]
    return found


# --- secrets -------------------------------------------------------------------------------


def test_every_variable_is_required() -> None:
    text = COMPOSE.read_text(encoding="utf-8")

    # What remains of $ is for a shell in the container.
    used = re.findall(r"\$(.[^}\s]*)", text.replace("$$", ""))

    assert used
    assert [one for one in used if not re.match(r"\{[A-Z_]+:\?", one)] == []
    assert sorted({*re.findall(r"\$\{(\w+):\?", text)}) == SECRETS


def test_with_all_secrets_the_file_is_accepted_and_carries_them(
    tmp_path: Path, env_tool: Path
) -> None:
    assert _write_env(env_tool).returncode == 0
    written = _variables(env_tool)

    done = _compose(written, tmp_path)

    assert done.returncode == 0, done.stderr
    resolved = yaml.safe_load(done.stdout)["services"]
    assert sorted(resolved) == sorted(SERVICES)
    same = [
        ("AIRFLOW__CORE__FERNET_KEY", "AIRFLOW_FERNET_KEY", "{}"),
        ("AIRFLOW__API_AUTH__JWT_SECRET", "AIRFLOW_JWT_SECRET", "{}"),
        ("AIRFLOW__API__SECRET_KEY", "AIRFLOW_API_SECRET_KEY", "{}"),
        ("AIRFLOW__CELERY__BROKER_URL", "REDIS_PASSWORD", "redis://:{}@redis:6379/0"),
        (
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN",
            "POSTGRES_PASSWORD",
            "postgresql+psycopg2://airflow:{}@postgres/airflow",
        ),
    ]
    for part in [*PARTS, "init"]:
        environment = resolved[part]["environment"]
        for setting, secret, form in same:
            assert environment[setting] == form.format(written[secret]), (part, setting)
    assert resolved["postgres"]["environment"]["POSTGRES_PASSWORD"] == written["POSTGRES_PASSWORD"]
    assert resolved["redis"]["environment"]["REDISCLI_AUTH"] == written["REDIS_PASSWORD"]


@pytest.mark.parametrize("missing", SECRETS)
@pytest.mark.parametrize("how", ["absent", "empty"])
def test_without_a_secret_the_file_is_refused_by_name(
    missing: str, how: str, tmp_path: Path
) -> None:
    values = dict.fromkeys(SECRETS, "x")
    if how == "absent":
        del values[missing]
    else:
        values[missing] = ""

    done = _compose(values, tmp_path)

    assert done.returncode != 0
    assert missing in done.stderr
    assert "make airflow-env" in done.stderr


def test_no_secret_is_an_argument(services: dict[str, Any]) -> None:
    for name, service in services.items():
        given = json.dumps([service.get("command"), service.get("healthcheck")])
        # A shell's own variable ($$) is neither expanded by compose nor seen by the process list,
        # as long as it only goes to a builtin or to standard input.
        assert "${" not in given, name
        assert "--password" not in given, name
        assert "requirepass" not in given or "redis-server - <<END" in given, name


def test_postgres_asks_for_a_password_within_the_container_too(services: dict[str, Any]) -> None:
    environment = services["postgres"]["environment"]

    assert environment["POSTGRES_INITDB_ARGS"] == "--auth=scram-sha-256"
    assert environment["POSTGRES_HOST_AUTH_METHOD"] == "scram-sha-256"


# --- images, ports, rights -----------------------------------------------------------------


def test_images_are_pinned(services: dict[str, Any]) -> None:
    images = {name: service["image"] for name, service in services.items()}
    version = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["version"]

    ours = {images.pop(name) for name in [*PARTS, "init"]}

    assert ours == {f"user-activity-trends-airflow:{version}"}
    assert sorted(images) == ["postgres", "redis"]
    for image in images.values():
        assert re.fullmatch(r"[a-z]+:\d+\.\d+(\.\d+)?-bookworm", image), image
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE.read_text(), flags=re.MULTILINE)
    assert len(bases) == 2
    for base in bases:
        assert re.fullmatch(r"python:3\.\d+\.\d+-slim-[a-z]+(@sha256:[0-9a-f]{64})?", base), base


def test_one_port_is_published_and_on_the_loopback_interface_only(
    services: dict[str, Any],
) -> None:
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}

    assert published == {"api-server": ["127.0.0.1:8080:8080"]}
    assert [name for name, service in services.items() if "network_mode" in service] == []


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_no_more_rights_than_it_needs(name: str, services: dict[str, Any]) -> None:
    service = services[name]

    assert not {"privileged", "cap_add", "devices", "pid", "ipc", "userns_mode"} & {*service}
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["init"] is True
    assert {"mem_limit", "cpus", "pids_limit"} <= {*service}
    assert service["logging"]["options"] == {"max-size": "10m", "max-file": "5"}
    # Named volumes, no folder of the host.
    for volume in service.get("volumes", []):
        assert re.fullmatch(r"(database|logs|data):/[a-z_/]+", volume)
    if name in PARTS or name == "init":
        assert "user" not in service, "the image's own, see below"
    else:
        assert service["user"] == "999:999"


def test_only_the_worker_sees_the_data_and_where_the_image_looks_for_it(
    services: dict[str, Any],
) -> None:
    (root,) = re.findall(r"^\s*DATA_ROOT=(\S+)", DOCKERFILE.read_text(), flags=re.MULTILINE)
    seen = {
        name: service["volumes"]
        for name, service in services.items()
        if any(volume.startswith("data:") for volume in service.get("volumes", []))
    }

    assert seen == {"worker": ["logs:/opt/airflow/logs", f"data:{root}"]}


def test_database_and_queue_are_reached_by_airflow_only(services: dict[str, Any]) -> None:
    networks = yaml.safe_load(COMPOSE.read_text())["networks"]

    assert networks["stores"] == {"internal": True}
    for name in ("postgres", "redis"):
        assert services[name]["networks"] == ["stores"]


def test_the_image_runs_as_a_fixed_user_who_owns_no_code() -> None:
    text = DOCKERFILE.read_text()
    last = text[text.rindex("\nFROM ") :]

    (user,) = re.findall(r"^USER (.*)$", last, flags=re.MULTILINE)
    (default,) = re.findall(r"^ARG USER_ID=(\d+)$", last, flags=re.MULTILINE)
    assert user == "$USER_ID:0"
    assert int(default) > 0
    assert "--chown" not in last
    assert not re.search(r"\b(pip|apt-get|curl)\b", last)
    assert last.index("COPY") < last.index("USER ")


def test_nothing_is_installed_but_by_hash_and_nothing_at_start_up(
    services: dict[str, Any],
) -> None:
    text = DOCKERFILE.read_text().replace("\\\n", " ")
    installing = re.findall(r"pip install[^&\n]*", text)

    assert len(installing) == 4
    for command in installing:
        assert ("--require-hashes" in command) != ("--no-index" in command), command
    for name, service in services.items():
        given = json.dumps([service.get("command"), service.get("entrypoint")])
        assert not re.search(r"\b(pip|uv|apt|apt-get|curl|wget)\b", given), name
    assert "_PIP_ADDITIONAL_REQUIREMENTS" not in COMPOSE.read_text()


def test_the_build_gets_what_it_needs_and_no_secret_or_data() -> None:
    lines = (AIRFLOW / "Dockerfile.dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    text = DOCKERFILE.read_text()
    copied = {
        source
        for sources in re.findall(r"^COPY (?!--from)(.*) \S+$", text, flags=re.MULTILINE)
        for source in sources.split()
    }
    let_in = {rule.removeprefix("!") for rule in rules if rule.startswith("!")}

    assert rules[0] == "*"
    for source in copied:
        assert (PROJECT / source).exists(), source
        assert {source, str(Path(source).parent)} & let_in, source
    for rule in let_in:
        assert any(source == rule or source.startswith(f"{rule}/") for source in copied), rule
    after = rules[max(rules.index(rule) for rule in rules if rule.startswith("!")) + 1 :]
    assert {"conf/local", "**/.env"} <= {*after}


def test_hadolint_has_nothing_to_say() -> None:
    done = subprocess.run(
        [_program("hadolint"), str(DOCKERFILE)], capture_output=True, text=True, check=False
    )

    assert done.stdout + done.stderr == ""
    assert done.returncode == 0


def test_celery_stays_below_the_version_that_cannot_be_imported() -> None:
    locked = (PROJECT / "requirements/airflow.txt").read_text()

    assert re.findall(r"^apache-airflow==(\S+)", locked, flags=re.MULTILINE) == ["3.3.2"]
    ((major, minor),) = re.findall(r"^celery==(\d+)\.(\d+)", locked, flags=re.MULTILINE)
    assert (int(major), int(minor)) < (5, 7)


# --- health --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LASTING)
def test_what_runs_on_is_restarted_and_has_a_health_check(
    name: str, services: dict[str, Any]
) -> None:
    service = services[name]

    assert service["restart"] == "unless-stopped"
    assert {"test", "interval", "timeout", "retries"} <= {*service["healthcheck"]}
    if name in PARTS:
        assert service["healthcheck"]["test"] == ["CMD", "python", "/opt/airflow/health.py", name]
        assert service["depends_on"]["init"] == {"condition": "service_completed_successfully"}


def test_preparing_the_database_ends_and_waits_for_it(services: dict[str, Any]) -> None:
    assert services["init"]["restart"] == "no"
    assert services["init"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}


WELL = {
    "metadatabase": {"status": "healthy"},
    "scheduler": {"status": "healthy"},
    "triggerer": {"status": "healthy"},
    "dag_processor": {"status": "healthy"},
}


@pytest.fixture
def server() -> Iterator[SimpleNamespace]:
    """Return an api-server that tells its ``health`` with the ``status`` 200, like Airflow's."""
    told = SimpleNamespace(health=WELL, status=200)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(told.status if self.path.endswith("/health") else 404)
            self.end_headers()
            self.wfile.write(json.dumps(told.health).encode())

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        told.url = f"http://127.0.0.1:{listening.server_port}"
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield told
        listening.shutdown()


def _check(part: str, server: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run health.py's check of a part; return what it exits with, None if it is well."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    loaded = runpy.run_path(str(AIRFLOW / "health.py"))
    check = loaded["PARTS"][part]
    check.__globals__.update(API=server.url, SCHEDULER=server.url)
    try:
        check()
    except (SystemExit, OSError) as ended:
        return ended
    return None


@pytest.mark.parametrize(
    ("part", "key"),
    [
        ("api-server", "metadatabase"),
        ("dag-processor", "dag_processor"),
        ("triggerer", "triggerer"),
    ],
)
@pytest.mark.parametrize("status", ["unhealthy", None])
def test_a_dead_part_is_seen_behind_the_status_200(
    part: str,
    key: str,
    status: str | None,
    server: SimpleNamespace,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert _check(part, server, monkeypatch) is None

    server.health = WELL | {key: {"status": status}}
    assert str(_check(part, server, monkeypatch)) == f"{key}: {status}"


def test_a_dead_scheduler_is_seen_by_the_status_of_its_health_server(
    server: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _check("scheduler", server, monkeypatch) is None

    server.status = 503
    assert isinstance(_check("scheduler", server, monkeypatch), OSError)


def test_a_part_that_does_not_answer_is_not_well() -> None:
    """Nothing here has the name api-server."""
    done = subprocess.run(
        [sys.executable, str(AIRFLOW / "health.py"), "api-server"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr.startswith("api-server: ")
    assert "Traceback" not in done.stderr


# --- faults --------------------------------------------------------------------------------


def test_settings_for_faults_leave_room_for_what_is_no_fault(services: dict[str, Any]) -> None:
    environment = services["scheduler"]["environment"]
    heartbeat = int(environment["AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT"])
    queued = int(environment["AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT"])

    # Bring-up of the api-server, which takes the heartbeats, needs up to a minute.
    assert 60 < heartbeat <= 300
    assert heartbeat < queued <= 600
    assert services["worker"]["stop_grace_period"] == "15m"
    configured = yaml.safe_load((PROJECT / "conf/base/airflow.yml").read_text())
    dags = [name for name in configured if name != "default"]
    concurrency = int(environment["AIRFLOW__CELERY__WORKER_CONCURRENCY"])
    assert concurrency >= len(dags), "or a task may wait longer than the queue's timeout"


# --- tools/airflow_env.py ------------------------------------------------------------------


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_the_secrets_are_the_owners_alone(umask: int, env_tool: Path) -> None:
    done = _write_env(env_tool, umask)

    assert done.returncode == 0, done.stderr
    mode = (env_tool.parents[1] / "airflow/.env").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600


def test_the_secrets_are_never_readable_by_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither when the file is made, before its mode could be changed."""
    opened: list[tuple[int, int]] = []
    real = os.open

    def watched(path: Any, flags: int, mode: int = 0o777, **kwargs: Any) -> int:
        opened.append((flags, mode))
        return real(path, flags, mode, **kwargs)

    write = runpy.run_path(str(PROJECT / "tools/airflow_env.py"))["write"]
    monkeypatch.setattr(os, "open", watched)
    write(tmp_path / ".env")

    ((flags, mode),) = opened
    assert flags & os.O_EXCL
    assert flags & os.O_CREAT
    assert mode == 0o600


def test_all_that_compose_asks_for_is_written_and_can_stand_in_an_address(env_tool: Path) -> None:
    _write_env(env_tool)
    written = _variables(env_tool)

    assert written.pop("COMPOSE_PROJECT_NAME") == "user_activity_trends"
    assert sorted(written) == SECRETS
    for name, value in written.items():
        assert re.fullmatch(r"[A-Za-z0-9_-]{24,}=?", value), name
    assert len(base64.urlsafe_b64decode(written["AIRFLOW_FERNET_KEY"])) == 32
    # HS512, with which Airflow signs, wants a key of 64 bytes.
    assert len(written["AIRFLOW_JWT_SECRET"]) >= 64


def test_each_file_has_secrets_of_its_own() -> None:
    fresh = runpy.run_path(str(PROJECT / "tools/airflow_env.py"))["fresh"]
    one, other = fresh(), fresh()

    values = [values[name] for values in (one, other) for name in SECRETS]
    assert len({*values}) == 2 * len(SECRETS)


def test_a_file_that_exists_is_kept(env_tool: Path) -> None:
    _write_env(env_tool)
    file = env_tool.parents[1] / "airflow/.env"
    before = file.read_bytes()

    done = _write_env(env_tool)

    assert done.returncode == 1
    assert f"{file} exists and was not changed" in done.stderr
    assert "Traceback" not in done.stderr
    assert file.read_bytes() == before


def test_the_secrets_are_not_for_git() -> None:
    done = subprocess.run(
        ["git", "check-ignore", "--quiet", "airflow/.env"],  # noqa: S607
        cwd=PROJECT,
        check=False,
    )

    assert done.returncode == 0

"""Setting up says what is missing, does it once, and passes paths on as they are."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
DEBIAN = "sudo apt-get install python3 python3-venv"

RECORD = 'for one in "$0" "$@"; do printf "%s\\n" "$one"; done >> "$RECORD"\n'
"""Shell line: note name and arguments, one a line."""


def _program(path: Path, *lines: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n" + "\n".join(lines) + "\n")
    path.chmod(0o755)
    return path


def _recorded(record: Path) -> list[str]:
    return record.read_text().splitlines() if record.exists() else []


# --- tools/install -------------------------------------------------------------------------


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """Return the one folder in which programs are found; it has what every system has."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("mkdir", "rm"):
        found = shutil.which(name)
        assert found
        (folder / name).symlink_to(found)
    return folder


def _install(programs: Path) -> subprocess.CompletedProcess[str]:
    folder = programs.parent
    (folder / "requirements.txt").touch()
    return subprocess.run(
        [str(PROJECT / "tools/install"), "environment", "requirements.txt"],
        cwd=folder,
        env={"PATH": str(programs), "RECORD": str(folder / "record")},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("found", [(), ("python3", "python3.12")], ids=["none", "too old"])
def test_without_uv_and_a_recent_python_the_message_names_debians_packages(
    programs: Path, found: tuple[str, ...]
) -> None:
    for name in found:
        _program(programs / name, 'if [ "$1" = -c ]; then exit 1; fi', RECORD)

    done = _install(programs)

    assert done.returncode == 1
    assert "Python 3.11 or newer is needed" in done.stderr
    assert DEBIAN in done.stderr
    assert done.stdout == ""
    assert not (programs.parent / "environment").exists()
    assert _recorded(programs.parent / "record") == []


def test_a_python_without_venv_is_named_and_leaves_no_half_made_environment(
    programs: Path,
) -> None:
    """As Debian's python3 without python3-venv: it makes the folder, then finds no ensurepip."""
    python = _program(
        programs / "python3",
        'if [ "$1" = -c ]; then exit 0; fi',
        'mkdir -p "$3/bin"; : > "$3/bin/python"; echo "ensurepip is not available" >&2; exit 1',
    )

    done = _install(programs)

    assert done.returncode == 1
    assert f"{python} cannot make a virtual environment" in done.stderr
    assert "sudo apt-get install python3-venv" in done.stderr
    assert "Installing" not in done.stdout
    assert not (programs.parent / "environment").exists()


def test_a_uv_that_finds_no_python_is_told(programs: Path) -> None:
    _program(programs / "uv", "exit 2")

    done = _install(programs)

    assert done.returncode == 1
    assert "uv could not make the environment environment" in done.stderr
    assert "3.11" in done.stderr
    assert "Installing" not in done.stdout


def test_with_uv_packages_are_checked_by_hash_and_compiled(programs: Path) -> None:
    uv = _program(programs / "uv", RECORD)

    done = _install(programs)

    assert done.returncode == 0, done.stderr
    made, installed = ["venv", "--quiet", "environment"], _recorded(programs.parent / "record")
    assert installed[: len(made) + 1] == [str(uv), *made]
    command = installed[len(made) + 1 :]
    assert command[:3] == [str(uv), "pip", "install"]
    assert {"--require-hashes", "--compile-bytecode"} <= {*command}
    assert command[command.index("--python") + 1] == "environment/bin/python"
    assert command[command.index("--requirement") + 1] == "requirements.txt"


def test_without_uv_venv_and_pip_do_the_same(programs: Path) -> None:
    _program(
        programs / "python3",
        'if [ "$1" = -c ]; then exit 0; fi',
        RECORD,
        'mkdir -p "$3/bin"; : > "$3/bin/python"',
        f"printf '#!/bin/sh\\n%s' '{RECORD}' > \"$3/bin/pip\"",
        f'{shutil.which("chmod")} +x "$3/bin/python" "$3/bin/pip"',
    )

    done = _install(programs)

    assert done.returncode == 0, done.stderr
    recorded = _recorded(programs.parent / "record")
    assert recorded[1:4] == ["-m", "venv", "environment"]
    assert recorded[4:6] == ["environment/bin/pip", "install"]
    assert "--require-hashes" in recorded
    assert recorded[recorded.index("--requirement") + 1] == "requirements.txt"


def test_packages_that_cannot_be_installed_are_a_failure(programs: Path) -> None:
    _program(programs / "uv", '[ "$1" = venv ]')

    assert _install(programs).returncode != 0


# --- make ----------------------------------------------------------------------------------


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a folder with the Makefile, whose tools/install makes a kedro that only records."""
    folder = tmp_path / "copy"
    folder.mkdir()
    shutil.copy(PROJECT / "Makefile", folder)
    (folder / "requirements").mkdir()
    for name in ("runtime", "dev", "viz"):
        (folder / f"requirements/{name}.txt").touch()
    _program(
        folder / "tools/install",
        'echo "Installing $2 into $1 ..."',
        '[ ! -e "$REFUSE" ] || exit 1',
        'mkdir -p "$1/bin"',
        f"printf '#!/bin/sh\\n%s' '{RECORD}' > \"$1/bin/kedro\"",
        'chmod +x "$1/bin/kedro"',
    )
    return folder


def _make(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    ours = {"SESSIONS", "NEW", "RECIPE", "PARAMS", "MAKEFLAGS", "MAKELEVEL", "MFLAGS"}
    kept = {name: value for name, value in os.environ.items() if name not in ours}
    return subprocess.run(
        ["make", *arguments],  # noqa: S607
        cwd=folder,
        env=kept | {"RECORD": str(folder / "record"), "REFUSE": str(folder / "refuse")} | variables,
        capture_output=True,
        text=True,
        check=False,
    )


def _params(folder: Path) -> str:
    """Return what kedro was given for --params; it must have been run once, and so."""
    recorded = (folder / "record").read_text().removesuffix("\n")
    start = ".venv/bin/kedro\nrun\n--params\n"
    assert recorded.startswith(start)
    assert recorded.count(start) == 1
    return recorded.removeprefix(start)


@pytest.mark.parametrize("arguments", [(), ("help",)])
def test_help_lists_every_target_and_is_what_make_alone_does(arguments: tuple[str, ...]) -> None:
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    (listed,) = re.findall(r"^\.PHONY: (.*)$", makefile, flags=re.MULTILINE)

    done = _make(PROJECT, *arguments)

    assert done.returncode == 0
    shown = [line.split(maxsplit=1) for line in done.stdout.splitlines() if line.startswith("  ")]
    assert sorted(name for name, _ in shown) == sorted(listed.split())
    assert {"help", "run", "test", "check", "bench", "viz", "real-data"} <= {*listed.split()}


@pytest.mark.parametrize(
    ("arguments", "params"),
    [
        ([], ""),
        (["SESSIONS=a.csv"], "sessions_file=a.csv"),
        (["NEW=b.csv"], "new_sessions_file=b.csv"),
        (
            [
                "PARAMS=clustering.sweep.k_max=4,columns.id=v",
                "RECIPE=log",
                "NEW=b",
                "SESSIONS=a",
            ],
            "sessions_file=a,new_sessions_file=b,recipe=log,clustering.sweep.k_max=4,columns.id=v",
        ),
    ],
)
def test_make_run_hands_its_variables_to_kedro(
    arguments: list[str], params: str, copy: Path
) -> None:
    done = _make(copy, "run", *arguments)

    assert done.returncode == 0, done.stderr
    assert _params(copy) == params


NAMES = [
    "a b.csv",
    "a b;$(touch X).csv",
    "$(shell touch X).csv",
    "`touch X`.csv",
    "a'b\"c.csv",
    "a; touch X; b.csv",
    "a && touch X.csv",
    "$HOME.csv",
    "$$.csv",
    "*.csv",
    "a\\b.csv",
    "#a.csv",
]


@pytest.mark.parametrize("variable", ["SESSIONS", "NEW"])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("way", ["argument", "environment"])
def test_a_path_is_never_taken_for_code(way: str, name: str, variable: str, copy: Path) -> None:
    if way == "argument":
        done = _make(copy, "run", f"{variable}={name}")
    else:
        done = _make(copy, "run", **{variable: name})

    assert not (copy / "X").exists()
    assert done.returncode == 0, done.stderr
    setting = {"SESSIONS": "sessions_file", "NEW": "new_sessions_file"}[variable]
    assert _params(copy) == f"{setting}={name}"


def test_a_dry_run_shows_no_value_as_code(copy: Path) -> None:
    done = _make(copy, "-n", "run", "SESSIONS=a b;$(touch X).csv")

    assert done.returncode == 0
    assert "touch X" not in done.stdout
    assert {path.name for path in copy.iterdir()} == {"Makefile", "requirements", "tools"}


@pytest.mark.parametrize("variable", ["SESSIONS", "NEW"])
def test_a_path_with_a_comma_is_refused(variable: str, copy: Path) -> None:
    done = _make(copy, "run", f"{variable}=a,recipe=log.csv")

    assert done.returncode != 0
    assert "make run: a,recipe=log.csv has a comma" in done.stderr
    assert not (copy / "record").exists()


def test_a_second_run_installs_nothing_until_a_pin_changes(copy: Path) -> None:
    said = "Installing requirements/runtime.txt into .venv ..."

    first, second = _make(copy, "run"), _make(copy, "run")
    later = (copy / ".venv/runtime.installed").stat().st_mtime + 10
    os.utime(copy / "requirements/runtime.txt", (later, later))
    third = _make(copy, "run")

    assert [said in one.stdout for one in (first, second, third)] == [True, False, True]
    assert "Installing" not in second.stdout + second.stderr
    assert [one.returncode for one in (first, second, third)] == [0, 0, 0]


def test_a_failed_installation_is_tried_again(copy: Path) -> None:
    (copy / "refuse").touch()
    failed = _make(copy, "run")
    assert failed.returncode != 0
    assert not (copy / "record").exists()

    (copy / "refuse").unlink()
    done = _make(copy, "run")

    assert done.returncode == 0
    assert "Installing" in done.stdout
    assert _params(copy) == ""


def test_what_make_starts_is_not_tracked_and_may_write_bytecode(copy: Path) -> None:
    _make(copy, "run")
    _program(copy / ".venv/bin/kedro", f'{shutil.which("env")} > "$RECORD"')

    _make(copy, "run", PYTHONDONTWRITEBYTECODE="1", DO_NOT_TRACK="0")

    variables = _recorded(copy / "record")
    assert "DO_NOT_TRACK=1" in variables
    assert [one for one in variables if one.startswith("PYTHONDONTWRITEBYTECODE")] == []

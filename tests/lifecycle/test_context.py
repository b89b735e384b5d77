"""What made a model is read from where it is."""

import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest

from user_activity_trends.lifecycle.context import now, read_context, read_git


def git(folder: Path, *arguments: str) -> str:
    names = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    done = subprocess.run(
        ["git", "-C", str(folder), *names, *arguments],  # noqa: S607
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("GIT_REVISION", raising=False)
    git(tmp_path, "init", "--quiet")
    (tmp_path / "file").write_text("one")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "one")
    return tmp_path


def test_the_revision_of_the_code_is_known_and_whether_files_differ(repository: Path) -> None:
    clean = read_git(repository)
    (repository / "new").write_text("not tracked")
    still_clean = read_git(repository)
    (repository / "file").write_text("two")
    changed = read_git(repository)

    revision = git(repository, "rev-parse", "HEAD")
    assert {clean.revision, still_clean.revision, changed.revision} == {revision}
    assert (clean.changed, still_clean.changed, changed.changed) == (False, False, True)


def test_without_a_repository_the_revision_may_be_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GIT_REVISION", raising=False)
    assert read_git(tmp_path).model_dump() == {"revision": None, "changed": None}

    monkeypatch.setenv("GIT_REVISION", "abc123")
    assert read_git(tmp_path).model_dump() == {"revision": "abc123", "changed": None}


def test_without_git_the_revision_is_not_known(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")

    assert read_git(repository).revision is None


def test_packages_and_version_are_named(tmp_path: Path) -> None:
    found = read_context("2026-01-31T05.00.00.000Z", now(), {"recipe": "log"}, tmp_path)

    assert found.parameters == {"recipe": "log"}
    assert found.version == "2026-01-31T05.00.00.000Z"
    assert found.packages["scikit-learn"] == version("scikit-learn")
    assert found.packages["user_activity_trends"] == "0.1.0"
    assert found.started.endswith("+00:00")

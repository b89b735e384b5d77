"""A model file from elsewhere: nothing in it runs, and nothing is written after it."""

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.project.conftest import Finished, fingerprints

from user_activity_trends.cli import explain
from user_activity_trends.errors import ModelMismatchError, UntrustedModelError

MODEL = "user_activity_trend_model.pkl"
BEFORE_THE_MODEL = {  # written by validate_new_sessions, which needs no model
    "03_primary/valid_new_sessions.parquet",
    "02_intermediate/rejected_new_sessions.csv",
}
Run = Callable[..., None]


class _Hostile:
    """Runs a command when it is unpickled."""

    def __init__(self, call: Callable[..., Any], *arguments: str) -> None:
        self._call, self._arguments = call, arguments

    def __reduce__(self) -> Any:
        return self._call, self._arguments


@pytest.fixture
def trained(after_a_run: Path) -> Path:
    """Return where the next run works, which has what a good run has left."""
    return after_a_run


def _only(root: Path, name: str) -> Path:
    (found,) = (path for path in root.rglob(name) if path.is_file())
    return found


def _refused(run: Run, root: Path, pipeline: str) -> tuple[BaseException, str]:
    """Run; check that no output has changed or was added, and return error and message."""
    before, there = fingerprints(root), sorted(root.rglob("*"))
    with pytest.raises(Exception) as refused:  # noqa: PT011 (Kedro wraps ours)
        run(pipeline=pipeline)
    message = explain(refused.value)
    assert message is not None
    after = fingerprints(root)
    assert {path for path in after if after[path] != before[path]} <= BEFORE_THE_MODEL
    assert sorted(root.rglob("*")) == there
    cause = refused.value
    while cause.__cause__ and not isinstance(cause, (UntrustedModelError, ModelMismatchError)):
        cause = cause.__cause__
    return cause, message


HOSTILE: list[tuple[Callable[..., Any], str, tuple[str, ...]]] = [
    (os.system, f"{os.system.__module__}.system", ("touch '{marker}'",)),
    (eval, "builtins.eval", ("open('{marker}', 'w')",)),
    (getattr, "builtins.getattr", ("{marker}", "strip")),
    (Path, f"{Path.__module__}.Path", ("{marker}",)),
]


@pytest.mark.parametrize("pipeline", ["inference", "labelling"])
@pytest.mark.parametrize(("call", "name", "arguments"), HOSTILE)
def test_a_hostile_model_is_refused_and_nothing_in_it_runs(  # noqa: PLR0913, PLR0917
    run: Run,
    trained: Path,
    tmp_path: Path,
    pipeline: str,
    call: Callable[..., Any],
    name: str,
    arguments: tuple[str, ...],
) -> None:
    marker = tmp_path / "it ran"
    hostile = _Hostile(call, *(one.format(marker=marker) for one in arguments))
    file = _only(trained, MODEL)
    file.write_bytes(pickle.dumps({"model": hostile}))

    error, message = _refused(run, trained, pipeline)

    assert type(error) is UntrustedModelError
    assert message == str(error)
    assert message.startswith(f"{file}: the model file asks for {name}, ")
    assert "kedro run --pipelines training" in message
    assert not marker.exists()


def test_the_hostile_model_of_these_tests_does_run_where_it_is_trusted(tmp_path: Path) -> None:
    marker = tmp_path / "it ran"
    hostile = pickle.dumps(_Hostile(os.system, f"touch '{marker}'"))

    pickle.loads(hostile)  # noqa: S301 (the control of the test above)

    assert marker.exists()


def test_the_command_refuses_a_hostile_model_with_one_message(
    kedro: Callable[..., Finished], trained: Path, tmp_path: Path
) -> None:
    marker = tmp_path / "it ran"
    file = _only(trained, MODEL)
    file.write_bytes(pickle.dumps(_Hostile(os.system, f"touch '{marker}'")))

    done = kedro("run", "--env", "test", "--pipelines", "inference")

    assert done.code == 1
    assert done.last_words.startswith(f"{file}: the model file asks for posix.system, which no")
    assert "Traceback" not in done.err
    assert not marker.exists()


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: whole[: len(whole) // 2],
        lambda _: b"",
        lambda _: b"not a pickle",
        lambda whole: b"\x80\x05\x95" + b"\xff" * 8 + whole[11:],
    ],
    ids=["cut", "empty", "text", "frame length"],
)
def test_a_damaged_model_is_refused_with_one_message(
    run: Run, trained: Path, damage: Callable[[bytes], bytes]
) -> None:
    model = _only(trained, MODEL)
    model.write_bytes(damage(model.read_bytes()))

    error, message = _refused(run, trained, "inference")

    assert type(error) is UntrustedModelError
    assert message.startswith(f"{model}: the model file is ")
    assert "kedro run --pipelines training" in message


@pytest.mark.parametrize("other", [{"a": 1}, None, [1.5], "model"], ids=repr)
def test_a_harmless_pickle_that_is_no_model_is_refused_with_one_message(
    run: Run, trained: Path, other: Any
) -> None:
    model = _only(trained, MODEL)
    model.write_bytes(pickle.dumps(other))

    error, message = _refused(run, trained, "inference")

    assert type(error) is UntrustedModelError
    assert message.startswith(f"{model}: the model file is ")
    assert "kedro run --pipelines training" in message


@pytest.mark.parametrize("pipeline", ["inference", "labelling"])
def test_identities_of_another_run_are_refused(
    run: Run, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pipeline: str
) -> None:
    other = tmp_path / "another run"
    monkeypatch.setenv("DATA_ROOT", str(other))
    run(pipeline="training", clustering={"selection": {"method": "fixed", "n_clusters": 4}})
    monkeypatch.setenv("DATA_ROOT", str(trained))
    identities = _only(trained, "segment_identities.json")
    own = identities.read_text(encoding="utf-8").split('"')[3]
    identities.write_bytes(_only(other, "segment_identities.json").read_bytes())
    strange = identities.read_text(encoding="utf-8").split('"')[3]

    error, message = _refused(run, trained, pipeline)

    assert own != strange
    assert type(error) is ModelMismatchError
    version = identities.parent.name
    assert message.startswith(
        f"segment_identities of version {version} belongs to model {strange}, but champion names "
        f"{own}: "
    )
    assert "kedro models promote VERSION" in message


def test_a_model_of_another_recipe_is_refused(run: Run, trained: Path) -> None:
    with pytest.raises(ModelMismatchError) as refused:
        run(pipeline="inference", recipes={"base": {"columns": ["PageValues", "ExitRates"]}})

    assert str(refused.value).startswith("segmentation_model takes Administrative, ")
    assert len([path for path in trained.rglob("new_session_segments.csv") if path.is_file()]) == 1

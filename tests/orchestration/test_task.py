"""A task is one process of a run: what it is told, what it writes, and how it ends."""

import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from comparable import comparable
from kedro.framework.hooks import hook_impl
from kedro.framework.project import configure_project, pipelines
from kedro.io import DatasetError
from kedro_datasets.json import JSONDataset

from user_activity_trends import kedro_session
from user_activity_trends.errors import (
    InputFileError,
    MixedRunsError,
    ModelMismatchError,
    SettingError,
)
from user_activity_trends.files import atomic
from user_activity_trends.files.claims import Claims
from user_activity_trends.kedro_session import RunSession
from user_activity_trends.orchestration import task
from user_activity_trends.orchestration.task import (
    RunParameters,
    TaskRequest,
    read_request,
    run_task,
)

PROJECT = Path(__file__).resolve().parents[2]
TINY = PROJECT / "tests/data/tiny_sessions.csv"
STAGES = ("data_processing", "clustering", "promotion", "labelling", "reporting")
VERSION = "2026-01-31T05.00.00.000Z-1f0c9a2b"
LATER = "2026-02-01T05.00.00.000Z-0a1b2c3d"
LAST = "2026-02-02T05.00.00.000Z-4d5e6f70"
VERSIONED = {
    PurePosixPath("06_models") / name
    for name in (
        "user_activity_trend_model.pkl",
        "segment_identities.json",
        "segment_scorer.json",
        "model_record.json",
        "training_metrics.json",
        "promotion_report.json",
    )
}
MODEL = "06_models/user_activity_trend_model.pkl/{}/user_activity_trend_model.pkl"
SCORED = "07_model_output/new_session_segments.csv/{}/new_session_segments.csv"
SUMMARY = PurePosixPath("08_reporting/run_summary.json")  # has timings, a run id and places
SECONDS = 60

PATTERN = r"'^([^$\x00-\x1f]|\$+[^${\x00-\x1f])+\$*$'"
VERSION_PATTERN = r"'^\d{4}-\d\d-\d\dT\d\d\.\d\d\.\d\d\.\d{3}Z(-[0-9a-z]+)?$'"
DELETE = object()


def _told(**changes: Any) -> dict[str, Any]:
    request = {
        "pipeline": "training",
        "environment": "test",
        "namespace": "data_processing",
        "nodes": [],
        "run_id": VERSION,
    } | changes
    return {name: value for name, value in request.items() if value is not DELETE}


# --- what a task is told ------------------------------------------------------------------------


def test_a_request_is_read_with_its_values() -> None:
    told = _told(
        nodes=["a", "b"],
        input_versions={"a_model": LATER, "names": LAST},
        parent=7,
        parameters={"sessions_file": "in.csv", "recipe": "log", "k_max": 7},
    )

    assert read_request(json.dumps(told)) == TaskRequest(
        pipeline="training",
        environment="test",
        namespace="data_processing",
        nodes=("a", "b"),
        run_id=VERSION,
        input_versions={"a_model": LATER, "names": LAST},
        parent=7,
        parameters=RunParameters(sessions_file="in.csv", recipe="log", k_max=7),
    )


def test_a_request_leaves_the_configured_values_and_reads_the_latest_version() -> None:
    request = read_request(json.dumps(_told(namespace=None, run_id="2026-01-31T05.00.00.000Z")))

    assert (request.namespace, request.nodes, request.input_versions) == (None, (), {})
    assert request.parent is None
    assert request.run_id == "2026-01-31T05.00.00.000Z"
    assert request.parameters.as_runtime_parameters() == {}


@pytest.mark.parametrize(
    "value",
    [
        "$(touch pwned)",
        "`touch pwned`",
        "x'; touch pwned; \".csv",
        "a,b=c:d, e",
        "  spaces around  ",
        "-rf",
        "a\\b\\",
        "naïve/Ölçü/日本語/🛒.csv",
        "{x}",
        "{ds}",
        "a$x",
        "$x",
        "a$",
        "a$$",
        "$ {x}",
        "$$x{y}",
        "%s%n %(run_id)s {0}",
        "{{ ds }}{% if %}",
        "<&'\">",
        "#!?*[a]~",
    ],
)
@pytest.mark.parametrize("name", ["sessions_file", "new_sessions_file", "recipe"])
def test_a_text_reaches_the_parameters_as_it_is(name: str, value: str) -> None:
    request = read_request(json.dumps(_told(parameters={name: value})))

    assert request.parameters.as_runtime_parameters() == {name: value}


@pytest.mark.parametrize(
    ("given", "parameters"),
    [
        ({}, {}),
        ({"sessions_file": None, "recipe": None, "k_max": None}, {}),
        ({"k_max": 3}, {"clustering": {"sweep": {"k_max": 3}}}),
        (
            {"sessions_file": "a", "new_sessions_file": "b", "recipe": "log", "k_max": 12},
            {
                "sessions_file": "a",
                "new_sessions_file": "b",
                "recipe": "log",
                "clustering": {"sweep": {"k_max": 12}},
            },
        ),
    ],
)
def test_parameters_are_nested_as_kedro_has_them(
    given: dict[str, Any], parameters: dict[str, Any]
) -> None:
    assert RunParameters(**given).as_runtime_parameters() == parameters


def _refusals(text: str) -> list[str]:
    with pytest.raises(SettingError) as refused:
        read_request(text)
    first, *lines = str(refused.value).split("\n  - ")
    assert first == (
        "the run cannot start, since what it was given is not accepted (paths and names "
        "have no control characters and no ${...}):"
    )
    return lines


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("", "request: Invalid JSON: EOF while parsing a value at line 1 column 0, not ''"),
        ("[]", "request: Input should be an object, not []"),
        ("null", "request: Input should be an object, not None"),
    ],
)
def test_what_is_no_request_is_refused(text: str, refusal: str) -> None:
    assert _refusals(text) == [refusal]


@pytest.mark.parametrize("name", ["pipeline", "environment", "namespace", "nodes", "run_id"])
def test_a_missing_field_is_named(name: str) -> None:
    told = _told(**{name: DELETE})

    assert _refusals(json.dumps(told)) == [f"{name}: Field required, not {told!r}"]


@pytest.mark.parametrize(
    ("field", "value", "refusal"),
    [
        ("stage", "clustering", "stage: Extra inputs are not permitted, not 'clustering'"),
        ("pipeline", None, "pipeline: Input should be a valid string, not None"),
        ("environment", 1, "environment: Input should be a valid string, not 1"),
        ("namespace", ["a"], "namespace: Input should be a valid string, not ['a']"),
        ("nodes", "a", "nodes: Input should be a valid array, not 'a'"),
        ("nodes", [None], "nodes.0: Input should be a valid string, not None"),
        (
            "input_version",
            VERSION,
            f"input_version: Extra inputs are not permitted, not {VERSION!r}",
        ),
        ("input_versions", VERSION, f"input_versions: Input should be an object, not {VERSION!r}"),
        ("input_versions", None, "input_versions: Input should be an object, not None"),
        ("input_versions", {"a": 3}, "input_versions.a: Input should be a valid string, not 3"),
        (
            "input_versions",
            {"a": None},
            "input_versions.a: Input should be a valid string, not None",
        ),
        (
            "parent",
            "7; touch pwned",
            (
                "parent: Input should be a valid integer, unable to parse string as an integer, "
                "not '7; touch pwned'"
            ),
        ),
        ("parameters", None, "parameters: Input should be an object, not None"),
    ],
)
def test_a_wrong_field_is_refused(field: str, value: Any, refusal: str) -> None:
    assert _refusals(json.dumps(_told(**{field: value}))) == [refusal]


@pytest.mark.parametrize("field", ["run_id", "input_versions.a"])
@pytest.mark.parametrize(
    "value",
    [
        "",
        "latest",
        "../x",
        "2026-01-31",
        "2026-01-31T05.00.00.000Z/..",
        "2026-01-31T05.00.00.000Z-",
        "2026-01-31T05.00.00.000Z-A",
        "2026-01-31T05.00.00.000Z\n",
    ],
)
def test_a_version_is_a_moment_and_nothing_else(field: str, value: str) -> None:
    name, *dataset = field.split(".")
    told = _told(**{name: {dataset[0]: value} if dataset else value})

    assert _refusals(json.dumps(told)) == [
        f"{field}: String should match pattern {VERSION_PATTERN}, not {value!r}"
    ]


@pytest.mark.parametrize(
    "value",
    [
        "${x}",
        "a${x}",
        "a$${x}",
        "$$$${x}",
        "\\${x}",
        "\\\\${x}",
        "${",
        "a$x${y",
        "${oc.env:HOME}",
        "${environment:HOME}",
        "",
        "a\nb",
        "a\n",
        "a\x00b",
        "a\tb",
        "a$\x1f",
    ],
)
@pytest.mark.parametrize("name", ["sessions_file", "new_sessions_file", "recipe"])
def test_what_would_be_resolved_is_refused(name: str, value: str) -> None:
    assert _refusals(json.dumps(_told(parameters={name: value}))) == [
        f"parameters.{name}: String should match pattern {PATTERN}, not {value!r}"
    ]


@pytest.mark.parametrize(
    ("name", "value", "refusal"),
    [
        ("session_file", "a", "Extra inputs are not permitted, not 'a'"),
        ("sessions_file", 3, "Input should be a valid string, not 3"),
        ("recipe", ["a"], "Input should be a valid string, not ['a']"),
        ("k_max", 2, "Input should be greater than or equal to 3, not 2"),
        (
            "k_max",
            2.5,
            "Input should be a valid integer, got a number with a fractional part, not 2.5",
        ),
        (
            "k_max",
            "3; touch pwned",
            (
                "Input should be a valid integer, unable to parse string as an integer, "
                "not '3; touch pwned'"
            ),
        ),
    ],
)
def test_a_wrong_parameter_is_refused(name: str, value: Any, refusal: str) -> None:
    assert _refusals(json.dumps(_told(parameters={name: value}))) == [
        f"parameters.{name}: {refusal}"
    ]


def test_all_refusals_come_at_once() -> None:
    told = _told(run_id="latest", pipeline=1, parameters={"k_max": 0, "recipe": "${x}"})

    assert [line.split(":")[0] for line in _refusals(json.dumps(told))] == [
        "pipeline",
        "run_id",
        "parameters.recipe",
        "parameters.k_max",
    ]


# --- what a task writes -------------------------------------------------------------------------


@pytest.fixture(autouse=True, scope="module")
def _project() -> None:
    configure_project("user_activity_trends")


@contextmanager
def _writing_to(root: Path) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATA_ROOT", str(root))
        yield


def _run(root: Path, **told: Any) -> None:
    with _writing_to(root):
        run_task(read_request(json.dumps(_told(**told))), PROJECT)


def _train(root: Path, run_id: str, **parameters: Any) -> None:
    for stage in STAGES:
        _run(root, namespace=stage, run_id=run_id, parameters=parameters)


def _contents(root: Path) -> dict[PurePosixPath, dict[str | None, bytes]]:
    """Read every file below ``root``: by its place, and by its version if it has one."""
    found: dict[PurePosixPath, dict[str | None, bytes]] = {}
    for path in sorted(root.rglob("*")):
        place, version = PurePosixPath(path.relative_to(root)), None
        if path.is_file() and ".claims" not in place.parts:
            if place.parent.parent.name == place.name:
                place, version = place.parent.parent, place.parent.name
            content = comparable(path)
            if place.name == "predecessor.json":  # it tells whether its run was run before
                content = re.sub(rb'"own_model": .*', b"", content)
            found.setdefault(place, {})[version] = content
    del found[SUMMARY]
    return found


def _summary(root: Path) -> dict[str, Any]:
    """Read ``run_summary`` without what must differ: its run, places, and the seconds' values."""
    told = json.loads((root / SUMMARY).read_text(encoding="utf-8"))
    seconds = told.pop("seconds")
    spent = [value for stage, value in seconds.items() if stage != "total"]
    assert min(spent) > 0
    # Each of up to 30 parts was rounded to a thousandth.
    assert seconds["total"] >= round(sum(spent), 3) - 0.03
    run_id = told.pop("run_id")
    places = told.pop("results")
    assert all(Path(place).is_file() for place in places.values())
    # From the layer on: a copy of what a run wrote still tells where that was.
    results = [
        (name, re.sub(r"^.*/(?=\d\d_)", "", place).replace(run_id, ""))
        for name, place in places.items()
    ]
    told |= {
        name: re.sub(atomic.VERSION, "VERSION", told[name])
        for name in ("judged", "in_use")
        if name in told
    }
    return {"fields": list(told), "results": results, "seconds": sorted(seconds), **told}


def _plain_run(root: Path, pipeline: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "kedro", "run", "--env", "test", "--pipelines", pipeline],
        cwd=PROJECT,
        env=os.environ | {"DATA_ROOT": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def plain_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where one plain ``kedro run`` of the training has written."""
    root = tmp_path_factory.mktemp("plain")
    _plain_run(root, "training")
    return root


@pytest.fixture(scope="module")
def plain(plain_root: Path) -> dict[PurePosixPath, bytes]:
    """Return what it wrote, versions aside."""
    return {place: content for place, (content,) in _values(_contents(plain_root)).items()}


def _values(
    contents: dict[PurePosixPath, dict[str | None, bytes]],
) -> dict[PurePosixPath, tuple[bytes, ...]]:
    return {place: tuple(versions.values()) for place, versions in contents.items()}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where the three tasks of one training have written."""
    root = tmp_path_factory.mktemp("trained")
    _train(root, VERSION)
    return root


@pytest.fixture
def own(trained: Path, tmp_path: Path) -> Path:
    """Return a copy of it to change, whose files are claimed as the first ones are."""
    root = Path(shutil.copytree(trained, tmp_path / "own"))
    claims = {path.parent.parent / path.stem for path in root.rglob(".claims/*.json")}
    for file in claims:
        if file.exists():  # not what a task told
            Claims(JSONDataset(filepath=file.as_posix())).take(VERSION)
    return root


def test_three_tasks_write_what_one_run_writes_all_in_one_version(
    trained: Path, plain: dict[PurePosixPath, bytes], plain_root: Path
) -> None:
    contents = _contents(trained)

    assert _values(contents) == {place: (content,) for place, content in plain.items()}
    assert {place for place, versions in contents.items() if None not in versions} == VERSIONED
    assert {v for place in VERSIONED for v in contents[place]} == {VERSION}
    assert json.loads((trained / SUMMARY).read_text())["run_id"] == VERSION
    assert _summary(trained) == _summary(plain_root)


def test_one_task_a_node_writes_the_same(
    tmp_path: Path, plain: dict[PurePosixPath, bytes], plain_root: Path
) -> None:
    nodes = [node.name for node in pipelines["training"].nodes]
    assert len(nodes) == 33

    for node in nodes:
        _run(tmp_path, namespace=None, nodes=[node])

    contents = _contents(tmp_path)
    assert _values(contents) == {place: (content,) for place, content in plain.items()}
    assert {v for place in VERSIONED for v in contents[place]} == {VERSION}
    assert _summary(tmp_path) == _summary(plain_root)


def test_the_tasks_of_the_whole_chain_tell_what_one_run_tells(tmp_path: Path) -> None:
    tasks, one_run = tmp_path / "tasks", tmp_path / "one run"
    for stage in (*STAGES, "inference"):
        _run(tasks, pipeline="__default__", namespace=stage)
    _plain_run(one_run, "__default__")

    told = _summary(tasks)
    assert told == _summary(one_run)
    assert told["new_sessions"]["scored"] > 0
    assert sorted(told["seconds"]) == sorted((*STAGES, "inference", "total"))


def test_the_task_of_another_run_in_between_is_not_in_the_summary(
    own: Path, plain_root: Path
) -> None:
    _run(own, namespace="data_processing", run_id=LATER)
    _infer(own, LAST, {})
    assert json.loads((own / SUMMARY).read_text())["run_id"] == LAST
    assert _summary(own)["seconds"] == ["inference", "total"]

    for stage in STAGES[1:]:
        _run(own, namespace=stage, run_id=LATER)

    assert json.loads((own / SUMMARY).read_text())["run_id"] == LATER
    told, plain = _summary(own), _summary(plain_root)
    same = ("fields", "results", "seconds", "rows", "segments")
    assert {name: told[name] for name in same} == {name: plain[name] for name in same}


def test_a_task_that_is_run_again_is_told_once(own: Path, plain_root: Path) -> None:
    _run(own, namespace="clustering")

    assert _summary(own) == _summary(plain_root)


def test_a_task_that_is_run_again_replaces_what_it_wrote(trained: Path, own: Path) -> None:
    for place in VERSIONED:
        (own / place / VERSION / place.name).write_bytes(b"torn")

    _run(own, namespace="clustering")
    _run(own, namespace="promotion")

    assert _contents(own) == _contents(trained)


def test_another_run_adds_a_version_and_leaves_the_first(trained: Path, own: Path) -> None:
    _train(own, LATER)

    before, after = _contents(trained), _contents(own)
    for place in VERSIONED:
        assert after[place][VERSION] == before[place][VERSION]
        assert set(after[place]) == {VERSION, LATER}


def test_a_task_reads_its_own_run_not_a_newer_one(trained: Path, own: Path) -> None:
    for place in VERSIONED:
        newer = own / place / LATER / place.name
        newer.parent.mkdir()
        newer.write_bytes(b"of another run")
    (own / "07_model_output/session_segments.parquet").unlink()

    _run(own, namespace="labelling")

    labelled = "07_model_output/session_segments.parquet"
    assert (own / labelled).read_bytes() == (trained / labelled).read_bytes()


def _replaced(name: str, by: str, run_id: str = VERSION) -> str:
    told = re.escape(
        f"{name} was written by {by}, not by this run ({run_id}), so nothing was made of it; "
        "runs that write to the same DATA_ROOT must not overlap. Start this run again from its "
        "first task"
    )
    return f"^{told}$"


def test_what_another_run_has_replaced_in_between_is_not_used(own: Path) -> None:
    _run(own, namespace="data_processing", run_id=LATER)
    before = _contents(own)

    with pytest.raises(MixedRunsError, match=_replaced("data_quality", f"run {LATER}")):
        _run(own, namespace="clustering")

    assert _contents(own) == before
    # What the other run has not replaced is still there for its own run.
    _run(own, namespace="data_processing")
    _run(own, namespace="clustering")
    assert _contents(own) == before


def test_what_a_plain_run_has_replaced_in_between_is_not_used(own: Path) -> None:
    with (
        _writing_to(own),
        RunSession.create(project_path=PROJECT, env="test") as session,
    ):
        session.run(pipeline_names=["training"])
    before = _contents(own)

    with pytest.raises(MixedRunsError, match=_replaced("valid_sessions", "something else")):
        _run(own, namespace="labelling")

    assert _contents(own) == before
    assert json.loads((own / SUMMARY).read_text())["run_id"] != VERSION  # that of the plain run


@pytest.mark.parametrize("held", [None, "data_processing.check_rejected_share"])
def test_what_a_run_saves_that_was_held_up_is_not_taken_for_the_other_runs(
    held: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Run VERSION, as a stage or a node, is held just before it saves; LATER overtakes it."""
    if held:
        _run(tmp_path, namespace=None, nodes=["data_processing.validate_sessions"])
    before_save = kedro_session._OneVersion.before_dataset_saved  # noqa: SLF001
    overtaken = []

    @hook_impl
    def overtake(self: Any, dataset_name: str) -> None:
        before_save(self, dataset_name)
        if dataset_name == "valid_sessions":
            done = subprocess.run(
                _command(run_id=LATER),
                cwd=PROJECT,
                env=os.environ | {"DATA_ROOT": str(tmp_path), "PYTHONPATH": str(PROJECT / "src")},
                capture_output=True,
                text=True,
                check=False,
                timeout=SECONDS,
            )
            assert done.returncode == 0, done.stderr
            overtaken.append(self._run_id)

    with monkeypatch.context() as patch:
        patch.setattr(kedro_session._OneVersion, "before_dataset_saved", overtake)  # noqa: SLF001
        if held:
            _run(tmp_path, namespace=None, nodes=[held])
        else:
            _run(tmp_path, namespace="data_processing")
    assert overtaken == [VERSION]

    before = _contents(tmp_path)
    with pytest.raises(
        MixedRunsError, match=_replaced("valid_sessions", f"run {VERSION}", run_id=LATER)
    ):
        _run(
            tmp_path,
            run_id=LATER,
            namespace=None,
            nodes=["data_processing.select_features"],
        )
    assert _contents(tmp_path) == before


def test_what_anything_else_has_written_in_between_is_not_used(own: Path) -> None:
    file = own / "04_feature/session_features.parquet"
    content = file.read_bytes()
    file.unlink()
    file.write_bytes(content)

    with pytest.raises(MixedRunsError, match=_replaced("session_features", "something else")):
        _run(own, namespace="labelling")


def test_a_run_that_finds_no_file_leaves_the_claims_of_another(trained: Path, own: Path) -> None:
    missing = str(own / "nowhere.csv")
    with (
        _writing_to(own),
        RunSession.create(
            project_path=PROJECT, env="test", runtime_params={"sessions_file": missing}
        ) as session,
        pytest.raises(InputFileError, match="there is no such file"),
    ):
        session.run(pipeline_names=["training"])
    with pytest.raises(InputFileError, match="there is no such file"):
        _run(own, run_id=LATER, parameters={"sessions_file": missing})

    _run(own, namespace="clustering")
    _run(own, namespace="labelling")

    assert _contents(own) == _contents(trained)


def test_a_run_of_another_pipeline_reads_what_earlier_runs_wrote(trained: Path, own: Path) -> None:
    _run(own, pipeline="labelling", namespace="labelling", run_id=LATER)

    assert _contents(own) == _contents(trained)


def test_a_plain_run_never_overwrites_a_version(
    trained: Path, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Tasks ran before in this process: their leave to replace must not have stayed behind.
    monkeypatch.setattr("kedro.framework.session.session.generate_timestamp", lambda: VERSION)

    with (
        _writing_to(own),
        RunSession.create(project_path=PROJECT, env="test") as session,
        pytest.raises(DatasetError, match="must not exist if versioning is enabled"),
    ):
        session.run(pipeline_names=["training"])

    before, after = _contents(trained), _contents(own)
    assert {place: after[place] for place in VERSIONED} == {
        place: before[place] for place in VERSIONED
    }


def _infer(root: Path, run_id: str, input_versions: dict[str, str]) -> bytes:
    _run(
        root,
        pipeline="inference",
        namespace="inference",
        run_id=run_id,
        input_versions=input_versions,
    )
    return (root / SCORED.format(run_id)).read_bytes()


def test_inference_scores_with_the_champion_whatever_triggered_it(own: Path) -> None:
    first = _infer(own, LAST, {"champion": LATER})
    _train(own, LATER)
    second = _infer(own, LAST, {"champion": VERSION})

    assert (first.count(VERSION.encode()), first.count(LATER.encode())) == (5, 0)
    assert (second.count(VERSION.encode()), second.count(LATER.encode())) == (0, 5)


def _compare(root: Path, input_versions: dict[str, str]) -> str:
    """Judge a model once more; return the version of the one that was judged."""
    _run(
        root,
        pipeline="promotion",
        namespace=None,
        nodes=["promotion.compare_with_champion"],
        run_id=LAST,
        input_versions=input_versions,
    )
    reports = (root / "06_models/promotion_report.json").glob("*/promotion_report.json")
    newest = max(reports, key=lambda file: file.stat().st_mtime_ns)
    return str(json.loads(newest.read_text(encoding="utf-8"))["candidate"])


CHAMPION = "06_models/champion.json"
MODEL_REPORT = "06_models/promotion_report.json/{}/promotion_report.json"
MODEL_PARTS = ("segmentation_model", "segment_identities", "segment_scorer", "model_record")


def test_input_versions_pin_what_earlier_runs_wrote(own: Path) -> None:
    _train(own, LATER)

    assert _compare(own, dict.fromkeys(MODEL_PARTS, LATER)) == LATER
    assert _compare(own, {}) == LATER
    # That of the first run is found as well, but what it was judged against is no longer there.
    with pytest.raises(ModelMismatchError, match=f"predecessor is not what model {VERSION} was"):
        _compare(own, dict.fromkeys(MODEL_PARTS, VERSION))


@pytest.mark.parametrize("pinned", [VERSION, None])
def test_a_model_of_an_earlier_run_is_judged_and_promoted_by_two_tasks(
    own: Path, pinned: str | None
) -> None:
    (own / CHAMPION).unlink()
    (own / MODEL_REPORT.format(VERSION)).unlink()

    for node in ("compare_with_champion", "promote_model"):
        _run(
            own,
            pipeline="promotion",
            namespace=None,
            nodes=[f"promotion.{node}"],
            run_id=LAST,
            input_versions=dict.fromkeys(MODEL_PARTS, pinned) if pinned else {},
        )

    assert json.loads((own / CHAMPION).read_text(encoding="utf-8"))["version"] == VERSION


def test_input_versions_are_those_of_single_datasets(own: Path) -> None:
    """What is not named is the latest; what the pipeline does not read, or writes, is ignored."""
    _train(own, LATER)

    ignored = {"training_metrics": VERSION, "promotion_report": VERSION}
    assert _compare(own, ignored) == LATER
    with pytest.raises(ModelMismatchError, match=f"of version {VERSION}, but .* of {LATER}"):
        _compare(own, dict.fromkeys(MODEL_PARTS[2:3], VERSION))


def test_a_pinned_version_that_is_not_there_is_told(trained: Path, own: Path) -> None:
    with pytest.raises(InputFileError, match=r"there is no such file: .*/segment_scorer"):
        _compare(own, {"segment_scorer": LATER})

    assert _contents(own) == _contents(trained)


def test_parameters_take_effect(tmp_path: Path) -> None:
    for stage in STAGES:
        _run(tmp_path, namespace=stage, parameters={"recipe": "log", "k_max": 5})

    choice = json.loads((tmp_path / "recipes/log/06_models/cluster_choice.json").read_text())
    assert choice["candidates"] == [1, 2, 3, 4, 5]
    assert [path.name for path in tmp_path.iterdir()] == ["recipes"]


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"pipeline": "trainig"}, "Failed to find the pipeline named 'trainig'.*training"),
        ({"namespace": "clusterin"}, "clusterin"),
        ({"namespace": None, "nodes": ["train_mode"]}, "train_mode"),
    ],
)
def test_what_does_not_exist_is_told_by_kedro(
    told: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=f"(?s){message}"):
        _run(tmp_path, **told)

    assert list(tmp_path.iterdir()) == []


# --- a process of its own -----------------------------------------------------------------------

HOSTILE = "x'; touch pwned; $(touch pwned2) \".csv"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a folder that has what a worker needs: ``conf`` and the data."""
    root = tmp_path / "home"
    shutil.copytree(PROJECT / "conf", root / "conf")
    shutil.copytree(PROJECT / "tests/data", root / "tests/data")
    return root


def _environment(home: Path) -> dict[str, str]:
    return os.environ | {
        "DATA_ROOT": str(home.parent / "written"),
        "KEDRO_LOGGING_CONFIG": str(home / "conf/logging_tasks.yml"),
        "DO_NOT_TRACK": "1",  # the folder has no .telemetry
        "PYTHONPATH": str(PROJECT / "src"),
    }


def _command(**told: Any) -> list[str]:
    module = "user_activity_trends.orchestration.task"
    return [sys.executable, "-m", module, json.dumps(_told(**told))]


def _process(home: Path, **told: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        _command(**told),
        cwd=home,
        env=_environment(home),
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )


def _files(folder: Path) -> set[str]:
    found = {str(path.relative_to(folder)) for path in folder.rglob("*")}
    return {name for name in found if not Path(name).name.startswith(".coverage")}


@pytest.mark.parametrize(
    ("parameters", "code", "message"),
    [
        (
            {"sessions_file": HOSTILE},
            1,
            "sessions: there is no such file: {home}/" + HOSTILE + "; check the path "
            "(sessions_file)",
        ),
        (
            {"sessions_file": "🛒 $(touch pwned),`touch pwned2`;&|>pwned3"},
            1,
            (
                "sessions: there is no such file: {home}/🛒 $(touch pwned),`touch pwned2`;&|>pwned3"
                "; check the path (sessions_file)"
            ),
        ),
        (
            {"recipe": HOSTILE},
            task.LASTING_EXIT_CODE,
            (
                "the parameters (conf/, --params) are not accepted:\n"
                f"  - recipe: there is no recipe {HOSTILE!r}; known: base, log"
            ),
        ),
        (
            {"recipe": "$${environment:HOME}"},
            task.LASTING_EXIT_CODE,
            (
                "the run cannot start, since what it was given is not accepted (paths and names "
                "have no control characters and no ${{...}}):\n"
                f"  - parameters.recipe: String should match pattern {PATTERN}, not "
                "'$${environment:HOME}'"
            ),
        ),
    ],
)
def test_a_hostile_value_is_refused_by_name_and_nothing_is_done(
    parameters: dict[str, str], code: int, message: str, home: Path
) -> None:
    before = _files(home.parent)

    done = _process(home, parameters=parameters)

    assert done.returncode == code
    *_, last = done.stderr.split("ERROR ")
    lines = [line.split(" ", 1) for line in last.strip().splitlines()]
    told = "\n".join(line[1] for line in lines)
    assert told == message.replace("{home}", str(home)).replace("{{...}}", "{...}")
    assert "Traceback" not in done.stderr
    assert _files(home.parent) == before


@pytest.mark.parametrize("name", [HOSTILE, "🛒 $(touch pwned),a=b:c;&|>pwned3 {x} %s\\.csv"])
def test_a_file_with_a_hostile_name_is_read(name: str, home: Path) -> None:
    lines = TINY.read_text(encoding="utf-8").splitlines(keepends=True)[:21]
    (home / name).write_text("".join(lines), encoding="utf-8")
    before = _files(home)

    done = _process(home, parameters={"sessions_file": name})

    assert done.returncode == 0, done.stderr
    quality = json.loads((home.parent / "written/08_reporting/data_quality.json").read_text())
    assert (quality["file"], quality["rows_read"]) == (str(home / name), 20)
    assert _files(home) == before


PARENT = """
import json, os, subprocess, sys
told = json.dumps(json.loads(sys.argv[2]) | {"parent": os.getpid()})
print(subprocess.Popen([sys.executable, "-c", sys.argv[1], told]).pid, flush=True)
sys.stdin.read()
"""
ENDLESS_TASK = """
import sys, time
from user_activity_trends.orchestration import task
task.run_task = lambda *_: (print("running", flush=True), time.sleep(600))
task.main(sys.argv[1:])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="this machine cannot have Linux's prctl")
def test_a_task_dies_with_the_process_that_started_it(home: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, ENDLESS_TASK, json.dumps(_told())],
        cwd=home,
        env=_environment(home),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert parent.stdin is not None
    assert parent.stdout is not None
    with parent.stdin, parent.stdout as out:
        child = int(out.readline())
        try:
            assert out.readline() == b"running\n"

            parent.kill()

            # The task has the same output: it ends with the last of the two.
            assert select.select([out], [], [], SECONDS)[0] == [out], "the task outlives its parent"
            assert out.read() == b""
        except BaseException:
            os.kill(child, signal.SIGKILL)
            raise
        finally:
            parent.kill()
            parent.wait()


@pytest.mark.skipif(sys.platform != "linux", reason="this machine cannot have Linux's prctl")
def test_a_task_whose_parent_died_before_it_could_ask_does_nothing(home: Path) -> None:
    before = _files(home.parent)

    done = _process(home, parent=2**22 + 1)  # no process has such a number

    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGKILL, "", "")
    assert _files(home.parent) == before


class _Kernel:
    """Remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, int]] = []

    def prctl(self, option: int, value: int) -> None:
        self.asked.append((option, value))


@pytest.mark.parametrize(
    ("platform", "now", "asked", "killed"),
    [
        ("linux", [7], [(1, signal.SIGKILL)], []),
        ("linux", [1], [(1, signal.SIGKILL)], [(os.getpid(), signal.SIGKILL)]),
        ("darwin", [], [], []),
    ],
)
def test_a_parent_that_is_dead_before_the_kernel_is_asked_is_noticed(
    platform: str,
    now: list[int],
    asked: list[tuple[int, int]],
    killed: list[tuple[int, int]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kernel, done, left = _Kernel(), [], list(now)
    monkeypatch.setattr(task.sys, "platform", platform)
    monkeypatch.setattr(task.ctypes, "CDLL", lambda _: kernel)
    monkeypatch.setattr(task.os, "getppid", lambda: left.pop(0))
    monkeypatch.setattr(task.os, "kill", lambda *call: done.append(call))

    task.die_with_parent(7)

    assert (kernel.asked, done, left) == (asked, killed, [])


def test_main_runs_the_task_in_the_folder_where_it_is(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(home)
    parents: list[int] = []
    monkeypatch.setattr(task, "die_with_parent", parents.append)
    monkeypatch.setenv("DATA_ROOT", "written here")
    monkeypatch.setattr(sys, "argv", ["task.py", json.dumps(_told(parent=7))])

    task.main()

    assert parents == [7]
    quality = json.loads((home / "written here/08_reporting/data_quality.json").read_text())
    assert quality["file"] == str(home / "tests/data/tiny_sessions.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


def test_main_ends_with_a_message(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with pytest.raises(SystemExit) as ended:
        task.main([json.dumps(_told(parameters={"recipe": "${x}"}))])

    assert ended.value.code == task.LASTING_EXIT_CODE == 3
    assert caplog.messages[-1].endswith(
        f"  - parameters.recipe: String should match pattern {PATTERN}, not '${{x}}'"
    )


def test_without_a_parent_a_task_outlives_whoever_started_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parents: list[int] = []
    ran: list[TaskRequest] = []
    monkeypatch.setattr(task, "die_with_parent", parents.append)
    monkeypatch.setattr(task, "run_task", lambda request, _: ran.append(request))

    task.main([json.dumps(_told())])

    assert (parents, ran) == ([], [read_request(json.dumps(_told()))])

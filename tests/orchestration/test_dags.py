"""DAGs are made from airflow.yml and the catalog; no file of Python is touched for it."""

import ast
import importlib
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from kedro.framework.project import pipelines
from kedro.framework.startup import ProjectMetadata
from tests.project.conftest import loaded

from user_activity_trends.errors import SettingError
from user_activity_trends.orchestration import dags

PROJECT = Path(__file__).resolve().parents[2]
PACKAGE = "user_activity_trends"

Configure = Callable[..., Any]
Generate = Callable[..., dict[str, "Dag"]]


@dataclass(frozen=True)
class Called:
    """A call in a generated file: what is called, and with what."""

    name: str
    args: list[Any]
    kwargs: dict[str, Any]


def _value(node: ast.expr) -> Any:
    """Return the value of an expression; a call becomes a ``Called``, nothing is executed."""
    match node:
        case ast.Call(func=function, args=args, keywords=keywords):
            told = {keyword.arg: _value(keyword.value) for keyword in keywords if keyword.arg}
            return Called(ast.unparse(function), [_value(arg) for arg in args], told)
        case ast.Dict(keys=keys, values=values):
            return {_value(k): _value(v) for k, v in zip(keys, values, strict=True) if k}
        case ast.List(elts=elements):
            return [_value(element) for element in elements]
        case ast.Name() | ast.Attribute():
            return Called(ast.unparse(node), [], {})
    return ast.literal_eval(node)


class Dag:
    """What a generated file says, read from its syntax tree."""

    def __init__(self, path: Path) -> None:
        self.tree = ast.parse(path.read_text(encoding="utf-8"))
        (block,) = (one for one in self.tree.body if isinstance(one, ast.With))
        called = _value(block.items[0].context_expr)
        self.id = called.args[0]
        self.settings = called.kwargs
        tasks, *arrows = block.body
        assert isinstance(tasks, ast.Assign)
        self.tasks = {name: task.kwargs for name, task in _value(tasks.value).items()}
        self.arrows = {ast.unparse(arrow).replace("'", "") for arrow in arrows}

    def outlets(self, task: str) -> list[str]:
        return [asset.args[0] for asset in self.tasks[task]["outlets"]]


@pytest.fixture
def metadata(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ProjectMetadata:
    """Return the project, as a copy of what DAGs are made of."""
    monkeypatch.setenv("DO_NOT_TRACK", "1")  # the copy has no .telemetry
    copy = tmp_path / "project"
    shutil.copytree(PROJECT / "conf", copy / "conf")
    (copy / "airflow").mkdir()
    shutil.copy(PROJECT / dags.TEMPLATE, copy / dags.TEMPLATE)
    return loaded()._replace(project_path=copy)


@pytest.fixture
def configure(metadata: ProjectMetadata) -> Configure:
    """Change a file of the copy's configuration."""

    def change(file: str, changes: dict[str, Any]) -> None:
        path = metadata.project_path / "conf" / file
        content = yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else {}
        for name, block in changes.items():
            merged = {**(content.get(name) or {}), **block} if block is not None else None
            content[name] = merged
        path.parent.mkdir(exist_ok=True)
        path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")

    return change


@pytest.fixture
def generate(metadata: ProjectMetadata, tmp_path: Path) -> Generate:
    """Generate the DAGs of the copy; return them by pipeline."""

    def run(env: str = "base") -> dict[str, Dag]:
        target = tmp_path / f"generated for {env}"
        dags.generate(metadata, env, target)
        found = [Dag(path) for path in sorted(target.iterdir())]
        by_pipeline = {next(iter(dag.tasks.values()))["pipeline"]: dag for dag in found}
        assert len(by_pipeline) == len(found)
        return by_pipeline

    return run


def _first_line(documented: Any) -> str:
    """Return the first line of a docstring, as Markdown has it."""
    return str(documented.__doc__).splitlines()[0].replace("``", "`")


def _asset(dataset: str, env: str = "base") -> Called:
    return Called("Asset", [f"{PACKAGE}-{env}-{dataset}"], {"group": PACKAGE})


def _delta(seconds: float) -> Called:
    return Called("timedelta", [], {"seconds": seconds})


# --- what a DAG says ----------------------------------------------------------------------------


def test_the_settings_of_the_file_are_those_of_the_dag(
    configure: Configure, generate: Generate
) -> None:
    configure(
        "base/airflow.yml",
        {
            "training": {
                "description": "Train every night",
                "schedule": "0 5 * * *",
                "start_date": date(2027, 2, 3),
                "catchup": True,
                "owner": "team",
                "tags": ["a", "b"],
                "retries": 5,
                "retry_delay": 1.5,
                "max_retry_delay": 60,
                "execution_timeout": 90,
                "deadline": 120,
                "webhook_connection": "chat",
            }
        },
    )

    dag = generate()["training"]

    said = dag.settings
    assert dag.id == "user_activity_trends-training-base"
    assert said["description"] == "Train every night"
    assert said["schedule"] == "0 5 * * *"
    moment = {"tzinfo": Called("UTC", [], {})}
    assert said["start_date"] == Called("datetime", [2027, 2, 3], moment)
    assert (said["catchup"], said["max_active_runs"], said["tags"]) == (True, 1, ["a", "b"])
    assert said["default_args"] == {
        "owner": "team",
        "retries": 5,
        "retry_delay": _delta(1.5),
        "retry_exponential_backoff": 2,
        "max_retry_delay": _delta(60),
        "execution_timeout": _delta(90),
    }
    assert said["on_failure_callback"] == Called("Notifier", ["failed", "chat"], {})
    late = {"kwargs": {"event": "late", "webhook_connection": "chat"}}
    assert said["deadline"] == Called(
        "DeadlineAlert",
        [],
        {
            "reference": Called("DeadlineReference.DAGRUN_QUEUED_AT", [], {}),
            "interval": _delta(120),
            "callback": Called("AsyncCallback", [Called("Notifier", [], {})], late),
        },
    )


@pytest.mark.parametrize(
    ("schedule", "said"),
    [
        (None, None),
        ("0 5 * * *", "0 5 * * *"),
        ("@daily", "@daily"),
        ({"assets": ["segmentation_model"]}, [_asset("segmentation_model")]),
        (
            {"assets": ["valid_sessions", "elbow_curve"]},
            [_asset("valid_sessions"), _asset("elbow_curve")],
        ),
    ],
)
def test_a_schedule_is_null_a_cron_or_assets(
    schedule: Any, said: Any, configure: Configure, generate: Generate
) -> None:
    configure("base/airflow.yml", {"inference": {"schedule": schedule}})

    found = generate()["inference"].settings["schedule"]

    assert (found, type(found)) == (said, type(said))


def test_without_a_deadline_and_a_webhook_there_is_none(
    configure: Configure, generate: Generate
) -> None:
    configure("base/airflow.yml", {"default": {"deadline": None, "webhook_connection": None}})

    for dag in generate().values():
        assert "deadline" not in dag.settings
        assert dag.settings["on_failure_callback"] == Called("Notifier", ["failed", None], {})
        imported = {
            name.name
            for one in ast.walk(dag.tree)
            if isinstance(one, ast.ImportFrom)
            for name in one.names
        }
        assert {name for name in imported if "Deadline" in name or "Callback" in name} == set()


HOSTILE = [
    "it's",
    'say "hi"',
    "'\"",
    '"""',
    'ends with a quote"',
    "a\\b",
    "\\n is no line",
    "\\",
    "\\N{BULLET} \\u0041 \\x",
    "a & b < c > d &amp;",
    "ÖZET · 日本語 · 🛒",
    "{{ ds }} {% raw %} {# no #}",
    "%s {0} $x $",
    '"""\nimport os',
    "x" * 150 + " " + "y" * 40,
    "), *[print('pwned')] #",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_any_text_is_that_very_text(text: str, configure: Configure, generate: Generate) -> None:
    configure(
        "base/airflow.yml",
        {
            "default": {"deadline": 5},
            "training": {
                "description": text,
                "owner": text,
                "tags": [text, "other"],
            },
        },
    )

    dag = generate()["training"]

    said = dag.settings
    assert said["description"] == text
    assert said["doc_md"].startswith(f"{text}.\n\n- **data_processing**: ")
    assert said["default_args"]["owner"] == text
    assert said["tags"] == [text, "other"]
    # Nothing beside the docstring, the imports and the DAG came into the file.
    assert [type(one) for one in dag.tree.body] == [
        ast.Expr,
        *[ast.ImportFrom] * 4,
        ast.With,
    ]
    assert "Generated by `make dags` from conf/base/airflow.yml" in (
        ast.get_docstring(dag.tree) or ""
    )


@pytest.mark.parametrize("text", [*HOSTILE, "0 25 * * *", "a b c d e", "@never", "5 * *"])
def test_any_text_that_is_no_schedule_is_refused(
    text: str, configure: Configure, generate: Generate, tmp_path: Path
) -> None:
    configure("base/airflow.yml", {"training": {"schedule": text}})

    with pytest.raises(SettingError, match=r"training\.schedule\."):
        generate()
    assert not (tmp_path / "generated for base").exists()


@pytest.mark.parametrize("text", [one for one in HOSTILE if "\n" not in one])
def test_any_path_in_the_form_is_that_very_path(
    text: str, configure: Configure, generate: Generate
) -> None:
    configure(
        "base/airflow.yml",
        {"training": {"params": {"sessions_file": text}}},
    )

    assert generate()["training"].settings["params"]["sessions_file"].args == [text]


# --- the form -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pipeline", "shown"),
    [
        ("__default__", ["sessions_file", "new_sessions_file", "recipe", "k_max"]),
        ("training", ["sessions_file", "recipe", "k_max"]),
        ("inference", ["new_sessions_file", "recipe"]),
    ],
)
def test_the_form_has_what_the_pipeline_reads(
    pipeline: str, shown: list[str], generate: Generate
) -> None:
    assert list(generate()[pipeline].settings["params"]) == shown


def test_the_form_is_typed_and_shows_the_configured_values(
    configure: Configure, generate: Generate
) -> None:
    block = {"params": {"sessions_file": "in/{ds}.csv", "recipe": "log", "k_max": 7}}
    configure("base/airflow.yml", {"training": block})
    configure("base/parameters.yml", {"recipes": {"other-1": {"columns": ["BounceRates"]}}})

    form = generate()["training"].settings["params"]

    assert [param.name for param in form.values()] == ["Param"] * 3
    assert [param.args for param in form.values()] == [["in/{ds}.csv"], ["log"], [7]]
    told = {name: param.kwargs for name, param in form.items()}
    assert all(one.pop("title") and one.pop("description") for one in told.values())
    assert told == {
        "sessions_file": {"type": ["null", "string"], "pattern": dags.PLAIN_TEXT},
        "recipe": {"type": "string", "enum": ["base", "log", "other-1"]},
        "k_max": {"type": ["null", "integer"], "minimum": 3},
    }


# --- tasks --------------------------------------------------------------------------------------


def test_one_task_a_stage(generate: Generate) -> None:
    dag = generate()["training"]

    assert {name: task["namespace"] for name, task in dag.tasks.items()} == {
        "data_processing": "data_processing",
        "clustering": "clustering",
        "promotion": "promotion",
        "labelling": "labelling",
        "reporting": "reporting",
    }
    for name, task in dag.tasks.items():
        assert (task["task_id"], task["pipeline"], task["environment"]) == (
            name,
            "training",
            "base",
        )
        assert "nodes" not in task
    assert dag.arrows == {
        "tasks[data_processing] >> tasks[clustering]",
        "tasks[clustering] >> tasks[promotion]",  # and so, without a word, after data_processing
        "tasks[promotion] >> tasks[labelling]",
        "tasks[labelling] >> tasks[reporting]",
    }


def test_one_task_a_node_where_it_is_chosen(configure: Configure, generate: Generate) -> None:
    configure("base/airflow.yml", {"training": {"tasks_by": "node"}})

    generated = generate()

    dag = generated["training"]
    nodes = pipelines["training"].nodes
    assert {name: task["nodes"] for name, task in dag.tasks.items()} == {
        node.name: [node.name] for node in nodes
    }
    assert all("namespace" not in task for task in dag.tasks.values())
    parents = {
        node.name: {parent.name for parent in found}
        for node, found in pipelines["training"].node_dependencies.items()
    }
    arrows = {tuple(re.findall(r"\[(.*?)\]", arrow)) for arrow in dag.arrows}
    assert _before(arrows) == _before({(one, node) for node in parents for one in parents[node]})
    for arrow in arrows:  # each is needed
        assert arrow not in _before(arrows - {arrow})
    told = {node.name: _first_line(node.func) for node in nodes}
    for name, task in dag.tasks.items():
        assert task["doc_md"] == f"- `{name}`: {told[name]}"
    assert list(generated["inference"].tasks) == ["inference"]


def _before(arrows: set[tuple[str, ...]]) -> set[tuple[str, ...]]:
    """Return all pairs of tasks of which the first is over before the second begins."""
    pairs = set(arrows)
    while more := {(a, d) for a, b in pairs for c, d in pairs if b == c} - pairs:
        pairs |= more
    return pairs


def test_a_task_is_documented_by_its_stage_and_nodes(generate: Generate) -> None:
    seen = 0
    for name, dag in generate().items():
        for stage, task in dag.tasks.items():
            module = importlib.import_module(f"{PACKAGE}.pipelines.{stage}")
            first, empty, *lines = task["doc_md"].split("\n")
            assert first == _first_line(module)
            assert empty == ""
            nodes = pipelines[name].only_nodes_with_namespaces([stage]).nodes
            assert sorted(lines) == sorted(
                f"- `{node.name}`: {_first_line(node.func)}" for node in nodes
            )
            assert f"- **{stage}**: {first}" in dag.settings["doc_md"].splitlines()
            seen += 1
    assert seen == 12


def test_outlets_are_the_outputs_that_the_catalog_persists(
    configure: Configure, generate: Generate
) -> None:
    before = generate()

    for name, dag in before.items():
        for stage in dag.tasks:
            written = pipelines[name].only_nodes_with_namespaces([stage]).all_outputs()
            assert dag.outlets(stage) == sorted(f"{PACKAGE}-base-{one}" for one in written)
    assert before["training"].outlets("labelling") == [
        f"{PACKAGE}-base-choice_in_use",
        f"{PACKAGE}-base-curve_in_use",
        f"{PACKAGE}-base-segment_profiles",
        f"{PACKAGE}-base-session_segments",
        f"{PACKAGE}-base-typical_sessions",
    ]

    path = "base/catalog.yml"
    configure(path, {"segment_profiles": None})
    configure(path, {"segment_profiles": {"type": "MemoryDataset"}})
    assert generate()["training"].outlets("labelling") == [
        f"{PACKAGE}-base-choice_in_use",
        f"{PACKAGE}-base-curve_in_use",
        f"{PACKAGE}-base-session_segments",
        f"{PACKAGE}-base-typical_sessions",
    ]


def test_an_asset_schedules_a_dag_only_where_a_task_writes_it(generate: Generate) -> None:
    generated = generate()

    assets = generated["inference"].settings["schedule"]
    assert assets == [_asset("champion")]
    assert {one.args[0] for one in assets} <= set(generated["training"].outlets("promotion"))


def test_a_dag_by_asset_knows_the_dags_that_do_its_work_themselves(
    configure: Configure, generate: Generate
) -> None:
    (task,) = generate()["inference"].tasks.values()
    assert task["covered_by"] == ["user_activity_trends-default-base"]

    configure("base/airflow.yml", {"inference": {"schedule": None}})
    (task,) = generate()["inference"].tasks.values()
    assert "covered_by" not in task


# --- which DAGs ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pipeline", "env", "dag_id"),
    [
        ("__default__", "base", "user_activity_trends-default-base"),
        ("training", "test", "user_activity_trends-training-test"),
        ("data_processing", "stream", "user_activity_trends-data_processing-stream"),
    ],
)
def test_the_id_has_pipeline_and_environment(pipeline: str, env: str, dag_id: str) -> None:
    assert dags.dag_id(pipeline, env) == dag_id


def test_another_environment_has_dags_and_assets_of_its_own(
    configure: Configure, generate: Generate
) -> None:
    configure("test/airflow.yml", {"default": {"retries": 7}, "training": {"tags": ["tests"]}})

    generated = generate("test")

    assert {name: dag.id for name, dag in generated.items()} == {
        name: f"user_activity_trends-{name.strip('_')}-test"
        for name in ("__default__", "training", "inference")
    }
    assert generated["inference"].settings["schedule"] == [
        _asset("champion", "test"),
    ]
    for name, dag in generated.items():
        assert dag.settings["default_args"]["retries"] == 7
        assert dag.settings["tags"] == (
            ["tests"] if name == "training" else ["user-activity-trends"]
        )
        for task in dag.tasks.values():
            assert task["environment"] == "test"
            assert {asset.args[0].split("-")[1] for asset in task["outlets"]} == {"test"}
    ids = {dag.id for dag in generate("base").values()} & {dag.id for dag in generated.values()}
    assert ids == set()


def test_a_new_pipeline_is_one_line(metadata: ProjectMetadata, generate: Generate) -> None:
    with (metadata.project_path / "conf/base/airflow.yml").open("a", encoding="utf-8") as file:
        file.write("labelling: {description: x}\n")

    generated = generate()

    assert set(generated) == {"__default__", "training", "inference", "labelling"}
    dag = generated["labelling"]
    assert dag.id == "user_activity_trends-labelling-base"
    assert dag.settings["description"] == "x"
    assert list(dag.tasks) == ["labelling"]


def test_only_the_named_pipelines_have_a_dag(
    metadata: ProjectMetadata, tmp_path: Path, generate: Generate
) -> None:
    path = metadata.project_path / "conf/base/airflow.yml"
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    del content["whole_chain"], content["inference"]
    path.write_text(yaml.safe_dump(content), encoding="utf-8")

    assert set(generate()) == {"training"}
    (file,) = (tmp_path / "generated for base").iterdir()
    assert file.name == "user_activity_trends_base_training_dag.py"


def test_parsing_a_dag_imports_nothing_of_the_project(generate: Generate) -> None:
    for dag in generate().values():
        imported = [
            one.module if isinstance(one, ast.ImportFrom) else name.name
            for one in ast.walk(dag.tree)
            if isinstance(one, ast.Import | ast.ImportFrom)
            for name in one.names
        ]
        assert {str(module).split(".")[0] for module in imported} == {
            "airflow",
            "datetime",
            "user_activity_trends_airflow",
        }


# --- refusals -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"trainig": {"description": "x"}},
            "airflow.yml: trainig: there is no pipeline trainig; known: ",
        ),
        (
            {"nightly": {"pipeline": "_default_"}},
            "airflow.yml: nightly: there is no pipeline _default_; known: ",
        ),
        (
            {"training": {"params": {"recipe": "lgo"}}},
            "airflow.yml: training.params.recipe is lgo; known: base, log",
        ),
        (
            {"inference": {"schedule": {"assets": ["segmentation_model", "zzz", "model"]}}},
            (
                "airflow.yml: inference.schedule.assets has what no task writes: model, zzz; "
                "name datasets of catalog.yml"
            ),
        ),
        (
            {"inference": {"schedule": {"assets": ["sessions"]}}},
            "airflow.yml: inference.schedule.assets has what no task writes: sessions; ",
        ),
        (
            {"training": {"retrys": 3}},
            (
                "airflow.yml of the environment base is not accepted:\n"
                "  - training.retrys: Extra inputs are not permitted, not 3"
            ),
        ),
    ],
)
def test_what_does_not_exist_is_refused_and_nothing_is_written(
    changes: dict[str, Any], message: str, configure: Configure, generate: Generate, tmp_path: Path
) -> None:
    configure("base/airflow.yml", changes)

    with pytest.raises(SettingError) as refused:
        generate()

    assert str(refused.value).startswith(message)
    target = tmp_path / "generated for base"
    assert not target.exists()


# --- the command --------------------------------------------------------------------------------


def test_the_command_writes_where_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(PROJECT)

    done = CliRunner().invoke(dags.main, ["--env", "test", "--target", str(tmp_path)])

    assert done.exit_code == 0, done.output
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "user_activity_trends_test_dag.py",
        "user_activity_trends_test_inference_dag.py",
        "user_activity_trends_test_training_dag.py",
    ]


def test_the_command_ends_with_a_message(
    configure: Configure,
    metadata: ProjectMetadata,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    configure("base/airflow.yml", {"trainig": {"description": "x"}})
    monkeypatch.setattr(dags, "bootstrap_project", lambda _: metadata)

    done = CliRunner().invoke(dags.main, [])

    assert done.exit_code == 1
    last = caplog.messages[-1]
    assert last.startswith("airflow.yml: trainig: there is no pipeline trainig; known: ")


def test_what_cannot_be_generated_leaves_the_dags_as_they_were(
    configure: Configure, generate: Generate, metadata: ProjectMetadata, tmp_path: Path
) -> None:
    generate()
    folder = tmp_path / "generated for base"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    template = metadata.project_path / dags.TEMPLATE
    configure("base/airflow.yml", {"training": {"description": "Another"}})
    # The first DAG can be made; the last cannot.
    text = template.read_text(encoding="utf-8")
    broken = "{% if 'inference' in dag_id %}{{ undefined.attribute.of_it }}{% endif %}"
    template.write_text(text + broken, encoding="utf-8")

    with pytest.raises(Exception, match="undefined"):
        generate()

    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert [path for path in tmp_path.iterdir() if path.name.startswith("tmp")] == []

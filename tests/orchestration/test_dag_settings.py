"""airflow.yml: what every DAG inherits, and refusals that name the block and the setting."""

import copy
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from user_activity_trends.errors import SettingError
from user_activity_trends.orchestration.dag_settings import (
    AssetSchedule,
    DagParams,
    DagSettings,
    read_dag_settings,
)

PROJECT = Path(__file__).resolve().parents[2]
DEFAULTS = {
    "description": "User activity trends",
    "schedule": None,
    "start_date": date(2026, 1, 1),
    "catchup": False,
    "tasks_by": "stage",
    "owner": "somebody",
    "tags": ["one", "two"],
    "retries": 2,
    "retry_delay": 30,
    "max_retry_delay": 600,
    "execution_timeout": 3600,
    "deadline": 7200,
    "webhook_connection": None,
    "params": {"sessions_file": None, "new_sessions_file": "new.csv", "recipe": "base"},
}
PRESETS = (
    "once",
    "continuous",
    "hourly",
    "daily",
    "weekly",
    "monthly",
    "quarterly",
    "yearly",
)
DELETE = object()


def _file(**blocks: Any) -> dict[str, Any]:
    return {"default": copy.deepcopy(DEFAULTS), **blocks}


def _refusals(raw: dict[str, Any]) -> list[str]:
    with pytest.raises(SettingError) as refused:
        read_dag_settings(raw, "production")
    first, *lines = str(refused.value).split("\n  - ")
    assert first == "airflow.yml of the environment production is not accepted:"
    return lines


def test_the_committed_file_is_accepted_with_its_values() -> None:
    raw = yaml.safe_load((PROJECT / "conf/base/airflow.yml").read_text(encoding="utf-8"))

    accepted = read_dag_settings(raw, "base")

    assert {name: one.pipeline for name, one in accepted.items()} == {
        "whole_chain": "__default__",
        "training": "training",
        "inference": "inference",
    }
    assert [one.schedule for one in accepted.values()] == [
        None,
        None,
        AssetSchedule(assets=("champion",)),
    ]
    for one in accepted.values():
        assert (one.tasks_by, one.catchup, one.retries) == ("stage", False, 2)
        assert one.params == DagParams(recipe="base")


def test_a_block_inherits_what_it_does_not_set() -> None:
    raw = _file(training={"retries": 0, "tags": [], "owner": "another", "deadline": None})
    before = copy.deepcopy(raw)

    accepted = read_dag_settings(raw, "base")

    assert raw == before
    assert accepted == {
        "training": DagSettings(
            pipeline="training",
            description="User activity trends",
            schedule=None,
            start_date=date(2026, 1, 1),
            catchup=False,
            tasks_by="stage",
            owner="another",
            tags=(),
            retries=0,
            retry_delay=30,
            max_retry_delay=600,
            execution_timeout=3600,
            deadline=None,
            webhook_connection=None,
            params=DagParams(new_sessions_file="new.csv", recipe="base"),
        )
    }


def test_a_block_without_anything_is_refused_with_what_to_write() -> None:
    with pytest.raises(SettingError, match=r"base: monitoring is empty; write monitoring: {}$"):
        read_dag_settings(_file(monitoring=None), "base")


def test_an_empty_block_is_a_dag_of_the_pipeline_called_like_it() -> None:
    accepted = read_dag_settings(_file(monitoring={}), "base")

    assert {name: one.pipeline for name, one in accepted.items()} == {"monitoring": "monitoring"}


def test_a_block_may_be_called_otherwise_than_its_pipeline() -> None:
    accepted = read_dag_settings(_file(all={"pipeline": "__default__"}, training={}), "base")

    assert [(name, one.pipeline) for name, one in accepted.items()] == [
        ("all", "__default__"),
        ("training", "training"),
    ]


def test_params_are_merged_one_by_one() -> None:
    params = {"sessions_file": "in/{ds}.csv", "new_sessions_file": None, "k_max": 7}

    accepted = read_dag_settings(_file(training={"params": params}, inference={}), "base")

    assert accepted["training"].params == DagParams(
        sessions_file="in/{ds}.csv", new_sessions_file=None, recipe="base", k_max=7
    )
    assert accepted["inference"].params == DagParams(new_sessions_file="new.csv", recipe="base")


@pytest.mark.parametrize("own", [{}, {"params": None}, {"params": {}}])
def test_without_params_of_its_own_a_block_has_the_default_ones(own: dict[str, Any]) -> None:
    accepted = read_dag_settings(_file(training=own), "base")

    assert accepted["training"].params == DagParams(new_sessions_file="new.csv", recipe="base")


@pytest.mark.parametrize("default", [DELETE, None])
def test_a_block_may_set_all_itself(default: Any) -> None:
    raw = {"training": DEFAULTS} | ({} if default is DELETE else {"default": default})

    assert read_dag_settings(raw, "base") == read_dag_settings(_file(training={}), "base")


@pytest.mark.parametrize(
    ("schedule", "accepted"),
    [
        (None, None),
        ("0 5 * * *", "0 5 * * *"),
        ("*/15  0-6,22 1,15 jan-mar MON#2", "*/15  0-6,22 1,15 jan-mar MON#2"),
        *((f"@{preset}", f"@{preset}") for preset in PRESETS),
        ({"assets": ["a", "b"]}, AssetSchedule(assets=("a", "b"))),
    ],
)
def test_every_documented_schedule_is_accepted(schedule: Any, accepted: Any) -> None:
    read = read_dag_settings(_file(training={"schedule": schedule}), "base")

    assert read["training"].schedule == accepted


@pytest.mark.parametrize("name", [name for name in DEFAULTS if name != "params"])
def test_a_missing_setting_is_named(name: str) -> None:
    raw = _file(training={"catchup": True})
    del raw["default"][name]
    raw["training"].pop(name, None)

    (line,) = _refusals(raw)

    assert line.startswith(f"training.{name}: Field required, not {{")


def test_the_recipe_of_the_form_cannot_be_empty() -> None:
    raw = _file(training={})
    del raw["default"]["params"]["recipe"]

    assert _refusals(raw) == [
        (
            "training.params.recipe: Field required, "
            "not {'sessions_file': None, 'new_sessions_file': 'new.csv'}"
        )
    ]
    for recipe, refusal in (
        (None, "Input should be a valid string, not None"),
        ("", "String should have at least 1 character, not ''"),
    ):
        assert _refusals(_file(training={"params": {"recipe": recipe}})) == [
            f"training.params.recipe: {refusal}"
        ]


@pytest.mark.parametrize(
    ("own", "refusal"),
    [
        ({"retry": 3}, "retry: Extra inputs are not permitted, not 3"),
        ({"params": {"k_mx": 3}}, "params.k_mx: Extra inputs are not permitted, not 3"),
        ({"pipeline": None}, "pipeline: Input should be a valid string, not None"),
        ({"description": ""}, "description: String should have at least 1 character, not ''"),
        (
            {"owner": "x" * 201},
            f"owner: String should have at most 200 characters, not {'x' * 201!r}",
        ),
        ({"tags": ["a", 1]}, "tags.1: Input should be a valid string, not 1"),
        ({"tags": ["a", ""]}, "tags.1: String should have at least 1 character, not ''"),
        ({"tasks_by": "namespace"}, "tasks_by: Input should be 'stage' or 'node', not 'namespace'"),
        ({"retries": -1}, "retries: Input should be greater than or equal to 0, not -1"),
        ({"retry_delay": 0}, "retry_delay: Input should be greater than 0, not 0"),
        ({"max_retry_delay": 0}, "max_retry_delay: Input should be greater than 0, not 0"),
        ({"execution_timeout": -1}, "execution_timeout: Input should be greater than 0, not -1"),
        ({"deadline": 0}, "deadline: Input should be greater than 0, not 0"),
        *(
            (
                {"webhook_connection": wrong},
                (
                    "webhook_connection: String should match pattern '^[A-Za-z0-9_.-]+$', "
                    f"not '{wrong}'"
                ),
            )
            for wrong in ("", "https://example.com/hook", "a b")
        ),
        (
            {"params": {"k_max": 2}},
            "params.k_max: Input should be greater than or equal to 3, not 2",
        ),
        (
            {"params": {"sessions_file": "${oc.env:HOME}"}},
            (
                r"params.sessions_file: String should match pattern "
                r"'^([^$\x00-\x1f]|\$+[^${\x00-\x1f])+\$*$', not '${oc.env:HOME}'"
            ),
        ),
    ],
)
def test_a_refusal_is_one_line_with_block_and_path(own: dict[str, Any], refusal: str) -> None:
    assert _refusals(_file(inference={}, training=own)) == [f"training.{refusal}"]


@pytest.mark.parametrize(
    ("own", "start"),
    [
        ({"start_date": "someday"}, "training.start_date: "),
        ({"catchup": "perhaps"}, "training.catchup: "),
        ({"retries": 1.5}, "training.retries: "),
        ({"retry_delay": "soon"}, "training.retry_delay: "),
        ({"tags": "one"}, "training.tags: "),
        ({"params": {"k_max": "many"}}, "training.params.k_max: "),
        ({"deadline": float("inf")}, "training.deadline: "),
        ({"retry_delay": float("inf")}, "training.retry_delay: "),
        ({"max_retry_delay": float("inf")}, "training.max_retry_delay: "),
        ({"execution_timeout": float("nan")}, "training.execution_timeout: "),
    ],
)
def test_a_wrong_type_is_refused_at_its_path(own: dict[str, Any], start: str) -> None:
    (line,) = _refusals(_file(training=own))

    assert line.startswith(start)


@pytest.mark.parametrize(
    "schedule",
    [
        {"assets": []},
        {"asset": ["a"]},
        5,
        ["0 5 * * *"],
        "",
        "daily",
        "@dayly",
        "@Daily",
        "@daily ",
        "@daily\n",
        "0 5 * *",
        "0 5 * * * *",
        " 0 5 * * *",
        "0 5 * * * ",
        "0 5 * * *\n",
        "0\t5 * * *",
        "0 5 * * *\n0 6 * * *",
        "segmentation_model",
    ],
)
def test_a_wrong_schedule_is_refused_at_its_path(schedule: Any) -> None:
    lines = _refusals(_file(training={"schedule": schedule}))

    assert lines
    assert all(line.startswith("training.schedule.") for line in lines)


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        (_file(training="yes"), "training"),
        (_file(training=["retries", 2]), "training"),
        (_file(training={"params": "recipe"}), "training.params"),
        (_file(training={"params": ["recipe"]}), "training.params"),
        ({"default": {**DEFAULTS, "params": ["recipe"]}, "training": {}}, "default.params"),
        ({"default": "training", "training": {}}, "default"),
    ],
)
def test_what_should_be_a_block_and_is_none_is_refused(raw: dict[str, Any], path: str) -> None:
    (line,) = _refusals(raw)

    assert line.startswith(f"{path}: ")


def test_all_refusals_of_a_block_come_at_once() -> None:
    own = {"retries": -1, "owners": "me", "params": {"k_max": 0}}

    assert sorted(line.split(":")[0] for line in _refusals(_file(training=own))) == [
        "training.owners",
        "training.params.k_max",
        "training.retries",
    ]


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        (
            {"training": {}, "nightly": {"pipeline": "training"}},
            "airflow.yml of the environment base has two DAGs of one pipeline; leave one",
        ),
        (
            {},
            (
                "airflow.yml of the environment base names no pipeline; add one, such as "
                "training: {description: Train}"
            ),
        ),
    ],
)
def test_a_pipeline_has_one_dag_and_there_is_one(blocks: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError) as refused:
        read_dag_settings(_file(**blocks), "base")

    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("default", "own", "said"),
    [
        ({"retries": -1}, {}, "default.retries"),
        ({"retries": -1}, {"retries": -2}, "training.retries"),
        ({"schedule": "0 25 * * *"}, {}, "default.schedule"),
        ({"params": {"recipe": "base", "k_max": 1}}, {}, "default.params.k_max"),
        (
            {"params": {"recipe": "base", "k_max": 1}},
            {"params": {"k_max": 0}},
            "training.params.k_max",
        ),
    ],
)
def test_a_mistake_is_blamed_on_the_block_that_has_it(
    default: dict[str, Any], own: dict[str, Any], said: str
) -> None:
    raw = {"default": {**DEFAULTS, **default}, "training": own}

    with pytest.raises(SettingError, match=rf"- {said.replace('.', '[.]')}"):
        read_dag_settings(raw, "base")

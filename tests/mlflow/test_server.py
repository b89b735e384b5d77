"""A real tracking server with PostgreSQL: runs, promotion, rollback, and when it is away."""

import secrets
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import pytest
from click.testing import CliRunner
from kedro.framework.project import settings
from kedro.framework.startup import bootstrap_project
from kedro.io import DatasetError
from mlflow import MlflowClient
from planted_versions import PlantedStore, sessions
from projects import PROJECT, make_context
from servers import MlflowServer, free_port

from user_activity_trends.cli import cli
from user_activity_trends.errors import PromotionRefusedError
from user_activity_trends.lifecycle import commands
from user_activity_trends.lifecycle.store import ModelStore
from user_activity_trends.segmentation.model import fingerprint
from user_activity_trends.tracking import switch
from user_activity_trends.tracking.mirror import Mirror
from user_activity_trends.tracking.switch import mirror

FIRST, SECOND = "2026-11-26T05.38.00.123Z", "2026-11-26T06.38.00.123Z"
PATIENCE = 45
"""Seconds that a server that is away may cost at most; on a busy machine."""


def named(name: str, **tracking: Any) -> Any:
    """Return a context whose registered model no other test has."""
    return make_context(tracking={"registered_model": name} | tracking)


def numbers(name: str) -> list[str]:
    found = MlflowClient().search_model_versions(f"name='{name}'")
    return sorted(one.tags["model_version"] for one in found)


def aliases(name: str) -> dict[str, str]:
    model = MlflowClient().get_registered_model(name)
    return {
        alias: MlflowClient().get_model_version_by_alias(name, alias).tags["model_version"]
        for alias in model.aliases
    }


@pytest.fixture
def at_server(server: MlflowServer, monkeypatch: pytest.MonkeyPatch) -> MlflowServer:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.url)
    # The machine may be busy: what is slow is not away.
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "60")
    return server


def test_aliases_agree_with_the_catalog_after_promotion_and_rollback(
    at_server: MlflowServer, store: PlantedStore
) -> None:
    context = named("moves")
    for in_use, expected in (
        (FIRST, {"champion": FIRST, "candidate": SECOND}),
        (SECOND, {"champion": SECOND}),
        (FIRST, {"champion": FIRST, "candidate": SECOND}),
    ):
        store.in_use = in_use
        mirror(context, store)
        assert aliases("moves") == expected
    assert numbers("moves") == [FIRST, SECOND]
    assert at_server.url == mlflow.get_tracking_uri()


def test_the_champion_of_the_registry_gives_the_same_labels(
    at_server: MlflowServer, store: PlantedStore
) -> None:
    mirror(named("labels"), store)

    table = sessions(seed=21)
    loaded = mlflow.pyfunc.load_model("models:/labels@champion")
    assert loaded.predict(table).tolist() == store.models[FIRST].predict(table).tolist()
    assert at_server.url == mlflow.get_tracking_uri()


def test_hostile_texts_reach_postgresql_and_come_back(
    at_server: MlflowServer, store: PlantedStore
) -> None:
    hostile = "'; DROP TABLE params; --\x00\\ \n%s {0} caf\u00e9 \U0001f600" + "z" * 6_500
    store.add(FIRST, parameters={"values": {"one": hostile, hostile: "two"}}, recipe=hostile)

    assert mirror(named("hostile"), store) == [FIRST, SECOND]

    (number,) = [
        one
        for one in MlflowClient().search_model_versions("name='hostile'")
        if one.tags["model_version"] == FIRST
    ]
    run = MlflowClient().get_run(number.run_id)
    assert run.data.params["values.one"].startswith("\"'; DROP TABLE params; --\\u0000")
    assert "two" in run.data.params.values()
    assert at_server.url == mlflow.get_tracking_uri()


def test_postgresql_needs_no_server(
    server: MlflowServer, store: PlantedStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.make_database("direct"))
    context = named("direct")

    assert mirror(context, store) == [FIRST, SECOND]

    assert len(list((tmp_path / "data root/mlflow_artifacts").rglob("model.skops"))) == 2
    assert aliases("direct") == {"champion": FIRST, "candidate": SECOND}


@pytest.mark.parametrize(
    ("scheme", "odd"),
    [
        ("http", "qzq"),
        *(("postgresql", odd) for odd in ("qzq", "#qzq", "/qzq", "?qzq", "[qzq", "%40qzq")),
    ],
)
def test_nobody_listens(
    scheme: str,
    odd: str,
    store: PlantedStore,
    monkeypatch: pytest.MonkeyPatch,
    told: Callable[[], list[str]],
) -> None:
    hidden = secrets.token_hex(8) + odd
    address = f"{scheme}://somebody:{hidden}@127.0.0.1:{free_port()}/x"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    begun = time.monotonic()

    assert mirror(make_context(), store) == []

    assert time.monotonic() - begun < PATIENCE
    (line,) = told()
    assert line.startswith(f"MLflow ({scheme}://***@127.0.0.1:")
    assert "the next training run adds" in line
    assert hidden[:16] not in line
    assert odd not in line


def test_a_wrong_password_is_told_once(
    server: MlflowServer,
    store: PlantedStore,
    monkeypatch: pytest.MonkeyPatch,
    told: Callable[[], list[str]],
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.database.replace(server.password, "guessed"))

    assert mirror(make_context(), store) == []

    (line,) = told()
    assert "password authentication failed" in line
    assert "guessed" not in line


def test_a_server_that_does_not_answer_costs_seconds_and_gets_it_later(
    at_server: MlflowServer,
    store: PlantedStore,
    monkeypatch: pytest.MonkeyPatch,
    told: Callable[[], list[str]],
) -> None:
    context = named("hangs")
    begun = time.monotonic()
    at_server.hold("mlflow")
    try:
        with monkeypatch.context() as as_it_is:
            as_it_is.delenv("MLFLOW_HTTP_REQUEST_TIMEOUT")
            assert mirror(context, store) == []
    finally:
        at_server.release("mlflow")
    assert time.monotonic() - begun < PATIENCE
    assert len(told()) == 1

    assert mirror(context, store) == [FIRST, SECOND]


def test_never_means_that_it_does_not_get_it_later(
    at_server: MlflowServer,
    store: PlantedStore,
    monkeypatch: pytest.MonkeyPatch,
    told: Callable[[], list[str]],
) -> None:
    with monkeypatch.context() as away:
        away.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free_port()}")
        assert mirror(named("never", when_unreachable="never"), store, trained=SECOND) == []
    context = named("never", when_unreachable="never")
    assert at_server.url == context.config_loader["mlflow"]["server"]["mlflow_tracking_uri"]
    (line,) = told()
    assert "it will not get" in line

    store.add("2026-11-26T07.38.00.123Z", seed=9)
    assert mirror(context, store, trained="2026-11-26T07.38.00.123Z") == [
        "2026-11-26T07.38.00.123Z"
    ]
    assert numbers("never") == ["2026-11-26T07.38.00.123Z"]
    # The model in use is one that MLflow does not have.
    assert aliases("never") == {"candidate": "2026-11-26T07.38.00.123Z"}


def test_a_server_without_its_database_breaks_nothing(
    at_server: MlflowServer, store: PlantedStore, told: Callable[[], list[str]]
) -> None:
    begun = time.monotonic()
    at_server.stop("postgres")
    try:
        assert mirror(named("no-database"), store) == []
    finally:
        at_server.start_postgres()
    assert time.monotonic() - begun < PATIENCE
    assert len(told()) == 1


def run_project(pipeline: str = "training", **tracking: Any) -> str:
    with settings.SESSION_CLASS.create(
        project_path=PROJECT, env="test", runtime_params={"tracking": tracking}
    ) as session:
        session.run(pipeline_names=[pipeline])
        return str(session.session_id)


def test_mlflow_agrees_with_the_catalog_after_runs_promotion_and_rollback(
    at_server: MlflowServer,
) -> None:
    first, second = run_project(registered_model="life"), run_project(registered_model="life")
    context = named("life")
    catalog = ModelStore(context.catalog)

    def agree() -> None:
        champion = catalog.champion()
        assert champion is not None
        assert aliases("life").get("champion") == champion.version
        assert numbers("life") == catalog.versions() == [first, second]

    agree()
    for version in (first, second):
        catalog.promote(version, "promoted by hand", "to see it move")
        mirror(context, catalog)
        agree()
    assert catalog.rollback("to see it go back").version == first
    mirror(context, catalog)
    agree()
    assert aliases("life") == {"champion": first, "candidate": second}
    loaded = mlflow.sklearn.load_model("models:/life@champion")
    assert fingerprint(loaded) == catalog.record(first).model
    assert at_server.url == mlflow.get_tracking_uri()


def agree_on(name: str) -> None:
    champion = ModelStore(make_context().catalog).champion()
    assert champion is not None
    assert aliases(name).get("champion") == champion.version


def test_mlflow_agrees_with_the_catalog_after_each_command(
    at_server: MlflowServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "user_activity_trends"
    first, second = run_project(), run_project()
    agree_on(name)

    def models(*arguments: str) -> None:
        done = CliRunner().invoke(
            cli, ["models", *arguments, "--env", "test"], obj=bootstrap_project(PROJECT)
        )
        assert done.exit_code == 0, done.output
        agree_on(name)

    monkeypatch.chdir(PROJECT)
    models("rollback")
    assert aliases(name)["champion"] == first
    models("promote", second, "--no-labels")
    assert aliases(name)["champion"] == second
    # Runs of these pipelines are left out: the command itself has to tell MLflow.
    monkeypatch.setattr(switch, "enabled", lambda _, pipelines=(): "labelling" not in pipelines)
    monkeypatch.setattr(commands, "enabled", switch.enabled)
    models("rollback")
    assert aliases(name)["champion"] == first
    assert at_server.url == mlflow.get_tracking_uri()


def test_mlflow_agrees_with_the_catalog_after_a_stage_that_failed(
    at_server: MlflowServer, tmp_path: Path
) -> None:
    first = run_project(registered_model="failed")
    output = tmp_path / "data root/07_model_output"
    shutil.rmtree(output)
    output.write_text("no folder", encoding="utf-8")

    with pytest.raises(DatasetError):
        run_project(registered_model="failed")

    assert len(numbers("failed")) == 2
    assert aliases("failed")["champion"] != first
    agree_on("failed")
    assert at_server.url == mlflow.get_tracking_uri()


def test_a_first_model_that_is_refused_is_logged_as_a_candidate(at_server: MlflowServer) -> None:
    with (
        pytest.raises(PromotionRefusedError),
        settings.SESSION_CLASS.create(
            project_path=PROJECT,
            env="test",
            runtime_params={
                "tracking": {"registered_model": "refused"},
                "promotion": {"gates": {"minimum_rows": 10_000}},
            },
        ) as session,
    ):
        session.run(pipeline_names=["training"])

    assert numbers("refused") == [session.session_id]
    assert aliases("refused") == {"candidate": session.session_id}
    assert at_server.url == mlflow.get_tracking_uri()


def test_a_run_of_the_project_is_logged_with_its_figures(at_server: MlflowServer) -> None:
    version = run_project(registered_model="runs")

    assert numbers("runs") == [version]
    (number,) = MlflowClient().search_model_versions("name='runs'")
    files = [one.path for one in MlflowClient().list_artifacts(number.run_id)]
    assert {"figures.html", "figures", "model_record.json"} <= {*files}
    drawn = [one.path for one in MlflowClient().list_artifacts(number.run_id, "figures")]
    assert "figures/elbow_chart.json" in drawn
    assert len(drawn) == 9
    assert at_server.url == mlflow.get_tracking_uri()


def test_a_run_finishes_while_the_server_is_away(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, told: Callable[[], list[str]]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free_port()}")

    version = run_project(registered_model="away")

    root = tmp_path / "data root"
    assert (root / "06_models/user_activity_trend_model.pkl" / version).is_dir()
    assert (root / "08_reporting/run_summary.json").is_file()
    (line,) = [line for line in told() if "MLflow" in line or "Retry" in line]
    assert line.startswith("MLflow (http://127.0.0.1:")


def test_what_trains_nothing_asks_no_server(
    monkeypatch: pytest.MonkeyPatch, told: Callable[[], list[str]]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free_port()}")

    run_project("data_processing")

    assert [line for line in told() if "MLflow" in line] == []


def test_mirror_knows_what_the_registry_says(at_server: MlflowServer, store: PlantedStore) -> None:
    context = named("known")
    mirror(context, store)

    experiment = MlflowClient().get_experiment_by_name("user_activity_trends")
    assert experiment is not None
    assert Mirror("known", experiment.experiment_id).aliases() == aliases("known")
    assert at_server.url == mlflow.get_tracking_uri()

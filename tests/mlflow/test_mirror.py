"""What MLflow holds of a model version, with its default store: a file."""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest
from mlflow import MlflowClient
from planted_versions import PARAMETERS, PlantedStore, sessions, train
from projects import make_context

from user_activity_trends.errors import ModelMismatchError
from user_activity_trends.tracking import server
from user_activity_trends.tracking.mirror import Mirror
from user_activity_trends.tracking.switch import mirror

NAME = "user_activity_trends"
FIRST, SECOND = "2026-11-26T05.38.00.123Z", "2026-11-26T06.38.00.123Z"
THIRD = "2026-11-26T07.38.00.123Z"


def runs() -> list[Any]:
    experiment = MlflowClient().get_experiment_by_name(NAME)
    assert experiment is not None
    return list(MlflowClient().search_runs([experiment.experiment_id]))


def run_of(version: str) -> Any:
    (found,) = [one for one in runs() if one.data.tags["model_version"] == version]
    return found


def artifact(version: str, name: str) -> str:
    found = mlflow.artifacts.download_artifacts(
        run_id=run_of(version).info.run_id, artifact_path=name
    )
    return Path(found).read_text(encoding="utf-8")


def aliases() -> dict[str, str]:
    """Return the version that each alias leads to, as one who knows MLflow alone would see it."""
    model = MlflowClient().get_registered_model(NAME)
    return {
        alias: MlflowClient().get_model_version_by_alias(NAME, alias).tags["model_version"]
        for alias in model.aliases
    }


def test_settings_are_parameters_field_by_field(context: Any, store: PlantedStore) -> None:
    assert mirror(context, store) == [FIRST, SECOND]

    assert run_of(FIRST).data.params == {
        "recipe": "base",
        "clustering.sweep.k_min": "1",
        "clustering.sweep.k_max": "3",
        "clustering.sweep.random_state": "42",
        "columns.outcome": "null",
        "columns.dimensions": '["VisitorType", "Weekend"]',
        "columns.values": "{}",
    }


def test_scores_are_metrics_with_k_as_step(context: Any, store: PlantedStore) -> None:
    mirror(context, store)

    run = run_of(FIRST)
    history = MlflowClient().get_metric_history(run.info.run_id, "sweep.sse")
    assert [(one.step, one.value) for one in history] == [(1, 90.5), (2, 20.25), (3, 4.0)]
    history = MlflowClient().get_metric_history(run.info.run_id, "sweep.silhouette")
    assert [(one.step, one.value) for one in history] == [(2, 0.625), (3, 0.75)]
    training = {name: value for name, value in run.data.metrics.items() if "training" in name}
    assert training == {
        "training.k": 3,
        "training.sse": 4,
        "training.silhouette": 0.75,
        "training.stability.mean": 0.9,
    }


def test_data_code_and_packages_can_be_found_by(context: Any, store: PlantedStore) -> None:
    mirror(context, store)

    run = run_of(FIRST)
    expected = {
        "model_version": FIRST,
        "recipe": "base",
        "model": store.records[FIRST].model,
        "data.sha256": f"{7:064x}",
        "data.rows": "120",
        "data.columns": '["pages", "minutes"]',
        "data.sample": "true",
        "git.revision": "0123abc",
        "mlflow.source.git.commit": "0123abc",
        "packages.scikit-learn": "1.9.1",
    }
    assert expected.items() <= run.data.tags.items()
    (used,) = run.inputs.dataset_inputs
    assert used.dataset.digest == f"{7:064x}"[:36]
    assert json.loads(used.dataset.profile) == {"num_rows": 120, "num_columns": 2}
    assert (run.info.start_time, run.info.end_time) == (1_795_671_480_123,) * 2
    assert run.info.status == "FINISHED"


def test_the_records_are_artifacts_as_they_are(context: Any, store: PlantedStore) -> None:
    store.reported.add(SECOND)

    mirror(context, store)

    record = json.loads(artifact(FIRST, "model_record.json"))
    assert record == store.records[FIRST].model_dump(mode="json")
    for name in ("segment_identities", "segment_scorer", "training_metrics"):
        assert json.loads(artifact(FIRST, f"{name}.json")) == {"of": FIRST}
    assert json.loads(artifact(SECOND, "promotion_report.json")) == {"of": SECOND, "gates": []}
    listed = MlflowClient().list_artifacts(run_of(FIRST).info.run_id)
    assert "promotion_report.json" not in [one.path for one in listed]


@pytest.mark.parametrize(
    "scaling",
    [
        {},
        {"transform": "log1p"},
        {"scaler": "standard", "fill_gaps": True},
        {"transform": "log1p", "scaler": "robust", "fill_gaps": True},
    ],
)
def test_the_registered_model_gives_the_same_labels(
    context: Any, scaling: dict[str, Any], recwarn: pytest.WarningsRecorder
) -> None:
    table = sessions(seed=3)
    if scaling.get("fill_gaps"):
        table.loc[5, "minutes"] = None
    store = PlantedStore()
    planted = store.add(FIRST, model=train(table, **scaling))

    mirror(context, store)

    expected = planted.predict(table).tolist()
    address = f"models:/{NAME}/1"
    assert mlflow.sklearn.load_model(address).predict(table).tolist() == expected
    assert mlflow.pyfunc.load_model(address).predict(table).tolist() == expected
    assert [str(one.message) for one in recwarn if "sklearn" in str(one.category)] == []


def test_the_input_example_is_one_typical_session_a_cluster(
    context: Any, store: PlantedStore
) -> None:
    store.add(FIRST, model=train(sessions(), transform="log1p"))
    mirror(context, store)

    loaded = mlflow.pyfunc.load_model(f"models:/{NAME}/1")
    example = loaded.input_example
    assert loaded.predict(example).tolist() == [0, 1, 2]
    # Each centre of a planted group, plus less than one.
    found = np.floor(example.sort_values("pages").to_numpy()).tolist()
    assert found == [[5, 10], [30, 300], [60, 12]]
    signature = loaded.metadata.signature
    assert signature.inputs.to_dict() == [
        {"type": "double", "name": name, "required": True} for name in ("pages", "minutes")
    ]


def test_nothing_is_logged_twice(context: Any, store: PlantedStore) -> None:
    assert mirror(context, store) == [FIRST, SECOND]
    before = sorted(one.info.run_id for one in runs())

    assert mirror(context, store) == []

    assert sorted(one.info.run_id for one in runs()) == before
    assert len(MlflowClient().search_model_versions(f"name='{NAME}'")) == 2


def test_what_another_process_registered_meanwhile_stays_alone(
    context: Any, store: PlantedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    del store.records[SECOND]
    mirror(context, store)
    kept = runs()[0].info.run_id
    known = Mirror.registered
    # The other process was between this one's look and its own registration.
    looks = iter([{}, {}])
    monkeypatch.setattr(Mirror, "registered", lambda self: next(looks, None) or known(self))
    monkeypatch.setattr(Mirror, "_runs", lambda *_: [])

    mirror(context, store)

    assert [one.info.run_id for one in runs()] == [kept]
    (left,) = MlflowClient().search_model_versions(f"name='{NAME}'")
    assert left.run_id == kept


def test_an_attempt_that_died_is_replaced(
    context: Any, store: PlantedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: object) -> None:
        msg = "the disk is full"
        raise OSError(msg)

    with monkeypatch.context() as broken:
        broken.setattr(Mirror, "_register", dies)
        assert mirror(context, store) == []
    assert len(runs()) == 1

    assert mirror(context, store) == [FIRST, SECOND]

    assert sorted(one.data.tags["model_version"] for one in runs()) == [FIRST, SECOND]


def test_aliases_follow_the_champion(context: Any, store: PlantedStore) -> None:
    mirror(context, store)
    assert aliases() == {"champion": FIRST, "candidate": SECOND}

    store.in_use = SECOND  # promoted
    mirror(context, store)
    assert aliases() == {"champion": SECOND}

    store.in_use = FIRST  # rolled back
    mirror(context, store)
    assert aliases() == {"champion": FIRST, "candidate": SECOND}

    store.in_use = None
    mirror(context, store)
    assert aliases() == {"candidate": SECOND}


def test_an_alias_never_leads_to_another_version_than_the_one_in_use(
    context: Any, store: PlantedStore
) -> None:
    mirror(context, store)
    store.add("2026-11-26T07.38.00.123Z", seed=9)
    store.in_use = "2026-11-26T07.38.00.123Z"
    never = make_context(tracking={"when_unreachable": "never"})

    mirror(never, store)

    assert aliases() == {}


def test_a_version_that_cannot_be_read_stops_no_other(
    context: Any, store: PlantedStore, caplog: pytest.LogCaptureFixture
) -> None:
    record = store.record

    def unreadable(version: str) -> Any:
        if version == FIRST:
            msg = "model_record is damaged"
            raise ModelMismatchError(msg)
        return record(version)

    store.record = unreadable  # type: ignore[method-assign]
    store.in_use = SECOND

    assert mirror(context, store) == [SECOND]

    assert aliases() == {"champion": SECOND}
    assert f"MLflow does not get model {FIRST}: model_record is damaged" in caplog.text


@pytest.mark.parametrize(("setting", "logged"), [("later", [FIRST, SECOND]), ("never", [SECOND])])
def test_what_was_not_logged_in_its_time(
    store: PlantedStore, setting: str, logged: list[str]
) -> None:
    context = make_context(tracking={"when_unreachable": setting})

    assert mirror(context, store, trained=SECOND) == logged


def test_each_recipe_has_a_registered_model_of_its_own(store: PlantedStore) -> None:
    mirror(make_context(), store)
    mirror(make_context(recipe="log"), store)

    names = [one.name for one in MlflowClient().search_registered_models()]
    assert sorted(names) == [NAME, f"{NAME}-log"]


def another_shop(*versions: str) -> PlantedStore:
    """Return the catalog of another DATA_ROOT, whose models are others; its newest is in use."""
    planted = PlantedStore()
    for seed, version in enumerate(versions, start=20):
        planted.add(version, seed)
    planted.in_use = versions[-1]
    return planted


def everything() -> Any:
    """Return what MLflow has: its runs, and the models of the registry with their aliases."""
    registered = MlflowClient().search_model_versions(f"name='{NAME}'")
    return sorted(one.info.run_id for one in runs()), len(registered), aliases()


def test_a_version_in_the_registry_has_the_fingerprint_of_its_model(
    context: Any, store: PlantedStore
) -> None:
    mirror(context, store)

    tags = [one.tags for one in MlflowClient().search_model_versions(f"name='{NAME}'")]
    assert {one["model_version"]: one["model"] for one in tags} == store.fingerprints()


@pytest.mark.parametrize("in_use", [FIRST, None])
def test_another_data_root_takes_no_alias_and_is_told_once(
    context: Any, store: PlantedStore, told: Callable[[], list[str]], in_use: str | None
) -> None:
    store.in_use = in_use
    mirror(context, store)
    before = everything()
    other = another_shop(THIRD)

    assert mirror(context, other, trained=THIRD, figures={"sizes": None}) == []

    assert everything() == before
    (line,) = told()
    alias, version = ("champion", FIRST) if in_use else ("candidate", SECOND)
    assert line.startswith(
        f"MLflow: the alias {alias} of the registered model {NAME} is {version}, which this "
        "DATA_ROOT never had. It is of another DATA_ROOT"
    )
    assert "Set tracking.registered_model to a name of its own" in line
    assert mirror(make_context(tracking={"registered_model": "shop"}), other) == [THIRD]
    assert everything() != before  # there is a run more,
    assert everything()[1:] == before[1:]  # but of another registered model
    assert mirror(context, store) == []
    assert len(told()) == 1


@pytest.mark.parametrize(
    ("in_use", "name"), [(FIRST, "alias champion"), (SECOND, "version 1"), (None, "version 1")]
)
def test_the_same_version_with_another_model_is_told(
    context: Any,
    store: PlantedStore,
    told: Callable[[], list[str]],
    in_use: str | None,
    name: str,
) -> None:
    store.in_use = in_use
    mirror(context, store)
    before = everything()
    other = another_shop(FIRST, THIRD)
    other.before = (FIRST,)
    other.removed = {SECOND: None}  # of this nothing says any more that it is another

    assert mirror(context, other, figures={"sizes": None}) == []

    assert everything() == before
    (line,) = told()
    theirs, here = (one.records[FIRST].model for one in (store, other))
    assert line.startswith(
        f"MLflow: the {name} of the registered model {NAME} is {FIRST} with the fingerprint "
        f"{theirs}, which is {here} here. It is of another DATA_ROOT"
    )


def test_a_model_that_was_never_in_use_is_replaced_if_its_run_was_run_again(
    context: Any, store: PlantedStore, told: Callable[[], list[str]]
) -> None:
    mirror(context, store, trained=SECOND)
    assert aliases() == {"champion": FIRST, "candidate": SECOND}
    count = len(runs())
    store.add(SECOND, seed=31)

    assert mirror(context, store, trained=SECOND) == [SECOND]

    tags = [one.tags for one in MlflowClient().search_model_versions(f"name='{NAME}'")]
    assert {one["model_version"]: one["model"] for one in tags} == store.fingerprints()
    assert len(tags) == 2
    assert len(runs()) == count
    assert aliases() == {"champion": FIRST, "candidate": SECOND}
    assert told() == []
    assert mirror(context, store, trained=SECOND) == []


def test_the_alias_of_a_model_that_was_never_in_use_here_is_told(
    context: Any, store: PlantedStore, told: Callable[[], list[str]]
) -> None:
    mirror(context, store)
    before = everything()
    other = another_shop(FIRST, SECOND)

    assert mirror(context, other) == []

    assert everything() == before
    assert told()[0].startswith(f"MLflow: the alias champion of the registered model {NAME}")


def test_where_there_is_no_alias_the_newest_version_tells_whose_it_is(
    context: Any, store: PlantedStore, told: Callable[[], list[str]]
) -> None:
    mirror(context, store)
    for alias in ("champion", "candidate"):
        MlflowClient().delete_registered_model_alias(NAME, alias)

    assert mirror(context, another_shop(THIRD)) == []
    assert told()[0].startswith(
        f"MLflow: the newest version of the registered model {NAME} is {SECOND}, which"
    )

    mirror(context, store)
    assert aliases() == {"champion": FIRST, "candidate": SECOND}


def test_what_somebody_else_has_registered_and_pointed_to_stays(
    context: Any, store: PlantedStore, told: Callable[[], list[str]]
) -> None:
    mirror(context, store)
    made = MlflowClient().create_model_version(NAME, source="s3://bucket/model")
    MlflowClient().set_registered_model_alias(NAME, "champion", made.version)

    assert mirror(context, store) == []

    model = MlflowClient().get_registered_model(NAME)
    assert {alias: int(number) for alias, number in model.aliases.items()} == {
        "champion": 3,
        "candidate": 2,
    }
    (line,) = told()
    assert f"the alias champion of the registered model {NAME} is number 3, which" in line


@pytest.mark.parametrize("known", ["fingerprint", None])
def test_what_retention_has_removed_is_still_ones_own(
    context: Any, store: PlantedStore, told: Callable[[], list[str]], known: str | None
) -> None:
    mirror(context, store)
    for version in (FIRST, SECOND):
        gone = store.records.pop(version)
        store.removed[version] = gone.model if known else None
    store.add(THIRD, seed=9)
    store.in_use = THIRD

    assert mirror(context, store) == [THIRD]

    assert aliases() == {"champion": THIRD}
    assert told() == []


def test_what_was_registered_without_a_fingerprint_is_known_by_its_version(
    context: Any, store: PlantedStore, told: Callable[[], list[str]]
) -> None:
    mirror(context, store)
    for number in ("1", "2"):
        MlflowClient().delete_model_version_tag(NAME, number, "model")
    store.in_use = SECOND

    assert mirror(context, store) == []

    assert aliases() == {"champion": SECOND}
    assert told() == []


def test_what_is_long_or_hostile_is_neither_refused_nor_lost(
    context: Any, store: PlantedStore
) -> None:
    hostile = "'; DROP TABLE runs; --\x00\n<script>alert(1)</script>${x}"
    planted = {
        "long": "y" * 7_000,
        "values": {f"column {hostile}": hostile, "a.b": 1, "a": {"b": 2}},
        "x" * 400: "long name",
        "..": "path",
        "mlflow.user": "reserved",
    }
    store.add(FIRST, parameters=PARAMETERS | planted, recipe="'\"; DROP TABLE tags; --")

    assert mirror(context, store, trained=FIRST) == [FIRST, SECOND]

    kept = json.loads(artifact(FIRST, "model_record.json"))
    assert kept["parameters"] == PARAMETERS | planted
    params = run_of(FIRST).data.params
    assert params["long"].endswith("y... (7000 characters, whole: model_record.json)")
    assert len(params["long"]) == 6_000
    assert len(params) == 7 + 7
    assert json.dumps(hostile) in params.values()
    assert params["values.a.b"] == "1"
    assert [value for name, value in params.items() if name.startswith("values.a.b-")] == ["2"]
    assert run_of(FIRST).data.tags["recipe"] == "'\"; DROP TABLE tags; --"


def test_columns_with_any_name_go_into_the_model(context: Any) -> None:
    names = ["caf\u00e9 'minutes'", 'a"; DROP TABLE x; --<b>']
    table = sessions().set_axis(names, axis="columns")
    store = PlantedStore()
    planted = store.add(FIRST, model=train(table))

    assert mirror(context, store) == [FIRST]

    loaded = mlflow.pyfunc.load_model(f"models:/{NAME}/1")
    assert loaded.predict(table).tolist() == planted.predict(table).tolist()
    assert loaded.metadata.signature.inputs.input_names() == names


def test_figures_are_one_page_that_needs_no_network(context: Any, store: PlantedStore) -> None:
    import plotly.graph_objects as go

    figures = {name: go.Figure(go.Bar(y=[1, 2], name=name)) for name in ("sizes", "elbow")}
    store.in_use = SECOND

    mirror(context, store, trained=FIRST, figures=figures)

    page = artifact(SECOND, "figures.html")
    assert "cdn" not in page.split("<body>")[0]
    assert page.count("Plotly.newPlot(") >= 2
    assert page.count('<script src="') == 0
    drawn = json.loads(artifact(SECOND, "figures/elbow.json"))
    assert drawn["data"][0]["name"] == "elbow"
    listed = MlflowClient().list_artifacts(run_of(FIRST).info.run_id)
    assert "figures.html" not in [one.path for one in listed]


def test_the_default_store_is_in_the_data_root(
    context: Any, store: PlantedStore, tmp_path: Path
) -> None:
    mirror(context, store)

    assert (tmp_path / "data root/mlflow.db").is_file()
    found = list((tmp_path / "data root/mlflow_artifacts").rglob("model.skops"))
    assert len(found) == 2


def test_it_can_be_turned_off_for_a_run(
    store: PlantedStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        assert mirror(make_context(tracking={"enabled": False}), store) == []

    assert not (tmp_path / "data root/mlflow.db").exists()
    assert caplog.messages == []


def test_sqlite_needs_a_folder_of_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATA_ROOT", "s3://bucket/x")

    with pytest.raises(Exception, match="MLFLOW_TRACKING_URI") as refused:
        server.read_settings(make_context())

    assert "sqlite:///s3://bucket/x/mlflow.db" in str(refused.value)


def test_an_object_store_as_data_root_holds_the_artifacts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA_ROOT", "s3://bucket/x")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "postgresql://host/name")

    settings = server.read_settings(make_context())

    created = settings.tracking.experiment.create_experiment_kwargs
    assert created.artifact_location == "s3://bucket/x/mlflow_artifacts"

"""Without MLflow everything works, and nothing of it is asked for."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from kedro.config import OmegaConfigLoader

from user_activity_trends import settings
from user_activity_trends.errors import SettingError
from user_activity_trends.parameters import check_parameters
from user_activity_trends.tracking import switch
from user_activity_trends.tracking.hooks import TrackingHooks

CATALOG: Any = {}
INSTALLED = "user_activity_trends.tracking.switch.installed"


def context(project: Path) -> Any:
    loader = OmegaConfigLoader(str(project / "conf"), env="test", **settings.CONFIG_LOADER_ARGS)
    return SimpleNamespace(config_loader=loader, project_path=project)


def no_store(_: Any) -> Any:
    msg = "the store was opened"
    raise AssertionError(msg)


def test_without_mlflow_nothing_is_mirrored(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(INSTALLED, lambda: False)
    run = {"pipeline_names": None, "run_id": "2026-11-26T05.38.00.123Z"}
    hooks = TrackingHooks(no_store)

    hooks.after_context_created(context(project))
    hooks.before_pipeline_run()
    hooks.after_dataset_saved("champion")
    hooks.after_pipeline_run(run, CATALOG)

    nothing: Any = None
    assert switch.mirror(context(project), nothing) == []


def test_what_changes_no_model_asks_for_nothing(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hooks = TrackingHooks(no_store)
    monkeypatch.setattr(INSTALLED, lambda: False)
    hooks.after_context_created(context(project))
    monkeypatch.setattr(INSTALLED, lambda: True)

    hooks.before_pipeline_run()
    hooks.after_dataset_saved("session_segments")
    hooks.after_pipeline_run({"pipeline_names": ["labelling"], "run_id": "x"}, CATALOG)


def test_where_mlflow_is_not_installed_but_was_used_its_aliases_are_told_of(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(INSTALLED, lambda: False)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("DATA_ROOT", str(tmp_path))
    nothing: Any = None

    switch.mirror(context(project), nothing)
    assert caplog.messages == []
    (tmp_path / "mlflow.db").touch()
    switch.mirror(context(project), nothing)

    (told,) = caplog.messages
    assert told.startswith("MLflow is not installed here, so its aliases stay as they are")


@pytest.mark.parametrize("saved", [{"promotion_report"}, {"promotion_report", "champion"}])
def test_what_a_run_has_judged_is_mirrored_although_it_failed_later(
    project: Path, monkeypatch: pytest.MonkeyPatch, saved: set[str]
) -> None:
    monkeypatch.setattr(INSTALLED, lambda: False)  # MLflow itself is in an environment of its own
    mirrored: list[Any] = []
    monkeypatch.setattr(switch, "mirror", lambda *_, **told: mirrored.append(told))
    catalog: Any = SimpleNamespace(load=lambda _: {"candidate": "a"})
    hooks = TrackingHooks(lambda _: CATALOG)
    hooks.after_context_created(context(project))
    monkeypatch.setattr(INSTALLED, lambda: True)

    hooks.before_pipeline_run()
    for name in saved:
        hooks.after_dataset_saved(name)
    hooks.on_pipeline_error({"pipeline_names": ["training"], "run_id": "x"}, catalog)

    assert mirrored == [{"trained": "a", "figures": None}]


def test_a_pipeline_can_be_left_out(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(INSTALLED, lambda: True)
    here = context(project)
    here.config_loader["mlflow"] = {"tracking": {"disable_tracking": {"pipelines": ["inference"]}}}

    assert switch.enabled(here, ["training"])
    assert not switch.enabled(here, ["inference"])


def test_the_store_is_a_file_in_the_data_root_unless_the_environment_names_another(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("DATA_ROOT", raising=False)
    address = context(project).config_loader["mlflow"]["server"]["mlflow_tracking_uri"]
    assert address == "sqlite:///data/mlflow.db"

    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://mlflow.example.com:5000")
    address = context(project).config_loader["mlflow"]["server"]["mlflow_tracking_uri"]
    assert address == "https://mlflow.example.com:5000"


@pytest.mark.parametrize(
    ("setting", "value", "told"),
    [
        ("when_unreachable", "perhaps", "tracking.when_unreachable: Input should be 'later'"),
        ("registered_model", "a/b", "tracking.registered_model: String should match pattern"),
        ("enable", True, "tracking.enable: there is no such setting; did you mean enabled?"),
    ],
)
def test_a_wrong_setting_is_named(project: Path, setting: str, value: object, told: str) -> None:
    raw = dict(context(project).config_loader["parameters"])
    raw["tracking"] = raw["tracking"] | {setting: value}

    with pytest.raises(SettingError, match=r"tracking\.") as refused:
        check_parameters(raw)

    assert told in str(refused.value)


def test_a_run_imports_nothing_of_mlflow(project: Path) -> None:
    program = (
        "import sys, user_activity_trends.settings, user_activity_trends.tracking.hooks; "
        "sys.exit(any(one.startswith(('mlflow', 'kedro_mlflow')) for one in sys.modules))"
    )
    path = os.environ | {"PYTHONPATH": str(project / "src")}
    assert subprocess.run([sys.executable, "-c", program], env=path, check=False).returncode == 0

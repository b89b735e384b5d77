"""What the configuration promises: names, places, layers, types, and nothing implicit."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd
import pytest
import yaml
from kedro.config import OmegaConfigLoader
from kedro.framework.project import pipelines, settings
from kedro.framework.session import KedroSession
from kedro.pipeline import Pipeline
from kedro.validation import DataValidationError, ValidatorSpec, resolve_validator
from pydantic import BaseModel, RootModel

from user_activity_trends.files import model_pickle
from user_activity_trends.parameters import ProjectParams, check_parameters

PROJECT = Path(__file__).resolve().parents[2]
ENVIRONMENTS = ("base", "local", "test")

NODES = {
    "data_processing": [
        "validate_sessions",
        "check_rejected_share",
        "select_features",
        "scale_features",
    ],
    "clustering": [
        "find_predecessor",
        "sweep_cluster_counts",
        "select_cluster_count",
        "train_model",
        "name_segments",
        "align_segments",
        "export_scorer",
        "evaluate_model",
        "record_model",
    ],
    "promotion": ["compare_with_champion", "promote_model"],
    "labelling": ["assign_segments", "profile_segments", "pick_typical_sessions"],
    "inference": ["validate_new_sessions", "predict_segments"],
    "reporting": [
        "summarise_trends",
        "break_down_segments",
        "split_conversion_changes",
        "measure_trends",
        "count_migrations",
        "draw_elbow",
        "draw_stability",
        "draw_sizes",
        "draw_profiles",
        "draw_sessions_map",
        "draw_shares",
        "draw_conversions",
        "draw_changes",
        "draw_quality",
        "build_report",
    ],
    "compare_recipes": ["compare_recipes", "draw_recipe_comparison"],
}
TRAINING = ("data_processing", "clustering", "promotion", "labelling", "reporting")
MAIN = (*TRAINING, "inference")

_VERSIONS = "user_activity_trends.files.model_versions"
TABLE, CSV, PARQUET, JSON, PICKLE, CHART, TEXT, CHAMPION, LINEAGE = (
    "user_activity_trends.files.session_table.SessionTableDataset",
    "pandas.CSVDataset",
    "pandas.ParquetDataset",
    "json.JSONDataset",
    "pickle.PickleDataset",
    "plotly.JSONDataset",
    "text.TextDataset",
    f"{_VERSIONS}.ChampionDataset",
    f"{_VERSIONS}.LineageDataset",
)
REPORT = f"{_VERSIONS}.PromotionReportDataset"
# Folder, type, file, and whether there is a version a run; the names are fixed in DESIGN.md.
DATASETS = {
    "sessions": ("01_raw", TABLE, "sample_sessions.csv", False),
    "new_sessions": ("01_raw", TABLE, "sample_new_sessions.csv", False),
    "rejected_sessions": ("02_intermediate", CSV, "rejected_sessions.csv", False),
    "rejected_new_sessions": ("02_intermediate", CSV, "rejected_new_sessions.csv", False),
    "valid_sessions": ("03_primary", PARQUET, "valid_sessions.parquet", False),
    "valid_new_sessions": ("03_primary", PARQUET, "valid_new_sessions.parquet", False),
    "session_features": ("04_feature", PARQUET, "session_features.parquet", False),
    "scaled_features": ("05_model_input", PARQUET, "scaled_features.parquet", False),
    "feature_scaler": ("06_models", JSON, "feature_scaler.json", False),
    "segmentation_model": ("06_models", PICKLE, "user_activity_trend_model.pkl", True),
    "segment_identities": ("06_models", JSON, "segment_identities.json", True),
    "named_clusters": ("06_models", JSON, "named_clusters.json", False),
    "segment_scorer": ("06_models", JSON, "segment_scorer.json", True),
    "model_record": ("06_models", JSON, "model_record.json", True),
    "promotion_report": ("06_models", REPORT, "promotion_report.json", True),
    "champion": ("06_models", CHAMPION, "champion.json", False),
    "predecessor": ("06_models", JSON, "predecessor.json", False),
    "segment_lineage": ("06_models", LINEAGE, "segment_lineage.json", False),
    "elbow_curve": ("06_models", CSV, "elbow_curve.csv", False),
    "cluster_evidence": ("06_models", JSON, "cluster_evidence.json", False),
    "cluster_choice": ("06_models", JSON, "cluster_choice.json", False),
    "training_metrics": ("06_models", JSON, "training_metrics.json", True),
    "session_segments": ("07_model_output", PARQUET, "session_segments.parquet", False),
    "choice_in_use": ("07_model_output", JSON, "choice_in_use.json", False),
    "curve_in_use": ("07_model_output", CSV, "curve_in_use.csv", False),
    "segment_profiles": ("07_model_output", CSV, "segment_profiles.csv", False),
    "typical_sessions": ("07_model_output", CSV, "typical_sessions.csv", False),
    "new_session_segments": ("07_model_output", CSV, "new_session_segments.csv", True),
    "data_quality": ("08_reporting", JSON, "data_quality.json", False),
    "run_summary": ("08_reporting", JSON, "run_summary.json", False),
    "segment_trends": ("08_reporting", CSV, "segment_trends.csv", False),
    "segment_breakdowns": ("08_reporting", CSV, "segment_breakdowns.csv", False),
    "conversion_changes": ("08_reporting", CSV, "conversion_changes.csv", False),
    "trend_tests": ("08_reporting", CSV, "trend_tests.csv", False),
    "segment_migrations": ("08_reporting", CSV, "segment_migrations.csv", False),
    "elbow_chart": ("08_reporting", CHART, "charts/elbow_chart.json", False),
    "stability_chart": ("08_reporting", CHART, "charts/stability_chart.json", False),
    "sizes_chart": ("08_reporting", CHART, "charts/sizes_chart.json", False),
    "profiles_chart": ("08_reporting", CHART, "charts/profiles_chart.json", False),
    "sessions_map": ("08_reporting", CHART, "charts/sessions_map.json", False),
    "shares_chart": ("08_reporting", CHART, "charts/shares_chart.json", False),
    "conversions_chart": ("08_reporting", CHART, "charts/conversions_chart.json", False),
    "changes_chart": ("08_reporting", CHART, "charts/changes_chart.json", False),
    "recipe_comparison": ("08_reporting", CSV, "recipe_comparison.csv", False),
    "recipe_comparison_chart": (
        "08_reporting",
        CHART,
        "charts/recipe_comparison_chart.json",
        False,
    ),
    "quality_chart": ("08_reporting", CHART, "charts/quality_chart.json", False),
    "report": ("08_reporting", TEXT, "report.html", False),
}
READ_EARLIER = {"data_quality": "intermediate"}
"""Layer of what is a result and an input of an earlier layer's as well."""
BY_A_HOOK = {"run_summary"}
WITHOUT_A_FILE = {"run_context", "model_in_use", "reigning_champion", "earlier_lineage"}
OF_SEVERAL_RECIPES = {"recipe_comparison", "recipe_comparison_chart"}
AT_RUN_TIME = {"sessions_file", "new_sessions_file"}
LAYERS = [
    "raw",
    "intermediate",
    "primary",
    "feature",
    "model_input",
    "models",
    "model_output",
    "reporting",
]


@pytest.fixture
def registered(in_project: Path) -> dict[str, Pipeline]:
    assert in_project
    pipelines.set_requested(None)
    return {name: pipelines[name] for name in pipelines}


@pytest.fixture(autouse=True)
def _project_is_loaded(in_project: Path) -> None:
    """The settings, with their resolvers, are those of the project in every test here."""


def _load(env: str) -> OmegaConfigLoader:
    return OmegaConfigLoader(
        str(PROJECT / "conf"), env=env, runtime_params={}, **settings.CONFIG_LOADER_ARGS
    )


@pytest.fixture
def catalog(in_project: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, Any]]:
    """Return the entries of conf/base alone, resolved."""
    assert in_project
    monkeypatch.delenv("DATA_ROOT", raising=False)
    return _load("base")["catalog"]


def _names(pipeline: Pipeline) -> set[str]:
    return {node.name for node in pipeline.nodes}


def _of(*stages: str) -> set[str]:
    return {f"{stage}.{node}" for stage in stages for node in NODES[stage]}


# --- pipelines ---------------------------------------------------------------------------


def test_every_stage_and_every_chain_is_registered_and_nothing_else(
    registered: dict[str, Pipeline],
) -> None:
    expected = {stage: _of(stage) for stage in NODES} | {
        "inference": _of("inference"),
        "training": _of(*TRAINING),
        "__default__": _of(*MAIN),
    }

    assert {name: _names(pipeline) for name, pipeline in registered.items()} == expected


@pytest.mark.parametrize("stage", NODES)
def test_the_nodes_of_a_stage_can_run_in_the_order_of_the_design(
    stage: str, registered: dict[str, Pipeline]
) -> None:
    inputs = {node.name: node.inputs for node in registered[stage].nodes}
    outputs = {node.name: node.outputs for node in registered[stage].nodes}
    order = [f"{stage}.{name}" for name in NODES[stage]]

    for position, name in enumerate(order):
        later = {output for one in order[position:] for output in outputs[one]}
        assert later.isdisjoint(inputs[name]), name


@pytest.mark.parametrize("stage", NODES)
def test_a_stage_is_one_namespace(stage: str, registered: dict[str, Pipeline]) -> None:
    assert {node.namespace for node in registered[stage].nodes} == {stage}
    every = registered["__default__"] + registered["compare_recipes"]
    inside = every.only_nodes_with_namespaces([stage])
    assert _names(inside) == _of(stage)


def test_the_main_job_uses_every_dataset_under_its_own_name(
    registered: dict[str, Pipeline],
) -> None:
    used = registered["__default__"].datasets()

    assert {name for name in used if not name.startswith("params:")} == (
        {*DATASETS} - BY_A_HOOK - OF_SEVERAL_RECIPES | WITHOUT_A_FILE
    )


# --- catalog -----------------------------------------------------------------------------


def test_the_catalog_has_the_datasets_of_the_design_in_their_places(
    catalog: dict[str, dict[str, Any]],
) -> None:
    declared = {}
    for name, entry in catalog.items():
        if name.startswith("_") or name in WITHOUT_A_FILE:
            continue
        root, folder, *file = PurePosixPath(entry["filepath"]).parts
        assert root == "data"
        declared[name] = (folder, entry["type"], "/".join(file), entry.get("versioned", False))

    assert declared == DATASETS


def test_what_is_about_several_recipes_has_no_recipe_in_its_place() -> None:
    catalog = OmegaConfigLoader(
        str(PROJECT / "conf"),
        env="base",
        runtime_params={"recipe": "log"},
        **settings.CONFIG_LOADER_ARGS,
    )["catalog"]
    beside = {name for name in DATASETS if "/recipes/log/" not in catalog[name]["filepath"]}

    assert beside == OF_SEVERAL_RECIPES | {"sessions", "new_sessions"}


def test_every_dataset_of_every_pipeline_is_declared(registered: dict[str, Pipeline]) -> None:
    """In the file itself: no pattern that catches a misspelt name, no dataset in memory."""
    files = sorted((PROJECT / "conf/base").glob("catalog*.yml"))
    assert [file.name for file in files] == ["catalog.yml", "catalog_reporting.yml"]
    declared = {
        name: entry
        for file in files
        for name, entry in yaml.safe_load(file.read_text(encoding="utf-8")).items()
    }
    assert [name for name in declared if "{" in name] == []
    with KedroSession.create(project_path=PROJECT, env="base") as session:
        parameters = session.load_context().params

    for name, pipeline in registered.items():
        for dataset in pipeline.datasets():
            if dataset.startswith("params:"):
                found: Any = parameters
                for part in dataset.removeprefix("params:").split("."):
                    found = found[part] if isinstance(found, dict) else getattr(found, part)
            else:
                assert dataset in declared, f"{name} needs {dataset}"


def test_every_dataset_has_the_layer_of_its_folder(catalog: dict[str, dict[str, Any]]) -> None:
    layers = {
        name: entry["metadata"]["kedro-viz"]["layer"]
        for name, entry in catalog.items()
        if not name.startswith("_")
    }

    for name, (folder, *_) in DATASETS.items():
        number, _, layer = folder.partition("_")
        assert layers[name] == READ_EARLIER.get(name, layer), name
        assert LAYERS.index(layer) == int(number) - 1


def test_every_table_of_ours_is_checked_and_every_validator_resolves(
    catalog: dict[str, dict[str, Any]],
) -> None:
    tables = {name for name, (_, kind, *_) in DATASETS.items() if kind in {CSV, PARQUET}}
    specs = {
        name: ValidatorSpec.from_dataset_config(name, entry["validator"])
        for name, entry in catalog.items()
        if "validator" in entry
    }

    assert set(specs) == tables
    for spec in specs.values():
        with pytest.raises(DataValidationError):
            resolve_validator(spec).validate(pd.DataFrame({"unheard of": [1.0]}))


def test_every_pickle_is_loaded_through_the_allow_list(
    catalog: dict[str, dict[str, Any]], in_project: Path
) -> None:
    pickles = {name: one for name, one in catalog.items() if "pickle" in str(one.get("type"))}

    assert {name: one["backend"] for name, one in pickles.items()} == {
        "segmentation_model": model_pickle.__name__
    }
    with KedroSession.create(project_path=in_project, env="base") as session:
        dataset: Any = session.load_context().catalog["segmentation_model"]
    assert dataset._backend == model_pickle.__name__  # noqa: SLF001


# --- environments ------------------------------------------------------------------------


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_every_environment_resolves(env: str, in_project: Path) -> None:
    with KedroSession.create(project_path=in_project, env=env) as session:
        context = session.load_context()
        made = {*context.catalog.keys()}

    checked = check_parameters(context.config_loader["parameters"])
    assert checked.recipe in checked.recipes.root
    assert made >= {*DATASETS}


def test_all_environments_are_known_here() -> None:
    assert {path.name for path in (PROJECT / "conf").iterdir() if path.is_dir()} == {*ENVIRONMENTS}


def _leaves(tree: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(tree, dict):
        for name, branch in tree.items():
            yield from _leaves(branch, (*path, name))
    else:
        yield path


@pytest.mark.parametrize("kind", ["parameters", "catalog", "globals"])
def test_the_test_environment_overrides_leaves_of_base_only(kind: str) -> None:
    def read(env: str) -> set[tuple[str, ...]]:
        files = (PROJECT / "conf" / env).glob(f"{kind}*.yml")
        texts = [file.read_text(encoding="utf-8") for file in files]
        return {leaf for text in texts for leaf in _leaves(yaml.safe_load(text))}

    base, test = read("base"), read("test")

    assert base
    assert test <= base
    assert bool(test) == (kind != "globals")


def _missing(model: Any, tree: Any, path: str) -> Iterator[str]:
    """Name the fields below ``path`` that a tree of parameters leaves to their defaults."""
    if issubclass(model, RootModel):
        (inner,) = [model.model_fields["root"].annotation.__args__[1]]
        for name, branch in tree.items():
            if issubclass(inner, BaseModel):
                yield from _missing(inner, branch, f"{path}{name}.")
        return
    for name, field in model.model_fields.items():
        if name not in tree:
            yield f"{path}{name}"
            continue
        kind: Any = field.annotation
        if getattr(kind, "__origin__", None) is dict and _is_model(kind.__args__[1]):
            for key, branch in tree[name].items():
                yield from _missing(kind.__args__[1], branch, f"{path}{name}.{key}.")
        elif _is_model(kind):
            yield from _missing(kind, tree[name], f"{path}{name}.")


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def test_base_states_every_setting_so_that_no_default_hides() -> None:
    stated = _load("base")["parameters"]

    assert set(_missing(ProjectParams, stated, "")) == AT_RUN_TIME


def test_a_setting_that_is_left_out_is_found() -> None:
    """The test of the test above."""
    stated = _load("base")["parameters"]
    del stated["clustering"]["sweep"]["restarts"]
    del stated["recipes"]["log"]["missing"]
    del stated["columns"]["values"]["Month"]["codes"]
    del stated["labelling"]

    assert set(_missing(ProjectParams, stated, "")) - AT_RUN_TIME == {
        "clustering.sweep.restarts",
        "recipes.log.missing",
        "columns.values.Month.codes",
        "labelling",
    }


# --- Kedro-Viz ---------------------------------------------------------------------------

SHOW = """
import json, sys
from pathlib import Path
from kedro_viz.server import data_access_manager, load_and_populate_data
from kedro_viz.api.rest.responses.pipelines import get_pipeline_response
load_and_populate_data(Path.cwd())
shown = [one.id for one in data_access_manager.registered_pipelines.as_list()]
answers = {name: get_pipeline_response(name) for name in shown}
print(json.dumps({name: [answer.layers, [
    [node.name, node.layer] for node in answer.nodes if getattr(node, "layer", None)
]] for name, answer in answers.items()}))
"""


def test_kedro_viz_lists_all_layers(tmp_path: Path) -> None:
    """It lists none if they run in a circle."""
    done = subprocess.run(
        [sys.executable, "-c", SHOW],
        cwd=PROJECT,
        env=os.environ | {"DATA_ROOT": str(tmp_path), "PYTHONPATH": str(PROJECT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout.splitlines()[-1])

    assert set(shown) == {"__default__", "training", *NODES}
    for name, (layers, _) in shown.items():
        assert sorted(layers) == sorted(LAYERS), name
    layers, nodes = shown["__default__"]
    assert layers == LAYERS
    assert dict(nodes) == {
        name: READ_EARLIER.get(name, folder.partition("_")[2])
        for name, (folder, *_) in DATASETS.items()
        if name not in BY_A_HOOK | OF_SEVERAL_RECIPES
    } | dict.fromkeys(WITHOUT_A_FILE, "models")
    assert dict(shown["compare_recipes"][1]) == {
        "sessions": "raw",
        **dict.fromkeys(OF_SEVERAL_RECIPES, "reporting"),
    }


# --- what is committed -------------------------------------------------------------------


def test_telemetry_is_off() -> None:
    assert yaml.safe_load((PROJECT / ".telemetry").read_text()) == {"consent": False}


DOWNLOADS = re.compile(
    rb"(index-url|find-links|index)['\"]?[ =:]+['\"]?(https?|file)://"
    rb"|https?://[^\s'\"]+/simple\b"
    rb"|https?://[^\s'\"]+\.(whl|tar\.gz)\b"
    rb"|https?://[^\s'\"]+/packages/"
)


def _committed() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    files = [PROJECT / name for name in listed.stdout.split("\0") if name]
    return [file for file in files if file.is_file() and file != Path(__file__)]


def test_no_committed_file_holds_a_download_address_of_a_package() -> None:
    files = _committed()

    assert PROJECT / "requirements/runtime.txt" in files
    assert [file for file in files if DOWNLOADS.search(file.read_bytes())] == []
    assert [file for file in files if file.name in {"uv.lock", "uv.toml", "pip.conf"}] == []


@pytest.mark.parametrize(
    "line",
    [
        b"--index-url https://index.example/" + b"simple",
        b'extra-index-url = "http://10.0.0.1:8080/"',
        b'[[tool.uv.index]]\nurl = "https://mirror.example/pypi/' + b'simple"',
        b"kedro @ https://example.org/kedro-1.7.0-py3-none-any" + b".whl",
        b"https://files.example/packages/ab/kedro-1.7.0.zip",
        b"--find-links file:///wheels",
    ],
)
def test_a_download_address_is_found(line: bytes) -> None:
    assert DOWNLOADS.search(line)

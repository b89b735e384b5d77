"""The clustering stage as a whole, on planted groups and on the real data."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner

from user_activity_trends.lifecycle.context import RunContext
from user_activity_trends.lifecycle.in_use import ReigningChampion
from user_activity_trends.lifecycle.record import Git, fingerprint_table
from user_activity_trends.pipelines.clustering import create_pipeline
from user_activity_trends.pipelines.clustering.params import ClusteringParams, StabilityParams
from user_activity_trends.pipelines.data_processing import nodes as processing
from user_activity_trends.pipelines.data_processing.params import DataProcessingParams
from user_activity_trends.pipelines.labelling.params import LabellingParams
from user_activity_trends.recipes import RecipesParams
from user_activity_trends.segmentation.cautions import calendar_artefacts, outcome_proxies
from user_activity_trends.segmentation.labels import label
from user_activity_trends.segmentation.naming import NamesParams
from user_activity_trends.sessions.columns import ColumnsParams

ROOT = Path(__file__).parents[3]
Tables = dict[str, Any]


def configured(name: str) -> Any:
    return yaml.safe_load((ROOT / "conf" / "base" / f"{name}.yml").read_text(encoding="utf-8"))


PARAMETERS = configured("parameters")
RECIPES = RecipesParams.model_validate(PARAMETERS["recipes"])
COLUMNS = ColumnsParams.model_validate(PARAMETERS["columns"])
CLUSTERING = ClusteringParams.model_validate(configured("parameters_clustering")["clustering"])
NAMES = LabellingParams.model_validate(configured("parameters_labelling")["labelling"]).names


class KeptDataset(MemoryDataset):
    """Stays readable after the run, unlike an ordinary dataset in memory."""

    def _release(self) -> None:
        pass


def run_stage(
    inputs: Tables,
    names: NamesParams = NAMES,
    resamples: int = 0,
    reigning: ReigningChampion | None = None,
) -> Tables:
    """Run the stage with the configuration of ``conf/base``, and return all that it makes."""
    scaled = inputs["scaled_features"]
    numbers = inputs.get("valid_sessions", scaled).select_dtypes("number")
    given = {
        "scaled_features": scaled,
        "feature_scaler": inputs["feature_scaler"],
        # Planted tables have neither outcome nor period.
        "valid_sessions": inputs.get("valid_sessions", scaled),
        "params:columns": COLUMNS if "valid_sessions" in inputs else ColumnsParams(),
        "params:clustering.stability": StabilityParams(resamples=resamples),
        "params:clustering.sweep": CLUSTERING.sweep,
        "params:clustering.selection": CLUSTERING.selection,
        "params:clustering.continuity": CLUSTERING.continuity,
        "params:labelling.names": names,
        "params:recipe": "base",
        "session_features": inputs.get("session_features", scaled),
        "reigning_champion": reigning or ReigningChampion(),
        "earlier_lineage": {"steps": []},
        "data_quality": {
            "file": "sessions.csv",
            "sha256": fingerprint_table(numbers),
            "ranges": dict.fromkeys(numbers),
        },
        "run_context": RunContext(
            version="2026-01-31T05.00.00.000Z",
            started="2026-01-31T05:00:00+00:00",
            parameters={"recipe": "base"},
            packages={"kedro": "1"},
            git=Git(revision=None, changed=None),
        ),
    }
    catalog = DataCatalog({name: MemoryDataset(value) for name, value in given.items()})
    pipeline = create_pipeline()
    for name in pipeline.all_outputs():
        catalog[name] = KeptDataset()
    SequentialRunner().run(pipeline, catalog)
    return {name: catalog.load(name) for name in pipeline.all_outputs()}


def process(sessions: pd.DataFrame, recipe: str) -> Tables:
    """Run the nodes of data_processing with the configuration of ``conf/base``, in memory."""
    columns = COLUMNS
    share = DataProcessingParams.model_validate(
        configured("parameters_data_processing")["data_processing"]
    )
    rejected, _ = processing.validate_sessions(sessions, columns, RECIPES, recipe, share)
    valid = processing.check_rejected_share(sessions, rejected, columns, RECIPES, recipe, share)
    features = processing.select_features(valid, RECIPES, recipe)
    scaled, scaler = processing.scale_features(features, valid, columns, RECIPES, recipe, "all")
    return {
        "valid_sessions": valid,
        "session_features": features,
        "scaled_features": scaled,
        "feature_scaler": scaler,
    }


def segments_of(made: Tables, features: pd.DataFrame) -> pd.DataFrame:
    return label(made["segmentation_model"], made["segment_identities"], features)


def test_nodes_are_in_one_namespace_and_datasets_in_none() -> None:
    pipeline = create_pipeline()

    assert {node.name for node in pipeline.nodes} == {
        "clustering.sweep_cluster_counts",
        "clustering.select_cluster_count",
        "clustering.train_model",
        "clustering.find_predecessor",
        "clustering.name_segments",
        "clustering.align_segments",
        "clustering.export_scorer",
        "clustering.evaluate_model",
        "clustering.record_model",
    }
    assert pipeline.inputs() == {
        "scaled_features",
        "feature_scaler",
        "valid_sessions",
        "params:columns",
        "params:clustering.stability",
        "params:clustering.sweep",
        "params:clustering.selection",
        "params:clustering.continuity",
        "params:labelling.names",
        "params:recipe",
        "session_features",
        "reigning_champion",
        "earlier_lineage",
        "data_quality",
        "run_context",
    }
    assert pipeline.outputs() | pipeline.all_outputs() == {
        "elbow_curve",
        "cluster_evidence",
        "cluster_choice",
        "predecessor",
        "segmentation_model",
        "named_clusters",
        "segment_identities",
        "segment_lineage",
        "segment_scorer",
        "training_metrics",
        "model_record",
    }


@pytest.mark.parametrize("sizes", [(30, 80, 50), (30, 80, 50, 20)])
@pytest.mark.parametrize("recipe", ["base", "log"])
def test_planted_groups_become_segments_in_order_of_size(
    sizes: tuple[int, ...], recipe: str
) -> None:
    columns = RECIPES[recipe].columns
    groups = np.repeat(range(len(sizes)), sizes)
    levels = np.array([(0.1, 0.1), (0.9, 0.1), (0.1, 0.9), (0.9, 0.9)])
    # The first half of the columns follows one level, the second half the other.
    wanted = np.repeat(levels[groups], [5, len(columns) - 5], axis=1)
    scaled = np.clip(wanted + np.random.default_rng(3).normal(0, 0.03, wanted.shape), 0, 1)
    raw = np.expm1(scaled * np.log(11)) if recipe == "log" else scaled * 10
    features = pd.DataFrame(raw, columns=columns)
    features.insert(0, "session_id", np.arange(len(features))[::-1])
    scaled_features, scaler = processing.scale_features(
        features, features, COLUMNS, RECIPES, recipe, "all"
    )

    made = run_stage(
        {
            "scaled_features": scaled_features,
            "feature_scaler": scaler,
            "session_features": features,
        }
    )

    assert made["cluster_choice"]["k"] == len(sizes)
    assert made["elbow_curve"]["k"].to_list() == list(range(1, 11))
    assert made["elbow_curve"]["sse"].diff()[1:].max() <= 0
    metrics, curve = made["training_metrics"], made["elbow_curve"].set_index("k")
    assert metrics["sse"] == pytest.approx(curve["sse"][len(sizes)], rel=1e-9)
    assert metrics["silhouette"] == pytest.approx(curve["silhouette"][len(sizes)], rel=1e-9)
    assert metrics["model"] == made["segment_identities"]["model"]
    rank = {group: place for place, group in enumerate(np.argsort(-np.array(sizes)), start=1)}
    found = segments_of(made, features)
    assert found["segment"].to_list() == [rank[group] for group in groups]
    assert found["segment_name"].nunique() == len(sizes)


def test_two_runs_make_the_same() -> None:
    draw = np.random.default_rng(4)
    table = pd.DataFrame(draw.random((400, 3)), columns=["a", "b", "c"])
    table.insert(0, "session_id", range(400))
    scaler = {
        "transform": "none",
        "scaler": "minmax",
        "features": [
            {"column": name, "median": None, "center": 0.0, "scale": 1.0} for name in "abc"
        ],
    }

    one, two = (
        run_stage({"scaled_features": table, "feature_scaler": scaler}, NamesParams({1: "x"}), 2)
        for _ in range(2)
    )

    pd.testing.assert_frame_equal(one["elbow_curve"], two["elbow_curve"], check_exact=True)
    for name in ("cluster_evidence", "cluster_choice", "segment_identities", "training_metrics"):
        assert one[name] == two[name]
    assert one["segment_identities"]["segments"][0]["segment_name"] == "x"


@pytest.fixture(scope="module")
def sessions(real_sessions: Path) -> pd.DataFrame:
    """Return the public data set, every cell as text."""
    return pd.read_csv(real_sessions, dtype="str", keep_default_na=False)


def test_the_original_recipe_on_the_real_data_gives_the_original_result(
    sessions: pd.DataFrame,
) -> None:
    original = np.array(
        [1837.24, 684.91, 503.44, 371.74, 318.91, 287.45, 266.91, 247.34, 231.57, 217.49]
    )
    tables = process(sessions, "base")

    made = run_stage(tables)

    assert made["cluster_choice"]["k"] == 3
    assert made["elbow_curve"]["k"].to_list() == list(range(1, 11))
    ratio = made["elbow_curve"]["sse"].to_numpy() / original
    assert ratio.max() <= 1.001
    assert ratio.min() >= 0.95
    labelled = segments_of(made, tables["session_features"])
    sizes = labelled["segment"].value_counts().sort_index()
    assert sizes.index.to_list() == [1, 2, 3]
    assert sizes.to_list() == pytest.approx([8833, 2633, 864], rel=0.005)
    assert [(one["kind"], one["about"]) for one in made["cluster_choice"]["warnings"]] == [
        ("lopsided_score", "k = 2"),
        ("outcome_proxy", "PageValues"),
    ]
    bought = tables["valid_sessions"]["Revenue"].groupby(labelled["segment"]).mean()
    assert bought.to_list() == pytest.approx([0.203, 0.041, 0.005], abs=0.002)


def test_the_robust_recipe_on_the_real_data_finds_four_stable_segments(
    sessions: pd.DataFrame,
) -> None:
    tables = process(sessions, "log")

    made = run_stage(tables, resamples=5)

    choice = made["cluster_choice"]
    assert choice["k"] == choice["votes"]["elbow"] == 4
    assert len(made["segment_identities"]["segments"]) == 4
    assert "PageValues" not in tables["scaled_features"]
    assert made["elbow_curve"].set_index("k")["stability_min"][4] >= 0.98
    assert choice["natural_groups"] is True
    assert choice["warnings"] == []


def test_a_feature_of_the_calendar_is_found_in_the_real_data(sessions: pd.DataFrame) -> None:
    names = [*RECIPES["base"].columns, "SpecialDay"]
    numbers = sessions[names].astype(float)

    found = calendar_artefacts(numbers, sessions["Month"])

    assert [one.about for one in found] == ["SpecialDay"]
    assert "in Feb and May only (2 of 10 periods)" in found[0].message
    bought = sessions["Revenue"].str.upper() == "TRUE"
    assert [one.about for one in outcome_proxies(numbers, bought)] == ["PageValues"]

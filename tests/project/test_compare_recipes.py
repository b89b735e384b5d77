"""``kedro run --pipelines compare_recipes``, as people run it."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from tests.project.conftest import Finished, fingerprints

SUMMARY = "08_reporting/run_summary.json"
TABLE = "08_reporting/recipe_comparison.csv"
CHART = "08_reporting/charts/recipe_comparison_chart.json"


def _table(root: Path) -> pd.DataFrame:
    return pd.read_csv(root / TABLE, keep_default_na=False, na_values=[""]).set_index("criterion")


def test_it_needs_no_earlier_run_and_says_where_the_table_is(
    kedro: Callable[..., Finished], data_root: Path
) -> None:
    done = kedro("run", "--env", "test", "--pipelines", "compare_recipes", COLUMNS="200")

    assert done.code == 0, done.err
    assert set(fingerprints(data_root)) == {SUMMARY, TABLE, CHART}
    found = _table(data_root)
    assert found.loc["k", ["base", "log"]].tolist() == [3, 4]
    assert found.loc["stability_mean", "better"] == "log"
    verdict = json.loads((data_root / SUMMARY).read_text(encoding="utf-8"))["comparison"]["verdict"]
    assert verdict.startswith("k = 3 with base, 4 with log. log is better in 7 of 10 criteria (")
    assert verdict in done.err
    shown = [" ".join(line.split()) for line in done.out.splitlines()]
    assert f"recipes {verdict}" in shown
    assert "criterion base log better" in shown
    assert f"recipe_comparison {data_root / TABLE}" in shown
    assert f"recipe_comparison_chart {data_root / CHART}" in shown
    chart = json.loads((data_root / CHART).read_text(encoding="utf-8"))
    assert chart["layout"]["title"]["text"].startswith("log is better in 7 of 10 criteria")


def test_it_overwrites_nothing_of_other_stages_and_repeats_its_own_bytes(
    run: Callable[..., None], data_root: Path
) -> None:
    run(pipeline="training")
    before = fingerprints(data_root)

    run(pipeline="compare_recipes", recipe="log")
    after = fingerprints(data_root)
    run(pipeline="compare_recipes")

    assert set(after) - set(before) == {TABLE, CHART, f"recipes/log/{SUMMARY}"}
    assert {name: after[name] for name in before} == before
    again = fingerprints(data_root)
    assert {name for name in after if again[name] != after[name]} == {SUMMARY}


def test_values_are_those_of_a_training_run_of_each_recipe(
    run: Callable[..., None], data_root: Path
) -> None:
    run(pipeline="compare_recipes", resampled=True)
    for recipe in ("base", "log"):
        run(pipeline="training", recipe=recipe, resampled=True)

    found = _table(data_root)
    for recipe, root in (("base", data_root), ("log", data_root / "recipes/log")):
        choice = json.loads((root / "06_models/cluster_choice.json").read_text(encoding="utf-8"))
        profiles = pd.read_csv(root / "07_model_output/segment_profiles.csv")
        at_k = next(row for row in choice["scores"] if row["k"] == choice["k"])
        assert found.loc["k", recipe] == choice["k"]
        for name in ("stability_mean", "stability_min", "prediction_strength"):
            assert found.loc[name, recipe] == at_k[name]
        assert found.loc["silhouette_own", recipe] == at_k["silhouette"]
        assert found.loc["warnings", recipe] == len(choice["warnings"])
        assert found.loc["largest_share", recipe] == pytest.approx(profiles["share"].max())
        enough = profiles.loc[profiles["sessions"] >= 30, "outcome_rate"]
        assert found.loc["outcome_spread", recipe] == pytest.approx(enough.max() - enough.min())


@pytest.mark.long
def test_log_is_better_on_the_public_data_set(
    run: Callable[..., None], data_root: Path, real_sessions: Path
) -> None:
    run(pipeline="compare_recipes", env="base", sessions_file=str(real_sessions))

    found = _table(data_root)
    assert found.loc["k", ["base", "log"]].tolist() == [3, 4]
    compared = found[found["compared"]]
    assert compared.index[compared["better"] != "log"].tolist() == ["elbow_everywhere"]
    assert len(compared) == 10
    expected = {
        "stability_mean": (0.882, 0.996),
        "stability_min": (0.796, 0.992),
        "jaccard_min": (0.843, 0.994),
        "prediction_strength": (0.879, 0.965),
        "outcome_spread": (0.199, 0.241),
        "largest_share": (0.716, 0.418),
        "sse_explained": (0.726, 0.747),
    }
    for name, values in expected.items():
        assert found.loc[name, ["base", "log"]].tolist() == pytest.approx(values, abs=0.005)
    assert found.loc["natural_groups", ["base", "log"]].tolist() == [0, 1]
    assert found.loc["warnings", ["base", "log"]].tolist() == [2, 0]
    assert found.loc["agreement_with_base", "log"] == pytest.approx(0.14, abs=0.01)

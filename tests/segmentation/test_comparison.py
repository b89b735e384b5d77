"""Recipes on planted sessions: the better one comes out, the same one ties, gaps are told."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score, silhouette_score

from user_activity_trends.recipes import RecipeParams
from user_activity_trends.segmentation.choice import Background
from user_activity_trends.segmentation.comparison import (
    Attempt,
    attempt,
    compare,
    outcome_spread,
    rank_space,
)
from user_activity_trends.segmentation.criteria import CRITERIA, FIXED, standing
from user_activity_trends.segmentation.selection import SelectionParams
from user_activity_trends.segmentation.sweep import SweepParams

SWEEP = SweepParams(k_min=1, k_max=6, restarts=4, random_state=42)
ELBOW = SelectionParams(method="elbow", n_clusters=None, fallback="silhouette", keep_k=True)
GROUPS = np.repeat([0, 1, 2], [270, 360, 180])
RATES = np.array([0.25, 0.7, 0.45])
"""Of the groups: those that differ in x alone differ most."""


def planted() -> pd.DataFrame:
    """Three groups in two columns, one column of noise, and an outcome that goes with the group."""
    draw = np.random.default_rng(5)
    centers = np.array([(0.1, 0.1), (0.9, 0.1), (0.5, 0.9)])[GROUPS]
    points = centers + draw.normal(0, 0.03, centers.shape)
    outcome = draw.random(len(GROUPS)) < RATES[GROUPS]
    return pd.DataFrame(
        {
            "x": points[:, 0],
            "y": points[:, 1],
            "noise": draw.random(len(GROUPS)),
            "more": draw.random(len(GROUPS)),
            "bought": outcome,
        }
    )


def tried(columns: tuple[str, ...], *, resamples: int = 3, outcome: bool = True) -> Attempt:
    sessions = planted()
    return attempt(
        sessions[[*columns]],
        RecipeParams(columns=columns),
        Background(sessions, "bought" if outcome else None, None),
        sweeping=SWEEP,
        selecting=ELBOW,
        resamples=resamples,
    )


def compared(attempts: dict[str, Attempt], *, outcome: bool = True) -> pd.DataFrame:
    ends = planted()["bought"].to_numpy() if outcome else None
    return compare(attempts, ends, 42).set_index("criterion")


@pytest.fixture(scope="module")
def clear() -> Attempt:
    return tried(("x", "y"))


@pytest.fixture(scope="module")
def blurred() -> Attempt:
    return tried(("noise", "more", "y"))


@pytest.fixture(scope="module")
def table(clear: Attempt, blurred: Attempt) -> pd.DataFrame:
    return compared({"clear": clear, "blurred": blurred})


def test_the_recipe_that_sees_the_planted_groups_is_better(
    table: pd.DataFrame, clear: Attempt
) -> None:
    assert table.loc["k", "clear"] == 3
    assert adjusted_rand_score(GROUPS, clear.clusters) == 1
    better = standing(table.reset_index()).better
    assert better["blurred"] == []
    assert {*better["clear"]} >= {
        *("silhouette_all_columns", "stability_mean", "stability_min", "jaccard_min"),
        *("prediction_strength", "natural_groups", "outcome_spread"),
    }
    assert table.loc["natural_groups", ["clear", "blurred"]].tolist() == [1, 0]
    assert table.loc["stability_min", "clear"] == 1


def test_the_order_of_the_recipes_changes_no_value(
    table: pd.DataFrame, clear: Attempt, blurred: Attempt
) -> None:
    turned = compared({"blurred": blurred, "clear": clear})

    same = [one.name for one in CRITERIA]
    columns = ["clear", "blurred", "compared", "better"]
    pd.testing.assert_frame_equal(
        turned.loc[same, columns], table.loc[same, columns], check_exact=True
    )
    assert (
        turned.loc["agreement_with_blurred", "clear"]
        == (table.loc["agreement_with_clear", "blurred"])
    )


def test_the_same_recipe_under_two_names_ties_exactly(clear: Attempt) -> None:
    again = tried(("x", "y"))

    found = compared({"one": clear, "other": again})

    inside = found.drop(index="agreement_with_one")
    pd.testing.assert_series_equal(
        inside["one"], inside["other"], check_names=False, check_exact=True
    )
    assert found.loc["agreement_with_one", "other"] == 1
    assert (found["better"] == "").all()
    # The shared columns are all of them, and must not count twice.
    assert set(standing(found.reset_index()).equal) == {
        one.name for one in CRITERIA if one.wanted
    } - {"silhouette_shared_columns"}


def test_values_are_those_of_the_choice_and_of_other_libraries(
    table: pd.DataFrame, clear: Attempt, blurred: Attempt
) -> None:
    at_k = next(row for row in clear.concluded["scores"] if row["k"] == 3)
    for name in ("stability_mean", "stability_min", "prediction_strength"):
        assert table.loc[name, "clear"] == at_k[name]
    for name in ("silhouette", "davies_bouldin", "calinski_harabasz"):
        assert table.loc[f"{name}_own", "clear"] == at_k[name]
    assert table.loc["jaccard_min", "clear"] == min(at_k["jaccard"])
    assert table.loc["sse_explained", "clear"] == pytest.approx(
        1 - at_k["sse"] / clear.concluded["scores"][0]["sse"], rel=1e-9
    )
    shares = np.bincount(GROUPS) / len(GROUPS)
    assert table.loc["smallest_share", "clear"] == shares.min()
    assert table.loc["largest_share", "clear"] == shares.max()
    assert table.loc["agreement_with_clear", "blurred"] == pytest.approx(
        adjusted_rand_score(clear.clusters, blurred.clusters)
    )
    assert np.isnan(table.loc["agreement_with_clear", "clear"])
    for name, one in (("clear", clear), ("blurred", blurred)):
        assert table.loc["silhouette_in_blurred", name] == pytest.approx(
            silhouette_score(blurred.scaled, one.clusters)
        )
        everything = rank_space(planted()[["x", "y", "noise", "more"]])
        assert table.loc["silhouette_all_columns", name] == pytest.approx(
            silhouette_score(everything, one.clusters)
        )
        assert table.loc["silhouette_shared_columns", name] == pytest.approx(
            silhouette_score(rank_space(planted()[["y"]]), one.clusters)
        )
    assert table.loc["silhouette_in_clear", "clear"] == table.loc["silhouette_own", "clear"]


def test_what_is_measured_in_spaces_of_their_own_decides_nothing(table: pd.DataFrame) -> None:
    own = ["silhouette_own", "davies_bouldin_own", "calinski_harabasz_own", "sse_explained"]
    own += ["silhouette_in_clear", "silhouette_in_blurred", "smallest_share", "largest_share"]

    assert not table.loc[own, "compared"].any()
    assert (table.loc[own, ["wanted", "better"]] == "").all(axis=None)


def test_without_resamples_their_criteria_are_missing_and_it_is_said() -> None:
    found = compared({"a": tried(("x", "y"), resamples=0), "b": tried(("noise", "y"), resamples=0)})

    gone = ["stability_mean", "stability_min", "jaccard_min", "prediction_strength"]
    gone += ["natural_groups", "vote_stability", "vote_prediction_strength"]
    assert found.loc[gone, ["a", "b"]].isna().all(axis=None)
    assert not found.loc[gone, "compared"].any()
    for name in gone:
        assert found.loc[name, "note"].endswith(
            "not measured, as clustering.stability.resamples is 0"
        )
    assert set(standing(found.reset_index()).silent) == set(gone[:5])
    assert found.loc["silhouette_all_columns", "compared"]


def test_without_an_outcome_its_spread_is_missing_and_it_is_said() -> None:
    attempts = {
        name: tried(columns, resamples=0, outcome=False)
        for name, columns in {"a": ("x", "y"), "b": ("noise", "y")}.items()
    }

    found = compared(attempts, outcome=False)

    rows = ["outcome_spread", "outcome_spread_low", "outcome_spread_high"]
    assert found.loc[rows, ["a", "b"]].isna().all(axis=None)
    assert not found.loc[rows, "compared"].any()
    assert (
        found["note"].str.contains("there is no outcome (columns.outcome)", regex=False)[rows].all()
    )


def warned(one: Attempt, *kinds: str) -> Attempt:
    warnings = [{"kind": kind, "about": "x", "message": "m"} for kind in kinds]
    return Attempt(one.features, {**one.concluded, "warnings": warnings}, one.clusters, one.scaled)


def test_a_proxy_of_the_outcome_wins_no_spread_and_loses_none(
    clear: Attempt, blurred: Attempt
) -> None:
    leading = compared({"a": warned(clear, "outcome_proxy"), "b": warned(blurred)})
    behind = compared({"a": warned(clear), "b": warned(blurred, "outcome_proxy")})

    assert not leading.loc["outcome_spread", "compared"]
    assert leading.loc["outcome_spread", "better"] == ""
    assert leading.loc["outcome_spread", "note"].endswith(
        "not compared, as x of a nearly tells the outcome by itself, so that a would be better by "
        "construction"
    )
    assert behind.loc["outcome_spread", "better"] == "a"
    assert behind.loc["warnings", ["a", "b", "better"]].tolist() == [0, 1, "a"]
    assert behind.loc["warnings", "note"].endswith("a: none, b: outcome_proxy (x)")


@pytest.mark.parametrize(
    ("means", "better"),
    [
        ({"a": 0.9, "b": 0.8901}, ""),
        ({"a": 0.9, "b": 0.88}, "a"),
        ({"a": 0.9, "b": 0.895, "c": 0.5}, "a,b"),
        ({"a": 0.9, "b": None}, ""),
    ],
)
def test_values_within_the_tolerance_are_equal(
    clear: Attempt, means: dict[str, Any], better: str
) -> None:
    def with_mean(mean: float | None) -> Attempt:
        rows = [row | {"stability_mean": mean} for row in clear.concluded["scores"]]
        concluded = {**clear.concluded, "scores": rows}
        return Attempt(clear.features, concluded, clear.clusters, clear.scaled)

    found = compared({name: with_mean(mean) for name, mean in means.items()})

    assert found.loc["stability_mean", "better"] == better
    assert found.loc["stability_mean", "compared"] == (None not in means.values())
    assert [*found.columns] == ["unit", *means, *FIXED[2:]]


def test_ranks_are_the_same_whatever_transform_and_scaler() -> None:
    values = planted()[["x", "noise"]].clip(lower=0) * 1_000

    np.testing.assert_array_equal(rank_space(values), rank_space(np.log1p(values)))
    np.testing.assert_array_equal(rank_space(values), rank_space(values * 7 - 3))
    np.testing.assert_allclose(rank_space(values).std(axis=0), 1)


def test_a_gap_takes_the_rank_of_the_median() -> None:
    table = pd.DataFrame({"a": [1.0, 2.0, np.nan, 2.0, 3.0]})

    ranks = rank_space(table)[:, 0]

    assert ranks[1] == ranks[2] == ranks[3] == pytest.approx(0)
    assert ranks[0] == -ranks[4]


def test_the_spread_leaves_out_segments_of_under_30_sessions() -> None:
    clusters = np.repeat([0, 1, 2], [100, 29, 50])
    outcome = np.concatenate([np.arange(100) < 20, np.ones(29, dtype=bool), np.arange(50) < 30])

    spread, low, high = outcome_spread(clusters, outcome)

    assert spread == pytest.approx(0.4)
    assert low < 0.4 < high
    assert np.isnan(outcome_spread(clusters[:129], outcome[:129])).all()


def test_an_attempt_leaves_its_input_alone() -> None:
    sessions = planted()
    before = sessions.copy()

    attempt(
        sessions[["x", "y"]],
        RecipeParams(columns=("x", "y"), transform="log1p", missing="median"),
        Background(sessions, "bought", None),
        sweeping=SWEEP,
        selecting=ELBOW,
        resamples=0,
    )

    pd.testing.assert_frame_equal(sessions, before)

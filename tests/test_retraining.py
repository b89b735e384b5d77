"""A slice of ``make retraining``: what retraining keeps, and what it refuses."""

from collections.abc import Callable
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def retraining(load_benchmark: Callable[[str], ModuleType]) -> ModuleType:
    """Return the benchmark, which is no part of the package."""
    return load_benchmark("retraining")


@pytest.mark.parametrize("seed", range(3))
def test_planted_histories_are_told_as_they_are(retraining: ModuleType, seed: int) -> None:
    assert retraining.history(seed) == []


@pytest.mark.parametrize("recipe", ["base", "log"])
def test_sessions_keep_their_id_through_a_retraining(
    retraining: ModuleType, recipe: str, real_sessions: object
) -> None:
    assert real_sessions
    kept, _ = retraining.keep_ids(recipe, 1)

    assert kept >= 0.995


BAD = {
    "columns shuffled": "adjusted_rand",
    "columns renamed": "outlier_share",
    "20 % poisoned, ten times as large": "outlier_share",
    "20 % poisoned, uniform": "outlier_share",
    "20 % poisoned, shuffled": "distance_rise",
    "20 % poisoned, another unit": "outlier_share",
    "20 % poisoned, extreme": "outlier_share",
    "5 % of the rows": "minimum_rows",
}


@pytest.mark.parametrize("recipe", ["base", "log"])
@pytest.mark.parametrize(("kind", "gate"), BAD.items())
def test_a_bad_table_is_refused_by_the_gate_that_is_there_for_it(
    retraining: ModuleType, recipe: str, kind: str, gate: str
) -> None:
    assert gate in retraining.refuse(recipe, kind, 1)


def test_all_kinds_of_bad_tables_are_tried(retraining: ModuleType) -> None:
    assert set(retraining.BAD) == {*BAD}


@pytest.mark.parametrize("recipe", ["base", "log"])
def test_a_bootstrap_sample_of_the_same_sessions_is_promoted(
    retraining: ModuleType, recipe: str
) -> None:
    assert retraining.promote(recipe, 4) == []

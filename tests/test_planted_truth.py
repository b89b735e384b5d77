"""A slice of ``make planted-truth``: groups are found where they are planted, and only there."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

LAYOUTS = ["cube", "simplex", "unequal sizes", "pairs", "correlated"]


@pytest.fixture(scope="module")
def planted_truth(load_benchmark: Callable[[str], ModuleType]) -> ModuleType:
    """Return the benchmark, which is no part of the package, with fewer fits."""
    module = load_benchmark("planted_truth")
    module.RESAMPLES = 4
    recipes, clustering = module.settings()
    sweeping = clustering.sweep.model_copy(update={"k_max": 7, "restarts": 5})
    narrow = clustering.model_copy(update={"sweep": sweeping})
    vars(module)["settings"] = lambda: (recipes, narrow)
    return module


@pytest.mark.parametrize(("groups", "layout"), list(zip([6, 2, 5, 4, 3], LAYOUTS, strict=True)))
def test_planted_groups_are_counted_right_and_called_natural(
    planted_truth: ModuleType, groups: int, layout: str
) -> None:
    found = planted_truth.choose(planted_truth.planted(groups, 7, layout), 7)

    assert (found["k"], found["method"]) == (groups, "consensus")
    assert found["natural_groups"] is True
    assert "There are natural groups" in found["verdict"]


@pytest.mark.parametrize(
    "kind",
    [
        "uniform",
        "one Gaussian",
        "one Gaussian, correlation 0.8",
        "columns shuffled, recipe base",
        "columns shuffled, recipe log",
    ],
)
def test_where_nothing_is_planted_the_verdict_says_so(planted_truth: ModuleType, kind: str) -> None:
    points = planted_truth.STRUCTURELESS[kind](np.random.default_rng(5))

    found = planted_truth.choose(points, 5)

    assert found["natural_groups"] is False
    assert "There are no natural groups" in found["verdict"]


@pytest.mark.parametrize(
    ("layout", "groups", "k", "natural"),
    [
        ("line along a column", 3, 3, False),
        ("line in any direction", 3, 3, True),
        # Six columns of the same range, and in one of them four groups: too close to be told.
        ("line along a column", 4, 2, False),
    ],
)
def test_groups_in_a_line_are_found_as_far_as_they_can_be_told(
    planted_truth: ModuleType,
    layout: str,
    groups: int,
    k: int,
    natural: bool,  # noqa: FBT001
) -> None:
    found = planted_truth.choose(planted_truth.planted(groups, 0, layout), 0)

    assert (found["k"], found["natural_groups"]) == (k, natural)
    alone = "groups that show in one column alone cannot be told in this way"
    assert (alone in found["verdict"]) is not natural


@pytest.mark.parametrize("layout", [*LAYOUTS, "line along a column", "line in any direction"])
def test_planted_centres_are_six_standard_deviations_apart(
    planted_truth: ModuleType, layout: str
) -> None:
    centers, _, _ = (planted_truth.LAYOUTS | planted_truth.LINES)[layout]

    for groups in range(2, 7):
        placed = centers(np.random.default_rng(groups), groups)
        gaps = np.linalg.norm(placed[:, None] - placed[None], axis=2)[np.triu_indices(groups, 1)]
        assert placed.shape == (groups, 6)
        assert gaps.min() >= 6 - 1e-9


def test_the_counts_are_printed_and_a_low_one_is_told(
    planted_truth: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    right = [("planted", 3, seed, 3, True) for seed in range(19)]
    wrong = ("planted", 3, 19, 4, False)
    none = [("uniform", 0, seed, 2, seed > 18) for seed in range(20)]

    assert planted_truth.report("planted", 3, [*right, wrong]) == 0
    assert planted_truth.report("planted", 3, [*right[:18], wrong, wrong]) == 2
    lines = [*right[:2], wrong]
    assert planted_truth.report("line in any direction", 3, lines) == 0
    assert planted_truth.report("line along a column", 3, lines) == 0
    assert planted_truth.report("uniform", 0, none) == 0
    assert planted_truth.report("uniform", 0, none[1:]) == 1
    unknown = [("uniform", 0, seed, 2, None) for seed in range(2)]
    assert planted_truth.report("uniform", 0, [*none[:18], *unknown]) == 1
    assert planted_truth.report("uniform", 0, [*none[:18] * 2, *unknown]) == 1
    unclear = [("planted", 2, seed, 2, None) for seed in range(2)]
    assert planted_truth.report("planted", 2, unclear) == 1

    assert capsys.readouterr().out.splitlines() == [
        "3 groups: consensus finds 3 in 19 of 20 (else {4: 1}); natural groups in 19",
        "  cube 4 of 4, simplex 4 of 4, unequal sizes 4 of 4, pairs 4 of 4, correlated 3 of 4",
        "3 groups: consensus finds 3 in 18 of 20 (else {4: 2}); natural groups in 18",
        "  cube 4 of 4, simplex 4 of 4, unequal sizes 4 of 4, pairs 3 of 3, correlated 3 of 5",
        (
            "3 groups in a line in any direction: consensus finds 3 in 2 of 3 (else {4: 1}); "
            "natural groups in 2"
        ),
        (
            "3 groups in a line along a column: consensus finds 3 in 2 of 3 (else {4: 1}); "
            "natural groups in 2"
        ),
        "uniform: no natural groups in 19 of 20",
        "uniform: no natural groups in 18 of 19",
        "uniform: no natural groups in 18 of 20, not examined in 2",
        "uniform: no natural groups in 36 of 38, not examined in 2",
        "2 groups: consensus finds 2 in 2 of 2; natural groups in 0, not examined in 2",
        "  cube 1 of 1, simplex 1 of 1",
    ]


@pytest.mark.parametrize("real", [True, False])
def test_the_first_line_names_the_file_whose_columns_are_shuffled(
    planted_truth: ModuleType,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    real: bool,  # noqa: FBT001
) -> None:
    files = [tmp_path / name for name in ("real.csv", "other.csv", "sample.csv")]
    for file in files[0 if real else 2 :]:
        file.touch()
    monkeypatch.setattr(planted_truth, "FILES", tuple(files))

    planted_truth.main(["--seeds", "0"])

    [first, *_] = capsys.readouterr().out.splitlines()
    assert first.endswith(f"; columns of {'real.csv' if real else 'sample.csv (the sample)'}")

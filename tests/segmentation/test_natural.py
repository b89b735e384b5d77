"""Natural are groups that references do not have, that come back, and that valleys part."""

import numpy as np
import pandas as pd
import pytest

from user_activity_trends.segmentation.natural import Natural, judge

REFERENCES = {2: 0.4, 3: 0.4, 4: 0.6}
SIZES = {1: [100], 2: [60, 40], 3: [40, 30, 30], 4: [25] * 4}
SHARES = {"x": 0.7, "y": 0.3}
VALLEYS = dict.fromkeys((2, 3, 4), 0.1)


def judged(  # noqa: PLR0913, PLR0917 (one argument a kind of evidence)
    own: list[float],
    strength: list[float],
    sizes: dict[int, list[int]] = SIZES,
    shares: dict[str, float] = SHARES,
    references: dict[int, float] = REFERENCES,
    valleys: dict[int, float | None] = VALLEYS,
) -> Natural:
    """Judge k = 2, 3, ..., whose own silhouettes these are."""
    defined = {k: one for k, one in enumerate(own, start=2) if not np.isnan(one)}
    curve = pd.DataFrame(
        {"k": range(1, len(strength) + 2), "prediction_strength": [np.nan, *strength]}
    )
    return judge(curve, defined, references, valleys, sizes, shares)


@pytest.mark.parametrize(
    ("silhouette", "strength", "natural"),
    [
        ([0.5, 0.5, 0.5], [0.9, 0.9, 0.9], [2, 3]),
        ([0.5, 0.5, 0.5], [0.79, 0.8, 0.9], [3]),
        ([0.42, 0.5, 0.5], [0.9, 0.9, 0.9], [3]),
        ([0.44, 0.5, 0.5], [0.9, 0.9, 0.9], [2, 3]),
        ([0.3, 0.2, 0.5], [1.0, 1.0, 1.0], []),
        ([np.nan, 0.5, 0.5], [1.0, 1.0, np.nan], [3]),
    ],
)
def test_natural_is_a_k_that_is_clearer_than_every_reference_and_predictable(
    silhouette: list[float], strength: list[float], natural: list[int]
) -> None:
    assert judged(silhouette, strength) == Natural(natural)


@pytest.mark.parametrize("silhouette", [0.45, 0.51, 0.74, 0.95])
@pytest.mark.parametrize(
    ("sizes", "natural", "outliers"),
    [
        ({2: [910, 90]}, [2, 3], []),
        ({2: [990, 10]}, [2, 3], []),
        ({2: [991, 9]}, [3], [2]),
        ({3: [980, 11, 9]}, [2, 3], []),
        ({3: [982, 9, 9]}, [2], [3]),
        ({2: [995, 5], 3: [990, 5, 5]}, [], [2, 3]),
    ],
)
def test_a_few_outliers_set_aside_are_no_natural_group_however_far_they_are(
    sizes: dict[int, list[int]], natural: list[int], outliers: list[int], silhouette: float
) -> None:
    found = judged([silhouette, silhouette, 0.5], [1.0] * 3, SIZES | sizes)

    assert found == Natural(natural, outliers)


def test_outliers_that_would_not_pass_anyway_are_not_told() -> None:
    assert judged([0.42, 0.5, 0.5], [1.0] * 3, SIZES | {2: [995, 5]}) == Natural([3])


@pytest.mark.parametrize(
    ("valleys", "natural"),
    [
        ({2: 0.49, 3: 0.51}, [2]),
        ({2: 0.5, 3: 0.0}, [3]),
        ({2: None, 3: 0.2}, [3]),
        ({3: 0.2}, [3]),
        ({2: 1.2, 3: 11.0}, []),
    ],
)
def test_groups_are_parted_by_valleys(valleys: dict[int, float | None], natural: list[int]) -> None:
    assert judged([0.5] * 3, [1.0] * 3, valleys=valleys) == Natural(natural)


@pytest.mark.parametrize(
    ("shares", "hindrance"),
    [
        ({"x": 1.0}, "fewer than two features vary"),
        ({"x": 1.0, "y": 0.0}, "fewer than two features vary"),
        ({"x": 0.09, "y": 0.91}, "y carries 91% of the variance"),
    ],
)
def test_groups_in_one_column_are_not_looked_for(shares: dict[str, float], hindrance: str) -> None:
    found = judged([0.5] * 3, [1.0] * 3, shares=shares)

    assert found.counts is None
    assert found.hindrance.startswith(hindrance)


def test_a_column_of_nine_tenths_of_the_variance_leaves_room_for_others() -> None:
    found = judged([0.5] * 3, [1.0] * 3, shares={"x": 0.9, "y": 0.1})

    assert found == Natural([2, 3])


@pytest.mark.parametrize(
    ("strength", "references"), [([np.nan] * 3, REFERENCES), ([1.0] * 3, {}), ([1.0] * 3, {1: 0.2})]
)
def test_what_is_not_defined_is_not_examined(
    strength: list[float], references: dict[int, float]
) -> None:
    found = judged([0.5] * 3, strength, references=references)

    assert found.counts is None
    assert "too few sessions" in found.hindrance

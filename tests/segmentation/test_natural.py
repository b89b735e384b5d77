"""Natural are groups that references do not have, that come back, and that are no few outliers."""

import numpy as np
import pandas as pd
import pytest

from user_activity_trends.segmentation.natural import Natural, judge

REFERENCES = {2: 0.4, 3: 0.4, 4: 0.6}
SIZES = {1: [100], 2: [60, 40], 3: [40, 30, 30], 4: [25] * 4}
SHARES = {"x": 0.7, "y": 0.3}


def judged(
    own: list[float],
    strength: list[float],
    sizes: dict[int, list[int]] = SIZES,
    shares: dict[str, float] = SHARES,
    references: dict[int, float] = REFERENCES,
) -> Natural:
    """Judge k = 2, 3, ..., whose full partitions are what the quick fits find."""
    defined = {k: one for k, one in enumerate(own, start=2) if not np.isnan(one)}
    return judge(curve(own, strength), defined, references, sizes, shares)


def curve(silhouette: list[float], strength: list[float]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "k": range(1, len(silhouette) + 2),
            "silhouette": [np.nan, *silhouette],
            "prediction_strength": [np.nan, *strength],
        }
    )


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


@pytest.mark.parametrize(
    ("largest", "silhouette", "natural", "lopsided"),
    [
        (92, 0.74, [3], {2: 0.92}),
        (90, 0.74, [2, 3], {}),
        (92, 0.5, [2, 3], {}),
        (92, 0.42, [3], {}),
    ],
)
def test_a_few_outliers_set_aside_are_no_natural_group(
    largest: int, silhouette: float, natural: list[int], lopsided: dict[int, float]
) -> None:
    sizes = SIZES | {2: [largest, 100 - largest]}

    found = judged([silhouette, 0.5, 0.5], [1.0] * 3, sizes)

    assert (found.counts, found.lopsided) == (natural, lopsided)


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


def test_references_are_compared_with_what_was_fitted_like_them() -> None:
    swept = curve([0.5, 0.2, 0.2], [1.0] * 3)

    found = judge(swept, {2: 0.42, 3: 0.5, 4: 0.5}, REFERENCES, SIZES, SHARES)

    assert found == Natural([3])

"""The statistics are those of the real data, and a distance sees what is wrong."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from user_activity_trends.errors import CellsError, ColumnsError
from user_activity_trends.sample_data import layout
from user_activity_trends.sample_data.statistics import (
    BOUNDS,
    distances,
    measure,
    rank_correlations,
)
from user_activity_trends.sample_data.targets import TARGETS_PATH, Targets, render_targets

REMEASURE = "python -m user_activity_trends.sample_data --measure online_shoppers_intention.csv"


def in_may(frame: pd.DataFrame, column: str, *, value: bool | float | str) -> pd.DataFrame:
    """Give every twentieth session of May the same value."""
    frame.loc[frame.index[frame["Month"] == "May"][::20], column] = value
    return frame


def shuffled(frame: pd.DataFrame, column: str) -> pd.DataFrame:
    return frame.assign(**{column: np.random.default_rng(1).permutation(frame[column])})


DAMAGE: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "month_sessions": lambda frame: frame.drop(index=0),
    "bouncing_share": lambda frame: in_may(frame, "BounceRates", value=0.2),
    "conversion_share": lambda frame: in_may(frame, "Revenue", value=True),
    "weekend_share": lambda frame: in_may(frame, "Weekend", value=True),
    "visitor_share": lambda frame: in_may(frame, "VisitorType", value="Other"),
    "zero_share": lambda frame: in_may(frame, "ProductRelated", value=0),
    "level_share": lambda frame: frame.assign(Region=frame["Region"].replace(3, 9)),
    "quantiles": lambda frame: frame.assign(ExitRates=frame["ExitRates"] * 1.2),
    "tail_quantiles": lambda frame: frame.assign(
        PageValues=frame["PageValues"].where(frame["PageValues"] < 361, 400)
    ),
    "rank_correlations": lambda frame: shuffled(frame, "Browser"),
}


def test_every_family_of_the_sample_is_within_its_bound(
    sample: pd.DataFrame, targets: Targets
) -> None:
    found = distances(sample, targets)

    assert list(found) == list(BOUNDS) == list(DAMAGE)
    assert {name: off for name, off in found.items() if off > BOUNDS[name]} == {}


@pytest.mark.parametrize("family", BOUNDS)
def test_a_damaged_sample_exceeds_the_bound(
    sample: pd.DataFrame, targets: Targets, family: str
) -> None:
    assert distances(DAMAGE[family](sample), targets)[family] > BOUNDS[family]


def test_a_quantile_without_a_scale_must_be_equal(sample: pd.DataFrame) -> None:
    constant = sample.assign(SpecialDay=0.0)
    wanted = Targets.model_validate(measure(constant))

    assert distances(constant, wanted)["quantiles"] == 0
    assert distances(sample, wanted)["quantiles"] == np.inf


def test_the_targets_are_those_of_the_real_file(real_file: Path) -> None:
    expected = render_targets(measure(pd.read_csv(real_file)))

    assert TARGETS_PATH.read_text(encoding="utf-8") == expected, f"repair with: {REMEASURE}"


def test_the_sample_is_near_the_real_file_itself(sample: pd.DataFrame, real_file: Path) -> None:
    real = pd.read_csv(real_file)
    numbers = [*layout.NUMERIC, *layout.FLAGS]

    assert list(sample.columns) == list(real.columns)
    assert list(sample.dtypes) == list(real.dtypes)
    assert sample["Month"].value_counts().to_dict() == real["Month"].value_counts().to_dict()
    for column in layout.NUMERIC:
        zeros = [
            (frame[column] == 0).astype(float).groupby(frame["Month"]).mean()
            for frame in (sample, real)
        ]
        assert (zeros[0] - zeros[1]).abs().max() <= 0.01
        seen, wanted = (
            frame[column].quantile([0.05, 0.25, 0.5, 0.75, 0.95]) for frame in (sample, real)
        )
        assert (seen - wanted).abs().max() <= 0.05 * (wanted[0.95] - wanted[0.05])
    correlations = [frame[numbers].astype(float).rank().corr() for frame in (sample, real)]
    assert (correlations[0] - correlations[1]).abs().to_numpy().max() <= 0.05


def test_measuring_leaves_the_table_as_it_was(sample: pd.DataFrame) -> None:
    before = sample.copy()

    measure(sample)

    pd.testing.assert_frame_equal(sample, before)


def test_rank_correlations_of_planted_columns() -> None:
    columns = np.array([[1.0, 1.0, 9.0, 5.0], [2.0, 8.0, 4.0, 5.0], [3.0, 27.0, 1.0, 5.0]])

    assert rank_correlations(columns) == pytest.approx(
        np.array([[1, 1, -1, 0], [1, 1, -1, 0], [-1, -1, 1, 0], [0, 0, 0, 0]])
    )


def test_missing_columns_are_named(sample: pd.DataFrame) -> None:
    with pytest.raises(ColumnsError, match="columns Month, Region are missing"):
        measure(sample.drop(columns=["Month", "Region"]))


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("Month", "Jan", "column Month holds 'Jan'; expected one of Feb, Mar"),
        ("VisitorType", "Robot", "column VisitorType holds 'Robot'; expected one of Returning"),
        ("PageValues", "much", "column PageValues holds something that is not a number: .*much"),
        ("ExitRates", float("nan"), "column ExitRates has an empty cell"),
    ],
)
def test_unknown_cells_are_named(
    sample: pd.DataFrame, column: str, value: float | str, message: str
) -> None:
    with pytest.raises(CellsError, match=message):
        measure(sample.assign(**{column: value}))


def test_an_empty_table_is_refused(sample: pd.DataFrame) -> None:
    with pytest.raises(CellsError, match="no sessions"):
        measure(sample.head(0))

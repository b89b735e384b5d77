"""The scaler's few numbers do what scikit-learn's scalers do, and survive JSON."""

import json
from typing import Any, get_args

import narwhals as nw
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler

from user_activity_trends.recipes import Scaler, Transform
from user_activity_trends.segmentation.scaling import FeatureScaler

TRANSFORMS, SCALERS = get_args(Transform), get_args(Scaler)
TOLERANCE = 1e-12
EVERY_WAY = [(t, s, g) for t in TRANSFORMS for s in SCALERS for g in (False, True)]


def learn(
    table: pd.DataFrame, transform: Transform, scaler: Scaler, *, fill_gaps: bool = False
) -> FeatureScaler:
    return FeatureScaler.learn(
        nw.from_native(table, eager_only=True),
        list(table.columns),
        transform,
        scaler,
        fill_gaps=fill_gaps,
    )


def apply(scaler: FeatureScaler, table: pd.DataFrame) -> pd.DataFrame:
    return scaler.apply(nw.from_native(table, eager_only=True)).to_native()


def reference(
    train: pd.DataFrame, other: pd.DataFrame, transform: Transform, scaler: Scaler
) -> np.ndarray:
    """What scikit-learn makes of ``other`` after it was fitted on ``train``."""
    imputer = SimpleImputer(strategy="median").fit(train.to_numpy())
    prepared = [imputer.transform(one.to_numpy()) for one in (train, other)]
    if transform == "log1p":
        prepared = [np.log1p(one) for one in prepared]
    made: Any = {
        "minmax": MinMaxScaler(),
        "standard": StandardScaler(),
        "robust": RobustScaler(),
    }[scaler]
    return made.fit(prepared[0]).transform(prepared[1])


def sessions(rows: int, seed: int, *, gaps: bool) -> pd.DataFrame:
    """Columns of the kinds that sessions have: skewed, mostly zero, and a rate."""
    draw = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "pages": draw.poisson(6, rows).astype(float),
            "seconds": draw.lognormal(4, 1.5, rows),
            "mostly_zero": np.where(draw.random(rows) < 0.8, 0, draw.exponential(40, rows)),
            "rate": draw.beta(1, 9, rows),
            "signed_but_small": draw.uniform(-0.5, 0.5, rows),
        }
    )
    return table.mask(draw.random(table.shape) < 0.1) if gaps else table


@pytest.mark.parametrize(("transform", "scaler", "fill_gaps"), EVERY_WAY)
def test_scaled_values_are_those_of_scikit_learn(
    transform: Transform, scaler: Scaler, *, fill_gaps: bool
) -> None:
    train = sessions(400, 1, gaps=fill_gaps)
    new = sessions(200, 2, gaps=fill_gaps) * 2

    learnt = learn(train, transform, scaler, fill_gaps=fill_gaps)

    for table in (train, new):
        np.testing.assert_allclose(
            apply(learnt, table).to_numpy(),
            reference(train, table, transform, scaler),
            rtol=TOLERANCE,
            atol=TOLERANCE,
        )


@settings(deadline=None, derandomize=True, max_examples=60)
@given(
    rows=st.lists(
        st.lists(st.none() | st.integers(0, 640_000).map(lambda n: n / 64), min_size=2, max_size=2),
        min_size=2,
        max_size=25,
    ),
    transform=st.sampled_from(TRANSFORMS),
    scaler=st.sampled_from(SCALERS),
)
def test_any_table_is_scaled_as_by_scikit_learn_and_the_numbers_survive_json(
    rows: list[list[float | None]], transform: Transform, scaler: Scaler
) -> None:
    table = pd.DataFrame(rows, columns=["a", "b"], dtype=float)
    assume((table.min() < table.max()).all())  # constant columns never get here

    learnt = learn(table, transform, scaler, fill_gaps=True)

    # scikit-learn subtracts center / scale, which costs it digits where that is large.
    lost = max(1 + abs(one.center) / one.scale for one in learnt.features)
    np.testing.assert_allclose(
        apply(learnt, table).to_numpy(),
        reference(table, table, transform, scaler),
        rtol=TOLERANCE * lost,
        atol=TOLERANCE * lost,
    )
    assert FeatureScaler.model_validate(json.loads(json.dumps(learnt.model_dump()))) == learnt


@pytest.mark.parametrize(
    ("scaler", "center", "scale"),
    [
        ("minmax", 1.0, 8.0),
        ("standard", 4.0, 8**0.5),
        ("robust", 3.0, 3.0),
    ],
)
def test_center_and_scale_are_those_worked_out_by_hand(
    scaler: Scaler, center: float, scale: float
) -> None:
    table = pd.DataFrame({"pages": [9.0, 1.0, 5.0, 3.0, 2.0]})

    (found,) = learn(table, "none", scaler).features

    assert found.column == "pages"
    assert found.median is None
    assert (found.center, found.scale) == pytest.approx((center, scale), abs=1e-15)


def test_the_logarithm_is_taken_before_center_and_scale() -> None:
    table = pd.DataFrame({"seconds": [0.0, np.e - 1, np.e**3 - 1]})

    learnt = learn(table, "log1p", "minmax")

    assert learnt.features[0].center == pytest.approx(0, abs=1e-15)
    assert learnt.features[0].scale == pytest.approx(3, abs=1e-15)
    assert apply(learnt, table)["seconds"].to_list() == pytest.approx([0, 1 / 3, 1], abs=1e-15)


def test_small_values_keep_their_digits_under_the_logarithm() -> None:
    """Training computes in Narwhals, the model in NumPy: the two must not drift apart."""
    table = pd.DataFrame({"rate": [1e-9, 2e-9, 5e-9, 9e-9]})

    scaled = apply(learn(table, "log1p", "minmax"), table)

    np.testing.assert_allclose(
        scaled.to_numpy(), reference(table, table, "log1p", "minmax"), rtol=0, atol=1e-9
    )


@pytest.mark.parametrize("constant", [0.0, 7.0, 0.1])
@pytest.mark.parametrize("scaler", SCALERS)
@pytest.mark.parametrize("transform", TRANSFORMS)
def test_a_feature_without_spread_is_centred_and_not_divided(
    transform: Transform, scaler: Scaler, constant: float
) -> None:
    table = pd.DataFrame({"same": [constant] * 3, "other": [1.0, 2.0, 4.0]})

    learnt = learn(table, transform, scaler)

    assert learnt.features[0].scale == 1
    np.testing.assert_allclose(apply(learnt, table)["same"], 0, rtol=0, atol=1e-15)


def test_a_feature_that_is_nearly_always_the_same_keeps_its_interquartile_scale_of_one() -> None:
    table = pd.DataFrame({"rare": [0.0] * 9 + [50.0]})

    assert apply(learn(table, "none", "robust"), table)["rare"].to_list() == [0] * 9 + [50]


@pytest.mark.parametrize(
    ("transform", "filled"),
    [("none", (4 - 2) / (10 - 2)), ("log1p", np.log(5 / 3) / np.log(11 / 3))],
)
def test_a_gap_becomes_the_median_of_training(transform: Transform, filled: float) -> None:
    train = pd.DataFrame({"pages": [2.0, 3.0, 5.0, np.nan, 10.0]})
    new = pd.DataFrame({"pages": [np.nan, 100.0, 100.0]})

    learnt = learn(train, transform, "minmax", fill_gaps=True)

    assert learnt.fills_gaps
    assert learnt.features[0].median == 4
    assert apply(learnt, new)["pages"][0] == pytest.approx(filled, abs=1e-15)


def test_a_gap_stays_a_gap_where_gaps_are_not_filled() -> None:
    learnt = learn(pd.DataFrame({"pages": [2.0, 4.0]}), "none", "minmax")

    scaled = apply(learnt, pd.DataFrame({"pages": [3.0, np.nan]}))

    assert not learnt.fills_gaps
    assert scaled["pages"][0] == 0.5
    assert np.isnan(scaled["pages"][1])


def test_only_the_features_are_scaled_and_the_input_stays_as_it_was() -> None:
    table = pd.DataFrame({"session_id": [7, 8, 9], "b": [0.0, 5.0, 10.0], "a": [1.0, 2.0, 3.0]})
    before = table.copy(deep=True)
    frame = nw.from_native(table, eager_only=True)

    learnt = FeatureScaler.learn(frame, ["a", "b"], "none", "minmax", fill_gaps=False)
    scaled = learnt.apply(frame).to_native()

    assert learnt.columns == ["a", "b"]
    expected = {"session_id": [7, 8, 9], "b": [0.0, 0.5, 1.0], "a": [0.0, 0.5, 1.0]}
    assert scaled.to_dict("list") == expected
    assert list(scaled.columns) == list(expected)
    pd.testing.assert_frame_equal(table, before)


def test_what_is_outside_the_training_range_is_not_cut() -> None:
    learnt = learn(pd.DataFrame({"pages": [10.0, 20.0]}), "none", "minmax")

    assert apply(learnt, pd.DataFrame({"pages": [0.0, 40.0]}))["pages"].to_list() == [-1, 3]


@pytest.mark.parametrize(("transform", "scaler", "fill_gaps"), EVERY_WAY)
def test_another_engine_learns_the_same_numbers(
    transform: Transform, scaler: Scaler, *, fill_gaps: bool
) -> None:
    table = sessions(101, 3, gaps=fill_gaps)
    arrow = nw.from_native(pa.Table.from_pandas(table), eager_only=True)

    by_pandas = learn(table, transform, scaler, fill_gaps=fill_gaps)
    by_arrow = FeatureScaler.learn(
        arrow, list(table.columns), transform, scaler, fill_gaps=fill_gaps
    )

    assert by_arrow.columns == by_pandas.columns
    for one, other in zip(by_pandas.features, by_arrow.features, strict=True):
        assert (other.center, other.scale) == pytest.approx((one.center, one.scale), rel=TOLERANCE)
        assert other.median == one.median


def test_a_damaged_scaler_file_is_refused() -> None:
    good = learn(pd.DataFrame({"a": [1.0, 2.0]}), "none", "minmax").model_dump()

    unknown = {"features": [*good["features"], good["features"][0] | {"clip": True}]}
    for damage in ({"clip": True}, {"scaler": "quantile"}, {"transform": "sqrt"}, unknown):
        with pytest.raises(ValidationError, match=next(iter(damage))):
            FeatureScaler.model_validate(good | damage)

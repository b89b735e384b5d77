"""The sample holds together as sessions do, and clusters as the real data does."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from kneed import KneeLocator
from sklearn.cluster import KMeans
from sklearn.preprocessing import minmax_scale
from threadpoolctl import threadpool_limits

from user_activity_trends.sample_data import layout
from user_activity_trends.sample_data.generate import (
    NEW_SESSIONS,
    generate_sessions,
)
from user_activity_trends.sample_data.statistics import measure
from user_activity_trends.sample_data.targets import Targets


@pytest.fixture
def new_sessions(written: Path) -> pd.DataFrame:
    return pd.read_csv(written / "sample_new_sessions.csv")


@pytest.fixture
def small_targets(sample: pd.DataFrame) -> Targets:
    """The statistics of every tenth session, which are fast to imitate."""
    return Targets.model_validate(measure(sample.iloc[::10]))


def check_behaviour(sessions: pd.DataFrame) -> None:
    """What holds for every session, however it behaves."""
    for duration, pages in layout.DURATIONS.items():
        assert (sessions.loc[sessions[pages] == 0, duration] == 0).all()
        assert sessions[pages].dtype == np.int64
    assert (sessions[[*layout.BEHAVIOUR]] >= 0).all(axis=None)
    assert (sessions["ExitRates"] <= layout.RATE_CEILING).all()
    assert (sessions["ExitRates"] >= sessions["BounceRates"]).all()


def elbow(features: pd.DataFrame) -> tuple[int, list[int]]:
    """Find k by the elbow of the original recipe; its segment sizes, largest first."""
    scaled = minmax_scale(features)
    with threadpool_limits(1):
        models = [KMeans(k, n_init=10, random_state=42).fit(scaled) for k in range(1, 11)]
    inertia = [model.inertia_ for model in models]
    k = KneeLocator(range(1, 11), inertia, curve="convex", direction="decreasing").elbow
    return k, sorted(np.bincount(models[k - 1].labels_).tolist(), reverse=True)


def test_sessions_hold_together(sample: pd.DataFrame) -> None:
    assert list(sample.columns) == list(layout.COLUMNS)
    assert len(sample) == 12_330
    check_behaviour(sample)


def test_special_days_and_codes_are_those_of_the_real_data(sample: pd.DataFrame) -> None:
    special = sample[sample["SpecialDay"] > 0]

    assert set(special["Month"]) == {"Feb", "May"}
    assert set(special["SpecialDay"]) == {0.2, 0.4, 0.6, 0.8, 1.0}
    assert {column: set(sample[column]) for column in layout.CODES} == {
        "OperatingSystems": set(range(1, 9)),
        "Browser": set(range(1, 14)),
        "Region": set(range(1, 10)),
        "TrafficType": set(range(1, 21)),
    }
    assert list(sample["Month"].unique()) == list(layout.MONTHS)


def test_base_recipe_finds_three_segments_of_similar_size(sample: pd.DataFrame) -> None:
    k, sizes = elbow(sample[[*layout.BEHAVIOUR]])

    assert k == 3
    assert np.array(sizes) / len(sample) == pytest.approx(
        np.array([8833, 2633, 864]) / 12_330, abs=0.06
    )


def test_log_recipe_finds_four_segments(sample: pd.DataFrame) -> None:
    k, _ = elbow(sample[[*layout.BEHAVIOUR]].drop(columns="PageValues").transform(np.log1p))

    assert k == 4


def test_the_seed_decides(small_targets: Targets) -> None:
    first, again, other = (generate_sessions(small_targets, seed) for seed in (1, 1, 2))

    pd.testing.assert_frame_equal(first, again)
    assert not first.equals(other)


def test_exit_rates_are_raised_where_the_targets_contradict_themselves(
    small_targets: Targets,
) -> None:
    some = small_targets.behaviours["some"]
    low = [value / 4 for value in some.grid_values["ExitRates"]]
    contradiction = some.model_copy(update={"grid_values": some.grid_values | {"ExitRates": low}})
    behaviours = small_targets.behaviours | {"some": contradiction}

    sessions = generate_sessions(small_targets.model_copy(update={"behaviours": behaviours}), 1)

    check_behaviour(sessions)


def test_new_sessions_are_valid_and_not_in_the_sample(
    new_sessions: pd.DataFrame, sample: pd.DataFrame
) -> None:
    # A session that bounced at once has nothing that could differ.
    engaged = new_sessions[new_sessions["BounceRates"] < layout.RATE_CEILING]

    assert engaged.merge(sample, on=[*layout.BEHAVIOUR]).empty
    assert list(new_sessions.columns) == list(layout.BEHAVIOUR)
    assert len(new_sessions) == len(new_sessions.drop_duplicates()) == NEW_SESSIONS == 12
    check_behaviour(new_sessions)


def test_new_sessions_cover_varied_behaviour(new_sessions: pd.DataFrame) -> None:
    assert (new_sessions["BounceRates"] == layout.RATE_CEILING).any()
    assert (new_sessions["BounceRates"] == 0).any()
    for column in ("Administrative", "Informational", "ProductRelated_Duration", "PageValues"):
        assert (new_sessions[column] == 0).any()
        assert (new_sessions[column] > 0).sum() >= 3

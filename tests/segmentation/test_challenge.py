"""Two models on the same sessions: every figure is that of a plain computation."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score, silhouette_score

from user_activity_trends.segmentation import challenge
from user_activity_trends.segmentation.challenge import Seen, between, measure, see, stability
from user_activity_trends.segmentation.scorer import ScoredFeature, ScoredSegment, SegmentScorer

CENTERS = [(0.1, 0.1), (0.9, 0.1), (0.1, 0.9)]
GROUPS = np.repeat([0, 1, 2], [60, 30, 10])


def sessions() -> pd.DataFrame:
    """Three groups of 60, 30 and 10 sessions around places of ten times the centroids."""
    draw = np.random.default_rng(8)
    values = 10 * (np.array(CENTERS)[GROUPS] + draw.normal(0, 0.03, (100, 2)))
    return pd.DataFrame(values, columns=["pages", "stay"])


def scorer(
    centers: list[tuple[float, float]],
    ids: list[int],
    *,
    scale: float = 10.0,
    limit: float = 0.2,
) -> SegmentScorer:
    return SegmentScorer(
        version="v",
        model="m",
        transform="none",
        scaler="minmax",
        features=tuple(
            ScoredFeature(column=name, median=None, center=0.0, scale=scale)
            for name in ("pages", "stay")
        ),
        segments=tuple(
            ScoredSegment(
                segment=segment,
                segment_name=str(segment),
                colour="#000000",
                cluster=cluster,
                centroid=center,
            )
            for cluster, (segment, center) in enumerate(zip(ids, centers, strict=True))
        ),
        distance_limit=limit,
    )


@pytest.fixture
def champion() -> Seen:
    return see(scorer(CENTERS, [4, 2, 7]), sessions())


@pytest.fixture
def candidate() -> Seen:
    """The same groups under other cluster numbers, the first two of which are one segment."""
    return see(scorer([(0.1, 0.9), (0.37, 0.1)], [7, 8]), sessions())


def test_each_session_has_the_segment_of_its_group(champion: Seen) -> None:
    assert champion.segment.tolist() == np.array([4, 2, 7])[GROUPS].tolist()
    assert champion.shares == {2: 0.3, 4: 0.6, 7: 0.1}
    assert list(champion.shares) == [2, 4, 7]
    assert champion.outliers == 0


def test_models_are_measured_in_one_space(champion: Seen, candidate: Seen) -> None:
    bought = np.zeros(100, dtype=bool)
    bought[:30] = bought[60:66] = True  # 30 of 60, 6 of 30; ten are too few to tell

    one, other = measure([candidate, champion], champion.scaled, bought, 0)

    points = champion.scaled
    for found, labels in ((one, np.minimum(GROUPS, 1) * 0 + (GROUPS == 2)), (other, GROUPS)):
        within = sum(
            ((points[labels == group] - points[labels == group].mean(axis=0)) ** 2).sum()
            for group in np.unique(labels)
        )
        assert found["sse"] == pytest.approx(within)
        assert found["silhouette"] == pytest.approx(silhouette_score(points, labels))
    assert (one["k"], other["k"]) == (2, 3)
    assert (one["smallest_share"], other["smallest_share"]) == (0.1, 0.1)
    spread = other["outcome_spread"]
    assert spread["spread"] == pytest.approx(30 / 60 - 6 / 30)
    assert spread["low"] < spread["spread"] < spread["high"]
    assert one["outcome_spread"] is None


def test_without_an_outcome_there_is_no_spread(champion: Seen) -> None:
    assert measure([champion], champion.scaled, None, 0)[0]["outcome_spread"] is None


def test_one_segment_has_neither_silhouette_nor_spread() -> None:
    alone = see(scorer([(0.3, 0.2)], [1]), sessions())

    (found,) = measure([alone], alone.scaled, np.ones(100, dtype=bool), 0)

    assert (found["silhouette"], found["outcome_spread"], found["k"]) == (None, None, 1)
    assert stability(alone, 5, 0, None) == {}


def test_agreement_is_that_of_the_partitions_and_change_that_of_the_ids(
    champion: Seen, candidate: Seen
) -> None:
    found = between(candidate, champion)

    assert found["adjusted_rand"] == pytest.approx(
        adjusted_rand_score(GROUPS, (GROUPS == 2).astype(int))
    )
    # Only segment 7 is in both; the other 90 sessions have another id.
    assert found["changed"] == 0.9
    assert found["changed_low"] < 0.9 < found["changed_high"]


def test_the_same_model_agrees_with_itself(champion: Seen) -> None:
    found = between(champion, champion)

    assert (found["adjusted_rand"], found["changed"], found["moved"]) == (1.0, 0.0, [])
    assert found["changed_low"] == 0


def test_shifts_of_centres_are_told_in_both_units_the_largest_first(champion: Seen) -> None:
    moved = scorer([(0.15, 0.1), (0.9, 0.11), (0.1, 0.82)], [4, 2, 7])

    found = between(see(moved, sessions()), champion)["moved"]

    assert [(one["segment"], one["feature"]) for one in found] == [(7, "stay"), (4, "pages")]
    assert found[0]["shift"] == pytest.approx(-0.08)
    assert (found[0]["before"], found[0]["after"]) == pytest.approx((9.0, 8.2))


def test_another_scaling_moves_no_centre(champion: Seen) -> None:
    halved = scorer([(a / 2, b / 2) for a, b in CENTERS], [4, 2, 7], scale=20.0)

    assert between(see(halved, sessions()), champion)["moved"] == []


def test_segments_that_come_back_have_a_jaccard_index_near_one(champion: Seen) -> None:
    for tolerance in (None, 0.05):
        found = stability(champion, 5, 0, tolerance)
        assert list(found) == [2, 4, 7]
        assert all(value is not None and value > 0.99 for value in found.values())


def test_a_segment_without_sessions_cannot_come_back() -> None:
    far = see(scorer([*CENTERS, (9.0, 9.0)], [4, 2, 7, 8]), sessions())

    found = stability(far, 3, 0, None)

    assert found[8] is None
    assert far.shares[8] == 0


def test_nothing_is_said_without_resamples(champion: Seen) -> None:
    assert stability(champion, 0, 0, None) == {}


def test_many_sessions_are_resampled_from_a_part(
    champion: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(challenge, "RESAMPLED_ROWS", 50)
    seen = []

    def watch(points: np.ndarray, *_: object) -> dict[int, object]:
        seen.append(len(points))
        return {}

    monkeypatch.setattr(challenge, "bootstrap", watch)

    stability(champion, 3, 0, None)

    assert seen == [50]

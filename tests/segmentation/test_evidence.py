"""All evidence about each k is in one table, and what does not fit beside it."""

import json

import numpy as np
import pandas as pd
import pytest

from user_activity_trends.schemas import ElbowCurve
from user_activity_trends.segmentation import evidence, references
from user_activity_trends.segmentation.evidence import Evidence, gather
from user_activity_trends.segmentation.model import Matrix
from user_activity_trends.segmentation.natural import judge
from user_activity_trends.segmentation.references import (
    correlated_curves,
    own_curve,
    permuted_curves,
)
from user_activity_trends.segmentation.selection import collect_votes
from user_activity_trends.segmentation.sweep import sweep

SIZES = (120, 80, 40)
COLUMNS = [
    *("k", "sse", "silhouette", "davies_bouldin", "calinski_harabasz", "smallest_share"),
    *("stability_mean", "stability_min", "prediction_strength", "permuted_sse"),
    *("permuted_silhouette", "permuted_davies_bouldin", "permuted_calinski_harabasz"),
]


def planted() -> Matrix:
    centers = np.array([(0, 0), (9, 0), (0, 9)])[np.repeat(range(3), SIZES)]
    return centers + np.random.default_rng(0).normal(size=centers.shape)


def gathered(points: Matrix, resamples: int, k_max: int = 5) -> tuple[pd.DataFrame, Evidence]:
    return gather(points, ["x", "y"], sweep(points, range(1, k_max + 1), 5, 0), resamples, 0)


def natural(curve: pd.DataFrame, known: Evidence) -> list[int] | None:
    measured = known.own_silhouettes, known.reference_silhouettes, known.valleys
    return judge(curve, *measured, known.sizes, known.variance_shares).counts


def test_the_planted_number_stands_out_in_everything() -> None:
    curve, known = gathered(planted(), 6)

    assert list(curve.columns) == COLUMNS
    ElbowCurve.validate(curve)
    votes = collect_votes(curve)
    assert votes["stability"] == votes["prediction_strength"] == 3
    assert (curve["stability_min"] <= curve["stability_mean"])[1:].all()
    assert natural(curve, known) == [3]
    assert curve["permuted_sse"][0] == pytest.approx(curve["sse"][0])
    assert curve["permuted_silhouette"][2] < curve["silhouette"][2] - 0.03
    assert known.sizes[3] == [120, 80, 40]
    assert {k: len(one) for k, one in known.jaccard.items()} == {2: 2, 3: 3, 4: 4, 5: 5}
    assert known.valleys[1] is None
    assert known.valleys[3] == 0
    assert [(known.valleys[k] or 0) > 0.5 for k in (4, 5)] == [True, True]
    assert [len(known.permuted_votes), known.resamples] == [5, 6]
    assert known.references == {"permuted": 5, "drawn": 5}
    assert set(known.samples.values()) == {240}
    assert list(known.permuted_votes[0]) == [
        *("elbow", "silhouette", "davies_bouldin", "calinski_harabasz"),
        *("stability", "prediction_strength"),
    ]


def test_the_reference_is_the_highest_silhouette_of_all_copies_of_both_kinds() -> None:
    points = planted()

    _, known = gathered(points, 1)

    counts = [1, 2, 3, 4, 5]
    copies = [*permuted_curves(points, counts, 0), *correlated_curves(points, counts, 0)]
    highest = pd.concat(copies).groupby("k")["silhouette"].max()[[2, 3, 4, 5]]
    assert known.reference_silhouettes == highest.to_dict()


def test_the_sessions_are_measured_again_as_the_references_are() -> None:
    points = planted()

    curve, known = gathered(points, 1)

    own = own_curve(points, [1, 2, 3, 4, 5], 0).set_index("k")["silhouette"]
    assert known.own_silhouettes == own[[2, 3, 4, 5]].to_dict()
    assert known.own_silhouettes[3] == pytest.approx(curve["silhouette"][2])


def test_the_jaccard_indices_are_in_the_order_of_size() -> None:
    """The largest cluster is a cloud cut off at random, the two others are far away."""
    draw = np.random.default_rng(1)
    points = np.concatenate(
        [draw.normal(40, 1, (30, 2)), draw.normal(-40, 1, (25, 2)), draw.random((200, 2)) * 9]
    )

    _, known = gathered(points, 6)

    assert known.sizes[4][2:] == [30, 25]
    assert known.jaccard[4][2:] == [1, 1]
    assert max(one or 0 for one in known.jaccard[4][:2]) < 1


def test_without_resamples_the_columns_are_there_and_empty() -> None:
    curve, known = gathered(planted(), 0)

    assert list(curve.columns) == COLUMNS
    assert curve[COLUMNS[6:]].isna().to_numpy().all()
    ElbowCurve.validate(curve)
    assert known == Evidence(
        resamples=0,
        samples={"silhouette": 240},
        sizes=known.sizes,
        variance_shares=known.variance_shares,
    )


def test_the_shares_of_the_variance_are_those_of_the_features() -> None:
    points = np.column_stack([np.tile([0.0, 1.0], 50), np.tile([0.0, 3.0], 50)])

    _, known = gathered(points, 0, k_max=2)

    assert known.variance_shares == pytest.approx({"x": 0.1, "y": 0.9})


def test_evidence_survives_json() -> None:
    _, known = gathered(planted(), 2)

    written = json.dumps(known.model_dump(mode="json"), allow_nan=False)

    assert Evidence.model_validate(json.loads(written)) == known


def test_of_many_sessions_some_are_examined(monkeypatch: pytest.MonkeyPatch) -> None:
    points = planted()
    monkeypatch.setattr(evidence, "EXAMINED_ROWS", 100)
    monkeypatch.setattr(evidence, "COMPARED_ROWS", 60)
    monkeypatch.setattr(evidence, "SILHOUETTE_ALL", 120)
    monkeypatch.setattr(references, "CORRELATED_ROWS", 50)
    monkeypatch.setattr(references, "SILHOUETTE_ROWS", 55)

    curve, known = gathered(points, 3)

    assert known.samples == {
        "silhouette": 3_000,
        "stability": 100,
        "prediction_strength": 60,
        "valleys": 60,
        "permuted": 60,
        "drawn": 50,
        "permuted_silhouette": 55,
        "drawn_silhouette": 50,
    }
    assert curve["permuted_sse"].notna().all()
    assert known.sizes[3] == [120, 80, 40]
    assert curve["permuted_sse"][0] == pytest.approx(curve["sse"][0], rel=1e-12)
    assert curve["stability_mean"][2] == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("sessions", [2, 3])
def test_very_few_sessions_are_not_called_one_cloud(sessions: int) -> None:
    points = np.random.default_rng(0).random((sessions, 2))

    curve, known = gathered(points, 2, k_max=sessions)

    even = known.model_copy(update={"variance_shares": {"x": 0.5, "y": 0.5}})
    assert natural(curve, even) is None


def test_a_sample_without_spread_has_no_sum_of_squares(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "COMPARED_ROWS", 4)
    points = np.zeros((400, 2))
    points[0] = 1

    curve, known = gathered(points, 1, k_max=2)

    assert curve["permuted_sse"].to_list() == [0, 0]
    assert known.valleys == {1: None, 2: None}


def test_a_cluster_outside_the_sample_is_not_said_to_have_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(evidence, "EXAMINED_ROWS", 100)
    points = np.concatenate([planted(), [[90.0, 90.0]]])
    assert 240 not in evidence._drawn(241, 100, 0)  # noqa: SLF001

    curve, known = gathered(points, 3)

    ElbowCurve.validate(curve)
    assert known.sizes[4] == [120, 80, 40, 1]
    assert known.jaccard[4][1:3] == [1, 1]
    assert known.jaccard[4][3] is known.jaccard[2][1] is known.valleys[4] is None
    assert curve["stability_mean"].isna().all()
    assert curve["stability_min"].isna().all()
    assert collect_votes(curve)["stability"] is None
    written = json.dumps(known.model_dump(mode="json"), allow_nan=False)
    assert Evidence.model_validate(json.loads(written)) == known


def test_one_bent_cloud_has_no_natural_groups() -> None:
    """Its references are not bent: only the missing valley tells."""
    draw = np.random.default_rng(0)
    along = draw.random(1_000)
    points = np.column_stack([along, along**2 + draw.normal(0, 0.05, 1_000)])
    points = (points - points.min(axis=0)) / np.ptp(points, axis=0)

    curve, known = gathered(points, 3)

    assert natural(curve, known) == []
    deep = known.model_copy(update={"valleys": dict.fromkeys(known.valleys, 0.0)})
    assert 3 in (natural(curve, deep) or [])

"""Each gate refuses what it is there for, and nothing else."""

from typing import Any

import pytest
from pydantic import ValidationError

from user_activity_trends.segmentation.gates import GatesParams, failed, judge

LIMITS = GatesParams(
    minimum_rows=100,
    minimum_rows_share=0.5,
    rejected_share=0.05,
    smallest_share=0.03,
    minimum_jaccard=0.75,
    outlier_share=0.01,
    distance_rise=0.25,
    silhouette_loss=0.125,
    adjusted_rand=0.8,
)
CANDIDATE = {
    "silhouette": 0.5,
    "smallest_share": 0.03,
    "minimum_jaccard": 0.75,
    "retraining_jaccard": None,
}
CHAMPION = {"silhouette": 0.625, "outlier_share": 0.01, "distance_rise": 0.25}
ROWS = {"candidate": 500, "champion": 1_000}


def refused(  # noqa: PLR0913 (one argument a thing that can differ)
    candidate: dict[str, Any] | None = None,
    champion: dict[str, Any] | None = None,
    agreement: float = 0.8,
    rows: dict[str, int | None] | None = None,
    rejected: float = 0.05,
    *,
    allow: bool = False,
) -> list[str]:
    found = judge(
        LIMITS,
        CANDIDATE | (candidate or {}),
        CHAMPION | (champion or {}),
        agreement,
        ROWS | (rows or {}),
        rejected=rejected,
        allow_new_segments=allow,
    )
    return [one.gate for one in failed(found)]


def test_what_is_exactly_at_every_limit_passes() -> None:
    assert refused() == []


@pytest.mark.parametrize(
    ("change", "gate"),
    [
        ({"rows": {"candidate": 499}}, "minimum_rows"),
        ({"rows": {"candidate": 99, "champion": 100}}, "minimum_rows"),
        ({"rows": {"candidate": 99, "champion": None}}, "minimum_rows"),
        ({"rejected": 0.051}, "rejected_share"),
        ({"candidate": {"smallest_share": 0.029}}, "smallest_share"),
        ({"candidate": {"minimum_jaccard": 0.74}}, "minimum_jaccard"),
        ({"candidate": {"retraining_jaccard": 0.74}}, "minimum_jaccard"),
        ({"champion": {"outlier_share": 0.011}}, "outlier_share"),
        ({"champion": {"distance_rise": 0.26}}, "distance_rise"),
        ({"candidate": {"silhouette": 0.499}}, "silhouette_loss"),
        ({"agreement": 0.79}, "adjusted_rand"),
    ],
)
def test_what_is_beyond_a_limit_is_refused_by_that_gate_alone(
    change: dict[str, Any], gate: str
) -> None:
    assert refused(**change) == [gate]


@pytest.mark.parametrize(
    "change",
    [
        {"candidate": {"minimum_jaccard": None}},
        {"candidate": {"minimum_jaccard": 0.5, "retraining_jaccard": 0.75}},
        {"candidate": {"silhouette": None}},
        {"champion": {"silhouette": None}},
        {"champion": {"distance_rise": None}},
        {"rows": {"candidate": 100, "champion": None}},
        {"agreement": -0.1, "allow": True},
        {"candidate": {"silhouette": 0.9}},
    ],
)
def test_what_was_not_measured_or_is_allowed_refuses_nothing(change: dict[str, Any]) -> None:
    assert refused(**change) == []


def test_without_a_model_in_use_only_the_absolute_gates_are_asked() -> None:
    found = judge(
        LIMITS,
        CANDIDATE,
        None,
        None,
        {"candidate": 100, "champion": None},
        rejected=0.0,
        allow_new_segments=False,
    )

    assert [one.gate for one in found] == [
        "minimum_rows",
        "rejected_share",
        "smallest_share",
        "minimum_jaccard",
    ]


def test_each_gate_says_figure_limit_and_meaning() -> None:
    rows, *others = judge(
        LIMITS,
        CANDIDATE,
        CHAMPION,
        0.5,
        {"candidate": 616, "champion": 12_330},
        rejected=0.0,
        allow_new_segments=False,
    )

    assert (rows.figure, rows.limit, rows.passed) == (616, 6_165, False)
    assert rows.in_words == (
        "it was trained on 616 sessions, and at least 6,165 are asked (50% of the 12,330 that "
        "the model in use was trained on)"
    )
    assert others[-1].in_words == (
        "the segments agree with those in use by 0.500 (adjusted Rand index), and at least 0.8 "
        "is asked (promotion.allow_new_segments lets them change)"
    )


@pytest.mark.parametrize(
    "wrong", [{"minimum_rows": 0}, {"smallest_share": 2}, {"adjusted_rand": 1.1}, {"more": 1}]
)
def test_limits_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        GatesParams.model_validate(LIMITS.model_dump() | wrong)

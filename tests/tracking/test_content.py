"""What MLflow gets of a model version; nothing here needs MLflow."""

import math
from typing import Any

import pytest

from user_activity_trends.tracking import content

RECORD: dict[str, Any] = {
    "version": "2026-11-26T05.38.00.123Z",
    "recipe": "base",
    "based_on": None,
    "data": {"rows": 120, "sample": True, "columns": ["a", "b"]},
    "parameters": {"recipe": "base", "sweep": {"k_max": 3}},
    "metrics": {"sse": 4, "stability": {"mean": 0.5}, "verdict": "good", "ok": True},
    "scores": [{"k": 1, "sse": 9.0, "silhouette": None}, {"k": 2, "sse": math.nan}],
    "cluster_choice": {"k": 2},
}


def test_tags_have_no_unknowns_and_nothing_that_is_told_otherwise() -> None:
    assert content.tags(RECORD) == {
        "recipe": "base",
        "data.rows": "120",
        "data.sample": "true",
        "data.columns": '["a", "b"]',
    }


def test_only_finite_numbers_are_metrics() -> None:
    assert content.metrics(RECORD) == [
        ("training.sse", 4.0, 0),
        ("training.stability.mean", 0.5, 0),
        ("sweep.sse", 9.0, 1),
    ]


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../x", "/x", "a//b", "a/", "mlflow.user", "a\nb", "x" * 251, "a'b", "\x00"],
)
def test_a_name_that_mlflow_refuses_or_keeps_for_itself_becomes_one_that_it_accepts(
    name: str,
) -> None:
    safe = content.safe_name(name)

    assert safe == content.safe_name(safe)
    assert safe != content.safe_name(name + "'")


def test_keys_that_spell_the_same_path_stay_apart() -> None:
    found = content.parameters({"parameters": {"a.b": 1, "a": {"b": 2}, "a'": 3, 'a"': 4}})

    assert sorted(found.values()) == ["1", "2", "3", "4"]
    assert found["a.b"] == "1"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain", "plain"),
        ("two\nlines", '"two\\nlines"'),
        ("\ud800", '"\\ud800"'),
        (True, "true"),
        (0.1, "0.1"),
        ({}, "{}"),
    ],
)
def test_values_are_one_line_that_every_database_can_hold(value: object, text: str) -> None:
    assert content.as_text(value) == text


def test_what_is_shortened_says_where_the_whole_is() -> None:
    found = content.parameters({"parameters": {"long": "y" * 6_001, "fits": "y" * 6_000}})

    assert found["fits"] == "y" * 6_000
    assert found["long"].endswith("... (6001 characters, whole: model_record.json)")
    assert len(found["long"]) == 6_000

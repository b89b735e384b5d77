"""A comparison in words says what its table says."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from user_activity_trends.segmentation.criteria import (
    CRITERIA,
    criterion,
    in_words,
    recipes_of,
    standing,
)

END = "The criteria overlap, and nothing weighs them: that is for you to do."


def table(rows: dict[str, tuple[bool, str]], k: dict[str, int] | None = None) -> pd.DataFrame:
    """Return a comparison: criterion, whether it is compared, and who is better."""
    chosen = k or {"a": 3, "b": 4}
    found: list[dict[str, Any]] = [
        {
            "criterion": name,
            "unit": criterion(name).unit,
            **dict.fromkeys(chosen, 0.5),
            "wanted": criterion(name).wanted,
            "tolerance": criterion(name).tolerance,
            "compared": compared,
            "better": better,
            "note": "x",
        }
        for name, (compared, better) in rows.items()
    ]
    last = {"criterion": "k", "unit": "k", **chosen, "wanted": "", "tolerance": np.nan}
    return pd.DataFrame([*found, last | {"compared": False, "better": "", "note": "x"}])


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (
            {"stability_mean": (True, "b"), "warnings": (True, "a"), "natural_groups": (True, "b")},
            (
                "b is better in 2 of 3 criteria (stability, mean; natural groups); "
                "a in 1 (warnings, fewer is better). "
            ),
        ),
        (
            {"stability_mean": (True, "a"), "warnings": (True, "")},
            (
                "a is better in 1 of 2 criteria (stability, mean); b in none; "
                "equal in 1 (warnings, fewer is better). "
            ),
        ),
        ({"warnings": (True, "")}, "No recipe is better in any of 1 criteria. "),
        (
            {"warnings": (True, ""), "stability_mean": (False, ""), "vote_elbow": (False, "")},
            (
                "No recipe is better in any of 1 criteria. "
                "Not compared, for the reason in the table (stability, mean). "
            ),
        ),
    ],
)
def test_the_verdict_counts_and_names_the_criteria(
    rows: dict[str, tuple[bool, str]], words: str
) -> None:
    assert in_words(table(rows)) == f"k = 3 with a, 4 with b. {words}{END}"


def test_the_verdict_is_the_same_after_the_table_was_a_file() -> None:
    """Where an empty cell is a gap."""
    told = table({"stability_mean": (True, "a"), "warnings": (True, ""), "k": (False, "")})
    told = told.drop_duplicates("criterion", keep="last")

    assert in_words(told.replace("", np.nan)) == in_words(told)


def test_two_of_three_recipes_may_be_better_by_one_criterion() -> None:
    told = table(
        {"stability_mean": (True, "a,c"), "warnings": (True, "c")}, {"a": 2, "b": 3, "c": 4}
    )

    found = standing(told)

    assert recipes_of(told) == ["a", "b", "c"]
    assert [*found.better.items()] == [
        ("c", ["stability_mean", "warnings"]),
        ("a", ["stability_mean"]),
        ("b", []),
    ]
    assert (found.equal, found.silent, found.compared) == ([], [], 2)


def test_every_criterion_that_decides_says_when_values_are_equal() -> None:
    """But the spread of outcome rates, which has intervals instead."""
    decides = [one for one in CRITERIA if one.wanted]

    assert {one.name for one in decides if np.isnan(one.tolerance)} == {"outcome_spread"}
    assert len({one.name for one in CRITERIA}) == len(CRITERIA)
    assert all(one.note for one in CRITERIA)

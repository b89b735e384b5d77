"""Which model was in use when, and where a rollback goes."""

from typing import Any

import pytest

from user_activity_trends.errors import ChampionError
from user_activity_trends.lifecycle.champion import Champion, Reign, read_champion


def reign(version: str, how: Any = "promoted") -> Reign:
    return Reign(version=version, model=version * 8, since="2026-01-31", how=how, why="why")


def champion(*steps: str) -> Champion:
    """Promote the versions that are named; ``back:V`` is a rollback to V."""
    first, *others = steps
    found = Champion.first(reign(first))
    for step in others:
        how, _, version = step.rpartition(":")
        found = found.succeeded_by(reign(version, "rolled back" if how else "promoted"))
    return found


@pytest.mark.parametrize(
    ("steps", "target"),
    [
        (["a"], None),
        (["a", "b"], "a"),
        (["a", "b", "c"], "b"),
        # After a rollback the next goes further back, not to what was just left.
        (["a", "b", "c", "back:b"], "a"),
        (["a", "b", "c", "back:b", "back:a"], None),
        # To undo a rollback is a promotion.
        (["a", "b", "back:a", "b"], "a"),
        (["a", "b", "c", "back:b", "c"], "b"),
        (["a", "b", "back:a", "c", "back:a"], None),
        # The same version twice in a row has replaced nothing.
        (["a", "b", "b"], "a"),
        (["a", "b", "a"], "b"),
    ],
)
def test_a_rollback_goes_to_what_the_model_in_use_has_replaced(
    steps: list[str], target: str | None
) -> None:
    assert champion(*steps).rollback_target() == target


def test_the_file_says_the_last_and_remembers_all() -> None:
    found = champion("a", "b", "back:a")

    assert (found.version, found.model, found.how) == ("a", "aaaaaaaa", "rolled back")
    assert [one.version for one in found.history] == ["a", "b", "a"]
    assert read_champion(found.model_dump(mode="json")) == found


def test_it_is_known_whether_ones_own_sessions_ever_were_in_use() -> None:
    sample, own = (reign(name).model_copy(update={"sample": name == "s"}) for name in "so")
    first = Champion.first(sample)

    assert (first.sample, first.had_own_sessions) == (True, False)
    assert first.succeeded_by(own).had_own_sessions
    again = first.succeeded_by(own).succeeded_by(sample)
    assert (again.sample, again.had_own_sessions) == (True, True)


@pytest.mark.parametrize("content", [None, [], {}, {"version": "a"}, "a"])
def test_a_damaged_file_is_told_with_the_way_out(content: Any) -> None:
    with pytest.raises(ChampionError, match=r"damaged.*kedro models promote VERSION"):
        read_champion(content)

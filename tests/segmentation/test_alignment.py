"""What became of each segment is recognised; an id is one segment's for ever."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from user_activity_trends.segmentation.alignment import (
    Descent,
    Lineage,
    Match,
    Matching,
    Retirement,
    Step,
    give_ids,
    in_words,
    listed,
    match,
)

IDS = [3, 5, 9]
SHARES = {3: 0.5, 5: 0.3, 9: 0.2}


def matched(table: list[list[int]], unusual: list[int] | None = None) -> Matching:
    """Match from counts: sessions of each segment in use (rows) in each cluster (columns).

    ``unusual``: so many sessions of each cluster besides, all nearest to the first segment.
    """
    counts = np.array(table)
    rows, columns = np.indices(counts.shape)
    before, after = (np.repeat(one.ravel(), counts.ravel()) for one in (rows, columns))
    strange = np.repeat(np.arange(counts.shape[1]), unusual or [0] * counts.shape[1])
    return match(
        IDS[: len(table)],
        np.concatenate([before, np.zeros_like(strange)]),
        np.concatenate([after, strange]),
        counts.shape[1],
        unusual=np.arange(len(before) + len(strange)) >= len(before),
        shares=SHARES,
    )


def told(found: Matching) -> list[tuple[int | None, str, tuple[int, ...]]]:
    return [(one.kept, one.origin, one.came_from) for one in found.matches]


@pytest.mark.parametrize(
    ("table", "expected", "retired"),
    [
        pytest.param(
            [[0, 50, 0], [0, 1, 29], [20, 0, 0]],
            [(9, "kept", (9,)), (3, "kept", (3,)), (5, "kept", (5,))],
            {},
            id="the same under other numbers",
        ),
        pytest.param(
            [[25, 25, 0, 0], [0, 0, 30, 0], [0, 0, 0, 20]],
            [(None, "split", (3,)), (None, "split", (3,)), (5, "kept", (5,)), (9, "kept", (9,))],
            {3: ("split", (0, 1))},
            id="split in halves",
        ),
        pytest.param(
            [[38, 12, 0, 0], [0, 0, 30, 0], [0, 0, 0, 20]],
            [(3, "kept", (3,)), (None, "split", (3,)), (5, "kept", (5,)), (9, "kept", (9,))],
            {},
            id="a part is split off",
        ),
        pytest.param(
            [[50, 0], [0, 30], [0, 28]],
            [(3, "kept", (3,)), (5, "kept", (5, 9))],
            {9: ("merged", (1,))},
            id="the larger takes up the smaller",
        ),
        pytest.param(
            [[50, 0], [0, 30], [0, 30]],
            [(3, "kept", (3,)), (None, "merged", (5, 9))],
            {5: ("merged", (1,)), 9: ("merged", (1,))},
            id="two of the same size are merged",
        ),
        pytest.param(
            [[50, 0], [0, 30], [0, 0]],
            [(3, "kept", (3,)), (5, "kept", (5,))],
            {9: ("vanished", ())},
            id="one has no sessions left",
        ),
        pytest.param(
            [[50, 0], [0, 30], [1, 0]],
            [(3, "kept", (3,)), (5, "kept", (5,))],
            {9: ("vanished", ())},
            id="one has hardly any left, and is not said to be merged",
        ),
        pytest.param(
            [[40, 2, 8], [5, 20, 5], [4, 3, 13]],
            [(3, "kept", (3,)), (5, "kept", (5,)), (None, "new", (3, 9))],
            {9: ("scattered", (2,))},
            id="half of one is not that one any more",
        ),
    ],
)
def test_what_became_of_each_segment_is_told(
    table: list[list[int]],
    expected: list[tuple[int | None, str, tuple[int, ...]]],
    retired: dict[int, tuple[str, tuple[int, ...]]],
) -> None:
    found = matched(table)

    assert told(found) == expected
    assert dict(found.retired) == retired


def test_sessions_that_were_never_seen_are_a_new_segment_and_no_part_of_the_nearest() -> None:
    found = matched([[50, 0, 0, 0], [0, 30, 0, 0], [0, 0, 20, 0]], unusual=[2, 0, 0, 60])

    assert told(found) == [
        (3, "kept", (3,)),
        (5, "kept", (5,)),
        (9, "kept", (9,)),
        (None, "new", ()),
    ]


@pytest.mark.parametrize(
    ("kept", "sizes", "highest", "expected"),
    [
        # The largest of the new ones comes first.
        ({}, [10, 30, 20], 0, {1: 1, 2: 2, 0: 3}),
        ({0: 3, 1: 1}, [10, 30, 20], 3, {0: 3, 1: 1, 2: 4}),
        # Ids that were given before are not given again, whoever had them.
        ({0: 1}, [10, 30], 7, {0: 1, 1: 8}),
        # 9 would look as 1 does, so the next is taken.
        ({0: 1}, [10, 30], 8, {0: 1, 1: 10}),
        ({0: 1, 1: 2, 2: 3}, [9, 9, 9, 9], 8, {0: 1, 1: 2, 2: 3, 3: 12}),
        # With more segments than colours, the next one has to do.
        (dict(enumerate(range(1, 9))), [9] * 9, 8, dict(enumerate(range(1, 10)))),
    ],
)
def test_new_ids_are_above_all_earlier_ones_and_have_a_colour_of_their_own(
    kept: dict[int, int], sizes: list[int], highest: int, expected: dict[int, int]
) -> None:
    matches = tuple(
        Match(cluster, kept.get(cluster), "kept" if cluster in kept else "new", ())
        for cluster in range(len(sizes))
    )

    assert give_ids(Matching(matches, {}), sizes, highest, 8) == expected


@settings(deadline=None, derandomize=True, max_examples=200)
@given(
    st.integers(1, 6),
    st.integers(1, 6),
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.booleans()), max_size=60),
)
def test_whatever_happens_every_cluster_has_one_id_and_every_segment_one_fate(
    segments: int, clusters: int, sessions: list[tuple[int, int, bool]]
) -> None:
    rows = [(a % segments, b % clusters, c) for a, b, c in sessions]
    before, after = (np.array([row[place] for row in rows], dtype=int) for place in (0, 1))
    ids = list(range(11, 11 + segments))

    found = match(
        ids,
        before,
        after,
        clusters,
        unusual=np.array([row[2] for row in rows], dtype=bool),
        shares={},
    )

    kept = [one.kept for one in found.matches if one.kept is not None]
    assert len(kept) == len(set(kept))
    assert {*kept} | found.retired.keys() == set(ids)
    assert not {*kept} & found.retired.keys()
    given_ids = give_ids(found, np.bincount(after, minlength=clusters).tolist(), 20, 8)
    assert sorted(given_ids) == list(range(clusters))
    assert len(set(given_ids.values())) == clusters
    assert all(one in kept or one > 20 for one in given_ids.values())


def step(version: str, *ids: int) -> Step:
    return Step(
        version=version,
        based_on=None,
        segments=tuple(
            Descent(segment=one, segment_name="x", share=0.5, origin="first", came_from=())
            for one in ids
        ),
        retired=(),
    )


def test_a_lineage_knows_the_highest_id_also_of_models_that_were_refused() -> None:
    lineage = Lineage().with_step(step("a", 1, 2)).with_step(step("b", 1, 7)).with_step(step("c"))

    assert lineage.highest == 7
    assert lineage.without("b").highest == 2
    assert Lineage().highest == 0
    assert lineage.shares("b") == {1: 0.5, 7: 0.5}


def test_a_step_that_is_made_again_replaces_the_first() -> None:
    lineage = Lineage().with_step(step("a", 1)).with_step(step("b", 2)).with_step(step("a", 3))

    assert [one.version for one in lineage.steps] == ["b", "a"]
    assert lineage.highest == 3


def test_changes_are_told_in_words() -> None:
    def gone(segment: int, fate: str, *into: int) -> Retirement:
        return Retirement.model_validate(
            {"segment": segment, "segment_name": "x", "fate": fate, "into": into}
        )

    def born(segment: int, origin: str, *came_from: int) -> Descent:
        return Descent.model_validate(
            {
                "segment": segment,
                "segment_name": "x",
                "share": 0.1,
                "origin": origin,
                "came_from": came_from,
            }
        )

    changed = Step(
        version="b",
        based_on="a",
        segments=(born(1, "kept", 1), born(8, "split", 1), born(9, "new"), born(7, "split", 6)),
        retired=(
            gone(2, "merged", 10),
            gone(3, "vanished"),
            gone(4, "scattered", 1, 9),
            gone(5, "scattered"),
            gone(6, "split", 7, 11),
        ),
    )

    assert in_words(changed) == [
        "Segment 2 was merged into 10.",
        "Segment 3 has vanished: it has hardly any sessions left.",
        "Segment 4 is no more: its sessions went to 1 and 9.",
        "Segment 5 is no more: its sessions are spread over the others.",
        "Segment 6 was split into 7 and 11.",
        "Segment 8 was split off 1.",
        "Segment 9 is new.",
    ]
    assert listed([]) == ""

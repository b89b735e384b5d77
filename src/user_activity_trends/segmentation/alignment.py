"""Keep a segment's id while it is the same segment, whatever k-means calls it.

The segments of a new model are matched with those in use by the sessions that
both have, and what became of each is told as in MONIC (Spiliopoulou et al. 2006):
kept, split, merged, new or gone.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from user_activity_trends.segmentation.agreement import Labels, contingency

DISSOLVED = 0.5
"""Jaccard index up to which a segment is not the same any more (Hennig 2007)."""
MOST = 0.5
"""Share of a segment's sessions that is most of them."""
PART = 0.2
"""Share of a segment's sessions that is a part worth telling of."""
GONE = 0.1
"""Part of its former share of all sessions below which a segment is gone."""

Origin = Literal["first", "kept", "split", "merged", "new"]
Fate = Literal["split", "merged", "vanished", "scattered"]


class Descent(BaseModel):
    """Where one segment comes from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    segment: int
    segment_name: str
    share: float
    """Of the training sessions."""
    origin: Origin
    came_from: tuple[int, ...]
    """Segments in use before that it has sessions of; of one that was kept also itself."""


class Retirement(BaseModel):
    """What became of a segment that is no more."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    segment: int
    segment_name: str
    fate: Fate
    into: tuple[int, ...]
    """Segments that have its sessions now."""


class Step(BaseModel):
    """The segments of one model, and what they were made of."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str
    based_on: str | None
    """Version of the model in use when this one was trained; None: there was none."""
    segments: tuple[Descent, ...]
    retired: tuple[Retirement, ...]

    @property
    def given(self) -> set[int]:
        """The ids that it was first to give; of a first model none, as it counts from 1."""
        return {one.segment for one in self.segments if one.origin not in {"first", "kept"}}


class Lineage(BaseModel):
    """Which segment came from which, over all models ever trained."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: tuple[Step, ...] = ()

    def without(self, version: str) -> "Lineage":
        """Leave out one model's step, which is about to be made again."""
        return Lineage(steps=tuple(one for one in self.steps if one.version != version))

    def with_step(self, step: Step) -> "Lineage":
        """Add the step of a model; it replaces an earlier one of the same version."""
        return Lineage(steps=(*self.without(step.version).steps, step))

    @property
    def ids(self) -> set[int]:
        """All ids that any model ever had."""
        return {one.segment for step in self.steps for one in step.segments}

    @property
    def highest(self) -> int:
        """The highest of them; 0 if there are none."""
        return max(self.ids, default=0)

    def root(self, version: str) -> str:
        """Return the first model that a model goes back to, as far as it is known."""
        based_on = {one.version: one.based_on for one in self.steps}
        while (before := based_on.pop(version, None)) is not None:
            version = before
        return version

    def shares(self, version: str) -> dict[int, float]:
        """Return the share of the training sessions of each segment of a model."""
        return {
            one.segment: one.share
            for step in self.steps
            if step.version == version
            for one in step.segments
        }


@dataclass(frozen=True)
class Match:
    """What one new cluster is."""

    cluster: int
    kept: int | None
    """The segment that it is; None for one that gets a new id."""
    origin: Origin
    came_from: tuple[int, ...]


@dataclass(frozen=True)
class Matching:
    """What all clusters are, and which segments are no more."""

    matches: tuple[Match, ...]
    """By cluster."""
    retired: Mapping[int, tuple[Fate, tuple[int, ...]]]
    """Segment: what became of it, and the clusters that have its sessions."""


def match(  # noqa: PLR0913 (two partitions of the same sessions, and what is known of one)
    segments: Sequence[int],
    before: Labels,
    after: Labels,
    clusters: int,
    *,
    unusual: NDArray[np.bool_],
    shares: Mapping[int, float],
) -> Matching:
    """Match the clusters of a new model with the segments in use.

    The pairs are those with the largest Jaccard indices in sum (Kuhn 1955, as
    implemented by scipy). Sessions that are unusual to the model in use do not
    count as its own: a group that was never seen before is new, and no part of
    the segment that happens to be nearest.

    Args:
        segments: Ids of the segments in use.
        before: Place in ``segments`` of each session, as the model in use has it.
        after: Cluster of each session in the new model.
        clusters: Number of clusters of the new model.
        unusual: Whether each session is unusual to the model in use.
        shares: Share that each segment in use had when it was trained, as far as known.

    Returns:
        What each cluster is, and what became of each segment.
    """
    from scipy.optimize import linear_sum_assignment

    sizes = np.bincount(after, minlength=clusters)
    table = contingency(before[~unusual], after[~unusual], len(segments), clusters)
    rows, columns = table.sum(axis=1), table.sum(axis=0)
    jaccard = table / np.maximum(rows[:, None] + columns[None, :] - table, 1)
    # Pairs that are not the same any more must not outweigh one that is.
    jaccard[jaccard <= DISSOLVED] = 0
    strange = np.bincount(after[unusual], minlength=clusters) > MOST * sizes
    kept = {
        int(column): int(row)
        for row, column in zip(*linear_sum_assignment(-jaccard), strict=True)
        if jaccard[row, column] and not strange[column]
    }
    gone = {
        row
        for row, one in enumerate(segments)
        if row not in kept.values()
        and rows[row] <= GONE * shares.get(one, 0.0) * max(len(after), 1)
    }
    matches = []
    for cluster in range(clusters):
        own = table[:, cluster]
        poured = [row for row in range(len(segments)) if row not in gone and _most(own, rows, row)]
        parts = [row for row in range(len(segments)) if own[row] > PART * columns[cluster]]
        origin: Origin
        if cluster in kept:
            origin, sources = "kept", sorted({kept[cluster], *poured})
        elif strange[cluster]:
            origin, sources = "new", []
        elif len(poured) > 1:
            origin, sources = "merged", poured
        elif parts and own.max() > MOST * columns[cluster]:
            origin, sources = "split", [int(own.argmax())]
        else:
            origin, sources = "new", parts
        matches.append(
            Match(
                cluster=cluster,
                kept=segments[kept[cluster]] if cluster in kept else None,
                origin=origin,
                came_from=tuple(segments[row] for row in sources),
            )
        )
    retired: dict[int, tuple[Fate, tuple[int, ...]]] = {}
    for row, one in enumerate(segments):
        if row in kept.values():
            continue
        if row in gone:
            retired[one] = ("vanished", ())
            continue
        into = tuple(
            cluster for cluster in range(clusters) if table[row, cluster] > PART * rows[row]
        )
        retired[one] = (_fate(one, into, matches), into)
    return Matching(tuple(matches), retired)


def _most(own: NDArray[np.int64], rows: NDArray[np.int64], row: int) -> bool:
    return bool(rows[row] and own[row] > MOST * rows[row])


def _fate(segment: int, into: tuple[int, ...], matches: Sequence[Match]) -> Fate:
    joined = (matches[one] for one in into if matches[one].origin in {"kept", "merged"})
    if any(segment in one.came_from for one in joined):
        return "merged"
    if len(into) > 1 and all(matches[one].came_from == (segment,) for one in into):
        return "split"
    return "scattered"


def give_ids(
    matching: Matching, sizes: Sequence[int], highest: int, colours: int
) -> dict[int, int]:
    """Give each cluster the id of its segment; those that are no segment yet get new ones.

    A new id is above all earlier ones, so none is ever used again. The colour of
    a segment follows from its id, so the first is taken whose colour is free.

    Args:
        matching: What each cluster is.
        sizes: Sessions in each cluster.
        highest: The highest id ever given.
        colours: Number of colours; the colour of id n is number (n - 1) mod ``colours``.

    Returns:
        Cluster: id. Of new ones the largest gets the lowest.
    """
    ids = {one.cluster: one.kept for one in matching.matches if one.kept is not None}
    new = [one.cluster for one in matching.matches if one.kept is None]
    for cluster in sorted(new, key=lambda one: (-sizes[one], one)):
        highest = _next(highest, ids.values(), colours)
        ids[cluster] = highest
    return ids


def _next(highest: int, taken: Collection[int], colours: int) -> int:
    used = {(one - 1) % colours for one in taken}
    following = range(highest + 1, highest + 1 + colours)
    return next((one for one in following if (one - 1) % colours not in used), highest + 1)


def in_words(step: Step) -> list[str]:
    """Tell what became of the segments: one sentence a change, none for those that were kept.

    >>> in_words(Step(version="b", based_on="a", segments=(), retired=(
    ...     Retirement(segment=2, segment_name="x", fate="split", into=(4, 5)),)))
    ['Segment 2 was split into 4 and 5.']
    """
    told = []
    for gone in step.retired:
        into = listed(gone.into)
        told.append(
            f"Segment {gone.segment} "
            + {
                "split": f"was split into {into}.",
                "merged": f"was merged into {into}.",
                "vanished": "has vanished: it has hardly any sessions left.",
                "scattered": f"is no more: its sessions went to {into}."
                if into
                else "is no more: its sessions are spread over the others.",
            }[gone.fate]
        )
    retired = {one.segment for one in step.retired}
    for one in step.segments:
        parents = [parent for parent in one.came_from if parent not in retired]
        if one.origin == "split" and parents:
            told.append(f"Segment {one.segment} was split off {listed(parents)}.")
        elif one.origin == "new":
            told.append(f"Segment {one.segment} is new.")
    return told


def listed(numbers: Sequence[int]) -> str:
    """List segments in words.

    >>> listed([4, 5, 7])
    '4, 5 and 7'
    """
    *first, last = [str(one) for one in numbers] or [""]
    return f"{', '.join(first)} and {last}" if first else last

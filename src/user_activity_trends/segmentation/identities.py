"""Settle what the clusters of a new model are called, given the segments in use."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from user_activity_trends.segmentation import alignment
from user_activity_trends.segmentation.alignment import (
    Descent,
    Fate,
    Lineage,
    Match,
    Retirement,
    Step,
)
from user_activity_trends.segmentation.model import nearest
from user_activity_trends.segmentation.naming import (
    NamedClusters,
    Segment,
    SegmentIdentities,
    settle_names,
)
from user_activity_trends.segmentation.scorer import SegmentScorer


def identities_of(  # noqa: PLR0913, PLR0917 (two models, and what is known of both)
    named: NamedClusters,
    clusters: NDArray[np.intp],
    sessions: pd.DataFrame,
    champion: SegmentScorer | None,
    earlier: Lineage,
    version: str,
    given: Mapping[int, str],
    colours: Sequence[str],
) -> tuple[SegmentIdentities, Step]:
    """Settle id, name and colour of each cluster of a new model.

    Args:
        named: Its clusters, the largest first.
        clusters: Cluster of each training session in the new model.
        sessions: The same sessions in the same order, in their own units.
        champion: The model in use; None: there is none.
        earlier: All models so far.
        version: The new one's version.
        given: Names that the configuration gives, by segment.
        colours: The colours that segments have, by id.

    Returns:
        The identities, and the step from the segments in use to these.
    """
    sizes = [one.sessions for one in sorted(named.clusters, key=lambda one: one.cluster)]
    matching = _matching(clusters, sessions, champion, earlier, len(sizes))
    ids = alignment.give_ids(matching, sizes, earlier.highest, len(colours))
    before = {} if champion is None else {one.segment: one for one in champion.segments}
    names = settle_names(
        {ids[one.cluster]: one.name for one in named.clusters},
        {one: known.segment_name for one, known in before.items() if one in ids.values()},
        given,
    )
    origins = {one.cluster: one for one in matching.matches}
    ordered = sorted(ids, key=lambda cluster: ids[cluster])
    identities = SegmentIdentities(
        model=named.model,
        based_on=None if champion is None else champion.version,
        distance_limit=named.distance_limit,
        segments=tuple(
            Segment(
                cluster=cluster,
                segment=ids[cluster],
                segment_name=names[ids[cluster]],
                colour=colours[(ids[cluster] - 1) % len(colours)],
                origin=origins[cluster].origin,
                came_from=origins[cluster].came_from,
            )
            for cluster in ordered
        ),
    )
    step = Step(
        version=version,
        based_on=identities.based_on,
        segments=tuple(
            Descent(
                segment=one.segment,
                segment_name=one.segment_name,
                share=sizes[one.cluster] / sum(sizes),
                origin=one.origin,
                came_from=one.came_from,
            )
            for one in identities.segments
        ),
        retired=tuple(
            Retirement(
                segment=segment,
                segment_name=before[segment].segment_name,
                fate=fate,
                into=tuple(sorted(ids[cluster] for cluster in into)),
            )
            for segment, (fate, into) in sorted(matching.retired.items())
        ),
    )
    return identities, step


def _matching(
    clusters: NDArray[np.intp],
    sessions: pd.DataFrame,
    champion: SegmentScorer | None,
    earlier: Lineage,
    k: int,
) -> alignment.Matching:
    if champion is None:
        first = [Match(cluster, None, "first", ()) for cluster in range(k)]
        return alignment.Matching(tuple(first), {})
    if champion.lacking(sessions):
        # It cannot say whose segment a session is, so nothing is known to be the same.
        new = [Match(cluster, None, "new", ()) for cluster in range(k)]
        gone: tuple[Fate, tuple[int, ...]] = ("scattered", ())
        lost = dict.fromkeys((one.segment for one in champion.segments), gone)
        return alignment.Matching(tuple(new), lost)
    found = nearest(champion.scale(sessions), champion.centers)
    return alignment.match(
        champion.segment_of.tolist(),
        found.cluster,
        clusters,
        k,
        unusual=found.distance > champion.distance_limit,
        shares=earlier.shares(champion.version),
    )

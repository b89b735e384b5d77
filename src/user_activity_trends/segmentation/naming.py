"""Name segments after what sets them apart, and say what the raw clusters of a model are called."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, RootModel, model_validator

from user_activity_trends.segmentation.alignment import Origin
from user_activity_trends.segmentation.model import Matrix

UNUSUAL_QUANTILE = 0.999
"""A session farther from its centroid than this share of the training sessions is unusual."""

_NOTABLE, _STRONG = 0.2, 1.5
"""Standard deviations from the mean of all sessions from which a feature is worth a word,
and a strong word."""


class NamesParams(RootModel[dict[int, str]]):
    """Names to use instead of the automatic ones: segment number to name."""

    model_config = ConfigDict(frozen=True)

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        if len(set(self.root.values())) < len(self.root):
            msg = "two segments have the same name"
            raise ValueError(msg)
        return self


class NamedCluster(BaseModel):
    """One raw cluster of one model, before it is known which segment it is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cluster: int
    sessions: int
    name: str
    """After what sets it apart."""


class NamedClusters(BaseModel):
    """What the raw clusters of one model would be called if there had been no model before."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    """Fingerprint of the model."""
    distance_limit: float
    """Distance to the own centroid beyond which a session is unusual, in scaled units."""
    clusters: tuple[NamedCluster, ...]
    """The largest first (of equals, the lower raw cluster)."""


class Segment(BaseModel):
    """One segment of one model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cluster: int
    segment: int
    segment_name: str
    colour: str
    origin: Origin
    """What it is, seen from the model in use when this one was trained."""
    came_from: tuple[int, ...]
    """Segments of that model that it has sessions of."""


class SegmentIdentities(BaseModel):
    """What the raw clusters of one model are called."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    """Fingerprint of the model that these identities belong to."""
    based_on: str | None
    """Version of the model in use when this one was trained; None: there was none."""
    distance_limit: float
    """Distance to the own centroid beyond which a session is unusual, in scaled units."""
    segments: tuple[Segment, ...]
    """By ``segment``; of a first model 1 is the largest."""

    def label(self, clusters: NDArray[np.intp]) -> pd.DataFrame:
        """Translate raw clusters into columns ``segment`` and ``segment_name``."""
        ordered = sorted(self.segments, key=lambda one: one.cluster)
        return pd.DataFrame(
            {
                "segment": np.array([one.segment for one in ordered], dtype=np.int64)[clusters],
                "segment_name": pd.Series([one.segment_name for one in ordered], dtype="str")
                .iloc[clusters]
                .to_numpy(),
            }
        ).astype({"segment_name": "str"})


def name_clusters(
    model: str, clusters: NDArray[np.intp], distances: Matrix, scaled: pd.DataFrame
) -> NamedClusters:
    """Order the clusters of a model by size, and name them after what sets them apart.

    Args:
        model: Its fingerprint.
        clusters: Raw cluster of each training session.
        distances: Distance of each to its centroid, in scaled units.
        scaled: The features of each, in scaled units.

    Returns:
        All clusters, the largest first (of equals, the lower raw cluster).
    """
    sizes = np.bincount(clusters)
    order = np.argsort(-sizes, kind="stable")
    spread = scaled.std(ddof=0).replace(0, 1)
    standing = [
        ((scaled[clusters == cluster].mean() - scaled.mean()) / spread).to_dict()
        for cluster in order
    ]
    return NamedClusters(
        model=model,
        distance_limit=float(np.quantile(distances, UNUSUAL_QUANTILE)),
        clusters=tuple(
            NamedCluster(cluster=int(cluster), sessions=int(sizes[cluster]), name=name)
            for cluster, name in zip(order, name_all(standing), strict=True)
        ),
    )


def settle_names(
    automatic: Mapping[int, str], earlier: Mapping[int, str], given: Mapping[int, str]
) -> dict[int, str]:
    """Give each segment one name that no other has.

    Args:
        automatic: Segment: name after what sets it apart.
        earlier: Segment: name that it had in the model in use.
        given: Segment: name that the configuration gives it, which goes before all others.

    Returns:
        Segment: name.
    """
    names = {one: given.get(one, earlier.get(one, automatic[one])) for one in sorted(automatic)}
    for segment in sorted(names, key=lambda one: (one in earlier, one)):
        # Somebody, or an earlier model, may have given this name to another segment.
        while segment not in given and list(names.values()).count(names[segment]) > 1:
            names[segment] += f" ({segment})"
    return names


def name_all(standing: Sequence[Mapping[Any, float]]) -> list[str]:
    """Name segments so that no two have the same name.

    Args:
        standing: For each segment, how far the mean of each feature stands from
            the mean of all sessions, in standard deviations.

    Returns:
        Names such as ``High exit rates, low page values``: two features at
        first, and as many more as it takes to tell the segments apart.
    """
    described = [_describe(one) for one in standing]
    words = [min(2, len(phrases)) for phrases in described]
    while True:
        names = [", ".join(p[:n]).capitalize() for p, n in zip(described, words, strict=True)]
        alike = {i for i, name in enumerate(names) if names.count(name) > 1}
        longer = {i for i in alike if words[i] < len(described[i])}
        if not longer:
            break
        for i in longer:
            words[i] += 1
    numbered = [f"{name} ({i + 1})" if i in alike else name for i, name in enumerate(names)]
    for i in sorted(alike):
        # A column may be called so that even a number in brackets is taken.
        while numbered.count(numbered[i]) > 1:
            numbered[i] += f" ({i + 1})"
    return numbered


def _describe(standing: Mapping[Any, float]) -> list[str]:
    """Phrase what stands out, the most first."""
    phrases = []
    for column, score in sorted(standing.items(), key=lambda item: -abs(item[1])):
        if abs(score) >= _NOTABLE:
            strength = "very " if abs(score) >= _STRONG else ""
            direction = "high" if score > 0 else "low"
            phrases.append(f"{strength}{direction} {readable(str(column))}")
    return phrases or ["average in everything"]


def readable(column: str) -> str:
    """Turn a column's name into words: ``ProductRelated_Duration`` is product related duration."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|_+", " ", column).strip().lower()

"""Fit k-means once per candidate k, and record how good each partition is."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, model_validator

from user_activity_trends.errors import DegenerateDataError
from user_activity_trends.segmentation.fits import Partition, fit
from user_activity_trends.segmentation.model import Matrix
from user_activity_trends.segmentation.scores import measure
from user_activity_trends.segmentation.threads import small_fits


class SweepParams(BaseModel):
    """Cluster counts to try, and the seed that makes the trial repeatable."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    k_min: int = Field(ge=1)
    k_max: int = Field(ge=2)
    restarts: int = Field(ge=1, description="k-means++ starts per k; the tightest result counts")
    random_state: int = Field(ge=0, lt=2**32)

    @model_validator(mode="after")
    def _range_is_not_empty(self) -> Self:
        if self.k_min > self.k_max:
            msg = f"k_min = {self.k_min} is above k_max = {self.k_max}"
            raise ValueError(msg)
        return self


def candidate_counts(scaled: Matrix, k_min: int, k_max: int) -> range:
    """Return the cluster counts that the data allows.

    Args:
        scaled: Sessions in scaled units, shape (sessions, features).
        k_min: Smallest count asked for.
        k_max: Largest count asked for.

    Returns:
        ``k_min`` to ``k_max``, or to the number of distinct sessions if that is less.

    Raises:
        DegenerateDataError: There are fewer distinct sessions than ``k_min``, or only one.
    """
    distinct = len(np.unique(scaled, axis=0))
    if distinct < max(k_min, 2):
        msg = (
            f"the features have {distinct} distinct session{'s'[: distinct != 1]}, too few to "
            f"segment with clustering.sweep.k_min = {k_min}; give more sessions or other columns"
        )
        raise DegenerateDataError(msg)
    return range(k_min, min(k_max, distinct) + 1)


@dataclass(frozen=True)
class Sweep:
    """What the sweep found."""

    curve: pd.DataFrame
    """One row a k."""
    partitions: dict[int, Partition]
    """The tightest partition for each k, in the order of k."""


def sweep(scaled: Matrix, counts: Iterable[int], restarts: int, random_state: int) -> Sweep:
    """Fit k-means once per candidate k.

    Args:
        scaled: Sessions in scaled units, shape (sessions, features).
        counts: Cluster counts to try.
        restarts: k-means++ starts per k; the tightest result counts.
        random_state: Seed of the starts and of the silhouette's sample.

    Returns:
        A curve of one row a k, up to the last for which k-means can tell so many
        sessions apart: ``k``; ``sse``, the sum of squared distances to the
        nearest centroid in scaled units; ``silhouette``,
        ``davies_bouldin`` and ``calinski_harabasz``; and
        ``smallest_share``, the share of sessions in the smallest cluster. And
        the partitions themselves.

    Raises:
        DegenerateDataError: k-means cannot tell even the first number apart.
    """
    partitions: dict[int, Partition] = {}
    with small_fits():
        for k in counts:
            found = fit(scaled, k, restarts, random_state)
            if not found.sizes.all():
                break
            partitions[k] = found
    if not partitions:
        msg = (
            "the sessions differ by rounding only, too little to segment with "
            "clustering.sweep.k_min as it is; lower it, or give other columns"
        )
        raise DegenerateDataError(msg)
    scores = measure(scaled, [one.labels for one in partitions.values()], random_state)
    rows = [
        {"k": k, "sse": one.sse} | judged | {"smallest_share": float(one.sizes.min() / len(scaled))}
        for (k, one), judged in zip(partitions.items(), scores, strict=True)
    ]
    return Sweep(pd.DataFrame(rows), partitions)

"""Everything that speaks for or against each number of clusters, gathered in one place."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from user_activity_trends.segmentation.model import Matrix
from user_activity_trends.segmentation.references import permuted_curves
from user_activity_trends.segmentation.selection import collect_votes
from user_activity_trends.segmentation.stability import bootstrap, prediction_strength
from user_activity_trends.segmentation.sweep import Sweep

PERMUTED = ("sse", "silhouette", "davies_bouldin", "calinski_harabasz")


class Evidence(BaseModel):
    """What does not fit into one number a k."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    resamples: int
    sizes: dict[int, list[int]]
    """k: sessions in each cluster, the largest first."""
    jaccard: dict[int, list[float]]
    """k: mean Jaccard index of each cluster, the largest first; empty without resamples."""
    variance_shares: dict[str, float]
    """Feature: its share of the variance of the scaled features."""
    permuted_votes: list[dict[str, int | None]]
    """What each criterion says on each shuffled copy."""


def gather(
    scaled: Matrix, names: Sequence[str], swept: Sweep, resamples: int, random_state: int
) -> tuple[pd.DataFrame, Evidence]:
    """Put each partition to the test."""
    curve = swept.curve.set_index("k")
    counts = list(swept.partitions)
    orders = {k: np.argsort(-found.sizes, kind="stable") for k, found in swept.partitions.items()}
    if resamples:
        stable = bootstrap(scaled, swept.partitions, resamples, random_state)
        strength = prediction_strength(scaled, counts, random_state)
        permuted = permuted_curves(scaled, counts, random_state)
    else:
        stable, strength, permuted = {}, {}, []
    curve["stability_mean"] = pd.Series(
        {k: one.ari.mean() for k, one in stable.items()}, dtype=float
    )
    curve["stability_min"] = pd.Series({k: one.ari.min() for k, one in stable.items()}, dtype=float)
    curve["prediction_strength"] = pd.Series(strength, dtype=float)
    together = (
        pd.concat(permuted).groupby("k").mean() if permuted else pd.DataFrame(columns=PERMUTED)
    )
    for name in PERMUTED:
        curve[f"permuted_{name}"] = together[name].astype(float)
    spread = scaled.var(axis=0)
    gathered = Evidence(
        resamples=resamples,
        sizes={k: found.sizes[orders[k]].tolist() for k, found in swept.partitions.items()},
        jaccard={k: one.jaccard[orders[k]].tolist() for k, one in stable.items()},
        variance_shares=dict(zip(names, (spread / spread.sum()).tolist(), strict=True)),
        permuted_votes=[collect_votes(one) for one in permuted],
    )
    return curve.reset_index(), gathered

"""An input example for a model, made of the model alone: no session leaves its table."""

from typing import Any

import numpy as np
import pandas as pd


def centroids_in_own_units(model: Any) -> pd.DataFrame:
    """Return one typical session of each cluster.

    Args:
        model: A fitted ``Pipeline`` from raw features to a cluster.

    Returns:
        One row a cluster, in the clusters' order, with the raw features in their
        own units; the model puts each row into its own cluster.
    """
    steps = model.named_steps
    raw = steps["scale"].inverse_transform(steps["cluster"].cluster_centers_)
    if "transform" in steps:
        raw = np.expm1(raw)  # the only transform there is
    # The model takes gaps where it fills them, which integers could not have.
    return pd.DataFrame(raw, columns=list(model.feature_names_in_), dtype="float64")

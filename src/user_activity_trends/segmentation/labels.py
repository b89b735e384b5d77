"""Label sessions with a model and the names of its segments."""

from typing import Any

import numpy as np
import pandas as pd
from pydantic import ValidationError

from user_activity_trends.errors import ModelMismatchError
from user_activity_trends.segmentation.model import SegmentationModel, assign, fingerprint
from user_activity_trends.segmentation.naming import SegmentIdentities


def label(
    model: SegmentationModel, identities: dict[str, Any], sessions: pd.DataFrame
) -> pd.DataFrame:
    """Label sessions.

    Args:
        model: A fitted model.
        identities: ``segment_identities`` of the same training run.
        sessions: ``session_id`` and the model's features in their own units.

    Returns:
        ``session_id``, ``segment``, ``segment_name``, ``distance``, ``margin``,
        ``unusual`` (farther from its centroid than 99.9 % of the training sessions).

    Raises:
        ModelMismatchError: Model and identities come from different runs, or the
            sessions lack a column that the model takes.
    """
    try:
        known = SegmentIdentities.model_validate(identities)
    except ValidationError as error:
        msg = (
            "segment_identities is damaged or of another version of this project: "
            f"{error.error_count()} of its values are not as they must be; train again "
            "(kedro run --pipelines training)"
        )
        raise ModelMismatchError(msg) from error
    if known.model != fingerprint(model):
        msg = (
            f"segment_identities belong to model {known.model}, but segmentation_model is "
            f"{fingerprint(model)}: they come from different runs, perhaps because one was "
            "interrupted. Train again (kedro run --pipelines training), or load the same version "
            "of both (--load-versions)"
        )
        raise ModelMismatchError(msg)
    lacking = [str(name) for name in model.feature_names_in_ if name not in sessions.columns]
    if lacking:
        msg = (
            f"segmentation_model takes {', '.join(lacking)}, which the recipe in use lacks: "
            "it was trained with another one. Let a model of these columns take over (kedro run "
            "--params promotion.allow_new_segments=true), or choose its recipe (--params "
            "recipe=NAME)"
        )
        raise ModelMismatchError(msg)
    gaps = [name for name in model.feature_names_in_ if sessions[name].isna().any()]
    if gaps and "impute" not in model.named_steps:
        msg = (
            f"sessions have gaps in {', '.join(map(str, gaps))}, and the model in use was trained "
            "to reject them, so it fills none: it cannot label these. Set missing to reject "
            "again, or let a model that fills gaps take over (promotion.allow_new_segments)"
        )
        raise ModelMismatchError(msg)
    found = assign(model, sessions)
    return pd.concat(
        [
            sessions[["session_id"]].reset_index(drop=True),
            known.label(found.cluster),
            pd.DataFrame(
                {
                    "distance": found.distance,
                    "margin": found.margin,
                    "unusual": np.asarray(found.distance > known.distance_limit),
                }
            ),
        ],
        axis=1,
    )

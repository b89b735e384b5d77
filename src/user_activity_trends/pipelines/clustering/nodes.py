"""Nodes that choose k, train the model and name what it found."""

import logging
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from user_activity_trends.pipelines.clustering.params import (
    SelectionParams,
    StabilityParams,
    SweepParams,
)
from user_activity_trends.segmentation import choice, evidence, naming, scores, sweep
from user_activity_trends.segmentation import model as models
from user_activity_trends.segmentation.evidence import Evidence
from user_activity_trends.segmentation.model import Matrix, SegmentationModel
from user_activity_trends.segmentation.naming import NamesParams
from user_activity_trends.segmentation.scaling import FeatureScaler
from user_activity_trends.sessions.columns import ColumnsParams
from user_activity_trends.sessions.rules import SESSION_ID

logger = logging.getLogger(__name__)


def sweep_cluster_counts(
    scaled_features: pd.DataFrame, sweeping: SweepParams, testing: StabilityParams
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Fit k-means once per candidate ``k``, and put each partition to the test.

    Args:
        scaled_features: One scaled row per session, and its ``session_id``.
        sweeping: Candidate range, restarts and seed.
        testing: How far to go.

    Returns:
        The curve, ordered by ``k``: ``k``, ``sse`` (sum of squared distances to
        the nearest centroid, in scaled units), scores, ``smallest_share``,
        stability, prediction strength, and the means of the same scores on
        shuffled columns. And what does not fit into one number a ``k``.

    Raises:
        DegenerateDataError: There are fewer distinct sessions than ``k_min``.
    """
    scaled = _matrix(scaled_features)
    counts = sweep.candidate_counts(scaled, sweeping.k_min, sweeping.k_max)
    shown = tqdm(counts, desc="k-means for each k", unit="k", delay=2, disable=None, leave=False)
    swept = sweep.sweep(scaled, shown, sweeping.restarts, sweeping.random_state)
    last = max(swept.partitions)
    if last < sweeping.k_max:
        logger.warning(
            "the sweep stops at k = %d: %s (clustering.sweep.k_max = %d)",
            last,
            "there are no more distinct sessions"
            if last == counts[-1]
            else "k-means tells no more sessions apart, as the others differ by rounding only",
            sweeping.k_max,
        )
    names = [name for name in scaled_features.columns if name != SESSION_ID]
    curve, gathered = evidence.gather(
        scaled, names, swept, testing.resamples, sweeping.random_state
    )
    return curve, gathered.model_dump(mode="json")


def _matrix(table: pd.DataFrame) -> Matrix:
    return np.ascontiguousarray(table.drop(columns=SESSION_ID).to_numpy(dtype=np.float64))


def select_cluster_count(  # noqa: PLR0913, PLR0917 (one argument an input)
    elbow_curve: pd.DataFrame,
    cluster_evidence: dict[str, Any],
    valid_sessions: pd.DataFrame,
    columns: ColumnsParams,
    sweeping: SweepParams,
    selecting: SelectionParams,
) -> dict[str, Any]:
    """Choose the number of clusters and say why.

    Args:
        elbow_curve: The sweep's record, one row a ``k``.
        cluster_evidence: What the sweep found beside it.
        valid_sessions: The sessions, in their own units.
        columns: What their columns mean.
        sweeping: How the sweep was done.
        selecting: Who decides.

    Returns:
        See ``user_activity_trends.segmentation.choice.conclude``.

    Raises:
        NoElbowError: There is no elbow and no fallback.
        DegenerateDataError: The data does not allow the k that is configured.
    """
    concluded = choice.conclude(
        elbow_curve,
        Evidence.model_validate(cluster_evidence),
        selecting,
        sweeping.restarts,
        choice.Background(valid_sessions, columns.outcome, columns.period),
    )
    for caution in concluded["warnings"]:
        logger.warning("%s", caution["message"])
    return concluded


def train_model(
    scaled_features: pd.DataFrame,
    feature_scaler: dict[str, Any],
    cluster_choice: dict[str, Any],
    sweeping: SweepParams,
) -> SegmentationModel:
    """Fit the model with the k that was chosen.

    Args:
        scaled_features: One scaled row per session, and its ``session_id``.
        feature_scaler: The numbers with which they were scaled.
        cluster_choice: Carries ``k``.
        sweeping: Restarts and seed, the same as in the sweep.

    Returns:
        One scikit-learn ``Pipeline`` from raw features to a raw cluster.
    """
    return models.build_model(
        FeatureScaler.model_validate(feature_scaler),
        _matrix(scaled_features),
        cluster_choice["k"],
        sweeping.restarts,
        sweeping.random_state,
    )


def name_segments(
    segmentation_model: SegmentationModel, scaled_features: pd.DataFrame, names: NamesParams
) -> dict[str, Any]:
    """Number the clusters by size and name them after what sets them apart.

    Args:
        segmentation_model: The model.
        scaled_features: The sessions that it was trained on, scaled.
        names: Names to use instead of the automatic ones.

    Returns:
        ``model`` (its fingerprint), ``distance_limit`` (beyond which a session
        is unusual) and ``segments``: ``cluster``, ``segment``, ``segment_name``.
    """
    found = models.nearest(_matrix(scaled_features), models.centroids(segmentation_model))
    unknown = sorted(set(names.root) - set(range(1, len(np.unique(found.cluster)) + 1)))
    if unknown:
        logger.warning(
            "labelling.names has names for segments that do not exist: %s",
            ", ".join(map(str, unknown)),
        )
    identities = naming.identify(
        models.fingerprint(segmentation_model),
        found.cluster,
        found.distance,
        scaled_features.drop(columns=SESSION_ID),
        names.root,
    )
    return identities.model_dump(mode="json")


def evaluate_model(
    segmentation_model: SegmentationModel, scaled_features: pd.DataFrame, sweeping: SweepParams
) -> dict[str, Any]:
    """Measure the model on the sessions that it was trained on.

    Args:
        segmentation_model: The model.
        scaled_features: Those sessions, scaled.
        sweeping: Seed of the silhouette's sample.

    Returns:
        ``model`` (its fingerprint), ``k``, ``sessions``, ``sse`` in scaled
        units, ``silhouette``, ``davies_bouldin``, ``calinski_harabasz``; None
        where a score is not defined.
    """
    scaled = _matrix(scaled_features)
    found = models.nearest(scaled, models.centroids(segmentation_model))
    [measured] = scores.measure(scaled, [found.cluster], sweeping.random_state)
    return {
        "model": models.fingerprint(segmentation_model),
        "k": len(models.centroids(segmentation_model)),
        "sessions": len(scaled),
        "sse": float((found.distance**2).sum()),
    } | {name: None if np.isnan(score) else score for name, score in measured.items()}

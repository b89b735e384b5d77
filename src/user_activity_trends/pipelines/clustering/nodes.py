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
from user_activity_trends.segmentation import (
    cautions,
    evidence,
    naming,
    natural,
    references,
    scores,
    selection,
    stability,
    sweep,
    verdict,
)
from user_activity_trends.segmentation import model as models
from user_activity_trends.segmentation.cautions import Caution
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
        ``k``, ``method`` (that chose it), ``votes`` (the k of each criterion),
        ``candidates``, ``restarts``, ``resamples``, ``samples`` (sessions on which
        each thing was measured), ``references`` (tables without groups),
        ``thresholds`` (of natural groups), ``scores`` (with the highest
        ``reference_silhouette``, and the sessions' own one that is compared with
        it, of the same quick fit; and ``valley``, the share of sessions between
        the two clusters that are parted least), ``elbow_ranges``,
        ``permutations``, ``natural_groups`` (whether any k has them),
        ``natural_counts`` (those k), ``natural_at_k`` (whether the chosen k has
        them; None: not examined), ``warnings``, and ``verdict`` in words.

    Raises:
        NoElbowError: There is no elbow and no fallback.
        DegenerateDataError: The data does not allow the k that is configured.
    """
    known = Evidence.model_validate(cluster_evidence)
    counts = [int(k) for k in elbow_curve["k"]]
    votes = selection.collect_votes(elbow_curve)
    k, method = selection.choose(
        votes, counts, selecting.method, selecting.n_clusters, selecting.fallback
    )
    ranges = selection.elbow_ranges(elbow_curve)
    judged = natural.Natural(None)
    if known.resamples:
        judged = natural.judge(
            elbow_curve,
            known.own_silhouettes,
            known.reference_silhouettes,
            known.valleys,
            known.sizes,
            known.variance_shares,
        )
    elbows = [one["elbow"] for one in known.permuted_votes]
    by_k = elbow_curve.set_index("k")
    told = verdict.Findings(
        k=k,
        method=method,
        asked=selecting.method,
        votes=votes,
        counts=counts,
        elbow_ranges=ranges,
        resamples=known.resamples,
        permuted_elbows=elbows,
        stability={
            one: (by_k["stability_mean"][one], by_k["stability_min"][one]) for one in known.jaccard
        },
        natural=judged,
        references=sum(known.references.values()),
    )
    found = _cautions(by_k, known, {k} | _cast(votes), k) + _column_cautions(
        valid_sessions, list(known.variance_shares), columns
    )
    for caution in found:
        logger.warning("%s", caution.message)
    return {
        "k": k,
        "method": method,
        "votes": votes,
        "candidates": counts,
        "restarts": {
            "sweep": sweeping.restarts,
            "model": sweeping.restarts,
            "stability": stability.RESTARTS,
            "prediction_strength": stability.RESTARTS,
            "permutations": references.RESTARTS,
            "drawn_references": references.RESTARTS,
        },
        "resamples": known.resamples,
        "samples": known.samples,
        "references": known.references,
        "thresholds": {
            "silhouette_above_references": natural.CLEAR,
            "prediction_strength": natural.PREDICTABLE,
            "valley": natural.VALLEY,
        },
        "scores": [
            {name: None if np.isnan(value) else value for name, value in row.items()}
            | {
                "own_silhouette": known.own_silhouettes.get(int(row["k"])),
                "reference_silhouette": known.reference_silhouettes.get(int(row["k"])),
                "valley": known.valleys.get(int(row["k"])),
                "jaccard": known.jaccard.get(int(row["k"]), []),
            }
            for row in elbow_curve.to_dict("records")
        ],
        "elbow_ranges": ranges,
        "permutations": {
            "count": len(elbows),
            "elbows": elbows,
            "votes": {
                name: [one[name] for one in known.permuted_votes]
                for name in ("silhouette", "davies_bouldin", "calinski_harabasz")
            },
        },
        "natural_groups": None if judged.counts is None else bool(judged.counts),
        "natural_counts": judged.counts,
        "natural_at_k": None if judged.counts is None else k in judged.counts,
        "warnings": [caution.model_dump() for caution in found],
        "verdict": verdict.in_words(told),
    }


def _cast(votes: dict[str, int | None]) -> set[int]:
    return {k for k in votes.values() if k is not None}


def _cautions(by_k: pd.DataFrame, known: Evidence, asked: set[int], k: int) -> list[Caution]:
    return [
        *cautions.dominant_features(known.variance_shares),
        *cautions.tiny_segments(known.sizes[k]),
        *cautions.lopsided_scores(by_k["silhouette"], known.sizes, asked),
    ]


def _column_cautions(
    sessions: pd.DataFrame, names: list[str], columns: ColumnsParams
) -> list[Caution]:
    found: list[Caution] = []
    if columns.outcome:
        found += cautions.outcome_proxies(sessions[names], sessions[columns.outcome])
    if columns.period:
        found += cautions.calendar_artefacts(sessions[names], sessions[columns.period])
    return found


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

"""Nodes that choose k, train the model and name what it found."""

import logging
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from user_activity_trends.charts import palette
from user_activity_trends.lifecycle.context import RunContext
from user_activity_trends.lifecycle.in_use import ReigningChampion
from user_activity_trends.lifecycle.predecessor import Predecessor, follow
from user_activity_trends.lifecycle.record import DataFingerprint, ModelRecord, fingerprint_table
from user_activity_trends.locations import is_sample
from user_activity_trends.pipelines.clustering.params import (
    SelectionParams,
    StabilityParams,
    SweepParams,
)
from user_activity_trends.segmentation import (
    alignment,
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
from user_activity_trends.segmentation.identities import identities_of
from user_activity_trends.segmentation.model import Matrix, SegmentationModel
from user_activity_trends.segmentation.naming import NamesParams
from user_activity_trends.segmentation.scaling import FeatureScaler
from user_activity_trends.segmentation.scorer import SegmentScorer, anchor_of
from user_activity_trends.sessions.columns import ColumnsParams
from user_activity_trends.sessions.rules import SESSION_ID

logger = logging.getLogger(__name__)


def find_predecessor(
    reigning_champion: ReigningChampion, data_quality: dict[str, Any]
) -> dict[str, Any]:
    """Read which model is in use, once for the whole run.

    Args:
        reigning_champion: The model in use.
        data_quality: Names the file of the sessions.

    Returns:
        ``predecessor``; see ``lifecycle.predecessor.Predecessor``.
    """
    sample = is_sample(data_quality["file"])
    return follow(reigning_champion, sample=sample).model_dump(mode="json")


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
    feature_scaler: dict[str, Any],
    predecessor: dict[str, Any],
) -> dict[str, Any]:
    """Choose the number of clusters and say why.

    Args:
        elbow_curve: The sweep's record, one row a ``k``.
        cluster_evidence: What the sweep found beside it.
        valid_sessions: The sessions, in their own units.
        columns: What their columns mean.
        sweeping: How the sweep was done.
        selecting: Who decides.
        feature_scaler: The columns and their scaling.
        predecessor: The model in use, whose k is kept if ``selecting`` says so and the
            columns are the same.

    Returns:
        ``k``, ``method`` (that chose it; ``champion``: the model in use has as many),
        ``votes`` (the k of each criterion), ``candidates``, ``restarts``,
        ``resamples``, ``samples`` (sessions on which each thing was measured),
        ``references`` (tables without groups),
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
    kept = _kept_k(
        selecting,
        counts,
        FeatureScaler.model_validate(feature_scaler),
        Predecessor.model_validate(predecessor).scorer,
    )
    k, method = kept or selection.choose(
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


def _kept_k(
    selecting: SelectionParams,
    counts: list[int],
    scaler: FeatureScaler,
    in_use: SegmentScorer | None,
) -> tuple[int, selection.ChosenBy] | None:
    """Return the k of the model in use, unless somebody has fixed another one."""
    if not selecting.keep_k or selecting.method == "fixed" or in_use is None:
        return None
    k = len(in_use.segments)
    return (k, "champion") if in_use.takes(scaler) and k in counts else None


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


def train_model(  # noqa: PLR0913, PLR0917 (one argument an input)
    scaled_features: pd.DataFrame,
    feature_scaler: dict[str, Any],
    cluster_choice: dict[str, Any],
    sweeping: SweepParams,
    continuity: float,
    predecessor: dict[str, Any],
) -> SegmentationModel:
    """Fit the model with the k that was chosen.

    Args:
        scaled_features: One scaled row per session, and its ``session_id``.
        feature_scaler: The numbers with which they were scaled.
        cluster_choice: Carries ``k``.
        sweeping: Restarts and seed, the same as in the sweep.
        continuity: Share of the sum of squared errors that it may cost to go on
            from the segments in use.
        predecessor: The model in use; the new one goes on from it if it has as many
            segments, of the same columns.

    Returns:
        One scikit-learn ``Pipeline`` from raw features to a raw cluster.
    """
    scaler = FeatureScaler.model_validate(feature_scaler)
    return models.build_model(
        scaler,
        _matrix(scaled_features),
        cluster_choice["k"],
        sweeping.restarts,
        sweeping.random_state,
        anchor_of(
            Predecessor.model_validate(predecessor).scorer,
            scaler,
            cluster_choice["k"],
            continuity,
        ),
    )


def name_segments(
    segmentation_model: SegmentationModel, scaled_features: pd.DataFrame
) -> dict[str, Any]:
    """Order the clusters by size and name them after what sets them apart.

    Args:
        segmentation_model: The model.
        scaled_features: The sessions that it was trained on, scaled.

    Returns:
        ``model`` (its fingerprint), ``distance_limit`` (beyond which a session
        is unusual) and ``clusters``: ``cluster``, ``sessions``, ``name``.
    """
    found = models.nearest(_matrix(scaled_features), models.centroids(segmentation_model))
    return naming.name_clusters(
        models.fingerprint(segmentation_model),
        found.cluster,
        found.distance,
        scaled_features.drop(columns=SESSION_ID),
    ).model_dump(mode="json")


def align_segments(  # noqa: PLR0913, PLR0917 (one argument an input)
    segmentation_model: SegmentationModel,
    named_clusters: dict[str, Any],
    scaled_features: pd.DataFrame,
    valid_sessions: pd.DataFrame,
    predecessor: dict[str, Any],
    earlier_lineage: dict[str, Any],
    run_context: RunContext,
    names: NamesParams,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Find the segments in use again, so that they keep id, name and colour.

    Args:
        segmentation_model: The new model.
        named_clusters: Its clusters by size, with automatic names.
        scaled_features: The sessions that it was trained on, scaled.
        valid_sessions: The sessions in their own units.
        predecessor: The model in use.
        earlier_lineage: Which segment came from which, over all models so far.
        run_context: Names the version of the new model.
        names: Names to use instead of the automatic ones, by segment.

    Returns:
        ``segment_identities``: ``model`` (fingerprint), ``based_on``,
        ``distance_limit``, and ``segments``: ``cluster``, ``segment``,
        ``segment_name``, ``colour``, ``origin``, ``came_from``. And
        ``segment_lineage`` with the step of this model added.
    """
    centers = models.centroids(segmentation_model)
    clusters = models.nearest(_matrix(scaled_features), centers).cluster
    known = Predecessor.model_validate(predecessor)
    lineage = alignment.Lineage()  # that of the sample has nothing to do with one's own sessions
    if known.champion is None or known.scorer is not None:
        lineage = alignment.Lineage.model_validate(earlier_lineage).without(run_context.version)
    identities, step = identities_of(
        naming.NamedClusters.model_validate(named_clusters),
        clusters,
        scaled_features[[SESSION_ID]].merge(valid_sessions, on=SESSION_ID),
        known.scorer,
        lineage,
        run_context.version,
        names.root,
        palette.COLOURS,
    )
    unknown = sorted(set(names.root) - {one.segment for one in identities.segments})
    if unknown:
        logger.warning(
            "labelling.names has names for segments that do not exist: %s",
            ", ".join(map(str, unknown)),
        )
    for told in alignment.in_words(step):
        logger.warning("%s", told)
    return identities.model_dump(mode="json"), alignment.Lineage(steps=(step,)).model_dump(
        mode="json"
    )


def export_scorer(
    segmentation_model: SegmentationModel,
    feature_scaler: dict[str, Any],
    segment_identities: dict[str, Any],
    run_context: RunContext,
) -> dict[str, Any]:
    """Write the model as numbers, for whoever scores without Python or without a pickle.

    Args:
        segmentation_model: The model.
        feature_scaler: The numbers with which its features are scaled.
        segment_identities: What its clusters are called.
        run_context: Names its version.

    Returns:
        ``segment_scorer``; see ``docs/segment_scorer.schema.json``.
    """
    return SegmentScorer.build(
        run_context.version,
        FeatureScaler.model_validate(feature_scaler),
        models.centroids(segmentation_model),
        naming.SegmentIdentities.model_validate(segment_identities),
    ).model_dump(mode="json")


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


def record_model(  # noqa: PLR0913 (one argument an input)
    *,
    segmentation_model: SegmentationModel,
    segment_identities: dict[str, Any],
    training_metrics: dict[str, Any],
    cluster_choice: dict[str, Any],
    elbow_curve: pd.DataFrame,
    scaled_features: pd.DataFrame,
    session_features: pd.DataFrame,
    data_quality: dict[str, Any],
    feature_scaler: dict[str, Any],
    parameters: dict[str, Any],
    recipe: str,
    run_context: RunContext,
) -> dict[str, Any]:
    """Write down what the model was made of.

    Args:
        segmentation_model: The model.
        segment_identities: Names the model in use at the time.
        training_metrics: How tight it is.
        cluster_choice: How its k was chosen.
        elbow_curve: The scores of each k.
        scaled_features: The sessions that it was trained on, scaled.
        session_features: All sessions' features, in their own units.
        data_quality: Names the file.
        feature_scaler: The columns and their scaling.
        parameters: All parameters of the run.
        recipe: Name of the recipe.
        run_context: Version, time, packages, code.

    Returns:
        ``model_record``; see ``lifecycle.record.ModelRecord``.
    """
    scaler = FeatureScaler.model_validate(feature_scaler)
    trained = session_features[session_features[SESSION_ID].isin(scaled_features[SESSION_ID])]
    return ModelRecord(
        version=run_context.version,
        model=models.fingerprint(segmentation_model),
        trained=run_context.started,
        recipe=recipe,
        based_on=segment_identities["based_on"],
        continued=models.is_continued(segmentation_model),
        data=DataFingerprint(
            file=data_quality["file"],
            sample=is_sample(data_quality["file"]),
            rows=len(trained),
            columns=tuple(scaler.columns),
            sha256=fingerprint_table(trained[scaler.columns]),
        ),
        parameters=parameters,
        packages=run_context.packages,
        git=run_context.git,
        metrics=training_metrics,
        scores=tuple(
            {name: None if pd.isna(value) else value for name, value in row.items()}
            for row in elbow_curve.to_dict("records")
        ),
        cluster_choice=cluster_choice,
    ).model_dump(mode="json")

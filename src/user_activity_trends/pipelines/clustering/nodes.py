"""Nodes that choose k, train the model and name what it found."""

import logging
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from user_activity_trends.charts import palette
from user_activity_trends.errors import ChampionError, ModelMismatchError
from user_activity_trends.lifecycle.context import RunContext
from user_activity_trends.lifecycle.in_use import ReigningChampion
from user_activity_trends.lifecycle.predecessor import Predecessor, follow
from user_activity_trends.lifecycle.record import (
    DataFingerprint,
    ModelRecord,
    check_source,
    fingerprint_table,
)
from user_activity_trends.locations import is_sample
from user_activity_trends.pipelines.clustering.params import (
    SelectionParams,
    StabilityParams,
    SweepParams,
)
from user_activity_trends.segmentation import alignment, choice, evidence, naming, scores, sweep
from user_activity_trends.segmentation import model as models
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
    reigning_champion: ReigningChampion,
    data_quality: dict[str, Any],
    valid_sessions: pd.DataFrame,
    earlier_lineage: dict[str, Any],
    feature_scaler: dict[str, Any],  # noqa: ARG001 (Kedro orders nodes by their inputs only)
) -> dict[str, Any]:
    """Read which model is in use, once for the whole run.

    Args:
        reigning_champion: The model in use.
        data_quality: Names the file of the sessions.
        valid_sessions: The sessions.
        earlier_lineage: Which segment came from which, over all models so far.
        feature_scaler: Not used: a run whose sessions are refused writes nothing of a model.

    Returns:
        ``predecessor``; see ``lifecycle.predecessor.Predecessor``.

    Raises:
        ModelMismatchError: The sessions are of another file, or the lineage does not
            know the model in use.
    """
    check_source(data_quality, valid_sessions)
    followed = follow(reigning_champion, sample=is_sample(data_quality["file"]))
    known = alignment.Lineage.model_validate(earlier_lineage)
    if followed.scorer is not None and not known.shares(followed.scorer.version):
        msg = (
            f"segment_lineage knows nothing of {followed.scorer.version}, the model in use; "
            "restore it: it says which ids were used, so that none is used again. Without a copy, "
            "begin anew in another DATA_ROOT"
        )
        raise ModelMismatchError(msg)
    return followed.model_dump(mode="json")


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
        See ``user_activity_trends.segmentation.choice.conclude``.

    Raises:
        NoElbowError: There is no elbow and no fallback.
        DegenerateDataError: The data does not allow the k that is configured.
    """
    following = Predecessor.model_validate(predecessor).scorer
    concluded = choice.conclude(
        elbow_curve,
        Evidence.model_validate(cluster_evidence),
        selecting,
        sweeping.restarts,
        choice.Background(valid_sessions, columns.outcome, columns.period),
        kept_k=_kept_k(selecting, following, FeatureScaler.model_validate(feature_scaler)),
    )
    for caution in concluded["warnings"]:
        logger.warning("%s", caution["message"])
    return concluded


def _kept_k(
    selecting: SelectionParams, in_use: SegmentScorer | None, scaler: FeatureScaler
) -> int | None:
    """Return the k of the model in use, if it is to be kept and the columns are the same."""
    if not selecting.keep_k or in_use is None or not in_use.takes(scaler):
        return None
    return len(in_use.segments)


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

    Raises:
        ChampionError: The run was run before, and its model is in use.
    """
    scaler = FeatureScaler.model_validate(feature_scaler)
    known = Predecessor.model_validate(predecessor)
    model = models.build_model(
        scaler,
        _matrix(scaled_features),
        cluster_choice["k"],
        sweeping.restarts,
        sweeping.random_state,
        anchor_of(
            known.scorer,
            scaler,
            cluster_choice["k"],
            continuity,
        ),
    )
    if known.own_model not in {None, models.fingerprint(model)}:
        msg = (
            "this run was run before and has put its model in use, and now, from other sessions or "
            "settings, it would replace that by another under the same version. Start a new run"
        )
        raise ChampionError(msg)
    return model


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
    lineage = alignment.Lineage()  # what was never in use, or of the sample, has taken no ids
    own = known.champion is not None and known.champion.had_own_sessions
    if known.scorer is not None or own:
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
        logger.warning("in the new model: %s", told)
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
    feature_scaler: dict[str, Any],
    data_quality: dict[str, Any],
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
        feature_scaler: The columns and their scaling.
        data_quality: Names the file of the sessions.
        recipe: Name of the recipe.
        run_context: Version, time, parameters, packages, code.

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
        parameters=run_context.parameters,
        packages=run_context.packages,
        git=run_context.git,
        metrics=training_metrics,
        scores=tuple(
            {name: None if pd.isna(value) else value for name, value in row.items()}
            for row in elbow_curve.to_dict("records")
        ),
        cluster_choice=cluster_choice,
    ).model_dump(mode="json")

"""Nodes that compare a new model with the one in use, and put it in its place."""

import logging
from typing import Any

import numpy as np
import pandas as pd

from user_activity_trends.errors import ModelMismatchError, PromotionRefusedError
from user_activity_trends.lifecycle import context, judgement
from user_activity_trends.lifecycle.champion import Champion, Reign
from user_activity_trends.lifecycle.predecessor import Predecessor
from user_activity_trends.lifecycle.record import ModelRecord, check_source, fingerprint_table
from user_activity_trends.pipelines.promotion.params import PromotionParams
from user_activity_trends.segmentation import model as models
from user_activity_trends.segmentation.model import SegmentationModel
from user_activity_trends.segmentation.scorer import SegmentScorer
from user_activity_trends.sessions import holdout
from user_activity_trends.sessions.columns import ColumnsParams
from user_activity_trends.sessions.rules import SESSION_ID

logger = logging.getLogger(__name__)

_EXACT = 1e-9
"""Difference between the distances of scorer and model that is nothing but rounding."""


def compare_with_champion(  # noqa: PLR0913 (one argument an input)
    *,
    segmentation_model: SegmentationModel,
    segment_identities: dict[str, Any],
    segment_scorer: dict[str, Any],
    model_record: dict[str, Any],
    predecessor: dict[str, Any],
    valid_sessions: pd.DataFrame,
    scaled_features: pd.DataFrame,
    data_quality: dict[str, Any],
    promoting: PromotionParams,
    columns: ColumnsParams,
    resamples: int,
    continuity: float,
    random_state: int,
) -> dict[str, Any]:
    """Put the new model before the gates.

    Args:
        segmentation_model: The new model.
        segment_identities: What its clusters are called.
        segment_scorer: The same model as numbers.
        model_record: What it was made of.
        predecessor: The model in use.
        valid_sessions: All sessions, in their own units, with their outcome.
        scaled_features: The sessions that it was trained on.
        data_quality: How many rows were refused.
        promoting: On which sessions, and the gates.
        columns: Which columns are outcome and period.
        resamples: Bootstrap samples.
        continuity: What it may cost to go on from the segments in use.
        random_state: Seed.

    Returns:
        ``promotion_report``: ``evaluation`` (on which sessions), and what
        ``lifecycle.judgement.judge`` says.

    Raises:
        ModelMismatchError: Model, identities, scorer, record and sessions are not of one run.
    """
    record = ModelRecord.model_validate(model_record)
    scorer = SegmentScorer.model_validate(segment_scorer)
    trained = valid_sessions[SESSION_ID].isin(scaled_features[SESSION_ID])
    followed = Predecessor.model_validate(predecessor)
    _check_run(record, followed, valid_sessions[trained])
    check_source(data_quality, valid_sessions)
    _check_kinship(segmentation_model, segment_identities, scorer, record, valid_sessions)
    in_sample = bool(trained.all())
    judged = valid_sessions if in_sample else valid_sessions[~trained].reset_index(drop=True)
    refused, accepted = data_quality["rows_rejected"], data_quality["rows_accepted"]
    report = judgement.judge(
        record,
        scorer,
        followed,
        judged,
        judged[columns.outcome].to_numpy(dtype=np.bool_) if columns.outcome else None,
        rejected=refused / (refused + accepted),
        limits=promoting.gates,
        allow_new_segments=promoting.allow_new_segments,
        resamples=resamples,
        continuity=continuity,
        random_state=random_state,
    )
    told = holdout.in_words(promoting.evaluation_rows, len(judged), columns, in_sample=in_sample)
    return {"evaluation": {"rows": len(judged), "in_sample": in_sample, "in_words": told}} | report


def _check_run(record: ModelRecord, predecessor: Predecessor, trained: pd.DataFrame) -> None:
    """See that what has no version is still of the run that trained this model."""
    columns, based_on = list(record.data.columns), predecessor.scorer and predecessor.scorer.version
    same = {*columns} <= {*trained} and fingerprint_table(trained[columns]) == record.data.sha256
    for others, right in (
        ("valid_sessions and scaled_features are", same),
        ("predecessor is", based_on == record.based_on),
    ):
        if not right:
            msg = (
                f"{others} not what model {record.version} was trained with: another run has "
                "replaced that. The model in use stays; train again (kedro run --pipelines "
                "training)"
            )
            raise ModelMismatchError(msg)


def _check_kinship(
    model: SegmentationModel,
    identities: dict[str, Any],
    scorer: SegmentScorer,
    record: ModelRecord,
    sessions: pd.DataFrame,
) -> None:
    """See that all that belongs to a model is of that model, and labels alike."""
    own = models.fingerprint(model)
    for name, found in (
        ("segment_identities", identities["model"]),
        ("segment_scorer", scorer.model),
        ("model_record", record.model),
    ):
        if found != own:
            msg = (
                f"{name} belongs to model {found}, but segmentation_model is {own}: they come from "
                "different runs, perhaps because one was interrupted. The model in use stays; "
                "train again (kedro run --pipelines training)"
            )
            raise ModelMismatchError(msg)
    if scorer.version != record.version:
        msg = (
            f"segment_scorer is of version {scorer.version}, but model_record of {record.version}; "
            "the model in use stays; train again (kedro run --pipelines training)"
        )
        raise ModelMismatchError(msg)
    expected, found_by = models.assign(model, sessions), scorer.score(sessions)
    named = {one["cluster"]: one["segment"] for one in identities["segments"]}
    segments = np.array([named[cluster] for cluster in range(len(named))])[expected.cluster]
    other = scorer.segment_of[found_by.cluster] != segments
    off = np.abs(expected.distance - found_by.distance).max(initial=0.0)
    if other.any() or off > _EXACT:
        msg = (
            f"segment_scorer of version {record.version} does not label as segmentation_model "
            f"does: {int(other.sum())} of {len(sessions)} sessions have another segment, distances "
            f"differ by up to {off:.3g}. The model in use stays; train again (kedro run "
            "--pipelines training)"
        )
        raise ModelMismatchError(msg)


def promote_model(
    promotion_report: dict[str, Any], model_record: dict[str, Any], predecessor: dict[str, Any]
) -> dict[str, Any]:
    """Put the new model in use if it has passed all gates.

    Args:
        promotion_report: What the gates say.
        model_record: The new model.
        predecessor: The model in use when the new one was trained.

    Returns:
        ``champion``: as it was, if the model was refused.

    Raises:
        PromotionRefusedError: The model was refused, and none was in use before but, perhaps,
            that of the sample.
    """
    followed = Predecessor.model_validate(predecessor)
    champion = followed.champion
    if promotion_report["decision"] == "refused":
        if champion is None or followed.scorer is None:
            msg = (
                f"{promotion_report['in_words']} There is no other to go on with, so nothing is "
                "labelled or scored. The gates are promotion.gates in parameters_promotion.yml; "
                "change the sessions or the gates, or put the model in use all the same: kedro "
                "models promote "
                f"{promotion_report['candidate']} --force --recipe {model_record['recipe']}"
            )
            raise PromotionRefusedError(msg)
        logger.warning("%s", promotion_report["in_words"])
        return champion.model_dump(mode="json")
    logger.info("%s", promotion_report["in_words"])
    reign = Reign(
        version=model_record["version"],
        model=model_record["model"],
        since=context.now(),
        how="promoted",
        why=promotion_report["in_words"],
        sample=model_record["data"]["sample"],
    )
    new = Champion.first(reign) if champion is None else champion.succeeded_by(reign)
    return new.model_dump(mode="json")

"""The model that a new one follows: the one in use when training began."""

from pydantic import BaseModel, ConfigDict

from user_activity_trends.lifecycle.champion import Champion
from user_activity_trends.lifecycle.in_use import ReigningChampion
from user_activity_trends.segmentation.scorer import SegmentScorer


class Predecessor(BaseModel):
    """What a run knows of the model in use; read once, so that all of the run sees the same."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    champion: Champion | None
    """What ``champion`` said; None: no model was in use."""
    scorer: SegmentScorer | None
    """The model to go on from; None if there is none, or none that the new one follows."""
    rows: int | None
    """Sessions that it was trained on."""
    mean_square: float | None
    """Mean squared distance of these to their centroids, in its scaled units."""
    only_a_sample: bool
    """Whether the new sessions are the embedded sample, but those of the model in use are not."""
    own_model: str | None
    """Fingerprint of the model that this run has put in use before, if it is run again."""


def follow(reigning: ReigningChampion, *, sample: bool) -> Predecessor:
    """Decide what a new model has to go on from.

    Args:
        reigning: The model in use.
        sample: Whether the new sessions are the embedded sample.

    Returns:
        The model in use; but the first model of one's own sessions has nothing to
        do with that of the sample, and is judged as the first of all.
    """
    champion, scorer, record = reigning.champion, reigning.scorer, reigning.record
    if champion is None or scorer is None or record is None or (record.data.sample and not sample):
        return Predecessor(
            champion=champion,
            scorer=None,
            rows=None,
            mean_square=None,
            only_a_sample=False,
            own_model=reigning.own_model,
        )
    return Predecessor(
        champion=champion,
        scorer=scorer,
        rows=record.data.rows,
        mean_square=record.metrics["sse"] / record.data.rows,
        only_a_sample=sample and not record.data.sample,
        own_model=reigning.own_model,
    )

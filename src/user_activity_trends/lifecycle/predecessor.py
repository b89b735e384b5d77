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


def follow(reigning: ReigningChampion, *, sample: bool) -> Predecessor:
    """Decide what a new model has to go on from.

    Args:
        reigning: The model in use.
        sample: Whether the new sessions are the embedded sample.

    Returns:
        The model in use; but the first model of one's own sessions has nothing to
        do with that of the sample, and is judged as the first of all.
    """
    if reigning.champion is None or reigning.scorer is None or reigning.record is None:
        return Predecessor(
            champion=None, scorer=None, rows=None, mean_square=None, only_a_sample=False
        )
    of_sample = reigning.record.data.sample
    if of_sample and not sample:
        return Predecessor(
            champion=reigning.champion,
            scorer=None,
            rows=None,
            mean_square=None,
            only_a_sample=False,
        )
    return Predecessor(
        champion=reigning.champion,
        scorer=reigning.scorer,
        rows=reigning.record.data.rows,
        mean_square=reigning.record.metrics["sse"] / reigning.record.data.rows,
        only_a_sample=sample and not of_sample,
    )

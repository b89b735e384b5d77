"""Whether a new model may take over: each gate has a figure, a limit and a verdict."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class GatesParams(BaseModel):
    """What a new model must keep to before it takes over."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    minimum_jaccard: float = Field(ge=0, le=1)
    smallest_share: float = Field(ge=0, le=1)
    silhouette_loss: float = Field(ge=0, le=2)
    adjusted_rand: float = Field(ge=-1, le=1)
    minimum_rows: int = Field(ge=1)
    minimum_rows_share: float = Field(ge=0)
    outlier_share: float = Field(ge=0, le=1)
    distance_rise: float = Field(ge=0)
    rejected_share: float = Field(ge=0, le=1)


class Gate(BaseModel):
    """One gate, and how the new model stands before it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    gate: str
    figure: float | None
    """None: it was not measured, and then the gate is not asked."""
    limit: float
    passed: bool
    in_words: str


def judge(  # noqa: PLR0913 (two models, how far they agree, and the limits)
    limits: GatesParams,
    candidate: Mapping[str, Any],
    champion: Mapping[str, Any] | None,
    agreement: float | None,
    rows: Mapping[str, int | None],
    *,
    rejected: float,
    allow_new_segments: bool,
) -> list[Gate]:
    """Put a new model before the gates.

    Args:
        limits: What it must keep to.
        candidate: What ``challenge.measure`` says of it, ``minimum_jaccard`` (of
            fresh resamples; None: not measured) and ``retraining_jaccard`` (of
            resamples that go on from it; None for a model that was made afresh).
        champion: The same of the model in use; None: there is none.
        agreement: Adjusted Rand index between the two.
        rows: Sessions that each was trained on: ``candidate``, and ``champion`` or None.
        rejected: Share of the rows of the file that were refused.
        allow_new_segments: Whether segments may change.

    Returns:
        The absolute gates, then those that compare with the model in use.
    """
    floor, trained = limits.minimum_rows, rows["candidate"] or 0
    told = f"it was trained on {trained:,} sessions, and at least {floor:,} are asked"
    if rows["champion"]:
        relative = limits.minimum_rows_share * rows["champion"]
        if relative > floor:
            floor = round(relative)
            told = (
                f"it was trained on {trained:,} sessions, and at least {floor:,} are asked "
                f"({limits.minimum_rows_share:.0%} of the {rows['champion']:,} that the model in "
                "use was trained on)"
            )
    fresh, again = candidate["minimum_jaccard"], candidate["retraining_jaccard"]
    # What a retraining would bring back is what the next model will be like.
    jaccard, smallest = fresh if again is None else again, candidate["smallest_share"]
    found = [
        Gate(
            gate="minimum_rows",
            figure=trained,
            limit=floor,
            passed=trained >= floor,
            in_words=told,
        ),
        Gate(
            gate="rejected_share",
            figure=rejected,
            limit=limits.rejected_share,
            passed=rejected <= limits.rejected_share,
            in_words=f"{rejected:.1%} of the rows were refused, and at most "
            f"{limits.rejected_share:.1%} are allowed",
        ),
        Gate(
            gate="smallest_share",
            figure=smallest,
            limit=limits.smallest_share,
            passed=smallest >= limits.smallest_share,
            in_words=f"the smallest segment has {smallest:.1%} of the sessions, and at least "
            f"{limits.smallest_share:.1%} are asked",
        ),
        Gate(
            gate="minimum_jaccard",
            figure=jaccard,
            limit=limits.minimum_jaccard,
            passed=jaccard is None or jaccard >= limits.minimum_jaccard,
            in_words=_about_stability(fresh, again, limits.minimum_jaccard),
        ),
    ]
    if champion is None or agreement is None:
        return found
    outliers = champion["outlier_share"]
    found.append(
        Gate(
            gate="outlier_share",
            figure=outliers,
            limit=limits.outlier_share,
            passed=outliers <= limits.outlier_share,
            in_words=f"{outliers:.2%} of the sessions are unusual to the model in use, and at most "
            f"{limits.outlier_share:.2%} are allowed",
        )
    )
    rise = champion["distance_rise"]
    found.append(
        Gate(
            gate="distance_rise",
            figure=rise,
            limit=limits.distance_rise,
            passed=rise is None or rise <= limits.distance_rise,
            in_words="the model in use left no distance between sessions and centres"
            if rise is None
            else f"the sessions lie {rise:+.1%} farther from the centres in use than those that it "
            f"was trained on (mean squared distance), and at most {limits.distance_rise:+.0%} is "
            "allowed",
        )
    )
    one, other = candidate["silhouette"], champion["silhouette"]
    loss = None if one is None or other is None else other - one
    found.append(
        Gate(
            gate="silhouette_loss",
            figure=loss,
            limit=limits.silhouette_loss,
            passed=loss is None or loss <= limits.silhouette_loss,
            in_words="the silhouette is not defined for both"
            if loss is None
            else f"the silhouette is {one:.3f}, that of the model in use {other:.3f}, and a loss "
            f"of at most {limits.silhouette_loss:g} is allowed",
        )
    )
    found.append(
        Gate(
            gate="adjusted_rand",
            figure=agreement,
            limit=limits.adjusted_rand,
            passed=allow_new_segments or agreement >= limits.adjusted_rand,
            in_words=f"the segments agree with those in use by {agreement:.3f} (adjusted Rand "
            f"index), and at least {limits.adjusted_rand:g} is asked"
            + (
                ", but promotion.allow_new_segments lets them change"
                if allow_new_segments
                else " (promotion.allow_new_segments lets them change)"
            ),
        )
    )
    return found


def _about_stability(fresh: float | None, again: float | None, limit: float) -> str:
    if fresh is None:
        return "it was not measured: nothing was resampled, or there is one segment"
    asked = f"(mean Jaccard index), and at least {limit:.2f} is asked"
    if again is None:
        return f"the least stable segment comes back by {fresh:.2f} {asked}"
    return (
        f"the least stable segment comes back by {again:.2f} in retrainings that go on from it "
        f"{asked}; it does by {fresh:.2f} where they start afresh, which is not asked of a model "
        "that goes on"
    )


def failed(gates: Sequence[Gate]) -> list[Gate]:
    """Return the gates that were not passed."""
    return [one for one in gates if not one.passed]

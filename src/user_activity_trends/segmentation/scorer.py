"""A model as numbers: what it takes to score sessions without Python and without a pickle."""

from typing import Self

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from user_activity_trends.recipes import Scaler, Transform
from user_activity_trends.segmentation.continuity import Anchor, carry_over
from user_activity_trends.segmentation.model import Assignment, Matrix, fingerprint_of, nearest
from user_activity_trends.segmentation.naming import SegmentIdentities
from user_activity_trends.segmentation.scaling import FeatureScaler, FeatureScaling


class ScoredFeature(BaseModel):
    """How one column becomes one coordinate."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    column: str
    median: float | None = Field(
        description="Stands for a gap, in the column's own unit; null: a session with a gap "
        "cannot be scored."
    )
    center: float = Field(description="Subtracted after the transform.")
    scale: float = Field(gt=0, description="Divided by after that.")


class ScoredSegment(BaseModel):
    """One segment: its centroid, and what it is called."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    segment: int = Field(ge=1, description="The segment's id, which retraining does not change.")
    segment_name: str
    colour: str = Field(pattern="^#[0-9A-Fa-f]{6}$")
    cluster: int = Field(ge=0, description="Its number in the pickled model.")
    centroid: tuple[float, ...] = Field(description="In scaled units, one number a feature.")


class SegmentScorer(BaseModel):
    """Score a session: transform and scale each column, take the segment of the nearest centroid.

    A coordinate is ``(t(x) - center) / scale``, where ``t(x)`` is ``x``, or
    ``log(1 + x)`` if ``transform`` is ``log1p``, and a gap is ``median`` first.
    The distance is Euclidean; of equal ones that of the lower ``cluster`` counts.
    A session farther from its centroid than ``distance_limit`` is unusual. Whether
    a value is one at all (no negative count, no text) is to be checked before.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str = Field(description="Version of the model that this is.")
    model: str = Field(description="Fingerprint of its columns, scaling and centroids.")
    transform: Transform
    scaler: Scaler = Field(description="How center and scale were learnt.")
    features: tuple[ScoredFeature, ...] = Field(min_length=1)
    segments: tuple[ScoredSegment, ...] = Field(min_length=1, description="By segment.")
    distance_limit: float = Field(ge=0, description="In scaled units.")

    @model_validator(mode="after")
    def _centroids_fit(self) -> Self:
        for one in self.segments:
            if len(one.centroid) != len(self.features):
                msg = f"segment {one.segment}: its centroid has not one number a feature"
                raise ValueError(msg)
        if sorted(one.cluster for one in self.segments) != list(range(len(self.segments))):
            msg = "segments: their clusters are not 0, 1, ..."
            raise ValueError(msg)
        return self

    @classmethod
    def build(
        cls, version: str, scaler: FeatureScaler, centers: Matrix, identities: SegmentIdentities
    ) -> Self:
        """Put together what a model is made of.

        Args:
            version: Version of the model.
            scaler: The numbers that its features are scaled with.
            centers: Its centroids in scaled units, shape (clusters, features).
            identities: What its clusters are called.

        Returns:
            The scorer, which labels as the model does.
        """
        return cls(
            version=version,
            model=identities.model,
            transform=scaler.transform,
            scaler=scaler.scaler,
            features=tuple(ScoredFeature(**one.model_dump()) for one in scaler.features),
            segments=tuple(
                ScoredSegment(
                    segment=one.segment,
                    segment_name=one.segment_name,
                    colour=one.colour,
                    cluster=one.cluster,
                    centroid=tuple(centers[one.cluster].tolist()),
                )
                for one in identities.segments
            ),
            distance_limit=identities.distance_limit,
        )

    @property
    def columns(self) -> list[str]:
        """Names of the columns that it takes, in order."""
        return [one.column for one in self.features]

    @property
    def centers(self) -> Matrix:
        """The centroids in scaled units, in the order of ``cluster``."""
        ordered = sorted(self.segments, key=lambda one: one.cluster)
        return np.array([one.centroid for one in ordered], dtype=np.float64)

    @property
    def segment_of(self) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
        """The segment of each ``cluster``."""
        ordered = sorted(self.segments, key=lambda one: one.cluster)
        return np.array([one.segment for one in ordered], dtype=np.int64)

    @property
    def feature_scaler(self) -> FeatureScaler:
        """The numbers with which features are scaled."""
        return FeatureScaler(
            transform=self.transform,
            scaler=self.scaler,
            features=tuple(FeatureScaling(**one.model_dump()) for one in self.features),
        )

    def is_of(self, identities: SegmentIdentities) -> bool:
        """Tell whether it labels as the model with these identities does, number by number."""
        if len(identities.segments) != len(self.segments):
            return False
        try:
            rebuilt = self.build(self.version, self.feature_scaler, self.centers, identities)
        except (IndexError, ValidationError):  # these are no identities of such a model
            return False
        own = fingerprint_of(self.feature_scaler, self.centers)
        return self == rebuilt and self.model == own

    def takes(self, scaler: FeatureScaler) -> bool:
        """Tell whether it looks at the same columns in the same way, but for the scaling."""
        return self.columns == scaler.columns and self.transform == scaler.transform

    def lacking(self, sessions: pd.DataFrame) -> list[str]:
        """Name the columns that it takes and sessions lack, or have gaps in that it cannot fill."""
        fills = self.features[0].median is not None
        return [
            name
            for name in self.columns
            if name not in sessions or (not fills and bool(sessions[name].isna().any()))
        ]

    def scale(self, sessions: pd.DataFrame) -> Matrix:
        """Bring sessions to the coordinates that distances are measured in.

        Args:
            sessions: One session a row, at least the scorer's columns, in their own units.

        Returns:
            Shape (sessions, features).
        """
        values = sessions[self.columns].to_numpy(dtype=np.float64, copy=True)
        scaler = self.feature_scaler
        if self.features[0].median is not None:
            gaps = np.isnan(values)
            values[gaps] = np.broadcast_to([one.median for one in self.features], values.shape)[
                gaps
            ]
        if self.transform == "log1p":
            values = np.log1p(values)
        # As scikit-learn rounds, so that a session on a border falls on the same side.
        if self.scaler == "minmax":
            return np.asarray(values * (1 / scaler.scales) + -scaler.centers / scaler.scales)
        return np.asarray((values - scaler.centers) / scaler.scales)

    def score(self, sessions: pd.DataFrame) -> Assignment:
        """Find the nearest centroid of each session.

        Args:
            sessions: One session a row, at least the scorer's columns, in their own units.

        Returns:
            The nearest cluster of each session, its distance and its margin.
        """
        return nearest(self.scale(sessions), self.centers)


def anchor_of(
    scorer: SegmentScorer | None, scaler: FeatureScaler, n_clusters: int, tolerance: float
) -> Anchor | None:
    """Return where retraining goes on from.

    Args:
        scorer: The model in use; None: there is none.
        scaler: The scaler of the new sessions.
        n_clusters: Number of clusters of the new model.
        tolerance: Share of the sum of squared errors that it may cost; 0: start afresh.

    Returns:
        None if there is nothing to go on from: no model in use, another number of
        segments, other columns.
    """
    fits = scorer is not None and scorer.takes(scaler) and len(scorer.segments) == n_clusters
    if scorer is None or not fits or not tolerance:
        return None
    return Anchor(carry_over(scorer.centers, scorer.feature_scaler, scaler), tolerance)

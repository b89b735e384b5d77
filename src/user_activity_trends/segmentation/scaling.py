"""Scaling of features as a handful of numbers, learnt once on the training sessions."""

import sys
from collections.abc import Sequence
from typing import Any, Self

import narwhals as nw
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from user_activity_trends.recipes import Scaler, Transform

_ROUNDING = 8 * sys.float_info.epsilon


class FeatureScaling(BaseModel):
    """What one feature becomes: ``scaled = (transform(x) - center) / scale``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    column: str
    median: float | None
    """Stands for a gap, in the feature's own unit; None where gaps are not filled."""
    center: float
    scale: float


class FeatureScaler(BaseModel):
    """Everything that scaling needs, as numbers.

    ``minmax`` maps the training range to [0, 1]; ``standard`` subtracts the mean
    and divides by the population standard deviation; ``robust`` subtracts the
    median and divides by the interquartile range.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    transform: Transform
    scaler: Scaler
    features: tuple[FeatureScaling, ...]

    @property
    def columns(self) -> list[str]:
        """Names of the features, in order."""
        return [feature.column for feature in self.features]

    @property
    def centers(self) -> NDArray[np.float64]:
        """What is subtracted from each feature after the transform."""
        return np.array([feature.center for feature in self.features])

    @property
    def scales(self) -> NDArray[np.float64]:
        """What each feature is divided by after that."""
        return np.array([feature.scale for feature in self.features])

    @property
    def unscaled(self) -> list[str]:
        """Names of the features that had no spread to be divided by."""
        return [feature.column for feature in self.features if feature.scale == 1]

    @property
    def fills_gaps(self) -> bool:
        """Whether a gap is filled with the median of training."""
        return self.features[0].median is not None

    @classmethod
    def learn(
        cls,
        features: nw.DataFrame[Any],
        columns: Sequence[str],
        transform: Transform,
        scaler: Scaler,
        *,
        fill_gaps: bool,
    ) -> Self:
        """Learn the numbers from training sessions.

        Args:
            features: One session a row, each feature in its own unit.
            columns: The features to scale.
            transform: Applied before scaling.
            scaler: How to centre and scale.
            fill_gaps: Learn medians, to stand for gaps.

        Returns:
            The scaler; a feature whose spread is 0 gets a scale of 1.
        """
        medians: dict[str, float | None] = dict.fromkeys(columns)
        if fill_gaps:
            medians = features.select(nw.col(*columns).median()).rows(named=True)[0]
        prepared = features.select(_prepared(name, transform, medians[name]) for name in columns)
        pairs = [_center_and_scale(name, scaler) for name in columns]
        centers, scales = (
            prepared.select(
                number.alias(name) for name, number in zip(columns, side, strict=True)
            ).rows(named=True)[0]
            for side in zip(*pairs, strict=True)
        )
        return cls(
            transform=transform,
            scaler=scaler,
            features=tuple(
                FeatureScaling(
                    column=name,
                    median=medians[name],
                    center=centers[name],
                    scale=_usable(scales[name], centers[name]),
                )
                for name in columns
            ),
        )

    def apply(self, features: nw.DataFrame[Any]) -> nw.DataFrame[Any]:
        """Scale sessions.

        Args:
            features: One session a row; has at least the scaler's columns.

        Returns:
            The same sessions and columns, the scaler's columns scaled.
        """
        return features.with_columns(
            (_prepared(one.column, self.transform, one.median) - one.center) / one.scale
            for one in self.features
        )


def _usable(scale: float, center: float) -> float:
    """Replace a spread that is nothing but rounding, by which nothing can be divided."""
    return scale if scale > _ROUNDING * abs(center) else 1.0


def _prepared(column: str, transform: Transform, median: float | None) -> nw.Expr:
    value = nw.col(column)
    if median is not None:
        value = value.fill_null(median)
    return _log1p(value) if transform == "log1p" else value


def _log1p(value: nw.Expr) -> nw.Expr:
    """Return log(1 + x), exact for small x too (Kahan 1982, HP-15C Advanced Functions Handbook)."""
    rounded = value + 1
    error = rounded - 1
    exact = rounded.log() * value / nw.when(error != 0).then(error)
    return nw.when(error == 0).then(value).otherwise(exact)


def _center_and_scale(column: str, scaler: Scaler) -> tuple[nw.Expr, nw.Expr]:
    value = nw.col(column)
    if scaler == "minmax":
        return value.min(), value.max() - value.min()
    if scaler == "standard":
        return value.mean(), value.std(ddof=0)
    low, high = (value.quantile(share, interpolation="linear") for share in (0.25, 0.75))
    return value.median(), high - low

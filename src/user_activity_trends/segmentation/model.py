"""The segmentation model: one scikit-learn ``Pipeline`` from raw features to a cluster."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from user_activity_trends.segmentation.continuity import Anchor, go_on
from user_activity_trends.segmentation.scaling import FeatureScaler
from user_activity_trends.segmentation.threads import one_thread

Matrix = NDArray[np.float64]

_LEARNT = ("statistics_", "min_", "mean_", "center_", "scale_")
"""What the steps before k-means have learnt from the training sessions, and label by."""


class SegmentationModel(Protocol):
    """A fitted scikit-learn ``Pipeline`` that ends in k-means."""

    named_steps: Any
    feature_names_in_: NDArray[np.str_]

    def predict(self, X: pd.DataFrame) -> NDArray[np.int32]:  # noqa: N803 (scikit-learn's name)
        """Return the raw cluster of each session."""


def build_model(  # noqa: PLR0913, PLR0917 (what k-means takes, and where it goes on from)
    scaler: FeatureScaler,
    scaled: Matrix,
    n_clusters: int,
    restarts: int,
    random_state: int,
    anchor: Anchor | None = None,
) -> SegmentationModel:
    """Fit k-means and put it behind the steps that turn raw features into scaled ones.

    Args:
        scaler: The numbers with which ``scaled`` was made.
        scaled: Sessions in scaled units, shape (sessions, features).
        n_clusters: Number of clusters.
        restarts: k-means++ starts; the tightest result is kept.
        random_state: Seed.
        anchor: Segments in use from which to go on, if that is about as tight.

    Returns:
        Steps ``impute`` (if gaps are filled), ``transform`` (if there is one),
        ``scale`` and ``cluster``; takes a data frame of raw features.
    """
    from sklearn.cluster import KMeans
    from sklearn.pipeline import Pipeline

    steps = _steps_before(scaler)
    with one_thread():
        means = KMeans(n_clusters, n_init=restarts, random_state=random_state).fit(scaled)
        if anchor is not None:
            near = go_on(scaled, means.inertia_, anchor)
            means = means if near is None else near
    steps.append(("cluster", means))
    model: SegmentationModel = Pipeline(steps)
    return model


def _steps_before(scaler: FeatureScaler) -> list[tuple[str, Any]]:
    """Build the steps that turn raw features into scaled ones."""
    from sklearn.impute import SimpleImputer
    from sklearn.preprocessing import FunctionTransformer

    columns = scaler.columns
    example = pd.DataFrame([[one.center for one in scaler.features]], columns=columns)
    steps: list[tuple[str, Any]] = []
    if scaler.fills_gaps:
        # The median of one row of medians is that row.
        example = pd.DataFrame([[one.median for one in scaler.features]], columns=columns)
        steps.append(("impute", SimpleImputer(strategy="median").fit(example)))
    named = not scaler.fills_gaps
    if scaler.transform == "log1p":
        log = FunctionTransformer(np.log1p)
        steps.append(("transform", log.fit(example if named else example.to_numpy())))
    steps.append(("scale", _scikit_learn_scaler(scaler, named=named)))
    return steps


def _scikit_learn_scaler(scaler: FeatureScaler, *, named: bool) -> Any:
    """Build the scikit-learn scaler with the numbers already learnt, without fitting it again."""
    from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler

    center = np.array([one.center for one in scaler.features])
    scale = np.array([one.scale for one in scaler.features])
    learnt: dict[str, Any]
    if scaler.scaler == "minmax":
        built: Any = MinMaxScaler()
        learnt = {
            "data_min_": center,
            "data_max_": center + scale,
            "data_range_": scale,
            "scale_": 1 / scale,
            "min_": -center / scale,
        }
    elif scaler.scaler == "standard":
        built = StandardScaler()
        learnt = {"mean_": center, "scale_": scale, "var_": scale**2}
    else:
        built = RobustScaler()
        learnt = {"center_": center, "scale_": scale}
    learnt["n_features_in_"] = len(center)
    if named:
        learnt["feature_names_in_"] = np.array(scaler.columns, dtype=object)
    for name, value in learnt.items():
        setattr(built, name, value)
    return built


@dataclass(frozen=True)
class Assignment:
    """Where sessions belong, one entry a session."""

    cluster: NDArray[np.intp]
    """Nearest centroid, as k-means numbers it."""
    distance: Matrix
    """Euclidean distance to it, in scaled units."""
    margin: Matrix
    """Distance to the runner-up minus ``distance``; NaN if there is one cluster only."""


def assign(model: SegmentationModel, features: pd.DataFrame) -> Assignment:
    """Find the nearest centroid of each session.

    Args:
        model: A fitted model.
        features: One session a row, raw features in their own units.

    Returns:
        The nearest cluster of each session, its distance and its margin.
    """
    if features.empty:
        nothing = np.empty(0)
        return Assignment(nothing.astype(np.intp), nothing, nothing)
    return nearest(scale(model, features), centroids(model))


def scale(model: SegmentationModel, features: pd.DataFrame) -> Matrix:
    """Bring sessions to the coordinates in which a model measures distances.

    Args:
        model: A fitted model.
        features: One session a row, raw features in their own units.

    Returns:
        Shape (sessions, features), in the order of the model's columns.
    """
    with one_thread():
        return np.asarray(model[:-1].transform(features[list(model.feature_names_in_)]))  # type: ignore[index]


def nearest(scaled: Matrix, centers: Matrix) -> Assignment:
    """Find the nearest of ``centers`` to each row of ``scaled``, both in scaled units.

    Distances are summed from differences, not from an expanded square, so that
    they stay exact for sessions far outside the training data.
    """
    distances = np.column_stack([np.sqrt(((scaled - c) ** 2).sum(axis=1)) for c in centers])
    cluster = distances.argmin(axis=1)
    ordered = np.sort(distances, axis=1)
    margin = ordered[:, 1] - ordered[:, 0] if len(centers) > 1 else np.full(len(scaled), np.nan)
    return Assignment(cluster, ordered[:, 0], margin)


def centroids(model: SegmentationModel) -> Matrix:
    """Return the centroids in scaled units, shape (clusters, features)."""
    centers: Matrix = model.named_steps["cluster"].cluster_centers_
    return centers


def is_continued(model: SegmentationModel) -> bool:
    """Tell whether the model goes on from the segments of an earlier one."""
    return not isinstance(model.named_steps["cluster"].init, str)


def fingerprint(model: SegmentationModel) -> str:
    """Return a name for the model that no other shares: its columns, scaling and centroids."""
    *before, (_, means) = model.named_steps.items()
    return _fingerprint(model.feature_names_in_, before, means.cluster_centers_)


def fingerprint_of(scaler: FeatureScaler, centers: Matrix) -> str:
    """Return the fingerprint of the model that these numbers are of.

    Args:
        scaler: The numbers with which its features are scaled.
        centers: Its centroids in scaled units, shape (clusters, features).
    """
    return _fingerprint(scaler.columns, _steps_before(scaler), centers)


def _fingerprint(columns: Iterable[str], before: Sequence[tuple[str, Any]], centers: Matrix) -> str:
    digest = hashlib.sha256("\n".join(columns).encode())
    for name, step in before:
        digest.update(f"\n{name} {type(step).__name__}\n".encode())
        for of in _LEARNT:
            if of in vars(step):
                digest.update(np.asarray(vars(step)[of], dtype=np.float64).tobytes())
    digest.update(b"\ncluster KMeans\n" + np.asarray(centers, dtype=np.float64).tobytes())
    return digest.hexdigest()[:16]

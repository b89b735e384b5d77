"""Models in use, planted: what stages that follow a promotion are tested with."""

from collections.abc import Mapping, Sequence
from typing import Any

from user_activity_trends.lifecycle.champion import Champion, Reign
from user_activity_trends.lifecycle.in_use import ModelInUse
from user_activity_trends.lifecycle.record import DataFingerprint, Git, ModelRecord
from user_activity_trends.segmentation.model import SegmentationModel, fingerprint

VERSION = "2026-01-31T05.00.00.000Z"


def identities(
    model: SegmentationModel, named: Sequence[tuple[int, str]], limit: float
) -> dict[str, Any]:
    """Call the clusters, in the order of ``named``, segment 1, 2, ..."""
    return {
        "model": fingerprint(model),
        "based_on": None,
        "distance_limit": limit,
        "segments": [
            {
                "cluster": int(cluster),
                "segment": number,
                "segment_name": name,
                "colour": "#0072B2",
                "origin": "first",
                "came_from": [],
            }
            for number, (cluster, name) in enumerate(named, start=1)
        ],
    }


def record(
    model: str, version: str = VERSION, *, choice: Mapping[str, Any] | None = None, **data: Any
) -> ModelRecord:
    """Return what a model was made of."""
    known = {"file": "sessions.csv", "sample": False, "rows": 5, "columns": (), "sha256": "0"}
    return ModelRecord(
        version=version,
        model=model,
        trained="2026-01-31T05:00:00+00:00",
        recipe="base",
        based_on=None,
        continued=False,
        data=DataFingerprint(**(known | data)),
        parameters={},
        packages={},
        git=Git(revision=None, changed=None),
        metrics={"k": 2, "sessions": 5, "sse": 1.5, "silhouette": 0.5},
        scores=({"k": 1, "sse": 9.0}, {"k": 2, "sse": 1.5}),
        cluster_choice={"k": 2, "scores": []} | dict(choice or {}),
    )


def champion(model: str, version: str = VERSION, *, sample: bool = False) -> Champion:
    """Return what names a model as the first one in use."""
    return Champion.first(
        Reign(
            version=version,
            model=model,
            since="2026-01-31T05:00:10+00:00",
            how="promoted",
            why="It passed all gates.",
            sample=sample,
        )
    )


def in_use(
    model: SegmentationModel,
    known: dict[str, Any],
    *,
    jaccard: Mapping[str, float] | None = None,
    version: str = VERSION,
) -> tuple[dict[str, Any], ModelInUse]:
    """Put a model in use; return ``champion`` and ``model_in_use``."""
    named = champion(fingerprint(model), version)
    report = {"models": {"candidate": {"jaccard": dict(jaccard or {})}}}
    made_of = record(named.model, version, columns=tuple(model.feature_names_in_))
    whole = ModelInUse(named, model, known, made_of, report)
    return named.model_dump(mode="json"), whole

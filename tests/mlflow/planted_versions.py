"""Model versions as the catalog would hold them, of real models on planted sessions."""

from dataclasses import dataclass, field
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
from pydantic import BaseModel

from user_activity_trends.segmentation import model as models
from user_activity_trends.segmentation.scaling import FeatureScaler

COLUMNS = ["pages", "minutes"]
PACKAGES = {"scikit-learn": "1.9.1", "numpy": "2.4.6", "pandas": "3.1.1"}
PARAMETERS: dict[str, Any] = {
    "recipe": "base",
    "clustering": {"sweep": {"k_min": 1, "k_max": 3, "random_state": 42}},
    "columns": {"outcome": None, "dimensions": ["VisitorType", "Weekend"], "values": {}},
}
SCORES = (
    {"k": 1, "sse": 90.5, "silhouette": None},
    {"k": 2, "sse": 20.25, "silhouette": 0.625},
    {"k": 3, "sse": 4.0, "silhouette": 0.75},
)


class ModelRecord(BaseModel):
    version: str
    model: str
    trained: str
    recipe: str = "base"
    data: dict[str, Any]
    parameters: dict[str, Any]
    packages: dict[str, str] = PACKAGES
    git: dict[str, Any] = {"revision": "0123abc", "dirty": False}
    metrics: dict[str, Any]
    scores: tuple[dict[str, Any], ...] = SCORES


@dataclass(frozen=True)
class Champion:
    version: str
    before: tuple[str, ...] = ()

    @property
    def history(self) -> list["Champion"]:
        return [Champion(version) for version in (*self.before, self.version)]


def sessions(seed: int = 7, rows: int = 120) -> pd.DataFrame:
    """Return sessions of three groups that cannot be mistaken for each other."""
    generator = np.random.default_rng(seed)
    centres = np.array([[5.0, 10.0], [60.0, 12.0], [30.0, 300.0]])[np.arange(rows) % 3]
    return pd.DataFrame(centres + generator.random((rows, 2)), columns=COLUMNS)


def train(table: pd.DataFrame, seed: int = 7, **scaling: Any) -> Any:
    """Return a real model of three clusters."""
    settings = {"transform": "none", "scaler": "minmax", "fill_gaps": False} | scaling
    fill_gaps = settings.pop("fill_gaps")
    frame = nw.from_native(table, eager_only=True)
    columns = list(table.columns)
    learnt = FeatureScaler.learn(frame, columns, *settings.values(), fill_gaps=fill_gaps)
    scaled = learnt.apply(frame).select(columns).to_numpy()
    return models.build_model(learnt, scaled, 3, 2, seed)


@dataclass
class PlantedStore:
    """What the catalog holds; ``in_use`` is what its file ``champion`` says."""

    in_use: str | None = None
    before: tuple[str, ...] = ()
    """What was in use before that."""
    records: dict[str, ModelRecord] = field(default_factory=dict)
    models: dict[str, Any] = field(default_factory=dict)
    reported: set[str] = field(default_factory=set)
    removed: dict[str, str | None] = field(default_factory=dict)
    """Versions that are there no more, and what is still known of their models."""

    def add(self, version: str, seed: int = 7, *, model: Any = None, **changes: Any) -> Any:
        """Put a version there, and return its model."""
        table = sessions(seed)
        self.models[version] = model or train(table, seed)
        described: dict[str, Any] = {
            "version": version,
            "model": models.fingerprint(self.models[version]),
            "trained": "2026-11-26T05:38:00.123Z",
            "data": {
                "file": "data/01_raw/sample_sessions.csv",
                "sample": True,
                "rows": len(table),
                "columns": list(self.models[version].feature_names_in_),
                "sha256": f"{seed:064x}",
            },
            "parameters": PARAMETERS,
            "metrics": {"k": 3, "sse": 4.0, "silhouette": 0.75, "stability": {"mean": 0.9}},
        }
        self.records[version] = ModelRecord.model_validate(described | changes)
        return self.models[version]

    def versions(self) -> list[str]:
        return sorted(self.records)

    def fingerprints(self) -> dict[str, str | None]:
        return self.removed | {version: one.model for version, one in self.records.items()}

    def champion(self) -> Champion | None:
        return Champion(self.in_use, self.before) if self.in_use else None

    def record(self, version: str) -> ModelRecord:
        return self.records[version]

    def load(self, dataset: str, version: str) -> Any:
        return self.models[version] if dataset == "segmentation_model" else {"of": version}

    def report(self, version: str) -> dict[str, Any] | None:
        return {"of": version, "gates": []} if version in self.reported else None

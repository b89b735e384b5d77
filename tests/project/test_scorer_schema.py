"""Whoever scores without Python has the schema, and needs nothing but the file."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from user_activity_trends import scorer_schema

TINY = "tests/data/tiny_sessions.csv"


def test_the_published_schema_is_that_of_the_code(project: Path) -> None:
    published = (project / scorer_schema.PLACE).read_text(encoding="utf-8")

    assert published == scorer_schema.schema(), "repair it with: make schema"


def score(scorer: dict[str, Any], session: dict[str, float]) -> tuple[int, float, bool]:
    """Score a session as the schema's description says, with nothing but arithmetic."""
    place = []
    for feature in scorer["features"]:
        value = session[feature["column"]]
        value = math.log1p(value) if scorer["transform"] == "log1p" else value
        place.append((value - feature["center"]) / feature["scale"])
    ordered = sorted(scorer["segments"], key=lambda one: one["cluster"])
    distances = [math.dist(place, one["centroid"]) for one in ordered]
    nearest = min(range(len(ordered)), key=distances.__getitem__)
    distance = distances[nearest]
    return ordered[nearest]["segment"], distance, distance > scorer["distance_limit"]


def test_the_file_alone_is_enough_to_score(
    run: Callable[..., None], data_root: Path, project: Path
) -> None:
    for recipe, folder in (("base", data_root), ("log", data_root / "recipes/log")):
        run(pipeline="training", recipe=recipe)
        (place,) = folder.rglob("06_models/segment_scorer.json/*/segment_scorer.json")
        scorer = json.loads(place.read_text(encoding="utf-8"))
        assert place.stat().st_size < 8_000
        labels = pd.read_parquet(folder / "07_model_output/session_segments.parquet")
        sessions = pd.read_csv(project / TINY).to_dict("records")

        found = [score(scorer, session) for session in sessions]

        assert [one for one, _, _ in found] == labels["segment"].tolist()
        for (_, distance, _), expected in zip(found, labels["distance"], strict=True):
            assert abs(distance - expected) < 1e-9
        assert sum(unusual for _, _, unusual in found) <= 1

"""Results of a run, planted: what the charts and the page are tested with."""

from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from user_activity_trends.lifecycle.record import fingerprint_table
from user_activity_trends.pipelines.reporting import create_pipeline
from user_activity_trends.sessions.columns import ColumnsParams

FEATURES = ("Pages", "Stay_Duration", "BounceRates")


def plant(  # noqa: PLR0913 (one argument a thing that can differ)
    *,
    segments: int = 3,
    sessions: int = 1_200,
    periods: Sequence[str] = ("Feb", "Mar", "May", "Nov"),
    accepted: Sequence[str] = (),
    outcome: bool = True,
    resamples: int = 30,
    names: Sequence[str] = (),
    features: Sequence[str] = FEATURES,
    rejected: int = 0,
    user: bool = False,
    dimension: str = "VisitorType",
    values: Sequence[str] = ("New", "Returning"),
    period_bin: Any = None,
) -> dict[str, Any]:
    """Return all inputs of the stage ``reporting``.

    Segments get smaller with their number. Segment s converts in about
    (5 + 5 s + 2 p) % of the sessions of the p-th period.
    """
    rng = np.random.default_rng(7)
    names = [*names, *(f"Segment called {n}" for n in range(len(names) + 1, segments + 1))]
    weights = np.arange(segments, 0, -1) / np.arange(segments, 0, -1).sum()
    segment = 1 + np.minimum(np.searchsorted(weights.cumsum(), rng.random(sessions)), segments - 1)
    segment[:segments] = np.arange(1, segments + 1)
    segment = _largest_first(segment)
    period = rng.integers(0, max(1, len(periods)), sessions)
    scaled = rng.normal(0, 0.05, (sessions, len(features)))
    scaled[np.arange(sessions), segment % len(features)] += segment / segments
    converted = rng.random(sessions) < (5 + 5 * segment + 2 * period) / 100
    ids = np.arange(1, sessions + 1)
    valid = pd.DataFrame({"session_id": ids} | dict(zip(features, 10 * scaled.T, strict=True)))
    valid[dimension] = rng.choice(np.array(values, dtype=object), sessions)
    valid["Weekend"] = rng.choice(np.array(["TRUE", "FALSE"], dtype=object), sessions)
    if periods:
        valid["Month"] = np.array(periods, dtype=object)[period]
    if outcome:
        valid["Bought"] = converted
    if user:
        valid["User"] = [f"user {one}" for one in rng.integers(0, sessions // 4, sessions)]
    labelled = pd.DataFrame(
        {
            "session_id": ids,
            "segment": segment,
            "segment_name": np.array(names, dtype=object)[segment - 1],
            "distance": 0.1,
            "margin": 0.2,
            "model_version": CHAMPION["version"],
        }
    )
    columns = ColumnsParams.model_validate(
        {
            "outcome": "Bought" if outcome else None,
            "period": "Month" if periods else None,
            "period_bin": period_bin,
            "user": "User" if user else None,
            "dimensions": (dimension, "Weekend"),
            "values": {"Month": {"accepted": tuple(accepted)}} if accepted else {},
        }
    )
    return {
        "session_segments": labelled,
        "valid_sessions": valid,
        "model_in_use": TenthOf(features),
        "segment_profiles": _profiles(labelled, valid, features, resamples=resamples),
        "typical_sessions": _typical(labelled, valid, features),
        "curve_in_use": _curve(segments, resamples),
        "choice_in_use": _choice(segments, resamples) | _trained_on(valid, features),
        "champion": CHAMPION,
        "promotion_report": promotion(segments, sessions),
        "data_quality": _quality(sessions, rejected, features)
        | {"sha256": fingerprint_table(valid[list(features)])},
        "params:columns": columns,
        "params:recipe": "base",
    }


@dataclass(frozen=True)
class TenthOf:
    """Stands for the model in use, whose scaled units are ten of each feature's own."""

    features: Sequence[str]

    @property
    def champion(self) -> SimpleNamespace:
        """Return what names its version."""
        return SimpleNamespace(version=CHAMPION["version"])

    def scaled(self, sessions: pd.DataFrame) -> pd.DataFrame:
        """See ``ModelInUse.scaled``."""
        return sessions[["session_id"]].join(sessions[list(self.features)] / 10)


CHAMPION = {
    "version": "2026-01-31T05.00.00.000Z",
    "model": "0123456789abcdef",
    "since": "2026-01-31T05:00:10+00:00",
    "how": "promoted",
    "why": "It passed all gates.",
    "history": [],
}


def promotion(segments: int, sessions: int) -> dict[str, Any]:
    """Return a report on a model that took over from one much like it."""
    gates = [
        ("minimum_rows", float(sessions), 100.0, True),
        ("adjusted_rand", 0.93, 0.8, True),
    ]
    measured = {
        "k": segments,
        "sse": 503.44,
        "silhouette": 0.375 if segments > 1 else None,
        "smallest_share": 0.07,
        "outlier_share": 0.001,
        "shares": {str(one): 1 / segments for one in range(1, segments + 1)},
        "outcome_spread": {"highest": 1, "lowest": 2, "spread": 0.2, "low": 0.19, "high": 0.21},
        "jaccard": {},
        "minimum_jaccard": None,
    }
    return {
        "evaluation": {"rows": sessions, "in_sample": True, "in_words": "all sessions (in-sample)"},
        "candidate": CHAMPION["version"],
        "champion": "2026-01-30T05.00.00.000Z",
        "decision": "promoted",
        "in_words": f"Model {CHAMPION['version']} passed all 2 gates.",
        "gates": [
            {"gate": name, "figure": figure, "limit": limit, "passed": passed, "in_words": "so"}
            for name, figure, limit, passed in gates
        ],
        "models": {"candidate": measured, "champion": measured | {"distance_rise": 0.01}},
        "between": {
            "adjusted_rand": 0.93,
            "changed": 0.0125,
            "changed_low": 0.01,
            "changed_high": 0.015,
            "moved": [
                {"segment": 1, "feature": "Pages", "shift": -0.031, "before": 9.5, "after": 8.25}
            ],
        },
    }


def _largest_first(segment: Any) -> Any:
    order = np.argsort(-np.bincount(segment)[1:], kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return rank[segment - 1] + 1


def _profiles(
    labelled: pd.DataFrame, valid: pd.DataFrame, features: Sequence[str], *, resamples: int
) -> pd.DataFrame:
    rows = []
    for segment, part in labelled.groupby("segment"):
        own = valid.loc[part.index]
        row = {
            "segment": segment,
            "segment_name": part["segment_name"].iloc[0],
            "sessions": len(part),
            "share": len(part) / len(valid),
        }
        if "Bought" in valid:
            rate = float(own["Bought"].mean())
            row |= {"outcome_rate": rate, "ci_low": 0.9 * rate, "ci_high": min(1, 1.1 * rate)}
        row |= {
            "stability": 0.9 - 0.05 * segment if resamples else np.nan,
            "rule": f"{features[0]} above {segment}",
            "rule_precision": 0.93,
            "rule_recall": 0.88,
        }
        row |= {f"mean_{name}": own[name].mean() for name in features}
        row |= {f"median_{name}": own[name].median() for name in features}
        row |= {
            f"standing_{name}": (own[name].mean() - valid[name].mean()) / valid[name].std()
            for name in features
        }
        rows.append(row)
    return pd.DataFrame(rows)


def _typical(labelled: pd.DataFrame, valid: pd.DataFrame, features: Sequence[str]) -> pd.DataFrame:
    nearest = labelled.groupby("segment").head(3)
    found = nearest[["segment", "segment_name"]].assign(
        rank=nearest.groupby("segment").cumcount() + 1,
        session_id=nearest["session_id"].astype(str),
        distance=nearest["distance"],
    )
    return found.join(valid[[*features]]).sort_values(["segment", "rank"], ignore_index=True)


def _curve(segments: int, resamples: int) -> pd.DataFrame:
    ks = np.arange(1, max(10, segments) + 1)
    defined = np.where(ks > 1, 1.0, np.nan)
    measured = defined if resamples else np.full(len(ks), np.nan)
    off = np.abs(ks - segments)
    return pd.DataFrame(
        {
            "k": ks,
            "sse": 1000 / ks + 50 * np.maximum(0, segments - ks),
            "silhouette": defined * (0.6 - 0.05 * off),
            "davies_bouldin": defined * (0.5 + 0.1 * off),
            "calinski_harabasz": defined * (9000 - 500 * off),
            "smallest_share": 1 / ks / 2,
            "stability_mean": measured * (0.98 - 0.04 * off),
            "stability_min": measured * (0.9 - 0.06 * off),
            "prediction_strength": measured * np.maximum(0, 0.95 - 0.08 * off),
            "permuted_sse": (1200 / ks**0.4) * (1.0 if resamples else np.nan),
            "permuted_silhouette": measured * 0.2,
            "permuted_davies_bouldin": measured * 1.1,
            "permuted_calinski_harabasz": measured * 800,
        }
    )


def _choice(segments: int, resamples: int) -> dict[str, Any]:
    k = max(2, segments)
    voted: dict[str, int | None] = dict.fromkeys(("elbow", "silhouette", "calinski_harabasz"), k)
    voted["davies_bouldin"] = k + 1
    voted["stability"] = voted["prediction_strength"] = k if resamples else None
    shuffled = [4, 4, 4, None, 5] if resamples else []
    return {
        "k": segments,
        "method": "elbow",
        "votes": voted,
        "candidates": [*range(1, 11)],
        "restarts": {"sweep": 10, "model": 10, "stability": 2, "permutations": 2},
        "resamples": resamples,
        "permutations": {
            "count": len(shuffled),
            "elbows": shuffled,
            "votes": {"silhouette": [2, 2, 2, 3, 2], "davies_bouldin": [9] * 5}
            if resamples
            else {},
        },
        "natural_groups": True if resamples else None,
        "natural_counts": [k] if resamples else None,
        "natural_at_k": segments == k if resamples else None,
        "warnings": [],
        "verdict": f"The elbow says {segments}.",
    }


def _trained_on(valid: pd.DataFrame, features: Sequence[str]) -> dict[str, Any]:
    """Say that the model in use was trained on just these sessions."""
    known = fingerprint_table(valid[list(features)])
    file = {"file": "somewhere/sessions.csv", "sample": False, "rows": len(valid)}
    return {
        "continued": False,
        "trained_on": file | {"columns": list(features), "sha256": known},
        "labelled": known,
    }


def _quality(sessions: int, rejected: int, features: Sequence[str]) -> dict[str, Any]:
    first = rejected - rejected // 3
    reasons = {f"{features[0]}: negative": first, f"{features[-1]}: not a number": rejected - first}
    return {
        "file": "somewhere/sessions.csv",
        "rows_read": sessions + rejected,
        "rows_accepted": sessions,
        "rows_rejected": rejected,
        "defects_by_reason": reasons if rejected else {},
        "duplicate_rows": 0,
        "duplicates": "kept",
        "blank_lines": 0,
        "unused_columns": [],
        "ranges": {name: {"min": 0.0, "mean": 1.5, "max": 3.0} for name in features},
    }


def report(planted: dict[str, Any]) -> dict[str, Any]:
    """Run the nodes of the stage ``reporting``, as they are wired, on planted inputs.

    Returns:
        The inputs and all that the nodes make of them, by dataset.
    """
    known = dict(planted)
    for node in create_pipeline().nodes:
        known |= node.run({name: known[name] for name in node.inputs})
    return known

"""The figures of the public data set, through a whole run."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from tests.project.conftest import PROJECT, Finished

# Other tests go through the same lines, and coverage makes a run half as long again.
pytestmark = pytest.mark.no_cover

PUBLISHED_SSE = [1837.24, 684.91, 503.44, 371.74, 318.91, 287.45, 266.91, 247.34, 231.57, 217.49]
"""Of the original recipe, k = 1..10 (shared/FACTS.md)."""

SLACK = 1.001


def _only(root: Path, name: str) -> Path:
    (found,) = (path for path in root.rglob(name) if path.is_file())
    return found


def test_the_base_recipe_finds_the_published_segments(
    kedro: Callable[..., Finished], data_root: Path, real_sessions: Path, real_new_sessions: Path
) -> None:
    done = kedro(
        "run", "--params", f"sessions_file={real_sessions},new_sessions_file={real_new_sessions}"
    )

    assert done.code == 0, done.err
    assert "synthetic" not in done.err
    choice = json.loads(_only(data_root, "cluster_choice.json").read_text(encoding="utf-8"))
    assert (choice["k"], choice["method"], choice["restarts"]["sweep"]) == (3, "elbow", 10)

    curve = pd.read_csv(_only(data_root, "elbow_curve.csv"))
    assert curve["k"].tolist() == list(range(1, 11))
    for sse, published in zip(curve["sse"], PUBLISHED_SSE, strict=True):
        assert sse <= SLACK * published

    profiles = pd.read_csv(_only(data_root, "segment_profiles.csv"))
    assert profiles["sessions"].tolist() == pytest.approx([8833, 2633, 864], rel=0.005)
    assert profiles["sessions"].sum() == 12_330
    assert (100 * profiles["outcome_rate"]).tolist() == pytest.approx([20.3, 4.1, 0.5], abs=0.1)

    scored = pd.read_csv(_only(data_root, "new_session_segments.csv"))
    assert scored["session_id"].tolist() == [1, 2, 3]
    assert scored["segment"].tolist() == [1, 2, 1]
    assert scored["margin"].tolist() == pytest.approx([0.0038, 0.245, 0.140], abs=5e-4)
    assert not scored["unusual"].any()

    original = subprocess.run(
        [sys.executable, PROJECT / "benchmarks/original_recipe.py", real_sessions],
        capture_output=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},  # small fits are faster so
        text=True,
        check=True,
    )
    yardstick = json.loads(original.stdout)
    assert yardstick["elbow"] == choice["k"]
    assert profiles["sessions"].tolist() == pytest.approx(yardstick["sizes"], rel=0.005)
    for sse, theirs in zip(curve["sse"], yardstick["sse"], strict=True):
        assert theirs / SLACK <= sse <= theirs * SLACK


@pytest.mark.long
def test_the_log_recipe_finds_four_segments(
    run: Callable[..., None], data_root: Path, real_sessions: Path, real_new_sessions: Path
) -> None:
    run(
        env="base",
        recipe="log",
        sessions_file=str(real_sessions),
        new_sessions_file=str(real_new_sessions),
    )

    root = data_root / "recipes/log"
    choice = json.loads(_only(root, "cluster_choice.json").read_text(encoding="utf-8"))
    assert (choice["k"], choice["method"]) == (4, "elbow")
    profiles = pd.read_csv(_only(root, "segment_profiles.csv"))
    assert profiles["segment"].tolist() == [1, 2, 3, 4]
    assert profiles["sessions"].sum() == 12_330
    assert len(pd.read_csv(_only(root, "new_session_segments.csv"))) == 3
    assert sorted(path.name for path in data_root.iterdir()) == ["recipes"]


@pytest.mark.long
@pytest.mark.parametrize(("recipe", "k", "lowest"), [("base", 3, 0.75), ("log", 4, 0.98)])
def test_the_report_states_how_stable_the_segments_of_50_resamples_are(  # noqa: PLR0913, PLR0917 (fixtures)
    run: Callable[..., None],
    data_root: Path,
    real_sessions: Path,
    recipe: str,
    k: int,
    lowest: float,
) -> None:
    run(
        pipeline="training",
        env="base",
        recipe=recipe,
        sessions_file=str(real_sessions),
        clustering={
            "sweep": {"k_max": k},
            "stability": {"resamples": 50},
            "selection": {"method": "fixed", "n_clusters": k},
        },
    )

    curve = pd.read_csv(_only(data_root, "elbow_curve.csv")).set_index("k")
    mean, least = curve.loc[k, ["stability_mean", "stability_min"]]
    assert lowest <= least <= mean <= 1
    assert (
        f"Over 50 resamples the adjusted Rand index at k = {k} is {mean:.3f} on average and "
        f"{least:.3f} at worst."
    ) in _only(data_root, "report.html").read_text(encoding="utf-8")

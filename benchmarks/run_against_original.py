"""Time ``kedro run`` against the original recipe: whole processes, interleaved.

    make bench                     (the real file if it is found, else the sample)
    make bench SESSIONS=PATH

``kedro run`` takes its turn twice: with ``clustering.stability.resamples`` of 0,
which does what the original does and a report besides, and complete, as
``conf/base`` has it. All run from compiled bytecode in an environment with the
runtime packages only. Prints the median ratios of wall time and processor time,
and checks that each finds the original's curve. Exits with 1 where the median
ratio of wall time is above what is allowed.
"""

import csv
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
SAMPLE = PROJECT / "data/01_raw/sample_sessions.csv"
NEW_SESSIONS = PROJECT / "data/01_raw/sample_new_sessions.csv"
REAL = (
    PROJECT / "data/01_raw/online_shoppers_intention.csv",
    PROJECT.parent / "shared/data/online_shoppers_intention.csv",
)
RUNS = 5
VARIANTS = {"resamples 0": ",clustering.stability.resamples=0", "complete": ""}
AT_MOST = {"resamples 0": 2.0, "complete": 5.0}
"""Largest median ratio of wall time to that of the original."""
SAME_CURVE = 1.001


def timed(command: list[str], environment: dict[str, str]) -> tuple[float, float, str]:
    """Run a command to its end; return wall seconds, processor seconds and its output."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    done = subprocess.run(
        command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False
    )
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr}")
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, processor, done.stdout


def main() -> None:
    """Warm both up once, then run them in turn."""
    asked = os.environ.get("SESSIONS")
    sessions = Path(asked) if asked else next((path for path in REAL if path.exists()), SAMPLE)
    if not sessions.exists():
        sys.exit(f"{sessions}: there is no such file")
    binaries = Path(sys.executable).parent
    with tempfile.TemporaryDirectory() as outputs:
        environment = os.environ | {"DATA_ROOT": outputs, "PYTHONPATH": ""}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        files = f"sessions_file={sessions},new_sessions_file={NEW_SESSIONS}"
        commands = {
            name: [str(binaries / "kedro"), "run", "--params", files + setting]
            for name, setting in VARIANTS.items()
        }
        original = [sys.executable, str(PROJECT / "benchmarks/original_recipe.py"), str(sessions)]
        curve = json.loads(timed(original, environment)[2])["sse"]
        for name, command in commands.items():
            timed(command, environment)
            compare_curves(name, Path(outputs) / "06_models/elbow_curve.csv", curve)
        commands["original"] = original
        print(f"sessions: {sessions.name}; seconds of run 1 to {RUNS}, interleaved")
        rounds = []
        for run in range(1, RUNS + 1):
            rounds.append({name: timed(one, environment)[:2] for name, one in commands.items()})
            told = (f"{name} {one[0]:.2f} ({one[1]:.2f})" for name, one in rounds[-1].items())
            print(f"{run}: wall (processor): {', '.join(told)}")
    if slow := too_slow(rounds):
        sys.exit("\n".join(slow))


def too_slow(rounds: Sequence[Mapping[str, tuple[float, float]]]) -> list[str]:
    """Print the ratios of wall and processor seconds; return what is too slow.

    Args:
        rounds: For each, the seconds of each variant and of the original.
    """
    slow = []
    for name in VARIANTS:
        for position, clock in enumerate(("wall", "processor")):
            ratios = [one[name][position] / one["original"][position] for one in rounds]
            median = statistics.median(ratios)
            allowed = f"; at most {AT_MOST[name]:g}" if clock == "wall" else ""
            print(
                f"{clock} time, kedro run {name} / original: median "
                f"{median:.2f} ({min(ratios):.2f} to {max(ratios):.2f}{allowed})"
            )
            if clock == "wall" and median > AT_MOST[name]:
                slow.append(
                    f"too slow: kedro run {name} takes {median:.2f} times the wall time of the "
                    f"original, more than the {AT_MOST[name]:g} allowed"
                )
    return slow


def compare_curves(name: str, curve: Path, original: list[float]) -> None:
    """Stop unless our curve is as tight as the original's at every k."""
    with curve.open(newline="") as file:
        ours = [float(row["sse"]) for row in csv.DictReader(file)]
    worst = max(one / other for one, other in zip(ours, original, strict=True))
    if worst > SAME_CURVE:
        sys.exit(f"the curves differ: the SSE of {name} is up to {worst:.4f} times the original's")
    print(f"largest SSE, kedro run {name} / original: {worst:.6f}")


if __name__ == "__main__":
    main()

"""Write the sample, or measure a real table for the next sample.

Run ``python -m user_activity_trends.sample_data``.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from user_activity_trends.errors import InputFileError, UserActivityTrendsError
from user_activity_trends.files.atomic import AtomicLocalFileSystem
from user_activity_trends.sample_data.generate import (
    NEW_SESSIONS_SEED,
    SEED,
    generate_new_sessions,
    generate_sessions,
)
from user_activity_trends.sample_data.statistics import measure
from user_activity_trends.sample_data.targets import TARGETS_PATH, load_targets, render_targets


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: What follows the name of the program; by default what it was called with.

    Returns:
        The exit code: 1 after an error that was printed.
    """
    parser = argparse.ArgumentParser(
        prog="python -m user_activity_trends.sample_data", description=__doc__.splitlines()[0]
    )
    parser.add_argument(
        "--output-dir",
        type=Path,
        default=Path("data/01_raw"),
        help="folder for sample_sessions.csv and sample_new_sessions.csv (default: %(default)s)",
    )
    parser.add_argument(
        "--measure",
        type=Path,
        metavar="REAL.csv",
        help="rewrite the targets with the statistics of this file, and write no sample",
    )
    parser.add_argument(
        "--targets",
        type=Path,
        default=TARGETS_PATH,
        help="the statistics that the sample imitates (default: those of the package)",
    )
    options = parser.parse_args(arguments)
    try:
        if options.measure is None:
            written = _write_sample(options.targets, options.output_dir)
        else:
            written = _write_targets(options.measure, options.targets)
    except UserActivityTrendsError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for path in written:
        print(f"wrote {path}")
    return 0


def _write_sample(targets_path: Path, folder: Path) -> list[Path]:
    targets = load_targets(targets_path)
    # Both are drawn before either is written.
    texts = {
        folder / "sample_sessions.csv": _to_csv(generate_sessions(targets, SEED)),
        folder / "sample_new_sessions.csv": _to_csv(
            generate_new_sessions(targets, NEW_SESSIONS_SEED)
        ),
    }
    for path, text in texts.items():
        _write(path, text)
    return [*texts]


def _write_targets(real: Path, targets_path: Path) -> list[Path]:
    try:
        frame = pd.read_csv(real)
    except (OSError, ValueError) as error:
        msg = f"{real} cannot be read as a CSV table: {error}"
        raise InputFileError(msg) from error
    try:
        statistics = measure(frame)
    except UserActivityTrendsError as error:
        msg = f"{real}: {error}"
        raise type(error)(msg) from error
    _write(targets_path, render_targets(statistics))
    return [targets_path]


def _to_csv(frame: pd.DataFrame) -> str:
    """Write numbers as the public data set does: ``0``, not ``0.0``, and ``TRUE``."""
    text = frame.astype(object)
    for name in frame.select_dtypes("float"):
        text[name] = [np.format_float_positional(value, trim="-") for value in frame[name]]
    for name in frame.select_dtypes("bool"):
        text[name] = np.where(frame[name], "TRUE", "FALSE")
    return str(text.to_csv(index=False, lineterminator="\n"))


def _write(path: Path, text: str) -> None:
    with AtomicLocalFileSystem(auto_mkdir=True).open(str(path), "wb") as file:
        file.write(text.encode())


if __name__ == "__main__":
    sys.exit(main())

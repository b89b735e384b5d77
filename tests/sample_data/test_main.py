"""The command line writes the committed files, whole, or says what is wrong."""

import re
import runpy
import sys
from pathlib import Path

import pandas as pd
import pytest

from user_activity_trends.sample_data.__main__ import main
from user_activity_trends.sample_data.statistics import measure
from user_activity_trends.sample_data.targets import TARGETS_PATH, Targets, load_targets

MODULE = "user_activity_trends.sample_data"


@pytest.mark.parametrize("name", ["sample_sessions.csv", "sample_new_sessions.csv"])
def test_the_committed_file_equals_a_fresh_one(
    written: Path, project_root: Path, name: str
) -> None:
    committed = project_root / "data" / "01_raw" / name

    assert committed.read_bytes() == (written / name).read_bytes(), (
        f"repair with: python -m {MODULE}"
    )


def test_the_written_file_reads_back_as_the_sample(written: Path, sample: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(pd.read_csv(written / "sample_sessions.csv"), sample)
    assert sorted(path.name for path in written.iterdir()) == [
        "sample_new_sessions.csv",
        "sample_sessions.csv",
    ]


def test_numbers_are_written_as_in_the_public_data_set(written: Path) -> None:
    lines = (written / "sample_sessions.csv").read_text().splitlines()

    cells = {cell for line in lines[1:] for cell in line.split(",")}
    assert not [cell for cell in cells if cell.endswith((".0", ".")) or "e-" in cell]
    assert {"TRUE", "FALSE", "June"} <= cells


def test_measure_rewrites_the_targets_and_writes_no_sample(
    tmp_path: Path,
    sample: pd.DataFrame,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    real = tmp_path / "real.csv"
    sample.to_csv(real, index=False)
    targets = tmp_path / "targets.json"
    targets.write_text("old")
    monkeypatch.setattr(sys, "argv", [MODULE, "--measure", str(real), "--targets", str(targets)])
    monkeypatch.delitem(sys.modules, f"{MODULE}.__main__")

    with pytest.raises(SystemExit) as stop:
        runpy.run_module(MODULE, run_name="__main__")

    assert stop.value.code == 0
    assert load_targets(targets) == Targets.model_validate(measure(sample))
    assert capsys.readouterr().out == f"wrote {targets}\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["real.csv", "targets.json"]


def test_measuring_the_real_file_gives_the_committed_targets(
    tmp_path: Path, real_file: Path
) -> None:
    targets = tmp_path / "targets.json"

    assert main(["--measure", str(real_file), "--targets", str(targets)]) == 0

    assert targets.read_bytes() == TARGETS_PATH.read_bytes()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,b\n1,2\n", "columns Administrative, Administrative_Duration, .* are missing"),
        ("", "cannot be read as a CSV table: No columns"),
        (None, "cannot be read as a CSV table: .*No such file"),
    ],
)
def test_a_file_that_cannot_be_measured_changes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None, message: str
) -> None:
    real, targets = tmp_path / "real.csv", tmp_path / "targets.json"
    if content is not None:
        real.write_text(content)
    targets.write_text("old")

    assert main(["--measure", str(real), "--targets", str(targets)]) == 1

    assert targets.read_text() == "old"
    seen = capsys.readouterr()
    assert seen.out == ""
    assert re.match(f"error: {re.escape(str(real))}:? {message}", seen.err)


@pytest.mark.parametrize("content", ["{}", "not JSON", None])
def test_broken_targets_write_no_sample(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None
) -> None:
    targets, folder = tmp_path / "targets.json", tmp_path / "raw"
    if content is not None:
        targets.write_text(content)

    assert main(["--targets", str(targets), "--output-dir", str(folder)]) == 1

    assert not folder.exists()
    assert capsys.readouterr().err.startswith(f"error: {targets} does not hold targets: ")

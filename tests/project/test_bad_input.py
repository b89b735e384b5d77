"""The table of bad input, row by row: a clear error or a quarantined row, nothing lost."""

import csv
import gzip
import io
import json
import re
import shutil
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from comparable import comparable
from kedro.framework.session import KedroSession
from kedro.io import DatasetError
from tests.project.conftest import PROJECT, Finished, loaded

from user_activity_trends.cli import explain
from user_activity_trends.errors import (
    CellsError,
    ColumnsError,
    DegenerateDataError,
    InputFileError,
    NoElbowError,
    SettingError,
    UserActivityTrendsError,
)

# Other tests go through the same lines, and coverage makes a run half as long again.
pytestmark = pytest.mark.no_cover

Run = Callable[..., None]
Refuse = Callable[..., str]
Rows = list[dict[str, str]]
FileOf = Callable[[list[str]], bytes]

LINES = (PROJECT / "tests/data/tiny_sessions.csv").read_text(encoding="utf-8").splitlines()[:201]
NEW_LINES = (PROJECT / "tests/data/tiny_new_sessions.csv").read_text(encoding="utf-8").splitlines()
NAMES = LINES[0].split(",")
FEATURES = NEW_LINES[0].split(",")
QUARANTINE = {
    "02_intermediate/rejected_sessions.csv",
    "08_reporting/data_quality.json",
}
MONTHS = "Jan, Feb, Mar, Apr, May, June, Jul, Aug, Sep, Oct, Nov, Dec"
HOSTILE = [
    "=cmd()",
    "<script>alert(1)</script>",
    "x" * 50_000,
    "\N{FOX FACE} fox",
    "[red]markup[/red]",
    'a "quoted", cell',
    "two\nlines",
    "-1+1",
    "%s {x} \\n",
]


def _rows(count: int = 200) -> Rows:
    return list(csv.DictReader(LINES[: count + 1]))


def _text(rows: Rows, names: Sequence[str] | None = None, **dialect: Any) -> str:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, names or list(rows[0]), lineterminator="\n", **dialect)
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def _planted(cells: dict[tuple[int, str], str], count: int = 200) -> Rows:
    """Return the good sessions with other values in some cells; 1 = first data row."""
    rows = _rows(count)
    for (row, column), value in cells.items():
        rows[row - 1][column] = value
    return rows


def _newest(root: Path, name: str) -> Path:
    return max(path for path in root.rglob(name) if path.is_file())


def _json(root: Path, name: str) -> Any:
    return json.loads(_newest(root, name).read_text(encoding="utf-8"))


def _cells(path: Path) -> Rows:
    """Read a CSV file as text, without pandas' notion of what a gap is."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _segments(root: Path) -> pd.DataFrame:
    return pd.read_parquet(_newest(root, "session_segments.parquet"))


def _contents(root: Path) -> dict[str, bytes | None]:
    """Return what is under a folder: the content of each file, nothing for a folder."""
    return {
        str(path.relative_to(root)): path.read_bytes() if path.is_file() else None
        for path in root.rglob("*")
    }


def _last_run(tmp_path_factory: pytest.TempPathFactory, name: str, **params: Any) -> Path:
    root = tmp_path_factory.mktemp(name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATA_ROOT", str(root))
        patch.chdir(PROJECT)
        loaded()
        with KedroSession.create(
            project_path=PROJECT,
            env="test",
            runtime_params=params | {"clustering": {"stability": {"resamples": 0}}},
        ) as session:
            session.run()
    return root


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return what a good run on all tiny sessions has left."""
    return _last_run(tmp_path_factory, "good")


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return what a good run on the first 200 sessions has left."""
    file = tmp_path_factory.mktemp("input") / "plain.csv"
    file.write_text("\n".join(LINES) + "\n", encoding="utf-8")
    return _last_run(tmp_path_factory, "plain", sessions_file=str(file))


@pytest.fixture
def file(tmp_path: Path) -> Callable[..., str]:
    """Write an input file and return its path."""

    def write(content: str | bytes, name: str = "mine.csv") -> str:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return str(path)

    return write


@pytest.fixture
def refuse(run: Run, data_root: Path, good: Path) -> Refuse:
    """Run what must be refused after a good run; return the message for people.

    Nothing but ``allowed`` may differ afterwards, neither in content nor in which
    files there are.
    """

    def run_and_compare(
        kind: type[UserActivityTrendsError] | None = None,
        allowed: set[str] = QUARANTINE,
        **params: Any,
    ) -> str:
        shutil.copytree(good, data_root)
        before = _contents(data_root)
        with pytest.raises((UserActivityTrendsError, DatasetError)) as refused:
            run(**params)
        message = explain(refused.value)
        assert message is not None
        after = _contents(data_root)
        assert after.keys() == before.keys()
        assert {path for path in before if before[path] != after[path]} <= allowed
        if kind:
            chain: list[BaseException] = [refused.value]
            while cause := chain[-1].__cause__:
                chain.append(cause)
            assert kind in {type(one) for one in chain}
        return message

    return run_and_compare


# --- files that cannot be read as a table -------------------------------------------------------


def _replaced(number: int, change: Callable[[str], str]) -> FileOf:
    """Change one physical line, 1 = the header."""

    def make(lines: list[str]) -> bytes:
        return "\n".join(
            change(line) if i == number else line for i, line in enumerate(lines, start=1)
        ).encode()

    return make


def _every(change: Callable[[str], str]) -> FileOf:
    return lambda lines: "\n".join([lines[0], *map(change, lines[1:])]).encode()


def _shorter(line: str) -> str:
    return line.rpartition(",")[0]


def _zipped(lines: list[str]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("sessions.csv", "\n".join(lines))
    return stream.getvalue()


def _parquet(lines: list[str]) -> bytes:
    stream = io.BytesIO()
    pd.DataFrame({"line": lines}).to_parquet(stream)
    return stream.getvalue()


UNREADABLE: dict[str, tuple[FileOf, list[str]]] = {
    "empty": (lambda _: b"", ["is empty"]),
    "blank lines only": (lambda _: b"\n\r\n\n", ["is empty"]),
    "Latin-1": (
        lambda lines: _replaced(4, lambda line: "\xe9" + line)(lines).decode().encode("latin-1"),
        ["line 4 is not UTF-8", "0xe9"],
    ),
    "UTF-16": (lambda lines: "\n".join(lines).encode("utf-16"), ["UTF-16", "UTF-8"]),
    "UTF-16, unmarked": (
        lambda lines: "\n".join(lines).encode("utf-16-be"),
        ["line 1 holds a zero byte", "UTF-8"],
    ),
    "binary": (lambda _: b"\x89PNG\r\n\x1a\n" + bytes(range(256)), ["line 1 is not UTF-8"]),
    "gzip without its name": (
        lambda lines: gzip.compress("\n".join(lines).encode()),
        ["gzip", ".gz"],
    ),
    "zip": (_zipped, ["zip archive or a spreadsheet"]),
    "Parquet": (_parquet, ["Parquet", "catalog.yml"]),
    "junk above the header": (
        lambda lines: "\n".join(["Export of 23 November", "", *lines]).encode(),
        ["line 3 has {width} fields where the header in line 1 has 1"],
    ),
    "wrong separator": (
        lambda lines: "\n".join(lines).replace(",", ";").encode(),
        ["line 1 has no ',' but {commas} times ';'", "load_args.sep"],
    ),
    "a field too many, first row": (
        _replaced(2, lambda line: line + ",7"),
        ["line 2 has {more} fields where the header in line 1 has {width}"],
    ),
    "a field too many, middle": (
        _replaced(4, lambda line: line + ",7"),
        ["line 4 has {more} fields where the header in line 1 has {width}"],
    ),
    "a field too many, every row": (
        _every(lambda line: line + ","),
        ["line 2 has {more} fields where the header in line 1 has {width}"],
    ),
    "a field too few, first row": (
        _replaced(2, _shorter),
        ["line 2 has {less} fields where the header in line 1 has {width}"],
    ),
    "a field too few, middle": (
        _replaced(4, _shorter),
        ["line 4 has {less} fields where the header in line 1 has {width}"],
    ),
    "a field too few, every row": (
        _every(_shorter),
        ["line 2 has {less} fields where the header in line 1 has {width}"],
    ),
    "an open quote": (
        _replaced(5, lambda line: '"' + line),
        ["the record that starts in line 5 is broken", "quotation mark"],
    ),
    "a quote inside quotes": (
        _replaced(5, lambda line: '"1"1,' + line.partition(",")[2]),
        ["the record that starts in line 5 is broken", "quotation mark"],
    ),
    "after blank lines and quoted newlines": (
        lambda lines: "\n".join(
            [lines[0], "", '"\n1\n"' + lines[1][1:], "", "", lines[2], _shorter(lines[3])]
        ).encode(),
        ["line 9 has {less} fields where the header in line 1 has {width}"],
    ),
}


@pytest.mark.parametrize(
    "given", ["sessions_file", pytest.param("new_sessions_file", marks=pytest.mark.long)]
)
@pytest.mark.parametrize("case", UNREADABLE)
def test_a_file_that_is_no_whole_table_is_one_error_with_path_and_line(
    refuse: Refuse, file: Callable[..., str], case: str, given: str
) -> None:
    make, fragments = UNREADABLE[case]
    lines = LINES if given == "sessions_file" else NEW_LINES
    path = file(make(lines))

    message = refuse(InputFileError, **{given: path})

    assert message.startswith(f"{path}: ")
    width = len(lines[0].split(","))
    for fragment in fragments:
        assert (
            fragment.format(width=width, more=width + 1, less=width - 1, commas=width - 1)
            in message
        )


@pytest.mark.parametrize("given", ["sessions_file", "new_sessions_file"])
def test_a_missing_file_is_named_before_anything_runs(
    refuse: Refuse, tmp_path: Path, given: str
) -> None:
    path = str(tmp_path / "nowhere.csv")

    message = refuse(InputFileError, allowed=set(), **{given: path})

    assert f"there is no such file: {path}" in message
    assert given in message


@pytest.mark.parametrize("given", ["sessions_file", "new_sessions_file"])
def test_a_folder_is_not_a_file(refuse: Refuse, tmp_path: Path, given: str) -> None:
    message = refuse(InputFileError, **{given: str(tmp_path)})

    assert message == f"{tmp_path}: is a folder, not a file; name the CSV file in it"


@pytest.mark.parametrize("cut", [20, -12])
def test_a_gzip_file_that_is_cut_off_is_refused(
    refuse: Refuse, file: Callable[..., str], cut: int
) -> None:
    path = file(gzip.compress("\n".join(LINES).encode())[:cut], "mine.csv.gz")

    message = refuse(InputFileError, sessions_file=path)

    assert message.startswith(f"{path}: is not a whole gzip file")


def test_a_header_alone_is_no_table_of_sessions(refuse: Refuse, file: Callable[..., str]) -> None:
    path = file(LINES[0] + "\n")

    message = refuse(InputFileError, sessions_file=path)

    assert message.startswith(f"{path}: has a header and no sessions")


@pytest.mark.parametrize("new", ["field too few", "missing column"])
def test_a_refused_file_of_new_sessions_leaves_everything_else_as_it_was(
    refuse: Refuse, file: Callable[..., str], new: str
) -> None:
    """The sessions are others than in the run before, so that whatever is written is seen."""
    lines = {
        "field too few": [*NEW_LINES[:3], _shorter(NEW_LINES[3])],
        "missing column": [_shorter(line) for line in NEW_LINES],
    }
    path = file("\n".join(lines[new]), "new.csv")

    message = refuse(sessions_file=file("\n".join(LINES)), new_sessions_file=path)

    assert message.startswith(f"{path}: ")


# --- column names -------------------------------------------------------------------------------


@pytest.mark.parametrize("given", ["sessions_file", "new_sessions_file"])
def test_all_missing_columns_are_listed_with_those_that_were_found(
    refuse: Refuse, file: Callable[..., str], given: str
) -> None:
    names = NAMES if given == "sessions_file" else FEATURES
    kept = [name for name in names if name not in {"ExitRates", "Administrative", "Month"}]
    lacking = [name for name in [*FEATURES, "Month"] if name in names and name not in kept]
    rows = [{name: row[name] for name in kept} for row in _rows()]
    path = file(_text(rows))

    message = refuse(ColumnsError, **{given: path})

    assert message.startswith(
        f"{path}: column names missing from the header: {', '.join(lacking)}; "
        f"found: {', '.join(kept)}. "
    )


@pytest.mark.parametrize("given", ["sessions_file", "new_sessions_file"])
def test_all_duplicated_columns_are_listed_with_those_that_were_found(
    refuse: Refuse, file: Callable[..., str], given: str
) -> None:
    lines = LINES if given == "sessions_file" else NEW_LINES
    again = [",".join([line, *line.split(",")[:2]]) for line in lines]
    path = file("\n".join(again))

    message = refuse(ColumnsError, **{given: path})

    assert message == (
        f"{path}: line 1 has column names that occur more than once: 'Administrative', "
        f"'Administrative_Duration'; found: {again[0].replace(',', ', ')}"
    )


# --- what is accepted as it is ------------------------------------------------------------------


def _with_note(rows: Rows, note: str) -> Rows:
    return [{"Note": f"{note} {i}"} | row for i, row in enumerate(rows)]


ACCEPTED: dict[str, Callable[[], str | bytes]] = {
    "byte-order mark": lambda: "\ufeff" + "\n".join(LINES),
    "CRLF": lambda: "\r\n".join(LINES) + "\r\n",
    "byte-order mark and CRLF": lambda: "\ufeff" + "\r\n".join(LINES),
    "quoted newlines": lambda: _text(_with_note(_rows(), "first\nsecond\r\nthird")),
    "extra columns": lambda: _text(_with_note(_rows(), "note")),
    "other order": lambda: _text(_rows(), NAMES[::-1]),
    "everything quoted": lambda: _text(_rows(), quoting=csv.QUOTE_ALL),
    "blank lines": lambda: "\n".join([*LINES[:50], "", "  ", *LINES[50:], "", "", ""]),
    "blanks around cells": lambda: "\n".join(
        [LINES[0], *(s.replace(",", " , ") for s in LINES[1:])]
    ),
    "outcome 0 and 1": lambda: _text(
        [row | {"Revenue": str(int(row["Revenue"] == "TRUE"))} for row in _rows()]
    ),
    "outcome in other letters": lambda: _text(
        [row | {"Revenue": row["Revenue"].capitalize()} for row in _rows()]
    ),
}


@pytest.mark.long
@pytest.mark.parametrize("case", ACCEPTED)
def test_the_same_sessions_written_differently_give_the_same_segments(
    run: Run, file: Callable[..., str], data_root: Path, plain: Path, case: str
) -> None:
    run(sessions_file=file(ACCEPTED[case]()))

    for name in ("session_segments.parquet", "valid_sessions.parquet"):
        assert comparable(_newest(data_root, name)) == comparable(_newest(plain, name))
    for name in ("segment_profiles.csv", "new_session_segments.csv", "elbow_curve.csv"):
        assert comparable(_newest(data_root, name)) == comparable(_newest(plain, name))
    quality, usual = _json(data_root, "data_quality.json"), _json(plain, "data_quality.json")
    assert quality["rows_read"] == quality["rows_accepted"] == 200
    assert quality["ranges"] == usual["ranges"]
    assert quality["blank_lines"] == (4 if case == "blank lines" else 0)


def test_columns_that_are_not_used_are_named(
    run: Run, file: Callable[..., str], data_root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = file(_text(_with_note(_rows(), "secret")))
    run(pipeline="data_processing", sessions_file=path)

    unused = ["Note", "SpecialDay", "OperatingSystems", "Browser", "Region", "TrafficType"]
    assert _json(data_root, "data_quality.json")["unused_columns"] == unused
    assert f"{path}: columns not used: {', '.join(unused)}" in caplog.messages
    assert "secret" not in caplog.text


def test_rows_are_counted_without_blank_lines_and_quoted_newlines(
    run: Run, file: Callable[..., str], data_root: Path
) -> None:
    rows = _with_note(_planted({(3, "PageValues"): "many"}), "first\nsecond")
    lines = _text(rows).splitlines(keepends=True)
    path = file("".join([*lines[:3], "\n", "\n", *lines[3:]]))
    run(pipeline="data_processing", sessions_file=path)

    (told,) = _cells(_newest(data_root, "rejected_sessions.csv"))
    assert (told["row"], told["session_id"], told["value"]) == ("3", "3", "many")
    assert _json(data_root, "data_quality.json")["blank_lines"] == 2


@pytest.mark.parametrize(("policy", "kept"), [("keep", 203), ("drop", None)])
def test_exact_duplicates_are_counted_and_kept_or_dropped(
    run: Run, file: Callable[..., str], data_root: Path, policy: str, kept: int | None
) -> None:
    lines = [*LINES, LINES[1], LINES[1], LINES[5]]
    repeated = [i for i, line in enumerate(lines) if i and line in lines[1:i]]
    assert repeated[-3:] == [201, 202, 203]
    run(sessions_file=file("\n".join(lines)), data_processing={"duplicates": policy})

    quality = _json(data_root, "data_quality.json")
    assert quality["rows_read"] == 203
    assert quality["duplicate_rows"] == len(repeated)
    assert quality["rows_rejected"] == 0
    assert quality["duplicates"] == {"keep": "kept", "drop": "dropped"}[policy]
    expected = [i for i in range(1, 204) if kept or i not in repeated]
    assert quality["rows_accepted"] == len(expected)
    assert _segments(data_root)["session_id"].tolist() == expected


# --- cells --------------------------------------------------------------------------------------

DEFECTS = [  # ten rows of 200, the most that the default of 5 % lets through
    (2, "ProductRelated", "many", "not a number"),
    (3, "Administrative", "-1", "negative"),
    (4, "ProductRelated_Duration", "-0.5", "negative"),
    (5, "BounceRates", "1.01", "outside [0, 1]"),
    (5, "ExitRates", "-0.01", "outside [0, 1]"),
    (6, "ExitRates", "-Inf", "infinite"),
    (7, "PageValues", "", "missing value"),
    (8, "Month", "Mai", f"not one of {MONTHS}"),
    (9, "Revenue", "yes", "not one of TRUE, FALSE, 1, 0"),
    (10, "Administrative", "1.5", "not a whole number"),
    (10, "BounceRates", "NaN", "missing value"),
    (10, "Month", "", "missing value"),
    (200, "Informational", "1e101", "beyond 1e+100"),
    (200, "Revenue", "", "missing value"),
]


def test_rows_with_a_defect_are_quarantined_one_line_a_defect(
    run: Run, file: Callable[..., str], data_root: Path
) -> None:
    path = file(_text(_planted({(row, column): value for row, column, value, _ in DEFECTS})))
    run(sessions_file=path)

    assert _cells(_newest(data_root, "rejected_sessions.csv")) == [
        {
            "file": path,
            "row": str(row),
            "session_id": str(row),
            "column": column,
            "value": value,
            "reason": reason,
        }
        for row, column, value, reason in DEFECTS
    ]
    refused = {row for row, *_ in DEFECTS}
    accepted = [row for row in range(1, 201) if row not in refused]
    assert len(accepted) == 190
    assert _segments(data_root)["session_id"].tolist() == accepted
    quality = _json(data_root, "data_quality.json")
    assert (quality["rows_read"], quality["rows_accepted"], quality["rows_rejected"]) == (
        200,
        190,
        10,
    )
    reasons: dict[str, int] = {}
    for _, column, _, reason in DEFECTS:
        reasons[f"{column}: {reason}"] = reasons.get(f"{column}: {reason}", 0) + 1
    assert quality["defects_by_reason"] == reasons
    summary = _json(data_root, "run_summary.json")
    assert summary["rows"] == {
        "file": path,
        "rows_read": 200,
        "rows_accepted": 190,
        "rows_rejected": 10,
    }


@pytest.mark.parametrize("defects", [9, 10])
def test_up_to_the_largest_share_the_run_goes_on(
    run: Run, file: Callable[..., str], data_root: Path, defects: int
) -> None:
    cells = {(row, "PageValues"): "many" for row in range(1, defects + 1)}
    run(pipeline="data_processing", sessions_file=file(_text(_planted(cells))))

    valid = pd.read_parquet(_newest(data_root, "valid_sessions.parquet"))
    assert valid["session_id"].tolist() == list(range(defects + 1, 201))


def test_above_the_largest_share_the_run_stops_with_counts_by_reason(
    refuse: Refuse, file: Callable[..., str], data_root: Path
) -> None:
    cells = {(row, "PageValues"): "many" for row in range(1, 9)}
    cells |= {(row, "Month"): "Mai" for row in range(9, 12)}
    path = file(_text(_planted(cells)))

    message = refuse(CellsError, sessions_file=path)

    assert message.startswith(
        f"{path}: 11 of 200 rows (5.5%) have a defect, more than "
        "data_processing.max_rejected_share = 0.05 allows: PageValues: not a number (8); "
        f"Month: not one of {MONTHS} (3); "
    )
    assert "give other spellings in columns.values" in message
    told = _cells(_newest(data_root, "rejected_sessions.csv"))
    assert [(line["row"], line["column"]) for line in told] == [
        (str(row), column) for row, column in cells
    ]
    quality = _json(data_root, "data_quality.json")
    assert (quality["rows_read"], quality["rows_rejected"]) == (200, 11)


def test_a_single_defect_is_too_many_if_the_setting_says_so(
    refuse: Refuse, file: Callable[..., str]
) -> None:
    path = file(_text(_planted({(3, "PageValues"): "many"})))

    message = refuse(CellsError, sessions_file=path, data_processing={"max_rejected_share": 0.0})

    assert "1 of 200 rows (0.5%)" in message
    assert "data_processing.max_rejected_share = 0 allows" in message


def test_half_of_the_rows_may_be_refused_if_the_setting_says_so(
    run: Run, file: Callable[..., str], data_root: Path
) -> None:
    path = file(_text(_planted({(row, "PageValues"): "many" for row in range(1, 101)})))
    run(
        pipeline="data_processing",
        sessions_file=path,
        data_processing={"max_rejected_share": 0.5},
    )

    valid = pd.read_parquet(_newest(data_root, "valid_sessions.parquet"))
    assert valid["session_id"].tolist() == list(range(101, 201))


def test_months_as_numbers_are_refused_with_the_accepted_values_listed(
    refuse: Refuse, file: Callable[..., str]
) -> None:
    rows = [row | {"Month": "5"} for row in _rows()]

    message = refuse(CellsError, sessions_file=file(_text(rows)))

    assert f"Month: not one of {MONTHS} (200)" in message


def test_months_as_numbers_can_be_mapped(
    run: Run, file: Callable[..., str], data_root: Path, plain: Path
) -> None:
    codes = {str(i): name for i, name in enumerate(MONTHS.split(", "), start=1)}
    number = {name: code for code, name in codes.items()}
    rows = [row | {"Month": number[row["Month"]]} for row in _rows()]
    run(sessions_file=file(_text(rows)), columns={"values": {"Month": {"codes": codes}}})

    for name in ("valid_sessions.parquet", "session_segments.parquet"):
        assert comparable(_newest(data_root, name)) == comparable(_newest(plain, name))


def test_a_gap_is_an_error_where_the_recipe_says_so(
    refuse: Refuse, file: Callable[..., str]
) -> None:
    path = file(_text(_planted({(7, "PageValues"): "", (9, "ExitRates"): "n/a"})))

    message = refuse(CellsError, sessions_file=path, recipes={"base": {"missing": "fail"}})

    assert message.startswith(f"{path}: ")
    assert "recipes.base.missing" in message
    assert "PageValues: missing value (1)" in message
    assert "ExitRates: missing value (1)" in message


# --- too little to segment ----------------------------------------------------------------------


def test_the_sweep_stops_at_the_number_of_distinct_sessions(
    run: Run, file: Callable[..., str], data_root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = [_rows(40)[i] for i in (0, 10, 20, 30)] * 10
    assert len({tuple(row[name] for name in FEATURES) for row in rows}) == 4
    selection = {"method": "fixed", "n_clusters": 3}
    run(sessions_file=file(_text(rows)), clustering={"selection": selection})

    curve = pd.read_csv(_newest(data_root, "elbow_curve.csv"))
    assert curve["k"].tolist() == [1, 2, 3, 4]
    assert curve["sse"].iloc[-1] == pytest.approx(0, abs=1e-12)
    profiles = pd.read_csv(_newest(data_root, "segment_profiles.csv"))
    assert profiles["sessions"].tolist() == [20, 10, 10]
    warned = [one.getMessage() for one in caplog.records if one.levelname == "WARNING"]
    assert any("k = 4" in one and "clustering.sweep.k_max = 6" in one for one in warned)


def test_a_constant_column_is_left_out_with_a_warning(
    run: Run, file: Callable[..., str], data_root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = [row | {"PageValues": "3.5", "Informational": "0"} for row in _rows()]
    run(sessions_file=file(_text(rows)))

    varying = [name for name in FEATURES if name not in {"PageValues", "Informational"}]
    for name in ("session_features.parquet", "scaled_features.parquet"):
        assert list(pd.read_parquet(_newest(data_root, name))) == ["session_id", *varying]
    scaler = _json(data_root, "feature_scaler.json")
    assert [one["column"] for one in scaler["features"]] == varying
    assert len(_segments(data_root)) == 200
    scored = pd.read_csv(_newest(data_root, "new_session_segments.csv"))
    assert scored["segment"].notna().tolist() == [True] * 5
    warned = [one.getMessage() for one in caplog.records if one.levelname == "WARNING"]
    assert any("Informational, PageValues" in one for one in warned)


@pytest.mark.parametrize(
    ("rows", "seen"), [(_rows(1), "all 1 accepted"), (_rows(1) * 20, "all 20 accepted")]
)
def test_one_distinct_session_cannot_be_segmented(
    refuse: Refuse, file: Callable[..., str], rows: Rows, seen: str
) -> None:
    path = file(_text(rows))

    message = refuse(DegenerateDataError, sessions_file=path)

    assert message.startswith(f"{path}: {seen} session")
    assert "recipes.base.columns" in message


def test_fewer_distinct_sessions_than_k_min_is_an_error(
    refuse: Refuse, file: Callable[..., str], data_root: Path
) -> None:
    path = file(_text(_rows(2) * 5))

    message = refuse(
        DegenerateDataError,
        allowed=QUARANTINE
        | {
            "03_primary/valid_sessions.parquet",
            "03_primary/valid_new_sessions.parquet",
            "02_intermediate/rejected_new_sessions.csv",
            "04_feature/session_features.parquet",
            "05_model_input/scaled_features.parquet",
            "06_models/feature_scaler.json",
            "06_models/predecessor.json",
        },
        sessions_file=path,
        clustering={"sweep": {"k_min": 3}},
    )

    assert data_root
    assert "2 distinct sessions" in message
    assert "clustering.sweep.k_min = 3" in message


def test_no_elbow_is_an_error_that_names_the_settings(refuse: Refuse) -> None:
    message = refuse(
        NoElbowError,
        allowed={
            *("06_models/predecessor.json", "06_models/elbow_curve.csv"),
            "06_models/cluster_evidence.json",
        },
        clustering={"sweep": {"k_max": 2}},
    )

    assert message.startswith("no elbow in the curve for k = 1..2; ")
    for setting in ("sweep", "selection.fallback", "selection.method"):
        assert f"clustering.{setting}" in message


@pytest.mark.parametrize(
    "selection", [{"fallback": "silhouette"}, {"fallback": "fixed", "n_clusters": 2}]
)
def test_no_elbow_uses_the_fallback_that_is_configured(
    run: Run, data_root: Path, selection: dict[str, Any]
) -> None:
    run(clustering={"sweep": {"k_max": 2}, "selection": selection})

    choice = _json(data_root, "cluster_choice.json")
    assert (choice["k"], choice["method"]) == (2, selection["fallback"])
    assert choice["votes"]["elbow"] is None
    assert "fallback: no elbow was found" in choice["verdict"]
    assert _segments(data_root)["segment"].nunique() == 2


# --- new sessions -------------------------------------------------------------------------------


def _scored(root: Path) -> list[dict[str, str]]:
    """Read the scored sessions, without the version of the model, which no two runs share."""
    rows = _cells(_newest(root, "new_session_segments.csv"))
    assert len({row.pop("model_version") for row in rows}) == 1
    return rows


def test_a_new_session_with_a_defect_is_reported_unscored_in_its_place(
    run: Run, file: Callable[..., str], data_root: Path, good: Path
) -> None:
    rows = list(csv.DictReader(NEW_LINES))
    rows[1] |= {"PageValues": " ", "ExitRates": "2"}
    rows[3] |= {"Administrative": "many"}
    run(new_sessions_file=file(_text(rows)))

    scored, before = _scored(data_root), _scored(good)
    nothing = dict.fromkeys(["segment", "segment_name", "distance", "margin", "unusual"], "")
    for i in (0, 2, 4):
        assert scored[i] == before[i]
    assert scored[1] == {"session_id": "2"} | nothing | {
        "reason": "ExitRates: outside [0, 1]; PageValues: missing value"
    }
    assert scored[3] == {"session_id": "4"} | nothing | {"reason": "Administrative: not a number"}
    rejected = _cells(_newest(data_root, "rejected_new_sessions.csv"))
    assert [(one["row"], one["column"], one["value"]) for one in rejected] == [
        ("2", "ExitRates", "2"),
        ("2", "PageValues", " "),
        ("4", "Administrative", "many"),
    ]
    summary = _json(data_root, "run_summary.json")["new_sessions"]
    assert (summary["rows"], summary["scored"]) == (5, 3)


def test_all_new_sessions_may_be_unscored(
    run: Run, file: Callable[..., str], data_root: Path
) -> None:
    rows = [row | {"PageValues": ""} for row in csv.DictReader(NEW_LINES)]
    run(new_sessions_file=file(_text(rows)))

    scored = _scored(data_root)
    assert [one["session_id"] for one in scored] == ["1", "2", "3", "4", "5"]
    assert {one["segment"] for one in scored} == {""}
    assert {one["reason"] for one in scored} == {"PageValues: missing value"}


@pytest.mark.parametrize("content", [NEW_LINES[0], NEW_LINES[0] + "\n\n"])
def test_no_new_sessions_give_an_empty_result(
    run: Run, file: Callable[..., str], data_root: Path, content: str
) -> None:
    run(new_sessions_file=file(content))

    written = _newest(data_root, "new_session_segments.csv").read_text(encoding="utf-8")
    columns = "session_id,segment,segment_name,distance,margin,unusual,reason,model_version"
    assert written == f"{columns}\n"
    assert _json(data_root, "run_summary.json")["new_sessions"]["rows"] == 0


def test_new_sessions_far_outside_training_are_scored_and_unusual(
    run: Run, file: Callable[..., str], data_root: Path, good: Path
) -> None:
    rows = list(csv.DictReader(NEW_LINES))
    rows += [rows[0] | {"PageValues": "1e6"}, rows[0] | {"ProductRelated_Duration": "1e99"}]
    run(new_sessions_file=file(_text(rows)))

    scored = _scored(data_root)
    assert scored[:5] == _scored(good)
    assert [one["unusual"] for one in scored] == ["False"] * 5 + ["True"] * 2
    assert all(one["segment"] and not one["reason"] for one in scored)
    limit = _json(data_root, "segment_identities.json")["distance_limit"]
    assert all((float(one["distance"]) > limit) == (one["unusual"] == "True") for one in scored)


def test_a_gap_in_new_sessions_is_an_error_where_the_recipe_says_so(
    refuse: Refuse, file: Callable[..., str]
) -> None:
    rows = list(csv.DictReader(NEW_LINES))
    rows[1] |= {"PageValues": ""}
    path = file(_text(rows))

    message = refuse(CellsError, new_sessions_file=path, recipes={"base": {"missing": "fail"}})

    assert message.startswith(f"{path}: ")
    assert "the first in row 2" in message
    assert "recipes.base.missing" in message


# --- settings -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"recipe": "nope"}, "recipe: there is no recipe 'nope'; known: base, log"),
        ({"recpe": "log"}, "recpe: there is no such setting; did you mean recipe?"),
        (
            {"clustering": {"sweep": {"kmax": 5}}},
            "clustering.sweep.kmax: there is no such setting; did you mean k_max?",
        ),
        (
            {"clustering": {"sweep": {"k_min": 5, "k_max": 3}}},
            "clustering.sweep: k_min = 5 is above k_max = 3",
        ),
        (
            {"clustering": {"sweep": {"restarts": 0}}},
            "clustering.sweep.restarts: Input should be greater than or equal to 1, not 0",
        ),
        (
            {"clustering": {"selection": {"method": "fixed"}}},
            "clustering.selection: n_clusters is missing; method or fallback fixed needs it",
        ),
        (
            {"clustering": {"selection": {"n_clusters": 11}, "sweep": {"k_max": 10}}},
            "clustering: selection.n_clusters = 11 is outside sweep.k_min = 1 to sweep.k_max = 10",
        ),
        (
            {"data_processing": {"max_rejected_share": 2}},
            "data_processing.max_rejected_share: Input should be less than or equal to 1, not 2",
        ),
        (
            {"recipes": {"base": {"scaler": "min-max"}}},
            "recipes.base.scaler: Input should be 'minmax', 'standard' or 'robust', not 'min-max'",
        ),
        (
            {"recipes": {"mine": {"colums": ["a"]}}},
            "recipes.mine.colums: there is no such setting; did you mean columns?",
        ),
        (
            {"columns": {"outcom": "Bought"}},
            "columns.outcom: there is no such setting; did you mean outcome?",
        ),
        (
            {"columns": {"outcome": "PageValues"}},
            "recipes.base.columns: PageValues is columns.outcome, not a feature",
        ),
    ],
)
def test_a_setting_that_is_not_accepted_is_refused_with_its_path_before_any_node_runs(
    refuse: Refuse,
    caplog: pytest.LogCaptureFixture,
    settings: dict[str, Any],
    told: str,
) -> None:
    message = refuse(SettingError, allowed=set(), **settings)

    assert f"  - {told}" in message.splitlines()
    assert not [one for one in caplog.records if one.name == "user_activity_trends.hooks"]


def test_several_settings_are_refused_at_once(refuse: Refuse) -> None:
    message = refuse(
        SettingError,
        allowed=set(),
        recpe="log",
        clustering={"sweep": {"k_mx": 3}, "selection": {"method": "elbo"}},
    )

    paths = re.findall(r"^  - ([\w.]+): ", message, re.MULTILINE)
    assert sorted(paths) == ["clustering.selection.method", "clustering.sweep.k_mx", "recpe"]


# --- hostile cells ------------------------------------------------------------------------------


def test_hostile_names_and_categories_are_carried_literally(
    run: Run, file: Callable[..., str], data_root: Path
) -> None:
    rows = [
        row | {"ident": HOSTILE[i] if i < len(HOSTILE) else f"s{i}"}
        for i, row in enumerate(_rows())
    ]
    for row, value in zip(rows[50:], HOSTILE, strict=False):
        row["VisitorType"] = value
    path = file(_text(rows))
    run(sessions_file=path, new_sessions_file=path, columns={"id": "ident"})

    ids = [row["ident"] for row in rows]
    assert _segments(data_root)["session_id"].tolist() == ids
    assert [one["session_id"] for one in _scored(data_root)] == ids
    valid = pd.read_parquet(_newest(data_root, "valid_sessions.parquet"))
    assert valid["VisitorType"].tolist() == [row["VisitorType"] for row in rows]


def test_hostile_values_are_quarantined_literally_and_kept_out_of_the_log(
    run: Run, file: Callable[..., str], data_root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cells = {(row, "PageValues"): value for row, value in enumerate(HOSTILE, start=1)}
    path = file(_text(_planted(cells)))
    run(sessions_file=path, new_sessions_file=path)

    for name in ("rejected_sessions.csv", "rejected_new_sessions.csv"):
        told = _cells(_newest(data_root, name))
        assert [one["value"] for one in told] == HOSTILE
        assert {one["reason"] for one in told} == {"not a number"}
    scored = _scored(data_root)
    assert [one["reason"] for one in scored[:10]] == ["PageValues: not a number"] * 9 + [""]
    ours = [one for one in caplog.records if one.name.startswith("user_activity_trends")]
    assert not [one for one in ours if any(value in one.getMessage() for value in HOSTILE)]


def test_segments_and_columns_may_be_called_anything(
    run: Run, file: Callable[..., str], data_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = "[red]=1+1<b>"
    rows = [{odd: row["PageValues"], "n": row["ProductRelated"]} for row in _rows()]
    path = file(_text(rows))
    run(
        sessions_file=path,
        new_sessions_file=path,
        recipes={"base": {"columns": [odd, "n"]}},
        columns={"outcome": None, "period": None, "dimensions": []},
        labelling={"names": {1: "[bold]=cmd()[/bold]"}},
    )

    assert _segments(data_root).query("segment == 1")["segment_name"].unique().tolist() == [
        "[bold]=cmd()[/bold]"
    ]
    assert "[bold]=cmd()[/bold]" in capsys.readouterr().out
    assert f"mean_{odd}" in pd.read_csv(_newest(data_root, "segment_profiles.csv"))


# --- the last words of the command --------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "last_words"),
    [
        (
            "sessions_file={path}",
            "{path}: line 9 is not UTF-8 text (byte 0xe9 at position 1); save the file as UTF-8",
        ),
        (
            "clustering.sweep.kmax=5,recipe=nope",
            """the parameters (conf/, --params) are not accepted:
  - clustering.sweep.kmax: there is no such setting; did you mean k_max?""",
        ),
    ],
)
def test_the_last_words_of_a_refused_run_are_one_message(
    kedro: Callable[..., Finished],
    file: Callable[..., str],
    data_root: Path,
    params: str,
    last_words: str,
) -> None:
    path = file(_replaced(9, lambda line: "\xe9" + line)(LINES).decode().encode("latin-1"))

    done = kedro("run", "--env", "test", "--params", params.format(path=path))

    assert done.code == 1
    assert done.last_words == last_words.format(path=path)
    assert "Traceback" not in done.err + done.out
    assert not done.out.strip()
    assert not any(one.is_file() for one in data_root.rglob("*"))

"""Tables from outside are read whole and unchanged, or refused with the line and the reason."""

import csv
import gzip
import io
import zipfile
from pathlib import Path
from typing import Any

import fsspec
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kedro.io import DatasetError

from user_activity_trends.errors import ColumnsError, InputFileError
from user_activity_trends.files import session_table
from user_activity_trends.files.session_table import SessionTableDataset, read_table

BOM = b"\xef\xbb\xbf"


def _read(content: bytes, separator: str = ",", rows: int | None = None) -> pd.DataFrame:
    return read_table(io.BytesIO(content), "in.csv", separator, rows)


def _cells(frame: pd.DataFrame) -> list[list[str]]:
    return [list(frame.columns), *frame.to_numpy().tolist()]


def _refusal(content: bytes, separator: str = ",") -> str:
    with pytest.raises(InputFileError) as refused:
        _read(content, separator)
    return str(refused.value)


def _refused_load(dataset: SessionTableDataset) -> str:
    """Return what the project says; Kedro wraps it into an error of its own."""
    with pytest.raises(DatasetError) as refused:
        dataset.load()
    assert type(refused.value.__cause__) is InputFileError
    return str(refused.value.__cause__)


def _dataset(path: Path, content: bytes | None = None, **settings: Any) -> SessionTableDataset:
    if content is not None:
        path.write_bytes(content)
    return SessionTableDataset(filepath=str(path), **settings)


# --- what is accepted ------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "cells"),
    [
        pytest.param(b"a,b\n1,2\n", [["a", "b"], ["1", "2"]], id="plain"),
        pytest.param(b"a,b\n1,2", [["a", "b"], ["1", "2"]], id="no newline at the end"),
        pytest.param(BOM + b"a,b\n1,2\n", [["a", "b"], ["1", "2"]], id="byte-order mark"),
        pytest.param(BOM + b'"a",b\n1,2\n', [["a", "b"], ["1", "2"]], id="mark, quoted header"),
        pytest.param(b"a,b\r\n1,2\r\n", [["a", "b"], ["1", "2"]], id="CRLF"),
        pytest.param(b"a,b\r\n1,2\n", [["a", "b"], ["1", "2"]], id="CRLF and LF"),
        pytest.param(b'a,b\n"1,5",2\n', [["a", "b"], ["1,5", "2"]], id="quoted separator"),
        pytest.param(b'a,b\n"1\n5",2\n', [["a", "b"], ["1\n5", "2"]], id="quoted newline"),
        pytest.param(b'a,b\n"1\r\n5",2\n', [["a", "b"], ["1\r\n5", "2"]], id="quoted CRLF"),
        pytest.param(b'"a\nz",b\n1,2\n', [["a\nz", "b"], ["1", "2"]], id="newline in a name"),
        pytest.param(b'a,b\n"say ""x""",2\n', [["a", "b"], ['say "x"', "2"]], id="doubled quote"),
        pytest.param(b'a,b\n5" disk,2\n', [["a", "b"], ['5" disk', "2"]], id="quote inside"),
        pytest.param(b"a,b\n 1 ,\t2\n", [["a", "b"], [" 1 ", "\t2"]], id="blanks stay"),
        pytest.param(b"a,b\n007,1e3\n", [["a", "b"], ["007", "1e3"]], id="numbers stay text"),
        pytest.param(b"a,b\nNA,\n", [["a", "b"], ["NA", ""]], id="gaps stay text"),
        pytest.param(b"a,b\n,\n", [["a", "b"], ["", ""]], id="a row of gaps is no blank line"),
        pytest.param("å,b\n日本,é\n".encode(), [["å", "b"], ["日本", "é"]], id="beyond ASCII"),
        pytest.param(b"a,b\n", [["a", "b"]], id="header only"),
        pytest.param(b"a\n1\n2\n", [["a"], ["1"], ["2"]], id="one column"),
        pytest.param(b'a\n1\n""\n" "\n', [["a"], ["1"], [""], [" "]], id="one column, gaps"),
    ],
)
def test_every_cell_is_read_as_it_stands(content: bytes, cells: list[list[str]]) -> None:
    frame = _read(content)

    assert _cells(frame) == cells
    assert set(frame.dtypes) == {pd.StringDtype(na_value=float("nan"))}
    assert frame.attrs == {"file": "in.csv", "blank_lines": 0}


@pytest.mark.parametrize("separator", [",", ";", "\t", "|", " ", "~"])
def test_the_separator_is_the_configured_one(separator: str) -> None:
    content = f"a{separator}b\n1{separator}2\n".encode()

    assert _cells(_read(content, separator)) == [["a", "b"], ["1", "2"]]


def test_a_decimal_comma_survives_another_separator() -> None:
    assert _cells(_read(b"a;b\n1,5;2\n", ";")) == [["a", "b"], ["1,5", "2"]]


@pytest.mark.parametrize(
    ("content", "blank_lines"),
    [
        (b"\n\na,b\n1,2\n", 2),
        (b"a,b\n\n1,2\n3,4\n", 1),
        (b"a,b\r\n1,2\r\n\r\n3,4\r\n", 1),
        (b"a,b\n1,2\n  \n\t\n3,4\n", 2),
        (b"a,b\n1,2\n3,4\n\n\n\n", 3),
    ],
)
def test_blank_lines_are_ignored_and_counted(content: bytes, blank_lines: int) -> None:
    frame = _read(content)

    assert frame["a"].tolist()[0] == "1"
    assert frame["b"].tolist()[-1] in {"2", "4"}
    assert len(frame) == content.count(b"1,2") + content.count(b"3,4")
    assert frame.attrs["blank_lines"] == blank_lines


def test_blank_lines_of_a_one_column_table_are_counted_and_blanks_are_cells() -> None:
    frame = _read(b"a\n1\n\n  \n2\n")

    assert frame["a"].tolist() == ["1", "  ", "2"]
    assert frame.attrs["blank_lines"] == 1


@pytest.mark.parametrize("rows", range(8))
def test_no_row_is_lost_or_repeated_where_chunks_meet(
    rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_table, "_CHUNK", 2)
    expected = [[str(n), f"x{n}"] for n in range(rows)]

    frame = _read(b"n,x\n" + b"".join(f"{n},x{n}\n".encode() for n in range(rows)))

    assert _cells(frame) == [["n", "x"], *expected]
    assert frame.index.tolist() == list(range(rows))


def test_a_broken_line_in_a_later_chunk_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_table, "_CHUNK", 2)

    assert "line 7 has 3 fields" in _refusal(b"a,b\n" + b"1,2\n" * 5 + b"1,2,3\n" + b"1,2\n")


_CELL = st.text(
    st.characters(codec="utf-8", exclude_characters="\0") | st.sampled_from(' ,;"\n\r\t|'),
    max_size=6,
)


@st.composite
def _tables(draw: st.DrawFn) -> list[list[str]]:
    width = draw(st.integers(1, 4))
    header = draw(st.lists(_CELL, min_size=width, max_size=width, unique=True))
    # Neither a mark nor a name without letters can be told from what it stands for elsewhere.
    header[0] = "h" + header[0] if width > 1 else "h"
    rows = draw(st.lists(st.lists(_CELL, min_size=width, max_size=width), max_size=6))
    return [header, *rows] if len(set(header)) == width else [["h"], *([row[0]] for row in rows)]


@settings(deadline=None)
@given(
    table=_tables(),
    separator=st.sampled_from(",;\t|"),
    newline=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    mark=st.sampled_from([b"", BOM]),
)
def test_whatever_a_csv_writer_writes_reads_back_identically(
    table: list[list[str]], separator: str, newline: str, quoting: Any, mark: bytes
) -> None:
    if newline == "\n" and any("\r" in cell for row in table for cell in row):
        # Some versions of the writer leave such a cell without quotes: nobody can read that.
        quoting = csv.QUOTE_ALL
    written = io.StringIO(newline="")
    writer = csv.writer(written, delimiter=separator, lineterminator=newline, quoting=quoting)
    writer.writerows(table)

    frame = _read(mark + written.getvalue().encode(), separator)

    assert _cells(frame) == table
    assert frame.attrs["blank_lines"] == 0


# --- what is refused: the file as a whole -----------------------------------------


def _zipped() -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("a.csv", "a,b\n1,2\n")
    return archive.getvalue()


TABLE = "Größe,b\n1,2\n"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(b"", "is empty", id="empty"),
        pytest.param(b"\n \n\r\n", "is empty", id="blank lines only"),
        pytest.param(BOM, "is empty", id="a byte-order mark only"),
        pytest.param(
            TABLE.encode("latin-1"),
            "line 1 is not UTF-8 text (byte 0xf6 at position 3)",
            id="Latin-1 header",
        ),
        pytest.param(
            "a,b\n1,2\nx,Malmö\n".encode("latin-1"),
            "line 3 is not UTF-8 text (byte 0xf6 at position 7)",
            id="Latin-1 cell",
        ),
        pytest.param(b"\xff\xfe" + TABLE.encode("utf-16-le"), "is UTF-16", id="UTF-16 LE, mark"),
        pytest.param(b"\xfe\xff" + TABLE.encode("utf-16-be"), "is UTF-16", id="UTF-16 BE, mark"),
        pytest.param(TABLE.encode("utf-16-le"), "line 1 holds a zero byte", id="UTF-16 LE"),
        pytest.param(TABLE.encode("utf-16-be"), "line 1 holds a zero byte", id="UTF-16 BE"),
        pytest.param(b"a,b\n1,2\n1,\x00\n", "line 3 holds a zero byte", id="zero byte"),
        pytest.param(b"\x89PNG\r\n\x1a\n\x00\x00", "line 1 is not UTF-8 text", id="binary"),
        pytest.param(_zipped(), "is a zip archive or a spreadsheet", id="zip"),
        pytest.param(gzip.compress(b"a,b\n"), "is gzip-compressed", id="gzip without its suffix"),
        pytest.param(b"PAR1\x15\x04", "is a Parquet file", id="Parquet"),
    ],
)
def test_a_file_that_is_no_table_is_refused_with_path_and_reason(
    content: bytes, reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "in.csv"

    message = _refused_load(_dataset(path, content))

    assert message.startswith(f"{path}: {reason}")


def test_a_real_parquet_file_is_recognised(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    pd.DataFrame({"a": [1]}).to_parquet(path)

    assert f"{path}: is a Parquet file" in _refused_load(_dataset(path))


def test_a_missing_file_and_a_folder_are_refused_with_their_path(tmp_path: Path) -> None:
    missing = _refused_load(_dataset(tmp_path / "nowhere" / "in.csv"))
    folder = _refused_load(_dataset(tmp_path))

    assert missing.startswith(f"{tmp_path}/nowhere/in.csv: there is no such file")
    assert folder.startswith(f"{tmp_path}: is a folder")


def test_what_the_system_refuses_is_told_with_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = _dataset(tmp_path / "in.csv", b"a,b\n1,2\n")

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(dataset, "_open", refuse)

    assert _refused_load(dataset) == f"{tmp_path}/in.csv: cannot be read (Permission denied)"


# --- what is refused: a line --------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "line", "fields"),
    [
        pytest.param(b"a,b\n1,2,3\n1,2\n1,2\n", 2, 3, id="too many in the first row"),
        pytest.param(b"a,b\n1,2\n1,2,3\n1,2\n", 3, 3, id="too many in a middle row"),
        pytest.param(b"a,b\n1,2\n1,2\n1,2,3", 4, 3, id="too many in the last row"),
        pytest.param(b"a,b\n1,2,3\n1,2,3\n1,2,3\n", 2, 3, id="too many in every row"),
        pytest.param(b"a,b\n1,2,\n1,2,\n", 2, 3, id="a separator at every line's end"),
        pytest.param(b"a,b\n1\n1,2\n1,2\n", 2, 1, id="too few in the first row"),
        pytest.param(b"a,b\n1,2\n1\n1,2\n", 3, 1, id="too few in a middle row"),
        pytest.param(b"a,b\n1,2\n1,2\n1", 4, 1, id="too few in the last row"),
        pytest.param(b"a,b,c\n1,2\n1,2\n", 2, 2, id="too few in every row"),
        pytest.param(BOM + b"a,b\r\n1,2\r\n1\r\n", 3, 1, id="after a mark and CRLF"),
        pytest.param(b'a,b\n"1\n\n5",2\n1\n', 5, 1, id="after quoted newlines"),
        pytest.param(b'a,b\n"1\r\n5",2\n1\n', 4, 1, id="after a quoted CRLF"),
        pytest.param(b"a,b\n\n \n1,2\n\n1\n", 6, 1, id="after blank lines"),
        pytest.param(b'a,b\n1,2\n1,2,"x\ny"\n', 3, 3, id="a record of two lines starts there"),
        pytest.param(b"a\n1\n1,2\n", 3, 2, id="one column, then two"),
    ],
)
def test_a_line_with_a_field_too_many_or_too_few_is_named(
    content: bytes, line: int, fields: int
) -> None:
    header = content.removeprefix(BOM).splitlines()[0].count(b",") + 1

    message = _refusal(content)

    assert message.startswith(
        f"in.csv: line {line} has {fields} fields where the header in line 1 has {header};"
    )


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"Report of May\na,b\n1,2\n", "line 2 has 2 fields where the header in line 1 has 1"),
        (b"Report\n\na,b\n1,2\n", "line 3 has 2 fields where the header in line 1 has 1"),
        (b"Report,May\na,b,c\n1,2,3\n", "line 2 has 3 fields where the header in line 1 has 2"),
        (b"\n\nReport,May\na,b,c\n", "line 4 has 3 fields where the header in line 3 has 2"),
        (b'"Report\nof May",x\na,b,c\n', "line 3 has 3 fields where the header in line 2 has 2"),
    ],
)
def test_lines_above_the_header_are_refused(content: bytes, complaint: str) -> None:
    assert complaint in _refusal(content)


@pytest.mark.parametrize(
    ("header", "separator", "complaint"),
    [
        ("a;b;c", ",", "line 1 has no ',' but 2 times ';'"),
        ("a\tb", ",", "line 1 has no ',' but 1 times '\\t'"),
        ("a|b", ",", "line 1 has no ',' but 1 times '|'"),
        ("a,b", ";", "line 1 has no ';' but 1 times ','"),
        ("a;b|c;d", ",", "line 1 has no ',' but 2 times ';'"),
    ],
)
def test_another_separator_is_found_and_named(header: str, separator: str, complaint: str) -> None:
    message = _refusal(f"{header}\n1\n".encode(), separator)

    assert complaint in message
    assert "load_args.sep" in message


@pytest.mark.parametrize(
    ("content", "line"),
    [
        pytest.param(b'"a,b\n1,2\n', 1, id="header"),
        pytest.param(b'a,b\n"1,2\n1,2\n1,2\n', 2, id="first row"),
        pytest.param(b'a,b\n1,2\n"1,2\n1,2\n', 3, id="middle row"),
        pytest.param(b'a,b\n1,2\n1,2\n"1,2\n', 4, id="last row"),
        pytest.param(b'a,b\n1,2\n1,"2', 3, id="last row, no newline"),
        pytest.param(b'a,b\n"1\n\n5",2\n"1,2\n', 5, id="after quoted newlines"),
        pytest.param(b'a,b\n\n\n1,2\n"1,2\n1,2\n', 5, id="after blank lines"),
        pytest.param(b'a,b\n"1,2\n"1",2\n', 2, id="closed by the next quote"),
        pytest.param(b'a,b\n1,2\n"1"x,2\n', 3, id="text after the closing quote"),
    ],
)
def test_a_broken_record_is_named_by_the_line_where_it_starts(content: bytes, line: int) -> None:
    assert _refusal(content).startswith(f"in.csv: the record that starts in line {line} is broken")


def test_a_bare_carriage_return_is_told_apart_from_an_open_quote() -> None:
    assert _refusal(b"a,b\n1,2\n1\r5,2\n") == (
        "in.csv: line 3 has carriage returns alone as line ends; save the file with LF or CRLF"
    )


def test_an_open_quote_stops_at_the_field_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_table, "_FIELD_LIMIT", 100)

    assert _cells(_read(b"a,b\n" + b"x" * 100 + b",2\n"))[1][0] == "x" * 100
    message = _refusal(b'a,b\n1,2\n"1,2\n' + b"1,2\n" * 40)
    assert message.startswith("in.csv: the record that starts in line 3 is broken")
    assert "field limit (100)" in message


@pytest.mark.parametrize(
    ("header", "repeated"),
    [
        ("a,b,a", "'a'"),
        ("b,a,b,c,a,b", "'a', 'b'"),
        ("a,,b,", "''"),
    ],
)
def test_all_duplicated_names_are_listed_with_the_columns_found(header: str, repeated: str) -> None:
    content = f"\n{header}\n".encode()

    with pytest.raises(ColumnsError) as refused:
        _read(content)

    assert str(refused.value) == (
        "in.csv: line 2 has column names that occur more than once: "
        f"{repeated}; found: {', '.join(header.split(','))}"
    )


# --- the dataset ----------------------------------------------------------------------


def test_gzip_is_read_by_its_suffix(tmp_path: Path) -> None:
    dataset = _dataset(tmp_path / "in.csv.gz", gzip.compress(b"a;b\n1;2\n"), load_args={"sep": ";"})

    assert _cells(dataset.load()) == [["a", "b"], ["1", "2"]]


def _damaged_gzip(position: int) -> bytes:
    whole = bytearray(gzip.compress(b"a,b\n" + bytes(range(97, 123)) * 20 + b",2\n"))
    whole[position] ^= 0xFF
    return bytes(whole)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(gzip.compress(b"a,b\n" + b"1,2\n" * 1000)[:-12], id="cut in the data"),
        pytest.param(gzip.compress(b"a,b\n1,2\n")[:-3], id="cut in the checksum"),
        pytest.param(_damaged_gzip(15), id="damaged data"),
        pytest.param(_damaged_gzip(-8), id="damaged checksum"),
        pytest.param(b"a,b\n1,2\n", id="no gzip at all"),
    ],
)
def test_a_damaged_gzip_file_is_refused_whole(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "in.csv.gz"

    message = _refused_load(_dataset(path, content))

    assert message.startswith(f"{path}: is not a whole gzip file (")


def test_an_empty_gzip_file_is_an_empty_table(tmp_path: Path) -> None:
    message = _refused_load(_dataset(tmp_path / "in.csv.gz", gzip.compress(b"")))

    assert message.startswith(f"{tmp_path}/in.csv.gz: is empty")


def test_attributes_say_where_the_table_came_from(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"

    frame = _dataset(path, b"a,b\n\n1,2\n").load()

    assert frame.attrs == {"file": str(path), "blank_lines": 1}


@pytest.mark.parametrize("path", [None, ""])
def test_no_path_is_a_table_without_anything(path: str | None) -> None:
    dataset = SessionTableDataset(filepath=path)

    frame = dataset.load()

    assert frame.shape == (0, 0)
    assert frame.attrs == {"file": None, "blank_lines": 0}
    assert dataset.file is None
    assert dataset.exists() is False


@pytest.mark.parametrize(
    "load_args",
    [
        {"sep": ";;"},
        {"sep": ""},
        {"sep": None},
        {"sep": 1},
        {"delimiter": ";"},
        {"sep": ",", "skiprows": 1},
    ],
)
def test_load_args_other_than_a_separator_are_refused(load_args: dict[str, Any]) -> None:
    with pytest.raises(DatasetError) as refused:
        SessionTableDataset(filepath="in.csv", load_args=load_args)

    assert str(load_args) in str(refused.value)


@pytest.mark.parametrize("separator", ["\n", "\r", '"'])
def test_a_separator_that_csv_gives_another_meaning_is_refused(separator: str) -> None:
    with pytest.raises(DatasetError, match="sep"):
        SessionTableDataset(filepath="in.csv", load_args={"sep": separator})


def test_metadata_is_kept_for_kedro_viz() -> None:
    metadata = {"kedro-viz": {"layer": "raw"}}

    assert SessionTableDataset(filepath="in.csv", metadata=metadata).metadata == metadata


def test_the_caller_keeps_its_load_args() -> None:
    load_args = {"sep": ";"}

    SessionTableDataset(filepath="in.csv", load_args=load_args)

    assert load_args == {"sep": ";"}


@pytest.mark.parametrize(
    ("asked", "shown"), [(1, [["1", "2"]]), (2, [["1", "2"], ["3", "4"]]), (9, None)]
)
def test_the_preview_is_the_first_rows(
    asked: int, shown: list[list[str]] | None, tmp_path: Path
) -> None:
    # The line after the preview is broken, and is not read.
    rest = b"5,6,7\n" if shown else b"5,6\n"
    dataset = _dataset(tmp_path / "in.csv", b"a,b\n1,2\n3,4\n" + rest)
    shown = shown or [["1", "2"], ["3", "4"], ["5", "6"]]

    assert dataset.preview(nrows=asked) == {
        "index": list(range(len(shown))),
        "columns": ["a", "b"],
        "data": shown,
    }


def test_the_preview_has_five_rows_unless_told_otherwise(tmp_path: Path) -> None:
    dataset = _dataset(tmp_path / "in.csv", b"a,b\n" + b"1,2\n" * 9)

    assert dataset.preview()["data"] == [["1", "2"]] * 5


def test_saving_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    dataset = _dataset(path, b"a,b\n1,2\n")

    with pytest.raises(DatasetError, match="is an input and is never written"):
        dataset.save(pd.DataFrame({"a": ["9"]}))  # type: ignore[arg-type]

    assert path.read_bytes() == b"a,b\n1,2\n"


def test_it_knows_whether_its_file_exists(tmp_path: Path) -> None:
    dataset = _dataset(tmp_path / "in.csv")
    assert dataset.exists() is False

    (tmp_path / "in.csv").write_text("a,b\n")

    assert dataset.exists() is True


def test_it_describes_itself_by_file_and_separator(tmp_path: Path) -> None:
    dataset = _dataset(tmp_path / "in.csv", load_args={"sep": ";"})

    assert dataset._describe() == {"filepath": f"{tmp_path}/in.csv", "sep": ";"}  # noqa: SLF001


def test_a_file_in_another_file_system_is_read() -> None:
    dataset = SessionTableDataset(filepath="memory:///sessions/in.csv")
    files = fsspec.filesystem("memory")
    files.pipe("/sessions/in.csv", b"a,b\n1,2\n")
    try:
        frame = dataset.load()
    finally:
        files.rm("/sessions", recursive=True)

    assert _cells(frame) == [["a", "b"], ["1", "2"]]
    assert dataset.exists() is False

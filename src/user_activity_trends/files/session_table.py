"""The dataset for tables that users bring: a CSV file, read strictly.

pandas repairs a damaged file in silence: it cuts long rows, fills short ones
and renames duplicated columns. Here the same file is one error that names the
physical line. Every cell is read as text; what the text must mean is checked
by ``user_activity_trends.sessions``, which knows the columns.
"""

import csv
import gzip
import zlib
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import PurePosixPath
from typing import IO, Any, Never, NoReturn

import fsspec
import pandas as pd
import pyarrow as pa
from kedro.io import AbstractDataset, DatasetError
from kedro.io.core import get_filepath_str, get_protocol_and_path

from user_activity_trends.errors import ColumnsError, InputFileError, listed

_CHUNK = 50_000  # records turned into columns at a time: bounds the memory held as Python text
_FIELD_LIMIT = 1 << 20  # characters in one field; a longer one is a quote that never closes
_SEPARATORS = ",;\t|"
_SIGNATURES = {
    b"\xff\xfe": "is UTF-16 text; save it as UTF-8",
    b"\xfe\xff": "is UTF-16 text; save it as UTF-8",
    b"\x1f\x8b": "is gzip-compressed; let its name end in .gz",
    b"PK\x03\x04": "is a zip archive or a spreadsheet; export the table as CSV",
    b"PAR1": "is a Parquet file; export the table as CSV, or change the type of this "
    "dataset in catalog.yml to pandas.ParquetDataset",
}


class SessionTableDataset(AbstractDataset[Never, pd.DataFrame]):
    """A CSV table from outside, every cell as text, loaded whole or refused with a reason.

    The frame's ``attrs`` say where it came from: ``file`` (its path), and
    ``blank_lines`` (how many lines were ignored because they were blank).

    Example in ``catalog.yml``::

        sessions:
          type: user_activity_trends.files.session_table.SessionTableDataset
          filepath: data/01_raw/sessions.csv.gz
          load_args: {sep: ";"}
    """

    def __init__(
        self,
        *,
        filepath: str | None,
        load_args: dict[str, Any] | None = None,
        fs_args: dict[str, Any] | None = None,
        credentials: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Describe the table; nothing is read yet.

        Args:
            filepath: Path or address of the file; a name that ends in ``.gz``
                is decompressed. ``None`` is a table without columns and rows.
            load_args: ``sep``, the character between two fields (default ``,``).
            fs_args: Arguments of the fsspec file system.
            credentials: Credentials of the fsspec file system.
            metadata: Ignored here; read by Kedro-Viz.

        Raises:
            DatasetError: ``load_args`` has an unknown name, or ``sep`` is not
                one character.
        """
        settings = {"sep": ","} | (load_args or {})
        separator = settings.pop("sep")
        usable = isinstance(separator, str) and len(separator) == 1 and separator not in '"\r\n'
        if settings or not usable:
            msg = (
                "load_args takes sep, one character such as ';', and nothing else; "
                f"it has {load_args}"
            )
            raise DatasetError(msg)
        self._separator = separator
        self.metadata = metadata
        self._path: PurePosixPath | None = None
        if filepath:
            self._protocol, path = get_protocol_and_path(filepath)
            self._path = PurePosixPath(path)
            self._fs = fsspec.filesystem(self._protocol, **(credentials or {}), **(fs_args or {}))

    @property
    def file(self) -> str | None:
        """Path or address of the file, or None if there is none."""
        return get_filepath_str(self._path, self._protocol) if self._path else None

    def leave_out(self) -> None:
        """Be a table without columns and rows from now on, as if no file had been given."""
        self._path = None

    def load(self) -> pd.DataFrame:
        """Read the whole table.

        Returns:
            One row a record, one text column a column of the file.

        Raises:
            InputFileError: The file is missing, unreadable, not UTF-8 text, or
                has a line that is not a whole record.
            ColumnsError: A column name occurs twice.
        """
        return self._read(rows=None)

    def _read(self, rows: int | None) -> pd.DataFrame:
        file = self.file
        if file is None:
            frame = pd.DataFrame()
            frame.attrs = {"file": None, "blank_lines": 0}
            return frame
        try:
            with self._open(file) as stream:
                return read_table(stream, file, self._separator, rows)
        except FileNotFoundError as error:
            msg = (
                f"{file}: there is no such file; check the path (sessions_file, new_sessions_file)"
            )
            raise InputFileError(msg) from error
        except IsADirectoryError as error:
            msg = f"{file}: is a folder, not a file; name the CSV file in it"
            raise InputFileError(msg) from error
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            msg = f"{file}: is not a whole gzip file ({error}); compress or copy it again"
            raise InputFileError(msg) from error
        except OSError as error:
            msg = f"{file}: cannot be read ({error.strerror or error})"
            raise InputFileError(msg) from error

    def _open(self, file: str) -> IO[bytes]:
        if self._fs.isdir(file):
            raise IsADirectoryError(file)
        stream: IO[bytes] = self._fs.open(file, "rb")
        return gzip.open(stream) if file.endswith(".gz") else stream  # type: ignore[return-value]

    def preview(self, nrows: int = 5) -> dict[str, Any]:
        """Return the first rows for Kedro-Viz, in pandas' ``split`` form."""
        return self._read(rows=nrows).to_dict(orient="split")

    def save(self, data: Never) -> NoReturn:  # noqa: ARG002 (Kedro's signature)
        """Refuse: tables from outside are read only."""
        msg = f"{self.file} is an input and is never written"
        raise DatasetError(msg)

    def _exists(self) -> bool:
        return self.file is not None and bool(self._fs.exists(self.file))

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self.file, "sep": self._separator}


def read_table(
    stream: IO[bytes], file: str, separator: str = ",", rows: int | None = None
) -> pd.DataFrame:
    """Read delimited text strictly.

    Accepted: a byte-order mark, CRLF, quoted separators and newlines, blank
    lines (ignored and counted).

    Args:
        stream: The bytes of the file.
        file: Its path, for messages.
        separator: Character between two fields.
        rows: Stop after this many records; ``None`` reads all.

    Returns:
        One row a record, one text column a column; see ``SessionTableDataset``
        for its ``attrs``.

    Raises:
        InputFileError: The bytes are not such text; the message names the
            physical line.
        ColumnsError: A column name occurs twice.
    """
    records = _Records(stream, file, separator)
    header = next(records, None)
    if header is None:
        msg = f"{file}: is empty; it needs a line of column names and at least one session"
        raise InputFileError(msg)
    records.expect(header)
    chunks: list[pa.Table] = []
    while chunk := list(islice(records, _CHUNK if rows is None else rows)):
        columns = [pa.array(column, pa.string()) for column in zip(*chunk, strict=True)]
        chunks.append(pa.Table.from_arrays(columns, names=header))
        if rows is not None:
            break
    schema = pa.schema([(name, pa.string()) for name in header])
    frame: pd.DataFrame = pa.concat_tables([schema.empty_table(), *chunks]).to_pandas()
    frame.attrs = {"file": file, "blank_lines": records.blank_lines}
    return frame


class _Records:
    """Iterate over the records of delimited text and watch that each is whole."""

    def __init__(self, stream: IO[bytes], file: str, separator: str) -> None:
        self.blank_lines = 0
        self._file = file
        self._separator = separator
        self._width = 0
        self._header_line = 0
        csv.field_size_limit(_FIELD_LIMIT)
        self._reader = csv.reader(_decoded_lines(stream, file), delimiter=separator, strict=True)

    def expect(self, header: list[str]) -> None:
        """Take ``header`` for the column names that every later record must match."""
        self._width = len(header)
        self._header_line = self._reader.line_num
        others = {
            other: header[0].count(other)
            for other in _SEPARATORS
            if other != self._separator and other in header[0]
        }
        if len(header) == 1 and others:
            other = max(others, key=others.__getitem__)
            msg = (
                f"{self._file}: line {self._header_line} has no {self._separator!r} but "
                f"{others[other]} times {other!r}; set load_args.sep of this dataset in catalog.yml"
            )
            raise InputFileError(msg)
        repeated = sorted(name for name, count in Counter(header).items() if count > 1)
        if repeated:
            msg = (
                f"{self._file}: line {self._header_line} has column names that occur more than "
                f"once: {', '.join(map(repr, repeated))}; found: {listed(header)}"
            )
            raise ColumnsError(msg)

    def __iter__(self) -> Iterator[list[str]]:
        return self

    def __next__(self) -> list[str]:
        while True:
            line = self._reader.line_num + 1
            try:
                record = next(self._reader)
            except csv.Error as error:
                if "new-line" in str(error):
                    msg = (
                        f"{self._file}: line {line} has carriage returns alone as line ends; "
                        "save the file with LF or CRLF"
                    )
                    raise InputFileError(msg) from error
                msg = (
                    f"{self._file}: the record that starts in line {line} is broken ({error}); "
                    "look for a quotation mark that is not closed or not doubled"
                )
                raise InputFileError(msg) from error
            if not record or (len(record) == 1 and self._width != 1 and not record[0].strip()):
                self.blank_lines += 1
                continue
            if self._width and len(record) != self._width:
                msg = (
                    f"{self._file}: line {line} has {len(record)} fields where the header in line "
                    f"{self._header_line} has {self._width}; mend the line, remove lines above the "
                    f"header, or set load_args.sep of this dataset in catalog.yml "
                    f"(now {self._separator!r})"
                )
                raise InputFileError(msg)
            return record


def _decoded_lines(stream: IO[bytes], file: str) -> Iterator[str]:
    for number, line in enumerate(stream, start=1):
        if number == 1:
            for signature, reason in _SIGNATURES.items():
                if line.startswith(signature):
                    msg = f"{file}: {reason}"
                    raise InputFileError(msg)
            line = line.removeprefix(b"\xef\xbb\xbf")  # noqa: PLW2901
        if b"\0" in line:
            msg = f"{file}: line {number} holds a zero byte, so this is not a text file in UTF-8"
            raise InputFileError(msg)
        try:
            yield line.decode()
        except UnicodeDecodeError as error:
            msg = (
                f"{file}: line {number} is not UTF-8 text (byte 0x{line[error.start]:02x} at "
                f"position {error.start + 1}); save the file as UTF-8"
            )
            raise InputFileError(msg) from error

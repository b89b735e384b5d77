"""Fetch the public data set that the project was made for.

``python -m user_activity_trends.real_data`` downloads data set 468 of the UCI
Machine Learning Repository, the Online Shoppers Purchasing Intention Dataset
(C. O. Sakar and Y. Kastro, 2018, doi:10.24432/C5F88Q, licence CC BY 4.0), and
writes it to ``data/01_raw``. What arrives is verified before it is written: names
and number of columns, number of rows, and every single value.

The values are compared by a SHA-256 of a canonical form, so that a copy which was
only saved by another program still counts as the same table. The canonical form
is computed as follows:

1. The bytes are decoded as UTF-8, without a byte order mark, and read as CSV:
   comma, double quotes, any line ends. Lines without any field are left out.
2. Every line, the header first, becomes one JSON array on a line of its own:
   ``json.dumps(cells, separators=(",", ":"))`` (ASCII only) and a line feed.
3. Each cell is taken as it stands, blanks included, and becomes

   - ``true`` or ``false``, if it is that word in any mixture of cases;
   - a JSON number, if it is a decimal number (ASCII digits, with or without sign,
     point and exponent): the shortest decimal that gives the same IEEE 754 double
     (Python's ``repr``). Minus zero becomes zero, so ``-0``, ``0`` and ``0.0`` are
     all written ``0.0``;
   - otherwise, and when empty, a JSON string.

4. The SHA-256 is taken over these lines in ASCII.

The order of rows and of columns matters; line ends, quotes around a cell, the way
a number is spelt (``1``, ``1.0``, ``1E0``) and the case of true and false do not.
"""

import argparse
import csv
import errno
import hashlib
import http.client
import io
import json
import os
import re
import shlex
import socket
import ssl
import sys
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from user_activity_trends import __version__
from user_activity_trends.errors import RealDataError
from user_activity_trends.files.atomic import AtomicLocalFileSystem
from user_activity_trends.sample_data.layout import COLUMNS

PAGE: Final = "https://archive.ics.uci.edu/dataset/468/online+shoppers+purchasing+intention+dataset"
DEFAULT_URL: Final = (
    "https://archive.ics.uci.edu/static/public/468/online+shoppers+purchasing+intention+dataset.zip"
)
CSV_NAME: Final = "online_shoppers_intention.csv"
DEFAULT_OUTPUT: Final = Path("data/01_raw") / CSV_NAME
DEFAULT_TIMEOUT: Final = 30.0
SOURCE: Final = (
    "Online Shoppers Purchasing Intention Dataset, C. O. Sakar and Y. Kastro (2018), "
    "UCI Machine Learning Repository no. 468, https://doi.org/10.24432/C5F88Q"
)
LICENCE: Final = "CC BY 4.0, https://creativecommons.org/licenses/by/4.0/"

ROWS: Final = 12_330
# pragma: allowlist nextline secret
VALUES_SHA256: Final = "99c78aeb0cea70caf051631f46c0fc23ef6a61ff05d27ac46ad627507cd4a723"
"""SHA-256 of the canonical form, described above, of the published table."""

MAX_BYTES: Final = 50_000_000
"""Limit of the answer and of the unpacked CSV; the real CSV has 1.1 million."""

WHOLE_DOWNLOAD: Final = 10
"""Timeouts that the whole answer may take, so that a trickle of bytes ends as well."""

_CHUNK = 1 << 16
_EXCERPT = 60
_LONGEST_HEADER = 2_000
_LONGEST_FACT = 800
_NAMES_SHOWN = 5
_ENCRYPTED = 0x1
_COMPRESSIONS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_ZIP_STARTS = (b"PK\x03\x04", b"PK\x05\x06")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_BOOLEANS = {"true": True, "false": False}
_TRY_AGAIN = "try again later"
_CHECK_NETWORK = "check the network connection, and https_proxy if a proxy is needed"
_CHECK_SOURCE = "the published file has changed, or something on the way altered it: " + _TRY_AGAIN
_MIN_TIMEOUT, _MAX_TIMEOUT = 0.01, 3600.0


def canonical_sha256(lines: Iterable[Sequence[str]]) -> str:
    """Hash the values of a table, however they are spelt.

    Args:
        lines: The cells of every line as text, header first.

    Returns:
        SHA-256, in hexadecimal, of the canonical form that the module describes.

    >>> plain = canonical_sha256([["pages", "sale"], ["1", "TRUE"]])
    >>> plain == canonical_sha256([["pages", "sale"], ["1.0", "True"]])
    True
    >>> plain == canonical_sha256([["pages", "sale"], ["2", "TRUE"]])
    False
    """
    digest = hashlib.sha256()
    for cells in lines:
        values = [_value(cell) for cell in cells]
        digest.update(json.dumps(values, separators=(",", ":")).encode("ascii") + b"\n")
    return digest.hexdigest()


def _value(cell: str) -> bool | float | str:
    if _NUMBER.fullmatch(cell):
        return float(cell) + 0.0  # adding zero turns -0.0 into 0.0
    return _BOOLEANS.get(cell.lower(), cell)


def read_cells(content: bytes) -> list[list[str]]:
    """Read the lines of a CSV file as text, header first.

    Args:
        content: The bytes of the file.

    Returns:
        One list of cells per line; all of them have as many cells as the first.

    Raises:
        ValueError: The bytes are not UTF-8, not CSV, or a line has more or fewer
            cells than the header.
    """
    reader = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
    lines: list[list[str]] = []
    try:
        for cells in reader:
            if not cells:
                continue
            if lines and len(cells) != len(lines[0]):
                msg = f"line {reader.line_num} has {len(cells)} fields, expected {len(lines[0])}"
                raise ValueError(msg)
            lines.append(cells)
    except csv.Error as error:
        msg = f"line {reader.line_num} is not CSV: {error}"
        raise ValueError(msg) from error
    return lines


def find_defect(content: bytes) -> str | None:
    """Say why a file is not the published table.

    Args:
        content: The bytes of the file.

    Returns:
        What was seen and what was expected, or None when the file is right.
    """
    start = content[:_LONGEST_HEADER].decode("utf-8-sig", errors="replace")
    if set(COLUMNS).isdisjoint(re.split(r'[",\r\n]+', start)):
        # A page of a portal or proxy: to speak of its lines and columns would mislead.
        seen = f"starts with {start[:_EXCERPT]!r}" if start else "is empty"
        return f"neither zip nor CSV, it {seen}"
    try:
        lines = read_cells(content)
    except UnicodeDecodeError as error:
        return f"it is not UTF-8, byte 0x{content[error.start]:02x} at position {error.start:,}"
    except ValueError as error:
        return str(error)
    return _find_wrong_shape(lines) or _find_wrong_values(lines)


def _find_wrong_shape(lines: list[list[str]]) -> str | None:
    names, rows = lines[0], len(lines) - 1
    shape = f"it has {rows:,} rows x {len(names)} columns, expected {ROWS:,} x {len(COLUMNS)}"
    if missing := [name for name in COLUMNS if name not in names]:
        return f"{shape}; missing columns: {', '.join(missing)}"
    if (rows, len(names)) != (ROWS, len(COLUMNS)):
        return shape
    for position, (seen, expected) in enumerate(zip(names, COLUMNS, strict=True), start=1):
        if seen != expected:
            return f"column {position} is {seen!r}, expected {expected!r}"
    return None


def _find_wrong_values(lines: list[list[str]]) -> str | None:
    seen = canonical_sha256(lines)
    if seen == VALUES_SHA256:
        return None
    return f"its values have the SHA-256 {seen}, expected {VALUES_SHA256}"


def fetch(output: Path, url: str = DEFAULT_URL, timeout: float = DEFAULT_TIMEOUT) -> bool:
    """Make sure that ``output`` is the published table.

    A file that is already right stays, without a look at the network. One that is
    not is replaced, but only by a download that is right.

    Args:
        output: File to write; its folder is created if need be.
        url: Where a zip archive with the CSV, or the CSV itself, is served.
        timeout: Seconds of silence after which the server is given up.

    Returns:
        Whether the file was downloaded; if not, it was there already.

    Raises:
        RealDataError: Nothing was written, and ``output`` is as it was.
    """
    _check_url(url)
    try:
        present = _read_present(output)
    except OSError as error:
        fact = f"cannot read {output}: {error.strerror or error}"
        raise _failure(fact, "choose another file with --output") from error
    if present is not None:
        defect = find_defect(present)
        if defect is None:
            return False
        print(_one_line(f"{output} is there, but not as published ({defect})."))
        print("It is replaced when a download has been verified, and kept until then.")
    print(_one_line(f"Downloading {_shown(url)}"), flush=True)
    content = _unpack(_download(url, timeout), url)
    if defect := find_defect(content):
        fact = f"{_shown(url)} did not give the data set: {defect}"
        raise _failure(fact, _CHECK_SOURCE)
    try:
        _write_whole(output, content)
    except OSError as error:
        fact = f"cannot write {output}: {error.strerror or error}"
        advice = "free space, correct the permissions, or choose another file with --output"
        raise _failure(fact, advice) from error
    return True


def _read_present(output: Path) -> bytes | None:
    if not output.exists():
        return None
    if not output.is_file():
        fact = f"{output} is not a file"
        raise _failure(fact, "name one with --output")
    with output.open("rb") as file:
        # Whatever lies there, a little more than a valid file is enough to judge it.
        return file.read(MAX_BYTES + 1)


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
    except ValueError as error:
        fact = f"--url is not an address ({error})"
        raise _failure(fact, "correct --url") from error
    if parts.scheme not in {"http", "https"}:
        fact = f"--url has the scheme {parts.scheme!r}, expected http or https"
        raise _failure(fact, "correct --url, or leave it out")
    if not parts.netloc:
        fact = f"--url names no host: {url!r}"
        raise _failure(fact, "correct --url, or leave it out")
    if "@" in parts.netloc:
        fact = "--url carries a user name or password"  # not quoted, to keep it secret
        raise _failure(fact, "leave them out")


def _shown(url: str) -> str:
    """Leave out the query, which may carry a key."""
    return urlunsplit(urlsplit(url)._replace(query="", fragment=""))


def _opener() -> urllib.request.OpenerDirector:
    # Not build_opener: its handlers for ftp and data would follow a redirection there.
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    return opener


def _download(url: str, timeout: float) -> bytes:
    request = urllib.request.Request(  # noqa: S310 - the scheme has been checked
        url, headers={"User-Agent": f"user-activity-trends/{__version__}"}
    )
    try:
        with _opener().open(request, timeout=timeout) as response:
            return _read_answer(response, url, timeout)
    except urllib.error.HTTPError as error:
        with error:
            fact = f"{_shown(url)} answered HTTP {error.code} {error.reason}"
            raise _failure(fact, "check the address, or " + _TRY_AGAIN) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        cause, advice = _explain(error, timeout)
        fact = f"cannot download {_shown(url)}: {cause}"
        raise _failure(fact, advice) from error


def _read_answer(response: http.client.HTTPResponse, url: str, timeout: float) -> bytes:
    deadline = time.monotonic() + WHOLE_DOWNLOAD * timeout
    expected = response.length
    too_large = _failure(
        f"{_shown(url)} gives more than {MAX_BYTES:,} bytes, which the data set has not",
        "check the address",
    )
    if expected is not None and expected > MAX_BYTES:
        raise too_large
    body = bytearray()
    while expected is None or len(body) < expected:
        # read1 returns what is there; read would sit in a trickle past the deadline.
        chunk = response.read1(_CHUNK)
        if not chunk:
            break
        body += chunk
        if len(body) > MAX_BYTES:
            raise too_large
        if time.monotonic() > deadline:
            msg = f"{len(body):,} bytes in {WHOLE_DOWNLOAD * timeout:g} s"
            raise TimeoutError(msg)
    if expected is not None and len(body) < expected:
        msg = f"{len(body):,} of {expected:,} bytes arrived"
        raise http.client.HTTPException(msg)
    return bytes(body)


def _explain(error: Exception, timeout: float) -> tuple[str, str]:
    """Put an error of the connection into words, and say what to do."""
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    fact, advice = str(cause), _CHECK_NETWORK
    match cause:
        case socket.gaierror():
            fact = f"the host name cannot be resolved ({cause.strerror})"
        case ConnectionRefusedError():
            fact = "the connection was refused"
        case TimeoutError():
            fact = f"the server is too slow or silent (timeout {timeout:g} s: {cause})"
            advice = f"{_TRY_AGAIN}, or allow more with --timeout SECONDS"
        case ssl.SSLError():
            fact = f"the connection cannot be secured ({cause})"
            advice = "check the date of this machine and its certificates"
        case http.client.InvalidURL() | ValueError():
            fact, advice = f"this is not a valid address ({cause})", "correct --url"
        case http.client.HTTPException() | ConnectionError():
            fact, advice = f"the answer broke off, or is not HTTP ({cause})", _TRY_AGAIN
    return fact, advice


def _unpack(answer: bytes, url: str) -> bytes:
    """Take the CSV out of a zip archive; leave anything else as it is."""
    if not answer.startswith(_ZIP_STARTS):
        return answer
    try:
        with zipfile.ZipFile(io.BytesIO(answer)) as archive:
            return _read_member(archive, url)
    except RealDataError:
        raise
    except Exception as error:  # damaged bytes make zipfile raise nearly anything
        kind = type(error).__name__  # some of them say nothing else
        fact = f"the zip archive of {len(answer):,} bytes from {_shown(url)} is damaged "
        fact += f"({kind}: {error})"
        raise _failure(fact, _TRY_AGAIN) from error


def _read_member(archive: zipfile.ZipFile, url: str) -> bytes:
    entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    entry = next((entry for entry in entries if Path(entry.filename).name == CSV_NAME), None)
    if entry is None:
        names = [repr(entry.filename[:_EXCERPT]) for entry in entries]
        fact = f"the zip archive from {_shown(url)} holds no {CSV_NAME} but "
        fact += f"{len(names)} files: {', '.join(names[:_NAMES_SHOWN])}" if names else "nothing"
        raise _failure(fact, _CHECK_SOURCE)
    if entry.flag_bits & _ENCRYPTED or entry.compress_type not in _COMPRESSIONS:
        fact = f"{CSV_NAME} in the zip archive from {_shown(url)} is encrypted or oddly compressed"
        raise _failure(fact, _CHECK_SOURCE)
    with archive.open(entry) as member:
        # Counted, not taken from the entry, which can say anything.
        content = member.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        fact = f"{CSV_NAME} from {_shown(url)} unpacks to more than {MAX_BYTES:,} bytes"
        raise _failure(fact, "do not trust this archive; check the address")
    return content


def _write_whole(output: Path, content: bytes) -> None:
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        # "File exists" alone would send people looking for the output.
        code = errno.ENOTDIR
        raise NotADirectoryError(code, os.strerror(code), output.parent) from error
    with AtomicLocalFileSystem().open(str(output), "wb") as file:
        file.write(content)


def _failure(fact: str, advice: str) -> RealDataError:
    """Build the one line that a person needs: fact, advice, and the way by hand."""
    by_hand = f"or download it by hand from {PAGE}, unpack it, and `make run SESSIONS=PATH`"
    if len(fact) > _LONGEST_FACT:
        fact = f"{fact[:_LONGEST_FACT]}..."
    return RealDataError(_one_line(f"{fact}; {advice}; {by_hand}"))


def _one_line(text: str) -> str:
    return _printable(" ".join(text.split()))


def _printable(text: str) -> str:
    # Some of it comes from a server, or is a file name that is no text: neither may
    # steer the terminal or stop the printing.
    return "".join(char if char.isprintable() else "?" for char in text)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not _MIN_TIMEOUT <= value <= _MAX_TIMEOUT:
        msg = f"{text!r} is not a number of seconds from {_MIN_TIMEOUT:g} to {_MAX_TIMEOUT:g}"
        raise argparse.ArgumentTypeError(msg)
    return value


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m user_activity_trends.real_data",
        description=f"Download and verify: {SOURCE}. Licence: {LICENCE}.",
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=DEFAULT_OUTPUT,
        metavar="PATH",
        help="file to write (default: %(default)s)",
    )
    parser.add_argument(
        "--url",
        default=DEFAULT_URL,
        help="http or https address of the zip archive or of the CSV (default: %(default)s)",
    )
    parser.add_argument(
        "--timeout",
        type=_seconds,
        default=DEFAULT_TIMEOUT,
        metavar="SECONDS",
        help="give up after so long a silence (default: %(default)g)",
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: Arguments; those of the process by default.

    Returns:
        Exit code: 0, or 1 after one line on standard error, or 130 when interrupted.
    """
    arguments = _build_parser().parse_args(argv)
    output: Path = arguments.output
    try:
        downloaded = fetch(output, arguments.url, arguments.timeout)
    except RealDataError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    done = "Wrote" if downloaded else "Nothing to download, already there:"
    place = _printable(str(output))
    print(f"{done} {place} ({ROWS:,} sessions, {len(COLUMNS)} columns, every value verified)")
    print(f"Source:  {SOURCE}")
    print(f"Licence: {LICENCE}")
    print(f"Next:    make run SESSIONS={shlex.quote(place)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Fetching the public data set, against a server on this machine."""

import errno
import hashlib
import io
import os
import socket
import ssl
import subprocess
import sys
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NoReturn

import pytest

from user_activity_trends import real_data
from user_activity_trends.errors import RealDataError, UserActivityTrendsError

PROJECT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("SHARED_DATA") or PROJECT.parent / "shared" / "data")
REAL_FILE = SHARED / real_data.CSV_NAME

HEADER = ",".join(real_data.COLUMNS)
FIRST = "0,0,0,0,1,0,0.2,0.2,0,0,Feb,1,1,1,1,Returning_Visitor,FALSE,FALSE"
SECOND = "3,87.83,0,0,27,798.3,9.83E-05,0.02,22.9,0,Mar,2,2,3,2,New_Visitor,TRUE,TRUE"
TINY = f"{HEADER}\r\n{FIRST}\r\n{SECOND}\r\n".encode()
"""Stands in for the published table wherever the test is not about its content."""

Answer = Callable[[BaseHTTPRequestHandler], None]


class Server(ThreadingHTTPServer):
    """Gives one answer to whatever is asked, and remembers the questions."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer: Answer = body(b"")
        self.agents: list[str] = []
        self.stopping = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_address[1]}/data.zip"

    def handle_error(self, request: object, client_address: object) -> None:
        """Stay quiet when a client hangs up, which is what several tests make it do."""


class Handler(BaseHTTPRequestHandler):
    """Hands each request to the answer that the test has set."""

    server: Server

    def do_GET(self) -> None:
        """Answer."""
        self.server.agents.append(self.headers["User-Agent"])
        self.server.answer(self)

    def log_message(self, *_: object) -> None:
        """Keep the output of the tests clean."""


def body(content: bytes, status: int = 200, length: int | None = None, **headers: str) -> Answer:
    """Answer with ``content``, announced as ``length`` bytes if that is given."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        request.send_header("Content-Length", str(len(content) if length is None else length))
        for name, value in headers.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(content)

    return answer


def raw(content: bytes) -> Answer:
    """Answer with these bytes, HTTP or not."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(content)

    return answer


def zipped(files: dict[str, bytes] | None = None, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Pack files, the tiny table under the published name by default."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in ({real_data.CSV_NAME: TINY} if files is None else files).items():
            archive.writestr(name, content)
    return buffer.getvalue()


@pytest.fixture
def server() -> Iterator[Server]:
    """Run a server until the test ends."""
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.stopping.set()
        running.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep a proxy of this machine out of the connections to this machine."""
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the tiny table for the published one."""
    monkeypatch.setattr(real_data, "ROWS", 2)
    digest = real_data.canonical_sha256(real_data.read_cells(TINY))
    monkeypatch.setattr(real_data, "VALUES_SHA256", digest)


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """Name a file in an empty folder."""
    return tmp_path / real_data.CSV_NAME


@pytest.fixture
def real_content() -> bytes:
    """Read the published table, where there is a copy of it."""
    if not REAL_FILE.is_file():
        pytest.skip(f"this machine cannot have {REAL_FILE}: it is not part of the project")
    return REAL_FILE.read_bytes()


def listing(folder: Path) -> dict[str, bytes | None]:
    """List everything below a folder with its content."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


def message_of_failure(output: Path, url: str, timeout: float = 5.0) -> str:
    """Fetch in vain; nothing may change, and the message must be complete."""
    before = listing(output.parent)
    with pytest.raises(RealDataError) as failure:
        real_data.fetch(output, url, timeout)
    assert listing(output.parent) == before
    message = str(failure.value)
    assert message.isprintable()
    assert message.endswith(
        f"; or download it by hand from {real_data.PAGE}, unpack it, and `make run SESSIONS=PATH`"
    )
    return message


# --- the canonical form ---------------------------------------------------------------

PLAIN = "n,flag,text\n1,TRUE,a b\n0.5,FALSE,\n"


def digest_of(text: str) -> str:
    """Hash a small table."""
    return real_data.canonical_sha256(real_data.read_cells(text.encode()))


def test_canonical_form_is_the_one_described() -> None:
    lines = [
        ["n", "True story"],
        ["-0", "tRuE"],
        ["1E2", "FALSE"],
        [".5", ""],
        ["+7.", " 1"],
        ["1e999", "\N{SNOWMAN}"],
        ["1_0", "nan"],
    ]
    expected = (
        '["n","True story"]\n[0.0,true]\n[100.0,false]\n[0.5,""]\n[7.0," 1"]\n'
        '[Infinity,"\\u2603"]\n["1_0","nan"]\n'
    )

    digest = real_data.canonical_sha256(lines)

    assert digest == hashlib.sha256(expected.encode("ascii")).hexdigest()


@pytest.mark.parametrize(
    "same",
    [
        pytest.param(PLAIN.replace("\n", "\r\n"), id="CRLF"),
        pytest.param(PLAIN.replace("\n", "\r"), id="CR"),
        pytest.param("\ufeff" + PLAIN, id="byte order mark"),
        pytest.param(PLAIN.removesuffix("\n"), id="no final line end"),
        pytest.param(PLAIN + "\n\n", id="blank lines at the end"),
        pytest.param(PLAIN.replace("1,", "1.0,"), id="1.0"),
        pytest.param(PLAIN.replace("0.5,", "5.0e-01,"), id="exponent"),
        pytest.param(PLAIN.replace("TRUE", "True").replace("FALSE", "False"), id="True"),
        pytest.param(PLAIN.replace("TRUE", "true").replace("FALSE", "false"), id="true"),
        pytest.param(PLAIN.replace("a b", '"a b"'), id="quotes"),
    ],
)
def test_spelling_does_not_change_the_hash(same: str) -> None:
    assert digest_of(same) == digest_of(PLAIN)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(PLAIN.replace("0.5", "0.5000000000000001"), id="last bit of a number"),
        pytest.param(PLAIN.replace("TRUE", "FALSE"), id="truth value"),
        pytest.param(PLAIN.replace("TRUE", "1"), id="number for truth value"),
        pytest.param(PLAIN.replace("a b", "a  b"), id="blank in a text"),
        pytest.param(PLAIN.replace("a b", "A b"), id="case of a text"),
        pytest.param("n,flag,text\n0.5,FALSE,\n1,TRUE,a b\n", id="rows swapped"),
        pytest.param("flag,n,text\nTRUE,1,a b\nFALSE,0.5,\n", id="columns swapped"),
        pytest.param(PLAIN.replace("n,flag", "m,flag"), id="column renamed"),
        pytest.param(PLAIN + "0.5,FALSE,\n", id="row more"),
        pytest.param("n,flag,text\n1,TRUE,a b\n", id="row less"),
    ],
)
def test_any_other_table_has_another_hash(other: str) -> None:
    assert digest_of(other) != digest_of(PLAIN)


def test_the_published_table_is_recognised_as_it_is_and_saved_by_pandas(
    real_content: bytes,
) -> None:
    pandas = pytest.importorskip("pandas")
    saved = pandas.read_csv(io.BytesIO(real_content)).to_csv(index=False).encode()

    assert saved != real_content
    assert real_data.find_defect(real_content) is None
    assert real_data.find_defect(saved) is None


def test_one_changed_value_of_the_published_table_is_found(real_content: bytes) -> None:
    changed = real_content.replace(b"9.83E-05", b"9.84E-05", 1)

    defect = real_data.find_defect(changed)

    assert defect is not None
    assert defect.endswith(f", expected {real_data.VALUES_SHA256}")


# --- what succeeds --------------------------------------------------------------------


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize(
    "content",
    [
        pytest.param(TINY, id="csv"),
        pytest.param(TINY.replace(b"\r\n", b"\n").replace(b"TRUE", b"True"), id="respelt csv"),
        pytest.param(zipped(), id="zip"),
        pytest.param(zipped(compression=zipfile.ZIP_STORED), id="stored zip"),
        pytest.param(
            zipped({"a/": b"", "README": b"!", f"a/{real_data.CSV_NAME}": TINY}), id="folder"
        ),
    ],
)
def test_answer_becomes_the_file(server: Server, output: Path, content: bytes) -> None:
    server.answer = body(content)

    assert real_data.fetch(output, server.url)

    expected = content if content.startswith(b"Admin") else TINY
    assert listing(output.parent) == {output.name: expected}
    assert output.stat().st_mode & 0o777 == 0o666 & ~_umask()
    assert server.agents[0].startswith("user-activity-trends/")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(
            raw(
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n" % len(TINY)
                + TINY
                + b"\r\n0\r\n\r\n"
            ),
            id="chunked",
        ),
        pytest.param(raw(b"HTTP/1.0 200 OK\r\n\r\n" + TINY), id="until the end of connection"),
    ],
)
def test_answer_without_a_length_is_read_to_its_end(
    server: Server, output: Path, answer: Answer
) -> None:
    server.answer = answer

    assert real_data.fetch(output, server.url)
    assert output.read_bytes() == TINY


@pytest.mark.usefixtures("tiny")
def test_redirection_is_followed(server: Server, output: Path) -> None:
    def answer(request: BaseHTTPRequestHandler) -> None:
        there = request.path == "/there"
        (body(TINY) if there else body(b"", status=302, Location="/there"))(request)

    server.answer = answer

    assert real_data.fetch(output, server.url)
    assert output.read_bytes() == TINY


@pytest.mark.parametrize("packed", [True, False], ids=["zip", "csv"])
def test_command_line_writes_the_real_file_and_names_the_next_command(
    server: Server,
    tmp_path: Path,
    real_content: bytes,
    packed: bool,  # noqa: FBT001 - a parameter of the test, not of an interface
    capsys: pytest.CaptureFixture[str],
) -> None:
    server.answer = body(zipped({real_data.CSV_NAME: real_content}) if packed else real_content)
    output = tmp_path / "new folder" / "sessions.csv"

    code = real_data.main(["--output", str(output), "--url", server.url, "--timeout", "5"])

    out, err = capsys.readouterr()
    assert (code, err) == (0, "")
    assert output.read_bytes() == real_content
    assert out.splitlines() == [
        f"Downloading {server.url}",
        f"Wrote {output} (12,330 sessions, 18 columns, every value verified)",
        f"Source:  {real_data.SOURCE}",
        "Licence: CC BY 4.0, https://creativecommons.org/licenses/by/4.0/",
        f"Next:    make run SESSIONS='{output}'",
    ]


@pytest.mark.usefixtures("tiny")
def test_valid_file_is_recognised_and_nothing_is_downloaded(
    server: Server, output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output.write_bytes(TINY)
    before = output.stat()

    code = real_data.main(["--output", str(output), "--url", server.url])

    assert code == 0
    assert server.agents == []
    assert output.stat().st_mtime_ns == before.st_mtime_ns
    assert capsys.readouterr().out.startswith(f"Nothing to download, already there: {output} (")


@pytest.mark.usefixtures("tiny")
def test_file_name_that_is_no_text_can_be_printed(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / os.fsdecode(b"\xff.csv")
    server.answer = body(TINY)

    code = real_data.main(["--output", str(output), "--url", server.url])

    assert code == 0
    assert f"Wrote {tmp_path}/?.csv (" in capsys.readouterr().out
    assert output.read_bytes() == TINY


@pytest.mark.usefixtures("tiny")
def test_invalid_file_is_replaced_by_a_verified_download_and_named(
    server: Server, output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output.write_bytes(TINY.replace(b"22.9", b"22.8"))
    server.answer = body(zipped())

    assert real_data.fetch(output, server.url)

    assert listing(output.parent) == {output.name: TINY}
    notice = capsys.readouterr().out.splitlines()[0]
    assert notice.startswith(f"{output} is there, but not as published (its values have the SHA")


@pytest.mark.usefixtures("tiny")
def test_invalid_file_is_kept_when_the_download_is_refused(server: Server, output: Path) -> None:
    output.write_bytes(b"my own notes")
    server.answer = body(b"<html>log in first</html>")

    message_of_failure(output, server.url)

    assert output.read_bytes() == b"my own notes"


@pytest.mark.usefixtures("tiny")
def test_link_keeps_pointing_where_it_did(server: Server, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    link = tmp_path / "link.csv"
    link.symlink_to(tmp_path / "disk" / "table.csv")
    server.answer = body(TINY)

    assert real_data.fetch(link, server.url)

    assert link.is_symlink()
    assert (tmp_path / "disk" / "table.csv").read_bytes() == TINY


# --- what is refused ------------------------------------------------------------------


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize(
    ("content", "seen"),
    [
        pytest.param(b"", "neither zip nor CSV, it is empty", id="empty"),
        pytest.param(
            b"<!DOCTYPE html>\n<p>\x1b[31mLog in",
            "neither zip nor CSV, it starts with '<!DOCTYPE html>\\n<p>\\x1b[31mLog in'",
            id="page",
        ),
        pytest.param(
            TINY + FIRST.encode(), "it has 3 rows x 18 columns, expected 2 x 18; ", id="row more"
        ),
        pytest.param(
            f"{HEADER}\n{FIRST}".encode(),
            "it has 1 rows x 18 columns, expected 2 x 18; ",
            id="less",
        ),
        pytest.param(
            f"{HEADER},Extra\n{FIRST},1\n{SECOND},2".encode(),
            "it has 2 rows x 19 columns, expected 2 x 18; ",
            id="column more",
        ),
        pytest.param(
            b"Administrative,Month\n1,Feb",
            "it has 1 rows x 2 columns, expected 2 x 18; missing columns: "
            "Administrative_Duration, Informational, Informational_Duration, ProductRelated, "
            "ProductRelated_Duration, BounceRates, ExitRates, PageValues, SpecialDay, "
            "OperatingSystems, Browser, Region, TrafficType, VisitorType, Weekend, Revenue; ",
            id="columns missing",
        ),
        pytest.param(
            TINY.replace(b"PageValues", b"Pagevalues"),
            "it has 2 rows x 18 columns, expected 2 x 18; missing columns: PageValues; ",
            id="column renamed",
        ),
        pytest.param(
            TINY.replace(b"Weekend,Revenue", b"Revenue,Weekend"),
            "column 17 is 'Revenue', expected 'Weekend'",
            id="columns swapped",
        ),
        pytest.param(TINY[:-9], "line 3 has 17 fields, expected 18", id="cut off"),
        pytest.param(
            TINY.replace(b"Feb", b'"Feb'), "line 3 is not CSV: unexpected end", id="quote"
        ),
        pytest.param(
            TINY.replace(b"Feb", b"F\xe9v"), "it is not UTF-8, byte 0xe9 at position ", id="utf8"
        ),
    ],
)
@pytest.mark.parametrize("packed", [True, False], ids=["zip", "csv"])
def test_other_content_is_refused(
    server: Server,
    output: Path,
    content: bytes,
    seen: str,
    packed: bool,  # noqa: FBT001 - a parameter of the test, not of an interface
) -> None:
    server.answer = body(zipped({real_data.CSV_NAME: content}) if packed else content)

    message = message_of_failure(output, server.url)

    assert f"{server.url} did not give the data set: {seen}" in message
    assert "; the published file has changed, or something on the way altered it" in message


@pytest.mark.usefixtures("tiny")
def test_changed_value_is_refused_with_both_hashes(server: Server, output: Path) -> None:
    changed = TINY.replace(b"22.9", b"22.8")
    server.answer = body(changed)

    message = message_of_failure(output, server.url)

    seen = real_data.canonical_sha256(real_data.read_cells(changed))
    assert f"SHA-256 {seen}, expected {real_data.VALUES_SHA256};" in message


@pytest.mark.parametrize("kept", [0.2, 0.6, 0.99])
def test_truncated_zip_is_refused(server: Server, output: Path, kept: float) -> None:
    archive = zipped()
    part = archive[: int(len(archive) * kept)]
    server.answer = body(part)

    message = message_of_failure(output, server.url)

    assert f"the zip archive of {len(part):,} bytes from {server.url} is damaged (" in message


def test_damaged_zip_content_is_refused(server: Server, output: Path) -> None:
    archive = bytearray(zipped(compression=zipfile.ZIP_STORED))
    archive[archive.index(b"22.9")] ^= 1
    server.answer = body(bytes(archive))

    assert "is damaged (BadZipFile: Bad CRC-32 for file" in message_of_failure(output, server.url)


def _zip64() -> bytes:
    """Return an archive whose end is told once more in 64 bits, as that of a large one is."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 0)
        return zipped()


def _entry(archive: bytes) -> int:
    """Return where the directory's entry of the file begins."""
    return archive.index(b"PK\x01\x02")


def _set(archive: bytes, place: int, *values: int) -> bytes:
    changed = bytearray(archive)
    place %= len(archive)
    changed[place : place + len(values)] = bytes(values)
    return bytes(changed)


DAMAGED: dict[type[Exception], bytes] = {
    zipfile.BadZipFile: _set(zipped(), 0, *b"PK\x03\x04\xff\xff", *[0xFF] * 22)[:40],
    zlib.error: _set(zipped(), 30 + len(real_data.CSV_NAME), 0xFF, 0xFF, 0xFF),
    # The directory says that there is more of the file than there is.
    EOFError: _set(
        _set(zipped(compression=zipfile.ZIP_STORED), 18, 0, 0, 1, 0),
        _entry(zipped(compression=zipfile.ZIP_STORED)) + 20,
        *(0, 0, 1, 0, 0, 0, 1, 0),
    ),
    # It says that a version of 25.5 is needed to read it.
    NotImplementedError: _set(zipped(), _entry(zipped()) + 6, 0xFF),
    # The file has no name.
    IndexError: _set(zipped(), _entry(zipped()) + 46, 0),
    # The directory begins before the archive does, or farther than a number reaches.
    ValueError: _set(zipped(compression=zipfile.ZIP_STORED), -6, 0xFF),
    OverflowError: _set(_zip64(), _zip64().index(b"PK\x06\x06") + 48, *[0xFF] * 8),
}
FOUND_BEFORE = {EOFError: zipfile.BadZipFile}
"""What Pythons raise that look for it before they read; patches of one minor version differ."""


def _read_with_zipfile(archive: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        first = opened.infolist()[0]
        return b"" if first.is_dir() else opened.read(first)


@pytest.mark.parametrize("kind", DAMAGED)
def test_whatever_zipfile_raises_a_damaged_archive_is_one_message(
    server: Server, output: Path, kind: type[Exception]
) -> None:
    archive = DAMAGED[kind]
    # The test itself: the damage is of the kind that it stands for.
    kinds = (kind, FOUND_BEFORE.get(kind, kind))
    with pytest.raises(kinds) as raised:
        _read_with_zipfile(archive)
    assert type(raised.value) in kinds
    server.answer = body(archive)

    message = message_of_failure(output, server.url)

    told = f"the zip archive of {len(archive):,} bytes from {server.url} is damaged ("
    assert f"{told}{type(raised.value).__name__}: " in message


@pytest.mark.parametrize(
    ("files", "seen"),
    [
        ({}, "nothing; "),
        ({"a.csv": b"", "b/": b""}, "1 files: 'a.csv'; "),
        (
            {f"{i}.txt": b"" for i in range(7)},
            "7 files: '0.txt', '1.txt', '2.txt', '3.txt', '4.txt'; ",
        ),
    ],
)
def test_zip_without_the_csv_is_refused(
    server: Server, output: Path, files: dict[str, bytes], seen: str
) -> None:
    server.answer = body(zipped(files))

    message = message_of_failure(output, server.url)

    assert f"holds no online_shoppers_intention.csv but {seen}" in message


def test_encrypted_zip_is_refused(server: Server, output: Path) -> None:
    archive = bytearray(zipped())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        archive[archive.index(signature) + offset] |= 1
    server.answer = body(bytes(archive))

    message = message_of_failure(output, server.url)

    assert f"{server.url} is encrypted or oddly compressed; " in message


def test_unusual_compression_is_refused(server: Server, output: Path) -> None:
    server.answer = body(zipped(compression=zipfile.ZIP_LZMA))

    assert "is encrypted or oddly compressed; " in message_of_failure(output, server.url)


def test_zip_bomb_is_refused(server: Server, output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(real_data, "MAX_BYTES", 10_000)
    server.answer = body(zipped({real_data.CSV_NAME: b"0" * 1_000_000}))

    message = message_of_failure(output, server.url)

    assert f"from {server.url} unpacks to more than 10,000 bytes; do not trust" in message


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(body(b"", length=10_001), id="announced"),
        pytest.param(raw(b"HTTP/1.0 200 OK\r\n\r\n" + b"0" * 10_001), id="sent"),
    ],
)
def test_large_answer_is_refused(
    server: Server, output: Path, monkeypatch: pytest.MonkeyPatch, answer: Answer
) -> None:
    monkeypatch.setattr(real_data, "MAX_BYTES", 10_000)
    server.answer = answer

    message = message_of_failure(output, server.url)

    assert message.startswith(f"{server.url} gives more than 10,000 bytes, ")


@pytest.mark.parametrize(
    ("status", "seen"), [(404, "HTTP 404 Not Found"), (503, "HTTP 503 Service Unavailable")]
)
def test_http_status_is_named(server: Server, output: Path, status: int, seen: str) -> None:
    server.answer = body(b"no", status=status)

    message = message_of_failure(output, f"{server.url}?key=secret#part")

    assert message.startswith(f"{server.url} answered {seen}; check the address")


@pytest.mark.parametrize("target", ["file:///etc/hostname", "ftp://127.0.0.1/x", "data:,x"])
def test_redirection_to_another_scheme_is_not_followed(
    server: Server, output: Path, target: str
) -> None:
    server.answer = body(b"", status=302, Location=target)

    message = message_of_failure(output, server.url)

    assert "is not allowed" in message or "unknown url type: ftp" in message
    assert len(server.agents) == 1


@pytest.mark.parametrize(
    ("answer", "seen"),
    [
        pytest.param(body(TINY, length=len(TINY) + 1), "bytes arrived", id="cut off"),
        pytest.param(raw(b""), "Remote end closed connection", id="no answer"),
        pytest.param(raw(b"SSH-2.0-x\r\n"), "SSH-2.0-x", id="not HTTP"),
        pytest.param(
            raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nAdm"),
            "IncompleteRead",
            id="cut off in a chunk",
        ),
    ],
)
def test_broken_answer_is_refused(server: Server, output: Path, answer: Answer, seen: str) -> None:
    server.answer = answer

    message = message_of_failure(output, server.url)

    assert message.startswith(f"cannot download {server.url}: the answer broke off, or is not HTTP")
    assert seen in message


@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nAdm"])
def test_stalled_server_is_given_up(server: Server, output: Path, begun: bytes) -> None:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(begun)
        server.stopping.wait(20)

    server.answer = answer

    message = message_of_failure(output, server.url, timeout=0.5)

    assert "the server is too slow or silent (timeout 0.5 s: timed out)" in message
    assert "allow more with --timeout SECONDS" in message


def test_trickle_of_bytes_is_given_up(
    server: Server, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        while not server.stopping.wait(0.02):
            request.wfile.write(b"0")

    # As long for the whole as for one byte: each byte comes in time, the answer does not.
    monkeypatch.setattr(real_data, "WHOLE_DOWNLOAD", 1)
    server.answer = answer

    message = message_of_failure(output, server.url, timeout=0.5)

    assert "too slow or silent (timeout 0.5 s: " in message
    assert " bytes in 0.5 s)" in message


def test_refused_connection_is_named(output: Path) -> None:
    with socket.socket() as unused:  # bound, never listening: nobody else can take the port
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/data.zip"

        message = message_of_failure(output, url)

    assert message.startswith(f"cannot download {url}: the connection was refused; check the net")


def test_https_to_a_server_without_it_is_named(server: Server, output: Path) -> None:
    message = message_of_failure(output, server.url.replace("http:", "https:"))

    assert "the connection cannot be secured (" in message
    assert "check the date of this machine and its certificates" in message


@pytest.mark.parametrize(
    ("error", "seen"),
    [
        (
            socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
            "the host name cannot be resolved (Name or service not known); check the network",
        ),
        (
            ssl.SSLCertVerificationError(1, "certificate has expired"),
            "the connection cannot be secured (certificate has expired); check the date",
        ),
        (
            OSError(errno.ENETUNREACH, "Network is unreachable"),
            f"[Errno {errno.ENETUNREACH}] Network is unreachable; check the network",
        ),
        (
            OSError("Tunnel connection failed: 407 Proxy Authentication Required"),
            "Tunnel connection failed: 407 Proxy Authentication Required; check the network",
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, OSError) else "",
)
def test_network_error_is_named(
    output: Path, monkeypatch: pytest.MonkeyPatch, error: OSError, seen: str
) -> None:
    def fail(*_: object, **__: object) -> NoReturn:
        raise error

    monkeypatch.setattr(socket, "create_connection", fail)

    message = message_of_failure(output, "http://data.invalid/data.zip")

    assert message.startswith(f"cannot download http://data.invalid/data.zip: {seen}")


@pytest.mark.parametrize(
    ("url", "seen"),
    [
        ("file:///etc/hostname", "--url has the scheme 'file', expected http or https; "),
        ("ftp://127.0.0.1/x.zip", "--url has the scheme 'ftp', expected http or https; "),
        ("data.zip", "--url has the scheme '', expected http or https; "),
        ("http://[::1/x.zip", "--url is not an address (Invalid IPv6 URL); "),
        # pragma: allowlist nextline secret
        ("http://me:secret@127.0.0.1/x.zip", "--url carries a user name or password; "),
        ("http://", "--url names no host: 'http://'; "),
        ("https:///data.zip", "--url names no host: 'https:///data.zip'; "),
        ("http://127.0.0.1:port/", "this is not a valid address (nonnumeric port: 'port'); "),
        ("http://127.0.0.1:1/a b", "this is not a valid address (URL can't contain control"),
        ("http://127.0.0.1:1/\N{SNOWMAN}", "this is not a valid address ("),
        ("http://" + "a" * 70 + ".invalid/", "this is not a valid address ("),
    ],
)
def test_address_is_refused(output: Path, url: str, seen: str) -> None:
    message = message_of_failure(output, url)

    assert seen in message
    assert "secret" not in message


def test_overlong_message_is_cut(output: Path) -> None:
    message = message_of_failure(output, "x" * 5_000 + "://")

    assert len(message) < 1_200


@pytest.mark.parametrize("place", ["folder", "pipe", "below a file", "name too long"])
@pytest.mark.usefixtures("tiny")
def test_unusable_output_is_refused(server: Server, tmp_path: Path, place: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    server.answer = body(TINY)
    seen = " is not a file; name one with --output"
    output = tmp_path / "folder"
    if place == "pipe":
        output = tmp_path / "pipe"  # opening it would wait for ever
        os.mkfifo(output)
    elif place == "below a file":
        output, seen = tmp_path / "file" / "table.csv", ": Not a directory; "
    elif place == "name too long":
        output, seen = tmp_path / ("x" * 300), ": File name too long; "

    with pytest.raises(RealDataError) as failure:
        real_data.fetch(output, server.url)

    assert f"{output}{seen}" in str(failure.value)
    assert {path.name for path in tmp_path.rglob("*")} <= {"folder", "file", "pipe"}


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize(
    ("call", "error"),
    [
        ("fsync", OSError(errno.ENOSPC, "No space left on device")),
        ("replace", PermissionError(errno.EPERM, "Not permitted")),
        ("open", PermissionError(errno.EACCES, "Permission denied")),
        ("open", OSError("odd")),
    ],
)
def test_disk_error_leaves_everything_as_it_was(
    server: Server,
    output: Path,
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    error: OSError,
) -> None:
    output.write_bytes(b"my own notes")
    server.answer = body(TINY)

    def fail(*_: object) -> NoReturn:
        raise error

    with monkeypatch.context() as patch:
        if call == "open":
            patch.setattr(real_data.AtomicLocalFileSystem, "open", fail)
        else:
            patch.setattr(os, call, fail)
        with pytest.raises(RealDataError) as failure:
            real_data.fetch(output, server.url)

    seen = error.strerror or str(error)
    assert f"cannot write {output}: {seen}; free space, correct" in str(failure.value)
    assert listing(output.parent) == {output.name: b"my own notes"}


@pytest.mark.usefixtures("tiny")
def test_unreadable_file_is_named_and_nothing_is_downloaded(
    server: Server, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output.write_bytes(TINY)

    def fail(*_: object) -> NoReturn:
        raise PermissionError(errno.EACCES, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", fail)
        with pytest.raises(RealDataError) as failure:
            real_data.fetch(output, server.url)

    assert str(failure.value).startswith(f"cannot read {output}: Permission denied; choose")
    assert server.agents == []


# --- the command line -----------------------------------------------------------------


def test_process_ends_with_one_line_and_no_traceback(output: Path) -> None:
    command = [sys.executable, "-m", "user_activity_trends.real_data"]
    command += ["--output", str(output), "--url", "file:///etc/hostname"]

    ended = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        cwd=output.parent,
        env={**os.environ, "PYTHONPATH": str(PROJECT / "src")},
    )

    assert (ended.returncode, ended.stdout) == (1, "")
    assert len(ended.stderr.splitlines()) == 1
    assert ended.stderr.startswith("--url has the scheme 'file', expected http or https; ")
    assert listing(output.parent) == {}


@pytest.mark.usefixtures("tiny")
def test_interruption_leaves_everything_as_it_was(
    server: Server,
    output: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupt(_: int) -> NoReturn:
        raise KeyboardInterrupt

    server.answer = body(TINY)
    monkeypatch.setattr(os, "fsync", interrupt)

    code = real_data.main(["--output", str(output), "--url", server.url])

    assert (code, capsys.readouterr().err) == (130, "interrupted\n")
    assert listing(output.parent) == {}


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "1e9", "soon"])
def test_useless_timeout_is_refused(seconds: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        real_data.main(["--timeout", seconds])

    assert ended.value.code == 2
    assert f"'{seconds}' is not a number of seconds from 0.01 to 3600" in capsys.readouterr().err


def test_defaults_are_the_published_address_and_the_raw_layer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[Sequence[object]] = []

    def remember(*arguments: object) -> bool:
        seen.append(arguments)
        return True

    monkeypatch.setattr(real_data, "fetch", remember)

    assert real_data.main([]) == 0
    assert seen == [
        (Path("data/01_raw/online_shoppers_intention.csv"), real_data.DEFAULT_URL, 30.0)
    ]


def test_error_belongs_to_the_tree_of_the_project() -> None:
    assert issubclass(RealDataError, UserActivityTrendsError)

"""What a run wrote, without what no two runs share: its version, and the time."""

import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from user_activity_trends.files import atomic

# Of this century: what begins with digits that are given is found forty times as fast.
VERSION = re.compile(atomic.VERSION.replace(r"\d{4}", r"20\d\d", 1).encode())
TIME = re.compile(rb"20\d\d-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\+00:00| UTC)")
TEXT = {".csv", ".html", ".json"}


def comparable(path: Path) -> bytes:
    """Return the content of a file; of one that names a version or the time, without these."""
    content = path.read_bytes()
    if path.suffix in TEXT:
        return TIME.sub(b"TIME", VERSION.sub(b"VERSION", content))
    if path.suffix != ".parquet":
        return content
    table = pq.read_table(path)
    if "model_version" not in table.column_names:
        return content
    assert len(set(table["model_version"].to_pylist())) == 1
    sink = pa.BufferOutputStream()
    rest = table.drop(["model_version"]).replace_schema_metadata()
    with pa.ipc.new_stream(sink, rest.schema) as stream:
        stream.write_table(rest)
    return sink.getvalue().to_pybytes()

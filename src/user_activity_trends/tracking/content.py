"""What MLflow gets of a model version, in names and lengths that it accepts.

MLflow limits both. Nothing is lost by that: what is shortened says so and names
the file that has the whole, and what is renamed can still be told apart.
"""

import hashlib
import json
import math
import posixpath
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

WHOLE = "model_record.json"
"""The artifact that has everything, as it is."""
LONGEST_NAME = 250
LONGEST_PARAMETER = 6_000
LONGEST_TAG = 8_000
LONGEST_DIGEST = 36

_ACCEPTED = re.compile(r"[/\w.\- ]+")
_KEPT_OF_A_NAME = 200
_ELSEWHERE = ("version", "parameters", "metrics", "scores", "cluster_choice")
"""Parts of a record that are told otherwise, the last one in the file only."""


class Measured(NamedTuple):
    """One value of a metric."""

    name: str
    value: float
    step: int


def parameters(record: Mapping[str, Any]) -> dict[str, str]:
    """Return each setting by its dotted path.

    >>> parameters({"parameters": {"sweep": {"k_max": 10}, "recipe": "base", "columns": {}}})
    {'sweep.k_max': '10', 'recipe': 'base', 'columns': '{}'}
    """
    return _texts(record["parameters"], LONGEST_PARAMETER)


def tags(record: Mapping[str, Any]) -> dict[str, str]:
    """Return what a version can be found by: data, code, packages, recipe; no unknowns."""
    rest = {name: value for name, value in record.items() if name not in _ELSEWHERE}
    return _texts(rest, LONGEST_TAG, unknowns=False)


def metrics(record: Mapping[str, Any]) -> list[Measured]:
    """Return the training metrics, and the scores of the sweep with k as their step.

    What is not a finite number is left out: MLflow would draw it as one.
    """
    found = [
        Measured(f"training.{safe_name(path)}", float(value), 0)
        for path, value in _leaves(record["metrics"])
        if _is_number(value)
    ]
    for row in record["scores"]:
        found += [
            Measured(f"sweep.{safe_name(name)}", float(value), int(row["k"]))
            for name, value in row.items()
            if name != "k" and _is_number(value)
        ]
    return found


def milliseconds(moment: str) -> int:
    """Return an ISO 8601 time as MLflow counts it.

    >>> milliseconds("1970-01-01T00:00:02.500Z")
    2500
    """
    return round(datetime.fromisoformat(moment).timestamp() * 1_000)


def safe_name(name: str) -> str:
    r"""Return a name that MLflow accepts; one that it refuses is told apart by a digest.

    >>> safe_name("sweep.k_max"), safe_name("caf\u00e9 / price")
    ('sweep.k_max', 'café / price')
    >>> safe_name("a'b;"), safe_name("../x")
    ('a_b_-bd626ad6', '__x-d6b96a97')
    """
    fits = len(name) <= LONGEST_NAME and _ACCEPTED.fullmatch(name) is not None
    if fits and posixpath.normpath(name) == name and not name.startswith((".", "/", "mlflow.")):
        return name
    kept = re.sub(r"^\.+|[^\w.\- ]", "_", name)[:_KEPT_OF_A_NAME]
    return _told_apart(kept, name)


def as_text(value: object) -> str:
    r"""Return a value as one line of text that every database can hold.

    >>> as_text("plain"), as_text(None), as_text([1, "b"]), as_text("a\x00b")
    ('plain', 'null', '[1, "b"]', '"a\\u0000b"')
    """
    if isinstance(value, str):
        return value if value.isprintable() else json.dumps(value)
    return json.dumps(value)


def shortened(text: str, most: int) -> str:
    """Return a text that MLflow accepts; a longer one ends in where the whole is.

    >>> shortened("x" * 100, 60)
    'xxxxxxxxxxxxxx... (100 characters, whole: model_record.json)'
    """
    if len(text) <= most:
        return text
    end = f"... ({len(text)} characters, whole: {WHOLE})"
    return text[: most - len(end)] + end


def _texts(nested: Mapping[str, Any], most: int, *, unknowns: bool = True) -> dict[str, str]:
    found: dict[str, str] = {}
    for path, value in _leaves(nested):
        if value is not None or unknowns:
            name = safe_name(path)
            # A key that has a dot itself may spell another key's path.
            name = (
                _told_apart(name[:_KEPT_OF_A_NAME], f"{path}{len(found)}")
                if name in found
                else name
            )
            found[name] = shortened(as_text(value), most)
    return found


def _leaves(nested: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in nested.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{path}{name}.")
        else:
            yield f"{path}{name}", value


def _told_apart(kept: str, whole: str) -> str:
    digest = hashlib.sha256(whole.encode(errors="surrogatepass")).hexdigest()[:8]
    return f"{kept.removeprefix('mlflow.')}-{digest}"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)

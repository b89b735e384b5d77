"""What runs have written, comparable from one root to another."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from comparable import comparable

from user_activity_trends.files import atomic

VERSION = re.compile(atomic.VERSION)
SUMMARY = "08_reporting/run_summary.json"
HIDDEN = ".claims"


def contents(root: Path) -> dict[str, str]:
    """Hash every output by its place; versions and times are left out, the newest one counts.

    ``run_summary`` is left out; see ``summary``.
    """
    found = {}
    for path in sorted(root.rglob("*")):
        place = path.relative_to(root)
        if path.is_file() and HIDDEN not in place.parts and str(place) != SUMMARY:
            plain = "/".join(part for part in place.parts if not VERSION.fullmatch(part))
            found[plain] = hashlib.sha256(comparable(path)).hexdigest()
    return found


def versions(root: Path) -> dict[str, list[str]]:
    """Return the versions of every versioned output, the oldest first."""
    found: dict[str, list[str]] = {}
    for path in sorted(root.rglob("*Z*")):
        if path.is_dir() and VERSION.fullmatch(path.name):
            found.setdefault(path.parent.name, []).append(path.name)
    return found


def leftovers(root: Path) -> list[Path]:
    """Return the files that writing leaves behind when it is interrupted."""
    return list(root.rglob("*.partial"))


def summary(root: Path) -> dict[str, Any]:
    """Return ``run_summary`` without what no two runs share: versions, places and timings."""
    told = json.loads((root / SUMMARY).read_text(encoding="utf-8"))
    assert VERSION.fullmatch(told.pop("run_id"))
    results = {
        name: VERSION.sub("", path.removeprefix(str(root)))
        for name, path in told["results"].items()
    }
    for name in {"judged", "in_use"} & {*told}:
        told[name] = VERSION.sub("", told[name])
    return told | {"results": results, "seconds": sorted(told["seconds"])}

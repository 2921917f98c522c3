"""Which records a published figure was drawn from, so that one whose records changed is found out.

FOLDER/manifest.json has, for each figure, the SHA-256 of its records and of its files, the command that made
the records and the revision that it ran at.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from research.errors import InvalidInput

RECORDS = ("parquet", "json")


def state(folder: Path, name: str, files: Sequence[Path], records: str | None = None) -> None:
    """State that these files of `folder`, the figure NAME, show the records as they are now.

    Args:
        records: whose records; None: NAME's own.
    """
    records = records or name
    about = json.loads((folder / f"{records}.json").read_text())
    entries = read(folder)
    entries[name] = {
        "command": about["command"],
        "revision": about["provenance"]["revision"],
        "records": _hashes(folder / f"{records}.{kind}" for kind in RECORDS),
        "files": _hashes(files),
    }
    text = json.dumps(dict(sorted(entries.items())), indent=1)
    (folder / "manifest.json").write_text(text + "\n")


def read(folder: Path) -> dict[str, Any]:
    """The manifest's entries by figure; none where there is no manifest.

    Raises:
        InvalidInput: it is no manifest.
    """
    path = folder / "manifest.json"
    try:
        entries = json.loads(path.read_text())
        if all(isinstance(entry[part], dict) for entry in entries.values() for part in ("records", "files")):
            return entries
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError, KeyError, TypeError):
        pass  # there are many ways to damage a file
    raise InvalidInput("figures", str(path), "is no manifest; delete it, and draw the figures again")


def stale(folder: Path) -> dict[str, str]:
    """The figures of `folder` that do not show its records, each with the reason."""
    found = {}
    for name, entry in read(folder).items():
        said = entry["records"] | entry["files"]
        now = _hashes(folder / file for file in said)
        changed = sorted(file for file in said if said[file] != now[file])
        if changed:
            found[name] = f"{', '.join(changed)} changed since the figure was drawn"
    return found


def _hashes(paths: Iterable[Path]) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "missing"
        for path in paths
    }

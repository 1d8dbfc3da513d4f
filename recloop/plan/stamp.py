"""The proof beside an exhibit of what it was made from, so that a stale one is never taken for current.

Exhibits have short names that stay the same when the tier, a setting or the code changes. Their stamp
holds the hash of all they depend on and of every file made; it is compared whenever a workflow is
planned, with or without Snakemake's own memory.
"""

import json
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from recloop.storage.files import sha256_of
from recloop.storage.timing import timed


def stamp(path: Path, key: str, files: Iterable[Path]) -> None:
    """Write what an exhibit was made from and the hash of each of its files."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made = {str(file): sha256_of(Path(file)) for file in files}
    path.write_text(json.dumps({"key": key, "files": made}, indent=1))


def is_current(path: Path, key: str) -> bool:
    """Check whether the stamp has this key and all its files are as they were made."""
    try:
        made = json.loads(path.read_text())
        return made["key"] == key and all(
            sha256_of(Path(file)) == was for file, was in made["files"].items()
        )
    except (OSError, ValueError, KeyError, AttributeError):
        return False


def seal(path: Path, key: str, place: Path) -> str:
    """Return a file for an exhibit to depend on: old while its stamp is current, new when it is not."""
    place.parent.mkdir(parents=True, exist_ok=True)
    current = is_current(path, key)
    # Snakemake does not believe in a new time alone where the content is the same.
    text = key if current else f"{key}, not current at {time.time()}"
    if not place.exists() or place.read_text() != text:
        place.write_text(text)
    os.utime(place, (1, 1) if current else None)
    return str(place)


def make(build: Callable, job: Path) -> None:
    """Make an exhibit and stamp it.

    Args:
        build: a function of recloop.report.
        job: JSON file with `settings`, the keywords of the function, and `made`: the `stamp`, the `key` that goes into
            it, and the `files` whose hashes do.
    """
    given = json.loads(job.read_text(encoding="utf-8"))
    settings, made = given["settings"], given["made"]
    named = [name for name in ("scores", "splits", "runs") if name in settings]
    lists = {name: [Path(file) for file in settings[name]] for name in named}
    paths = {name: Path(settings[name]) for name in ("output", "reported") if name in settings}
    with timed():
        build(**settings | lists | paths)
    stamp(Path(made["stamp"]), made["key"], map(Path, made["files"]))

"""Rows of published JSON: a list in one file, or an object a line, perhaps packed; nothing in them is run."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from recloop.data.quarantine import MalformedError, decompressing

Row = dict[str, Any]


def read_rows(
    path: Path, fault: Callable[[Mapping[str, Any]], str | None], max_malformed: float = 0.0
) -> list[Row]:
    """Read the rows of a file that are as they should be.

    Args:
        path: ends in .json, .jsonl or .jsonl.gz.
        fault: says what is wrong with a row; None where nothing is.
        max_malformed: largest tolerated share of rows that cannot be used.

    Raises:
        MalformedError: no file, another format, or too many such rows; names the first.
    """
    good: list[Row] = []
    bad: list[str] = []
    for number, row in enumerate(rows_of(path), start=1):
        found = fault(row) if isinstance(row, dict) else "is no object"
        bad += [f"row {number} {found}"] if found else []
        good += [] if found else [row]
    if not good or len(bad) > max_malformed * (len(good) + len(bad)):
        first = bad[0] if bad else "no row in it"
        raise MalformedError(
            f"{path}: {len(bad)} of {len(good) + len(bad)} rows cannot be used, at most "
            f"{max_malformed:.0%} may be so; {first}"
        )
    return good


def rows_of(path: Path) -> Iterator[Any]:
    """List what stands in a file, object by object.

    Raises:
        MalformedError: it is missing, packed badly, or no JSON.
    """
    if not path.exists():
        raise MalformedError(f"{path}: expected this file, found none; fetch it again")
    try:
        with decompressing(path):
            packed = path.suffix == ".gz"
            text = (gzip.decompress(path.read_bytes()) if packed else path.read_bytes()).decode()
        if path.suffix == ".json":
            yield from json.loads(text)
            return
        for line in text.split("\n"):
            if line.strip():
                yield json.loads(line)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError, TypeError) as fault:
        raise MalformedError(f"{path}: cannot be read as JSON ({fault})") from None


def lacks_text(row: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    """Say which of some fields of a row is no text, or an empty one."""
    for name in names:
        value = row.get(name)
        if isinstance(value, bool):
            continue  # an answer of one word that JSON took for a truth value
        if not isinstance(value, str) or not value.strip():
            return f"has no text as {name}"
    return None

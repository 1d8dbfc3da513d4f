"""Released JSON files: lists of entries, each either usable or set aside with the reason why it is not."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import polars as pl

from recloop.data.quarantine import MALFORMED, MalformedError

Fault = Callable[[Any], str | None]


def read_json(path: Path, kind: type = list) -> Any:
    """Read a JSON file whose outermost value is of a kind.

    Raises:
        MalformedError: it is missing, no JSON, or holds another kind of value.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise MalformedError(f"{path}: no such file. Fetch the source again.") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as fault:
        raise MalformedError(
            f"{path}: not JSON ({fault}). Delete it and fetch the source again."
        ) from fault
    if not isinstance(content, kind) or not content:
        raise MalformedError(
            f"{path}: expected a {kind.__name__} with at least one entry, found "
            f"{type(content).__name__}. Is it the file of another data set?"
        )
    return content


def part(
    entries: Iterable[Any], path: Path, fault_of: Fault, max_malformed: float
) -> tuple[list[Any], pl.DataFrame]:
    """Part usable entries from malformed ones; `line` is the number of an entry from 1 on.

    Raises:
        MalformedError: a larger share than `max_malformed` is malformed.
    """
    good, bad, number = [], [], 0
    for number, entry in enumerate(entries, start=1):
        reason = fault_of(entry)
        if reason is None:
            good.append(entry)
        else:
            text = json.dumps(entry)[:500]
            bad.append({"file": path.name, "line": number, "text": text, "reason": reason})
    if len(bad) > max_malformed * number:
        raise MalformedError(
            f"{path}: {len(bad)} of {number} entries are malformed, more than the tolerated share "
            f"{max_malformed:g}. The first one, entry {bad[0]['line']}, {bad[0]['reason']}: "
            f"{bad[0]['text'][:80]}. Fetch the file again."
        )
    return good, pl.DataFrame(bad, schema=MALFORMED)


def lacks_text(entry: Any, *keys: str) -> str | None:
    """Describe which key of an entry holds no text; None where all do."""
    if not isinstance(entry, dict):
        return "is no object"
    for key in keys:
        if not isinstance(entry.get(key), str) or not entry[key].strip():
            return f"has no text as {key}"
    return None

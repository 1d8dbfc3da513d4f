"""Tables that lie beside the events, one row per item: read by their header, with the place of every fault.

They are small and written by hand or by a shop's export, so that nothing is set aside: the first fault stops.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from recloop.data.quarantine import MalformedError

SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}


def read_companion(
    path: Path, key: str, columns: Sequence[str] = (), required: Sequence[str] = ()
) -> pl.DataFrame:
    """Read a comma-separated file with a header as text; what is empty is null.

    Args:
        path: the file, UTF-8; fields that hold commas stand in double quotes.
        key: the column that names the item; it stands once for each item.
        columns: the other columns that may be there, in any order; any where none are named.
        required: those that must be there.

    Raises:
        MalformedError: says path, line and what was expected.
    """
    lines = _records(path)
    _, header = next(lines, (1, []))
    header = [name.strip() for name in header]
    _check_header(path, header, key, columns, required)
    rows, seen = [], {}
    for line, fields in lines:
        _check_row(path, line, fields, header)
        row = dict(zip(header, fields, strict=True))
        row[key] = row[key].strip()
        _check_key(path, line, row[key], key, seen)
        rows.append({name: text or None for name, text in row.items()})
    return pl.DataFrame(rows, schema=dict.fromkeys(header, pl.String))


def read_text(path: Path) -> str:
    """Read a text file in UTF-8.

    Raises:
        MalformedError: it is missing, empty, or a line of it is not UTF-8.
    """
    if not path.is_file():
        raise MalformedError(f"{path}: no such file. Fetch the source again.")
    content = path.read_bytes()
    if not content.strip():
        raise MalformedError(f"{path}: empty file. Delete it and fetch the source again.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        line = content.count(b"\n", 0, fault.start) + 1
        text = content.splitlines()[line - 1][:80]
        raise MalformedError(
            f"{path}: line {line} is not UTF-8: {text!r}. Save the file as UTF-8."
        ) from None


def _records(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield every record with the number of the line on which it begins; skip empty lines."""
    reader = csv.reader(io.StringIO(read_text(path), newline=""), strict=True)
    line = 1
    try:
        for fields in reader:
            if fields:
                yield line, fields
            line = reader.line_num + 1
    except csv.Error as fault:
        raise MalformedError(
            f"{path}: line {line}: {fault}. Fields with commas or quotes stand in double quotes, "
            "quotes inside them twice."
        ) from None


def _check_header(
    path: Path, header: list[str], key: str, columns: Sequence[str], required: Sequence[str]
) -> None:
    lacking = [name for name in (key, *required) if name not in header]
    unknown = [name for name in header if columns and name not in (key, *columns)]
    twice = len(set(header)) < len(header)
    if lacking or unknown or twice:
        other = [word for mark, word in SEPARATORS.items() if mark in "".join(header)]
        hint = f" Are the fields separated by {other[0]}? They must be by commas." if other else ""
        more = [name for name in columns if name not in required]
        expected = ", ".join([key, *required]) + (f" and any of {', '.join(more)}" if more else "")
        raise MalformedError(
            f"{path}: line 1 names the columns {', '.join(header)}, expected {expected}.{hint}"
        )


def _check_row(path: Path, line: int, fields: list[str], header: list[str]) -> None:
    if len(fields) != len(header):
        raise MalformedError(
            f"{path}: line {line} has {len(fields)} fields, expected {len(header)}: "
            f"{', '.join(header)}. Found: {','.join(fields)[:80]!r}."
        )


def _check_key(path: Path, line: int, name: str, key: str, seen: dict[str, int]) -> None:
    if not name:
        raise MalformedError(f"{path}: line {line} has no {key}.")
    if name in seen:
        raise MalformedError(
            f"{path}: line {line}: {key} {name!r} stands on line {seen[name]} already, expected "
            "once. Delete one of them."
        )
    seen[name] = line

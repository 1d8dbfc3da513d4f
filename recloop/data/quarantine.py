"""Lines of a raw file, each either a row or set aside with the reason why it is none."""

from __future__ import annotations

import gzip
import math
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl

MALFORMED = {"file": pl.String, "line": pl.Int64, "text": pl.String, "reason": pl.String}


class MalformedError(ValueError):
    """A raw file is missing, empty, of another format, or has too many malformed lines."""


@dataclass(frozen=True)
class Checked:
    """The good rows of one file beside the lines that were set aside.

    Args:
        rows: the declared columns plus `line`, the 1-based line number.
        malformed: `MALFORMED` columns, one row per line set aside.
        lines: how many lines were looked at, header not counted.
    """

    rows: pl.LazyFrame
    malformed: pl.DataFrame
    lines: int


def manifest_of(path: Path) -> str:
    """Return the manifest of a raw file in `data/raw/<source>` or, for a world, `data/raw/<source>-<key>`."""
    return f"sources/{re.sub(r'-[0-9a-f]{8}$', '', path.parent.name)}.yaml"


@contextmanager
def decompressing(path: Path) -> Iterator[None]:
    """Raise an error with the file's name where a decompressor finds it damaged.

    Raises:
        MalformedError: it is cut short, bytes in it have changed, or others stand behind its end.
    """
    try:
        yield
    except (OSError, EOFError, zlib.error) as fault:
        if path.suffix != ".gz":
            raise
        raise MalformedError(
            f"{path}: truncated or damaged, or other bytes stand behind its end ({fault}); fetch "
            "again: delete the file and start once more."
        ) from fault


def missing(column: str) -> pl.Expr:
    """Check where a text column is null or blank."""
    return pl.col(column).is_null() | (pl.col(column).str.strip_chars() == "")


def whole(column: str) -> pl.Expr:
    """Read whole numbers; anything else becomes null."""
    return pl.col(column).cast(pl.Int64, strict=False)


def read_fields(
    path: Path,
    columns: Sequence[str],
    separator: str,
    header: bool = False,
    texts: Sequence[str] = (),
) -> pl.LazyFrame:
    """Split every line into text columns; `width` counts the fields that it really has.

    Blanks around a field are no part of it, so that ids that differ by them alone are one.

    Args:
        path: the file.
        columns: names of the fields.
        separator: between the fields.
        header: whether the first line names the columns.
        texts: columns that are kept as they are, blanks included.
    """
    _look_at_first_line(path, separator.join(columns) if header else None)
    fields = pl.col("text").str.split_exact(separator, len(columns) - 1)
    width = pl.col("text").str.count_matches(separator, literal=True) + 1
    rows = _scan_lines(path).filter(pl.col("line") > int(header))
    rows = rows.with_columns(
        fields.struct.rename_fields(list(columns)).alias("fields"),
        width.fill_null(0).alias("width"),
    ).unnest("fields")
    stripped = [column for column in columns if column not in texts]
    return rows.with_columns(pl.col(stripped).str.strip_chars())


def read_lines(path: Path) -> pl.LazyFrame:
    """Scan every line as `text` with its number, for formats whose lines differ in width."""
    _look_at_first_line(path, None)
    return _scan_lines(path)


def separate(
    rows: pl.LazyFrame,
    path: Path,
    problems: Mapping[str, pl.Expr],
    max_malformed: float,
    width: int | None = None,
) -> Checked:
    """Part good rows from malformed ones.

    Args:
        rows: from `read_fields` or `read_lines`.
        path: the file they come from, for messages.
        problems: reason to an expression that is true (or null) where a row is wrong.
        max_malformed: largest tolerated share of malformed lines.
        width: how many fields a line must have.
    """
    broken = {"is not UTF-8": pl.col("text").str.contains("\ufffd", literal=True).fill_null(False)}
    if width is not None:
        broken[f"does not have {width} fields"] = pl.col("width") != width
    problems = broken | dict(problems)
    reason = _first_reason(problems)
    counted = rows.select(pl.len(), reason.is_not_null().sum())
    with decompressing(path):
        lines, bad = counted.collect(engine="streaming").row(0)
    if not lines:
        raise MalformedError(f"{path}: no rows. Expected at least one; fetch the file again.")
    if bad > max_malformed * lines:
        raise MalformedError(_too_many(rows, reason, path, lines, bad, max_malformed))
    malformed = pl.DataFrame(schema=MALFORMED)
    if bad:
        malformed = _set_aside(rows, reason, path).collect(engine="streaming")
        rows = rows.filter(reason.is_null())
    return Checked(rows.drop("width", strict=False), malformed, lines)


def _scan_lines(path: Path) -> pl.LazyFrame:
    return pl.scan_csv(
        path,
        has_header=False,
        separator="\n",  # so that a whole line is one column
        quote_char=None,
        schema={"text": pl.String},
        encoding="utf8-lossy",  # a broken byte spoils its own line only
        row_index_name="line",
        row_index_offset=1,
        glob=False,
    ).with_columns(pl.col("line").cast(pl.Int64))


def _look_at_first_line(path: Path, header: str | None) -> None:
    if not path.exists():
        raise MalformedError(f"{path}: no such file. Fetch the source again.")
    if not path.stat().st_size:
        raise MalformedError(f"{path}: empty file. Delete it and fetch the source again.")
    opened = gzip.open if path.suffix == ".gz" else open
    with decompressing(path), opened(path, "rb") as file:
        first = file.readline().decode("utf-8", "replace").strip("\r\n\ufeff")
    if header is not None and first != header:
        raise MalformedError(
            f"{path}: the first line is {first[:200]!r}, expected {header!r}. "
            "Is it the file of another data set?"
        )


def _first_reason(problems: Mapping[str, pl.Expr]) -> pl.Expr:
    return pl.coalesce(
        pl.when(wrong.fill_null(True)).then(pl.lit(reason)) for reason, wrong in problems.items()
    )


def _set_aside(rows: pl.LazyFrame, reason: pl.Expr, path: Path) -> pl.LazyFrame:
    columns = pl.lit(path.name).alias("file"), "line", pl.col("text").fill_null("")
    return rows.select(*columns, reason.alias("reason")).filter(pl.col("reason").is_not_null())


def _too_many(
    rows: pl.LazyFrame, reason: pl.Expr, path: Path, lines: int, bad: int, max_malformed: float
) -> str:
    examples = _set_aside(rows, reason, path).head(3).collect(engine="streaming")
    shown = "; ".join(
        f"line {row['line']} {row['reason']}: {row['text'][:80]!r}"
        for row in examples.iter_rows(named=True)
    )
    return (
        f"{path}: {bad} of {lines} lines are malformed, more than the tolerated share "
        f"{max_malformed:g}. First ones: {shown}. "
        f"Fetch the file again, or, if these lines are known to be bad, raise max_malformed in "
        f"{manifest_of(path)}: reading: {{max_malformed: {math.ceil(100 * bad / lines) / 100:g}}}."
    )

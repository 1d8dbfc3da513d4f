"""Published tables with a word and its measures on each line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from recloop.data.quarantine import MalformedError


def read_measures(
    path: Path,
    texts: Sequence[str],
    numbers: Sequence[str],
    separator: str = ",",
    quote: str | None = '"',
) -> pl.DataFrame:
    """Read some columns of a table, every line of it.

    Args:
        path: the file.
        texts: columns that are kept as text, none of them empty.
        numbers: columns that have to be finite numbers.
        separator: between the fields.
        quote: mark around fields with a separator in them; None where marks are part of the words.

    Raises:
        MalformedError: no such file or column, a line of another width, an empty text, or no number.
    """
    try:
        rows = pl.read_csv(path, separator=separator, quote_char=quote, infer_schema=False)
    except (pl.exceptions.PolarsError, OSError) as fault:
        raise MalformedError(
            f"{path}: cannot be read as a table ({str(fault).splitlines()[0]})"
        ) from None
    if lacking := [name for name in (*texts, *numbers) if name not in rows.columns]:
        raise MalformedError(
            f"{path}: expected a column '{lacking[0]}', found {', '.join(rows.columns)}"
        )
    read = rows.select(*texts, *(pl.col(name).cast(pl.Float64, strict=False) for name in numbers))
    wrong = [pl.col(name).fill_null("").str.strip_chars() == "" for name in texts]
    wrong += [~pl.col(name).is_finite().fill_null(False) for name in numbers]
    bad = read.with_row_index("line", 2).filter(pl.any_horizontal(wrong))
    if bad.height or read.is_empty():
        where = f"line {bad['line'][0]} has an empty word or no number" if bad.height else "no line"
        raise MalformedError(f"{path}: {bad.height} of {read.height} lines are malformed; {where}")
    return read

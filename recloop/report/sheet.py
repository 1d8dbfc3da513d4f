"""CSV files that a spreadsheet opens as text and numbers: no cell of a foreign title becomes a formula."""

from pathlib import Path

import polars as pl
import polars.selectors as cs

COMPUTED = r"[=+\-@\t\r]"  # what a formula begins with
FORMULA = rf"^'*{COMPUTED}"  # a text's own apostrophes get one more, so that `read` gives them back
NUMBER = r"^[+\-]?[\d.,]+([eE][+\-]?\d+)?$"


def write(frame: pl.DataFrame, path: Path) -> None:
    """Write a table as CSV, with an apostrophe before each text that a spreadsheet would compute (OWASP)."""
    texts = frame.select(cs.string()).columns
    frame.with_columns(map(harmless, texts)).write_csv(path)


def harmless(name: str) -> pl.Expr:
    """Put an apostrophe before the formulas of a column of texts."""
    text = pl.col(name)
    formula = text.str.contains(FORMULA) & ~text.str.contains(NUMBER)
    return pl.when(formula).then("'" + text).otherwise(text).alias(name)


def read(path: Path, schema: dict) -> pl.DataFrame:
    """Read what `write` wrote, without its apostrophes.

    Args:
        path: of the CSV.
        schema: types of columns that the first values do not tell.
    """
    frame = pl.read_csv(path, schema_overrides=schema)
    return frame.with_columns(cs.string().str.replace(rf"^'('*{COMPUTED})", "${1}"))

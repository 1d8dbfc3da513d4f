"""Letters, the embedded world of texts: its pairs, and how long its sentences were looked at."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from recloop.data.json_rows import lacks_text, read_rows
from recloop.data.measured_words import read_measures
from recloop.data.readings import FEATURES

PAIRS, WORDS = "pairs.jsonl", "words.csv"
COLUMNS = ("prompt", "chosen", "rejected", "kind")


def read_pairs(raw: Path) -> pl.DataFrame:
    """Read the pairs of letters."""
    rows = read_rows(raw / PAIRS, lambda row: lacks_text(row, COLUMNS))
    return pl.DataFrame(rows).select(*COLUMNS, pl.lit(None, dtype=pl.String).alias("part"))


def read_words(raw: Path, features: str = "all") -> pl.DataFrame:
    """Read the measured words, with all features or one of them."""
    wanted = FEATURES if features == "all" else (features,)
    rows = read_measures(raw / WORDS, ("word",), ("sentence", "position", *wanted))
    return rows.with_columns(pl.col("sentence", "position").cast(pl.Int64))

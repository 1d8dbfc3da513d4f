"""Five measures of reading for each word of ZuCo's sentences, as the CMCL 2021 shared task released them.

Hollenstein et al. CMCL 2021 Shared Task on Eye-Tracking Prediction. 2021. The test file of the release has no labels:
its validation file, sentences that training never shows, is what judges here.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from recloop.data.measured_words import read_measures
from recloop.data.readings import FEATURES

PARTS = {"train.csv": "train", "valid.csv": "test"}
END = "<EOS>"  # stands behind the last word of a sentence


def read_words(raw: Path) -> pl.DataFrame:
    """Read the words of both labelled files, each measure scaled to 0 to 100 by the task."""
    return pl.concat(words_of(raw / name, part) for name, part in PARTS.items())


def words_of(path: Path, part: str) -> pl.DataFrame:
    """Read one file of words."""
    rows = read_measures(path, ("word",), ("sentence_id", "word_id", *FEATURES))
    return rows.select(
        pl.col("sentence_id").cast(pl.Int64).alias("sentence"),
        pl.col("word_id").cast(pl.Int64).alias("position"),
        pl.col("word").str.strip_suffix(END),
        pl.lit(part).alias("part"),
        *FEATURES,
    )

"""One reading time per word of running prose: Provo (total reading time) and Natural Stories (self-paced reading).

Luke and Christianson. The Provo Corpus. Behavior Research Methods 2018, as the features that TorontoCL, a team of the
CMCL 2021 shared task, made of it. Futrell et al. The Natural Stories Corpus. Language Resources and Evaluation 2021,
mean times of its readers. The two have other units: each is divided by its standard deviation.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from recloop.data.measured_words import read_measures

PROVO, STORIES = "provo_word_features_spoclab.csv", "processed_wordinfo.tsv"
ENDS = r"[.!?][\"'”’)]*$"  # of a sentence
LATER = 1_000_000  # sentences of stories are numbered behind those of Provo


def read_words(raw: Path) -> pl.DataFrame:
    """Read the words of both corpora with their reading time in standard deviations, as `TRT`."""
    return pl.concat([provo(raw / PROVO), stories(raw / STORIES)])


def provo(path: Path) -> pl.DataFrame:
    """Read the sentences of Provo, whose first word the release leaves out."""
    rows = read_measures(path, ("word",), ("sentence_id", "word_id", "TRT"))
    return scaled(rows, "sentence_id", "word_id", "TRT")


def stories(path: Path) -> pl.DataFrame:
    """Read the sentences of the ten stories, cut behind full stops."""
    rows = read_measures(path, ("word",), ("item", "zone", "meanItemRT"), "\t", quote=None)
    rows = rows.sort("item", "zone")
    starts = pl.col("word").str.contains(ENDS).shift(1, fill_value=True).over("item")
    numbered = rows.with_columns(sentence=starts.cast(pl.Int64).cum_sum() + LATER)
    return scaled(numbered, "sentence", "zone", "meanItemRT")


def scaled(rows: pl.DataFrame, sentence: str, position: str, time: str) -> pl.DataFrame:
    """Take the columns of all corpora, the time in standard deviations."""
    return rows.select(
        pl.col(sentence).cast(pl.Int64).alias("sentence"),
        pl.col(position).cast(pl.Int64).alias("position"),
        "word",
        (pl.col(time) / pl.col(time).std()).alias("TRT"),
    )

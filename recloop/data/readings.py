"""Rule `make_readings`: how long people looked at the words of sentences, in three parts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import numpy as np
import polars as pl

from recloop.data import word_parts
from recloop.data.pairs_settings import check_settings
from recloop.data.quarantine import MalformedError
from recloop.data.sources import check_whole

FEATURES = ("nFix", "FFD", "GPT", "TRT", "fixProp")  # of the CMCL 2021 shared task, in its order


def make_readings(
    raw: Path,
    source: Mapping[str, Any],
    output: Path,
    prepare: Mapping[str, Any],
    split: Mapping[str, Any],
    seed: int,
) -> dict[str, Any]:
    """Read the measured words of a source and part them by sentences.

    Args:
        raw: folder of the raw files.
        source: the manifest, whose reader has `read_words`.
        output: folder for train, valid and test.parquet (columns `session`, the number of the sentence, `position`,
            `word`, and features out of `FEATURES`), items.parquet (words with their count in training) and split.json.
        prepare, split: see `pairs_settings`.
        seed: of the parts.

    Raises:
        MalformedError: a part has no sentence, or a measure is no number.
    """
    check_whole(raw, source)
    settings, way = check_settings(prepare, split)
    reader = resolve_name(f"recloop.data.readers.{source['reader']}")
    rows: pl.DataFrame = reader.read_words(raw, **source.get("reading", {}))
    features = [name for name in FEATURES if name in rows.columns]
    check(rows, features, raw)
    order = pl.col("sentence").rank("dense").cast(pl.Int64) - 1
    rows = rows.with_columns(session=order).sort("session", "position")
    parts = parted(rows, features, way, seed)
    if empty := [name for name, part in parts.items() if part.is_empty()]:
        raise MalformedError(f"{raw}: no sentence is left for {', '.join(empty)}; change the split")
    words = word_parts.counted(parts["train"]["word"], rows["word"])
    counts = {name: count(part) for name, part in parts.items()}
    record = {"prepare": settings, "split": way, "seed": seed, "counts": counts}
    found = word_parts.write(output, parts, words, record | {"features": features}, source)
    print(f"{source['title']}: {rows.height:,} words of {rows['session'].n_unique():,} sentences")
    return found


def check(rows: pl.DataFrame, features: list[str], raw: Path) -> None:
    """Stop where there is nothing to learn, an empty word, or a measure that is no number."""
    if rows.is_empty() or not features:
        raise MalformedError(f"{raw}: expected words with some of {', '.join(FEATURES)}, got none")
    if empty := rows.filter(pl.col("word").str.strip_chars() == "").height:
        raise MalformedError(f"{raw}: {empty} words are empty; expected a text for each measure")
    for name in features:
        wrong = rows.filter(~pl.col(name).is_finite() | pl.col(name).is_null()).height
        if wrong:
            raise MalformedError(f"{raw}: {name} of {wrong} words is no number")


def parted(
    rows: pl.DataFrame, features: list[str], way: Mapping[str, Any], seed: int
) -> dict[str, pl.DataFrame]:
    """Part the sentences by shares, or as their source does, with some training sentences to validate on."""
    sentences = rows["session"].max() + 1
    shares = way["shares"] if way["by"] == "text" else (1 - way["valid"], way["valid"], 0)
    part = word_parts.dealt(sentences, shares, seed)[rows["session"].to_numpy()]
    if way["by"] == "given":
        part = np.where(rows["part"].to_numpy() == "test", 2, part)
    wanted = ("session", "position", "word", *features)
    return {
        name: rows.filter(pl.Series(part == number)).select(wanted)
        for number, name in enumerate(word_parts.PARTS)
    }


def count(rows: pl.DataFrame) -> dict[str, int]:
    """Count sentences and words; a session is a sentence, an interaction a word."""
    return {
        "sessions": rows["session"].n_unique(),
        "interactions": rows.height,
        "sentences": rows["session"].n_unique(),
        "words": rows.height,
        "items": rows["word"].n_unique(),
    }

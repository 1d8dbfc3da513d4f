"""Texts in three parts, as every stage after them finds them: rows, the words of the training part, a record."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from polars import selectors

from recloop.data.prepare import RECORDED, content_hash
from recloop.storage.files import write_json, writing

PARTS = ("train", "valid", "test")
WORD = re.compile(r"\S+")


def words_of(text: str) -> list[str]:
    """Split a text into words as an eye finds them: at white space."""
    return WORD.findall(text)


def bare(word: str) -> str:
    """Return a word as it is counted: lower case, without marks around it."""
    return re.sub(r"^\W+|\W+$", "", word.lower()) or word


def dealt(groups: int, shares: Iterable[float], seed: int) -> np.ndarray:
    """Deal groups of rows, which belong together, to the parts; shape (groups,), 0 to 2."""
    order = np.random.default_rng([seed, groups]).permutation(groups)
    train, valid, _ = shares
    ends = [round(train * groups), round((train + valid) * groups)]
    part = np.full(groups, 2)
    part[order[: ends[0]]], part[order[ends[0] : ends[1]]] = 0, 1
    return part


def counted(texts: Iterable[str], known: Iterable[str]) -> pl.DataFrame:
    """List all words of a data set, numbered, with how often each stands in the training texts."""
    found = Counter(bare(word) for text in texts for word in words_of(text))
    names = sorted({bare(word) for text in known for word in words_of(text)} | found.keys())
    counts = [found[name] for name in names]
    numbered = {"item": range(len(names)), "word": names, "count": counts}
    return pl.DataFrame(numbered, schema={"item": pl.Int32, "word": pl.String, "count": pl.Int64})


def write(
    output: Path,
    parts: Mapping[str, pl.DataFrame],
    words: pl.DataFrame,
    record: Mapping[str, Any],
    source: Mapping[str, Any],
) -> dict[str, Any]:
    """Write the parts, the words and split.json.

    Args:
        output: folder.
        parts: rows of each part.
        words: from `counted`.
        record: what split.json says besides.
        source: the manifest.

    Returns:
        What split.json says.
    """
    told = {key: value for key, value in source.items() if key in RECORDED}
    whole = {"hash": content_hash(hashable(parts), words), "source": told, **record}
    with writing(output):
        output.mkdir(parents=True, exist_ok=True)
        for name, rows in parts.items():
            rows.write_parquet(output / f"{name}.parquet")
        words.write_parquet(output / "items.parquet")
        write_json(output / "split.json", whole)
    return whole


def hashable(parts: Mapping[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """Write measured numbers as text, for a hash that keeps what is behind the point."""
    return {
        name: rows.with_columns(selectors.float().cast(pl.String)) for name, rows in parts.items()
    }

"""Rule `make_pairs`: published preferences to pairs of answers in three parts."""

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

NO_PART = 3
COLUMNS = ("prompt", "chosen", "rejected", "kind", "part")


def make_pairs(
    raw: Path,
    source: Mapping[str, Any],
    output: Path,
    prepare: Mapping[str, Any],
    split: Mapping[str, Any],
    seed: int,
) -> dict[str, Any]:
    """Read, filter and part the pairs of a source; those of one prompt stay in one part.

    Args:
        raw: folder of the raw files.
        source: the manifest, whose reader has `read_pairs`.
        output: folder for train, valid and test.parquet (columns `pair`, `session`, the number of the prompt, `prompt`,
            `chosen`, `rejected` and `kind`), items.parquet (words with their count in training) and split.json.
        prepare, split: see `pairs_settings`.
        seed: of the sample and of the parts.

    Raises:
        MalformedError: nothing is left, or a part has no pair.
    """
    check_whole(raw, source)
    settings, way = check_settings(prepare, split)
    reader = resolve_name(f"recloop.data.readers.{source['reader']}")
    read: pl.DataFrame = reader.read_pairs(raw, **source.get("reading", {}))
    rows, steps = kept(read, settings, seed)
    if rows.is_empty():
        raise MalformedError(
            f"{raw}: no pair is left of {read.height}; last step: {steps[-1]['step']}"
        )
    rows = numbered(rows)
    parts = parted(rows, way, seed)
    if empty := [name for name, part in parts.items() if part.is_empty()]:
        raise MalformedError(
            f"{raw}: no pair is left for {', '.join(empty)}; raise split.shares or prepare.pairs"
        )
    texts = {name: [*part["chosen"], *part["rejected"]] for name, part in parts.items()}
    words = word_parts.counted(texts["train"], [*texts["valid"], *texts["test"]])
    counts = {name: count(part, texts[name]) for name, part in parts.items()}
    record = {"prepare": settings, "split": way, "seed": seed, "counts": counts, "steps": steps}
    found = word_parts.write(output, parts, words, record, source)
    print(f"{source['title']}: {rows.height:,} pairs of {read.height:,}")
    return found


def kept(
    rows: pl.DataFrame, settings: Mapping[str, Any], seed: int
) -> tuple[pl.DataFrame, list[dict[str, Any]]]:
    """Leave out what cannot be preferred or is too long, and draw as many pairs as are wanted."""
    steps = [step("read", rows)]
    rows = rows.filter(pl.col("chosen") != pl.col("rejected")).unique(
        ("prompt", "chosen", "rejected"), maintain_order=True
    )
    steps.append(step("different answers", rows))
    if most := settings["max_characters"]:
        longer = pl.max_horizontal(pl.col("chosen", "rejected").str.len_chars())
        rows = rows.filter(pl.col("prompt").str.len_chars() + longer <= most)
        steps.append(step("short enough", rows))
    if settings["pairs"] and settings["pairs"] < rows.height:
        drawn = np.random.default_rng([seed, rows.height]).permutation(rows.height)
        rows = rows[np.sort(drawn[: settings["pairs"]])]
        steps.append(step("drawn", rows))
    return rows, steps


def step(name: str, rows: pl.DataFrame) -> dict[str, Any]:
    """Say how many pairs a step left."""
    return {"step": name, "interactions": rows.height}


def numbered(rows: pl.DataFrame) -> pl.DataFrame:
    """Count pairs and prompts through, prompts by their text: pairs of one prompt are one session."""
    order = pl.col("prompt").rank("dense").cast(pl.Int64) - 1
    return rows.with_row_index("pair").with_columns(pl.col("pair").cast(pl.Int64), session=order)


def parted(rows: pl.DataFrame, way: Mapping[str, Any], seed: int) -> dict[str, pl.DataFrame]:
    """Part the pairs by their prompts, or as their source does, with some training prompts to validate on.

    What a source trains on and tests on both is left to the test.
    """
    prompts, session = rows["session"].max() + 1, rows["session"].to_numpy()
    if way["by"] == "text":
        part = word_parts.dealt(prompts, way["shares"], seed)[session]
    else:
        chosen = word_parts.dealt(prompts, (1 - way["valid"], way["valid"], 0), seed)
        test = rows["part"].to_numpy() == "test"
        twice = np.isin(session, session[test])
        part = np.where(test, 2, np.where(twice, NO_PART, chosen[session]))
    wanted = ("pair", "session", *COLUMNS[:-1])
    return {
        name: rows.filter(pl.Series(part == number)).select(wanted)
        for number, name in enumerate(word_parts.PARTS)
    }


def count(rows: pl.DataFrame, texts: list[str]) -> dict[str, int]:
    """Count prompts, pairs and words; a session is a prompt, an interaction a pair."""
    words = [word_parts.words_of(text) for text in texts]
    return {
        "sessions": rows["session"].n_unique(),
        "interactions": rows.height,
        "pairs": rows.height,
        "prompts": rows["session"].n_unique(),
        "words": sum(map(len, words)),
        "items": len({word_parts.bare(word) for line in words for word in line}),
        "longer_chosen": int(
            (rows["chosen"].str.len_chars() > rows["rejected"].str.len_chars()).sum()
        ),
    }

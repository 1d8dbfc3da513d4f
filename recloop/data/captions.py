"""Relative captions: pairs of items with a sentence on how the target differs, for simulators to learn from.

Written by people where a source has them, else composed from attribute differences. Captions of the part train are
learnt from, those of valid choose the epoch, those of test are held out to judge simulators.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recloop.data.attributes import read_attributes
from recloop.language.grammar import compose
from recloop.storage.settings import SettingsError

PARTS = ("train", "valid", "test")
SPOKEN_SHARES = (0.7, 0.1, 0.2)  # ours: of items whose own part does not say
ALIKE = 0.5  # ours: share of composed captions about an item of the same kind


def caption(
    catalogue: Path, items: pl.DataFrame, settings: Mapping[str, Any] | None, seed: int
) -> pl.DataFrame:
    """Make the simulators' training data: item pairs with a sentence on how the target differs.

    Where items are set aside for simulators, all captions are about those (PMMIR, S4.1: what simulators learn from
    has nothing in common with what recommenders learn from).

    Returns:
        target, reference (Int32), caption, part and by ("people" or "grammar").
    """
    schema = {"target": pl.Int32, "reference": pl.Int32, "caption": pl.String, "part": pl.String}
    if not settings:
        return pl.DataFrame(schema=schema | {"by": pl.String})
    described = _spoken_parts(items, seed)
    by = settings["by"]
    people = by == "people"
    rows = (
        _people(catalogue, described, settings)
        if people
        else _grammar(catalogue, described, settings, seed)
    )
    # A source without any captions is no mistake: another source's users can speak for it (PMMIR, S4.2).
    lacking = [name for name in PARTS if name not in rows["part"] and rows.height]
    stop_if(lacking, f"no caption by {by} is left for {', '.join(lacking)}")
    return rows.select(*schema, by=pl.lit(by)).cast(schema)


def _spoken_parts(items: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Part the items that captions are about."""
    for name in ("simulator", "all"):
        if name in items["part"]:
            chosen = items.filter(pl.col("part") == name)
            part = share_out(chosen.height, SPOKEN_SHARES, stream(seed, "spoken"))
            return chosen.with_columns(part=pl.Series(part.tolist(), dtype=pl.String))
    return items.filter(pl.col("part").is_in(PARTS))


def _people(catalogue: Path, described: pl.DataFrame, settings: Mapping[str, Any]) -> pl.DataFrame:
    """Take what people wrote; a caption belongs to the part of its target.

    Its reference may be of an earlier part, or most pairs for validation would be lost; never of a later one.
    """
    order = {name: place for place, name in enumerate(PARTS)}
    parts = described.with_columns(place=pl.col("part").replace_strict(order, return_dtype=pl.Int8))
    rows = pl.read_parquet(catalogue / "captions.parquet").drop("part")
    rows = rows.join(parts, left_on="target", right_on="item", maintain_order="left")
    about = parts.select(reference="item", earlier="place")
    rows = rows.join(about, on="reference", maintain_order="left")
    utterances = pl.col("caption").str.strip_chars() != ""
    rows = rows.filter(utterances, pl.col("earlier") <= pl.col("place"))
    return pl.concat(
        rows.filter(pl.col("part") == name).head(settings[name] or rows.height) for name in PARTS
    )


def _grammar(
    catalogue: Path, described: pl.DataFrame, settings: Mapping[str, Any], seed: int
) -> pl.DataFrame:
    """Compose captions; target and reference are of the same part."""
    attributes, words = read_attributes(catalogue), Random(seed)
    kinds = pl.read_parquet(catalogue / "items.parquet", columns=["item", "kind"])
    described = described.join(kinds, on="item", maintain_order="left")
    found = []
    for name in PARTS:
        chosen = described.filter(pl.col("part") == name)
        stop_if(chosen.height < 2, f"captions of the part {name} need two items")
        pairs = _pairs(chosen, settings[name], stream(seed, f"pairs {name}"))
        utterances = [
            compose(attributes[target], attributes[reference], words, **settings["rates"])
            for target, reference in pairs.iter_rows()
        ]
        found.append(
            pairs.with_columns(caption=pl.Series(utterances, dtype=pl.String), part=pl.lit(name))
        )
    return pl.concat(found)


def _pairs(chosen: pl.DataFrame, number: int | None, random: np.random.Generator) -> pl.DataFrame:
    """Draw pairs of two different items; every item is a target about equally often.

    Half of the references are of the target's kind: those that a user likes are near to the target.
    """
    stop_if(not number, "prepare.captions by grammar need a number for train, valid and test")
    items, size = chosen["item"].to_numpy(), chosen.height
    target = np.concatenate([random.permutation(size) for _ in range(-(-number // size))])[:number]
    kind = chosen["kind"].fill_null("").rank("dense").to_numpy().astype(np.int64)
    by_kind = np.argsort(kind, kind="stable")
    first = np.searchsorted(kind[by_kind], kind)  # where the kind of each item begins
    many = np.bincount(kind)[kind]
    place = np.argsort(by_kind) - first  # of each item within its kind
    # A step of 1 to n - 1 places ahead, in a circle, never ends where it began.
    alike = (random.random(number) < ALIKE) & (many[target] > 1)
    steps = random.random(number)
    near = 1 + (steps * (many[target] - 1)).astype(np.int64)
    inside = by_kind[first[target] + (place[target] + near) % many[target]]
    anywhere = (target + 1 + (steps * (size - 1)).astype(np.int64)) % size
    reference = np.where(alike, inside, anywhere)
    return pl.DataFrame({"target": items[target], "reference": items[reference]})


def share_out(number: int, shares: Iterable[float], random: np.random.Generator) -> NDArray[Any]:
    """Assign each of `number` things to a part at random, in the given shares."""
    _, *held_out = (round(share * number) for share in shares)
    parts = np.repeat(np.array(PARTS, dtype=object), [number - sum(held_out), *held_out])
    return random.permutation(parts)


def stream(seed: int, purpose: str) -> np.random.Generator:
    """Start a stream of its own for each purpose, so that a change of one leaves the others alone."""
    return np.random.Generator(np.random.PCG64([seed, *purpose.encode()]))


def stop_if(wrong: object, message: str) -> None:
    """Stop with a sentence where something is wrong."""
    if wrong:
        raise SettingsError(f"dialogues: {message}. Nothing was written; change the settings.")

"""What a small encoder learns from: all items in memory, attributes as labels, and the items held out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import torch
from jaxtyping import Bool, Int, UInt8
from torch import Tensor

from recloop.data.pictures import FOLDER, PictureError, Pictures
from recloop.features.captions import Label, Product, products
from recloop.features.loading import Loader
from recloop.features.preparation import Preparation

FEWEST = 5  # items that a label needs to be a label


@dataclass
class PretrainingData:
    """A catalogue ready to be learnt.

    Attributes:
        pixels: prepared pictures; without any pixel where nobody looks at them.
        known: titles, kinds and attributes, in item order.
        labels: pairs of attribute and value that enough items have.
        has: which item has which label.
        annotated: which labels the catalogue says something about; silence on an attribute is no denial.
        train, held_out: items learnt from and items never seen.
        sentences: captions by people, for the tokenizer alone.
    """

    pixels: UInt8[Tensor, "item 3 height width"]
    known: list[Product]
    labels: list[Label]
    has: Bool[Tensor, "item label"]
    annotated: Bool[Tensor, "item label"]
    train: Int[Tensor, " train"]
    held_out: Int[Tensor, " held"]
    sentences: list[str]

    @classmethod
    def read(
        cls,
        catalogue: Path,
        prepare: Preparation | None,
        held_out: float,
        seed: int,
        workers: int = 2,
    ) -> PretrainingData:
        """Read a catalogue that `build_catalogue` wrote.

        Args:
            catalogue: its folder.
            prepare: makes pixels of pictures; None leaves them out.
            held_out: share of items set aside.
            seed: of which those are.
            workers: threads that decode.

        Raises:
            PictureError: pictures are asked for and there are none.
        """
        known = products(
            pl.read_parquet(catalogue / "items.parquet"),
            pl.read_parquet(catalogue / "attributes.parquet"),
        )
        labels, has = label(known)
        order = torch.randperm(len(known), generator=torch.Generator().manual_seed(seed))
        held = round(len(known) * held_out)
        sentences = pl.read_parquet(catalogue / "captions.parquet", columns=["caption"])["caption"]
        pixels = torch.empty(len(known), 3, 0, 0, dtype=torch.uint8)
        if prepare and not any((catalogue / FOLDER).glob("*.parquet")):
            raise PictureError(
                f"{catalogue}: has titles alone; a network of pictures needs a source with pictures"
            )
        if prepare:
            pixels = decoded(catalogue, prepare, len(known), workers)
        annotated = annotated_labels(has, attributes_of(labels))
        train, held = order[held:], order[:held]
        return cls(pixels, known, labels, has, annotated, train, held, sentences.to_list())


def attributes_of(labels: list[Label]) -> dict[str, list[int]]:
    """List the places of the labels of each attribute that has at least two."""
    found: dict[str, list[int]] = {}
    for place, (attribute, _) in enumerate(labels):
        found.setdefault(attribute, []).append(place)
    return {attribute: places for attribute, places in found.items() if len(places) > 1}


def annotated_labels(
    has: Bool[Tensor, "item label"], attributes: dict[str, list[int]]
) -> Bool[Tensor, "item label"]:
    """Mark all labels of the attributes of which an item has some value."""
    annotated = torch.zeros_like(has)
    for places in attributes.values():
        annotated[:, places] = has[:, places].any(1, keepdim=True)
    return annotated


def decoded(
    catalogue: Path, prepare: Preparation, items: int, workers: int
) -> UInt8[Tensor, "item 3 height width"]:
    parts = [np.arange(start, min(start + 256, items)) for start in range(0, items, 256)]
    return torch.cat(list(Loader(Pictures.open(catalogue), prepare, workers).batches(parts)))


def label(known: list[Product]) -> tuple[list[Label], Bool[Tensor, "item label"]]:
    """List the labels that occur often enough and mark who has them."""
    counts: dict[Label, int] = {}
    for product in known:
        for one in product.labels():
            counts[one] = counts.get(one, 0) + 1
    labels = sorted(one for one, count in counts.items() if count >= FEWEST)
    place = {one: index for index, one in enumerate(labels)}
    has = torch.zeros(len(known), len(labels), dtype=torch.bool)
    for item, product in enumerate(known):
        has[item, [place[one] for one in product.labels() if one in place]] = True
    return labels, has

"""Titles and pictures of a split's items: which item has what, and batches of what networks read.

An item has a title, a picture, both or neither. What an item lacks is said by `has`, and nobody makes it up.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl
import torch
from jaxtyping import Bool, Int, UInt8
from tokenizers import Tokenizer
from torch import Tensor

from recloop.contents.writing import ABSENT, RECORD, TABLE
from recloop.data.pictures import Pictures
from recloop.storage.moving import moved

KEPT_BYTES = (
    1 << 30
)  # of decoded pictures that are kept in memory; more are decoded when they are asked for
DECODED_TOGETHER = 64


class ContentError(ValueError):
    """An item lacks what a model reads, or a text says nothing to a tokenizer."""


class Contents:
    """What is known of each item.

    Args:
        folder: written by `make_contents`.

    Attributes:
        titles: of each item; None where it has none.
        rows: of each item's picture in the shards; -1 where it has none.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        table = pl.read_parquet(folder / TABLE).sort("item")
        self.ids = table["id"].to_list()
        self.titles: list[str | None] = table["title"].to_list()
        self.rows = table["picture"].to_numpy().astype(np.int64)

    def __len__(self) -> int:
        return len(self.titles)

    @cached_property
    def hash(self) -> str:
        """Hash of titles and pictures; caches say by it what they are made of."""
        return json.loads((self.folder / RECORD).read_text())["hash"]

    @property
    def pictures(self) -> Pictures:
        """The pictures, in the order of the items that have one."""
        return Pictures.open(self.folder)

    def has(self, reads: str) -> Bool[Tensor, " item"]:
        """Mark the items that have `words`, or `pictures`."""
        if reads == "words":
            return torch.tensor([title is not None for title in self.titles])
        return torch.from_numpy(self.rows != ABSENT)

    def require(self, reads: str) -> None:
        """Stop where an item lacks what a model must read.

        Raises:
            ContentError: names the first item.
        """
        lacking = torch.nonzero(~self.has(reads)).flatten().tolist()
        if lacking:
            what = {"words": "title", "pictures": "picture"}[reads]
            raise ContentError(
                f"{self.folder}: item {self.ids[lacking[0]]} has no {what} ({len(lacking)} of {len(self)} items have "
                f"none), but this model reads {reads} of every item; say missing: zeros, or take another source"
            )


class Texts:
    """Titles as token numbers, in memory: 30 of them for 20,000 items are 2 MB.

    Args:
        contents: whose titles.
        tokenizer: of the network that reads them; its marks are put around each title.
        length: most tokens of a title, marks among them.

    Raises:
        ContentError: a title of which the tokenizer knows no word, or that becomes no token at all.
    """

    reads = "words"

    def __init__(self, contents: Contents, tokenizer: Tokenizer, length: int):
        tokenizer.no_padding()
        tokenizer.enable_truncation(length)
        known = [item for item, title in enumerate(contents.titles) if title is not None]
        encoded = tokenizer.encode_batch([contents.titles[item] for item in known])
        self.has = contents.has("words")
        self.sizes = torch.zeros(len(contents), dtype=torch.long)
        longest = max((len(one.ids) for one in encoded), default=1)
        self.ids = torch.zeros(len(contents), longest, dtype=torch.int32)
        unknown = unknown_of(tokenizer)
        for item, one in zip(known, encoded, strict=True):
            said = [
                token
                for token, mark in zip(one.ids, one.special_tokens_mask, strict=True)
                if not mark
            ]
            if all(token == unknown for token in said):
                raise ContentError(
                    f"{contents.folder}: item {contents.ids[item]}: the tokenizer knows no word of the title "
                    f"{contents.titles[item]!r}; take a network of its language, or leave the title out"
                )
            self.ids[item, : len(one.ids)] = torch.tensor(one.ids, dtype=torch.int32)
            self.sizes[item] = len(one.ids)

    def take(self, items: Int[Tensor, " batch"], device: torch.device | str) -> dict[str, Tensor]:
        """Return token numbers and mask of some items that have titles, as wide as the longest of them."""
        sizes = self.sizes[items]
        width = int(sizes.max())
        mask = torch.arange(width) < sizes[:, None]
        ids = self.ids[items, :width].long()
        return {"input_ids": moved(ids, device), "attention_mask": moved(mask.long(), device)}


def unknown_of(tokenizer: Tokenizer) -> int | None:
    """Return the number of the token that stands for what a tokenizer does not know, if it has one."""
    mark = getattr(tokenizer.model, "unk_token", None)
    return tokenizer.token_to_id(mark) if mark else None


class Pixels:
    """Pictures as a network wants them; decoded once where they fit into memory, otherwise each time.

    Args:
        contents: whose pictures.
        prepare: a file's bytes to pixels.
        threads: that decode.
        kept_bytes: of decoded pictures in memory.
    """

    reads = "pictures"

    def __init__(
        self,
        contents: Contents,
        prepare: Callable[[bytes], UInt8[Tensor, "3 height width"]],
        threads: int = 1,
        kept_bytes: int = KEPT_BYTES,
    ):
        self.has, self.rows = contents.has("pictures"), torch.from_numpy(contents.rows)
        self.prepare, self.threads = prepare, threads
        self.pictures = contents.pictures if self.has.any() else None
        self.kept: UInt8[Tensor, "picture 3 height width"] | None = None
        if self.pictures and self.size() <= kept_bytes:
            self.kept = self.decode(torch.arange(len(self.pictures)))

    def size(self) -> int:
        """Count the bytes of all pictures when decoded."""
        return len(self.pictures) * self.prepare(self.pictures.encoded([0])[0]).numel()

    def take(self, items: Int[Tensor, " batch"], device: torch.device | str) -> dict[str, Tensor]:
        """Return the pixels, 0 to 255, of some items that have pictures."""
        rows = self.rows[items]
        pixels = self.decode(rows) if self.kept is None else self.kept[rows]
        return {"pixels": moved(pixels, device)}

    def decode(self, rows: Int[Tensor, " batch"]) -> UInt8[Tensor, "batch 3 height width"]:
        """Decode some rows of the shards, several at a time where there are threads."""
        if self.threads < 2:
            parts = (self.pictures.encoded(part.tolist()) for part in rows.split(DECODED_TOGETHER))
            return torch.stack([self.prepare(one) for part in parts for one in part])
        with ThreadPoolExecutor(self.threads) as pool:
            return torch.stack(list(pool.map(self.prepare, self.pictures.encoded(rows.tolist()))))

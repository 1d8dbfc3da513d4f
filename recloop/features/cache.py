"""Encoded pictures or texts on disk: shards that are mapped into memory, and a record of what they were made from."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from recloop.storage.files import sha256_of, write_json

RECORD = "features.json"
SHARD_ROWS = 4096
DTYPES = ("float16", "float32")


class Features:
    """One row per item of a catalogue, in item order.

    Attributes:
        record: what features.json says.
        shape: of one row: `(dim,)`, or `(cell, dim)` of a grid encoder.
        dim: length of a vector.
    """

    def __init__(self, folder: Path, record: dict):
        self.folder, self.record = folder, record
        self.shape = tuple(record["shape"])
        self.dim = self.shape[-1]
        # Mapped, not read: a grid of a whole catalogue may be larger than memory.
        self.shards = [
            np.lib.format.open_memmap(folder / shard["file"], mode="r")
            for shard in record["shards"]
        ]
        self.starts = np.cumsum([0, *(len(shard) for shard in self.shards)])

    @classmethod
    def open(cls, folder: Path, data: str | None = None) -> Features:
        """Open a cache.

        Args:
            folder: written by `recloop.features.encode.encode`.
            data: hash of the catalogue that the rows must come from; None takes any.

        Raises:
            FileNotFoundError: the record or a shard is missing.
            ValueError: another catalogue, an unfinished cache, a shard of another size or shape.
        """
        record = read_record(folder)
        if data is not None and record["data"] != data:
            raise ValueError(
                f"{folder}: encodes catalogue {record['data']}, expected {data}; remove the folder and encode again"
            )
        for shard in record["shards"]:
            check_size(folder, shard)
        done = sum(shard["rows"] for shard in record["shards"])
        if done != record["rows"]:
            raise ValueError(
                f"{folder}: unfinished, {done} of {record['rows']} rows; run `encode` again, it goes on from there"
            )
        found = cls(folder, record)
        found.check_form()
        return found

    def __len__(self) -> int:
        return int(self.starts[-1])

    def check_form(self) -> None:
        """See that every shard holds rows of the recorded type and shape."""
        for shard, rows in zip(self.record["shards"], self.shards, strict=True):
            expected = (self.record["dtype"], (shard["rows"], *self.shape))
            if (str(rows.dtype), rows.shape) != expected:
                raise ValueError(
                    f"{self.folder / shard['file']}: expected {expected[0]} of shape {expected[1]}, found "
                    f"{rows.dtype} of shape {rows.shape}; remove {self.folder} and encode again"
                )

    def rows(self, items: Int[np.ndarray, " item"]) -> Shaped[np.ndarray, "item ..."]:
        """Read the rows of some items, in the stored type.

        Raises:
            IndexError: an item that the catalogue does not have.
        """
        if len(items) and not 0 <= items.min() <= items.max() < len(self):
            raise IndexError(
                f"items {items.min()} to {items.max()} asked, {self.folder} has 0 to {len(self) - 1}"
            )
        found = np.empty((len(items), *self.shape), self.record["dtype"])
        place = np.searchsorted(self.starts, items, side="right") - 1
        for index in np.unique(place):
            here = place == index
            found[here] = self.shards[index][items[here] - self.starts[index]]
        return found

    def tensor(
        self, items: Int[np.ndarray, " item"] | None = None, normalised: bool = False
    ) -> Float[Tensor, "item ..."]:
        """Read the rows of some or all items as float32, on request with vectors of length 1."""
        items = np.arange(len(self)) if items is None else items
        found = torch.from_numpy(self.rows(items).astype(np.float32, copy=False))
        return torch.nn.functional.normalize(found, dim=-1) if normalised else found


def read_record(folder: Path) -> dict:
    """Read features.json."""
    path = folder / RECORD
    if not path.exists():
        raise FileNotFoundError(f"{path}: missing; encode the catalogue into {folder} first")
    return json.loads(path.read_text())


def write_record(folder: Path, record: dict) -> None:
    """Write features.json whole or not at all."""
    write_json(folder / RECORD, record)


def resumed(folder: Path, record: dict) -> dict:
    """Take over the whole shards of an earlier job, if it was the same job; two caches may be mixed only then.

    Raises:
        ValueError: the folder holds the work of another job, or a damaged shard.
    """
    if not (folder / RECORD).exists():
        return record
    before = read_record(folder)
    for key in record.keys() - {"shards"}:
        if before.get(key) != record[key]:
            raise ValueError(
                f"{folder}: holds features with {key} {before.get(key)!r}, expected {record[key]!r}; "
                "remove the folder, or encode into another one"
            )
    for shard in before["shards"]:
        check_hash(folder, shard)
    return before


def described(path: Path, rows: int) -> dict:
    """Say of a whole shard what the record keeps of it."""
    size = path.stat().st_size
    return {"file": path.name, "rows": rows, "bytes": size, "sha256": sha256_of(path)}


def check_size(folder: Path, shard: dict) -> None:
    """See that a shard is there and has the recorded size."""
    path = folder / shard["file"]
    mend = f"remove {folder} and encode again"
    if not path.exists():
        raise FileNotFoundError(f"{path}: missing, though {RECORD} names it; {mend}")
    if path.stat().st_size != shard["bytes"]:
        raise ValueError(
            f"{path}: expected {shard['bytes']} bytes, found {path.stat().st_size}; {mend}"
        )


def check_hash(folder: Path, shard: dict) -> None:
    """See that a shard holds the recorded bytes."""
    check_size(folder, shard)
    if (found := sha256_of(folder / shard["file"])) != shard["sha256"]:
        raise ValueError(
            f"{folder / shard['file']}: damaged, its sha256 is {found}, expected {shard['sha256']}; "
            f"remove {folder} and encode again"
        )

"""What a dialogue model works on: the items that can be shown, and who looks for which of them after which past."""

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import polars as pl
import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from recloop.storage.moving import moved

FIRST_LISTS = 42  # seed of the first random lists, for all models alike (GOMMIR S4.2)
EVERYWHERE = "all"  # items that are in the pool of each part


@dataclass(frozen=True)
class Pool:
    """The items that can be shown in one part of the data; a row is an item's place among them.

    Attributes:
        ids: catalogue number of each row, ascending.
        features: what the encoder says of each row, not normalised.
    """

    ids: Int[Tensor, " item"]
    features: Float[Tensor, "item features"]

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class Requests:
    """Dialogues before their first list.

    Attributes:
        dialogue: number in the data.
        target: row of the pool that the user looks for.
        history: catalogue numbers of earlier purchases, oldest first, padded on the right with 0.
        length: how many of them are real.
    """

    dialogue: Int[Tensor, " batch"]
    target: Int[Tensor, " batch"]
    history: Int[Tensor, "batch past"]
    length: Int[Tensor, " batch"]

    def __len__(self) -> int:
        return len(self.target)

    def take(self, rows: Tensor | slice, device: torch.device | str = "cpu") -> "Requests":
        """Pick some dialogues and move them to a device."""
        return Requests(*(moved(getattr(self, field.name)[rows], device) for field in fields(self)))

    @classmethod
    def of(cls, rows: pl.DataFrame, pool: Pool) -> "Requests":
        """Find the targets of `dialogues.parquet` in their pool.

        Raises:
            ValueError: a target is no item of the pool.
        """
        targets = rows["target"].to_numpy().astype(np.int64)
        ids = pool.ids.cpu().numpy()
        places = np.searchsorted(ids, targets).clip(max=max(0, len(ids) - 1))
        if len(lost := targets[ids[places] != targets] if len(ids) else targets):
            raise ValueError(
                f"Item {lost[0]} is looked for but is not among the {len(ids)} items that can be shown; "
                "pose the dialogues again."
            )
        history, length = pad(rows["history"])
        found = rows["dialogue"].to_numpy().astype(np.int64), places, history, length
        return cls(*(torch.from_numpy(np.ascontiguousarray(part)) for part in found))


@dataclass(frozen=True)
class World:
    """One part of posed dialogues: its pool, its requests and what histories look like.

    Attributes:
        pool: what can be shown.
        requests: who looks for what.
        catalogue: features of every item of the catalogue, for histories.
        rows: the rows of dialogues.parquet, in the order of the requests.
    """

    pool: Pool
    requests: Requests
    catalogue: Float[Tensor, "every features"]
    rows: pl.DataFrame


def read_part(dialogues: Path, part: str, features: Float[Tensor, "every features"]) -> World:
    """Read the pool and the dialogues of a part.

    Args:
        dialogues: folder of `recloop.data.dialogues.make_dialogues`.
        part: train, valid or test.
        features: of every item of the catalogue.
    """
    among = pl.col("part").is_in([part, EVERYWHERE])
    items = pl.read_parquet(dialogues / "items.parquet", columns=["item", "part"]).filter(among)
    ids = torch.from_numpy(items["item"].sort().to_numpy().astype(np.int64))
    pool = Pool(ids.to(features.device), features[ids])
    rows = pl.read_parquet(dialogues / "dialogues.parquet").filter(pl.col("part") == part)
    rows = rows.sort("dialogue")
    return World(pool, Requests.of(rows, pool), features, rows)


def pad(lists: pl.Series) -> tuple[Shaped[np.ndarray, "row past"], Shaped[np.ndarray, " row"]]:
    """Put lists of different lengths side by side, zeros behind the shorter ones."""
    lengths = lists.list.len().to_numpy().astype(np.int64)
    padded = np.zeros((len(lists), lengths.max(initial=0)), np.int64)
    real = np.arange(padded.shape[1]) < lengths[:, None]
    padded[real] = lists.filter(lists.list.len() > 0).explode().to_numpy()
    return padded, lengths


def distinct(uniform: Float[Tensor, "2 batch drawn"], items: int) -> Int[Tensor, "batch drawn"]:
    """Turn chance into different rows of a pool, all sets and orders equally likely (Floyd 1987, then shuffled).

    Args:
        uniform: uniform on [0, 1); the first half says which rows, the second in which order.
        items: size of the pool.

    Raises:
        ValueError: more are wanted than there are.
    """
    pick, order = uniform
    batch, wanted = pick.shape
    if wanted > items:
        raise ValueError(f"{wanted} different items are to be shown, the pool has {items}.")
    drawn = torch.full((batch, wanted), -1, dtype=torch.long, device=pick.device)
    for place, last in enumerate(range(items - wanted, items)):
        one = (pick[:, place] * (last + 1)).long().clamp(max=last)
        taken = (drawn[:, :place] == one[:, None]).any(1)
        drawn[:, place] = torch.where(taken, last, one)
    return drawn.gather(1, order.argsort(1))


def first_lists(dialogue: Int[Tensor, " batch"], k: int, items: int) -> Int[Tensor, "batch k"]:
    """Draw the first list of each dialogue from its number alone, so that all models begin alike."""
    with np.errstate(over="ignore"):
        counter = dialogue.cpu().numpy().astype(np.uint64)[:, None] * np.uint64(1 << 16)
        counter = counter + np.arange(2 * k, dtype=np.uint64)
        bits = splitmix(counter + splitmix(np.uint64(FIRST_LISTS)))
    uniform = torch.from_numpy((bits >> np.uint64(11)).astype(np.float64) / (1 << 53))
    return distinct(uniform.unflatten(1, (2, k)).transpose(0, 1), items).to(dialogue.device)


def splitmix(state: np.ndarray | np.uint64) -> np.ndarray | np.uint64:
    """Mix 64 bits well (Steele, Lea & Flood. Fast splittable pseudorandom number generators. OOPSLA 2014)."""
    state = state + np.uint64(0x9E3779B97F4A7C15)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))

"""Users and their sessions in order: session after session, or all of a user's sessions behind one another."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import torch
from jaxtyping import Bool, Int, Shaped
from torch import Tensor

from recloop.data.batches import Events, Sessions
from recloop.data.splits import PARTS


@dataclass(frozen=True)
class Users:
    """The sessions of all users of one part of a split, with those of the parts before it, flat.

    Users are in the order of their last session, so that events are listed by the session they are of.

    Attributes:
        items: dense item ids of all sessions behind one another.
        events: 1 where the event counts as a purchase, else 0.
        offsets: where each session starts in `items`, and the end.
        first: which session each user starts with, and the number of sessions.
        ids: the session's number in the split.
    """

    items: Shaped[np.ndarray, " event"]
    events: Shaped[np.ndarray, " event"]
    offsets: Shaped[np.ndarray, " edge"]
    first: Shaped[np.ndarray, " mark"]
    ids: Shaped[np.ndarray, " session"]

    @classmethod
    def read(cls, folder: Path, part: str) -> "Users":
        """Read the users of `train`, or those with a session in `valid` or `test` and all their earlier sessions.

        Args:
            folder: of a split by last_session.
            part: train, valid or test.

        Raises:
            ValueError: a session without a user, or a split that does not hold out one session per user.
        """
        table = _ordered(_collected(folder, part))
        _stop_unless_last_sessions(table, part)
        sizes = table["item"].list.len().to_numpy()
        counts = table["recent"].rle().struct.field("len").to_numpy()
        return cls(
            items=table["item"].explode().to_numpy().astype(np.int64),
            events=table["event"].explode().to_numpy().astype(np.int64),
            offsets=_edges(sizes),
            first=_edges(counts),
            ids=table["session"].to_numpy(),
        )

    def __len__(self) -> int:
        return len(self.first) - 1

    def capped(self, length: int) -> "Users":
        """Keep the last `length` items of each session, and no session without a transition."""
        sizes = np.diff(self.offsets)
        kept = sizes > 1
        short = np.minimum(sizes, length)[kept]
        where = ranges(self.offsets[1:][kept] - short, short)
        first = _edges(kept)[self.first]
        return Users(self.items[where], self.events[where], _edges(short), first, self.ids[kept])

    def sessions(self) -> Sessions:
        """Return each session as a row of its own."""
        start = np.ones(len(self.ids), np.int64)
        return Sessions(self.items, self.events, self.offsets, start, self.ids)

    def joined(self) -> Sessions:
        """Return each user as a row: all sessions concatenated, every transition to be predicted."""
        edges, last = self.offsets[self.first], self.ids[self.first[1:] - 1]
        return Sessions(self.items, self.events, edges, np.ones(len(self), np.int64), last)

    def judged(self) -> Sessions:
        """Return each user as a row, of which only the last session is to be predicted."""
        edges, last = self.offsets[self.first], self.first[1:] - 1
        before = self.offsets[last] - edges[:-1]
        return Sessions(self.items, self.events, edges, before + 1, self.ids[last], before)

    def grid(
        self, sessions: Shaped[np.ndarray, " batch"], padding: int
    ) -> Int[Tensor, "batch time"]:
        """Return the items of some sessions, padded on the right to the longest of them."""
        start, end = self.offsets[sessions, None], self.offsets[sessions + 1, None]
        where = start + np.arange((end - start).max(initial=1))
        items = self.items[np.minimum(where, len(self.items) - 1)]
        return torch.from_numpy(np.where(where < end, items, padding))


def joined(folder: Path, part: str) -> Sessions:
    """Read a part with the sessions of each user behind one another, for models that know no users.

    The training part has all training sessions of a user in a row. Validation has the training sessions before the
    session that is judged, test those and the validation session; `before` counts their items.
    """
    users = Users.read(folder, part)
    return users.joined() if part == "train" else users.judged()


@dataclass(frozen=True)
class Past:
    """Which items lie in the earlier sessions of a user: the items `before` the judged session of a row.

    Attributes:
        keys: row and item in one number, sorted, without repetition; the largest number closes the list.
    """

    keys: Shaped[np.ndarray, " key"]

    @classmethod
    def of(cls, sessions: Sessions) -> "Past":
        """Collect them from sessions as `joined` gives them."""
        row = np.repeat(np.arange(len(sessions)), np.diff(sessions.offsets))
        earlier = np.arange(len(row)) < (sessions.offsets[:-1] + sessions.before)[row]
        found = np.unique(_key(row[earlier], sessions.items[earlier]))
        return cls(np.append(found, np.iinfo(np.int64).max))

    def known(self, events: Events) -> Bool[np.ndarray, " event"]:
        """Mark events whose target occurs in earlier sessions of its user."""
        return self.holds(events.row, events.target)

    def familiar(
        self, events: Events, top: Shaped[np.ndarray, "event k"]
    ) -> Bool[np.ndarray, "event k"]:
        """Mark listed items that occur in earlier sessions of the user."""
        return self.holds(events.row[:, None], top)

    def holds(
        self, row: Shaped[np.ndarray, "..."], item: Shaped[np.ndarray, "..."]
    ) -> Bool[np.ndarray, "..."]:
        """Check whether the earlier sessions of each row hold each item."""
        key = _key(row, item)
        return self.keys[np.searchsorted(self.keys, key)] == key


def _key(row: np.ndarray, item: np.ndarray) -> np.ndarray:
    return (row.astype(np.int64) << 32) | item.astype(np.int64)


def _collected(folder: Path, part: str) -> pl.DataFrame:
    """Read a part and those before it, for the users of the part alone."""
    columns = ["session", "user", "item", "event", "time"]
    parts = [
        pl.read_parquet(folder / f"{name}.parquet", columns=columns).with_columns(
            part=pl.lit(number)
        )
        for number, name in enumerate(PARTS[: PARTS.index(part) + 1])
    ]
    if unknown := sum(rows["user"].null_count() for rows in parts):
        raise ValueError(
            f"{folder}: {unknown} sessions have no user, expected one for each: models of users need a source that "
            "names them"
        )
    return pl.concat(parts).join(parts[-1].select("user"), on="user", how="semi")


def _ordered(table: pl.DataFrame) -> pl.DataFrame:
    """Sort sessions by user and time, users by their last session (`recent`)."""
    # A source without times numbers its sessions in their order.
    moment = pl.col("time").list.first()
    table = table.sort("part", moment, "session", maintain_order=True)
    recent = pl.col("session").last().over("user")
    return table.with_columns(recent=recent).sort("recent", maintain_order=True)


def _stop_unless_last_sessions(table: pl.DataFrame, part: str) -> None:
    repeated = table.height - table["session"].n_unique()
    asked = table.filter(pl.col("part") == PARTS.index(part))["user"]
    several = 0 if part == "train" else len(asked) - asked.n_unique()
    if repeated or several:
        raise ValueError(
            f"{part}: {repeated} sessions occur in two parts and {several} users have more than one session in this "
            "one; expected the last session of each user: split by last_session"
        )


def _edges(sizes: np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)


def ranges(start: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """List start, start + 1, … for each row, as many as its size, concatenated."""
    shift = start - _edges(sizes)[:-1]
    return np.repeat(shift, sizes) + np.arange(sizes.sum())

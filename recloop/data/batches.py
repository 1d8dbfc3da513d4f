"""Sessions on disk to padded tensors, every position of a session at once."""

from dataclasses import dataclass, field, fields, replace
from pathlib import Path

import numpy as np
import polars as pl
import torch
from jaxtyping import Bool, Int, Shaped
from torch import Tensor

from recloop.storage.moving import moved


@dataclass(frozen=True)
class Sessions:
    """All sessions of one part of a split, flat.

    Attributes:
        items: dense item ids of all sessions behind one another.
        events: 1 where the event counts as a purchase, else 0.
        offsets: where each session starts, and the end; one longer than there are sessions.
        first_target: per session, the first position that is to be predicted (1: all but the first item).
        ids: the session's number in the split.
        before: per session, how many of its leading items belong to earlier sessions of the same user.
    """

    items: Shaped[np.ndarray, " event"]
    events: Shaped[np.ndarray, " event"]
    offsets: Shaped[np.ndarray, " edge"]
    first_target: Shaped[np.ndarray, " session"]
    ids: Shaped[np.ndarray, " session"]
    before: Shaped[np.ndarray, " session"] = field(default=None)  # none, unless given

    def __post_init__(self) -> None:
        if self.before is None:
            object.__setattr__(self, "before", np.zeros_like(self.first_target))

    @classmethod
    def read(cls, path: Path) -> "Sessions":
        """Read `train.parquet`, `valid.parquet` or `test.parquet` of a split."""
        table = pl.read_parquet(path, columns=["session", "item", "event", "first_target"])
        sizes = table["item"].list.len().to_numpy()
        return cls(
            items=table["item"].explode().to_numpy().astype(np.int64),
            events=table["event"].explode().to_numpy().astype(np.int64),
            offsets=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
            first_target=table["first_target"].to_numpy(),
            ids=table["session"].to_numpy(),
        )

    def __len__(self) -> int:
        return len(self.offsets) - 1


@dataclass(frozen=True)
class Batch:
    """Pieces of sessions: `following[b, t]` is the item after `session[b, t]`, both padded on the right.

    Attributes:
        session: items x_1 … x_T.
        following: items x_2 … x_{T+1}, the actions; padding where there is none.
        purchase: 1 where the action is a purchase.
        ended: whether the piece ends where its session ends (a long session has several pieces).
        start: how many items of the session come before the piece.
        clicks_after: actions of the session after the piece that are no purchases.
        purchases_after: actions of the session after the piece that are purchases.
        owner: the session's number in the split.
    """

    session: Int[Tensor, "batch time"]
    following: Int[Tensor, "batch time"]
    purchase: Int[Tensor, "batch time"]
    ended: Bool[Tensor, " batch"]
    start: Int[Tensor, " batch"]
    clicks_after: Int[Tensor, " batch"]
    purchases_after: Int[Tensor, " batch"]
    owner: Int[Tensor, " batch"]

    @classmethod
    def whole(
        cls, path: Int[Tensor, "batch step"], purchase: Int[Tensor, "batch step"] | None = None
    ) -> "Batch":
        """Take whole sessions of one length, x_1 … x_{T+1}, and which of them are purchases (none, unless given)."""
        bought = torch.zeros_like(path) if purchase is None else purchase
        none = torch.zeros(len(path), dtype=torch.long)
        ended = torch.ones(len(path), dtype=torch.bool)
        owner = torch.arange(len(path))
        return cls(path[:, :-1], path[:, 1:], bought[:, 1:], ended, none, none, none, owner)

    def __len__(self) -> int:
        return len(self.session)

    def take(self, rows: Tensor, device: torch.device | str = "cpu") -> "Batch":
        """Pick some pieces and move them to a device."""
        found = {field.name: getattr(self, field.name)[rows] for field in fields(self)}
        batch = Batch(**{name: moved(values, device) for name, values in found.items()})
        return batch.knowing(found["following"])

    def knowing(self, following: Int[Tensor, "batch time"] | None) -> "Batch":
        """Remember the actions where they were before they were moved, so that a device need not be asked for them."""
        object.__setattr__(self, "known", following)
        return self

    def actions(self, padding: int) -> tuple[Int[Tensor, " action"], Int[Tensor, " action"]]:
        """Find the places that have an action, as an index: a mask would be asked how many it marks."""
        known = vars(self).get("known")
        places = torch.nonzero((self.following if known is None else known) != padding)
        row, step = moved(places, self.following.device).unbind(1)
        return row, step


def cut(sessions: Sessions, length: int, padding: int) -> Batch:
    """Cut sessions into pieces of up to `length` transitions, so that each transition is in just one piece.

    Pieces of one session overlap by an item: the last action of one is the first item of the next.
    """
    sizes = np.diff(sessions.offsets)
    transitions = np.maximum(sizes - 1, 0)
    windows = -(-transitions // length)
    owner = np.repeat(np.arange(len(sessions)), windows)
    number = np.arange(len(owner)) - np.repeat(np.cumsum(windows) - windows, windows)
    start = sessions.offsets[owner] + number * length
    steps = np.minimum(transitions[owner] - number * length, length)
    grid = np.arange(length)[None, :]
    real = grid < steps[:, None]
    where = np.minimum(start[:, None] + grid, len(sessions.items) - 2)
    bought = np.concatenate([[0], np.cumsum(sessions.events)])  # before each event
    end, close = start + steps + 1, sessions.offsets[owner + 1]
    purchases_after = bought[close] - bought[end]
    return Batch(
        session=torch.from_numpy(np.where(real, sessions.items[where], padding)),
        following=torch.from_numpy(np.where(real, sessions.items[where + 1], padding)),
        purchase=torch.from_numpy(np.where(real, sessions.events[where + 1], 0)),
        ended=torch.from_numpy(number == windows[owner] - 1),
        start=torch.from_numpy(number * length),
        clicks_after=torch.from_numpy(close - end - purchases_after),
        purchases_after=torch.from_numpy(purchases_after),
        owner=torch.from_numpy(sessions.ids[owner].astype(np.int64)),
    )


@dataclass(frozen=True)
class Events:
    """What is to be predicted: the item at `position` of each session, from at most `length` items before it.

    A position is counted within the session; `row` says which row of the sessions an event is of. With `exclude_seen`
    no item that stands before an event, at any distance, can be an answer.
    """

    session: Shaped[np.ndarray, " event"]
    row: Shaped[np.ndarray, " event"]
    position: Shaped[np.ndarray, " event"]
    seen: Shaped[np.ndarray, " event"]  # items before the target, with those of earlier sessions
    purchase: Shaped[np.ndarray, " event"]
    target: Shaped[np.ndarray, " event"]
    index: Shaped[np.ndarray, " event"]  # where the target lies in the flat items
    items: Shaped[np.ndarray, " all"]
    length: int
    padding: int
    exclude_seen: bool = False

    @classmethod
    def of(
        cls, sessions: Sessions, length: int, padding: int, exclude_seen: bool = False
    ) -> "Events":
        """List every event from the first target of its session on."""
        sizes = np.diff(sessions.offsets)
        owner = np.repeat(np.arange(len(sessions)), sizes)
        seen = np.arange(len(owner)) - sessions.offsets[owner]
        index = np.flatnonzero(seen >= np.maximum(sessions.first_target[owner], 1))
        row = owner[index]
        return cls(
            session=sessions.ids[row],
            row=row,
            position=seen[index] - sessions.before[row],
            seen=seen[index],
            purchase=sessions.events[index],
            target=sessions.items[index],
            index=index,
            items=sessions.items,
            length=length,
            padding=padding,
            exclude_seen=exclude_seen,
        )

    def __len__(self) -> int:
        return len(self.index)

    def sample(self, number: int | None, seed: int) -> "Events":
        """Keep `number` events drawn without replacement, or all of them."""
        if number is None or number >= len(self):
            return self
        return self.take(
            np.sort(np.random.default_rng(seed).choice(len(self), number, replace=False))
        )

    def take(self, rows: Shaped[np.ndarray, " kept"]) -> "Events":
        """Pick some events, in the order of `rows`."""
        names = ("session", "row", "position", "seen", "purchase", "target", "index")
        return replace(self, **{name: getattr(self, name)[rows] for name in names})

    def canonical(self) -> Shaped[np.ndarray, " event"]:
        """Return the rows in the order of session and position, whichever loop made the events."""
        return np.lexsort((self.position, self.session))

    def repeated(self) -> Shaped[np.ndarray, " event"]:
        """Mark targets that occur earlier in their own session; earlier sessions of the user do not count."""
        return previous(self.items)[self.index] >= self.index - self.position

    def prefixes(self, part: slice) -> Int[Tensor, "batch time"]:
        """Return the items before each event, the last `length` of them, padded on the right."""
        index, seen = self.index[part], np.minimum(self.seen[part], self.length)
        grid = np.arange(seen.max(initial=1))[None, :]
        where = np.minimum((index - seen)[:, None] + grid, len(self.items) - 1)
        return torch.from_numpy(np.where(grid < seen[:, None], self.items[where], self.padding))

    def seen_items(self, part: slice) -> tuple[Int[Tensor, " pair"], Int[Tensor, " pair"]]:
        """List which event has which item before it, as rows of the part and items; a target is never among its own."""
        index, seen = self.index[part], self.seen[part]
        rows = np.repeat(np.arange(len(index)), seen)
        place = np.arange(len(rows)) - np.repeat(np.cumsum(seen) - seen, seen)
        items = self.items[np.repeat(index - seen, seen) + place]
        other = items != np.repeat(self.target[part], seen)
        return torch.from_numpy(rows[other]), torch.from_numpy(items[other])


def previous(items: Shaped[np.ndarray, " event"]) -> Shaped[np.ndarray, " event"]:
    """Find where each item of a flat list stood last before it; -1 where it is new."""
    order = np.argsort(items, kind="stable")
    again = np.flatnonzero(items[order][1:] == items[order][:-1])
    found = np.full(len(items), -1)
    found[order[again + 1]] = order[again]
    return found

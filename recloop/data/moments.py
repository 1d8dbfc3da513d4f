"""What surrounds each event of a log: the context that is known when it is asked for, and what the user does then.

Context: hour, weekday, the gap since the event before, how long the user was away before the session, and the position
in it. Behaviour, which only training sees: the kind of the event, whether its item was there before, whether it is of
a kind with the last one, and the kinds of the next items, of which only kinds and never items are kept.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from recloop.data.batches import Batch, Sessions, cut, previous
from recloop.data.settings import PARTS, one_of

ABSENCES = (0, 1, 6, 24, 72, 168, 720)  # ours: hours from which each kind of absence begins
CONTEXT = (
    *(f"hour {hour}" for hour in range(24)),
    *("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"),
    *(f"away {hours} h" for hours in ABSENCES),
    *("gap", "position"),
)
BEHAVIOUR = ("click", "purchase", "repeated", "alike")  # the kinds of the next items come behind
MOMENTS = ("request", "last")
SECOND, HOUR, DAY = 1_000, 3_600_000, 86_400_000  # milliseconds
THURSDAY = 3  # 1970 began on one; weeks begin on Monday
LONG = 10  # ours: log(1 + position) is 1 there
MINUTES = 5.0  # ours: brings log(1 + seconds) near 1 for gaps of minutes


@dataclass(frozen=True)
class Observed(Batch):
    """A batch with what surrounds its actions.

    Attributes:
        context: known as action t is asked for, zeros where there is none; columns `CONTEXT`.
        behaviour: what the user did from action t on; columns `BEHAVIOUR` and a count for each kind.
    """

    context: Float[Tensor, "batch time context"]
    behaviour: Float[Tensor, "batch time behaviour"]


@dataclass(frozen=True)
class Moments:
    """Sessions of one part of a split, flat, with what surrounds each event.

    Attributes:
        sessions: the events.
        context: float32, columns `CONTEXT`.
        behaviour: small counts, columns `BEHAVIOUR` and one for each kind.
        time: milliseconds since 1970; 0 where none is known.
        users: of each session; None where nobody is known.
    """

    sessions: Sessions
    context: Shaped[np.ndarray, "event context"]
    behaviour: Shaped[np.ndarray, "event behaviour"]
    time: Shaped[np.ndarray, " event"]
    users: Shaped[np.ndarray, " session"]

    @classmethod
    def read(cls, folder: Path, part: str, asked: Mapping) -> "Moments":
        """Read one part of a split.

        Args:
            folder: of the split.
            part: train, valid or test.
            asked: `moment`, when context is read: at the `request` for an event, taken as the event's own time, or at
                the `last` event before it; `horizon`, next items whose kinds are behaviour, 0 for none; `most_kinds`.

        Raises:
            SettingsError: no such moment.
        """
        one_of("training.moment", asked["moment"], MOMENTS)
        sessions = Sessions.read(folder / f"{part}.parquet")
        table = pl.read_parquet(folder / f"{part}.parquet", columns=["session", "user", "time"])
        time = times(table, len(sessions.items))
        context = contexts(sessions, time, absences(folder, table), asked["moment"])
        kinds = item_kinds(folder, asked["most_kinds"])
        did = behaviours(sessions, kinds, asked["horizon"])
        return cls(sessions, context, did, time, table["user"].to_numpy())

    def windows(self, length: int, padding: int) -> tuple[Batch, Shaped[Tensor, "piece time"]]:
        """Cut the sessions into pieces, and say which flat event each action is (their number for padding)."""
        number = len(self.sessions.items)
        numbered = replace(self.sessions, items=np.arange(number))
        return cut(self.sessions, length, padding), cut(numbered, length, number).following

    def tensors(self) -> tuple[Tensor, Tensor]:
        """Give context and behaviour with a row of zeros at the end, for padding."""
        return tuple(
            torch.from_numpy(np.concatenate([rows, np.zeros_like(rows[:1])]))
            for rows in (self.context, self.behaviour)
        )


def times(table: pl.DataFrame, events: int) -> Shaped[np.ndarray, " event"]:
    """Read the time of every event; zeros where a log has none."""
    if table["time"].null_count():
        return np.zeros(events, np.int64)
    return table["time"].explode().fill_null(0).to_numpy().astype(np.int64)


def contexts(
    sessions: Sessions,
    time: Shaped[np.ndarray, " event"],
    away: Shaped[np.ndarray, " session"],
    moment: str,
) -> Shaped[np.ndarray, "event context"]:
    """Describe the moment of every event; without times only its position is known."""
    owner, position = places(sessions)
    if moment == "last":
        time = np.where(position > 0, np.roll(time, 1), time)
    known = time > 0
    first = position <= (moment == "last")
    gap = np.where(first, 0, time - np.roll(time, 1))
    hour, weekday = time % DAY // HOUR, (time // DAY + THURSDAY) % 7
    absent = np.searchsorted(np.array(ABSENCES) * HOUR, away[owner], side="right") - 1
    columns = [
        *(hour == one for one in range(24)),
        *(weekday == day for day in range(7)),
        *(absent == kind for kind in range(len(ABSENCES))),
        np.log1p(np.maximum(gap, 0) / SECOND) / MINUTES,
    ]
    found = np.stack([np.where(known, column, 0.0) for column in columns], axis=1)
    return np.concatenate([found, position_feature(position)[:, None]], 1).astype(np.float32)


def position_feature(position: Shaped[np.ndarray, "*row"] | Tensor) -> np.ndarray | Tensor:
    """Bring positions near 1."""
    log = torch.log1p if isinstance(position, Tensor) else np.log1p
    return log(position) / np.log1p(LONG)


def places(
    sessions: Sessions,
) -> tuple[Shaped[np.ndarray, " event"], Shaped[np.ndarray, " event"]]:
    """Find the session of every event and its place in it."""
    sizes = np.diff(sessions.offsets)
    owner = np.repeat(np.arange(len(sizes)), sizes)
    return owner, np.arange(len(owner)) - sessions.offsets[owner]


def absences(folder: Path, table: pl.DataFrame) -> Shaped[np.ndarray, " session"]:
    """Find how long each user was away before a session, in milliseconds; -1 for a first session or an unknown user.

    Earlier sessions count whichever part they are of: at the time of a request they have happened.
    """
    if table["user"].null_count() or table["time"].null_count():
        return np.full(table.height, -1)
    start, end = pl.col("time").list.first(), pl.col("time").list.last()
    parts = [
        pl.read_parquet(folder / f"{name}.parquet", columns=["session", "user", "time"])
        for name in PARTS
    ]
    visits = pl.concat(parts).select("session", "user", start=start, end=end)
    visits = visits.unique(["session"], keep="last", maintain_order=True).sort("user", "start")
    before = pl.col("end").shift(1).over("user")
    away = visits.select("session", away=(pl.col("start") - before).fill_null(-1).clip(-1))
    joined = table.select("session").join(away, on="session", how="left", maintain_order="left")
    return joined["away"].to_numpy()


def item_kinds(folder: Path, most: int) -> Shaped[np.ndarray, "item kind"]:
    """Mark the kinds of every item: its attributes (genres) where it has some, or its category.

    Args:
        folder: of the split.
        most: how many kinds are kept, the most frequent ones among the items.
    """
    items = pl.read_parquet(folder / "items.parquet", columns=["item", "category", "attributes"])
    category = pl.concat_list("category")
    kind = pl.when(pl.col("attributes").is_null()).then(category).otherwise("attributes")
    named = items.select("item", kind=kind).explode("kind").drop_nulls().unique()
    kept = named.group_by("kind").len().sort(["len", "kind"], descending=[True, False]).head(most)
    numbers = kept.select("kind", number=pl.int_range(pl.len()))
    pairs = named.join(numbers, on="kind")
    found = np.zeros((items.height, kept.height), np.uint8)
    found[pairs["item"].to_numpy(), pairs["number"].to_numpy()] = 1
    return found


def behaviours(
    sessions: Sessions, kinds: Shaped[np.ndarray, "item kind"], horizon: int
) -> Shaped[np.ndarray, "event behaviour"]:
    """Describe what the user did at every event, and the kinds of the next items of the session, this one included."""
    owner, position = places(sessions)
    items, end = sessions.items, sessions.offsets[owner + 1]
    at = np.arange(len(items))
    own, last = kinds[items], kinds[np.roll(items, 1)]
    did = [
        sessions.events == 0,
        sessions.events != 0,
        previous(items) >= sessions.offsets[owner],
        (position > 0) & (own & last).any(1),
    ]
    did = np.stack(did, 1).astype(np.uint8)
    if not horizon:
        return did
    bag = np.zeros_like(own)
    for step in range(horizon):
        there = at + step < end
        bag += kinds[items[np.where(there, at + step, at)]] * there[:, None].astype(np.uint8)
    return np.concatenate([did, bag], axis=1)

"""A shop whose customers come with an errand: to explore, to go on, to buy, or to see something again.

The truth: each visit has one intent. The hour, the weekday and how long the customer was away make
one of the four likely (`wanted`); with the size `clarity` it is that one, otherwise any. The intent
decides what is looked at next: a new arrival of the next category (explore), an obscure item that
follows the last one (continue), a bestseller of its category (buy), an item of the same visit again
(revisit); who comes to buy puts most of it straight into the cart. With the size `context` 0 the same intents
are dealt to the visits at random, so that hour, weekday and absence say nothing about them. As in the
shop, no exp or log is used, so that every machine writes the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recloop.data.worlds.shelves import Shelves, stock
from recloop.data.worlds.visits import DAY, HOUR, tastes, times
from recloop.data.worlds.writing import FIRST_ID, write_catalogue, write_csv, write_truth

SIZES = {
    "items": 150,
    "users": 330,
    "sessions_per_user": 9,
    "mean_length": 3,
    "clusters": 10,
    "days": 45,
    "clarity": 0.95,  # chance that a visit has the intent that its context wants
    "wander": 0.05,  # share of items that come from the whole shop, whatever the intent
    "context": 1,  # 0: intents are dealt to the visits at random
}
INTENTS = ("explore", "continue", "buy", "revisit")
EXPLORE, CONTINUE, BUY, REVISIT = range(4)
WEEKDAY = np.array([CONTINUE, CONTINUE, EXPLORE, BUY])  # night, morning, afternoon, evening
WEEKEND = np.array([EXPLORE, BUY, BUY, EXPLORE])
LONG = 7 * DAY  # away as long as that: to see something again
BESTSELLERS, ARRIVALS = 3, 2  # of a category: its first items, and those behind them
CART = np.array([0.03, 0.03, 0.6, 0.03])  # chance that an item goes into the cart, by intent
SHORTEST = 3  # events of a visit
START = 16_558  # days since 1970: 2015-05-03
DRIFT = 0.3  # chance that the taste moves to the next category between two visits


def generate(output: Path, writes: str, seed: int, sizes: Mapping[str, int | float]) -> list[Path]:
    """Write views and carts of all customers as RetailRocket does, the catalogue and the truth.

    Args:
        output: folder of the files.
        writes: must be `retailrocket`.
        seed: the same seed gives the same bytes.
        sizes: see `SIZES`.
    """
    if unknown := sizes.keys() - SIZES.keys():
        raise ValueError(f"errands has no size {sorted(unknown)}. Known: {', '.join(SIZES)}.")
    if writes != "retailrocket":
        raise ValueError(f"errands cannot write {writes!r}. Known: retailrocket.")
    sizes = {**SIZES, **sizes}
    random = np.random.Generator(np.random.PCG64(seed))
    shelves = stock(int(sizes["items"]), int(sizes["clusters"]), random)
    events, truth = visit(shelves, sizes, random)
    output.mkdir(parents=True, exist_ok=True)
    file = write_csv(events, output / "events.csv", header=True)
    arrays = vars(shelves) | truth
    return [file, write_catalogue(output, shelves), *write_truth(output, arrays, sizes)]


def visit(
    shelves: Shelves, sizes: Mapping[str, int | float], random: np.random.Generator
) -> tuple[pl.DataFrame, dict[str, NDArray[Any]]]:
    """Let every customer come, with an intent, and look around.

    Returns:
        The events, with the columns of RetailRocket. And the truth: `user`, `start` (milliseconds),
        `taste`, `wants` (what the context asks for) and `intent` of each visit.
    """
    user = np.repeat(np.arange(int(sizes["users"])), int(sizes["sessions_per_user"]))
    most = 2 * int(sizes["mean_length"]) - SHORTEST
    length = random.integers(SHORTEST, most + 1, len(user))
    taste = tastes(user, int(sizes["clusters"]), DRIFT, random)
    time = times(user, length, START, int(sizes["days"]), random)
    first = np.cumsum(length) - length
    start, end = time[first], time[first + length - 1]
    wants = wanted(start, absence(user, start, end))
    if not sizes["context"]:
        wants = random.permutation(wants)
    clear = random.random(len(user)) < sizes["clarity"]
    intent = np.where(clear, wants, random.integers(0, len(INTENTS), len(user)))
    walked = _walk(shelves, taste, intent, int(length.max()), float(sizes["wander"]), random)
    item = walked[np.arange(walked.shape[1]) < length[:, None]]
    session = np.repeat(np.arange(len(user)), length)
    carted = random.random(len(item)) < CART[intent[session]]
    events = pl.DataFrame(
        {
            "timestamp": time,
            "visitorid": user[session] + 1,
            "event": np.where(carted, "addtocart", "view"),
            "itemid": shelves.ids(FIRST_ID)[item],
            "transactionid": None,
        }
    ).sort("timestamp", "visitorid", maintain_order=True)
    truth = {"user": user, "start": start, "taste": taste, "wants": wants, "intent": intent}
    return events, truth


def absence(user: NDArray[Any], start: NDArray[Any], end: NDArray[Any]) -> NDArray[Any]:
    """Compute the milliseconds since the last visit of the same customer ended; 0 for a first visit."""
    since = start - np.concatenate([start[:1], end[:-1]])
    known = np.concatenate([[False], user[1:] == user[:-1]])
    return np.where(known, since, 0)


def wanted(start: NDArray[Any], away: NDArray[Any]) -> NDArray[Any]:
    """Look up the intent that a context asks for."""
    quarter = start % DAY // (6 * HOUR)
    weekend = (start // DAY + 3) % 7 >= 5  # 1970 began on a Thursday
    return np.where(away > LONG, REVISIT, np.where(weekend, WEEKEND[quarter], WEEKDAY[quarter]))


def _walk(
    shelves: Shelves,
    taste: NDArray[Any],
    intent: NDArray[Any],
    steps: int,
    wander: float,
    random: np.random.Generator,
) -> NDArray[Any]:
    """Choose the items of all visits, one step of all at a time; shape (visits, steps)."""
    items = np.zeros((len(intent), steps), dtype=np.int64)
    obscure = np.ones(len(intent), dtype=bool)
    for step in range(steps):
        draw = random.random((4, len(intent)))
        if not step:
            items[:, 0] = shelves.browse(taste, obscure, draw[0])
            continue
        last = items[:, step - 1]
        category = shelves.cluster[last]
        following = (category + 1) % len(shelves.size)
        choices = [
            shelves.order[shelves.first[following] + BESTSELLERS + _whole(draw[0], ARRIVALS)],
            shelves.follow(last, obscure, draw[0]),
            shelves.order[shelves.first[category] + _whole(draw[0], BESTSELLERS)],
            items[np.arange(len(items)), _whole(draw[1], step)],
            shelves.wander(draw[2]),
        ]
        items[:, step] = np.choose(np.where(draw[3] < wander, len(INTENTS), intent), choices)
    return items


def _whole(draw: NDArray[Any], number: int) -> NDArray[Any]:
    """Turn chances into whole numbers below `number`."""
    return (draw * number).astype(np.int64)

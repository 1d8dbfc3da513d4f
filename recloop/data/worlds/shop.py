"""A shop whose customers are known: which item follows which, and who likes the novel.

The truth: every item belongs to a category and is followed by a few items of that category, by
popular ones when the customer is in the mood for the popular, by obscure ones otherwise. Customers
differ in how often they are in which mood (their appetite for the novel), and their taste drifts
from category to category between sessions. Only additions, products and table look-ups of random
numbers are used, no exp or log, so that every machine writes the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recloop.data.worlds.shelves import Shelves, stock
from recloop.data.worlds.writing import WRITERS, Log, write_catalogue, write_truth

SIZES = {
    "items": 1200,
    "users": 4000,
    "sessions": 6000,
    "mean_length": 6,
    "clusters": 30,
    "days": 60,
    "repeats": 0.05,
}
# Share of next items that follow the last one, come from the taste, come from the whole shop; what
# `repeats` takes away comes off all three alike.
FOLLOW, BROWSE, WANDER = 0.7, 0.2, 0.1
APPETITES = (0.05, 0.3, 0.8)  # chance of the mood for the novel, a third of the customers each
DRIFT = 0.3  # chance that the taste moves to the next category between two sessions
SECOND, HOUR, DAY = 1_000, 3_600_000, 86_400_000  # milliseconds
START = {"yoochoose": 16_161, "retailrocket": 16_558, "lfm1b": 15_492}  # days since 1970
CART, PURCHASE = 0.10, 0.5  # chance of a cart after a click, of a purchase after a cart


def generate(into: Path, writes: str, seed: int, sizes: Mapping[str, int | float]) -> list[Path]:
    """Write a shop's log in a published format, its catalogue and its truth."""
    if unknown := sizes.keys() - SIZES.keys():
        raise ValueError(f"shop has no size {sorted(unknown)}. Known: {', '.join(SIZES)}.")
    if writes not in WRITERS:
        raise ValueError(f"shop cannot write {writes!r}. Known: {', '.join(WRITERS)}.")
    sizes = {**SIZES, **sizes}
    random = np.random.Generator(np.random.PCG64(seed))
    shelves = stock(int(sizes["items"]), int(sizes["clusters"]), random)
    log = visit(shelves, START[writes], sizes, random)
    into.mkdir(parents=True, exist_ok=True)
    files = WRITERS[writes](into, shelves, log, random)
    return [*files, write_catalogue(into, shelves), *write_truth(into, shelves, log, sizes)]


def visit(
    shelves: Shelves, start_day: int, sizes: Mapping[str, int | float], random: np.random.Generator
) -> Log:
    """Let every user come, look around and buy."""
    user = _users(int(sizes["users"]), int(sizes["sessions"]), random)
    taste = _tastes(user, int(sizes["clusters"]), random)
    appetite = np.array(APPETITES)[random.integers(0, len(APPETITES), int(sizes["users"]))]
    length = _lengths(float(sizes["mean_length"]), len(user), random)
    items = _walk(shelves, taste, appetite[user], length, float(sizes["repeats"]), random)
    time = _times(user, length, start_day, int(sizes["days"]), random)
    seen = np.arange(items.shape[1]) < length[:, None]
    carted = random.random(seen.sum()) < CART
    bought = carted * (1 + (random.random(len(carted)) < PURCHASE))
    session = np.repeat(np.arange(len(user)), length)
    return Log(user, taste, appetite, session, items[seen], time, bought.astype(np.int64))


def next_item_probabilities(
    shelves: Shelves, history: NDArray[Any], taste: int, appetite: float, repeats: float
) -> NDArray[Any]:
    """Give the true chance of every item to follow `history`, the user being known."""
    chance = np.zeros(len(shelves.cluster))
    last = history[-1]
    np.add.at(chance, shelves.novel_next[last], FOLLOW * appetite * shelves.next_share)
    np.add.at(chance, shelves.popular_next[last], FOLLOW * (1 - appetite) * shelves.next_share)
    category = shelves.cluster == taste
    weight = shelves.weight * category
    chance += BROWSE * (
        appetite * category / category.sum() + (1 - appetite) * weight / weight.sum()
    )
    chance += WANDER * shelves.weight / shelves.weight.sum()
    chance *= 1 - repeats
    np.add.at(chance, history, repeats / len(history))
    return chance


def _users(users: int, sessions: int, random: np.random.Generator) -> NDArray[Any]:
    """Give every user a session as long as there are enough, and share out the rest."""
    first = np.arange(min(users, sessions))
    return np.sort(np.concatenate([first, random.integers(0, users, sessions - len(first))]))


def _tastes(user: NDArray[Any], clusters: int, random: np.random.Generator) -> NDArray[Any]:
    home = random.integers(0, clusters, user.max() + 1)
    moves = np.cumsum(random.random(len(user)) < DRIFT)
    before = moves[np.searchsorted(user, user)]  # as the user came for the first time
    return (home[user] + moves - before) % clusters


def _lengths(mean: float, sessions: int, random: np.random.Generator) -> NDArray[Any]:
    """Draw lengths from 2 on, falling geometrically, cut off at ten times the mean."""
    stay = 1 - 1 / max(mean - 1, 1)
    falling = np.cumprod(np.full(int(10 * mean), stay))
    return 2 + np.searchsorted(np.cumsum(falling) / falling.cumsum()[-1], random.random(sessions))


def _walk(
    shelves: Shelves,
    taste: NDArray[Any],
    appetite: NDArray[Any],
    length: NDArray[Any],
    repeats: float,
    random: np.random.Generator,
) -> NDArray[Any]:
    """Choose all items, one step of all sessions at a time."""
    items = np.zeros((len(taste), length.max()), dtype=np.int64)
    bounds = (1 - repeats) * np.array([FOLLOW, FOLLOW + BROWSE, FOLLOW + BROWSE + WANDER])
    for step in range(items.shape[1]):
        active = np.flatnonzero(length > step)
        draw = random.random((6, len(active)))
        novel = draw[0] < appetite[active]
        browsed = shelves.browse(taste[active], novel, draw[1])
        if step == 0:
            items[active, 0] = browsed
            continue
        followed = shelves.follow(items[active, step - 1], novel, draw[2])
        wandered = shelves.wander(draw[3])
        repeated = items[active, (draw[4] * step).astype(np.int64)]
        choice = np.searchsorted(bounds, draw[5], side="right")
        items[active, step] = np.choose(choice, [followed, browsed, wandered, repeated])
    return items


def _times(
    user: NDArray[Any],
    length: NDArray[Any],
    start_day: int,
    days: int,
    random: np.random.Generator,
) -> NDArray[Any]:
    """Give times so that the sessions of a user neither overlap nor touch."""
    session = np.repeat(np.arange(len(user)), length)
    pause = random.integers(5 * SECOND, 300 * SECOND, len(session))
    first = np.cumsum(length) - length
    pause[first] = 0
    elapsed = np.cumsum(pause)
    elapsed -= elapsed[first][session]
    begin = random.integers(0, days * DAY, len(user))
    begin = begin[np.lexsort((begin, user))]
    # Everything the user did before, and two hours after each session, is added to the start.
    busy = elapsed[first + length - 1] + 2 * HOUR
    before = np.cumsum(busy) - busy
    begin += before - before[np.searchsorted(user, user)]
    return start_day * DAY + begin[session] + elapsed

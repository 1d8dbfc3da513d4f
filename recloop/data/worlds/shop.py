"""A shop whose customers are known: which item follows which, and who likes the novel.

The truth: every item belongs to a category and is followed by a few items of that category, by
popular ones when the customer is in the mood for the popular, by obscure ones otherwise. Customers
differ in how often they are in which mood (their appetite for the novel), and their taste drifts
from category to category between sessions. With the size `conversion`, items differ in how often
they are bought, and some customers lean to what is. Only additions, products and table look-ups of
random numbers are used, no exp or log, so that every machine writes the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recloop.data.worlds.conversion import Conversion, convert
from recloop.data.worlds.shelves import Shelves, stock
from recloop.data.worlds.visits import tastes, times
from recloop.data.worlds.writing import FIRST_ID, WRITERS, Log, write_catalogue, write_truth

SIZES = {
    "items": 1200,
    "users": 4000,
    "sessions": 6000,
    "mean_length": 6,
    "clusters": 30,
    "days": 60,
    "repeats": 0.05,
    "aimed": 1,  # 0: every item is drawn from the whole shop by popularity, whatever came before
    "conversion": 0,  # what an item's own chance of a cart is multiplied by; 0: CART for all alike
}
# Share of next items that follow the last one, come from the taste, come from the whole shop; what
# `repeats` takes away comes off all three alike.
FOLLOW, BROWSE, WANDER = 0.7, 0.2, 0.1
APPETITES = (0.05, 0.3, 0.8)  # chance of the mood for the novel, a third of the customers each
DRIFT = 0.3  # chance that the taste moves to the next category between two sessions
AIMLESS = np.array([0.0, 0.0, 1.0])
START = {"yoochoose": 16_161, "retailrocket": 16_558, "lfm1b": 15_492}  # days since 1970
CART, PURCHASE = 0.10, 0.5  # chance of a cart after a click, of a purchase after a cart


def generate(output: Path, writes: str, seed: int, sizes: Mapping[str, int | float]) -> list[Path]:
    """Write a shop's log in a published format, its catalogue and its truth."""
    if unknown := sizes.keys() - SIZES.keys():
        raise ValueError(f"shop has no size {sorted(unknown)}. Known: {', '.join(SIZES)}.")
    if writes not in WRITERS:
        raise ValueError(f"shop cannot write {writes!r}. Known: {', '.join(WRITERS)}.")
    sizes = {**SIZES, **sizes}
    random = np.random.Generator(np.random.PCG64(seed))
    shelves = stock(int(sizes["items"]), int(sizes["clusters"]), random)
    log = visit(shelves, START[writes], sizes, random)
    output.mkdir(parents=True, exist_ok=True)
    files = WRITERS[writes](output, shelves, log, random)
    arrays = vars(shelves) | {"id": shelves.ids(FIRST_ID)}
    arrays |= {name: getattr(log, name) for name in ("user", "taste", "appetite")}
    arrays |= vars(log.conversion) if log.conversion else {}
    return [*files, write_catalogue(output, shelves), *write_truth(output, arrays, sizes)]


def visit(
    shelves: Shelves, start_day: int, sizes: Mapping[str, int | float], random: np.random.Generator
) -> Log:
    """Let every user come, look around and buy."""
    users = int(sizes["users"])
    user = _users(users, int(sizes["sessions"]), random)
    taste = tastes(user, int(sizes["clusters"]), DRIFT, random)
    appetite = np.array(APPETITES)[random.integers(0, len(APPETITES), users)]
    strength = float(sizes["conversion"])
    conversion = convert(shelves, users, strength, random) if strength else None
    length = _lengths(float(sizes["mean_length"]), len(user), random)
    bounds = (1 - float(sizes["repeats"])) * next_bounds(bool(sizes["aimed"]))
    walked = _walk(shelves, user, taste, appetite, length, bounds, conversion, random)
    time = times(user, length, start_day, int(sizes["days"]), random)
    session = np.repeat(np.arange(len(user)), length)
    item = walked[np.arange(walked.shape[1]) < length[:, None]]
    bought = _buy(conversion.cart[item] if conversion else np.full(len(item), CART), random)
    return Log(user, taste, appetite, session, item, time, bought, conversion)


def next_bounds(aimed: bool) -> NDArray[Any]:
    """Add up the shares of the ways to choose the next item: it follows, is browsed for, is wandered to."""
    return np.array([FOLLOW, FOLLOW + BROWSE, FOLLOW + BROWSE + WANDER]) if aimed else AIMLESS


def next_item_probabilities(
    shelves: Shelves,
    history: NDArray[Any],
    taste: int,
    appetite: float,
    repeats: float,
    conversion: Conversion | None = None,
) -> NDArray[Any]:
    """Compute the true probability of every item to follow `history`, given the user.

    Args:
        shelves: what is sold.
        history: items of the session so far, at least one.
        taste: category in mind.
        appetite: chance of the mood for the novel.
        repeats: share of items of the same session.
        conversion: how items sell, for a purposeful customer; None for others.
    """
    probability = np.zeros(len(shelves.cluster))
    last = history[-1]
    np.add.at(probability, shelves.novel_next[last], FOLLOW * appetite * shelves.next_share)
    np.add.at(probability, shelves.popular_next[last], FOLLOW * (1 - appetite) * shelves.next_share)
    probability += BROWSE * shelves.browsing(taste, appetite)
    probability += WANDER * shelves.weight / shelves.weight.sum()
    probability *= 1 - repeats
    np.add.at(probability, history, repeats / len(history))
    return probability if conversion is None else conversion.leaning(probability)


def _users(users: int, sessions: int, random: np.random.Generator) -> NDArray[Any]:
    """Assign each user a session as long as there are enough, and distribute the rest at random."""
    first = np.arange(min(users, sessions))
    return np.sort(np.concatenate([first, random.integers(0, users, sessions - len(first))]))


def _lengths(mean: float, sessions: int, random: np.random.Generator) -> NDArray[Any]:
    """Draw lengths from 2 on, falling geometrically, cut off at ten times the mean."""
    stay = 1 - 1 / max(mean - 1, 1)
    falling = np.cumprod(np.full(int(10 * mean), stay))
    return 2 + np.searchsorted(np.cumsum(falling) / falling.cumsum()[-1], random.random(sessions))


def _walk(
    shelves: Shelves,
    user: NDArray[Any],
    taste: NDArray[Any],
    appetite: NDArray[Any],
    length: NDArray[Any],
    bounds: NDArray[Any],
    conversion: Conversion | None,
    random: np.random.Generator,
) -> NDArray[Any]:
    """Choose all items, one step of all sessions at a time."""
    items = np.zeros((len(user), length.max()), dtype=np.int64)
    for step in range(items.shape[1]):
        active = np.flatnonzero(length > step)
        known = items[active, :step], taste[active], appetite[user[active]]
        chosen = _choose(shelves, *known, bounds, random)
        if conversion:
            other = _choose(shelves, *known, bounds, random)
            chosen = conversion.prefer(user[active], chosen, other)
        items[active, step] = chosen
    return items


def _choose(
    shelves: Shelves,
    before: NDArray[Any],
    taste: NDArray[Any],
    appetite: NDArray[Any],
    bounds: NDArray[Any],
    random: np.random.Generator,
) -> NDArray[Any]:
    """Choose what follows the items `before`, for each session; the first one is browsed for, or wandered to."""
    rows, step = before.shape
    draw = random.random((6, rows))
    novel = draw[0] < appetite
    browsed = shelves.browse(taste, novel, draw[1])
    wandered = shelves.wander(draw[3])
    if not step:
        return browsed if bounds[0] else wandered
    followed = shelves.follow(before[:, -1], novel, draw[2])
    repeated = before[np.arange(rows), (draw[4] * step).astype(np.int64)]
    choice = np.searchsorted(bounds, draw[5], side="right")
    return np.choose(choice, [followed, browsed, wandered, repeated])


def _buy(probability: NDArray[Any], random: np.random.Generator) -> NDArray[Any]:
    """Draw carts, and purchases of what is in them."""
    carted = random.random(len(probability)) < probability
    return (carted * (1 + (random.random(len(probability)) < PURCHASE))).astype(np.int64)

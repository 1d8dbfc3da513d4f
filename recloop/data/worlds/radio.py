"""A radio whose listeners are known: what they come back to, where their taste drifts, who likes the novel.

The truth: an album belongs to an artist, an artist to a genre. After an album comes the artist's
next one, or one of a few albums of the genre (popular or obscure ones, by the mood of the
listener), or something out of the genre that the listener has in mind in this session, or out of
all; or, and a session may begin like that too, a play of the listener's earlier sessions comes
back. What was played often comes back often: the past makes favourites. The genre in mind drifts
slowly between sessions, the appetite for the novel stays. No album follows itself. As in the shop,
no exp or log is used, so that every machine writes the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recloop.data.worlds.radio_writing import write_artists_and_albums, write_plays
from recloop.data.worlds.shelves import Shelves, stock
from recloop.data.worlds.visits import tastes, times
from recloop.data.worlds.writing import write_truth

SIZES = {
    "items": 900,  # albums
    "albums_per_artist": 3,
    "users": 500,
    "sessions_per_user": 8,
    "mean_length": 7,
    "genres": 12,
    "days": 3,
    "revisits": 0.3,
    "follows": 0.75,  # share of albums that follow the last one; the rest comes from the genre in mind or from all
    "drift": 0.25,  # chance that the taste moves to the next genre between two sessions
    "memory": 1,  # 0: taste is drawn anew for every session, so that earlier ones say nothing about it
}
LEAST = {
    "sessions_per_user": 5,
    "mean_length": 3,
}  # every number from here to as far above the mean
# Share of next albums, which `revisits` takes away from alike: the artist's next one, one that
# follows in the genre, one of the genre in mind, one of all. The size `follows` scales the first two.
SHARES = np.array([0.35, 0.4, 0.15, 0.1])
APPETITES = (0.05, 0.3, 0.8)  # chance of the mood for the novel, a third of the listeners each
START = 15_492  # days since 1970: 2012-06-01
MOST_TRACKS = 3  # of an album that is played


def generate(output: Path, writes: str, seed: int, sizes: Mapping[str, int | float]) -> list[Path]:
    """Write the plays of all listeners as LFM-1b does, names, and the truth.

    Args:
        output: folder of the files.
        writes: must be `lfm1b`.
        seed: the same seed gives the same bytes.
        sizes: see `SIZES`.
    """
    if unknown := sizes.keys() - SIZES.keys():
        raise ValueError(f"radio has no size {sorted(unknown)}. Known: {', '.join(SIZES)}.")
    if writes != "lfm1b":
        raise ValueError(f"radio cannot write {writes!r}. Known: lfm1b.")
    sizes = {**SIZES, **sizes}
    random = np.random.Generator(np.random.PCG64(seed))
    items, genres, albums = (int(sizes[n]) for n in ("items", "genres", "albums_per_artist"))
    shelves = stock(items, genres, random, per_brand=albums)
    arrays, plays = listen(shelves, sizes, random)
    output.mkdir(parents=True, exist_ok=True)
    files = [write_plays(output, shelves, *plays), write_artists_and_albums(output, shelves)]
    return [*files, *write_truth(output, vars(shelves) | arrays, sizes)]


def listen(
    shelves: Shelves, sizes: Mapping[str, int | float], random: np.random.Generator
) -> tuple[dict[str, NDArray[Any]], tuple[NDArray[Any], NDArray[Any], NDArray[Any]]]:
    """Let every user listen.

    Returns:
        The truth: `user`, `taste`, `length` of each session, `item` of each event, `appetite` of
        each user. And the plays: user, album and time of every track, several tracks for an event.
    """
    users = int(sizes["users"])
    user = np.repeat(np.arange(users), _around("sessions_per_user", sizes, users, random))
    genres = int(sizes["genres"])
    if sizes["memory"]:
        taste = tastes(user, genres, float(sizes["drift"]), random)
    else:
        taste = random.integers(0, genres, len(user))
    appetite = np.array(APPETITES)[random.integers(0, len(APPETITES), users)]
    length = _around("mean_length", sizes, len(user), random)
    bounds = (1 - float(sizes["revisits"])) * np.cumsum(next_shares(float(sizes["follows"])))
    item = _walk(shelves, user, taste, appetite, length, bounds, random)
    tracks = random.integers(1, MOST_TRACKS + 1, len(item))
    played = np.add.reduceat(tracks, np.cumsum(length) - length)
    time = times(user, played, START, int(sizes["days"]), random)
    truth = {"user": user, "taste": taste, "length": length, "item": item, "appetite": appetite}
    return truth, (np.repeat(user, played), np.repeat(item, tracks), time)


def next_shares(follows: float) -> NDArray[Any]:
    """Compute the shares of next albums of which `follows` come after the last one; they sum to 1."""
    scale = [follows / SIZES["follows"], (1 - follows) / (1 - SIZES["follows"])]
    return SHARES * np.repeat(scale, 2)


def next_item_probabilities(
    shelves: Shelves,
    past: NDArray[Any],
    session: NDArray[Any],
    taste: int,
    appetite: float,
    revisits: float,
    follows: float = SIZES["follows"],
) -> NDArray[Any]:
    """Compute the true probability of every album to come next, given the user.

    Args:
        shelves: the albums.
        past: albums of all earlier sessions of the user.
        session: albums of this session so far; none before its first one.
        taste: genre in mind in this session.
        appetite: chance of the mood for the novel.
        revisits: share of albums out of the past.
        follows: share of the others that follow the last one.
    """
    going_on, followed, browsed, wandered = next_shares(follows)
    following, browsing = successors(shelves), shelves.browsing(taste, appetite)
    probability = browsing.copy()
    if len(session):
        last = session[-1]
        probability = browsed * browsing + wandered * shelves.weight / shelves.weight.sum()
        np.add.at(probability, shelves.novel_next[last], followed * appetite * shelves.next_share)
        np.add.at(
            probability, shelves.popular_next[last], followed * (1 - appetite) * shelves.next_share
        )
        probability[following[last]] += going_on
    again = np.bincount(past, minlength=len(probability)) / len(past) if len(past) else browsing
    probability = (1 - revisits) * probability + revisits * again
    for last in [*past, *session][-1:]:
        probability[following[last]] += probability[last]
        probability[last] = 0
    return probability


def successors(shelves: Shelves) -> NDArray[Any]:
    """Return the artist's next album, the first after the last; the genre's next where it is the only one."""
    alone = np.bincount(shelves.brand)[shelves.brand] == 1
    return np.where(alone, _round(shelves.cluster), _round(shelves.brand))


def _round(group: NDArray[Any]) -> NDArray[Any]:
    """Let each item be followed by the next one of its group, and the last by the first."""
    order = np.argsort(group, kind="stable")
    ranked = group[order]
    place = np.arange(1, len(group) + 1)
    first, end = (np.searchsorted(ranked, ranked, side=side) for side in ("left", "right"))
    following = np.empty_like(order)
    following[order] = order[np.where(place == end, first, place)]
    return following


def _around(
    size: str, sizes: Mapping[str, int | float], number: int, random: np.random.Generator
) -> NDArray[Any]:
    """Draw whole numbers whose mean is a size, from the least one on."""
    least, mean = LEAST[size], sizes[size]
    if mean < least:
        raise ValueError(f"radio needs {size} of at least {least}, got {mean}.")
    return random.integers(least, int(2 * mean) - least + 1, number)


def _walk(
    shelves: Shelves,
    user: NDArray[Any],
    taste: NDArray[Any],
    appetite: NDArray[Any],
    length: NDArray[Any],
    bounds: NDArray[Any],
    random: np.random.Generator,
) -> NDArray[Any]:
    """Choose the albums of all sessions: the nth step of the nth session of all users at a time."""
    items = np.zeros(length.sum(), dtype=np.int64)
    begin = np.cumsum(length) - length
    first = np.searchsorted(user, user)  # session in which the user came for the first time
    number = np.arange(len(user)) - first
    following = successors(shelves)
    for nth in range(number.max() + 1):
        for step in range(length[number == nth].max()):
            now = np.flatnonzero((number == nth) & (length > step))
            span = begin[first[now]], begin[now], begin[now] + step
            mind = taste[now], appetite[user[now]]
            items[span[-1]] = _choose(shelves, following, items, span, mind, bounds, random)
    return items


def _choose(
    shelves: Shelves,
    following: NDArray[Any],
    items: NDArray[Any],
    span: tuple[NDArray[Any], NDArray[Any], NDArray[Any]],
    mind: tuple[NDArray[Any], NDArray[Any]],
    bounds: NDArray[Any],
    random: np.random.Generator,
) -> NDArray[Any]:
    """Choose the next album of some users.

    Args:
        shelves: the albums.
        following: next album of the artist.
        items: events of all users, filled as far as they have happened.
        span: where in `items` the user's events begin, the session's, and the one to be chosen is.
        mind: genre and appetite.
        bounds: shares of the ways to choose, revisits aside, added up.
        random: source of chance.
    """
    own, begin, place = span
    draw = random.random((6, len(own)))
    novel = draw[0] < mind[1]
    last = items[place - 1]  # of nobody before the first event: not used then
    browsed = shelves.browse(mind[0], novel, draw[1])
    followed = shelves.follow(last, novel, draw[2])
    past = items[own + (draw[4] * (begin - own)).astype(np.int64)]
    revisited = np.where(begin > own, past, browsed)
    choices = [following[last], followed, browsed, shelves.wander(draw[3]), revisited]
    choice = np.searchsorted(bounds, draw[5], side="right")
    opening = np.where(draw[5] < bounds[-1], 2, 4)
    chosen = np.choose(np.where(place > begin, choice, opening), choices)
    return np.where((place > own) & (chosen == last), following[last], chosen)

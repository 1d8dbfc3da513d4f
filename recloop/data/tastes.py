"""What users rated, in the order of time: the history that a model sees, and the tastes that it is asked for.

A user's past is the first share of the ratings, the future is the rest. Tastes are means of ratings by genre.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from jaxtyping import Bool, Float, Int

from recloop.storage.settings import SettingsError, only_known

SAMPLINGS = ("recent", "random", "long_tail", "top_rated")
LABELS = ("future", "same")
NOBODY = -1  # in a history: there is no interaction at this place


@dataclass(frozen=True)
class Rated:
    """The ratings of the users of one part, one user after the other, each in the order of time.

    Attributes:
        users: the number of each user's session.
        items, ratings: of each rating.
        offsets: where each user's ratings begin, and the end.
    """

    users: Int[np.ndarray, " user"]
    items: Int[np.ndarray, " rating"]
    ratings: Float[np.ndarray, " rating"]
    offsets: Int[np.ndarray, " bound"]

    @classmethod
    def read(cls, sessions: Path, tables: Path, part: str) -> Rated:
        """Read a part of a split whose sessions are users, with the ratings of the tidy tables.

        Raises:
            ValueError: an event without a rating, or an item that a user rated twice.
        """
        users = pl.read_parquet(sessions / f"{part}.parquet", columns=["session", "user", "item"])
        users = users.sort("session")
        names = pl.read_parquet(sessions / "items.parquet", columns=["item", "id"])
        rows = users.explode("item").join(names, on="item", maintain_order="left")
        known = pl.scan_parquet(tables / "interactions.parquet").filter(pl.col("event") == "rating")
        known = known.select("user", "rating", id="item").collect()
        joined = rows.join(known, on=["user", "id"], how="left", maintain_order="left")
        if len(joined) != len(rows) or joined["rating"].null_count():
            raise ValueError(
                f"{tables}: expected one rating of each item in a user's session, found "
                f"{len(joined) - joined['rating'].null_count()} for {len(rows)}; keep the event rating alone and cut "
                "sessions by user"
            )
        lengths = users["item"].list.len().to_numpy()
        return cls(
            users["session"].to_numpy().astype(np.int64),
            joined["item"].to_numpy().astype(np.int64),
            joined["rating"].to_numpy().astype(np.float64),
            np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        )

    def __len__(self) -> int:
        return len(self.users)

    @property
    def user(self) -> Int[np.ndarray, " rating"]:
        """The place of the user of each rating."""
        return np.repeat(np.arange(len(self)), np.diff(self.offsets))

    def is_past(self, share: float) -> Bool[np.ndarray, " rating"]:
        """Mark the first share of each user's ratings."""
        place = np.arange(len(self.items)) - self.offsets[self.user]
        return place < np.floor(share * np.diff(self.offsets))[self.user]


def genre_table(sessions: Path) -> tuple[list[str], Bool[np.ndarray, "item genre"]]:
    """Read which item has which genre; genres in alphabetical order.

    Raises:
        ValueError: no item has any.
    """
    items = pl.read_parquet(sessions / "items.parquet", columns=["item", "attributes"]).sort("item")
    rows = items.explode("attributes").drop_nulls()
    names = rows["attributes"].unique().sort().to_list()
    if not names:
        raise ValueError(f"{sessions}: expected items with genres as attributes, found none")
    table = np.zeros((len(items), len(names)), bool)
    place = {name: number for number, name in enumerate(names)}
    table[rows["item"].to_numpy(), [place[name] for name in rows["attributes"]]] = True
    return names, table


def tastes(
    rated: Rated,
    genres: Bool[np.ndarray, "item genre"],
    chosen: Bool[np.ndarray, " rating"],
    support: int,
    most: int,
) -> tuple[Bool[np.ndarray, "user genre"], Bool[np.ndarray, "user genre"]]:
    """Mark the genres that users rate highest, and those that they rate lowest.

    Of g genres with enough ratings the best and the worst min(most, g // 2) are taken, so that none is both; of equal
    means the one with more ratings is the better one.

    Args:
        rated: users.
        genres: of the items.
        chosen: the ratings that count.
        support: ratings that a genre needs.
        most: genres of either kind.
    """
    user, users = rated.user[chosen], len(rated)
    has, stars = genres[rated.items[chosen]], rated.ratings[chosen]
    columns = [
        (np.bincount(user, one, users), np.bincount(user, one * stars, users)) for one in has.T
    ]
    count, total = (np.stack(part, axis=1) for part in zip(*columns, strict=True))
    known = count >= support
    mean = np.where(known, total / np.maximum(count, 1), -np.inf)
    order = np.lexsort((np.broadcast_to(np.arange(has.shape[1]), mean.shape), -count, -mean))
    place = np.argsort(order, axis=1)
    number = known.sum(1, keepdims=True)
    taken = np.minimum(most, number // 2)
    return place < taken, known & (place >= number - taken)


def histories(
    rated: Rated,
    past: Bool[np.ndarray, " rating"],
    length: int,
    sampling: str,
    popularity: Int[np.ndarray, " item"],
    seed: int,
) -> Int[np.ndarray, "user place"]:
    """Choose the interactions of each user's past that a model sees, in the order of time, the latest last.

    Args:
        rated: users.
        past: marks what may be seen.
        length: most interactions of a user; fewer stand at the end, behind `NOBODY`.
        sampling: `recent`: the last ones; `random`: any; `long_tail`: by chances of 1 / popularity; `top_rated`: the
            highest ratings, of equal ones the latest.
        popularity: training events of each item.
        seed: of what is drawn.

    Returns:
        places of ratings.

    Raises:
        SettingsError: another way of sampling.
    """
    only_known("sampling", [sampling], SAMPLINGS)
    where, user = np.flatnonzero(past), rated.user[past]
    key = keys(rated, where, sampling, popularity, np.random.default_rng([seed, len(rated)]))
    order = np.lexsort((-where, -key, user))  # user by user, what is wanted most first
    counts = np.bincount(user, minlength=len(rated))
    rank = np.arange(len(where)) - np.repeat(np.cumsum(counts) - counts, counts)
    kept = np.sort(where[order][rank < length])
    counts = np.minimum(counts, length)
    found = np.full((len(rated), length), NOBODY)
    found[np.arange(length) >= length - counts[:, None]] = kept
    return found


def keys(
    rated: Rated,
    where: Int[np.ndarray, " past"],
    sampling: str,
    popularity: Int[np.ndarray, " item"],
    random: np.random.Generator,
) -> Float[np.ndarray, " past"]:
    """Say how much each interaction is wanted; weighted draws without replacement are the largest Gumbel keys."""
    if sampling == "recent":
        return where.astype(np.float64)
    if sampling == "top_rated":
        return rated.ratings[where]
    luck = random.gumbel(size=len(where))
    if sampling == "random":
        return luck
    return luck - np.log(np.maximum(popularity[rated.items[where]], 1))


def others(users: int, seed: int) -> Int[np.ndarray, " user"]:
    """Give each user another one, and nobody oneself: a random circle of all."""
    order = np.random.default_rng([seed, users]).permutation(users)
    found = np.empty(users, np.int64)
    found[order] = np.roll(order, 1)
    return found


def check_tastes(training: dict) -> None:
    """Stop at shares and lengths that make no sense.

    Raises:
        SettingsError: says which.
    """
    only_known("labels", [training["labels"]], LABELS)
    if not 0 < training["past"] < 1:
        raise SettingsError(f"past is {training['past']}, expected a share between 0 and 1")

"""A cinema whose guests have tastes that can be told in words: films with genres, and what guests rate.

The truth: a guest likes some genres and dislikes as many. A rating is 3 + 1.5 times the mean of the guest's tastes (1,
-1 or 0) for the genres of the film + noise, in halves between 0.5 and 5; guests see films by the same mean, those that
they will like oftener. Genres differ in how often they are liked, so that who knows nobody is better than chance. The
adjective of a title comes from the words of the film's first genre: what a title says has to be read. With the size
`planted` 0 guests see any films and the tastes are dealt anew for every rating: what a guest rated says nothing of what
the guest will rate.

It writes the files of MovieLens, or `talk`: texts from which a language model learns how films and tastes are told, of
other films and other guests, of whom a question follows `told` films at most.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

SIZES = {"users": 300, "items": 300, "mean_length": 80, "planted": 1, "told": 3}
WORDS = {
    "Action": ("Daring", "Roaring", "Reckless", "Blazing"),
    "Comedy": ("Merry", "Clumsy", "Giggling", "Silly"),
    "Drama": ("Broken", "Solemn", "Tearful", "Bitter"),
    "Fantasy": ("Enchanted", "Mystic", "Winged", "Elven"),
    "Horror": ("Haunted", "Ghastly", "Bloody", "Cursed"),
    "Romance": ("Tender", "Longing", "Kissing", "Sweet"),
    "War": ("Besieged", "Marching", "Fallen", "Armoured"),
    "Western": ("Dusty", "Lonesome", "Outlawed", "Prairie"),
}
GENRES = tuple(WORDS)
NOUNS = (
    *("Bridge", "Garden", "House", "River", "Letter", "Stranger", "Winter", "Journey", "Harbour", "Mountain"),
    *("Daughter", "Captain", "Mirror", "Island", "Train", "Evening"),
)  # fmt: skip
LIKED = 3  # genres that a guest likes, and as many that the guest dislikes
STRENGTH, NOISE = 1.5, 0.5
CHOICE = 1.5  # how much oftener guests see what they will like
FAVOUR = 0.4  # how much genres differ in how often they are liked
START, STEP = 1_100_000_000, 3_600  # seconds
ABOUT = "{title}. Genres: {genres}. Rating: {rating} of 5."
QUESTION = "Which genres does this user like and dislike?"
ANSWER = "liked: {liked}; disliked: {disliked}"


def generate(output: Path, writes: str, seed: int, sizes: Mapping[str, int | float]) -> list[Path]:
    """Write ratings and films as MovieLens has them with the truth, or talk.

    Args:
        output: folder of the files.
        writes: `movielens` or `talk`.
        seed: the same seed gives the same bytes.
        sizes: see `SIZES`.
    """
    if unknown := sizes.keys() - SIZES.keys():
        raise ValueError(f"cinema has no size {sorted(unknown)}. Known: {', '.join(SIZES)}.")
    if writes not in ("movielens", "talk"):
        raise ValueError(f"cinema cannot write {writes!r}. Known: movielens, talk.")
    chosen = {name: int(sizes.get(name, default)) for name, default in SIZES.items()}
    random = np.random.Generator(np.random.PCG64(seed))
    output.mkdir(parents=True, exist_ok=True)
    films = make_films(chosen["items"], random)
    tastes = make_tastes(chosen["users"], random)
    rated = rate(films, tastes, chosen, random)
    if writes == "talk":
        return [write_talk(output, films, tastes, rated, chosen["told"], random)]
    return write_movielens(output, films, tastes, rated, chosen)


def make_films(number: int, random: np.random.Generator) -> pl.DataFrame:
    """Make films of one or two genres."""
    first = random.permutation(np.arange(number) % len(GENRES))
    second = random.integers(0, len(GENRES), number)  # the same one in an eighth of the films
    adjective = random.integers(0, len(WORDS["Action"]), number)
    noun, year = random.integers(0, len(NOUNS), number), 1950 + random.permutation(number) % 70
    titles = [
        f"The {WORDS[GENRES[g]][a]} {NOUNS[n]} ({y})"
        for g, a, n, y in zip(first, adjective, noun, year, strict=True)
    ]
    genres = [sorted({GENRES[a], GENRES[b]}) for a, b in zip(first, second, strict=True)]
    return pl.DataFrame({"title": titles, "genres": genres})


def make_tastes(users: int, random: np.random.Generator) -> NDArray[np.int64]:
    """Deal each guest liked and disliked genres, some genres oftener than others; 1, -1 or 0 per genre."""
    drawn = np.linspace(FAVOUR, -FAVOUR, len(GENRES)) + random.gumbel(size=(users, len(GENRES)))
    place = np.argsort(np.argsort(-drawn, axis=1), axis=1)
    return (place < LIKED).astype(int) - (place >= len(GENRES) - LIKED)


def rate(
    films: pl.DataFrame,
    tastes: NDArray[np.int64],
    sizes: Mapping[str, int],
    random: np.random.Generator,
) -> pl.DataFrame:
    """Let each guest see films, popular ones oftener and none twice, and rate each."""
    users, items = len(tastes), len(films)
    length = np.clip(random.poisson(sizes["mean_length"], users), 12, items)
    popular = np.log(1 / (1 + np.arange(items)) ** 0.5)[random.permutation(items)]
    table = genre_table(films["genres"].to_list())
    expected = tastes @ table.T / table.sum(1)
    wanted = popular + CHOICE * sizes["planted"] * expected
    order = np.argsort(-(wanted + random.gumbel(size=(users, items))), axis=1)
    user = np.repeat(np.arange(users), length)
    place = np.arange(len(user)) - np.repeat(np.cumsum(length) - length, length)
    drawn = np.lexsort((random.random(len(user)), user))  # what is wanted most is not seen first
    film = order[user, place][drawn]
    felt = tastes[user] if sizes["planted"] else make_tastes(len(user), random)
    mean = (felt * table[film]).sum(1) / table[film].sum(1)
    stars = 3 + STRENGTH * mean + NOISE * random.standard_normal(len(user))
    return pl.DataFrame(
        {
            "userId": user + 1,
            "movieId": film + 1,
            "rating": np.clip(np.round(2 * stars) / 2, 0.5, 5.0),
            "timestamp": START + STEP * place,
        }
    )


def genre_table(genres: list[list[str]]) -> NDArray[np.int64]:
    """Mark which film has which genre."""
    return np.array([[genre in own for genre in GENRES] for own in genres], dtype=int)


def write_movielens(
    output: Path,
    films: pl.DataFrame,
    tastes: NDArray[np.int64],
    rated: pl.DataFrame,
    sizes: Mapping[str, int],
) -> list[Path]:
    """Write ratings.csv, movies.csv and what is planted."""
    movies = films.with_row_index("movieId", 1).with_columns(pl.col("genres").list.join("|"))
    rated.write_csv(output / "ratings.csv")
    movies.select("movieId", "title", "genres").write_csv(output / "movies.csv")
    truth = {"sizes": dict(sizes), "genres": GENRES, "tastes": tastes.tolist()}
    (output / "truth.json").write_text(json.dumps(truth, sort_keys=True) + "\n")
    return [output / name for name in ("ratings.csv", "movies.csv", "truth.json")]


def write_talk(
    output: Path,
    films: pl.DataFrame,
    tastes: NDArray[np.int64],
    rated: pl.DataFrame,
    most: int,
    random: np.random.Generator,
) -> Path:
    """Write a line about one film, and one about each guest's tastes, behind up to `most` of the guest's films."""
    told = [
        tell(films.row(film - 1), stars)
        for film, stars in rated.select("movieId", "rating").iter_rows()
    ]
    ends = np.searchsorted(rated["userId"].to_numpy(), np.arange(len(tastes)) + 1, side="right")
    lines = []
    for taste, end, number in zip(
        tastes, ends, random.integers(0, most + 1, len(tastes)), strict=True
    ):
        lines += [told[end - most - 1], "\n".join([*told[end - number : end], answered(taste)])]
    table = pl.DataFrame({"text": list(dict.fromkeys(lines))})
    table.write_ndjson(output / "talk.jsonl")
    return output / "talk.jsonl"


def tell(film: tuple[str, list[str]], stars: float) -> str:
    """Tell of one film that a guest rated."""
    title, genres = film
    return ABOUT.format(title=title, genres=", ".join(genres), rating=f"{stars:g}")


def answered(taste: NDArray[np.int64]) -> str:
    """Ask which genres are liked and which are not, and answer."""
    sides = [
        ", ".join(name for name, one in zip(GENRES, taste, strict=True) if one == sign)
        for sign in (1, -1)
    ]
    return f"{QUESTION} " + ANSWER.format(liked=sides[0], disliked=sides[1])

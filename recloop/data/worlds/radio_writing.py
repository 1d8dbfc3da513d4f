"""What the radio has played, written as LFM-1b publishes it, and the names of artists and albums."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recloop.data.catalogue import CATALOGUE
from recloop.data.worlds.shelves import ADJECTIVES, NOUNS, Shelves
from recloop.data.worlds.visits import SECOND
from recloop.data.worlds.writing import write_csv

FIRST_ARTIST, FIRST_ALBUM = 1_001, 500_001  # an artist never has the number of an album
TRACKS = 10  # numbers that an album's tracks may have
_GENRES = (
    "ambient bluegrass blues bossa breakbeat chanson dub fado flamenco folk funk garage gospel house "
    "jazz klezmer metal polka punk ragtime reggae rock salsa ska soul swing synthpop tango techno"
)
GENRES = _GENRES.split()


def write_plays(
    output: Path, shelves: Shelves, user: NDArray[Any], album: NDArray[Any], time: NDArray[Any]
) -> Path:
    """Write listening events: user, artist, album, track, time in seconds.

    Args:
        output: folder of the file.
        shelves: the albums.
        user: of each play, in order.
        album: of each play; the tracks of an album are played one after another.
        time: milliseconds since 1970 of each play.
    """
    starts = np.ones(len(album), dtype=bool)
    starts[1:] = (album[1:] != album[:-1]) | (user[1:] != user[:-1])
    place = np.arange(len(album))
    track = place - np.maximum.accumulate(np.where(starts, place, 0))
    columns = {
        "user": user + 1,
        "artist": FIRST_ARTIST + shelves.brand[album],
        "album": FIRST_ALBUM + album,
        "track": (FIRST_ALBUM + album) * TRACKS + track,
        "time": time // SECOND,
    }
    return write_csv(pl.DataFrame(columns), output / "LFM-1b_LEs.txt", header=False, separator="\t")


def write_artists_and_albums(output: Path, shelves: Shelves) -> Path:
    """Write what each artist and each album is called; either may be the item of a reader."""
    items = range(len(shelves.cluster))
    artist, genre = ([name(shelves, item) for item in items] for name in (artist_name, genre_name))
    albums = pl.DataFrame(
        {
            "item": shelves.ids(FIRST_ALBUM),
            "title": [album_title(item) for item in items],
            "brand": artist,
            "category": genre,
            "description": [
                f"{g.capitalize()} by {a}." for a, g in zip(artist, genre, strict=True)
            ],
        }
    )
    known = albums.with_columns(
        pl.Series("item", FIRST_ARTIST + shelves.brand),
        title="brand",
        description=pl.format("{} plays {}.", "brand", "category"),
    ).unique("item", maintain_order=True)
    return write_csv(pl.concat([albums, known.sort("item")]), output / CATALOGUE, header=True)


def artist_name(shelves: Shelves, item: int) -> str:
    """Return the name of an album's artist."""
    return f"{shelves.brand_name(item)} {int(shelves.brand[item]):03d}"


def genre_name(shelves: Shelves, item: int) -> str:
    """Return the name of an album's genre."""
    round_, genre = divmod(int(shelves.cluster[item]), len(GENRES))
    return GENRES[genre] + (f" {round_ + 1}" if round_ else "")


def album_title(item: int) -> str:
    """Return the title of an album."""
    noun = NOUNS[item // len(ADJECTIVES) % len(NOUNS)]
    return f"{ADJECTIVES[item % len(ADJECTIVES)]} {noun} {item:04d}".capitalize()

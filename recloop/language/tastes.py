"""Tastes in words: which genres somebody likes and dislikes, written and read by one small grammar.

answer = "liked: " genres "; disliked: " genres
genres = "none" | genre {", " genre}
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

NONE = "none"
FORM = re.compile(r"liked: (?P<liked>[^;]+); disliked: (?P<disliked>[^;]+)")


class Tastes(NamedTuple):
    """Two sets of genres."""

    liked: frozenset[str]
    disliked: frozenset[str]


def write(liked: Iterable[str], disliked: Iterable[str]) -> str:
    """Write an answer; genres stand in alphabetical order, because sets have none."""
    parts = (", ".join(sorted(genres)) or NONE for genres in (liked, disliked))
    return "liked: {}; disliked: {}".format(*parts)


def read(text: str, genres: Sequence[str]) -> Tastes | None:
    """Read an answer; None for a text that the grammar does not have, or that names an unknown genre.

    Args:
        text: of a language model; blanks around it do not matter.
        genres: that there are.
    """
    found = FORM.fullmatch(text.strip())
    if found is None:
        return None
    sides = [listed(found[side], genres) for side in ("liked", "disliked")]
    return None if None in sides else Tastes(*sides)


def listed(text: str, genres: Sequence[str]) -> frozenset[str] | None:
    """Read one side of an answer."""
    names = [] if text == NONE else text.split(", ")
    return frozenset(names) if set(names) <= set(genres) else None


def check_genres(genres: Iterable[str]) -> None:
    """Stop at a genre that the grammar could not read back.

    Raises:
        ValueError: names it.
    """
    for genre in genres:
        if not genre.strip() or genre != genre.strip() or genre == NONE or set(genre) & set(",;"):
            raise ValueError(
                f"genre {genre!r}: expected a name without commas and semicolons, other than {NONE!r}; rename it in "
                "the source"
            )

"""What models of tastes are asked, and what they answer."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from recloop.language.tastes import write


class Query(NamedTuple):
    """Some users with the interactions that are seen of each, the latest last.

    Attributes:
        states: each interaction as the frozen encoder reads it, on the scale of all of the training part.
        known: false where a user has fewer interactions than others; these places stand first.
        told: the interactions of each user in words.
        ratings: of the interactions, 0 where there is none.
        genres: of the items.
        liked, disliked: what is to be said; it is looked at by losses alone.
    """

    states: Float[Tensor, "user place width"]
    known: Bool[Tensor, "user place"]
    told: list[list[str]]
    ratings: Float[Tensor, "user place"]
    genres: Bool[Tensor, "user place genre"]
    liked: Bool[Tensor, "user genre"]
    disliked: Bool[Tensor, "user genre"]


class Answers(NamedTuple):
    """What was said of some users.

    Attributes:
        texts: as it was said.
        tokens: positions of the language model's input; 0 without one.
    """

    texts: list[str]
    tokens: Int[Tensor, " user"]


def said(
    liked: Bool[Tensor, "user genre"], disliked: Bool[Tensor, "user genre"], genres: list[str]
) -> list[str]:
    """Write sets of genres as answers."""

    def names(row: list[bool]) -> list[str]:
        return [genre for genre, one in zip(genres, row, strict=True) if one]

    pairs = zip(liked.tolist(), disliked.tolist(), strict=True)
    return [write(names(one), names(other)) for one, other in pairs]


def best(
    liked: Float[Tensor, "user genre"],
    disliked: Float[Tensor, "user genre"],
    most: int,
    genres: list[str],
) -> Answers:
    """Answer with the genres of the highest scores, what is liked first; no genre is both.

    Args:
        liked, disliked: scores.
        most: genres of either kind.
        genres: their names.
    """
    most = min(most, len(genres) // 2)
    ours = top(liked, most)
    theirs = top(disliked.masked_fill(ours, -torch.inf), most)
    return Answers(said(ours, theirs, genres), torch.zeros(len(liked), dtype=torch.long))


def top(scores: Float[Tensor, "user genre"], most: int) -> Bool[Tensor, "user genre"]:
    """Mark the highest scores of each row, of equal ones the first."""
    places = scores.argsort(dim=1, descending=True, stable=True)[:, :most]
    return torch.zeros_like(scores, dtype=torch.bool).scatter(1, places, True)

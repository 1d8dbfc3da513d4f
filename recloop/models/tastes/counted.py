"""Tastes without learning: what everybody likes, and what the ratings of a user's own history say when counted."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from recloop.models.tastes.query import Answers, Query, best


class Popularity(nn.Module):
    """The genres that most users like, and those that most dislike: a prior that knows nobody.

    Args:
        genres: names of all genres.
        most: genres of either side that are said.
    """

    liked: Float[Tensor, " genre"]
    disliked: Float[Tensor, " genre"]

    def __init__(self, genres: list[str], most: int):
        super().__init__()
        self.genres, self.most = genres, most
        for side in ("liked", "disliked"):
            self.register_buffer(side, torch.zeros(len(genres)))

    def fit(self, queries: Iterable[Query]) -> None:
        """Count the users of the training part."""
        for query in queries:
            self.liked += query.liked.sum(0)
            self.disliked += query.disliked.sum(0)

    def answer(self, query: Query) -> Answers:
        """Say the same of everybody."""
        users = len(query.liked)
        sides = (one.expand(users, -1) for one in (self.liked, self.disliked))
        return best(*sides, self.most, self.genres)


class Counting(nn.Module):
    """The mean rating of each genre in the history, drawn to that of all users where there are few.

    Args:
        genres: names of all genres.
        most: genres of either side that are said.
        strength: ratings that the mean of all users counts for.
    """

    total: Float[Tensor, " genre"]
    number: Float[Tensor, " genre"]

    def __init__(self, genres: list[str], most: int, strength: float):
        super().__init__()
        self.genres, self.most, self.strength = genres, most, strength
        for name in ("total", "number"):
            self.register_buffer(name, torch.zeros(len(genres)))

    def fit(self, queries: Iterable[Query]) -> None:
        """Add up the ratings of the training part's histories by genre."""
        for query in queries:
            total, number = sums(query)
            self.total += total.sum(0)
            self.number += number.sum(0)

    def answer(self, query: Query) -> Answers:
        """Say the genres of the highest and of the lowest means."""
        total, number = sums(query)
        prior = self.total / self.number.clamp(min=1)
        mean = (total + self.strength * prior) / (number + self.strength)
        return best(mean, -mean, self.most, self.genres)


def sums(query: Query) -> tuple[Float[Tensor, "user genre"], Float[Tensor, "user genre"]]:
    """Add up and count each user's ratings by genre."""
    has = query.genres.float() * query.known.unsqueeze(2)
    return (has * query.ratings.unsqueeze(2)).sum(1), has.sum(1)

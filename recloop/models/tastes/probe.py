"""A linear probe: what encoded interactions say of tastes where no language model speaks."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from recloop.models.tastes.query import Answers, Query, best


class LinearProbe(nn.Module):
    """A logistic regression on the mean of a user's encoded interactions, one per genre and side.

    Args:
        width: of an encoded interaction.
        genres: names of all genres.
        most: genres of either side that are said.
    """

    def __init__(self, width: int, genres: list[str], most: int):
        super().__init__()
        self.genres, self.most = genres, most
        self.out = nn.Linear(width, 2 * len(genres))

    def logits(self, query: Query) -> Float[Tensor, "user label"]:
        """Score every genre as liked, then as disliked."""
        known = query.known.unsqueeze(2)
        mean = (query.states * known).sum(1) / known.sum(1).clamp(min=1)
        return self.out(mean)

    def losses(self, query: Query) -> tuple[Float[Tensor, " user"], Int[Tensor, " user"]]:
        """Compute the negative log-likelihood of each user's labels, and count them."""
        wanted = torch.cat([query.liked, query.disliked], dim=1)
        losses = functional.binary_cross_entropy_with_logits(
            self.logits(query), wanted.float(), reduction="none"
        )
        return losses.sum(1), torch.full((len(wanted),), wanted.shape[1], device=wanted.device)

    @torch.no_grad()
    def answer(self, query: Query) -> Answers:
        """Say the likeliest genres."""
        liked, disliked = self.logits(query).chunk(2, dim=1)
        return best(liked, disliked, self.most, self.genres)

"""Answers that are drawn, each by random numbers of its own, so that it does not matter who is asked beside it."""

from __future__ import annotations

import hashlib

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers import LogitsProcessor, TopPLogitsWarper

from recloop.language_models.decoding import Decoding


class Draw(LogitsProcessor):
    """Adds Gumbel noise to scores: the likeliest token is then a draw (Gumbel-max).

    Args:
        rows: token numbers of the prompts of a batch.
        decoding: temperature, top_p and seed.
    """

    def __init__(self, rows: list[list[int]], decoding: Decoding):
        self.temperature = decoding.temperature
        self.cut = TopPLogitsWarper(decoding.top_p) if decoding.top_p < 1 else None
        self.random = [torch.Generator().manual_seed(seed_of(row, decoding.seed)) for row in rows]

    def __call__(
        self, input_ids: Int[Tensor, "batch time"], scores: Float[Tensor, "batch token"]
    ) -> Float[Tensor, "batch token"]:
        """Return the noisy scores of the next token."""
        noise = [torch.empty(scores.shape[1]).exponential_(generator=one) for one in self.random]
        gumbel = -torch.stack(noise).log().to(scores.device)
        scores = scores.float() / self.temperature
        return (self.cut(input_ids, scores) if self.cut else scores) + gumbel


def seed_of(row: list[int], seed: int) -> int:
    """Make a seed of a prompt."""
    return int.from_bytes(hashlib.sha256(f"{seed} {row}".encode()).digest()[:7])

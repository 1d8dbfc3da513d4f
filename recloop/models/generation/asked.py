"""What a model that generates is told of some users, and what they took next."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


@dataclass(frozen=True)
class Asked:
    """Some users in front of their next item.

    Attributes:
        session: items before it, padded on the right.
        history: their latents h_1 … h_{n-1}; zeros at padding.
        real: which of them are no padding.
        profile: latent p of the prompt that names them.
        target: the next item.
        latent: its latent z.
    """

    session: Int[Tensor, "batch time"]
    history: Float[Tensor, "batch time latent"]
    real: Bool[Tensor, "batch time"]
    profile: Float[Tensor, "batch latent"]
    target: Int[Tensor, " batch"]
    latent: Float[Tensor, "batch latent"]

    def __len__(self) -> int:
        return len(self.target)

    @property
    def ago(self) -> Int[Tensor, "batch time"]:
        """Count how far back each item of a history is: the last one stands at 0, however long it is."""
        place = torch.arange(self.real.shape[1], device=self.real.device)
        return (self.real.sum(1, keepdim=True) - 1 - place).clamp(min=0)

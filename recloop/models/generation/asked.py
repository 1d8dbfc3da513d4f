"""What a model that generates is told of some users, and what they took next."""

from __future__ import annotations

from dataclasses import dataclass

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

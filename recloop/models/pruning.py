"""Weights of small magnitude: which they are, and a model that is asked without them.

Sun et al. Enhancing Top-N Item Recommendations by Peer Collaboration (PCRec). SIGIR 2022.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn


def smallest(weight: Float[Tensor, "..."], share: float) -> Bool[Tensor, "..."]:
    """Mark a share of the entries, those of the smallest magnitude (released code: those below a percentile)."""
    count = int(share * weight.numel())
    if not count:
        return torch.zeros_like(weight, dtype=torch.bool)
    size = weight.detach().abs()
    return size <= size.flatten().kthvalue(count).values


@torch.no_grad()
def prune(module: nn.Module, share: float) -> None:
    """Set a share of the entries of every tensor with two or more dimensions to zero; biases and norms stay."""
    for weight in module.parameters():
        if weight.dim() > 1:
            weight.masked_fill_(smallest(weight, share), 0.0)


class Prunable(nn.Module):
    """A model that can be asked without its smallest weights: they are gone as soon as a saved state is loaded.

    A subclass calls `ask_without` in its constructor.
    """

    def ask_without(self, share: float) -> None:
        """Prune a share of every saved state that is loaded from now on.

        Raises:
            ValueError: no share.
        """
        if not 0 <= share <= 1:
            raise ValueError(f"pruned={share!r}: expected a share from 0 to 1")
        if share:
            self.register_load_state_dict_post_hook(lambda module, _: prune(module, share))

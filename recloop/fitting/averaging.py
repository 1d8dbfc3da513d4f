"""A moving average of the weights, for models that are better with it than with the last update (diffusion)."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Average:
    """Exponential moving average of all parameters that learn.

    The first updates keep less, (1 + n) / (10 + n) after n of them, as averages of weights elsewhere do: with 0.9999 a
    training of a thousand updates would else be judged by nine tenths of the weights that it started from.

    Args:
        model: as it starts.
        decay: most of the old average that an update keeps.
    """

    def __init__(self, model: nn.Module, decay: float):
        self.decay = decay
        self.tensors = {name: value.detach().clone() for name, value in learning(model)}

    @torch.no_grad()
    def update(self, model: nn.Module, updates: int) -> None:
        """Move towards the weights of this moment, after some updates."""
        decay = min(self.decay, (1 + updates) / (10 + updates))
        for name, value in learning(model):
            self.tensors[name].lerp_(value, 1 - decay)

    @contextmanager
    def in_place(self, model: nn.Module) -> Iterator[None]:
        """Exchange the model's weights for the average while the block runs."""
        self.swap(model)
        try:
            yield
        finally:
            self.swap(model)

    @torch.no_grad()
    def swap(self, model: nn.Module) -> None:
        """Exchange weights and average."""
        for name, value in learning(model):
            kept = value.detach().clone()
            value.copy_(self.tensors[name])
            self.tensors[name] = kept


def learning(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """List the parameters that learn, by name."""
    return ((name, value) for name, value in model.named_parameters() if value.requires_grad)

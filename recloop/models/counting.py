"""Modules that count their updates or steps on the processor, wherever their weights are."""

from typing import Self

from torch import nn


class Counting(nn.Module):
    """Leaves one buffer on the processor: to read a number from a GPU is to wait for the GPU.

    Attributes:
        count: name of the buffer.
    """

    count = "updates"

    def _apply(self, *given, **named) -> Self:
        """Move everything but the count."""
        number = getattr(self, self.count)
        super()._apply(*given, **named)
        setattr(self, self.count, number)
        return self

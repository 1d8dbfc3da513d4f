"""States of a network that does not learn, made once for each item as far as memory allows."""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

MOST_BYTES = 1 << 30  # what would take more is made anew each time
AT_ONCE = 64  # items that are read together, so that long titles do not lengthen many

States = tuple[Float[Tensor, "item place dim"], Bool[Tensor, "item place"]]


class KeptStates:
    """A table of states by item, filled when items are asked for.

    Args:
        items: size of the catalogue.
        longest: most places of an item: tokens of a title, cells of a picture.
        read: makes the states of items and says which places are real; other ones are behind them.
        most_bytes: of the table.
    """

    def __init__(
        self,
        items: int,
        longest: int,
        read: Callable[[Int[Tensor, " item"]], States],
        most_bytes: int = MOST_BYTES,
    ):
        self.read, self.longest, self.most_bytes = read, longest, most_bytes
        self.sizes = torch.zeros(
            items, dtype=torch.long
        )  # places of each item; 0 where it was not read
        self.table: Tensor | None = None

    def take(self, items: Int[Tensor, " item"]) -> States:
        """Return the states of some distinct items, as wide as the longest of them, and which places are real."""
        own = items.cpu()
        new = own[self.sizes[own] == 0]
        # Whole blocks of the catalogue: the last digits of an item's states depend on what is read beside it, and a
        # training that goes on asks for items in another order.
        for block in (new // AT_ONCE).unique().tolist():
            first = block * AT_ONCE
            part = torch.arange(first, min(first + AT_ONCE, len(self.sizes)))
            with torch.no_grad():
                states, real = self.read(part.to(items.device))
            if not self.fits(states):
                return self.read(items)
            self.table[part.to(items.device), : states.shape[1]] = states
            self.sizes[part] = real.sum(1).cpu()
        sizes = self.sizes[own].to(items.device)
        width = int(sizes.max())
        return self.table[items, :width], torch.arange(width, device=items.device) < sizes[:, None]

    def fits(self, states: Float[Tensor, "item place dim"]) -> bool:
        """Make room for all items, unless that is too much."""
        if self.table is None:
            shape = (len(self.sizes), self.longest, states.shape[2])
            if (
                len(self.sizes) * self.longest * states.shape[2] * states.element_size()
                > self.most_bytes
            ):
                return False
            self.table = states.new_zeros(shape)
        return True

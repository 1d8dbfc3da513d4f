"""Recommenders that learn nothing: any item, and one that reads what is said and keeps to it.

Ours: what learned policies have to beat, and about the best that can be done with the eyes of the attribute network.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from recloop.models.offline.learner import CHOICES
from recloop.models.offline.spaces import Space

SURE, NEVER = 100.0, -100.0  # scores of what was wanted and of what was refused


class Notes(nn.Module):
    """A tracker that writes down what was wanted and what was refused.

    Args:
        space: of actions.
        words: values of all attributes, twice: wanted and refused.
    """

    def __init__(self, space: Space, words: int):
        super().__init__()
        self.dim = space.width
        places = space.there.clone()
        places[torch.arange(space.attributes), torch.tensor(space.sizes) - 1] = False
        self.register_buffer("places", places.flatten().nonzero()[:, 0], persistent=False)
        self.half = words // 2

    def start(self, batch: int, device: torch.device | str = "cpu") -> Float[Tensor, "batch dim"]:
        """Know nothing."""
        return torch.zeros(batch, self.dim, device=device)

    def advance(
        self,
        state: Float[Tensor, "batch dim"],
        seen: Float[Tensor, "batch inputs"],
        heard: Float[Tensor, "batch words"],
    ) -> Float[Tensor, "batch dim"]:
        """Take in what a comment means."""
        wanted, refused = heard[:, : self.half], heard[:, self.half :]
        said = SURE * wanted + NEVER * refused
        return state.index_add(1, self.places, said)


class Rules(nn.Module):
    """Show items with all that is known to be wanted and nothing that was refused, the rest at random.

    Args:
        sizes: values of each attribute.
        words: width of what a comment means.
        reads: whether it listens at all; otherwise it shows any item.
    """

    learns_from, hears_meaning = "nothing", True

    def __init__(self, sizes: Sequence[int], words: int, reads: bool):
        super().__init__()
        self.space, self.reads = Space(sizes), reads
        self.tracker = Notes(self.space, words)

    def act(
        self, state: Float[Tensor, "batch dim"], generator: torch.Generator, choose: str
    ) -> Int[Tensor, "batch attribute"]:
        """Choose a value for each attribute; chance decides in either way of choosing.

        Raises:
            ValueError: another way to choose.
        """
        if choose not in CHOICES:
            raise ValueError(f"choose={choose!r}: expected one of {', '.join(CHOICES)}")
        scores = (
            self.space.parted(state)
            if self.reads
            else torch.zeros(
                len(state), self.space.attributes, self.space.values, device=state.device
            )
        )
        return self.space.draw(scores, generator)

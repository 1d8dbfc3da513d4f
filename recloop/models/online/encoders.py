"""What an agent makes of the last items and their rewards: its state."""

from collections.abc import Callable
from itertools import pairwise

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from recloop.models.online.state import Seen
from recloop.models.sessions import last


class Average(nn.Module):
    """The mean of the last items, each with its reward beside it (EasyRL4Rec, released code: its tracker `avg`).

    Args:
        items: how many there are; id `items` is none.
        width: of an embedding.
        memory: how many items are seen.
    """

    def __init__(self, items: int, width: int, memory: int):
        super().__init__()
        self.items, self.memory, self.dim = items, memory, width + 1
        self.embedding = nn.Embedding(items + 1, width, padding_idx=items)
        nn.init.normal_(self.embedding.weight[:-1], std=0.1)

    def forward(self, seen: Seen) -> Float[Tensor, "episode dim"]:
        """Average what was seen; zeros where that is nothing."""
        number = (seen.items != self.items).sum(1, keepdim=True).clamp_min(1)
        total = self.embedding(seen.items).sum(1)
        return torch.cat([total, seen.rewards.sum(1, keepdim=True)], dim=1) / number


class Attentive(nn.Module):
    """A session encoder over the last items (Eq. 7.4 with SASRec); it does not know their rewards.

    Args:
        backbone: makes the session encoder.
        items: how many there are; id `items` is none.
        memory: how many items are seen.
    """

    def __init__(self, backbone: Callable[..., nn.Module], items: int, memory: int):
        super().__init__()
        self.backbone = backbone(length=memory)
        self.items, self.memory, self.dim = items, memory, self.backbone.dim

    def forward(self, seen: Seen) -> Float[Tensor, "episode dim"]:
        """Take the state at the newest item."""
        session = at_start(seen.items, self.items)
        return last(self.backbone(session), session, self.items)


def at_start(newest_last: Int[Tensor, "episode time"], none: int) -> Int[Tensor, "episode time"]:
    """Move items from the end of a row to its start, as session encoders want them; `none` fills up."""
    time = newest_last.shape[1]
    number = (newest_last != none).sum(1, keepdim=True)
    places = torch.arange(time, device=newest_last.device) + time - number
    moved = newest_last.gather(1, places.clamp_max(time - 1))
    return torch.where(places < time, moved, none)


def head(inputs: int, hidden: int, layers: int, outputs: int) -> nn.Sequential:
    """Make hidden layers with ReLU and a linear output."""
    widths = [inputs, *[hidden] * layers]
    parts = [
        part for before, after in pairwise(widths) for part in (nn.Linear(before, after), nn.ReLU())
    ]
    return nn.Sequential(*parts, nn.Linear(widths[-1], outputs))

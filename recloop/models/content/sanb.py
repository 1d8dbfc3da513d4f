"""The side network of IISAN: bottleneck blocks, gates, and towers of both that read the hidden levels of others.

Fu et al. IISAN: Efficiently Adapting Multimodal Representation for Sequential Recommendation with Decoupled PEFT.
SIGIR 2024, released code. In it the blocks' dropout is never called, so that there is none here.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

ACTIVATIONS = {"relu": nn.ReLU, "gelu": nn.GELU}
SPREAD = 0.01  # standard deviation of new weights (released code)
TEMPERATURE = 0.1  # of gates (released code)


class SANB(nn.Module):
    """A side-adapted network block: x + W2 phi(W1 x + b1) + b2.

    Args:
        dim: width of what comes in and goes out.
        hidden: width between.
        activation: `relu` or `gelu`.
    """

    def __init__(self, dim: int, hidden: int, activation: str = "relu"):
        super().__init__()
        self.down, self.up = nn.Linear(dim, hidden), nn.Linear(hidden, dim)
        self.activate = ACTIVATIONS[activation]()
        for layer in (self.down, self.up):
            nn.init.normal_(layer.weight, std=SPREAD)
            nn.init.zeros_(layer.bias)

    def forward(self, states: Float[Tensor, "*place dim"]) -> Float[Tensor, "*place dim"]:
        """Add what the bottleneck makes of a state to it."""
        return states + self.up(self.activate(self.down(states)))


class Gates(nn.Module):
    """One gate per level, g = sigmoid(theta / 0.1) with theta = 0 at first: g of the one and 1 - g of the other.

    Args:
        levels: how many gates.
        gated: whether there are any; without them both are added up.
    """

    def __init__(self, levels: int, gated: bool = True):
        super().__init__()
        self.theta = nn.Parameter(torch.zeros(levels)) if gated else None

    def forward(
        self, level: int, one: Float[Tensor, "item dim"], other: Float[Tensor, "item dim"]
    ) -> Float[Tensor, "item dim"]:
        """Mix two states at a level."""
        if self.theta is None:
            return one + other
        gate = torch.sigmoid(self.theta[level] / TEMPERATURE)
        return gate * one + (1 - gate) * other


class IntraTower(nn.Module):
    """A tower beside one network: x_k = g_k h_k + (1 - g_k) s_(k-1), s_k = SANB_k(x_k), s_(-1) = 0.

    Args:
        levels: of the network that are read.
        dim: their width.
        hidden, activation: of the blocks.
        gated: whether levels are let in by gates.
        remove_first: whether the first level is the state at the start instead of being read.
    """

    def __init__(
        self,
        levels: int,
        dim: int,
        hidden: int,
        activation: str = "relu",
        gated: bool = True,
        remove_first: bool = False,
    ):
        super().__init__()
        self.remove_first = remove_first
        steps = levels - remove_first
        self.blocks = nn.ModuleList(SANB(dim, hidden, activation) for _ in range(steps))
        self.gates = Gates(steps, gated)

    def forward(self, levels: Float[Tensor, "item level dim"]) -> Float[Tensor, "item dim"]:
        """Go up the levels."""
        first, *rest = levels.unbind(1)
        state = first if self.remove_first else torch.zeros_like(first)
        for number, level in enumerate(rest if self.remove_first else [first, *rest]):
            state = self.blocks[number](self.gates(number, level, state))
        return state


class InterTower(nn.Module):
    """A tower between two networks: s_k = SANB_k(s_(k-1) + g_k h_k^picture + (1 - g_k) h_k^words), s_(-1) = 0.

    Args:
        levels: pairs of levels that are read.
        Others: as of `IntraTower`; with `remove_first` half the sum of the first pair is the state at the start.
    """

    def __init__(
        self,
        levels: int,
        dim: int,
        hidden: int,
        activation: str = "relu",
        gated: bool = True,
        remove_first: bool = False,
    ):
        super().__init__()
        self.remove_first = remove_first
        steps = levels - remove_first
        self.blocks = nn.ModuleList(SANB(dim, hidden, activation) for _ in range(steps))
        self.gates = Gates(steps, gated)

    def forward(
        self,
        words: Sequence[Float[Tensor, "item dim"]],
        pictures: Sequence[Float[Tensor, "item dim"]],
    ) -> Float[Tensor, "item dim"]:
        """Go up the levels of both."""
        pairs = list(zip(words, pictures, strict=True))
        state = torch.zeros_like(pairs[0][0])
        if self.remove_first:
            (told, shown), *pairs = pairs
            state = (told + shown) / 2
        for number, (told, shown) in enumerate(pairs):
            state = self.blocks[number](state + self.gates(number, shown, told))
        return state


def grouped(levels: int, groups: int) -> list[int]:
    """Choose the levels that are read: the embedding table, and the last layer of each of some equal groups.

    The rule behind all lists of the released code of IISAN and IISAN-Versa: from the last layer back in steps of
    (layers - 1) // (groups - 1); 1, 3, 5, 7, 9, 11 of 12 layers, counted from 0, and 4, 19, 34, 49, 64, 79 of 80.

    Args:
        levels: of the network, the embedding table among them.
        groups: layers that are read; all of a network that has no more.
    """
    layers = levels - 1
    groups = min(groups, layers)
    if groups < 2:
        return [0, layers]
    step = (layers - 1) // (groups - 1)
    return [0, *(layers - step * place for place in reversed(range(groups)))]


def chosen(levels: int, groups: int, layers: str | None) -> list[int]:
    """Choose the levels that are read: those of `grouped`, or the layers that are named, and the embedding table.

    Args:
        levels: of the network.
        groups: as of `grouped`.
        layers: such as `1+3+5`, counted from 0 as in the released code; None leaves it to `groups`.

    Raises:
        ValueError: a layer that the network has not.
    """
    if layers is None:
        return grouped(levels, groups)
    named = [int(one) for one in str(layers).split("+")]
    if wrong := [one for one in named if not 0 <= one < levels - 1]:
        raise ValueError(
            f"layers={layers}: no layer {wrong[0]}, this network has 0 to {levels - 2}"
        )
    return [0, *(one + 1 for one in named)]

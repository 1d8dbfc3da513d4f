"""Ways to tune a network: all of it, its biases, low-rank adapters, bottlenecks inside it, or nothing.

LoRA: Hu et al. ICLR 2022. Adapters: Houlsby et al. ICML 2019 (behind attention and feed-forward part), Pfeiffer et al.
EACL 2021 (behind the latter alone). BitFit: Ben Zaken et al. ACL 2022.
"""

import math
from collections.abc import Callable, Iterator

import torch
from jaxtyping import Float
from torch import Tensor, nn

from recloop.contents.networks import OF_ATTENTION, OF_FEED_FORWARD, Network
from recloop.models.content.sanb import SANB

QUERIES = ("query", "q_proj")  # layers of BERT, of ViT and of causal language models by their names
VALUES = ("value", "v_proj")
RANK, ALPHA = 8, 8.0


class LowRank(nn.Module):
    """A linear layer with a low-rank change beside it: W x + b + (alpha / rank) B A x, B = 0 at first.

    Args:
        layer: stays as it is.
        rank: of the change.
        alpha: its scale times the rank.
    """

    def __init__(self, layer: nn.Linear, rank: int = RANK, alpha: float = ALPHA):
        super().__init__()
        self.layer, self.scale = layer, alpha / rank
        self.down = nn.Parameter(torch.empty(rank, layer.in_features))
        self.up = nn.Parameter(torch.zeros(layer.out_features, rank))
        nn.init.kaiming_uniform_(self.down, a=math.sqrt(5))

    def forward(self, states: Float[Tensor, "*place dim"]) -> Float[Tensor, "*place out"]:
        """Add the change to what the layer says."""
        return self.layer(states) + (states @ self.down.T @ self.up.T) * self.scale

    @torch.no_grad()
    def merged(self) -> nn.Linear:
        """Return one linear layer that says the same."""
        found = nn.Linear(
            self.layer.in_features, self.layer.out_features, self.layer.bias is not None
        )
        found.weight.copy_(self.layer.weight + self.scale * self.up @ self.down)
        if found.bias is not None:
            found.bias.copy_(self.layer.bias)
        return found


class Adapted(nn.Module):
    """A linear layer with a bottleneck behind it that adds to what it says, nothing at first but for small weights.

    Args:
        layer: stays as it is.
        hidden: width of the bottleneck.
    """

    def __init__(self, layer: nn.Linear, hidden: int):
        super().__init__()
        self.layer, self.adapter = layer, SANB(layer.out_features, hidden, "gelu")

    def forward(self, states: Float[Tensor, "*place dim"]) -> Float[Tensor, "*place out"]:
        """Add what the bottleneck makes of the layer's answer to it."""
        return self.adapter(self.layer(states))


def everything(network: Network, size: int) -> None:
    """Let all of a network learn (full fine-tuning)."""
    network.requires_grad_(True)


def nothing(network: Network, size: int) -> None:
    """Leave a network as it is."""


def biases(network: Network, size: int) -> None:
    """Let the biases learn (BitFit)."""
    for name, one in network.named_parameters():
        one.requires_grad_(name.endswith("bias"))


def low_rank(network: Network, size: int) -> None:
    """Put low-rank changes beside queries and values (LoRA)."""
    replace(network, QUERIES + VALUES, lambda layer: LowRank(layer, size))


def low_rank_as_released(network: Network, size: int) -> None:
    """Do the same beside layers that are drawn anew: released code of IISAN never copies the weights into its own."""
    # The same for who trains and who asks: they are in no checkpoint.
    random = torch.Generator().manual_seed(0)

    def fresh(layer: nn.Linear) -> nn.Module:
        bound = layer.in_features**-0.5  # as nn.Linear draws them
        for one in layer.parameters():
            drawn = torch.rand(one.shape, generator=random) * 2 - 1
            one.data.copy_(drawn * bound)
        return LowRank(layer, size)

    replace(network, QUERIES + VALUES, fresh)


def houlsby(network: Network, size: int) -> None:
    """Put a bottleneck behind attention and behind the feed-forward part of each layer."""
    replace(network, OF_ATTENTION + OF_FEED_FORWARD, lambda layer: Adapted(layer, size))


def pfeiffer(network: Network, size: int) -> None:
    """Put a bottleneck behind the feed-forward part of each layer."""
    replace(network, OF_FEED_FORWARD, lambda layer: Adapted(layer, size), OF_ATTENTION)


WAYS: dict[str, Callable[[Network, int], None]] = {
    "full": everything,
    "frozen": nothing,
    "bitfit": biases,
    "lora": low_rank,
    "lora_as_released": low_rank_as_released,
    "houlsby": houlsby,
    "pfeiffer": pfeiffer,
}


def tune(network: Network, way: str, size: int) -> None:
    """Let a frozen network learn in some way, in place.

    Args:
        network: frozen.
        way: one of `WAYS`.
        size: rank of LoRA, width of bottlenecks; others have none.

    Raises:
        ValueError: no such way, or none of its layers in this network.
    """
    if way not in WAYS:
        raise ValueError(f"tuning={way!r}: expected one of {', '.join(WAYS)}")
    WAYS[way](network, size)


def replace(
    network: Network,
    names: tuple[str, ...],
    make: Callable[[nn.Linear], nn.Module],
    but: tuple[str, ...] = (),
) -> None:
    """Put other modules in the place of linear layers whose names end in one of some ways.

    Raises:
        ValueError: there is no such layer.
    """
    found = [(owner, last) for owner, last, path in linears(network) if ends(path, names, but)]
    if not found:
        raise ValueError(
            f"{type(network.backbone).__name__} has no layer called {' or '.join(names)}: tune it in another way"
        )
    for owner, last in found:
        setattr(owner, last, make(getattr(owner, last)))


def linears(network: Network) -> Iterator[tuple[nn.Module, str, str]]:
    """List the linear layers of a network: what holds each, its name there, and its path."""
    for path, module in list(network.backbone.named_modules()):
        for last, child in list(module.named_children()):
            if isinstance(child, nn.Linear):
                yield module, last, f"{path}.{last}"


def ends(path: str, names: tuple[str, ...], but: tuple[str, ...]) -> bool:
    """Say whether a path ends in one of the names, and in none of those left out."""
    return path.endswith(names) and not path.endswith(but or "\0")

"""What two peers give each other after an epoch: operators over tensors by name, in the order of a state.

Sun et al. Enhancing Top-N Item Recommendations by Peer Collaboration (PCRec). SIGIR 2022. Every operator reads what it
is given and makes new tensors, so that both peers change by the same snapshot.
"""

import math
from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from recloop.models.catalogue import Catalogue
from recloop.models.pruning import smallest

Weights = Mapping[str, Tensor]
BINS = 10  # released code, of equal width between the least and the largest weight
CRITERIA = ("entropy", "l1", "equal")
SCOPES = ("all", "embedding", "middle", "final")


def layer_wise(
    own: Weights, peer: Weights, criterion: str, alpha: float, largest: float
) -> tuple[dict[str, Tensor], dict[str, float]]:
    """Mix every tensor with that of the peer: w own + (1 - w) peer (released code, layer-wise).

    A bias or a norm has the w of the last tensor before it with two or more dimensions.

    Returns:
        The mixed tensors, and w of each tensor with two or more dimensions.
    """
    mixed, shares, share = {}, {}, 0.5
    for name, weight in own.items():
        if weight.dim() > 1:
            share = shares[name] = own_share(weight, peer[name], criterion, alpha, largest)
        mixed[name] = share * weight + (1 - share) * peer[name]
    return mixed, shares


def own_share(own: Tensor, peer: Tensor, criterion: str, alpha: float, largest: float) -> float:
    """Compute w = b / (1 + exp(-a d)), d how much more important the own tensor is: b is `largest`, a is `alpha`.

    By entropy d is the difference, by L1 that of the norms over their sum; `equal` takes half of each.
    """
    if criterion == "equal":
        return 0.5
    if criterion == "entropy":
        difference = entropy(own) - entropy(peer)
    else:
        norms = own.abs().sum().item(), peer.abs().sum().item()
        difference = (norms[0] - norms[1]) / max(sum(norms), torch.finfo(torch.float).tiny)
    return largest * sigmoid(alpha * difference)


def sigmoid(value: float) -> float:
    """Compute 1 / (1 + exp(-value)) without an overflow."""
    return 0.5 * (1 + math.tanh(value / 2))


def entropy(weight: Float[Tensor, "..."]) -> float:
    """Compute the entropy of a histogram of the weights, in nats; 0 where all are equal."""
    low, high = weight.min(), weight.max()
    place = (weight - low) / (high - low).clamp_min(torch.finfo(weight.dtype).tiny) * BINS
    counts = torch.bincount(place.flatten().long().clamp_(max=BINS - 1), minlength=BINS)
    chances = counts[counts > 0].double() / weight.numel()
    return -(chances * chances.log()).sum().item()


def parameter_wise(own: Weights, peer: Weights, share: float) -> dict[str, Tensor]:
    """Take the peer's entries in the place of the smallest own ones; biases and norms stay (released code)."""
    return {
        name: torch.where(smallest(weight, share), peer[name], weight)
        if weight.dim() > 1
        else weight
        for name, weight in own.items()
    }


def noisy(own: Weights, share: float, deviation: float) -> dict[str, Tensor]:
    """Add Gaussian noise to the smallest entries; tensors with one dimension stay (released code)."""
    return {
        name: weight + smallest(weight, share) * deviation * torch.randn_like(weight)
        if weight.dim() > 1
        else weight
        for name, weight in own.items()
    }


def noise_deviation(epoch: int, base: float, period: int) -> float:
    """Compute the deviation of the noise after epoch e, from 0 on: base^(floor(e / period) + 1) (released code)."""
    return base ** (epoch // period + 1)


def pruned(own: Weights, share: float) -> dict[str, Tensor]:
    """Set the smallest entries to zero; tensors with one dimension stay (ours: a control without a peer)."""
    return {
        name: weight.masked_fill(smallest(weight, share), 0.0) if weight.dim() > 1 else weight
        for name, weight in own.items()
    }


def scope_of(model: nn.Module) -> dict[str, str]:
    """Say of every parameter whether it is of an embedding (positions are), of the final output matrix, or between."""
    kinds = {}
    for place, module in model.named_modules():
        for name, _ in module.named_parameters(recurse=False):
            kind = "final" if isinstance(module, Catalogue) else "middle"
            embeds = isinstance(module, nn.Embedding) or name == "position"
            kinds[f"{place}.{name}".lstrip(".")] = "embedding" if embeds else kind
    return kinds


def cosine(one: Weights, two: Weights) -> float:
    """Compute the cosine between all weights of two models; 0 where there are none."""
    products = [
        torch.stack([(one[name] * two[name]).sum(), *(w[name].square().sum() for w in (one, two))])
        for name in one
    ]
    if not products:
        return 0.0
    both, first, second = torch.stack(products).double().sum(0).tolist()
    return both / max(math.sqrt(first * second), torch.finfo(torch.float).tiny)

"""How well an encoder knows attributes of pictures it never saw, beside guessing without looking."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def judge(
    scores: Float[Tensor, "picture label"],
    has: Bool[Tensor, "picture label"],
    attributes: dict[str, list[int]],
) -> dict:
    """Judge scores of pictures for labels, an attribute at a time.

    Args:
        scores: how well each label fits each picture.
        has: the truth; a picture may have several values of an attribute, or none, and then does not count for it.
        attributes: places of the labels of each attribute.

    Returns:
        Per attribute and averaged over attributes: `accuracy`, share of pictures whose best value is right; `chance`,
        the same for always naming the most frequent value; `precision`, mean average precision of finding pictures by
        value, and `precision_chance`, of doing so in a random order.
    """
    found = {}
    for attribute, places in attributes.items():
        annotated = has[:, places].any(1)
        if annotated.sum() > 1:
            found[attribute] = judge_one(scores[annotated][:, places], has[annotated][:, places])
    means = {
        key: sum(one[key] for one in found.values()) / len(found)
        for key in ("accuracy", "chance", "precision", "precision_chance")
        if found
    }
    return means | {"attributes": found}


def judge_one(
    scores: Float[Tensor, "picture value"], has: Bool[Tensor, "picture value"]
) -> dict[str, float | int]:
    """Judge the values of one attribute."""
    right = has.gather(1, scores.argmax(1, keepdim=True)).float().mean()
    shares = has.float().mean(0)
    asked = shares > 0
    precision = average_precision(scores[:, asked], has[:, asked])
    return {
        "accuracy": right.item(),
        "chance": shares.max().item(),
        "precision": precision.mean().item(),
        "precision_chance": shares[asked].mean().item(),
        "pictures": len(scores),
        "values": int(asked.sum()),
    }


def average_precision(
    scores: Float[Tensor, "picture value"], has: Bool[Tensor, "picture value"]
) -> Float[Tensor, " value"]:
    """Average, over the pictures that have a value, the share of such pictures up to each one's rank."""
    relevant = has.gather(0, scores.argsort(0, descending=True)).float()
    ranks = torch.arange(1, len(scores) + 1, device=scores.device)[:, None]
    return (relevant * relevant.cumsum(0) / ranks).sum(0) / relevant.sum(0)

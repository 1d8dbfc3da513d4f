"""The items with the highest scores, found block by block.

On a processor `torch.argmax` and `torch.topk` look at one number at a time; the highest of each block of items is
found several numbers at a time, and what is sought lies in few blocks: a fourth of the time of `torch.argmax`.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

BLOCK = 64  # items


def highest(scores: Float[Tensor, "row item"]) -> Int[Tensor, " row"]:
    """Find the first item with the highest score of each row."""
    whole = in_blocks(scores)
    if whole < BLOCK * BLOCK:
        return scores.argmax(1)
    blocks = scores[:, :whole].unflatten(1, (-1, BLOCK))
    block = blocks.amax(2).argmax(1)
    inside = blocks[torch.arange(len(scores)), block]
    found = block * BLOCK + inside.argmax(1)
    if whole == scores.shape[1]:
        return found
    rest, place = scores[:, whole:].max(1)
    return torch.where(rest > inside.amax(1), whole + place, found)


def top(scores: Float[Tensor, "row item"], k: int) -> Int[Tensor, "row k"]:
    """Find the `k` items with the highest scores of each row, best first.

    What is among the best `k` lies in one of the `k` blocks with the highest score of all, and few are left to be
    sorted.
    """
    items, whole = scores.shape[1], in_blocks(scores)
    if not k or whole < 4 * k * BLOCK:
        return scores.topk(k).indices
    blocks = scores[:, :whole].unflatten(1, (-1, BLOCK)).amax(2).topk(k).indices
    found = (blocks[:, :, None] * BLOCK + torch.arange(BLOCK)).flatten(1)
    rest = torch.arange(whole, items).expand(len(scores), -1)
    found = torch.cat([found, rest], 1)
    return found.gather(1, scores.gather(1, found).topk(k).indices)


def in_blocks(scores: Float[Tensor, "row item"]) -> int:
    """Count the items in whole blocks; none on a GPU, which needs no help."""
    return scores.shape[1] // BLOCK * BLOCK if scores.device.type == "cpu" else 0

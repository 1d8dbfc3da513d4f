"""What a language model knows of items before it has learnt any: whether it expects kin, an item of the same brand.

Behind the title of an item its kin's title should gain more likelihood than that of an item of another brand, each
beside its likelihood behind a third item, so that common words do not count. Brands (or artists) are not said.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

PAIRS = 200  # items that are asked about
NORMAL = 1.96  # of a 95% interval


@runtime_checkable  # so that types are checked in tests
class Reader(Protocol):
    """Who knows how likely a text is behind another."""

    def likelihoods(self, prompts: list[str], answers: list[str]) -> Float[Tensor, " pair"]: ...


def kinship(
    model: Reader, titles: Sequence[str | None], brands: Sequence[str | None], seed: int
) -> dict | None:
    """Measure how often kin gains more than a stranger; chance is 0.5.

    Args:
        model: that is asked.
        titles: of all items; one without is left out.
        brands: of all items, likewise.
        seed: of what is drawn.

    Returns:
        `preferred`, a tie counting half, with its 95% interval `low` to `high` over `pairs`; None where no two items
        are known to be kin, or all are.
    """
    drawn = quartets(titles, brands, seed)
    if not len(drawn):
        return None
    said = [[titles[item] or "" for item in column] for column in drawn.T.tolist()]
    item, kin, stranger, third = said
    gains = [gain(model, item, third, other) for other in (kin, stranger)]
    won = (gains[0] > gains[1]).float() + 0.5 * (gains[0] == gains[1]).float()
    low, high = interval(mean := won.mean().item(), len(won))
    return {"preferred": mean, "low": low, "high": high, "pairs": len(won)}


def interval(share: float, number: int) -> tuple[float, float]:
    """Bound a share of a few (Wilson. Probable Inference. JASA 1927): where all are alike, it is not certain."""
    more = NORMAL**2 / number
    half = NORMAL * math.sqrt(share * (1 - share) / number + more / (4 * number))
    return (share + more / 2 - half) / (1 + more), (share + more / 2 + half) / (1 + more)


def gain(
    model: Reader, item: list[str], third: list[str], other: list[str]
) -> Float[Tensor, " pair"]:
    """Measure what a title gains in log-likelihood behind an item rather than behind a third one."""
    answers = [f" {title}" for title in other]
    behind = [model.likelihoods([f"{one}," for one in heads], answers) for heads in (item, third)]
    return behind[0] - behind[1]


def quartets(
    titles: Sequence[str | None], brands: Sequence[str | None], seed: int
) -> Int[Tensor, "pair 4"]:
    """Draw items, each with kin of another title, a stranger, and a third one, of neither brand where there is one."""
    chance = torch.Generator().manual_seed(seed)
    known = [item for item, pair in enumerate(zip(titles, brands, strict=True)) if all(pair)]
    families: dict[str | None, list[int]] = {}
    for item in known:
        families.setdefault(brands[item], []).append(item)
    numbers = {brand: number for number, brand in enumerate(families)}
    items = torch.tensor(known, dtype=torch.long)
    family = torch.tensor([numbers[brands[item]] for item in known], dtype=torch.long)
    found = []
    for place in torch.randperm(len(known), generator=chance).tolist():
        item = known[place]
        kin = [one for one in families[brands[item]] if titles[one] != titles[item]]
        if not kin or len(known) - len(families[brands[item]]) < 2:
            continue
        strange = family != family[place]
        stranger = pick(items[strange], chance)
        others = strange & (family != numbers[brands[stranger]])
        third = pick(items[others if others.any() else strange & (items != stranger)], chance)
        found.append([item, pick(torch.tensor(kin), chance), stranger, third])
        if len(found) == PAIRS:
            break
    return torch.tensor(found, dtype=torch.long).view(-1, 4)


def pick(items: Int[Tensor, " item"], chance: torch.Generator) -> int:
    """Draw one of some items."""
    return int(items[torch.randint(len(items), (), generator=chance)])

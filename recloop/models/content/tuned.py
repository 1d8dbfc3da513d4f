"""Networks of words and pictures tuned for recommendation, whole or in part: what IISAN is compared with.

Fu et al. IISAN. SIGIR 2024, released code: the last state of each network, projected to the width of an item vector,
both joined by a linear layer. FFT, Adapter, LoRA and BitFit differ in what of the networks learns.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from recloop.contents.towers import LiveTower, Source, Tower
from recloop.models.content.iisan import check
from recloop.models.content.tuning import tune


class Tuned(nn.Module):
    """An item's vector from the last states of networks that learn.

    Args:
        dim: of an item vector.
        words, pictures: networks that read while the model learns, or caches, of which nothing can be tuned.
        tuning: what of the networks learns, one of `tuning.WAYS`.
        size: rank of LoRA, width of adapters.
        missing: as of `IISAN`.

    Raises:
        ValueError: no network, or one that is a cache and has to be tuned.
        ContentError: an item lacks what is read, and that is refused.
    """

    def __init__(
        self,
        dim: int,
        words: Source | None = None,
        pictures: Source | None = None,
        tuning: str = "full",
        size: int = 64,
        missing: str = "refused",
    ):
        super().__init__()
        sources = {"words": words, "pictures": pictures}
        known = {name: source for name, source in sources.items() if source is not None}
        check(known, "intra", missing)
        self.towers = nn.ModuleDict({name: one.tower() for name, one in known.items()})
        for name, tower in self.towers.items():
            if tuning != "frozen" and tower.network is None:
                raise ValueError(
                    f"tuning={tuning}: the levels of {name} come from a cache; say states: live"
                )
            if tower.network is not None:
                tune(tower.network, tuning, size)
        self.project = nn.ModuleDict(
            {name: nn.Linear(tower.dim, dim) for name, tower in self.towers.items()}
        )
        for layer in self.project.values():
            nn.init.xavier_normal_(layer.weight)
        self.fuse = nn.Linear(dim * len(known), dim)

    def groups(self) -> dict[str, list[nn.Parameter]]:
        """Name what learns of each network after what it reads."""
        return {
            name: [one for one in tower.parameters() if one.requires_grad]
            for name, tower in self.towers.items()
        }

    def forward(self, items: Int[Tensor, " item"]) -> Float[Tensor, "item dim"]:
        """Encode items."""
        found = [self.project[name](state(tower, items)) for name, tower in self.towers.items()]
        return self.fuse(torch.cat(found, 1))


def state(tower: Tower, items: Int[Tensor, " item"]) -> Float[Tensor, "item dim"]:
    """Read the last state of some items: behind its norm from a network, as it was kept from a cache."""
    return tower.last(items) if isinstance(tower, LiveTower) else tower(items)[:, 0]

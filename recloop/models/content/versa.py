"""IISAN-Versa: IISAN beside networks of any depths and widths.

Fu et al. Efficient and Effective Adaptation of Multimodal Foundation Models in Sequential Recommendation. 2024
(arXiv 2411.02992), draft code. Layers are chosen by groups, the tower between reads the last levels of the deeper
network, and a linear map per level brings the wider one to the width of the narrower.
"""

from jaxtyping import Float
from torch import Tensor, nn

from recloop.models.content.iisan import IISAN
from recloop.models.content.sanb import InterTower


class Versa(IISAN):
    """IISAN with group layer-dropping and dimension transformation; of equal networks the latter is nothing at all.

    Args:
        Others: as `IISAN`.
    """

    def between(self, kept: dict[str, list[int]], block: dict) -> nn.Module:
        """Make the tower between, in the smaller width, with a map per pair of levels where widths differ."""
        widths = {name: tower.dim for name, tower in self.towers.items()}
        self.paired = min(map(len, kept.values()))
        self.narrow, self.wide = min(widths.values()), max(widths, key=lambda name: widths[name])
        unequal = widths["words"] != widths["pictures"]
        maps = [nn.Linear(widths[self.wide], self.narrow) for _ in range(self.paired * unequal)]
        self.align = nn.ModuleList(maps)
        return InterTower(self.paired, self.narrow, **block)

    def between_head(self, dim: int) -> nn.Module:
        """Make the head of the tower between: as IISAN's, in the smaller width."""
        return IISAN.head(self, self.narrow, dim)

    def head(self, width: int, dim: int) -> nn.Module:
        """Make the head of an intra tower: down to an item vector first, so that its size hardly hangs on the width."""
        return nn.Sequential(nn.Linear(width, dim), nn.Linear(dim, dim))

    def groups(self) -> dict[str, list[nn.Parameter]]:
        """Let the maps learn with the side network."""
        found = super().groups()
        return {"side": [*found["side"], *getattr(self, "align", nn.ModuleList()).parameters()]}

    def across(
        self,
        words: Float[Tensor, "item told words"],
        pictures: Float[Tensor, "item shown pictures"],
    ) -> Float[Tensor, "item dim"]:
        """Go up the last levels of both, the wider ones mapped."""
        levels = {
            name: found[:, -self.paired :].unbind(1)
            for name, found in {"words": words, "pictures": pictures}.items()
        }
        if len(self.align):
            pairs = zip(self.align, levels[self.wide], strict=True)
            levels[self.wide] = tuple(align(level) for align, level in pairs)
        return self.inter(levels["words"], levels["pictures"])

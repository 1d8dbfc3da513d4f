"""IISAN: item vectors from side networks within and between two frozen networks that are as deep and as wide.

Fu et al. IISAN: Efficiently Adapting Multimodal Representation for Sequential Recommendation with Decoupled PEFT.
SIGIR 2024, released code.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from recloop.contents.towers import Source, Tower
from recloop.models.content.sanb import InterTower, IntraTower, chosen

PARTS = ("intra+inter", "intra", "inter")
MISSING = ("refused", "zeros")


class IISAN(nn.Module):
    """An item's vector from the hidden levels of its title and of its picture.

    Args:
        dim: of an item vector.
        words, pictures: where their hidden levels come from; with one of them alone there is only its own tower.
        hidden: width of the bottlenecks.
        groups: layers of each network that are read, see `sanb.grouped`.
        layers: the layers themselves, such as `1+3+5+7+9+11`.
        parts: which towers there are: `intra+inter`, `intra` or `inter`.
        gated: whether gates mix levels and states; otherwise they are added up.
        remove_first: whether the first level is the state at the start (released code, an option).
        activation: of the bottlenecks.
        missing: what an item without a title or a picture is: `refused`, or `zeros` in the place of its levels.

    Raises:
        ValueError: networks of other depth or width than each other, or no network.
        ContentError: an item lacks what is read, and that is refused.
    """

    def __init__(
        self,
        dim: int,
        words: Source | None = None,
        pictures: Source | None = None,
        hidden: int = 64,
        groups: int = 6,
        layers: str | None = None,
        parts: str = "intra+inter",
        gated: bool = True,
        remove_first: bool = False,
        activation: str = "relu",
        missing: str = "refused",
    ):
        super().__init__()
        sources = {"words": words, "pictures": pictures}
        known = {name: source for name, source in sources.items() if source is not None}
        check(known, parts, missing)
        parts = parts if len(known) == 2 else "intra"
        kept = {name: chosen(one.levels, groups, layers) for name, one in known.items()}
        self.towers = nn.ModuleDict({name: one.tower(kept[name]) for name, one in known.items()})
        block = {
            "hidden": hidden,
            "activation": activation,
            "gated": gated,
            "remove_first": remove_first,
        }
        self.intra, self.heads = nn.ModuleDict(), nn.ModuleDict()
        if "intra" in parts:
            for name, tower in self.towers.items():
                self.intra[name] = IntraTower(len(kept[name]), tower.dim, **block)
                self.heads[name] = self.head(tower.dim, dim)
        self.inter = self.between(kept, block) if "inter" in parts else None
        if self.inter is not None:
            self.heads["inter"] = self.between_head(dim)
        self.fuse = nn.Linear(dim * len(self.heads), dim)

    def between(self, kept: dict[str, list[int]], block: dict) -> nn.Module:
        """Make the tower between the two networks."""
        words, pictures = self.towers["words"], self.towers["pictures"]
        if (words.dim, len(kept["words"])) != (pictures.dim, len(kept["pictures"])):
            raise ValueError(
                f"IISAN: {len(kept['words'])} levels of {words.dim} numbers from words and {len(kept['pictures'])} of "
                f"{pictures.dim} from pictures; it needs the same of both, content.versa.Versa takes others"
            )
        return InterTower(len(kept["words"]), words.dim, **block)

    def head(self, width: int, dim: int) -> nn.Module:
        """Make what brings the state of a tower down to an item vector (released code: two layers, nothing between)."""
        head = nn.Sequential(nn.Linear(width, width), nn.Linear(width, dim))
        nn.init.xavier_normal_(head[1].weight)
        return head

    def between_head(self, dim: int) -> nn.Module:
        """Make the same for the tower between."""
        return self.head(self.towers["words"].dim, dim)

    def groups(self) -> dict[str, list[nn.Parameter]]:
        """Put all beside the networks under `side`; what joins the heads learns with the recommender."""
        parts = [*self.intra.parameters(), *self.heads.parameters()]
        parts += self.inter.parameters() if self.inter is not None else []
        return {"side": parts}

    def forward(self, items: Int[Tensor, " item"]) -> Float[Tensor, "item dim"]:
        """Encode items."""
        levels = {name: self.levels(tower, items) for name, tower in self.towers.items()}
        found = [self.heads[name](tower(levels[name])) for name, tower in self.intra.items()]
        if self.inter is not None:
            found.append(self.heads["inter"](self.across(levels["words"], levels["pictures"])))
        return self.fuse(torch.cat(found, 1))

    def levels(self, tower: Tower, items: Int[Tensor, " item"]) -> Float[Tensor, "item level dim"]:
        """Read the levels of some items; the networks behind them do not learn."""
        with torch.no_grad():
            return tower(items)

    def across(
        self,
        words: Float[Tensor, "item level dim"],
        pictures: Float[Tensor, "item level dim"],
    ) -> Float[Tensor, "item dim"]:
        """Go up the levels of both."""
        return self.inter(words.unbind(1), pictures.unbind(1))


def check(known: dict[str, Source], parts: str, missing: str) -> None:
    """Stop at settings that make no sense, and at items that lack what is read."""
    if parts not in PARTS:
        raise ValueError(f"parts={parts!r}: expected one of {', '.join(PARTS)}")
    if missing not in MISSING:
        raise ValueError(f"missing={missing!r}: expected one of {', '.join(MISSING)}")
    if not known:
        raise ValueError("expected a network of words or of pictures; name one in training.words")
    if missing == "refused":
        for source in known.values():
            source.require()

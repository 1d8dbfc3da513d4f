"""An item tower that reads: each item by its title or by its picture, in one space.

Wang et al. TransRec. APWeb-WAIM 2024; thesis of Jie Wang, S3.3.2.
"""

from functools import partial

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from recloop.contents.items import ContentError, Texts
from recloop.contents.towers import LiveTower, Source
from recloop.models.content.kept import KeptStates, States
from recloop.models.content.pooling import AttentionPooling, PooledMLP

READ = ("words", "pictures")
LEARNED = ("heads", "none", "all")
Marks = dict[str, Bool[Tensor, " item"]]


def marks(
    titled: Bool[Tensor, " item"], pictured: Bool[Tensor, " item"], both: str = "words"
) -> Marks:
    """Mark which items are read by their titles and which by their pictures: each by one of the two.

    Args:
        titled, pictured: what items have.
        both: what is read of an item that has a title and a picture.

    Raises:
        ContentError: an item has neither.
        ValueError: something else is read of an item that has both.
    """
    if both not in READ:
        raise ValueError(f"both={both!r}: expected one of {', '.join(READ)}")
    neither = torch.nonzero(~(titled | pictured)).flatten().tolist()
    if neither:
        raise ContentError(
            f"item {neither[0]} has neither a title nor a picture, as {len(neither)} of {len(titled)} items: leave "
            "them out, or take a source that has one of both for each"
        )
    if both == "words":
        return {"words": titled, "pictures": pictured & ~titled}
    return {"words": titled & ~pictured, "pictures": pictured}


class MixedItems(nn.Module):
    """One encoder and head for titles, one for pictures; a catalogue without titles has no encoder of titles.

    Args:
        words, pictures: titles and pictures of the catalogue, with the networks that read them; None where a catalogue
            is to be read without.
        dim: width of an item's vector.
        pool_heads: of the attention over tokens.
        first: whether the cells of a picture are pooled or transformed first, see `PooledMLP`.
        both: what is read of an item that has a title and a picture, see `marks`.
        frozen: whether the encoders stay as they came; their heads learn.
    """

    def __init__(
        self,
        words: Source | None,
        pictures: Source | None,
        dim: int = 256,
        pool_heads: int = 1,
        first: str = "pool",
        both: str = "words",
        frozen: bool = False,
    ):
        super().__init__()
        self.dim = dim
        sources = {"words": words, "pictures": pictures}
        size = next(len(one.has) for one in sources.values() if one)
        has = [one.has if one else torch.zeros(size, dtype=torch.bool) for one in sources.values()]
        self.reads = {name: one for name, one in marks(*has, both).items() if one.any()}
        self.encoders = nn.ModuleDict({name: sources[name].tower() for name in self.reads})
        made = {
            "words": lambda width: AttentionPooling(width, dim, pool_heads),
            "pictures": lambda width: PooledMLP(width, dim, first),
        }
        self.heads = nn.ModuleDict({name: made[name](sources[name].dim) for name in self.reads})
        self.learn("heads" if frozen else "all")

    def learn(self, parts: str) -> None:
        """Let the `heads` learn, `none` or `all` of the tower; what encoders that do not learn say is kept.

        Raises:
            ValueError: something else is to learn.
        """
        if parts not in LEARNED:
            raise ValueError(f"learns={parts!r}: expected one of {', '.join(LEARNED)}")
        self.heads.requires_grad_(parts != "none")
        self.encoders.requires_grad_(parts == "all")
        still = {} if parts == "all" else self.reads
        self.kept = {
            name: KeptStates(len(one), longest(self.encoders[name]), partial(self.read, name))
            for name, one in still.items()
        }

    def forward(self, items: Int[Tensor, " item"]) -> Float[Tensor, "item dim"]:
        """Encode distinct items, each by what it is read by."""
        found = torch.zeros(len(items), self.dim, device=items.device)
        for name, reads in self.reads.items():
            places = torch.nonzero(reads[items.cpu()]).flatten().to(items.device)
            if len(places):
                read = self.kept[name].take if name in self.kept else partial(self.read, name)
                states, real = read(items[places])
                vectors = self.heads[name](states, real)
                found = found.index_copy(0, places, vectors.to(found.dtype))
        return found

    def read(self, name: str, items: Int[Tensor, " item"]) -> States:
        """Run an encoder: the states of all tokens of titles, or of all cells of pictures, and which are real."""
        tower = self.encoders[name]
        inputs = tower.source.take(tower.order[items.cpu()], items.device)
        states = tower.network.run(inputs).last_hidden_state
        if states.dim() == 4:  # channels before rows and columns
            states = states.flatten(2).transpose(1, 2)
        mask = inputs.get("attention_mask")
        real = torch.ones(states.shape[:2], dtype=torch.bool) if mask is None else mask.bool()
        return states, real.to(states.device)


def longest(tower: LiveTower) -> int:
    """Count the most places that an item has: tokens of a title, or cells of a picture."""
    if isinstance(tower.source, Texts):
        return int(tower.source.sizes.max())
    probe = torch.nonzero(tower.source.has).flatten()[:1]
    with torch.no_grad():
        states = tower.network.run(tower.source.take(probe, tower.network.device)).last_hidden_state
    return states[0].numel() // tower.dim

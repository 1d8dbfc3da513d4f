"""An item tower that reads: each item by its title or by its picture, in one space.

Wang et al. TransRec. APWeb-WAIM 2024; thesis of Jie Wang, S3.3.2.
"""

import copy

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from recloop.contents.items import ContentError, Pixels, Texts
from recloop.contents.networks import Network
from recloop.models.content.pooling import AttentionPooling, PooledMLP

READ = ("words", "pictures")
PARTS = ("heads", "none", "all")  # what of a tower can learn


class MixedItems(nn.Module):
    """One encoder and head for titles, one for pictures; a catalogue without titles has no encoder of titles.

    Args:
        words, pictures: networks, of which the tower takes copies.
        texts, pixels: titles and pictures of the catalogue.
        dim: width of an item's vector.
        heads: of the attention over tokens.
        first: whether the cells of a picture are pooled or transformed first, see `PooledMLP`.
        both: what is read of an item that has a title and a picture.
        frozen: whether the encoders stay as they came; their heads learn.
        checkpointed: compute activations again on the way back in place of keeping them.

    Raises:
        ContentError: an item has neither a title nor a picture.
        ValueError: something else is read of an item that has both.
    """

    def __init__(
        self,
        words: Network,
        pictures: Network,
        texts: Texts,
        pixels: Pixels,
        dim: int = 256,
        heads: int = 1,
        first: str = "pool",
        both: str = "words",
        frozen: bool = False,
        checkpointed: bool = False,
    ):
        super().__init__()
        if both not in READ:
            raise ValueError(f"both={both!r}: expected one of {', '.join(READ)}")
        self.dim, self.frozen = dim, frozen
        self.contents = {"words": texts, "pictures": pixels}
        self.reads = {name: one for name, one in self.read(both).items() if one.any()}
        networks = {"words": words, "pictures": pictures}
        self.encoders = nn.ModuleDict({name: copy.deepcopy(networks[name]) for name in self.reads})
        made = {
            "words": lambda width: AttentionPooling(width, dim, heads),
            "pictures": lambda width: PooledMLP(width, dim, first),
        }
        self.heads = nn.ModuleDict(
            {name: made[name](one.dim) for name, one in self.encoders.items()}
        )
        for one in self.encoders.values() if checkpointed else ():
            one.checkpoint_gradients()
        self.learn("heads" if frozen else "all")

    def read(self, both: str) -> dict[str, Bool[Tensor, " item"]]:
        """Mark which items are read by their titles and which by their pictures."""
        texts, pixels = self.contents.values()
        neither = torch.nonzero(~(texts.has | pixels.has)).flatten().tolist()
        if neither:
            raise ContentError(
                f"item {neither[0]} has neither a title nor a picture ({len(neither)} of {len(texts.has)} items): "
                "leave such items out, or take another source"
            )
        if both == "words":
            return {"words": texts.has, "pictures": pixels.has & ~texts.has}
        return {"words": texts.has & ~pixels.has, "pictures": pixels.has}

    def learn(self, parts: str) -> None:
        """Let the `heads` learn, `none` or `all` of the tower."""
        self.requires_grad_(parts != "none")
        self.encoders.requires_grad_(parts == "all")
        self.still = parts != "all"

    def train(self, mode: bool = True) -> "MixedItems":
        """Drop nothing in encoders that do not learn."""
        super().train(mode)
        self.encoders.train(mode and not self.still)
        return self

    def forward(self, items: Int[Tensor, " item"]) -> Float[Tensor, "item dim"]:
        """Encode items, each by what it is read by."""
        found = torch.zeros(len(items), self.dim, device=items.device)
        known = items.cpu()
        for name, reads in self.reads.items():
            places = torch.nonzero(reads[known]).flatten()
            if len(places):
                vectors = self.encode(name, known[places], items.device)
                found = found.index_copy(0, places.to(items.device), vectors.to(found.dtype))
        return found

    def encode(
        self, name: str, items: Int[Tensor, " item"], device: torch.device
    ) -> Float[Tensor, "item dim"]:
        """Run the encoder and the head of one kind."""
        inputs = self.contents[name].take(items, device)
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.still):
            states = self.encoders[name].run(inputs).last_hidden_state
        if name == "words":
            return self.heads[name](states, inputs["attention_mask"].bool())
        cells = states.flatten(2).transpose(1, 2) if states.dim() == 4 else states
        return self.heads[name](cells)

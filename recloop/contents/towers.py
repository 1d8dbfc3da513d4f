"""Where a model gets the hidden levels of items: read from a cache, or made by a network while it learns.

Both answer alike, so that a model does not know which it has. A tower is asked for distinct items; `distinct` makes
them so, since a batch of sessions has the same items again and again and each costs a pass through a network.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from recloop.contents.items import Contents, Pixels, Texts
from recloop.contents.levels import read_by
from recloop.contents.networks import Network
from recloop.contents.opening import open_network
from recloop.features.cache import Features


class Tower(nn.Module):
    """Hidden levels of items.

    Args:
        has: which items have what is read.
        dim: length of the vector of each level.
        kept: levels that are given.
    """

    def __init__(self, has: Bool[Tensor, " item"], dim: int, kept: Sequence[int]):
        super().__init__()
        self.dim, self.kept = dim, list(kept)
        self.register_buffer("has", has, persistent=False)

    def forward(self, items: Int[Tensor, " item"]) -> Float[Tensor, "item level dim"]:
        """Give the levels of items, zeros where one has nothing to read."""
        raise NotImplementedError


class CachedTower(Tower):
    """Levels from memory-mapped shards: one read per batch, no network, no gradient.

    Args:
        features: written by `write_levels`.
        places: of the levels kept among those of the cache.
        order: whose levels each item gets; a placebo deals them out otherwise than they belong.
        Others: as `Tower`.
    """

    def __init__(
        self,
        features: Features,
        places: Sequence[int],
        has: Bool[Tensor, " item"],
        kept: Sequence[int],
        order: Int[Tensor, " item"],
    ):
        super().__init__(has, features.dim, kept)
        self.network = None
        self.features, self.places, self.order = features, list(places), order

    def forward(self, items: Int[Tensor, " item"]) -> Float[Tensor, "item level dim"]:
        rows = self.features.rows(self.order[items.cpu()].numpy())
        levels = torch.from_numpy(rows)
        if self.places != list(range(levels.shape[1])):
            levels = levels[:, self.places]
        return levels.to(items.device, non_blocking=True).float()


class LiveTower(Tower):
    """Levels made by a network for each batch; frozen unless somebody lets it learn.

    Args:
        network: read with; changed in place by whoever tunes it.
        source: its titles or pixels.
        kept: levels that are given; `last` gives the state behind the last one and its norm.
        order: as of `CachedTower`.
    """

    def __init__(
        self,
        network: Network,
        source: Texts | Pixels,
        kept: Sequence[int],
        order: Int[Tensor, " item"],
    ):
        network.check_levels(kept)
        super().__init__(source.has[order], network.widths[kept[0]], kept)
        self.network, self.source, self.order = network, source, order

    def train(self, mode: bool = True) -> LiveTower:
        """Put the network into training mode only where something in it learns: a frozen one drops nothing."""
        super().train(mode)
        if not any(one.requires_grad for one in self.network.parameters()):
            self.network.eval()
        return self

    def forward(self, items: Int[Tensor, " item"]) -> Float[Tensor, "item level dim"]:
        return self.filled(items, lambda given: self.network(given, self.kept))

    def last(self, items: Int[Tensor, " item"]) -> Float[Tensor, "item dim"]:
        """Give the state behind the last level and its norm, zeros where an item has nothing to read."""
        return self.filled(items, self.network.last)

    def filled(
        self, items: Int[Tensor, " item"], read: Callable[[dict[str, Tensor]], Tensor]
    ) -> Float[Tensor, "item ..."]:
        """Read the items that have something to read, and put zeros for the others."""
        own = self.order[items.cpu()]
        known = self.source.has[own]
        places = torch.nonzero(known).flatten()
        if not len(
            places
        ):  # a batch in which nobody has anything: the shape is that of any other item
            probe = torch.nonzero(self.source.has).flatten()[:1]
            one = read(self.source.take(probe, items.device)).float()
            return torch.zeros_like(one).expand(len(items), *one.shape[1:])
        found = read(self.source.take(own[places], items.device)).float()
        if len(places) == len(items):
            return found
        whole = found.new_zeros(len(items), *found.shape[1:])
        return whole.index_copy(0, places.to(found.device), found)


class Source:
    """What a model is told of words, or of pictures: how deep and wide their levels are, and towers of them.

    Args:
        dim: length of the vector of the last level.
        levels: how many hidden levels the network has.
        has: which items have something to read.
        make: from the levels kept to a tower.
        contents: to say what is lacking.
        reads: words or pictures.
        live: whether there is a network to be tuned.
    """

    def __init__(
        self,
        dim: int,
        levels: int,
        has: Bool[Tensor, " item"],
        make: Callable[[Sequence[int]], Tower],
        contents: Contents,
        reads: str,
        live: bool,
    ):
        self.dim, self.levels, self.has = dim, levels, has
        self.make, self.contents, self.reads, self.live = make, contents, reads, live

    def tower(self, kept: Sequence[int] | None = None) -> Tower:
        """Make a tower of some levels, the last unless others are asked for."""
        return self.make([self.levels - 1] if kept is None else list(kept))

    def require(self) -> None:
        """Stop where an item has nothing to read."""
        self.contents.require(self.reads)


def cached(folder: Path, contents: Contents, order: Int[Tensor, " item"]) -> Source:
    """Open levels that `write_levels` wrote.

    Raises:
        ValueError: levels of other items, or a level that was not written.
    """
    features = Features.open(folder, contents.hash)
    about = features.record["encoder"]
    written, reads = about["levels"], about["reads"]
    has = contents.has(reads)[order]

    def make(kept: Sequence[int]) -> Tower:
        if lacking := [level for level in kept if level not in written]:
            raise ValueError(
                f"{folder}: holds levels {written}, but level {lacking[0]} is asked for; say levels of this network in "
                "the study, or leave them out to keep all"
            )
        return CachedTower(features, [written.index(one) for one in kept], has, kept, order)

    return Source(features.dim, written[-1] + 1, has, make, contents, reads, live=False)


def live(
    settings: dict,
    folder: Path | None,
    contents: Contents,
    order: Int[Tensor, " item"],
    threads: int = 1,
    checkpointing: bool = False,
) -> Source:
    """Open a network that reads items while a model learns; each tower has a network of its own.

    Args:
        settings: what `open_network` takes.
        folder: of a network of ours; None takes the published one.
        contents: of the items.
        order: whose words or pictures each item gets.
        threads: that decode pictures.
        checkpointing: whether activations are computed again on the way back.
    """
    waiting = [open_network(settings, folder)]
    source, first = read_by(waiting[0], contents, threads), waiting[0]
    dim, levels, reads = first.dim, first.levels, first.reads
    del first

    def make(kept: Sequence[int]) -> Tower:
        network = waiting.pop() if waiting else open_network(settings, folder)
        if checkpointing:
            network.checkpoint_gradients()
        return LiveTower(network, source, kept, order)

    return Source(dim, levels, source.has[order], make, contents, reads, live=True)


def dealt(items: int, seed: int | None) -> Int[Tensor, " item"]:
    """Say whose words and pictures each item gets: its own, or with a seed those of an item drawn without return."""
    if seed is None:
        return torch.arange(items)
    return torch.randperm(items, generator=torch.Generator().manual_seed(seed))


def distinct(items: Int[Tensor, "*place"]) -> tuple[Int[Tensor, " item"], Int[Tensor, "*place"]]:
    """List the items of a batch once each, in ascending order, and where each place finds its own among them."""
    return torch.unique(items, return_inverse=True)

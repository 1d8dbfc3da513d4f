"""What the shop sells: categories, brands, names, popularity, and which item leads to which."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

NEXT_SHARE = np.array([0.4, 0.25, 0.15, 0.12, 0.08])  # of the items that may follow one item
BRANDS_PER_CLUSTER = 4
_NOUNS = (
    "lamp kettle jacket boots backpack tent guitar camera desk chair racket bicycle watch scarf "
    "blender puzzle novel keyboard mirror carpet candle helmet drill hammer teapot pillow curtain "
    "notebook umbrella wallet sofa telescope skates violin apron vase ladder radio globe easel"
)
_ADJECTIVES = (
    "small large light sturdy quiet bright classic modern plain striped red blue green grey oak "
    "steel woollen folding vintage compact"
)
_SYLLABLES = "bar ked lor min nov pel ras sol tam vin wex zor"
NOUNS, ADJECTIVES, SYLLABLES = _NOUNS.split(), _ADJECTIVES.split(), _SYLLABLES.split()


@dataclass(frozen=True)
class Shelves:
    """All that is true of the items.

    Args:
        cluster: category of each item.
        brand: brand number of each item.
        weight: popularity of each item, Zipf's 1 / rank.
        popular_next: `item choice`, what may follow in the mood for the popular.
        novel_next: `item choice`, what may follow in the mood for the novel.
        next_share: chance of each choice.
        order: items category by category, the most popular first.
        first: where each category begins in `order`.
        size: how many items each category has.
    """

    cluster: NDArray[Any]
    brand: NDArray[Any]
    weight: NDArray[Any]
    popular_next: NDArray[Any]
    novel_next: NDArray[Any]
    next_share: NDArray[Any]
    order: NDArray[Any]
    first: NDArray[Any]
    size: NDArray[Any]

    def browse(
        self, cluster: NDArray[Any], novel: NDArray[Any], draw: NDArray[Any]
    ) -> NDArray[Any]:
        """Choose in a category: by popularity, or any item alike in the mood for the novel."""
        return np.where(novel, self.anywhere(cluster, draw), self.popular(cluster, draw))

    def browsing(self, cluster: int, appetite: float) -> NDArray[Any]:
        """Compute the probability of every item to be chosen in a category."""
        inside = self.cluster == cluster
        weight = self.weight * inside
        return appetite * inside / inside.sum() + (1 - appetite) * weight / weight.sum()

    def follow(self, last: NDArray[Any], novel: NDArray[Any], draw: NDArray[Any]) -> NDArray[Any]:
        """Choose one of the items that follow the last one."""
        choice = np.searchsorted(np.cumsum(self.next_share)[:-1], draw, side="right")
        return np.where(novel, self.novel_next[last, choice], self.popular_next[last, choice])

    def wander(self, draw: NDArray[Any]) -> NDArray[Any]:
        """Choose in the whole shop by popularity."""
        total = np.cumsum(self.weight)
        return np.searchsorted(total, draw * total[-1], side="right").clip(0, len(total) - 1)

    def popular(self, cluster: NDArray[Any], draw: NDArray[Any]) -> NDArray[Any]:
        """Choose in a category by popularity."""
        total = np.concatenate([[0.0], np.cumsum(self.weight[self.order])])
        begin, end = total[self.first[cluster]], total[self.first[cluster] + self.size[cluster]]
        place = np.searchsorted(total, begin + draw * (end - begin), side="right") - 1
        last = self.first[cluster] + self.size[cluster] - 1
        return self.order[place.clip(self.first[cluster], last)]

    def anywhere(self, cluster: NDArray[Any], draw: NDArray[Any]) -> NDArray[Any]:
        """Choose in a category, every item alike."""
        return self.order[self.first[cluster] + (draw * self.size[cluster]).astype(np.int64)]

    def ids(self, offset: int) -> NDArray[Any]:
        """Return the numbers under which the items are sold."""
        return offset + np.arange(len(self.cluster))

    def brand_name(self, item: int) -> str:
        """Make a name of two syllables."""
        first, second = divmod(int(self.brand[item]), len(SYLLABLES))
        return (SYLLABLES[first % len(SYLLABLES)] + SYLLABLES[second]).capitalize()

    def category_name(self, item: int) -> str:
        """Return the name of an item's category."""
        round_, noun = divmod(int(self.cluster[item]), len(NOUNS))
        return NOUNS[noun] + (f" {round_ + 1}" if round_ else "")

    def title(self, item: int) -> str:
        """Compose an item's title from brand, adjective and category."""
        adjective = ADJECTIVES[item % len(ADJECTIVES)]
        return f"{self.brand_name(item)} {adjective} {self.category_name(item)} {item:04d}"


def stock(
    items: int, clusters: int, random: np.random.Generator, per_brand: int | None = None
) -> Shelves:
    """Fill the shelves.

    Args:
        items: how many there are.
        clusters: how many categories they are shared out to.
        random: source of chance.
        per_brand: items of each brand, at most; None draws one of four brands per category.
    """
    if items < 2 * clusters:
        raise ValueError(f"{items} items in {clusters} clusters: take at least two per cluster.")
    rank = random.permutation(items)
    cluster = rank % clusters  # every category has its popular and its obscure items
    weight = 1.0 / (1 + rank)
    order = np.lexsort((rank, cluster))
    size = np.bincount(cluster, minlength=clusters)
    first = np.cumsum(size) - size
    if per_brand is None:
        brand = cluster * BRANDS_PER_CLUSTER + random.integers(0, BRANDS_PER_CLUSTER, items)
    else:  # every brand has its popular and its obscure items
        brands = -(-int(size.max()) // per_brand)
        brand = cluster * brands + rank // clusters % brands
    popular_next, novel_next = _followers(cluster, order, first, size, random)
    return Shelves(cluster, brand, weight, popular_next, novel_next, NEXT_SHARE, order, first, size)


def _followers(
    cluster: NDArray[Any],
    order: NDArray[Any],
    first: NDArray[Any],
    size: NDArray[Any],
    random: np.random.Generator,
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Draw followers from the popular third, its top above all, and from the obscure rest."""
    third = np.maximum(size // 3, 1)[cluster][:, None]
    begin, whole = first[cluster][:, None], size[cluster][:, None]
    draw = random.random((2, len(cluster), len(NEXT_SHARE)))
    popular = begin + (draw[0] * draw[0] * third).astype(np.int64)
    novel = begin + third + (draw[1] * (whole - third)).astype(np.int64)
    return order[popular], order[novel]

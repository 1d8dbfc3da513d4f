"""The nearest items to many states at once, without those shown before, and the rank of every target among them.

A turn costs little more than its matrix product: norms ride along in it, the product is made in chunks that stay in
the cache while they are counted, and the best items are sought only in the blocks that hold the highest scores.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from recloop.fitting.finite import REMEDY, Diverged

BLOCK = 32  # neighbouring items of which only the best score is kept at first
CHUNK = {
    "cpu": 1 << 16,
    "cuda": 1 << 26,
}  # scores made at once: 256 kB, with their items in a core's cache
# Distances that differ by less than this share of their terms are equal: float32 rounds differently in
# products of different shape, and the same picture may be in a catalogue twice.
ROUNDING = 2e-6


class Nearest:
    """Euclidean neighbours in a table of items, for batch after batch.

    Args:
        table: one row per item of the pool.
    """

    def __init__(self, table: Float[Tensor, "item dim"]):
        self.room = self.peaks = table.new_empty(0)
        self.refresh(table)

    def refresh(self, table: Float[Tensor, "item dim"]) -> None:
        """Take another table, of the same items after they have been embedded anew."""
        self.table = table.detach()
        self.half_norms = self.table.square().sum(1) / 2
        self.items = len(table)
        self.blocks = -(-self.items // BLOCK)

    @torch.no_grad()
    def top(
        self, query: Float[Tensor, "batch dim"], shown: Int[Tensor, "batch seen"], k: int
    ) -> Int[Tensor, "batch k"]:
        """Find the k nearest items that were not shown before, nearest first.

        Raises:
            ValueError: fewer than k items are left.
        """
        self.score(query)
        return self.best(shown, k)

    @torch.no_grad()
    def rank(
        self,
        query: Float[Tensor, "batch dim"],
        target: Int[Tensor, " batch"],
        shown: Int[Tensor, "batch seen"],
        k: int,
    ) -> tuple[Int[Tensor, "batch k"], Int[Tensor, " batch"], Int[Tensor, " batch"]]:
        """Find the k nearest items and the place of the target, among items that were not shown before.

        Args:
            query: what items are to be near to.
            target: rows of the table; a target that was shown has no place, its counts mean nothing.
            shown: rows that are left out, each at most once.
            k: how many of the nearest to give.

        Returns:
            The nearest, nearest first; how many items are nearer than the target; how many are as near (itself
            included).

        Raises:
            Diverged: the query or the target is not finite.
            ValueError: fewer than k items are left.
        """
        wanted, norms = self.table[target], self.half_norms[target]
        own = (query * wanted).sum(1) - norms
        if not own.isfinite().all():
            raise Diverged(f"a state or an item is not a finite number: {REMEDY}")
        slack = ROUNDING * (query.norm(dim=1) * wanted.norm(dim=1) + norms)
        bounds = (own + slack)[:, None], (own - slack)[:, None]
        above, level = self.score(query, bounds)
        rows = torch.arange(len(query), device=query.device)[:, None]
        past = self.room[rows, shown]  # before `best` strikes them out
        above = above - (past > bounds[0]).sum(1)
        level = level - (past >= bounds[1]).sum(1)
        return self.best(shown, k), above, level - above

    def score(
        self, query: Float[Tensor, "batch dim"], bounds: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Int[Tensor, " batch"], Int[Tensor, " batch"]] | None:
        """Score all items by q·e - |e|²/2, which orders them as their distance does; count those above bounds."""
        self.make_room(query)
        width = max(BLOCK, CHUNK[query.device.type] // len(query) // BLOCK * BLOCK)
        above, level = query.new_zeros(2, len(query))
        ones, truth = query.new_ones(width), query.new_empty(len(query), width)
        for first in range(0, self.items, width):
            part = slice(first, min(first + width, self.items))
            scores = self.room[:, part]
            torch.addmm(
                self.half_norms[part], query, self.table[part].T, beta=-1, alpha=1, out=scores
            )
            if bounds:
                held, count = truth[:, : scores.shape[1]], ones[: scores.shape[1]]
                above.addmv_(torch.gt(scores, bounds[0], out=held), count)
                level.addmv_(torch.ge(scores, bounds[1], out=held), count)
            blocks = slice(first // BLOCK, -(-part.stop // BLOCK))
            padded = self.room[:, first : blocks.stop * BLOCK].unflatten(1, (-1, BLOCK))
            torch.amax(padded, 2, out=self.peaks[:, blocks])
        return (above.round().long(), level.round().long()) if bounds else None

    def make_room(self, query: Float[Tensor, "batch dim"]) -> None:
        """Keep one buffer for all turns; its columns past the last item are never the best."""
        shape = (len(query), self.blocks * BLOCK)
        if self.room.shape != shape:
            self.room = query.new_full(shape, -torch.inf)
            self.peaks = query.new_empty(len(query), self.blocks)

    def best(self, shown: Int[Tensor, "batch seen"], k: int) -> Int[Tensor, "batch k"]:
        """Strike out what was shown and find the best of the rest."""
        if self.items - shown.shape[1] < k:
            raise ValueError(
                f"{k} items are to be shown, {self.items - shown.shape[1]} of {self.items} are left: "
                "have fewer turns, show fewer items or pose dialogues over more of them"
            )
        blocked = self.room.view(len(self.room), self.blocks, BLOCK)
        rows = torch.arange(len(self.room), device=shown.device)[:, None]
        self.room[rows, shown] = -torch.inf
        self.peaks[rows, shown // BLOCK] = blocked[rows, shown // BLOCK].amax(2)
        block = self.peaks.topk(min(k, self.blocks)).indices
        found = blocked[rows, block].flatten(1).topk(k).indices
        return block.gather(1, found // BLOCK) * BLOCK + found % BLOCK

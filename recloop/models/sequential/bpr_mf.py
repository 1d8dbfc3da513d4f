"""BPR-MF: a user's vector times an item's, learned from pairs of a met item and another one.

Rendle et al. BPR: Bayesian Personalized Ranking from Implicit Feedback. UAI 2009, in the form of the released code of
PCRec (Sun et al. SIGIR 2022).
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from recloop.data.batches import Batch
from recloop.models.pruning import Prunable


class BPRMF(Prunable):
    """User and item tables.

    Args:
        items: how many items there are; id `items` is padding.
        sequences: how many sequences there are; each is a user.
        dim: width of both tables.
        l2: weight of the squares of the rows that a batch uses.
        masks_seen: items that were met come last (released code).
        pruned: share of the smallest weights that it is asked without.
    """

    reads = ("session", "owner")

    def __init__(
        self,
        items: int,
        sequences: int,
        dim: int = 256,  # released code
        l2: float = 0.0001,
        masks_seen: bool = True,
        pruned: float = 0.0,
    ):
        super().__init__()
        self.padding, self.l2, self.masks_seen = items, l2, masks_seen
        self.users, self.items = nn.Embedding(sequences, dim), nn.Embedding(items, dim)
        for table in (self.users, self.items):
            nn.init.normal_(table.weight, std=0.01)
        self.ask_without(pruned)

    def score(
        self, session: Int[Tensor, "batch time"], owner: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch item"]:
        """Score every item for the user whose sequence it is."""
        scores = self.users(owner) @ self.items.weight.T
        if not self.masks_seen:
            return scores
        # The released code multiplies sigmoids by 0, which is below all of them; so is this, and nothing saturates.
        seen = met(session, self.padding)
        return torch.where(seen, scores.amin(1, keepdim=True) - 1, scores)

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        """Sum -log sigmoid(met - other) over the items of each user, and the squares of the rows used."""
        logged = path(batch, self.padding)
        real = last_occurrence(logged, self.padding)
        others = outside(logged, self.padding)
        user = self.users(batch.owner)[:, None].expand(-1, logged.shape[1], -1)[real]
        better, worse = self.items(logged[real]), self.items(others[real])
        margin = (user * (better - worse)).sum(1)
        squares = user.square().sum() + better.square().sum() + worse.square().sum()
        return self.l2 * squares - logsigmoid(margin).sum()


def met(session: Int[Tensor, "batch time"], padding: int) -> Bool[Tensor, "batch item"]:
    """Mark the items of each session."""
    marks = torch.zeros(len(session), padding + 1, dtype=torch.bool, device=session.device)
    return marks.scatter_(1, session.long(), True)[:, :-1]


def path(batch: Batch, padding: int) -> Int[Tensor, "batch longer"]:
    """List the items of each piece; its first one belongs to the piece before, if there is one."""
    first = torch.where(batch.start == 0, batch.session[:, 0], padding)
    return torch.cat([first[:, None], batch.following], 1)


def last_occurrence(items: Int[Tensor, "batch time"], padding: int) -> Bool[Tensor, "batch time"]:
    """Mark each item where it occurs last (released code: duplicates are removed)."""
    time = items.shape[1]
    later = torch.ones(time, time, dtype=torch.bool, device=items.device).triu(1)
    again = ((items[:, :, None] == items[:, None, :]) & later).any(2)
    return (items != padding) & ~again


def outside(
    items: Int[Tensor, "batch time"], padding: int, number: int | None = None
) -> Int[Tensor, "batch drawn"]:
    """Draw items for each row among those not in it: `number`, or as many as it has places.

    All are alike likely. The r-th item that is missing is r plus the number of members before it, which a sorted row
    tells.
    """
    members = items.sort(1).values
    twice = torch.zeros_like(members, dtype=torch.bool)
    twice[:, 1:] = members[:, 1:] == members[:, :-1]
    members = members.masked_fill(twice | (members == padding), 2 * padding).sort(1).values
    count = (members < padding).sum(1, keepdim=True)
    free = (padding - count).clamp_min(1)
    shape = len(items), items.shape[1] if number is None else number
    drawn = (torch.rand(shape, device=items.device) * free).long().minimum(free - 1)
    before = members - torch.arange(items.shape[1], device=items.device)
    found = drawn + torch.searchsorted(before.contiguous(), drawn, right=True)
    return found.clamp_max(padding - 1)

"""TransRec's two stages: a user encoder that learns the next item, then both towers from several items at once.

Wang et al. TransRec: Learning Transferable Recommendation from Mixture-of-Modality Feedback. APWeb-WAIM 2024; thesis of
Jie Wang, S3.3. IDRec, IDRNN and IDCNN are the second stage over a table of items.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import logsigmoid

from recloop.data.batches import Batch
from recloop.models.catalogue import Catalogue
from recloop.models.content.towers import TwoTowers
from recloop.models.sequential.bpr_mf import outside
from recloop.models.sessions import last, lengths


@dataclass(frozen=True)
class Parted:
    """A user's items, parted in time (Eq. 3.1).

    Attributes:
        context: the earlier ones, padded on the right.
        targets: the latest ones, padded on the right.
    """

    context: Int[Tensor, "batch time"]
    targets: Int[Tensor, "batch target"]


class TransRec(TwoTowers):
    """Both towers, trained to tell a user's latest items from others (CPC, Eq. 3.10).

    Args:
        targets: how many of the latest items are predicted at once, from all before them; a user with fewer items keeps
            one to predict from.
        negatives: items drawn for a user, uniformly among those that are not in the sequence.
        Others: as `TwoTowers`.
    """

    def __init__(self, targets: int = 5, negatives: int = 4, **settings):
        super().__init__(**settings)
        self.targets, self.negatives = targets, negatives
        self.ahead = targets  # items beyond its length that a sequence has for it

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        """Sum the binary cross-entropies of each user's targets and negatives; mean over users."""
        whole = torch.cat([batch.session[:, :1], batch.following], 1)
        parted = part(whole, self.targets, self.padding)
        drawn = outside(whole, self.padding, self.negatives)
        context, right, wrong = self.embed(parted.context, parted.targets, drawn)
        user = self.user(context, parted.context)[:, :, None]
        better, worse = (user_scores.squeeze(2) for user_scores in (right @ user, wrong @ user))
        real = parted.targets != self.padding
        return -((logsigmoid(better) * real).sum() + logsigmoid(-worse).sum()) / len(whole)


def part(whole: Int[Tensor, "batch step"], targets: int, padding: int) -> Parted:
    """Part sequences padded on the right: the latest items are targets, one at least is left before them."""
    sizes = lengths(whole, padding)
    ahead = (sizes - 1).clamp(0, targets)
    start = sizes - ahead
    places = torch.arange(whole.shape[1], device=whole.device)
    context = torch.where(places < start[:, None], whole, padding)
    where = start[:, None] + torch.arange(targets, device=whole.device)
    found = whole.gather(1, where.clamp_max(whole.shape[1] - 1))
    latest = torch.where(where < sizes[:, None], found, padding)
    return Parted(context[:, : max(int(start.max()), 1)], latest)


class UserPretraining(TwoTowers):
    """The first stage, UEP: the user encoder learns the next item among all of the source (Eqs. 3.8 and 3.9).

    Its output layer is of the source's items, and is left behind.

    Args:
        learns: what of the item tower learns along: its `heads` on the encoders, `none` or `all` of it.
        Others: as `TwoTowers`.
    """

    ahead = 1  # items beyond its length that a sequence has for it

    def __init__(self, learns: str = "heads", **settings):
        super().__init__(**settings)
        self.rank = Catalogue(self.dim, self.padding)
        self.item_tower.learn(learns)

    def score(self, session: Int[Tensor, "batch time"]) -> Float[Tensor, "batch item"]:
        """Score every item by the output layer."""
        (vectors,) = self.embed(session)
        return self.rank(last(self.user_tower.encode(vectors), session, self.padding))

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        """Cross-entropy of the next item at every position; a state sees no item after its own."""
        real = batch.actions(self.padding)
        (vectors,) = self.embed(batch.session)
        return self.rank.loss(self.user_tower.encode(vectors)[real], batch.following[real])

"""A session encoder trained on nothing but the next item: GRU4Rec, Caser, NextItNet and SASRec in their plain form.

Kang & McAuley. Self-Attentive Sequential Recommendation. ICDM 2018 (SASRec); the others are cited at their backbones.
"""

from collections.abc import Callable

from jaxtyping import Float, Int
from torch import Tensor, nn

from recloop.data.batches import Batch
from recloop.models.catalogue import Catalogue
from recloop.models.sessions import last


class NextItem(nn.Module):
    """One head over one backbone.

    Args:
        backbone: makes a session encoder, `batch time` items to `batch time dim` states.
        items: size of the catalogue; the id `items` is padding.
    """

    def __init__(self, backbone: Callable[[], nn.Module], items: int):
        super().__init__()
        self.padding = items
        self.backbone = backbone()
        self.rank = Catalogue(self.backbone.dim, items)

    def score(self, session: Int[Tensor, "batch time"]) -> Float[Tensor, "batch item"]:
        """Score every item as the one that follows."""
        return self.rank(last(self.backbone(session), session, self.padding))

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        """Cross-entropy of the next item at every position."""
        real = batch.actions(self.padding)
        return self.rank.loss(self.backbone(batch.session)[real], batch.following[real])

"""The next item by a backbone and an output matrix of its own, as the hosts of PCRec are trained.

Sun et al. Enhancing Top-N Item Recommendations by Peer Collaboration (PCRec). SIGIR 2022: SASRec learns from all
positions, YouTubeDNN from the last one.
"""

from collections.abc import Callable

from jaxtyping import Float, Int
from torch import Tensor, nn

from recloop.data.batches import Batch
from recloop.models.catalogue import Catalogue
from recloop.models.pruning import Prunable
from recloop.models.sequential.next_item import NextItem
from recloop.models.sessions import last, lengths

TARGETS = ("all", "last")


class PeerHost(NextItem, Prunable):
    """A next-item model that says from which positions it learns.

    Args:
        backbone: makes a session encoder, `batch time` items to `batch time dim` states.
        items: size of the catalogue; the id `items` is padding.
        targets: `all` positions of a session, or the `last` one.
        padding_targets: padding is one more class, and the right one wherever there is no item (released code).
        pruned: share of the smallest weights that it is asked without.
    """

    def __init__(
        self,
        backbone: Callable[[], nn.Module],
        items: int,
        targets: str = "all",
        padding_targets: bool = False,
        pruned: float = 0.0,
    ):
        super().__init__(backbone, items)
        if targets not in TARGETS:
            raise ValueError(f"targets={targets!r}: expected one of {', '.join(TARGETS)}")
        self.targets, self.padding_targets = targets, padding_targets
        if padding_targets:
            self.rank = Catalogue(self.backbone.dim, items + 1)
        self.ask_without(pruned)

    def score(self, session: Int[Tensor, "batch time"]) -> Float[Tensor, "batch item"]:
        """Score every item as the one that follows; padding is none."""
        return super().score(session)[:, : self.padding]

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        """Cross-entropy of the next item over the full catalogue."""
        following = batch.following
        if self.padding_targets and self.targets == "all":
            states = self.backbone.everywhere(batch.session)
            return self.rank.loss(states.flatten(0, 1), following.flatten())
        states = self.backbone(batch.session)
        if self.targets == "last":
            end = lengths(batch.session, self.padding) - 1
            targets = following.gather(1, end[:, None])[:, 0]
            return self.rank.loss(last(states, batch.session, self.padding), targets)
        real = batch.actions(self.padding)
        return self.rank.loss(states[real], following[real])

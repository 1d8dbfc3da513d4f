"""A sequential recommender whose items are what their words and pictures make of them.

Fu et al. IISAN. SIGIR 2024. An item encoder, the user encoder and the in-batch softmax; models differ in the first.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from recloop.contents.towers import distinct
from recloop.data.batches import Batch
from recloop.models.content.debiased import debiased_softmax, log_shares
from recloop.models.content.user import UserEncoder
from recloop.models.sessions import last, lengths

CATALOGUE_ROWS = 256  # items encoded together when all are


class ContentRecommender(nn.Module):
    """Item vectors from content, user states from item vectors, scores from both.

    Args:
        encoder: makes an item encoder, `item` numbers to `item dim` vectors, from `dim`.
        items: size of the catalogue; the id `items` is padding.
        item_counts: training events of each item, shape (items,).
        length: longest session.
        dim: width of item vectors and states.
        blocks, heads, dropout, counted: of the user encoder.
        debiased: whether popularity is taken out of the in-batch softmax.
        deduplicated: whether an item that occurs several times in a batch is encoded once.
    """

    def __init__(
        self,
        encoder: Callable[..., nn.Module],
        items: int,
        item_counts: Int[Tensor, " item"],
        length: int,
        dim: int = 64,
        blocks: int = 2,
        heads: int = 2,
        dropout: float = 0.1,
        counted: str = "back",
        debiased: bool = True,
        deduplicated: bool = True,
    ):
        super().__init__()
        self.padding, self.deduplicated = items, deduplicated
        self.encoder = encoder(dim=dim)
        self.user = UserEncoder(dim, length, blocks, heads, dropout, counted)
        shares = log_shares(item_counts) if debiased else torch.zeros(items)
        self.register_buffer("shares", shares, persistent=False)
        self.known: Tensor | None = (
            None  # vectors of the whole catalogue, until something is learned
        )

    def train(self, mode: bool = True) -> "ContentRecommender":
        """Forget the vectors of the catalogue: who learns, or is asked anew, makes others."""
        self.known = None
        return super().train(mode)

    def groups(self) -> dict[str, list[nn.Parameter]]:
        """Sort what learns by the learning rate that it has: `recommender`, or what the encoder says."""
        found = getattr(self.encoder, "groups", dict)()
        taken = {id(one) for part in found.values() for one in part}
        rest = [one for one in self.parameters() if one.requires_grad and id(one) not in taken]
        return {"recommender": rest, **{name: part for name, part in found.items() if part}}

    def encode(self, items: Int[Tensor, " item"]) -> Float[Tensor, "item dim"]:
        """Encode items, each once unless `deduplicated` is off."""
        if not self.deduplicated:
            return self.encoder(items)
        once, places = distinct(items)
        return self.encoder(once)[places]

    @torch.no_grad()
    def catalogue(self) -> Float[Tensor, "item dim"]:
        """Encode all items, once until the model learns or is put into another mode."""
        if self.known is None:
            every = torch.arange(self.padding, device=self.shares.device)
            self.known = torch.cat([self.encoder(part) for part in every.split(CATALOGUE_ROWS)])
        return self.known

    def states(
        self, session: Int[Tensor, "batch time"], vectors: Float[Tensor, "batch time dim"]
    ) -> Float[Tensor, "batch time dim"]:
        """Encode sessions from the vectors of their items."""
        return self.user(vectors, lengths(session, self.padding))

    def score(self, session: Int[Tensor, "batch time"]) -> Float[Tensor, "batch item"]:
        """Score every item as the one that follows."""
        catalogue = self.catalogue()
        vectors = catalogue[
            session.clamp_max(self.padding - 1)
        ]  # what stands behind the end is not seen
        return last(self.states(session, vectors), session, self.padding) @ catalogue.T

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        """Cross-entropy of the next item at every position against the items of all sessions of the batch."""
        path = torch.cat([batch.session[:, :1], batch.following], 1)  # x_1 … x_{T+1}
        real = path != self.padding
        flat, owner = path[real], torch.nonzero(real)[:, 0]
        vectors = self.encode(flat)
        table = vectors.new_zeros(*path.shape, vectors.shape[1])
        table = table.index_put(torch.nonzero(real, as_tuple=True), vectors)
        once, places = distinct(flat)
        first = torch.empty_like(once).scatter_(
            0, places, torch.arange(len(flat), device=once.device)
        )
        own = torch.zeros(len(path), len(once), dtype=torch.bool, device=once.device)
        own[owner, places] = True
        steps = real[:, 1:]
        row = torch.nonzero(steps)[:, 0]
        return debiased_softmax(
            self.states(batch.session, table[:, :-1])[steps],
            table[:, 1:][steps],
            vectors[first],
            torch.bincount(places, minlength=len(once)),
            own[row],
            self.shares[batch.following[steps]],
            self.shares[once],
        )

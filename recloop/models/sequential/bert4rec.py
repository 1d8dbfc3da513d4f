"""BERT4Rec: items that are hidden in a session are told from those on both sides of them.

Sun et al. BERT4Rec: Sequential Recommendation with Bidirectional Encoder Representations from Transformer. CIKM 2019.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.functional import embedding, gelu

from recloop.data.batches import Batch
from recloop.models.blocks import BertBlock
from recloop.models.catalogue import Catalogue
from recloop.models.dropout import Dropout
from recloop.models.sessions import last, lengths


class BERT4Rec(nn.Module):
    """A bidirectional encoder trained on hidden items; the next item is one that is hidden at the end.

    Args:
        items: size of the catalogue; the id `items` is padding, `items + 1` hides an item.
        length: items of a session that are seen, beside the one that is asked for.
        dim: width of an item embedding and of a state.
        layers: how many blocks.
        heads: attention heads per block.
        dropout: share dropped in training, of the input and in each block.
        hidden: share of the items of a session that are hidden (rho).
        only_last: share of the sessions in which the last item alone is hidden, as when it is asked for (section 3.6).
    """

    def __init__(
        self,
        items: int,
        length: int,
        dim: int = 64,
        layers: int = 2,
        heads: int = 2,
        dropout: float = 0.1,
        hidden: float = 0.2,
        only_last: float = 0.1,
    ):
        super().__init__()
        self.padding, self.mask, self.length = items, items + 1, length
        self.hidden, self.only_last = hidden, only_last
        self.rank = Catalogue(dim, items)  # its rows are the item embeddings too
        self.hidden_item = nn.Parameter(torch.empty(dim))
        self.position = nn.Parameter(torch.empty(length + 1, dim))
        self.input_norm, self.dropout = nn.LayerNorm(dim), Dropout(dropout)
        self.blocks = nn.ModuleList(BertBlock(dim, heads, dropout) for _ in range(layers))
        self.output, self.output_norm = nn.Linear(dim, dim), nn.LayerNorm(dim)
        for table in (self.rank.weight, self.hidden_item, self.position):
            nn.init.trunc_normal_(table, std=0.02, a=-0.04, b=0.04)  # as BERT
        nn.init.zeros_(self.rank.bias)

    def score(self, session: Int[Tensor, "batch time"]) -> Float[Tensor, "batch item"]:
        """Score every item as the one hidden behind the session."""
        asked = torch.cat([session, torch.full_like(session[:, :1], self.padding)], 1)
        end = lengths(session, self.padding)[:, None]
        asked = asked.scatter(1, end, self.mask)
        return self.rank(last(self.states(asked), asked, self.padding))

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        """Average the cross-entropy of the items that are hidden."""
        whole = torch.cat([batch.session[:, :1], batch.following], 1)
        hidden = self.hide(whole)
        states = self.states(whole.masked_fill(hidden, self.mask))[hidden]
        return self.rank.loss(states, whole[hidden])

    def hide(self, whole: Int[Tensor, "batch time"]) -> Bool[Tensor, "batch time"]:
        """Choose what is hidden: a share of the items, at least the last one, or nothing but that."""
        real = whole != self.padding
        place = torch.arange(whole.shape[1], device=whole.device)
        at_end = place == lengths(whole, self.padding)[:, None] - 1
        chosen = real & (torch.rand(whole.shape, device=whole.device) < self.hidden)
        alone = torch.rand(len(whole), 1, device=whole.device) < self.only_last
        chosen = torch.where(alone, at_end, chosen)
        return torch.where(chosen.any(1, keepdim=True), chosen, at_end)

    def states(self, tokens: Int[Tensor, "batch time"]) -> Float[Tensor, "batch time dim"]:
        """Encode a session with hidden items."""
        rows = embedding(tokens.clamp_max(self.padding - 1), self.rank.weight)
        rows = torch.where((tokens == self.mask)[..., None], self.hidden_item, rows)
        found = self.dropout(self.input_norm(rows + self.position[: tokens.shape[1]]))
        real = tokens != self.padding
        for block in self.blocks:
            found = block(found, real)
        return self.output_norm(gelu(self.output(found)))

"""The four backbones with a vector of the user: what the earlier sessions say goes into the encoding of this one.

Quadrana et al. Personalizing Session-based Recommendations with Hierarchical Recurrent Neural Networks. RecSys 2017
(GRU4Rec, its `init` form); You et al. Hierarchical Temporal Convolutional Networks for Dynamic Recommender Systems. WWW
2019 (NextItNet). The forms for Caser and SASRec are ours: chapter 5 extends to them without saying how.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from recloop.models.backbones.caser import Caser
from recloop.models.backbones.gru4rec import GRU4Rec
from recloop.models.backbones.nextitnet import NextItNet
from recloop.models.backbones.sasrec import SASRec


class Personal(nn.Module):
    """A backbone and a projection of the user's vector; where the user is not known, the plain backbone.

    The projection starts as that of a goal in InterDT does (ours: not stated): at the size of an item, with a share of
    it that keeps it from outgrowing the items within the first few updates.

    Args:
        plain: the backbone, whose width of an item is also that of a user.
        output: width of the projected vector; that of an item, unless given.
    """

    def __init__(self, plain: nn.Module, output: int | None = None):
        super().__init__()
        self.plain = plain
        self.dim, self.width, self.length = plain.dim, plain.width, plain.length
        self.project = nn.Linear(self.width, output or self.width)
        nn.init.normal_(self.project.weight, std=0.01)
        nn.init.zeros_(self.project.bias)
        self.share = self.width**-0.5

    @property
    def embedding(self) -> nn.Embedding:
        """Return the item table."""
        return self.plain.embedding

    def forward(
        self,
        session: Int[Tensor, "batch time"],
        user: Float[Tensor, "batch width"],
        known: Bool[Tensor, " batch"],
    ) -> Float[Tensor, "batch time state"]:
        """Encode the session of a user up to each of its steps."""
        return self.encode(self.plain.embed(session), self.share * self.project(user), known)


class PersonalGRU4Rec(Personal):
    """The recurrence starts from the user: s_0 = tanh(W u + b)."""

    def __init__(self, plain: GRU4Rec):
        super().__init__(plain, plain.dim)

    def encode(self, embedded, user, known) -> Float[Tensor, "batch time state"]:
        """Start from zeros where the user is not known, as the plain backbone does."""
        return self.plain.encode(embedded, user.tanh() * known[:, None])


class PersonalCaser(Personal):
    """The user stands beside what the filters found, as in the original Caser; zeros where not known."""

    def __init__(self, plain: Caser):
        super().__init__(plain)
        self.dim = plain.dim + self.width

    def encode(self, embedded, user, known) -> Float[Tensor, "batch time state"]:
        """Put the user behind each state."""
        states = self.plain.encode(embedded)
        beside = (user * known[:, None])[:, None].expand(-1, states.shape[1], -1)
        return torch.cat([states, beside], dim=-1)


class PersonalNextItNet(Personal):
    """The user is added to the embedding of every item."""

    def encode(self, embedded, user, known) -> Float[Tensor, "batch time state"]:
        """Add it where it is known."""
        return self.plain.encode(embedded + (user * known[:, None])[:, None])


class PersonalSASRec(Personal):
    """The user is a token in front of the items, without a position; where not known, no item sees it."""

    def encode(self, embedded, user, known) -> Float[Tensor, "batch time state"]:
        """Put the token in front, attend, and take it away again."""
        front = self.plain.dropout(user)[:, None]
        tokens = torch.cat([front, self.plain.place(embedded)], dim=1)
        return self.plain.attend(tokens, visible(tokens.shape[1], known))[:, 1:]


def visible(time: int, known: Bool[Tensor, " batch"]) -> Bool[Tensor, "batch time time"]:
    """Let each token see itself and those before it, but the first one only where it is known."""
    past = torch.ones(time, time, dtype=torch.bool, device=known.device).tril()
    sees = past.repeat(len(known), 1, 1)
    sees[:, 1:, 0] = known[:, None]
    return sees


PERSONAL = {
    GRU4Rec: PersonalGRU4Rec,
    Caser: PersonalCaser,
    NextItNet: PersonalNextItNet,
    SASRec: PersonalSASRec,
}


def personal(plain: nn.Module) -> Personal:
    """Wrap a backbone in its personal form."""
    if type(plain) not in PERSONAL:
        raise ValueError(
            f"{type(plain).__name__} has no personal form: take one of "
            f"{', '.join(kind.__name__ for kind in PERSONAL)}, or write one in backbones/personal.py"
        )
    return PERSONAL[type(plain)](plain)

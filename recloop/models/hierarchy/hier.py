"""Hier: a recurrence over a user's sessions above a session encoder, trained on nothing but the next item.

Quadrana et al. HGRU4Rec. RecSys 2017 (GRU4Rec); You et al. HierTCN. WWW 2019 (NextItNet); with Caser and SASRec as the
baselines of Wang et al. HDT. CIKM 2024 (here chapter 5 of the thesis).
"""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from recloop.data.batches import Batch
from recloop.models.backbones.personal import personal
from recloop.models.catalogue import Catalogue
from recloop.models.sessions import last, trimmed


class Hier(nn.Module):
    """u_m = GRU(last state of session m, u_{m-1}); u_m goes into the encoding of session m + 1.

    The memory of a user keeps the inputs of the user recurrence, not u_m itself: u_m is made where it is used, so that
    the recurrence learns from the loss of the session that follows. Gradients end there, one session back.

    Args:
        backbone: makes a session encoder; `backbones.personal` says where the user goes in.
        items: size of the catalogue; the id `items` is padding.
    """

    def __init__(self, backbone: Callable[[], nn.Module], items: int):
        super().__init__()
        self.padding = items
        self.backbone = personal(backbone())
        self.user = nn.GRUCell(self.backbone.dim, self.backbone.width)
        self.rank = Catalogue(self.backbone.dim, items)

    def start(self, rows: int) -> dict[str, Tensor]:
        """Make the memory of users without a past."""
        zeros = self.rank.weight.new_zeros
        return {
            "state": zeros(rows, self.backbone.dim),
            "user": zeros(rows, self.backbone.width),
            "known": zeros(rows, dtype=torch.bool),
        }

    def loss(self, batch: Batch, memory: dict) -> tuple[Float[Tensor, ""], dict]:
        """Cross-entropy of the next item at every position; the memory after the session."""
        whole = trimmed(torch.cat([batch.session[:, :1], batch.following], dim=1), self.padding)
        states, user = self.states(whole, memory)
        following = whole[:, 1:]
        real = following != self.padding
        loss = self.rank.loss(states[:, :-1][real], following[real])
        return loss, self.after(whole, states, user)

    @torch.no_grad()
    def remember(self, session: Int[Tensor, "batch time"], memory: dict) -> dict:
        """Return the memory after a whole session."""
        return self.after(session, *self.states(session, memory))

    def score(
        self,
        session: Int[Tensor, "batch time"],
        memory: dict,
        whole: Int[Tensor, "batch step"] | None = None,
    ) -> Float[Tensor, "batch item"]:
        """Score every item as the one that follows; `whole` is not looked at."""
        states, _ = self.states(session, memory)
        return self.rank(last(states, session, self.padding))

    def states(self, session, memory) -> tuple[Tensor, Float[Tensor, "batch width"]]:
        """Encode a session with what is known of its user, and give the vector of the user."""
        known = memory["known"]
        user = self.user(memory["state"], memory["user"]) * known[:, None]
        return self.backbone(session, user, known), user

    def after(self, session, states, user) -> dict[str, Tensor]:
        """Remember a session by its last state."""
        state = last(states, session, self.padding)
        known = torch.ones(len(state), dtype=torch.bool, device=state.device)
        return {"state": state.detach(), "user": user.detach(), "known": known}

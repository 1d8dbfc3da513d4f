"""InterDT: the state and the return of a user's past sessions make the goal of the next one.

Wang et al. Multi-objective Recommendations with Hierarchical Decision Transformers for Diversity, Novelty, and
Serendipity. CIKM 2024 (here chapter 5 of the thesis, Sec 5.3.3 and 5.3.4).
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import normalize

from recloop.data.batches import Batch
from recloop.models.blocks import MutualAttention
from recloop.models.catalogue import Catalogue
from recloop.models.decision.controls import Control
from recloop.models.decision.returns import mean_cosine
from recloop.models.sessions import last, lengths, trimmed


@dataclass(frozen=True)
class Reading:
    """What a model makes of one session per row.

    Attributes:
        items: the session, padded on the right.
        embedded: its items in the table of the backbone, before the goal goes in.
        goal_return: the output of T_1 at the return, R~_c.
        goal: its output at the state, g_c.
        states: one per step, s_{c,t}.
    """

    items: Int[Tensor, "batch time"]
    embedded: Float[Tensor, "batch time width"]
    goal_return: Float[Tensor, "batch dim"]
    goal: Float[Tensor, "batch dim"]
    states: Float[Tensor, "batch time state"]


class InterDT(nn.Module):
    """One attention layer over [R_c, s_c] gives a goal return and a goal state; the latter joins every item.

    The memory of a user is s_c, the last state of the session before (no gradient goes back over it), and the sum and
    the number of the unit vectors of all earlier items, from which R_c follows in O(dim) whatever the past.

    Args:
        backbone: makes a session encoder.
        items: size of the catalogue; the id `items` is padding.
        item_vectors: frozen vectors whose cosines make the returns.
        dim: width of goal, return and state tokens.
        heads: attention heads of T_1.
        dropout: share dropped in it.
        goal_loss: lambda, weight of predicting the first item from the goal (Eq. 5.21); with 0 there is none.
        inter_return: `past`: R_c looks at the sessions before c; `current`: at session c too, as printed in Eq. 5.2,
            which nobody can know while it is being recommended for.
        dis_max: largest dissimilarity, the bound of one minus a cosine unless given.
        returns: `log`, or what stands in their place, see `decision.controls`; with `none` T_1 has a
            learned token instead: one token alone would attend to nothing.
    """

    named = ("across",)  # the returns: R_c

    def __init__(
        self,
        backbone: Callable[[], nn.Module],
        items: int,
        item_vectors: Float[Tensor, "item vector"],
        dim: int = 64,
        heads: int = 1,
        dropout: float = 0.1,
        goal_loss: float = 0.1,
        inter_return: str = "past",
        dis_max: float = 2.0,
        returns: str = "log",
    ):
        super().__init__()
        if inter_return not in ("past", "current"):
            raise ValueError(f"inter_return={inter_return!r}: take past or current")
        self.padding, self.inter_return, self.dis_max = items, inter_return, dis_max
        self.goal_loss, self.control = goal_loss, Control(returns, self.named)
        self.backbone = backbone()
        self.embed_return = nn.Linear(1, dim) if self.control.given else None
        self.absent = None if self.control.given else nn.Parameter(torch.randn(dim))
        self.embed_state = projection(self.backbone.dim, dim)
        self.inter = MutualAttention(dim, heads, dropout)  # T_1, Eq. 5.4
        self.join_item = nn.Linear(self.backbone.width, self.backbone.width)  # W_s [x; g] + b_s,
        self.join_goal = nn.Linear(dim, self.backbone.width, bias=False)  # Eq. 5.5 in two halves
        # ours: not stated. It starts as the plain backbone with a goal of the size of an item. T_1's norm gives `dim`
        # numbers of size one: with their full share the goal's part would outgrow the items in the first few updates.
        nn.init.eye_(self.join_item.weight)
        nn.init.zeros_(self.join_item.bias)
        nn.init.normal_(self.join_goal.weight, std=0.01)
        self.goal_share = dim**-0.5
        self.first = Catalogue(dim, items) if goal_loss else None  # Eq. 5.15, without activation
        self.rank = Catalogue(self.backbone.dim, items)  # Eq. 5.17
        none = item_vectors.new_zeros(1, item_vectors.shape[1])
        self.register_buffer("vectors", torch.cat([normalize(item_vectors, dim=-1), none]))

    def start(self, rows: int) -> dict[str, Tensor]:
        """Make the memory of users without a past: s_1 = 0."""
        zeros = self.rank.weight.new_zeros
        return {
            "state": zeros(rows, self.backbone.dim),
            "total": zeros(rows, self.vectors.shape[1]),
            "count": zeros(rows, dtype=torch.long),
        }

    def loss(self, batch: Batch, memory: dict) -> tuple[Float[Tensor, ""], dict]:
        """Weighted sum of the losses of Eq. 5.21 for one session per user; the memory after it."""
        whole = trimmed(torch.cat([batch.session[:, :1], batch.following], dim=1), self.padding)
        every = torch.ones_like(whole[:, :1], dtype=torch.bool)
        logged = self.control.logged({"across": self.unexpected(memory, whole)[:, None]}, every)
        reading = self.read(whole, memory, logged["across"])
        return self.objective(reading), self.after(reading, memory)

    @torch.no_grad()
    def remember(self, session: Int[Tensor, "batch time"], memory: dict) -> dict:
        """Return the memory after a whole session."""
        return self.after(self.read(session, memory, self.asked(memory, session)), memory)

    def score(
        self,
        session: Int[Tensor, "batch time"],
        memory: dict,
        whole: Int[Tensor, "batch step"] | None = None,
    ) -> Float[Tensor, "batch item"]:
        """Score every item as the one that follows; `whole`, the test session, is for `inter_return=current` alone."""
        return self.answer(self.read(session, memory, self.asked(memory, whole)))

    def answer(self, reading: Reading) -> Float[Tensor, "batch item"]:
        """Score with the session state."""
        return self.rank(last(reading.states, reading.items, self.padding))

    def objective(self, reading: Reading) -> Float[Tensor, ""]:
        """L_S + lambda L_g (Eqs. 5.16 and 5.18)."""
        following = reading.items[:, 1:]
        real = following != self.padding
        loss = self.rank.loss(reading.states[:, :-1][real], following[real])
        if self.first:
            loss = loss + self.goal_loss * self.first.loss(reading.goal, reading.items[:, 0])
        return loss

    def read(self, session, memory, wanted: Float[Tensor, "batch 1"]) -> Reading:
        """Make the goal from return and memory (Eqs. 5.3 and 5.4), then the states (Eqs. 5.5 and 5.6)."""
        state = self.embed_state(memory["state"])
        asked = self.embed_return(wanted) if self.embed_return else self.absent.expand_as(state)
        goal_return, goal = self.inter(torch.stack([asked, state], dim=1)).unbind(1)
        embedded = self.backbone.embed(session)
        joined = self.join_item(embedded) + self.goal_share * self.join_goal(goal)[:, None]
        return Reading(session, embedded, goal_return, goal, self.backbone.encode(joined))

    def asked(self, memory, whole) -> Float[Tensor, "batch 1"]:
        """Return the R_c to go in when nothing is learned."""
        return self.control.asked({"across": self.unexpected(memory, whole)[:, None]})["across"]

    def unexpected(self, memory, whole) -> Float[Tensor, " batch"]:
        """R_c = dis_max - dis(C_1 … C_{c-1}), where no item and one item have dis = 0; or as printed in Eq. 5.2."""
        total, count = memory["total"], memory["count"]
        if self.inter_return == "current":
            if whole is None:
                raise ValueError("inter_return=current looks into the whole session: give `whole`")
            total, count = self.add(total, count, whole)
        return self.dis_max - (1 - mean_cosine(total, count))

    def add(self, total, count, session) -> tuple[Tensor, Tensor]:
        """Count the items of a session with those before."""
        return total + self.vectors[session].sum(1), count + lengths(session, self.padding)

    def after(self, reading: Reading, memory: dict) -> dict[str, Tensor]:
        """Remember a session by its last state and its items."""
        total, count = self.add(memory["total"], memory["count"], reading.items)
        state = last(reading.states, reading.items, self.padding)
        return {"state": state.detach(), "total": total, "count": count}


def projection(width: int, dim: int) -> nn.Module:
    """Bring a state to the width of a token, zero to zero; nothing to do where they are equal."""
    return nn.Identity() if width == dim else nn.Linear(width, dim, bias=False)

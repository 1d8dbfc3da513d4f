"""A network with values beside its ranking, and a batch of logged sessions as the transitions it learns from.

Xin et al. Self-Supervised Reinforcement Learning for Recommender Systems. SIGIR 2020.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.functional import pad

from recloop.models.catalogue import Catalogue, best


class ValueNetwork(nn.Module):
    """A backbone with one head that ranks and some heads that value each item, one per objective."""

    def __init__(
        self,
        backbone: Callable[[], nn.Module],
        items: int,
        objectives: int,
        imitates: bool = True,
    ):
        super().__init__()
        self.backbone = backbone()
        self.rank = Catalogue(self.backbone.dim, items) if imitates else None
        self.values = nn.ModuleList(Catalogue(self.backbone.dim, items) for _ in range(objectives))

    def value_at(
        self, states: Float[Tensor, "*row dim"], items: Int[Tensor, "*row"]
    ) -> Float[Tensor, " objective *row"]:
        """Value one given item per state under every objective."""
        return torch.stack([value.at(states, items) for value in self.values])

    def scalarised(
        self, weights: Float[Tensor, " objective"]
    ) -> tuple[Float[Tensor, "item dim"], Float[Tensor, " item"]]:
        """Return the one head whose values are the weighted sums; heads are linear, so that there is one."""
        heads = list(zip(weights, self.values, strict=True))
        return sum(w * head.weight for w, head in heads), sum(w * head.bias for w, head in heads)

    @torch.no_grad()
    def best_item(
        self, states: Float[Tensor, "row dim"], weights: Float[Tensor, " objective"]
    ) -> Int[Tensor, " row"]:
        """Find the item with the highest weighted value."""
        return best(states, *self.scalarised(weights))


@dataclass(frozen=True)
class Step:
    """One batch as transitions, a row each; those of one piece lie behind one another.

    Attributes:
        main: the network that learns.
        target: the network that gives the target.
        hidden: states of the main network's session encoder, which its ranking reads.
        states: what its values read, the same where nothing else is known.
        target_states: what those of the target network read, without gradient.
        item: the last item of each state.
        actions: what is valued in each state; column 0 is what the user did.
        values: Q of the main network for these actions.
        purchase: 1 where what the user did is a purchase.
        seen: items of the session up to the state.
        follows: whether the next row is the next state.
        known: whether there is a next state or the session ends. Where only the piece of a long session ends, the next
            state lies in another piece, and the value of what the user did is not learnt.
    """

    main: ValueNetwork
    target: ValueNetwork
    hidden: Float[Tensor, "row dim"]
    states: Float[Tensor, "row seen"]
    target_states: Float[Tensor, "row seen"]
    item: Int[Tensor, " row"]
    actions: Int[Tensor, "row action"]
    values: Float[Tensor, "objective row action"]
    purchase: Int[Tensor, " row"]
    seen: Int[Tensor, " row"]
    follows: Bool[Tensor, " row"]
    known: Bool[Tensor, " row"]

    @property
    def taken(self) -> Int[Tensor, " row"]:
        """What the user did."""
        return self.actions[:, 0]

    @property
    def reached(self) -> Bool[Tensor, " row"]:
        """Whether the state is the next state of the row before."""
        return pad(self.follows[:-1], (1, 0))

    def next(
        self, next_state_value: Float[Tensor, "objective row"]
    ) -> Float[Tensor, "objective row"]:
        """Return the value of each row's next state, zero where it has none."""
        return pad(next_state_value[:, 1:], (0, 1)) * self.follows

"""The prompt of PRL: slots for state, step and wanted return that become one state.

Xin et al. Rethinking Reinforcement Learning for Recommendation: A Prompt Perspective. SIGIR 2022.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from recloop.models.dropout import Dropout


class Prompt(nn.Module):
    """Three slots, the state, an embedding of the step and the return times a vector, that become one.

    Args:
        dim: width of a state and of every slot.
        steps: how many steps have an embedding.
        dropout: share dropped of the slots.
        combine, relu: see `PRL`.
    """

    def __init__(self, dim: int, steps: int, dropout: float, combine: str, relu: bool):
        super().__init__()
        self.step = nn.Embedding(steps, dim)
        self.return_weight = nn.Parameter(torch.empty(dim))
        self.dropout, self.relu = Dropout(dropout), relu
        self.combine = {"attention": SlotAttention, "mean": SlotMean, "mlp": SlotMLP}[combine](dim)
        for weight in (self.step.weight, self.return_weight):
            nn.init.normal_(weight, std=0.01)  # released code

    def forward(
        self,
        states: Float[Tensor, "row dim"],
        steps: Int[Tensor, " row"],
        wanted: Float[Tensor, " row"],
    ) -> Float[Tensor, "row dim"]:
        """Combine the slots of each row."""
        slots = torch.stack([states, self.step(steps), wanted[:, None] * self.return_weight], dim=1)
        mixed = self.combine(self.dropout(slots))
        return mixed.relu() if self.relu else mixed


class SlotAttention(nn.Module):
    """One head over the slots, none hidden, with a residual and no feed-forward layer; then a weight per slot."""

    def __init__(self, dim: int):
        super().__init__()
        self.query_key_value = nn.Linear(dim, 3 * dim)
        self.slots = nn.Linear(3, 1)

    def forward(self, slots: Float[Tensor, "row slot dim"]) -> Float[Tensor, "row dim"]:
        """Let slots look at each other and add them up."""
        mixed = slots + scaled_dot_product_attention(*self.query_key_value(slots).chunk(3, dim=-1))
        return self.slots(mixed.mT).squeeze(-1)


class SlotMean(nn.Module):
    """The mean of the slots, in place of attention (PRL-mean)."""

    def __init__(self, dim: int):
        super().__init__()

    def forward(self, slots: Float[Tensor, "row slot dim"]) -> Float[Tensor, "row dim"]:
        """Average the slots."""
        return slots.mean(1)


class SlotMLP(nn.Module):
    """Two layers over the slots side by side, in place of attention (PRL-MLP); their widths are ours."""

    def __init__(self, dim: int):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(3 * dim, dim), nn.ReLU(), nn.Linear(dim, dim))

    def forward(self, slots: Float[Tensor, "row slot dim"]) -> Float[Tensor, "row dim"]:
        """Transform the slots of a row together."""
        return self.layers(slots.flatten(1))


class DeadPrompt(nn.Module):
    """The state looks at the items of its session again; there is no slot for step or return (released code)."""

    def __init__(self, dim: int, width: int, dropout: float):
        super().__init__()
        self.query = nn.Linear(dim, dim)
        self.key_value = nn.Linear(width, 2 * dim)
        self.dropout = Dropout(dropout)

    def forward(
        self, states: Float[Tensor, "batch time dim"], embedded: Float[Tensor, "batch time width"]
    ) -> Float[Tensor, "batch time dim"]:
        """Add to each state what it finds among the items up to its step."""
        states = self.dropout(states)
        key, value = self.key_value(embedded).chunk(2, dim=-1)
        return states + scaled_dot_product_attention(self.query(states), key, value, is_causal=True)

"""Discrete BCQ: the best next item is looked for only among those a user is likely to take.

Fujimoto et al. Benchmarking Batch Deep Reinforcement Learning Algorithms. 2019, arXiv 1910.01708.
"""

import math

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import smooth_l1_loss

from recloop.models.catalogue import rows_per_chunk
from recloop.models.sequential.sqn import SQN
from recloop.models.sequential.transitions import Step, ValueNetwork


class BCQ(SQN):
    """Imitation head and value head as in SQN; the imitation head says which items are allowed.

    Args:
        threshold: an item is allowed where its probability over that of the likeliest item is higher; in [0, 1).
        logit_penalty: weight of the mean square of the imitation logits.
        Others: as `SQN`.

    Raises:
        ValueError: a threshold that allows no item, or is none.
    """

    def __init__(self, threshold: float = 0.3, logit_penalty: float = 0.01, **settings):
        super().__init__(**settings)
        if not 0 <= threshold < 1:
            raise ValueError(f"threshold={threshold}, but it is a ratio in [0, 1)")
        self.logit_penalty = logit_penalty
        self.threshold = math.log(threshold) if threshold else -math.inf

    def imitation(self, step: Step) -> Float[Tensor, ""]:
        """Cross-entropy and the penalty of large logits."""
        penalty = step.main.rank.mean_square(step.states)
        return super().imitation(step) + self.logit_penalty * penalty

    def distance(
        self,
        values: Float[Tensor, "objective row action"],
        targets: Float[Tensor, "objective row action"],
    ) -> Float[Tensor, "objective row action"]:
        """Half the squared distance up to one, from there on linear."""
        return smooth_l1_loss(values, targets, reduction="none")

    @torch.no_grad()
    def choose(self, step: Step, rows: Bool[Tensor, " row"]) -> Int[Tensor, " chosen"]:
        """Take the allowed item with the highest value of the main network."""
        states = step.states[rows]
        if not len(states):
            return step.taken[:0]
        chunks = states.split(rows_per_chunk(states, step.main.rank.weight))
        return torch.cat([self.best_allowed(step.main, chunk) for chunk in chunks])

    def best_allowed(
        self, network: ValueNetwork, states: Float[Tensor, "row dim"]
    ) -> Int[Tensor, " row"]:
        """Find the allowed item with the highest value."""
        values, allowed = network.values[0](states), self.allowed(network.rank(states))
        return values.masked_fill(~allowed, -torch.inf).argmax(1)

    def q_values(self, states: Float[Tensor, "row dim"]) -> Float[Tensor, "row item"]:
        """Score every item by its value, all allowed ones above all others."""
        values = super().q_values(states)
        low, high = values.aminmax(dim=1, keepdim=True)
        return torch.where(
            self.allowed(self.scored.rank(states)), values, values - (high - low) - 1
        )

    def allowed(self, logits: Float[Tensor, "row item"]) -> Bool[Tensor, "row item"]:
        """Mark the items that are likely enough beside the likeliest."""
        return logits - logits.amax(1, keepdim=True) > self.threshold

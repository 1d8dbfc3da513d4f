"""Discrete BCQ: only what is likely in the log may be chosen, for every attribute by itself.

Fujimoto et al. Benchmarking Batch Deep Reinforcement Learning Algorithms. 2019; named by Zhang et al. AAAI 2022.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from recloop.models.offline.learner import Turns
from recloop.models.offline.off_policy import OffPolicy
from recloop.models.offline.spaces import LOWEST, taken


class BCQ(OffPolicy):
    """The policy network imitates; the critic chooses among what it finds likely.

    Args:
        threshold: least share of the likelihood of the likeliest value.
        given: what off-policy learning takes.
    """

    def __init__(self, threshold: float, **given):
        super().__init__(**given)
        self.register_buffer("threshold", torch.tensor(threshold))  # kept with the weights: chosen

    def scores(self, state: Float[Tensor, "*batch dim"]) -> Float[Tensor, "*batch attribute value"]:
        """Give the values of what is allowed."""
        return self.allowed(state, self.values(state))

    def allowed(
        self,
        state: Float[Tensor, "*batch dim"],
        values: Float[Tensor, "*batch attribute value"],
    ) -> Float[Tensor, "*batch attribute value"]:
        """Put values that are too unlikely below all others."""
        likely = self.imitated(state).exp()
        enough = likely >= self.threshold * likely.amax(-1, keepdim=True)
        return values.masked_fill(~(enough & self.space.there), LOWEST)

    def imitated(
        self, state: Float[Tensor, "*batch dim"]
    ) -> Float[Tensor, "*batch attribute value"]:
        """Give the log probabilities of the policy that imitates the log."""
        return self.space.log_policy(self.space.parted(self.policy(state)))

    def worth(
        self,
        state: Float[Tensor, "turn dim"],
        values: Float[Tensor, "turn attribute value"],
    ) -> Float[Tensor, " turn"]:
        """Value states by the best of what is allowed: chosen by the critic, valued by its target."""
        chosen = self.space.best(self.allowed(state, self.values(state)))
        return taken(values, chosen)

    def improvement(self, turns: Turns) -> Float[Tensor, ""]:
        """Imitate the log."""
        return -taken(self.imitated(turns.state), turns.action).mean()

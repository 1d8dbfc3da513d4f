"""The online recommender: an actor-critic that is taught first and then learns from its own turns.

Zhang et al. AAAI 2022 train it in the simulator and do not say how; A2C with generalised advantages takes its place.
Mnih et al. Asynchronous Methods for Deep Reinforcement Learning. ICML 2016; Schulman et al. High-Dimensional Continuous
Control Using Generalized Advantage Estimation. ICLR 2016.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from recloop.models.offline.learner import Learner, Sessions
from recloop.models.offline.spaces import entropy, taken
from recloop.models.online.encoders import head


class OnPolicy(Learner):
    """A policy with a value of states.

    Args:
        discount: of rewards, gamma.
        trace: how far advantages look ahead, lambda; 0 is one step, 1 is REINFORCE with a baseline.
        value_weight: of the error of the values.
        entropy_weight: of the policy's entropy, which is kept high.
        critic_hidden: width of the values' hidden layer.
        given: what every learner takes.
    """

    learns_from = "turns"

    def __init__(
        self,
        discount: float,
        trace: float,
        value_weight: float,
        entropy_weight: float,
        critic_hidden: int,
        **given,
    ):
        super().__init__(**given)
        self.discount, self.trace = discount, trace
        self.value_weight, self.entropy_weight = value_weight, entropy_weight
        self.value = head(self.tracker.dim, critic_hidden, 1, 1)

    def loss(
        self, batch: Sessions, start: Float[Tensor, "session dim"] | None = None
    ) -> Float[Tensor, ""]:
        """Add the losses of actor and values, and the entropy.

        Args:
            batch: turns of sessions that run side by side; after one that ends another begins.
            start: states before the first of them.
        """
        states = self.tracker.states(batch.seen, batch.heard, start, batch.ends)
        advantage, error = self.judged(batch, states)
        policy = self.log_policy(states[:, :-1])
        scaled = (advantage - advantage.mean()) / (advantage.std() + LEAST)
        actor = -(taken(policy, batch.action) * scaled).mean()
        return actor + self.value_weight * error - self.entropy_weight * entropy(policy).mean()

    def judged(
        self, batch: Sessions, states: Float[Tensor, "session later dim"]
    ) -> tuple[Float[Tensor, "session time"], Float[Tensor, ""]]:
        """Compute the advantage of each turn, and the squared error of the values over the unit squared."""
        values = self.centre + self.unit * self.value(states)[..., 0]
        given = (batch.reward, values.detach(), batch.ends, self.discount, self.trace)
        advantage = advantages(*given)
        error = advantage + values[:, :-1].detach() - values[:, :-1]
        return advantage, (error / self.unit).square().mean()

    def taught(
        self,
        batch: Sessions,
        start: Float[Tensor, "session dim"],
        goals: Int[Tensor, "session time attribute"],
    ) -> Float[Tensor, ""]:
        """Add the error of the values, which have to know the policy before this one learns from them."""
        states = self.tracker.states(batch.seen, batch.heard, start, batch.ends)
        told = super().taught(batch, start, goals)
        return told + self.value_weight * self.judged(batch, states)[1]


LEAST = 1e-6  # deviation below which advantages are not scaled


def advantages(
    reward: Float[Tensor, "session time"],
    values: Float[Tensor, "session later"],
    ends: Bool[Tensor, "session time"],
    discount: float,
    trace: float,
) -> Float[Tensor, "session time"]:
    """Estimate how much better each turn was than expected; nothing is expected after the end of a session."""
    goes_on = (~ends).float()
    errors = reward + discount * goes_on * values[:, 1:] - values[:, :-1]
    found, later = torch.zeros_like(reward), torch.zeros_like(reward[:, 0])
    for time in reversed(range(reward.shape[1])):
        later = errors[:, time] + discount * trace * goes_on[:, time] * later
        found[:, time] = later
    return found

"""Off-policy actor-critic on a log, without any correction: what conservative learning is compared with.

Zhang et al. AAAI 2022, Eq. 3, and the second and third term of Eq. 7.
"""

import copy

import torch
from jaxtyping import Float
from torch import Tensor, nn

from recloop.models.offline.learner import Learner, Sessions, Turns, turns_of
from recloop.models.offline.spaces import entropy, expected, taken


class OffPolicy(Learner):
    """A critic that is a sum over attributes, with a target that follows it, and a policy that climbs it.

    Args:
        critic_hidden: width of the critic's hidden layer.
        discount: of rewards, gamma.
        temperature: weight of the policy's entropy; with 1 the best policy is exp(Q), normalised, as in the text.
        target_rate: share by which the target moves to the critic after an update.
        given: what every learner takes.
    """

    def __init__(
        self,
        critic_hidden: int,
        discount: float,
        temperature: float,
        target_rate: float,
        **given,
    ):
        super().__init__(**given)
        self.discount, self.temperature, self.target_rate = discount, temperature, target_rate
        self.critic = self.scorer(critic_hidden)
        parts = nn.ModuleDict({"tracker": self.tracker, "critic": self.critic})
        self.target = copy.deepcopy(parts).requires_grad_(False)

    def values(self, state: Float[Tensor, "*batch dim"]) -> Float[Tensor, "*batch attribute value"]:
        """Give what each value of each attribute adds to Q(s, a)."""
        return self.space.parted(self.critic(state))

    def loss(self, batch: Sessions) -> Float[Tensor, ""]:
        """Evaluate the policy and improve it (Algorithm 1)."""
        turns = turns_of(self.tracker.states(batch.seen, batch.heard), batch)
        with torch.no_grad():
            later = self.target["tracker"].states(batch.seen, batch.heard)[:, 1:][batch.real]
        return self.evaluation(turns, later) + self.improvement(turns)

    def evaluation(self, turns: Turns, later: Float[Tensor, "turn dim"]) -> Float[Tensor, ""]:
        """Average half the squared Bellman error (Eqs. 3 and 6, second term).

        Args:
            turns: with the states of the learning tracker.
            later: states after them, of the target's.
        """
        error = taken(self.values(turns.state), turns.action) - self.backed_up(turns, later)
        return 0.5 * error.square().mean()

    @torch.no_grad()
    def backed_up(self, turns: Turns, later: Float[Tensor, "turn dim"]) -> Float[Tensor, " turn"]:
        """Add the discounted value of what comes after to the reward; the expectation over the policy is exact."""
        after = self.space.parted(self.target["critic"](later))
        value = self.worth(turns.after, after)
        return turns.reward + self.discount * value * ~turns.ends

    def worth(
        self,
        state: Float[Tensor, "turn dim"],
        values: Float[Tensor, "turn attribute value"],
    ) -> Float[Tensor, " turn"]:
        """Value states by what the policy does there."""
        return expected(self.log_policy(state), values)

    def improvement(self, turns: Turns) -> Float[Tensor, ""]:
        """Average minus the expected value and minus the entropy of the policy (Eq. 7)."""
        policy = self.log_policy(turns.state)
        value = expected(policy, self.values(turns.state).detach())
        return -(value + self.temperature * entropy(policy)).mean()

    def after_update(self) -> None:
        """Let the target follow."""
        with torch.no_grad():
            for name in self.target:
                mine = getattr(self, name).parameters()
                for target, one in zip(self.target[name].parameters(), mine, strict=True):
                    target.lerp_(one, self.target_rate)

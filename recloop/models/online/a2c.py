"""A2C: an actor whose critic values states.

Mnih et al. Asynchronous Methods for Deep Reinforcement Learning. ICML 2016, without asynchrony.
"""

from jaxtyping import Float
from torch import Tensor

from recloop.models.online.agent import Agent, Steps, chosen
from recloop.models.online.encoders import head


class A2C(Agent):
    """An actor and a critic over one state.

    Args:
        value_weight: of the critic's loss.
        entropy_weight: of the policy's entropy, which is kept high.
        lookahead: steps whose rewards are added up before a value is asked for; None learns from whole episodes, when
            they are over, and asks for none (GAE with a lambda of 1).
        shared: whether actor and critic share their hidden layers.
        hidden, layers, settings: those of every agent.
    """

    def __init__(
        self,
        value_weight: float,
        entropy_weight: float,
        lookahead: int | None,
        hidden: int,
        layers: int,
        shared: bool = False,
        **settings,
    ):
        super().__init__(hidden=hidden, layers=layers, **settings)
        self.value_weight, self.entropy_weight = value_weight, entropy_weight
        self.lookahead, self.shared = lookahead, shared
        self.learns_from = "newest" if lookahead else "finished"
        self.critic = head(
            hidden if shared else self.encoder.dim, hidden, 0 if shared else layers, 1
        )

    def value(self, states: Float[Tensor, "step dim"]) -> Float[Tensor, " step"]:
        """Value states."""
        return self.critic(self.scores[:-1](states) if self.shared else states)[:, 0]

    def loss(self, steps: Steps) -> Float[Tensor, ""]:
        """Add the losses of actor and critic, and the entropy; 0 where no episode is over."""
        states, number = self.encoder(steps.seen), max(1, len(steps.gain))
        after = self.value(self.encoder(steps.after)).detach()
        advantage = steps.gain + steps.discount * after - self.value(states)
        policy = self.logits(states, steps.seen).log_softmax(1)
        actor = -(chosen(policy, steps.action) * advantage.detach()).sum()
        entropy = -(policy.exp() * policy).sum()
        value = advantage.square().sum()
        return (actor + self.value_weight * value - self.entropy_weight * entropy) / number

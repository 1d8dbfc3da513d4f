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
        lookahead: steps whose rewards are added up before a value is asked for.
        hidden, layers, settings: those of every agent.
    """

    learns_from = "newest"

    def __init__(
        self,
        value_weight: float,
        entropy_weight: float,
        lookahead: int,
        hidden: int,
        layers: int,
        **settings,
    ):
        super().__init__(hidden=hidden, layers=layers, **settings)
        self.value_weight, self.entropy_weight = value_weight, entropy_weight
        self.lookahead = lookahead
        self.critic = head(self.encoder.dim, hidden, layers, 1)

    def loss(self, steps: Steps) -> Float[Tensor, ""]:
        """Add the losses of actor and critic, and the entropy."""
        states = self.encoder(steps.seen)
        after = self.critic(self.encoder(steps.after)).detach()[:, 0]
        advantage = steps.gain + steps.discount * after - self.critic(states)[:, 0]
        policy = self.logits(states, steps.seen).log_softmax(1)
        actor = -(chosen(policy, steps.action) * advantage.detach()).mean()
        entropy = -(policy.exp() * policy).sum(1).mean()
        value = advantage.square().mean()
        return actor + self.value_weight * value - self.entropy_weight * entropy

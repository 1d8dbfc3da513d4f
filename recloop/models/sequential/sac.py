"""SAC: SQN whose value of what the user did weights its imitation. Not Haarnoja's soft actor-critic.

Xin et al. Self-Supervised Reinforcement Learning for Recommender Systems. SIGIR 2020.
"""

from jaxtyping import Float
from torch import Tensor

from recloop.models.sequential.actor_critic import ActorCritic
from recloop.models.sequential.sqn import SQN


class SAC(ActorCritic, SQN):
    """Self-supervised actor-critic: sg[Q(s, a)] times cross-entropy, plus the TD error.

    Args: as `ActorCritic` and `SQN`.
    """

    def critic(self, values: Float[Tensor, "objective row action"]) -> Float[Tensor, " row"]:
        """Weight an action by its value, whatever its sign."""
        return values[0, :, 0]

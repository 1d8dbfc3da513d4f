"""Imitation weighted by what the values say, after a warm-up.

Xin et al. Self-Supervised Reinforcement Learning for Recommender Systems. SIGIR 2020.
"""

from jaxtyping import Float
from torch import Tensor

from recloop.models.sequential.transitions import Step


class ActorCritic:
    """Stands before a Q-learning model and weights its imitation by a critic; the critic learns nothing from that.

    Args:
        warm_up: updates with all weights at one before the critic counts.
        Others: as the model behind it.
    """

    def __init__(self, warm_up: int = 15000, **settings):
        super().__init__(**settings)
        self.warm_up = warm_up

    def imitation(self, step: Step) -> Float[Tensor, ""]:
        """Cross-entropy of what the user did, each row times what its critic says."""
        return self.criticised(step) if self.criticises else super().imitation(step)

    @property
    def criticises(self) -> bool:
        """Check whether the critic counts by now; the present update is counted."""
        return bool(self.updates > self.warm_up)

    def criticised(self, step: Step) -> Float[Tensor, ""]:
        """Cross-entropy once the critic counts."""
        return step.main.rank.loss(step.hidden, step.taken, self.critic(step.values.detach()))

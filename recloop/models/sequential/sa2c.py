"""SA2C: SNQN that imitates most where the value of the user's choice was above that of others.

Xin et al. Supervised Advantage Actor-Critic for Recommender Systems. WSDM 2022.
"""

from jaxtyping import Float, Int
from torch import Tensor

from recloop.models.sequential.negatives import Advantage
from recloop.models.sequential.snqn import SNQN
from recloop.models.sequential.transitions import Step

RATIOS = (0.1, 10.0)  # authors' code: limits of the importance ratio


class SA2C(Advantage, SNQN):
    """Supervised advantage actor-critic.

    Args:
        item_counts: events per item in training; their shares stand for the policy that made the log.
        correction: exponent of the importance ratio that corrects the imitation for that policy; 0 is off.
        Others: as `Advantage` and `SNQN`.
    """

    def __init__(self, item_counts: Int[Tensor, " item"], correction: float = 0.0, **settings):
        super().__init__(**settings)
        self.correction = correction
        counts = item_counts.clamp_min(1)  # ours: an item never seen counts as seen once
        self.register_buffer("popularity", counts / item_counts.sum())

    def criticised(self, step: Step) -> Float[Tensor, ""]:
        """Cross-entropy, each row times its advantage and its importance ratio."""
        advantage = self.critic(step.values.detach())
        correct = self.ratio if self.correction else None
        return step.main.rank.loss(step.hidden, step.taken, advantage, correct)

    def ratio(
        self, chances: Float[Tensor, " row"], items: Int[Tensor, " row"]
    ) -> Float[Tensor, " row"]:
        """Divide how often we would take the item by how often it is in the log, within limits.

        The popularity of the authors counts validation and test events too; ours does not. The ratio is a constant for
        the gradient (ours: not stated).
        """
        return (chances / self.popularity[items]).clamp(*RATIOS) ** self.correction

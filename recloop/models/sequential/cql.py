"""CQL: SQN whose values of items the user did not take are held down.

Kumar et al. Conservative Q-Learning for Offline Reinforcement Learning. NeurIPS 2020; discrete actions.
"""

from jaxtyping import Float
from torch import Tensor

from recloop.models.sequential.sqn import SQN
from recloop.models.sequential.transitions import Step


class CQL(SQN):
    """Cross-entropy, TD error, and log-sum-exp of all values less the value of what the user did.

    Args:
        conservative: weight of the last one, alpha of CQL(H).
        Others: as `SQN`.
    """

    def __init__(self, conservative: float = 0.1, **settings):
        super().__init__(**settings)
        self.conservative = conservative

    def errors(self, step: Step) -> Float[Tensor, " objective"]:
        """TD error plus the penalty, which is the cross-entropy of the value head."""
        if not self.conservative:
            return super().errors(step)
        penalty = step.main.values[0].loss(step.states, step.taken)
        return super().errors(step) + self.conservative * penalty

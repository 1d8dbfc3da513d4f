"""DQN with negative sampling: values alone, nothing imitates.

Xin et al. Supervised Advantage Actor-Critic for Recommender Systems. WSDM 2022 (their ablation).
"""

import torch
from jaxtyping import Float
from torch import Tensor

from recloop.models.sequential.snqn import SNQN
from recloop.models.sequential.transitions import Step


class DQN_NS(SNQN):  # noqa: N801 the paper's name
    """SNQN without its ranking head; the values rank.

    Args: as `SNQN`.
    """

    def __init__(self, negative_reward: float = -1.0, **settings):
        super().__init__(
            negative_reward=negative_reward, ranked_by="values", imitates=False, **settings
        )

    def imitation(self, step: Step) -> Float[Tensor, ""]:
        """Nothing is imitated."""
        return torch.zeros_like(self.weights[0])

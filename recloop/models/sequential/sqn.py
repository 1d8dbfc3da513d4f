"""SQN: a next-item ranker that also learns the value of each item for what follows.

Xin et al. Self-Supervised Reinforcement Learning for Recommender Systems. SIGIR 2020.
"""

from collections.abc import Callable

from torch import nn

from recloop.models.sequential.double_q import DoubleQ


class SQN(DoubleQ):
    """Two heads over one backbone: `rank` imitates the user, the value head looks ahead.

    Args: as `DoubleQ`, with one objective.
    """

    def __init__(
        self,
        backbone: Callable[[], nn.Module],
        items: int,
        discount: float = 0.5,
        click_reward: float = 0.2,
        purchase_reward: float = 1.0,
        **settings,
    ):
        super().__init__(backbone, items, 1, discount, click_reward, purchase_reward, **settings)

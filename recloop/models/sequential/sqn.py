"""SQN: a next-item ranker that also learns what each item is worth later on.

Xin et al. Self-Supervised Reinforcement Learning for Recommender Systems. SIGIR 2020.
"""

from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor, nn

from recloop.data.batches import Batch
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
    ):
        super().__init__(backbone, items, 1, discount, click_reward, purchase_reward)

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        """Cross-entropy of the next item plus its one-step TD error."""
        step = self.step(batch)
        imitation = step.main.rank.loss(step.states[step.real], batch.following[step.real])
        reward = self.accuracy_reward(step)[None]
        return imitation + self.td_error(step, reward, reward.new_ones(1)).mean()

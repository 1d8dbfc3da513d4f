"""EVAL: SQN that values what users went on to do, not what would have been best.

Labarca et al. On the Unexpected Effectiveness of Reinforcement Learning for Sequential Recommendation. ICML 2024.
"""

from jaxtyping import Bool, Int
from torch import Tensor

from recloop.models.sequential.sqn import SQN
from recloop.models.sequential.transitions import Step


class EVAL(SQN):
    """Policy evaluation (SARSA): the next action of the log stands where SQN has the best one.

    Args: as `SQN`, with the rewards of the reassessment.
    """

    def __init__(self, click_reward: float = 1.0, purchase_reward: float = 5.0, **settings):
        super().__init__(click_reward=click_reward, purchase_reward=purchase_reward, **settings)

    def choose(self, step: Step, rows: Bool[Tensor, " row"]) -> Int[Tensor, " chosen"]:
        """Take what the user did next."""
        return step.taken[rows]

"""Offline learning: the critic is pushed down where the policy is, and up where the log is.

Zhang et al. AAAI 2022, Eqs. 6 and 7; Kumar et al. Conservative Q-Learning for Offline Reinforcement Learning. NeurIPS
2020.
"""

from jaxtyping import Float
from torch import Tensor

from recloop.models.offline.learner import Turns
from recloop.models.offline.off_policy import OffPolicy
from recloop.models.offline.spaces import expected, log_sum_exp, taken


class Offline(OffPolicy):
    """The proposal of the paper.

    Args:
        alpha: weight of the penalty; with 0 it is off-policy learning.
        penalty: `policy` expects Q under the present policy, as printed; `log_sum_exp` is CQL(H), what the printed one
            becomes where the policy is the best for the critic and its entropy is added.
        given: what off-policy learning takes.

    Raises:
        ValueError: another penalty.
    """

    def __init__(self, alpha: float, penalty: str, **given):
        super().__init__(**given)
        if penalty not in ("policy", "log_sum_exp"):
            raise ValueError(f"penalty={penalty!r}: expected policy or log_sum_exp")
        self.alpha, self.penalty = alpha, penalty

    def evaluation(self, turns: Turns, later: Float[Tensor, "turn dim"]) -> Float[Tensor, ""]:
        """Add the penalty to the Bellman error (Eq. 6)."""
        penalty = self.alpha * self.excess(turns) / self.scale
        return super().evaluation(turns, later) + penalty

    def excess(self, turns: Turns) -> Float[Tensor, ""]:
        """Average by how much the policy's actions are valued above those of the log."""
        values = self.values(turns.state)
        if self.penalty == "policy":
            theirs = expected(self.log_policy(turns.state).detach(), values)
        else:
            scaled = log_sum_exp(values / self.temperature, self.space.there)
            theirs = self.temperature * scaled
        return (theirs - taken(values, turns.action)).mean()

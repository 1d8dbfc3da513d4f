"""REINFORCE: the policy gradient with the return of whole episodes.

Sutton et al. Policy Gradient Methods for Reinforcement Learning with Function Approximation. NeurIPS 1999, which the
thesis calls PG.
"""

from jaxtyping import Float
from torch import Tensor

from recloop.models.online.agent import Agent, Steps, chosen


class PolicyGradient(Agent):
    """A policy that makes likelier what was followed by much.

    Args:
        baseline: whether the mean return of the batch is subtracted.
        settings: those of every agent.
    """

    learns_from, lookahead = "finished", None

    def __init__(self, baseline: bool, **settings):
        super().__init__(**settings)
        self.baseline = baseline

    def loss(self, steps: Steps) -> Float[Tensor, ""]:
        """Average -log pi(a|s) times the return from there; 0 where no episode is over."""
        gain = steps.gain - steps.gain.mean() if self.baseline else steps.gain
        likely = chosen(self.score(steps.seen).log_softmax(1), steps.action)
        return -(likely * gain).sum() / max(1, len(gain))

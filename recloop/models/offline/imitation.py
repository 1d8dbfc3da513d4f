"""Imitation learning: the policy learns to choose what was chosen.

Zhang et al. AAAI 2022, Setup; Levine et al. Offline Reinforcement Learning: Tutorial, Review, and Perspectives. 2020.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from recloop.models.offline.learner import Learner, Sessions, turns_of
from recloop.models.offline.spaces import taken


class Imitation(Learner):
    """Behaviour cloning.

    Args:
        successful: whether only the better half of the sessions by their return is imitated, for a control.
        given: what every learner takes.
    """

    def __init__(self, successful: bool, **given):
        super().__init__(**given)
        self.successful = successful

    def loss(self, batch: Sessions) -> Float[Tensor, ""]:
        """Average -log pi(a|s)."""
        turns = turns_of(self.tracker.states(batch.seen, batch.heard, real=batch.real), batch)
        error = -taken(self.log_policy(turns.state), turns.action)
        if not self.successful:
            return error.mean()
        kept = worth_imitating(batch)[:, None].expand_as(batch.real)[batch.real]
        return (error * kept).sum() / kept.sum().clamp_min(1)


def worth_imitating(batch: Sessions) -> Tensor:
    """Take the better half of the sessions by their return: a log does not say who was content."""
    returns = (batch.reward * batch.real).sum(1)
    return returns >= torch.quantile(returns, 0.5)

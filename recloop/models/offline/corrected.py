"""Off-policy learning whose policy is improved where it would be, by the ratio of distributions that DICE estimates.

What a policy should do is an expectation over turns of the policy itself; with w(s, a) it is one over turns of the log:
the first term of Zhang et al. AAAI 2022, Eq. 5. All else is as in off-policy learning.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from recloop.models.offline import dice
from recloop.models.offline.learner import Sessions, Turns
from recloop.models.offline.off_policy import OffPolicy
from recloop.models.offline.spaces import expected, taken


class Corrected(OffPolicy):
    """Two more networks, nu and the ratio, sums over attributes as the critic is.

    Args:
        correction: `dualdice` or `gendice`.
        largest: limit of a ratio where it weighs a turn.
        critic_hidden, given: what off-policy learning takes.
    """

    def __init__(self, correction: str, largest: float, critic_hidden: int, **given):
        super().__init__(critic_hidden=critic_hidden, **given)
        self.correction, self.largest = correction, largest
        self.nu, self.zeta = self.scorer(critic_hidden), self.scorer(critic_hidden)
        self.norm = nn.Parameter(torch.zeros(()))

    def loss(
        self, batch: Sessions, start: Float[Tensor, "session dim"] | None = None
    ) -> Float[Tensor, ""]:
        """Add the game of nu and the ratio to evaluation and improvement."""
        turns, later = self.prepared(batch, start)
        ratio, game = self.corrected(turns, len(batch.real))
        value = self.evaluation(turns, later)
        return value + game + self.weighted(turns, ratio.detach())

    def corrected(
        self, turns: Turns, sessions: int
    ) -> tuple[Float[Tensor, " turn"], Float[Tensor, ""]]:
        """Estimate the ratio of each turn for the present policy, and what the two players lose."""
        state, after = turns.state.detach(), turns.after.detach()
        start, parted = self.tracker.start(sessions, state.device), self.space.parted
        with torch.no_grad():
            later, first = self.log_policy(after), self.log_policy(start)
        ratio = dice.ratio_of(taken(parted(self.zeta(state)), turns.action), self.correction)
        anew, begin = self.correction == "gendice", expected(first, parted(self.nu(start)))
        game = dice.Saddle(
            taken(parted(self.nu(state)), turns.action),
            torch.where(turns.ends, begin.mean() * anew, expected(later, parted(self.nu(after)))),
            begin,
            1 - self.discount if anew else sessions / len(state),
            ratio,
            self.norm if anew else torch.zeros_like(self.norm),
        )
        return ratio, dice.players_loss(game, self.discount, self.correction)

    def weighted(self, turns: Turns, ratio: Float[Tensor, " turn"]) -> Float[Tensor, ""]:
        """Improve the policy as in off-policy learning, but in its own turns: those of the log weigh w(s, a)."""
        weight = ratio.clamp(0.0, self.largest)
        return (weight * self.distance(turns)).sum() / weight.sum().clamp_min(LEAST)


LEAST = 1e-6  # what is divided by

"""AlgaeDICE: the policy climbs what the dual of the regularised return says it would bring.

Nachum et al. AlgaeDICE: Policy Gradient from Arbitrary Experience. 2019; the whole of Zhang et al. AAAI 2022, Eq. 5.
"""

from jaxtyping import Float
from torch import Tensor

from recloop.models.offline.learner import Sessions, turns_of
from recloop.models.offline.off_policy import OffPolicy
from recloop.models.offline.spaces import entropy, expected, taken


class Algae(OffPolicy):
    """The critic is nu.

    Max over pi, min over nu of m E nu(s0, pi) + alpha E f*((r + gamma nu' - nu) / alpha), f*(x) = x^2 / 2. Both players
    learn from one loss, each while the other is held still. As sessions end, m is how many begin per logged turn, as in
    `dice`; with the printed 1 - gamma visits of a session would count 0.07 of those of a logged one where both have 7
    turns, gamma being 0.99, and alpha would weigh next to nothing.

    Args:
        alpha: weight of the divergence.
        entropy_weight: of the policy's entropy beside the dual, which is a reward per turn over a scale.
        given: what off-policy learning takes; there is no target network at work.
    """

    def __init__(self, alpha: float, entropy_weight: float, **given):
        super().__init__(**given)
        self.alpha, self.entropy_weight = alpha, entropy_weight

    def loss(
        self, batch: Sessions, start: Float[Tensor, "session dim"] | None = None
    ) -> Float[Tensor, ""]:
        """Let nu make the dual small and the policy make it large."""
        real = None if start is not None else batch.real
        ends = None if start is None else batch.ends
        states = self.tracker.states(batch.seen, batch.heard, start, ends, real)
        turns = turns_of(states, batch)
        first = self.tracker.start(len(states), states.device)
        policies = self.log_policy(turns.after), self.log_policy(first)
        held = tuple(one.detach() for one in policies)
        values = self.values(turns.after), self.values(first), self.values(turns.state)
        fixed = tuple(one.detach() for one in values)

        def dual(policies: tuple[Tensor, Tensor], values: tuple[Tensor, Tensor, Tensor]) -> Tensor:
            later = expected(policies[0], values[0]) * ~turns.ends
            residual = turns.reward + self.discount * later - taken(values[2], turns.action)
            begun = len(first) / len(turns.state) * expected(policies[1], values[1]).mean()
            return begun + residual.square().mean() / (2 * self.alpha)

        spread = entropy(self.log_policy(turns.state)).mean()
        critic = dual(held, values) / self.scale
        return critic - dual(policies, fixed) / self.scale - self.entropy_weight * spread

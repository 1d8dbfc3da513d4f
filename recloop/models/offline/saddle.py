"""Where DualDICE's game stands still when both players are linear in the same features: solved for, nobody plays.

Nachum et al. DualDICE. NeurIPS 2019, as the Lagrangian of Yang et al. NeurIPS 2020 (`dice`), whose f may be any convex
one, (x - 1)^2 / 2 here. Let phi be the features of a logged turn, phi' their mean under the judged policy after it,
nothing where the session is over, and phi0 that in first states; nu = phi·u, ratio = 1 + phi·v, E the mean over the
turns of the log, and

    A = E phi (phi - gamma phi')^T,    C = E phi phi^T,    d = sessions / turns * E phi0 - E (phi - gamma phi').

    min over u, max over v of  d·u - v·A u - v·C v / 2 + rho |u|^2 / 2 - rho |v|^2 / 2

d is by how much ratios of 1 are wrong: visits that begin or come from earlier turns, less those that there are. The
last two terms are a ridge, without which features that say one thing twice leave the weights open; it draws ratios to
1. This is convex in u and concave in v, so that there is one saddle point, where both slopes are nothing:

    d - A^T v + rho u = 0  and  -A u - C v - rho v = 0,  hence  (A A^T + rho C + rho^2) v = A d.

Without a ridge and with a constant among the features E (phi - gamma phi') ratio = sessions / turns * E phi0, whatever
f is. The rewards of a session, weighed by such ratios, are phi0·A^-1 E phi r, which LSTD-Q says of first states in the
same features (Lagoudakis, Parr. Least-Squares Policy Iteration. JMLR 2003); Uehara et al. Minimax Weight and Q-Function
Learning. ICML 2020, show that the two are one. Ratios are not bounded: they may be negative.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from recloop.models.offline.learner import Turns
from recloop.models.offline.spaces import Space


class Weighed(NamedTuple):
    """What the ratios make of a log.

    Attributes:
        worth: discounted return of a session of the judged policy.
        ratio: mean over logged turns. Where ratios are right it is the discounted turns of a session of the judged
            policy over the turns of a logged one.
    """

    worth: float
    ratio: float


class Moments:
    """The means above, added up over turns; features are a 1 and the state, once for each chosen value.

    Args:
        space: of actions.
        dim: width of a state.
        discount: gamma.
        device: where states are.
    """

    def __init__(self, space: Space, dim: int, discount: float, device: torch.device | str):
        self.space, self.discount = space, discount
        values, width = sum(space.sizes), dim + 1
        size, exact = values * width, {"dtype": torch.float64, "device": device}
        self.moved = torch.zeros(values, width, size, **exact)  # A, its rows by value and state
        self.square = torch.zeros(values, width, size, **exact)  # C
        self.gap, self.earned, self.total = torch.zeros(3, size, **exact)  # d, E phi r, E phi
        self.reward, self.turns, self.sessions = 0.0, 0, 0

    def add(
        self,
        turns: Turns,
        later: Float[Tensor, "turn attribute value"],
        start: Float[Tensor, "session dim"],
        first: Float[Tensor, "session attribute value"],
    ) -> None:
        """Add sessions.

        Args:
            turns: of them, with states.
            later, first: log probabilities of the judged policy after the turns, and in first states.
            start: these states.
        """
        here, there = with_one(turns.state), self.space.there
        chosen = torch.nn.functional.one_hot(turns.action, self.space.values)[:, there]
        features = crossed(chosen.to(here), here)
        after = with_one(turns.after) * ~turns.ends[:, None]
        residual = features - self.discount * crossed(later.exp()[:, there], after)
        for value, rows in enumerate(chosen.T.bool()):  # features are 0 but for the chosen values
            mine = here[rows].T
            self.moved[value] += mine @ residual[rows]
            self.square[value] += mine @ features[rows]
        begun = crossed(first.exp()[:, there], with_one(start))
        self.gap += begun.sum(0) - residual.sum(0)
        self.earned += turns.reward.to(features) @ features
        self.total += features.sum(0)
        self.reward += float(turns.reward.sum())
        self.turns += len(features)
        self.sessions += len(start)

    def solved(self, ridge: float) -> Weighed:
        """Solve for the ratios and weigh the log with them.

        Args:
            ridge: rho, as a share of the mean square of a feature.

        Raises:
            ValueError: it is lost in rounding.
        """
        moved, square = (one.flatten(0, 1) / self.turns for one in (self.moved, self.square))
        rho = ridge * square.diagonal().mean()
        curve = moved @ moved.T + rho * square
        curve.diagonal().add_(rho**2)
        slope = moved @ (self.gap / self.turns)
        factor, failed = torch.linalg.cholesky_ex(curve)
        if failed:
            raise ValueError(f"ridge={ridge}: too small for features that say one thing twice")
        weights = torch.cholesky_solve(slope[:, None], factor)[:, 0]
        worth = (self.reward + float(self.earned @ weights)) / self.sessions
        return Weighed(worth, 1 + float(self.total @ weights) / self.turns)


def with_one(state: Float[Tensor, "turn dim"]) -> Float[Tensor, "turn width"]:
    """Put a 1 before each state."""
    return torch.cat([torch.ones_like(state[:, :1]), state], dim=1)


def crossed(
    weight: Float[Tensor, "turn chosen"], state: Float[Tensor, "turn width"]
) -> Float[Tensor, "turn features"]:
    """Write the state once for each value, times the weight of that value."""
    return (weight[:, :, None] * state[:, None]).flatten(1)

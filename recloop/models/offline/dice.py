"""Distribution corrections: how much likelier a turn is under a policy than in the log, without knowing who logged it.

The saddle points are those of Yang et al. Off-Policy Evaluation via the Regularized Lagrangian. NeurIPS 2020, with

    DualDICE   Nachum et al. NeurIPS 2019: f on the ratio, no reward, no normalisation
    GenDICE    Zhang et al. ICLR 2020, with GradientDICE's (ICML 2020) penalty: f on nu, a normalised ratio above zero

and f(x) = x^2 / 2. Zhang et al. AAAI 2022 name them and use none of them.

Sessions end. DualDICE counts the discounted visits of a session and compares them with those of a logged session, so
that nothing has to be known of what comes after; its weight of first states is the number of sessions that begin per
logged turn. With (1 - gamma) in its place the ratios of sessions of 20 turns would be near 0.2, gamma being 0.99, and a
network that begins at 1 would say five times too much for long. GenDICE's ratios average 1, which holds where sessions
that are over begin anew: there the weight is 1 - gamma.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

KINDS = ("dualdice", "gendice")


class Saddle(NamedTuple):
    """What the two players see of a batch of turns.

    Attributes:
        nu: of the turns.
        later: expectation of nu over the policy after them; where the session is over 0, or for GenDICE that of first
            states.
        first: expectation of nu over the policy in first states.
        begun: weight of the first states.
        ratio: the correction, zeta, of the turns.
        norm: the multiplier of the normalisation, 0 where there is none.
    """

    nu: Float[Tensor, " turn"]
    later: Float[Tensor, " turn"]
    first: Float[Tensor, " start"]
    begun: float
    ratio: Float[Tensor, " turn"]
    norm: Float[Tensor, ""]


def lagrangian(players: Saddle, discount: float, kind: str) -> Float[Tensor, ""]:
    """Compute what nu and the norm make small and the ratio large.

    Raises:
        ValueError: another kind.
    """
    if kind not in KINDS:
        raise ValueError(f"correction={kind!r}: expected one of {', '.join(KINDS)}")
    residual = discount * players.later - players.nu - players.norm
    start = players.begun * players.first.mean() + players.norm
    both = start + (players.ratio * residual).mean()
    if kind == "dualdice":
        return both - 0.5 * players.ratio.square().mean()
    return both + 0.5 * players.nu.square().mean() + 0.5 * players.norm.square()


def players_loss(players: Saddle, discount: float, kind: str) -> Float[Tensor, ""]:
    """Let one optimiser make the Lagrangian small in nu and large in the ratio: the other is held still in each."""
    still = players._replace(ratio=players.ratio.detach())
    other = Saddle(
        players.nu.detach(),
        players.later.detach(),
        players.first.detach(),
        players.begun,
        players.ratio,
        players.norm.detach(),
    )
    return lagrangian(still, discount, kind) - lagrangian(other, discount, kind)


def ratio_of(scores: Float[Tensor, " turn"], kind: str) -> Float[Tensor, " turn"]:
    """Turn what a network says into a ratio: GenDICE's is never negative, and both begin at about 1."""
    if kind == "gendice":
        return torch.nn.functional.softplus(scores + SOFTPLUS_OF_1)
    return 1 + scores


SOFTPLUS_OF_1 = 0.5413  # softplus of it is 1

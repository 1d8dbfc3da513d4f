"""Returns of a session for accuracy, novelty and diversity: those of the log and those to ask for.

Wang et al. MODT4R. TKDE 2025, Sec 4.4.3 (training) and Sec 4.4.6 with Algorithm 2 (inference); the unexpected returns
of HDT (Wang et al. CIKM 2024, Eqs. 5.2 and 5.8) are made of the same similarity.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


def accuracy(real: Bool[Tensor, "batch time"]) -> Float[Tensor, "batch time"]:
    """Count the actions from each step on, R_acc = T - t + 1 (Eq. 4.3)."""
    return to_go(real.float())


def to_go(reward: Float[Tensor, "batch time"]) -> Float[Tensor, "batch time"]:
    """Sum the rewards from each step to the end (Eqs. 4.3, 4.4)."""
    return reward.flip(1).cumsum(1).flip(1)


def similarity(vectors: Float[Tensor, "batch time dim"]) -> Float[Tensor, "batch time"]:
    """Mean cosine over the pairs of the first t items, for each t; one for a single item.

    The printed footnote normalises by i(i+1) with a loop variable; the number of pairs is t(t-1)/2.
    """
    running = torch.nn.functional.normalize(vectors, dim=-1).cumsum(1)
    step = torch.arange(1, vectors.shape[1] + 1, device=vectors.device)
    return mean_cosine(running, step.expand(len(vectors), -1))


def mean_cosine(
    total: Float[Tensor, "*row dim"], count: Int[Tensor, "*row"]
) -> Float[Tensor, "*row"]:
    """Mean cosine over the pairs of `count` items whose unit vectors add up to `total`; one where there is no pair.

    The sum over pairs of unit vectors u is (|u_1 + … + u_t|^2 - t) / 2, so that a running sum is all it takes.
    """
    pairs = (total.square().sum(-1) - count) / (count * (count - 1)).clamp_min(1)
    return torch.where(count < 2, torch.ones_like(pairs), pairs)


def attainable_diversity(vectors: Float[Tensor, "batch time dim"]) -> Float[Tensor, "batch time"]:
    """Return the largest drop in similarity still possible, R_div = 1 + Sim(x_1 … x_t) (Eq. 4.6 as printed)."""
    return 1 + similarity(vectors)


def observed_diversity(
    real: Bool[Tensor, "batch time"], vectors: Float[Tensor, "batch time+1 dim"]
) -> Float[Tensor, "batch time"]:
    """Return the drop in similarity that the log shows, Sim(x_1 … x_t) - Sim(x_1 … x_{T+1}) (Eq. 4.6 telescoped)."""
    similar = similarity(vectors)
    return similar[:, :-1] - similar.gather(1, real.sum(1, keepdim=True))


@dataclass(frozen=True)
class Desired:
    """The returns to ask for after a prefix x_1 … x_p (Algorithm 2).

    Args:
        diversity_weight: lambda, scales the diversity return.
        novelty_threshold: the step to predict is asked to be novel if at least this share of the p - 1 actions
            before it was (Eq. 4.18); without actions before it, it is not.
        horizon: R_acc of the step to predict; T = p in Eq. 4.3 makes it 1, the printed T = p + 1 makes it 2.
        first_diversity: R_div at p = 1 (Algorithm 2, line 9).
    """

    diversity_weight: float = 1.0
    novelty_threshold: float = 0.5
    horizon: float = 1.0
    first_diversity: float = 1.0

    def __call__(
        self,
        prefix: Int[Tensor, "batch time"],
        vectors: Float[Tensor, "batch time dim"],
        novel: Bool[Tensor, "batch time"],
        sizes: Int[Tensor, " batch"],
    ) -> dict[str, Float[Tensor, "batch time"]]:
        """Choose the returns.

        Args:
            prefix: item ids, padded on the right; only its shape is used.
            vectors: frozen vectors of its items.
            novel: which of its items are in I_nov.
            sizes: p, per row.
        """
        steps = torch.arange(prefix.shape[1], device=prefix.device)
        final = steps == sizes[:, None] - 1  # step p
        before = steps < sizes[:, None] - 1  # steps 1 … p - 1, whose actions x_2 … x_p are known
        acted = torch.nn.functional.pad(novel[:, 1:], (0, 1)) & before
        wanted = acted.sum(1) >= self.novelty_threshold * (sizes - 1)
        asked = final & (wanted & (sizes > 1))[:, None]
        diversity = attainable_diversity(vectors)
        earlier = torch.nn.functional.pad(diversity[:, :-1], (1, 0), value=self.first_diversity)
        drop = self.diversity_weight * torch.where(final, earlier, diversity)
        return {
            "acc": (sizes[:, None] - 1 - steps + self.horizon) * (before | final),
            "div": drop * (before | final),
            "nov": to_go((acted | asked).float()),
        }

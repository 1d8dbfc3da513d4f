"""The in-batch softmax with popularity taken out, over the items of a batch of sessions.

Fu et al. IISAN. SIGIR 2024, released code. Yi et al. Sampling-Bias-Corrected Neural Modeling for Large Corpus Item
Recommendations. RecSys 2019.

All items of all sessions of a batch are candidates, as often as they occur. For the state u_bt with the next item +,

    z_j = u_bt e_j - log p(j),    loss = log(exp(z_+) + sum over candidates j of exp(z_j)) - z_+,

where items of b's own session are left out of the sum and p(j) is the share of the training events that are of j. An
item that occurs c times is one column with log(c) added to its score: the sum is the same, the matrix far smaller.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


def debiased_softmax(
    states: Float[Tensor, "row dim"],
    targets: Float[Tensor, "row dim"],
    vectors: Float[Tensor, "candidate dim"],
    counts: Int[Tensor, " candidate"],
    own: Bool[Tensor, "row candidate"],
    target_share: Float[Tensor, " row"],
    share: Float[Tensor, " candidate"],
) -> Float[Tensor, ""]:
    """Compute the mean over the rows.

    Args:
        states: of each step that has a next item.
        targets: vectors of the next items.
        vectors: of the distinct items of the batch.
        counts: how often each of them occurs in it.
        own: which of them are in the session of each row; the next item is among them.
        target_share: log p of the next items.
        share: log p of the candidates.
    """
    right = (states * targets).sum(1) - target_share
    others = states @ vectors.T + (counts.to(states.dtype).log() - share)
    others = others.masked_fill(own, -torch.inf)
    return (torch.logsumexp(torch.cat([right[:, None], others], 1), 1) - right).mean()


def log_shares(counts: Int[Tensor, " item"]) -> Float[Tensor, " item"]:
    """Compute log p of every item; one that training never shows counts as shown once."""
    return (counts.clamp_min(1) / counts.sum().clamp_min(1)).float().log()

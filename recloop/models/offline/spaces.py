"""Actions of several parts: one category for each attribute, of which some have fewer than others."""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn


class Space(nn.Module):
    """Scores of all categories side by side, `attribute value`, where those that there are not are left out.

    A policy is a product over the attributes and a critic a sum over them, so that expectations and log-sum-exps over
    all actions are sums over attributes.

    Args:
        sizes: categories of each attribute.
    """

    def __init__(self, sizes: Sequence[int]):
        super().__init__()
        self.sizes = list(sizes)
        self.attributes, self.values = len(sizes), max(sizes)
        there = torch.arange(self.values) < torch.tensor(self.sizes)[:, None]
        self.register_buffer("there", there, persistent=False)

    @property
    def width(self) -> int:
        """Count the scores of one state."""
        return self.attributes * self.values

    def parted(
        self, scores: Float[Tensor, "*batch width"]
    ) -> Float[Tensor, "*batch attribute value"]:
        """Part the scores by attribute."""
        return scores.unflatten(-1, (self.attributes, self.values))

    def log_policy(
        self, scores: Float[Tensor, "*batch attribute value"]
    ) -> Float[Tensor, "*batch attribute value"]:
        """Turn scores into log probabilities; very small ones, and finite, where there is no category."""
        return scores.masked_fill(~self.there, LOWEST).log_softmax(-1)

    def draw(
        self, scores: Float[Tensor, "batch attribute value"], generator: torch.Generator
    ) -> Int[Tensor, "batch attribute"]:
        """Draw a category for each attribute from the softmax of the scores."""
        noise = torch.empty(scores.shape).exponential_(generator=generator).log().to(scores.device)
        return self.best(scores - noise)

    def best(
        self, scores: Float[Tensor, "*batch attribute value"]
    ) -> Int[Tensor, "*batch attribute"]:
        """Take the category with the highest score for each attribute."""
        return scores.masked_fill(~self.there, LOWEST).argmax(-1)

    def uniform(self, batch: int, generator: torch.Generator) -> Int[Tensor, "batch attribute"]:
        """Draw categories, all alike likely."""
        return self.draw(torch.zeros(batch, self.attributes, self.values), generator)


LOWEST = -1e9  # a score below all others; exp of it is 0, and 0 times it stays finite


def taken(
    scores: Float[Tensor, "*batch attribute value"], action: Int[Tensor, "*batch attribute"]
) -> Float[Tensor, "*batch"]:
    """Add up the scores of the categories of an action."""
    return scores.gather(-1, action[..., None])[..., 0].sum(-1)


def expected(
    log_policy: Float[Tensor, "*batch attribute value"],
    scores: Float[Tensor, "*batch attribute value"],
) -> Float[Tensor, "*batch"]:
    """Add up the expected scores under a policy that is a product: exact, no action is drawn."""
    return (log_policy.exp() * scores).sum((-1, -2))


def entropy(log_policy: Float[Tensor, "*batch attribute value"]) -> Float[Tensor, "*batch"]:
    """Compute the entropy of a product: the sum of those of its parts."""
    return -(log_policy.exp() * log_policy).sum((-1, -2))


def log_sum_exp(
    scores: Float[Tensor, "*batch attribute value"], there: Bool[Tensor, "attribute value"]
) -> Float[Tensor, "*batch"]:
    """Compute log of the sum over all actions of exp(Q): a sum of as many terms as there are attributes."""
    return scores.masked_fill(~there, LOWEST).logsumexp(-1).sum(-1)

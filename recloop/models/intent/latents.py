"""Two families of intents: numbers from a normal distribution, or one of a few kinds.

Kingma and Welling. Auto-Encoding Variational Bayes. ICLR 2014 (Gaussian); Jang et al. Categorical Reparameterization
with Gumbel-Softmax. ICLR 2017 (relaxed). Which family Chang et al. (WWW 2023 Companion) use is not known.
"""

from collections.abc import Callable, Iterator

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import gumbel_softmax, one_hot

Score = Callable[[Tensor], Tensor]  # an intent per row to a number per row
Progress = float | Tensor  # of the warm-up, 0 to 1
TINY = 1e-20  # keeps the logarithm of a vanished chance finite


class Gaussian(nn.Module):
    """A normal distribution with independent coordinates; a row of `u` holds means and raw log-variances.

    Args:
        size: coordinates of an intent.
        clip: c of log sigma^2 = c tanh(u / c), which keeps the KL divergence bounded.
        seed: of the noise with which a policy is averaged when it is asked.
    """

    def __init__(self, size: int = 16, clip: float = 4.0, seed: int = 0):
        super().__init__()
        self.width, self.numbers, self.clip, self.seed = size, 2 * size, clip, seed

    def spread(
        self, u: Float[Tensor, "*row numbers"]
    ) -> tuple[Float[Tensor, "*row size"], Float[Tensor, "*row size"]]:
        """Return means and softly clipped log-variances."""
        mean, raw = u.chunk(2, dim=-1)
        return mean, self.clip * torch.tanh(raw / self.clip)

    def mean(self, u: Float[Tensor, "*row numbers"]) -> Float[Tensor, "*row size"]:
        """Return the expected intent."""
        return self.spread(u)[0]

    def sample(
        self, u: Float[Tensor, "*row numbers"], progress: Progress = 1.0
    ) -> Float[Tensor, "*row size"]:
        """Draw an intent, differentiable in `u`; `progress` is for families that are relaxed."""
        mean, log_variance = self.spread(u)
        return mean + (0.5 * log_variance).exp() * torch.randn_like(mean)

    def hard(self, u: Float[Tensor, "*row numbers"]) -> Float[Tensor, "*row size"]:
        """Draw an intent as a policy reads it."""
        return self.sample(u)

    def kl(
        self, q: Float[Tensor, "*row numbers"], p: Float[Tensor, "*row numbers"]
    ) -> Float[Tensor, "*row size"]:
        """KL(q || p) of every coordinate: (log s_p^2/s_q^2 + (s_q^2 + (m_q - m_p)^2) / s_p^2 - 1) / 2."""
        (mean_q, log_q), (mean_p, log_p) = self.spread(q), self.spread(p)
        square = (mean_q - mean_p) ** 2
        return 0.5 * (log_p - log_q + (log_q - log_p).exp() + square * (-log_p).exp() - 1)

    def expect(
        self, q: Float[Tensor, "row numbers"], score: Score, progress: Progress
    ) -> Float[Tensor, " row"]:
        """Estimate the expected score under q by one draw."""
        return score(self.sample(q, progress))

    def each(
        self, u: Float[Tensor, "row numbers"], number: int
    ) -> Iterator[tuple[Tensor, Float[Tensor, "row size"]]]:
        """Give `number` draws with their weights; every row has the same noise, whatever stands beside it."""
        mean, log_variance = self.spread(u)
        generator = torch.Generator().manual_seed(self.seed)
        noise = torch.randn(number, self.width, generator=generator).to(u.device)
        deviation = (0.5 * log_variance).exp()
        for one in noise:
            yield u.new_full((len(u),), 1 / number), mean + deviation * one


class Categorical(nn.Module):
    """One of a few kinds of intent; a row of `u` holds their logits, an intent is one-hot.

    Args:
        size: how many kinds there are, at most 32.
        exact: whether the ELBO sums over all kinds; otherwise it takes one relaxed draw.
        temperatures: of the relaxed draw, at the start of the training and after the warm-up of beta.

    Raises:
        ValueError: too many kinds to sum over.
    """

    MOST = 32

    def __init__(
        self,
        size: int = 8,
        exact: bool = True,
        temperatures: tuple[float, float] | list = (1.0, 0.5),
    ):
        super().__init__()
        if not 2 <= size <= self.MOST:
            raise ValueError(f"size={size}: expected 2 to {self.MOST} kinds of intent")
        self.width = self.numbers = size
        self.exact, self.temperatures = exact, tuple(temperatures)

    def mean(self, u: Float[Tensor, "*row size"]) -> Float[Tensor, "*row size"]:
        """Return the chances of the kinds."""
        return u.softmax(-1)

    def sample(
        self, u: Float[Tensor, "*row size"], progress: Progress = 1.0
    ) -> Float[Tensor, "*row size"]:
        """Draw a relaxed kind, differentiable in `u`."""
        begin, end = self.temperatures
        return gumbel_softmax(u, tau=begin + (end - begin) * progress)

    def hard(self, u: Float[Tensor, "*row size"]) -> Float[Tensor, "*row size"]:
        """Draw a kind as a policy reads it."""
        return gumbel_softmax(u, hard=True)

    def kl(
        self, q: Float[Tensor, "*row size"], p: Float[Tensor, "*row size"]
    ) -> Float[Tensor, "*row 1"]:
        """KL(q || p), summed over the kinds."""
        log_q, log_p = q.log_softmax(-1), p.log_softmax(-1)
        return (log_q.exp() * (log_q - log_p)).sum(-1, keepdim=True)

    def expect(
        self, q: Float[Tensor, "row size"], score: Score, progress: Progress
    ) -> Float[Tensor, " row"]:
        """Sum the score over all kinds, weighted by q; or estimate it by one relaxed draw."""
        if not self.exact:
            return score(self.sample(q, progress))
        kinds = torch.eye(self.width, device=q.device).expand(len(q), -1, -1)
        return (q.softmax(-1) * score(kinds)).sum(-1)

    def each(
        self, u: Float[Tensor, "row size"], number: int
    ) -> Iterator[tuple[Float[Tensor, " row"], Float[Tensor, "row size"]]]:
        """Give every kind with its chance: the expected policy needs no draws."""
        chances = u.softmax(-1)
        for kind in range(self.width):
            intent = one_hot(torch.full((len(u),), kind, device=u.device), self.width)
            yield chances[:, kind], intent.to(u.dtype)

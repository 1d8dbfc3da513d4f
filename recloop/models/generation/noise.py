"""Noise that is added step by step, and the steps back.

Ho et al. Denoising Diffusion Probabilistic Models. NeurIPS 2020. Song et al. Denoising Diffusion Implicit Models. ICLR
2021. Nichol and Dhariwal. Improved DDPM. ICML 2021. Thesis, Eqs. 8.1 to 8.6 and Algorithm 7. Steps are counted from 0
here and from 1 there.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import torch
from jaxtyping import Float, Int
from torch import Tensor

BETA_MAX = 0.999


class Noise:
    """A schedule of variances with all that follows from it.

    Args:
        betas: variance that each step adds, in (0, 1).
        times: number of each step in the schedule that a network has learnt; 0, 1, …, unless given.

    Raises:
        ValueError: a variance out of range.
    """

    def __init__(self, betas: Float[Tensor, " step"], times: Int[Tensor, " step"] | None = None):
        betas = betas.double()
        if not len(betas) or betas.min() <= 0 or betas.max() >= 1:
            raise ValueError(f"betas: expected variances between 0 and 1, got {betas.tolist()}")
        self.times = torch.arange(len(betas)) if times is None else times
        self.kept = torch.cumprod(1 - betas, 0)  # alpha-bar
        before = torch.cat([torch.ones(1, dtype=torch.double), self.kept[:-1]])
        self.betas, self.alphas, self.kept_before = betas, 1 - betas, before
        smallest = betas * (1 - before) / (1 - self.kept)
        # The first one is 0, of which there is no logarithm: improved DDPM takes that of the second.
        self.smallest = torch.cat([smallest[1:2] if len(betas) > 1 else betas, smallest[1:]])
        self.from_clean = betas * before.sqrt() / (1 - self.kept)
        self.from_noisy = self.alphas.sqrt() * (1 - before) / (1 - self.kept)

    def __len__(self) -> int:
        return len(self.betas)

    def at(self, name: str, step: Int[Tensor, " batch"], like: Tensor) -> Tensor:
        """Look a coefficient up for each row, in the shape that multiplies `like`."""
        values = getattr(self, name).to(like.device)[step].to(like.dtype)
        return values.view(-1, *[1] * (like.ndim - 1))

    def noisy(self, clean: Tensor, step: Int[Tensor, " batch"], noise: Tensor) -> Tensor:
        """Go to a step at once (Eq. 8.2)."""
        kept = self.at("kept", step, clean)
        return kept.sqrt() * clean + (1 - kept).sqrt() * noise

    def clean(self, noisy: Tensor, step: Int[Tensor, " batch"], noise: Tensor) -> Tensor:
        """Take the noise away again."""
        kept = self.at("kept", step, noisy)
        return (noisy - (1 - kept).sqrt() * noise) / kept.sqrt()

    def mean_from_noise(self, noisy: Tensor, step: Int[Tensor, " batch"], noise: Tensor) -> Tensor:
        """Compute the mean of the step before, given the noise (Algorithm 7, line 5).

        Eq. 8.4 prints alpha-bar under the first root, which does not follow from Eq. 8.1.
        """
        alpha, beta, kept = (self.at(name, step, noisy) for name in ("alphas", "betas", "kept"))
        return (noisy - beta / (1 - kept).sqrt() * noise) / alpha.sqrt()

    def mean_from_clean(self, noisy: Tensor, step: Int[Tensor, " batch"], clean: Tensor) -> Tensor:
        """Compute the mean of q(z_{t-1} | z_t, z_0)."""
        weights = (self.at(name, step, noisy) for name in ("from_clean", "from_noisy"))
        return sum(weight * part for weight, part in zip(weights, (clean, noisy), strict=True))

    def log_variance(self, step: Int[Tensor, " batch"], share: Tensor) -> Tensor:
        """Interpolate between both bounds of the variance (Algorithm 7, lines 7 and 8); `share` is in [-1, 1]."""
        largest, smallest = (self.at(name, step, share).log() for name in ("betas", "smallest"))
        part = (share + 1) / 2
        return part * largest + (1 - part) * smallest

    def implicit(self, clean: Tensor, noise: Tensor, step: Int[Tensor, " batch"]) -> Tensor:
        """Go one step back without chance (DDIM with eta 0)."""
        before = self.at("kept_before", step, clean)
        return before.sqrt() * clean + (1 - before).sqrt() * noise

    def respaced(self, steps: int) -> Noise:
        """Keep `steps` of the steps, evenly from the first to the last, with the variance of those between.

        Raises:
            ValueError: more steps than there are.
        """
        if not 1 <= steps <= len(self):
            raise ValueError(f"sampling_steps: expected 1 to {len(self)}, got {steps}")
        if steps == len(self):
            return self
        places = torch.linspace(len(self) - 1, 0, steps).round().long().flip(0)
        kept = self.kept[places]
        before = torch.cat([torch.ones(1, dtype=torch.double), kept[:-1]])
        return Noise((1 - kept / before).clamp(max=BETA_MAX), self.times[places])


def linear(steps: int) -> Noise:
    """Make the variance grow in a line, 0.0001 to 0.02 for 1,000 steps (Table 8.6), faster for fewer."""
    scale = 1000 / steps
    betas = torch.linspace(1e-4 * scale, 0.02 * scale, steps, dtype=torch.double)
    return Noise(betas.clamp(max=BETA_MAX))


def cosine(steps: int) -> Noise:
    """Let alpha-bar fall along a squared cosine (improved DDPM)."""
    return falling(steps, lambda share: math.cos((share + 0.008) / 1.008 * math.pi / 2) ** 2)


def square_root(steps: int) -> Noise:
    """Let alpha-bar fall with the root of time (Li et al. Diffusion-LM. NeurIPS 2022; DiffuSeq)."""
    return falling(steps, lambda share: 1 - math.sqrt(share + 0.0001))


def exponential(steps: int, low: float = 0.1, high: float = 10.0) -> Noise:
    """Take beta = 1 - exp(-…), the schedule of DreamRec's released code on YooChoose."""
    place = torch.linspace(1, 2 * steps + 1, steps, dtype=torch.double)
    return Noise(1 - torch.exp(-low / steps - place * 0.5 * (high - low) / steps**2))


def falling(steps: int, kept: Callable[[float], float]) -> Noise:
    """Make the variances of an alpha-bar that is a function of the share of time gone."""
    shares = [kept(step / steps) for step in range(steps + 1)]
    betas = [1 - max(late, 0.0) / early for early, late in pairwise(shares)]
    return Noise(torch.tensor(betas, dtype=torch.double).clamp(1e-8, BETA_MAX))


SCHEDULES: dict[str, Callable[[int], Noise]] = {
    "linear": linear,
    "cosine": cosine,
    "square_root": square_root,
    "exponential": exponential,
}


def schedule(name: str, steps: int) -> Noise:
    """Make the noise of a schedule by its name.

    Raises:
        ValueError: there is no such schedule.
    """
    if name not in SCHEDULES:
        raise ValueError(f"noise={name!r}: expected one of {', '.join(SCHEDULES)}")
    return SCHEDULES[name](steps)


def time_features(step: Int[Tensor, " batch"], width: int) -> Float[Tensor, "batch width"]:
    """Write a step as sines and cosines of falling frequency."""
    half = width // 2
    rates = torch.exp(-math.log(10_000) * torch.arange(half, device=step.device) / half)
    angles = step.float()[:, None] * rates
    waves = torch.cat([angles.cos(), angles.sin()], 1)
    return torch.nn.functional.pad(waves, (0, width - 2 * half))

"""PDiT, the personalised diffusion transformer: the latent of a next item from noise, a profile and a history.

Thesis, chapter 8 (Eqs. 8.5 to 8.9, Algorithm 7). Peebles and Xie. Scalable Diffusion Models with Transformers. ICCV
2023 (adaptive layer norm, the linear decoder). Nichol and Dhariwal. Improved DDPM. ICML 2021 (learned variance).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from recloop.models.attention import attention
from recloop.models.generation.asked import Asked
from recloop.models.generation.noise import schedule, time_features
from recloop.storage.moving import moved

BRANCHES = ("both", "general", "temporal")
WEIGHTINGS = ("printed", "improved")
SAMPLERS = ("ddpm", "ddim")
IMPROVED = 0.001  # weight of L_vlb in improved DDPM; with 1,000 steps the loss is that of DiT's released code


@dataclass(frozen=True)
class Told:
    """What the network is told of some users, mapped to its width; None where it is not told.

    Attributes:
        profile: joins the step in the modulation of the general branch.
        history: keys and values of the temporal branch.
        real: which of them are no padding.
    """

    profile: Float[Tensor, "batch dim"] | None
    history: Float[Tensor, "batch time dim"] | None = None
    real: Bool[Tensor, "batch time"] | None = None


class General(nn.Module):
    """Self-attention and feed-forward, each behind a layer norm whose scale and shift come from a condition."""

    def __init__(self, dim: int, heads: int):
        super().__init__()
        self.heads = heads
        self.project, self.out = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.norms = nn.ModuleList(nn.LayerNorm(dim, elementwise_affine=False) for _ in range(2))
        self.feed = feed_forward(dim)
        self.modulate = nn.Sequential(nn.SiLU(), nn.Linear(dim, 4 * dim))
        nn.init.zeros_(self.modulate[1].weight)  # as in DiT
        nn.init.zeros_(self.modulate[1].bias)

    def forward(
        self, states: Float[Tensor, "batch token dim"], condition: Float[Tensor, "batch dim"]
    ) -> Float[Tensor, "batch token dim"]:
        """Mix the tokens of a latent."""
        scale, shift, scale_feed, shift_feed = self.modulate(condition)[:, None].chunk(4, 2)
        query, key, value = self.project(self.norms[0](states) * (1 + scale) + shift).chunk(3, 2)
        states = states + self.out(attention(query, key, value, self.heads))
        return states + self.feed(self.norms[1](states) * (1 + scale_feed) + shift_feed)


class Temporal(nn.Module):
    """Cross-attention of the tokens of a latent to a history, and feed-forward, each behind a layer norm."""

    def __init__(self, dim: int, heads: int):
        super().__init__()
        self.heads = heads
        self.query, self.project, self.out = (nn.Linear(dim, n * dim) for n in (1, 2, 1))
        self.norms = nn.ModuleList(nn.LayerNorm(dim) for _ in range(3))
        self.feed = feed_forward(dim)

    def forward(
        self,
        states: Float[Tensor, "batch token dim"],
        history: Float[Tensor, "batch time dim"],
        real: Bool[Tensor, "batch time"],
    ) -> Float[Tensor, "batch token dim"]:
        """Let every token gather from the history."""
        key, value = self.project(self.norms[1](history)).chunk(2, 2)
        sees = real[:, None].expand(-1, states.shape[1], -1)
        gathered = attention(self.query(self.norms[0](states)), key, value, self.heads, sees=sees)
        states = states + self.out(gathered)
        return states + self.feed(self.norms[2](states))


def feed_forward(dim: int) -> nn.Sequential:
    """Make the two layers of a block, four times as wide between them."""
    return nn.Sequential(nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim))


class PDiT(nn.Module):
    """General DiT, which the profile modulates, and behind it Temporal DiT, which reads a history.

    Args:
        latents: coordinates of an item's latent.
        length: items of a history at most.
        dim: width of a token.
        tokens: k, in which a latent is written.
        depth: layers of each branch.
        heads: of every attention, in both branches.
        branches: `both`, or the `general` or the `temporal` one alone.
        profile: whether the general branch is told the profile, or the step alone.
        noise: schedule.
        steps: T.
        bound: weighting of L_vlb, a sum over all steps: as `printed` (1, through mean and variance), or `improved`
            (0.001, variance alone).
        sampler, sampling_steps: how latents are drawn: Algorithm 7 (`ddpm`), or `ddim`; 1 to `steps` steps.

    Raises:
        ValueError: a word that is not known, or widths that cannot be divided.
    """

    def __init__(
        self,
        latents: int,
        length: int,
        dim: int = 768,
        tokens: int = 8,
        depth: int = 2,
        heads: int = 12,
        branches: str = "both",
        profile: bool = True,
        noise: str = "linear",
        steps: int = 1000,
        bound: str = "improved",
        sampler: str = "ddpm",
        sampling_steps: int = 1000,
    ):
        super().__init__()
        check("branches", branches, BRANCHES)
        check("bound", bound, WEIGHTINGS)
        check("sampler", sampler, SAMPLERS)
        if latents % tokens or dim % heads:
            raise ValueError(
                f"expected latents ({latents}) in {tokens} tokens and width {dim} in {heads} heads without a rest"
            )
        self.latents, self.tokens, self.dim = latents, tokens, dim
        self.noise, self.bound = schedule(noise, steps), bound
        self.sampler, self.sampling_steps = sampler, sampling_steps
        self.embed = nn.Linear(latents, tokens * dim)
        self.place = nn.Parameter(0.02 * torch.randn(tokens, dim))
        self.time = nn.Sequential(nn.Linear(dim, dim), nn.SiLU(), nn.Linear(dim, dim))
        general, temporal = branches != "temporal", branches != "general"
        told = general and profile
        self.profile = nn.Linear(latents, dim) if told else None
        self.general = nn.ModuleList(General(dim, heads) for _ in range(depth * general))
        self.between = nn.Linear(dim, dim) if temporal else None
        self.history = nn.Linear(latents, dim) if temporal else None
        self.ago = nn.Parameter(0.02 * torch.randn(length, dim)) if temporal else None
        self.temporal = nn.ModuleList(Temporal(dim, heads) for _ in range(depth * temporal))
        self.norm = nn.LayerNorm(dim)
        self.decode = nn.Linear(dim, 2 * latents // tokens)
        nn.init.zeros_(self.decode.weight)  # as in DiT
        nn.init.zeros_(self.decode.bias)

    # -- the network --------------------------------------------------------------------------------------------------

    def forward(
        self, noisy: Float[Tensor, "batch latent"], time: Int[Tensor, " batch"], asked: Asked
    ) -> tuple[Float[Tensor, "batch latent"], Float[Tensor, "batch latent"]]:
        """Predict noise and the place of the variance between its bounds, in [-1, 1]."""
        return self.denoise(noisy, time, self.told(asked))

    def told(self, asked: Asked) -> Told:
        """Map what the network is told of users, once for all steps."""
        profile = None if self.profile is None else self.profile(asked.profile)
        if self.history is None:
            return Told(profile)
        return Told(profile, self.history(asked.history) + self.ago[asked.ago], asked.real)

    def denoise(
        self, noisy: Float[Tensor, "batch latent"], time: Int[Tensor, " batch"], told: Told
    ) -> tuple[Float[Tensor, "batch latent"], Float[Tensor, "batch latent"]]:
        """Predict noise and variance from what users were mapped to."""
        states = self.embed(noisy).unflatten(1, (self.tokens, self.dim)) + self.place
        condition = self.time(time_features(time, self.dim))
        if not self.general:  # then nothing else says which step it is
            states = states + condition[:, None]
        condition = condition if told.profile is None else condition + told.profile
        for block in self.general:
            states = block(states, condition)
        if self.between is not None:
            states = self.between(states)
            for block in self.temporal:
                states = block(states, told.history, told.real)
        found = self.decode(self.norm(states)).unflatten(2, (2, -1))
        noise, share = (found[:, :, part].flatten(1) for part in (0, 1))
        return noise, share.tanh()

    # -- learning -----------------------------------------------------------------------------------------------------

    def loss(self, asked: Asked) -> Float[Tensor, ""]:
        """Compute L_simple + L_vlb, means over coordinates; the sum over steps (Eq. 8.6) is T times the one drawn."""
        step = moved(torch.randint(len(self.noise), (len(asked),)), asked.latent.device)
        noise = torch.randn_like(asked.latent)
        noisy = self.noise.noisy(asked.latent, step, noise)
        predicted, share = self(noisy, step, asked)
        simple = (predicted - noise).square().mean()
        weight, through = (
            (1.0, predicted) if self.bound == "printed" else (IMPROVED, predicted.detach())
        )
        drawn = self.variational(asked.latent, noisy, step, through, share).mean()
        return simple + weight * len(self.noise) * drawn

    def variational(
        self,
        clean: Tensor,
        noisy: Tensor,
        step: Int[Tensor, " batch"],
        noise: Tensor,
        share: Tensor,
    ) -> Float[Tensor, "batch latent"]:
        """Compute the term of Eq. 8.6 of each row's step, in nats per coordinate."""
        mean = self.noise.mean_from_noise(noisy, step, noise)
        log_variance = self.noise.log_variance(step, share)
        true = self.noise.mean_from_clean(noisy, step, clean)
        least = self.noise.at("smallest", step, clean).log()
        divergence = 0.5 * (
            log_variance - least - 1 + (least - log_variance).exp()
            + (true - mean).square() * (-log_variance).exp()
        )  # fmt: skip
        square = (clean - mean).square() * (-log_variance).exp()
        likelihood = 0.5 * (math.log(2 * math.pi) + log_variance + square)
        return torch.where(step[:, None] == 0, likelihood, divergence)

    # -- sampling -----------------------------------------------------------------------------------------------------

    @torch.no_grad()
    def generate(
        self, asked: Asked, random: torch.Generator, sampler: str = "", steps: int = 0
    ) -> Float[Tensor, "batch latent"]:
        """Draw the latent of a next item for each user (Algorithm 7, stage 1).

        Args:
            asked: without its target.
            random: on the CPU.
            sampler, steps: those of the model, unless given.
        """
        noise, told = self.noise.respaced(steps or self.sampling_steps), self.told(asked)
        state = torch.randn(len(asked), self.latents, generator=random).to(asked.profile.device)
        for number in reversed(range(len(noise))):
            step = torch.full((len(asked),), number, device=state.device)
            predicted, share = self.denoise(state, noise.times.to(step)[step], told)
            if (sampler or self.sampler) == "ddim":
                state = noise.implicit(noise.clean(state, step, predicted), predicted, step)
                continue
            state = noise.mean_from_noise(state, step, predicted)
            if number:
                chance = torch.randn(state.shape, generator=random).to(state)
                state = state + (0.5 * noise.log_variance(step, share)).exp() * chance
        return state

    def score(
        self, generated: Float[Tensor, "batch latent"], table: Float[Tensor, "item latent"]
    ) -> Float[Tensor, "batch item"]:
        """Rank items by the cosine of their latents with what was generated."""
        return cosines(generated, table)


def cosines(
    rows: Float[Tensor, "batch latent"], table: Float[Tensor, "item latent"]
) -> Float[Tensor, "batch item"]:
    """Compare every row with every item."""
    return functional.normalize(rows, dim=1) @ functional.normalize(table, dim=1).T


def check(name: str, value: str, known: tuple[str, ...]) -> None:
    """Stop at a word that is not known."""
    if value not in known:
        raise ValueError(f"{name}={value!r}: expected one of {', '.join(known)}")

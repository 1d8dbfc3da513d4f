"""DreamRec: the embedding of an oracle item from noise, guided by what was clicked before.

Yang et al. Generate What You Prefer: Reshaping Sequential Recommendation via Guided Diffusion. NeurIPS 2023, with the
constants of its released code.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from recloop.models.attention import attention
from recloop.models.generation.asked import Asked
from recloop.models.generation.noise import schedule, time_features
from recloop.models.sessions import last
from recloop.storage.moving import moved


class DreamRec(nn.Module):
    """A denoiser of item embeddings that learn with it; ranking is by product.

    Args:
        items: size of the catalogue; the id `items` is padding.
        length: items of a history at most.
        dim: width of everything.
        dropout: of embeddings and attention.
        heads: of the one attention block.
        unconditional: chance that a history is replaced by a learned vector, so that guidance has two sides.
        hidden: width of a layer in the denoiser; 0 for a single linear one (mlp1).
        noise: schedule.
        steps: T.
        guidance: w; 0 samples with the history alone.
        sampling_steps: how many of the steps are sampled.
        drops_when_asked: whether dropout stays on when a model is asked, as in the released code.
    """

    def __init__(
        self,
        items: int,
        length: int,
        dim: int = 64,
        dropout: float = 0.1,
        heads: int = 1,
        unconditional: float = 0.1,
        hidden: int = 0,
        noise: str = "exponential",
        steps: int = 500,
        guidance: float = 2.0,
        sampling_steps: int = 500,
        drops_when_asked: bool = False,
    ):
        super().__init__()
        self.padding, self.heads, self.chance = items, heads, unconditional
        self.noise, self.guidance = schedule(noise, steps), guidance
        self.sampling_steps, self.drops = sampling_steps, drops_when_asked
        self.items = nn.Embedding(items + 1, dim)  # N(0, 1): as wide as the noise
        self.place = nn.Embedding(length, dim)
        self.nobody = nn.Parameter(torch.randn(dim))
        self.drop = nn.Dropout(dropout)
        self.norms = nn.ModuleList(nn.LayerNorm(dim) for _ in range(4))
        self.project = nn.ModuleList(nn.Linear(dim, dim) for _ in range(3))
        self.feed = nn.Sequential(
            nn.Linear(dim, dim), nn.ReLU(), nn.Linear(dim, dim), nn.Dropout(dropout)
        )
        self.time = nn.Sequential(nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim))
        self.dim = dim
        widths = [3 * dim, hidden, dim] if hidden else [3 * dim, dim]
        layers = [nn.Linear(*pair) for pair in pairwise(widths)]
        self.denoiser = nn.Sequential(
            layers[0], *(one for layer in layers[1:] for one in (nn.GELU(), layer))
        )

    @property
    def table(self) -> Float[Tensor, "item dim"]:
        """Embeddings of the catalogue, without padding."""
        return self.items.weight[: self.padding]

    def history(self, session: Int[Tensor, "batch time"]) -> Float[Tensor, "batch dim"]:
        """Encode what was clicked: one causal attention block, the state of the last item."""
        real = (session != self.padding).unsqueeze(2)
        places = self.place.weight[: session.shape[1]]
        states = self.drop(self.items(session) + places) * real
        asking = self.norms[0](states)
        query, key, value = (
            one(given) for one, given in zip(self.project, (asking, states, states), strict=True)
        )
        rate = self.drop.p if self.training else 0.0
        gathered = self.norms[1](
            asking + attention(query, key, value, self.heads, rate, causal=True)
        )
        states = self.norms[2](gathered + self.feed(gathered)) * real
        return last(self.norms[3](states), session, self.padding)

    def clean(
        self,
        noisy: Float[Tensor, "batch dim"],
        time: Int[Tensor, " batch"],
        history: Float[Tensor, "batch dim"],
    ) -> Float[Tensor, "batch dim"]:
        """Predict the embedding without noise."""
        when = self.time(time_features(time, self.dim))
        return self.denoiser(torch.cat([noisy, history, when], 1))

    def loss(self, asked: Asked) -> Float[Tensor, ""]:
        """Compute the squared error of the predicted embedding; no item is told from another by it."""
        clean = self.items(asked.target)
        step = moved(torch.randint(len(self.noise), (len(asked),)), clean.device)
        noisy = self.noise.noisy(clean, step, torch.randn_like(clean))
        dropped = moved(torch.rand(len(asked), 1), clean.device) < self.chance
        history = torch.where(dropped, self.nobody, self.history(asked.session))
        return (self.clean(noisy, step, history) - clean).square().mean()

    @torch.no_grad()
    def generate(
        self, asked: Asked, random: torch.Generator, sampler: str = "", steps: int = 0
    ) -> Float[Tensor, "batch dim"]:
        """Draw an embedding for each user, step by step as in DDPM.

        Args:
            asked: without its target.
            random: on the CPU.
            sampler: not looked at: the released code knows one.
            steps: those of the model, unless given.
        """
        was = self.training
        self.train(was or self.drops)
        history = self.history(asked.session)
        self.train(was)
        noise = self.noise.respaced(steps or self.sampling_steps)
        state = torch.randn(history.shape, generator=random).to(history)
        for number in reversed(range(len(noise))):
            step = torch.full((len(asked),), number, device=state.device)
            clean = self.guided(state, noise.times.to(step)[step], history)
            state = noise.mean_from_clean(state, step, clean)
            if number:
                chance = torch.randn(state.shape, generator=random).to(state)
                state = state + noise.at("smallest", step, state).sqrt() * chance
        return state

    def guided(
        self,
        noisy: Float[Tensor, "batch dim"],
        time: Int[Tensor, " batch"],
        history: Float[Tensor, "batch dim"],
    ) -> Float[Tensor, "batch dim"]:
        """Go beyond what the history says, away from what nobody's says."""
        told = self.clean(noisy, time, history)
        if not self.guidance:
            return told
        untold = self.clean(noisy, time, self.nobody.expand_as(history))
        return (1 + self.guidance) * told - self.guidance * untold

    def score(
        self, generated: Float[Tensor, "batch dim"], table: Float[Tensor, "item latent"]
    ) -> Float[Tensor, "batch item"]:
        """Rank items by the product of their own embeddings; latents of texts are not looked at."""
        return generated @ self.table.T

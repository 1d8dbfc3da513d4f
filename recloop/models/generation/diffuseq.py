"""DiffuSeq: the words of a next item from noise, beside the words of a prompt that stay clean.

Gong et al. DiffuSeq: Sequence to Sequence Text Generation with Diffusion Models. ICLR 2023; released code (MIT) for
what the paper leaves open. The thesis adapts it to items and says no more than that.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from recloop.language_models.model import LanguageModel
from recloop.models.generation.noise import schedule, time_features
from recloop.models.generation.said import Said
from recloop.storage.moving import moved


class DiffuSeq(nn.Module):
    """A transformer from scratch over embeddings of both texts, with partial noising.

    Args:
        lm: its tokenizer alone is used.
        source, target: most tokens of the prompt (its last ones) and of the item.
        dim: of word embeddings.
        width, layers, heads: of the transformer; BERT-base in the paper.
        dropout: in it.
        noise: schedule.
        steps: T.
        sampling_steps: how many of them are sampled.
        candidates: draws for each user, of which the one most like the others is taken (minimum Bayes risk).
    """

    reads_latents = False

    def __init__(
        self,
        lm: LanguageModel,
        source: int = 96,
        target: int = 32,
        dim: int = 128,
        width: int = 768,
        layers: int = 12,
        heads: int = 12,
        dropout: float = 0.1,
        noise: str = "square_root",
        steps: int = 2000,
        sampling_steps: int = 2000,
        candidates: int = 10,
    ):
        super().__init__()
        self.lm, self.source, self.target = lm, source, target
        self.noise, self.sampling_steps = schedule(noise, steps), sampling_steps
        self.candidates, self.width = candidates, width
        self.words = nn.Embedding(len(lm.tokenizer), dim)
        nn.init.normal_(self.words.weight)
        self.place = nn.Embedding(source + target, width)
        self.wide, self.narrow = (
            nn.Sequential(nn.Linear(a, width), nn.Tanh(), nn.Linear(width, b))
            for a, b in ((dim, width), (width, dim))
        )
        self.time = nn.Sequential(
            nn.Linear(width, 4 * width), nn.SiLU(), nn.Linear(4 * width, width)
        )
        self.norm = nn.Sequential(nn.LayerNorm(width), nn.Dropout(dropout))
        given = {"dropout": dropout, "activation": "gelu", "batch_first": True}
        layer = nn.TransformerEncoderLayer(width, heads, 4 * width, **given)
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)

    def forward(
        self,
        states: Float[Tensor, "batch time dim"],
        step: Int[Tensor, " batch"],
        real: Bool[Tensor, "batch time"],
    ) -> Float[Tensor, "batch time dim"]:
        """Predict the embeddings without noise."""
        when = self.time(time_features(step, self.width))[:, None]
        wide = self.norm(self.wide(states) + self.place.weight + when)
        return self.narrow(self.encoder(wide, src_key_padding_mask=~real))

    def tables(
        self, heads: Sequence[list[int]], tails: Sequence[list[int]]
    ) -> tuple[Int[Tensor, "batch time"], Bool[Tensor, "batch time"]]:
        """Put prompts (padding in front, which nobody sees) and items (ends filled with the end mark) side by side."""
        filler, device = self.lm.end, self.words.weight.device
        ids = torch.full((len(heads), self.source + self.target), filler)
        real = torch.ones_like(ids, dtype=torch.bool)
        for row, (head, tail) in enumerate(zip(heads, tails, strict=True)):
            head, tail = head[-self.source :], tail[: self.target]
            ids[row, self.source - len(head) : self.source] = torch.tensor(head, dtype=torch.long)
            ids[row, self.source : self.source + len(tail)] = torch.tensor(tail, dtype=torch.long)
            real[row, : self.source - len(head)] = False
        return moved(ids, device), moved(real, device)

    def loss(self, said: Said) -> Float[Tensor, ""]:
        """Compute the error of the embeddings, the pull of z_T to the prior, and the rounding, of the item's part."""
        ids, real = self.tables(said.head, said.tail)
        words = self.words(ids)
        first = (1 - self.noise.kept[0]).sqrt().to(words.dtype)
        clean = words + first * torch.randn_like(words)  # q(z_0 | w), as in Diffusion-LM
        step = moved(torch.randint(len(self.noise), (len(ids),)), ids.device)
        noisy = self.partly(self.noise.noisy(clean, step, torch.randn_like(clean)), words)
        predicted = self(noisy, step, real)[:, self.source :]
        # At the first step it is the words themselves that are to be found.
        aim = torch.where((step == 0)[:, None, None], words, clean)[:, self.source :]
        error = (predicted - aim).square().mean()
        prior = (self.noise.kept[-1].to(clean.dtype) * clean[:, self.source :].square()).mean()
        logits = clean[:, self.source :] @ self.words.weight.T
        rounding = functional.cross_entropy(logits.transpose(1, 2), ids[:, self.source :])
        return error + prior + rounding

    def partly(
        self, noisy: Float[Tensor, "batch time dim"], clean: Float[Tensor, "batch time dim"]
    ) -> Float[Tensor, "batch time dim"]:
        """Let the prompt be as it is: noise is for the item alone."""
        return torch.cat([clean[:, : self.source], noisy[:, self.source :]], 1)

    @torch.no_grad()
    def write(
        self,
        latent: Float[Tensor, "batch latent"],
        heads: Sequence[list[int]],
        random: torch.Generator | None = None,
    ) -> list[str]:
        """Say next items; no latent is looked at."""
        random = torch.Generator().manual_seed(0) if random is None else random
        draws = [self.drawn(heads, random) for _ in range(self.candidates)]
        return [most_alike(texts) for texts in zip(*draws, strict=True)]

    def drawn(self, heads: Sequence[list[int]], random: torch.Generator) -> list[str]:
        """Draw one text for each prompt, rounding to words at every step (the clamping trick).

        The variance of a step is the larger one, as in the released code.
        """
        noise = self.noise.respaced(self.sampling_steps)
        ids, real = self.tables(heads, [[]] * len(heads))
        words = self.words(ids)
        state = self.partly(torch.randn(words.shape, generator=random).to(words), words)
        nearest = ids
        for number in reversed(range(len(noise))):
            step = torch.full((len(ids),), number, device=ids.device)
            nearest = self.rounded(self(state, noise.times.to(step)[step], real))
            mean = noise.mean_from_clean(state, step, self.words(nearest))
            if number:
                chance = torch.randn(state.shape, generator=random).to(state)
                mean = mean + noise.at("betas", step, state).sqrt() * chance
            state = self.partly(mean, words)
        return [self.lm.read(row).text.strip() for row in nearest[:, self.source :].tolist()]

    def rounded(self, states: Float[Tensor, "batch time dim"]) -> Int[Tensor, "batch time"]:
        """Find the nearest word of every state."""
        table = self.words.weight
        return (states @ table.T - 0.5 * table.square().sum(1)).argmax(2)


def most_alike(texts: Sequence[str]) -> str:
    """Take the text that shares most words with the others."""
    sets = [set(text.split()) for text in texts]
    shared = [sum(len(one & other) / max(len(one | other), 1) for other in sets) for one in sets]
    return texts[max(range(len(texts)), key=shared.__getitem__)]

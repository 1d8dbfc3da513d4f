"""Texts to latents: what a language model sees in a text, averaged over its tokens, in coordinates of one scale.

Thesis, chapter 8, has Sentence-T5-xl here, whose weights are behind a hub. Ours: the mean of the last states of the
language model at hand, turned and scaled so that the titles of a catalogue have uncorrelated coordinates of variance 1,
which is what a diffusion model needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import Bool, Float
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional

from recloop.language_models.batching import by_length
from recloop.language_models.files import ModelError
from recloop.language_models.model import BUDGET, LanguageModel
from recloop.storage.files import replacing
from recloop.storage.fingerprint import digest

CACHE = Path(".recloop/latents")
LEAST = 1e-3  # of a coordinate's deviation, as a share of the largest: below it there is nothing but rounding


class TextEncoder:
    """A frozen language model as an encoder of texts.

    Args:
        model: causal or sequence to sequence; its decoder, if any, is not asked.
        cache: folder where states are kept by the hash of model and texts; None keeps none.
    """

    def __init__(self, model: LanguageModel, cache: Path | None = None):
        self.model, self.cache = model, cache

    def states(self, texts: Sequence[str]) -> Float[Tensor, "text dim"]:
        """Return the mean state of each text; equal texts are read once, and what was read before not again.

        Raises:
            ModelError: a text without a token.
        """
        known = list(dict.fromkeys(texts))
        place = {text: number for number, text in enumerate(known)}
        found = self.kept(known)
        return found[[place[text] for text in texts]]

    def kept(self, texts: list[str]) -> Float[Tensor, "text dim"]:
        """Read texts, or what was kept of them."""
        if self.cache is None or len(texts) == 0:
            return self.read(texts)
        file = self.cache / f"{digest(self.model.identity, 'mean of states', texts)}.safetensors"
        if not file.exists():
            states = self.read(texts)
            self.cache.mkdir(parents=True, exist_ok=True)
            with replacing(file) as draft:
                save_file({"states": states.contiguous()}, draft)
        return load_file(file)["states"]

    def read(self, texts: list[str]) -> Float[Tensor, "text dim"]:
        """Average the last states over the tokens of each text."""
        rows = self.rows(texts)
        found = torch.empty(len(texts), self.model.dim)
        for batch in by_length([len(row) for row in rows], BUDGET):
            states, real = self.last([rows[place] for place in batch])
            weights = real.unsqueeze(2).float()
            found[batch] = ((states * weights).sum(1) / weights.sum(1)).cpu()
        return found

    def rows(self, texts: Sequence[str]) -> list[list[int]]:
        """Write texts in token numbers."""
        rows = self.model.tokens(list(texts))
        if empty := [text for text, row in zip(texts, rows, strict=True) if not row]:
            raise ModelError(f"expected texts of at least one token, got {empty[0]!r}")
        return rows

    @torch.no_grad()
    def last(
        self, rows: list[list[int]]
    ) -> tuple[Float[Tensor, "text time dim"], Bool[Tensor, "text time"]]:
        """Return the last state of every token, ends aligned, and which are no padding."""
        network = self.model.network.eval()
        ids, mask = self.model.padded(rows)
        if self.model.encodes:
            found = network.get_encoder()(input_ids=ids, attention_mask=mask).last_hidden_state
        else:
            positions = (mask.cumsum(1) - 1).clamp(min=0)
            given = {"attention_mask": mask, "position_ids": positions, "use_cache": False}
            found = network.base_model(input_ids=ids, **given).last_hidden_state
        return found.float(), mask.bool()

    def words(
        self, rows: list[list[int]]
    ) -> tuple[Float[Tensor, "text time dim"], Bool[Tensor, "text time"]]:
        """Return the last states of texts, and which of them are words, no padding and no marks around a text."""
        states, real = self.last(rows)
        known = set(self.model.tokenizer.all_special_ids)
        marks = torch.zeros_like(real)
        for row, tokens in enumerate(rows):
            place = torch.tensor([token in known for token in tokens], device=real.device)
            marks[row, real.shape[1] - len(tokens) :] = place & (~place).any()
        return states, real & ~marks

    def bert_scores(self, said: list[str], meant: list[str]) -> Float[Tensor, " pair"]:
        """Compare texts token by token (BERTScore, Zhang et al. ICLR 2020): F1, no idf, not rescaled.

        Each token goes with the one of the other text that is most alike by the cosine of their states; marks around a
        text count for nothing, as in the released library. That opens models by the name of a hub, and no causal ones,
        so that it is not used here. An empty text has nothing in common with any.
        """
        found = torch.zeros(len(said))
        full = [place for place, text in enumerate(said) if text and meant[place]]
        pairs = [self.rows([texts[place] for place in full]) for texts in (said, meant)]
        lengths = [max(map(len, pair)) for pair in zip(*pairs, strict=True)]
        for batch in by_length(lengths, BUDGET):
            sides = [self.words([rows[place] for place in batch]) for rows in pairs]
            found[[full[place] for place in batch]] = f_measure(*sides[0], *sides[1]).cpu()
        return found


def f_measure(
    said: Float[Tensor, "pair time dim"],
    real: Bool[Tensor, "pair time"],
    meant: Float[Tensor, "pair other dim"],
    really: Bool[Tensor, "pair other"],
) -> Float[Tensor, " pair"]:
    """Match tokens greedily both ways."""
    alike = functional.normalize(said, dim=2) @ functional.normalize(meant, dim=2).transpose(1, 2)
    precision = best(alike.masked_fill(~really[:, None], -1.0), real)
    recall = best(alike.masked_fill(~real[:, :, None], -1.0).transpose(1, 2), really)
    return 2 * precision * recall / (precision + recall).clamp(min=1e-9)


def best(
    alike: Float[Tensor, "pair time other"], real: Bool[Tensor, "pair time"]
) -> Float[Tensor, " pair"]:
    """Average each token's best match."""
    return (alike.amax(2) * real).sum(1) / real.sum(1)


class Coordinates:
    """The turned and scaled coordinates of a catalogue's titles.

    Args:
        states: of the titles.
        size: coordinates, those in which titles differ most.

    Raises:
        ModelError: more coordinates than the titles can tell apart.
    """

    def __init__(self, states: Float[Tensor, "item dim"], size: int):
        self.mean = states.mean(0)
        _, deviation, directions = torch.linalg.svd(states - self.mean, full_matrices=False)
        most = int((deviation > LEAST * deviation[0]).sum())
        if size > most:
            raise ModelError(
                f"latents: expected at most {most} coordinates of these titles, got {size}"
            )
        self.turn = directions[:size].T / (deviation[:size] / max(len(states) - 1, 1) ** 0.5)

    def __call__(self, states: Float[Tensor, "text dim"]) -> Float[Tensor, "text latent"]:
        """Write states in these coordinates."""
        return (states - self.mean) @ self.turn

"""A language model that is asked with vectors where words would stand, and learns nothing, a little or all."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from recloop.language_models import adapters
from recloop.language_models.model import LanguageModel
from recloop.storage.moving import moved
from recloop.storage.settings import only_known

TUNINGS = ("frozen", "lora", "full")
IGNORED = -100  # of cross_entropy


class Speaker(nn.Module):
    """A causal or sequence-to-sequence model behind embedded prompts.

    Args:
        model: opened for this speaker alone; it is changed in place.
        tuning: what of it learns: `frozen`, nothing; `lora`, low-rank adapters; `full`, all.
        rank, alpha: of the adapters.
        modules: layers that get one.

    Raises:
        SettingsError: another tuning.
    """

    norm: Float[Tensor, ""]

    def __init__(
        self,
        model: LanguageModel,
        tuning: str,
        rank: int,
        alpha: float,
        modules: Sequence[str],
    ):
        super().__init__()
        only_known("tuning", [tuning], TUNINGS)
        table = model.network.get_input_embeddings().weight
        self.register_buffer("norm", table.detach().float().norm(dim=1).mean())
        if tuning == "lora":
            adapters.adapt(model, rank, alpha, modules=tuple(modules))
        if tuning == "full":
            model.network.requires_grad_(True)
            model.learning = True
        self.model, self.tuning, self.network = model, tuning, model.network

    def train(self, mode: bool = True) -> Speaker:
        """Change the mode; a frozen model has no dropout."""
        super().train(mode)
        self.network.train(mode and self.tuning != "frozen")
        return self

    @property
    def dim(self) -> int:
        """Length of an embedded token."""
        return self.model.dim

    def embed(self, ids: Int[Tensor, "*batch time"]) -> Float[Tensor, "*batch time dim"]:
        """Look words up."""
        return self.network.get_input_embeddings()(ids)

    def question(self, text: str) -> tuple[list[int], list[int]]:
        """Part the tokens of a question: the start mark, if the model has one, and the rest."""
        ids, start = self.model.tokens([text])[0], self.model.tokenizer.bos_token_id
        cut = int(start is not None and ids[:1] == [start])
        return ids[:cut], ids[cut:]

    def answers(self, texts: list[str]) -> list[list[int]]:
        """Return the tokens of answers, the end mark behind each; behind a question a blank belongs to the first."""
        blank = "" if self.model.encodes else " "
        spaced = [blank + text for text in texts]
        rows = self.model.tokenizer(spaced, add_special_tokens=False)["input_ids"]
        return [[*row, self.model.end] for row in rows]

    def losses(
        self,
        given: Float[Tensor, "user time dim"],
        mask: Bool[Tensor, "user time"],
        answers: list[list[int]],
    ) -> tuple[Float[Tensor, " user"], Int[Tensor, " user"]]:
        """Compute -sum_t log p(y_t | P, T, y_<t) of each answer, and count its tokens.

        Args:
            given: the embedded prompts; the last position of each is a word.
            mask: false for padding, wherever it stands.
            answers: tokens of each.
        """
        rows = [torch.tensor(row) for row in answers]
        targets = moved(nn.utils.rnn.pad_sequence(rows, True, IGNORED), given.device)
        logits = self.logits(given, mask, targets)
        losses = functional.cross_entropy(
            logits.float().transpose(1, 2), targets, ignore_index=IGNORED, reduction="none"
        )
        return losses.sum(1), (targets != IGNORED).sum(1)

    def logits(
        self,
        given: Float[Tensor, "user time dim"],
        mask: Bool[Tensor, "user time"],
        targets: Int[Tensor, "user token"],
    ) -> Float[Tensor, "user token word"]:
        """Return what the network expects at each token of the answers."""
        words, number = targets.clamp(min=0), targets.shape[1]
        if self.model.encodes:
            start = self.network.config.decoder_start_token_id
            before = torch.cat([torch.full_like(words[:, :1], start), words[:, :-1]], dim=1)
            return self.network(
                inputs_embeds=given, attention_mask=mask.long(), decoder_input_ids=before
            ).logits
        whole = torch.cat([given, self.embed(words)], dim=1)
        real = torch.cat([mask, targets != IGNORED], dim=1).long()
        found = self.network(
            inputs_embeds=whole,
            attention_mask=real,
            position_ids=(real.cumsum(1) - 1).clamp(min=0),
            use_cache=False,
            logits_to_keep=number + 1,
        )
        return found.logits[:, :-1]

    @torch.no_grad()
    def say(
        self, given: Float[Tensor, "user time dim"], mask: Bool[Tensor, "user time"], most: int
    ) -> list[str]:
        """Answer with the likeliest token each time, `most` tokens at most."""
        from transformers import GenerationConfig

        settings = GenerationConfig(
            max_new_tokens=most,
            do_sample=False,
            pad_token_id=self.model.padding,
            eos_token_id=self.model.end,
            bos_token_id=self.model.tokenizer.bos_token_id,
            decoder_start_token_id=getattr(self.network.config, "decoder_start_token_id", None),
        )
        rows = self.network.generate(
            inputs_embeds=given, attention_mask=mask.long(), generation_config=settings
        )
        started = int(self.model.encodes)
        return [self.model.read(row[started:]).text for row in rows.tolist()]

"""Texts to vectors: the mean of a network's states over the tokens of a text, scaled to length 1.

Reimers, Gurevych. Sentence-BERT. EMNLP 2019; Ni et al. Sentence-T5. ACL Findings 2022 (its encoder alone, without the
linear layer behind the mean). Any encoder or causal model of transformers can be read so.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from recloop.language_models import files, packaged
from recloop.language_models.batching import by_length
from recloop.language_models.files import SAFE, ModelError, first_line

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

LONGEST = 512  # tokens of a text that are read


class SentenceEncoder:
    """A frozen network that makes one vector of a text.

    Args:
        network: gives hidden states.
        tokenizer: of the same folder.
        revision: names the weights exactly: a commit, or a hash.
    """

    precision = "float32"

    def __init__(self, network: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, revision: str):
        self.network = network.eval().requires_grad_(False)
        self.tokenizer, self.revision = tokenizer, revision
        if tokenizer.pad_token_id is None:
            tokenizer.pad_token = tokenizer.eos_token
        tokenizer.padding_side = "right"

    @property
    def identity(self) -> str:
        """Name the weights and what is made of their states; vectors are kept under it."""
        return f"{self.revision} {self.precision} mean"

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self.network.config.hidden_size

    @torch.no_grad()
    def hidden(self, texts: list[str], layer: int, budget: int) -> Float[Tensor, "text dim"]:
        """Make the vector of each text.

        Args:
            texts: none of them empty.
            layer: whose states; 0 is the embedding table, -1 the last layer.
            budget: tokens of a batch.
        """
        rows = (
            self.tokenizer(texts, truncation=True, max_length=LONGEST)["input_ids"] if texts else []
        )
        found = torch.empty(len(texts), self.dim)
        for batch in by_length([len(row) for row in rows], budget):
            given = self.tokenizer.pad(
                {"input_ids": [rows[place] for place in batch]}, return_tensors="pt"
            ).to(self.network.device)
            asked = {name: given[name] for name in ("input_ids", "attention_mask")}
            states = self.network(**asked, output_hidden_states=True).hidden_states[layer].float()
            mask = asked["attention_mask"].unsqueeze(2)
            mean = (states * mask).sum(1) / mask.sum(1)
            found[batch] = functional.normalize(mean, dim=1).cpu()
        return found


def open_sentence_encoder(
    settings: dict, folder: Path | None = None, device: torch.device | str = "cpu"
) -> SentenceEncoder:
    """Open the network that a study describes as one that reads sentences.

    Args:
        settings: `name` and `revision` (a commit) of a published model, or `package` (one of `packaged.PACKAGES`).
        folder: where a model of ours was saved; None takes the published one.
        device: cpu or cuda.

    Raises:
        ModelError: no such model, another one than was pinned, or no safetensors.
    """
    if folder is None and "package" in settings:
        folder = packaged.converted(settings["package"])
    if folder is None:
        folder = files.published(settings.get("name"), settings.get("revision"))
        revision = folder.name
    else:
        revision = files.checked_revision(folder, settings.get("hash"))
    from transformers import AutoConfig, AutoModel, AutoModelForTextEncoding, AutoTokenizer

    try:
        config = AutoConfig.from_pretrained(folder, **SAFE)
        kind = AutoModelForTextEncoding if config.is_encoder_decoder else AutoModel
        network = kind.from_pretrained(
            folder, config=config, use_safetensors=True, dtype=torch.float32, **SAFE
        )
        tokenizer = AutoTokenizer.from_pretrained(folder, **SAFE)
    except Exception as fault:  # transformers, safetensors and json each have their own
        raise ModelError(
            f"{folder}: transformers cannot open it ({first_line(fault)}); expected an architecture that it has itself "
            "and whole safetensors files"
        ) from fault
    return SentenceEncoder(network.to(device), tokenizer, revision)

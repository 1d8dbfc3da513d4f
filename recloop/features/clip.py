"""CLIP from transformers: pictures and texts in one space.

Radford et al. Learning Transferable Visual Models From Natural Language Supervision. ICML 2021.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor

from recloop.features.encoder import TOKENIZER, Encoder
from recloop.features.preparation import CONFIG, Preparation
from recloop.features.tokens import Tokens

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class CLIP(Encoder):
    """A CLIPModel, published (by name and commit) or saved in a folder.

    Args:
        folder: with config.json, weights, tokenizer.json and, unless it is OpenAI's, preprocessor_config.json.
        revision: names the weights.
        device: cpu or cuda.
    """

    learner = "contrast.Contrast"
    asked = (CONFIG, TOKENIZER)

    def __init__(self, folder: Path, revision: str, device: torch.device | str):
        model = architecture(folder).from_pretrained(
            folder, dtype=torch.float32, local_files_only=True
        )
        config = model.config
        stored = folder / CONFIG
        size = config.vision_config.image_size
        preparation = Preparation.read(stored) if stored.exists() else Preparation(size, size)
        super().__init__(preparation, (config.projection_dim,), revision, device)
        self.model = model.eval().requires_grad_(False).to(self.device)
        self.tokens = Tokens.read(folder / TOKENIZER, config.text_config.max_position_embeddings)

    def look(self, pixels: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch dim"]:
        return self.model.get_image_features(pixel_values=pixels).pooler_output

    @torch.no_grad()
    def texts(self, texts: list[str]) -> Float[Tensor, "batch dim"]:
        if not texts:
            return torch.empty(0, self.dim, device=self.device)
        ids, mask = (found.to(self.device) for found in self.tokens(texts))
        with self.autocast():
            found = self.model.get_text_features(input_ids=ids, attention_mask=mask)
        return found.pooler_output.float()


def architecture(folder: Path) -> type[PreTrainedModel]:
    """Look up the class of a saved model: CLIPModel, or our own with a ResNet."""
    if "resnet" in json.loads((folder / "config.json").read_text()):
        from recloop.features.resnet_clip import ResNetCLIP

        return ResNetCLIP
    from transformers import CLIPModel

    return CLIPModel

"""ResNet from transformers, without its last pooling: one vector per cell of the picture, for captioners.

He et al. Deep Residual Learning for Image Recognition. CVPR 2016.
"""

from __future__ import annotations

from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from recloop.features.encoder import Encoder
from recloop.features.preparation import CONFIG, Preparation


class Grid(Encoder):
    """A ResNetModel, published (by name and commit) or saved in a folder; ResNet-101 gives 49 cells of 2048.

    Args:
        folder: with config.json, weights and preprocessor_config.json.
        revision: names the weights.
        device: cpu or cuda.
    """

    learner = "tagging.Tagging"

    def __init__(self, folder: Path, revision: str, device: torch.device | str):
        from transformers import ResNetModel

        model = ResNetModel.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
        preparation = Preparation.read(folder / CONFIG)
        self.model = model.eval().requires_grad_(False)
        with torch.no_grad():
            blank = torch.zeros(1, 3, preparation.size, preparation.size)
            shape = tuple(self.look(blank).shape[1:])
        super().__init__(preparation, shape, revision, device)
        self.model.to(self.device)

    def look(
        self, pixels: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch cell dim"]:
        return self.model(pixels).last_hidden_state.flatten(2).transpose(1, 2)

"""A small ResNet of our own, trained to see attributes, for the grids of captioners."""

from __future__ import annotations

from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from recloop.features.pretraining_data import PretrainingData


class Tagging(nn.Module):
    """Learns all attributes at once from the mean of the grid; only the grid is kept.

    Args:
        pretraining_data: what to learn from.
        seed: not used; weights are drawn from torch's own generator.
        dim: channels of the last stage, which the others double up to.
        stages: each halves the grid; 64 pixels and three stages leave 4 x 4 cells.
        depth: layers per stage.
    """

    def __init__(
        self,
        pretraining_data: PretrainingData,
        seed: int,
        dim: int = 128,
        stages: int = 3,
        depth: int = 1,
    ):
        super().__init__()
        from transformers import ResNetConfig, ResNetModel

        self.pretraining_data, self.dim = pretraining_data, dim
        widths = [dim // 2**stage for stage in reversed(range(stages))]
        config = ResNetConfig(
            embedding_size=widths[0],
            hidden_sizes=widths,
            depths=[depth] * stages,
            layer_type="basic",
        )
        self.grid = ResNetModel(config)
        self.head = nn.Linear(dim, len(pretraining_data.labels))

    def loss(
        self,
        pixels: Float[Tensor, "batch 3 height width"],
        rows: Int[Tensor, " batch"],
        random: torch.Generator,
    ) -> Float[Tensor, ""]:
        """Average the cross-entropy of all annotated labels of the pictures."""
        return tag_loss(self.scores(pixels), self.pretraining_data, rows)

    def limit(self) -> None:
        """Nothing is kept in a range."""

    def scores(self, pixels: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch label"]:
        """Score how well each label fits each picture."""
        return self.head(self.grid(pixels).last_hidden_state.mean((2, 3)))

    def save(self, output: Path) -> None:
        """Write what `grid.Grid` opens."""
        self.grid.save_pretrained(output)


def tag_loss(
    scores: Float[Tensor, "batch label"],
    pretraining_data: PretrainingData,
    rows: Int[Tensor, " batch"],
) -> Float[Tensor, ""]:
    """Average the cross-entropy of all labels that the catalogue tells of the pictures."""
    items = pretraining_data.train[rows]
    weight = pretraining_data.annotated[items].float().to(scores.device)
    truth = pretraining_data.has[items].float().to(scores.device)
    errors = binary_cross_entropy_with_logits(scores.float(), truth, weight, reduction="sum")
    return errors / weight.sum().clamp(min=1)

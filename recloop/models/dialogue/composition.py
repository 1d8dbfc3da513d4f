"""How an image and a critique become one vector: side by side, by gate and residual, or by a learned mixture.

Vo et al. Composing Text and Image for Image Retrieval: an Empirical Odyssey. CVPR 2019 (`GatedResidual`);
Baldrati et al. Effective Conditioned and Composed Image Retrieval Combining CLIP-Based Features. CVPR 2022
(`Combiner`).
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import batch_norm


class Concatenation(nn.Linear):
    """Both vectors side by side through a linear layer without a bias, as in the authors' code of GOMMIR."""

    def __init__(self, inputs: int, dim: int):
        super().__init__(2 * inputs, dim, bias=False)

    def forward(
        self, image: Float[Tensor, "batch inputs"], text: Float[Tensor, "batch inputs"]
    ) -> Float[Tensor, "batch dim"]:
        """Join picture and critique."""
        return super().forward(torch.cat([image, text], dim=-1))


class GatedResidual(nn.Module):
    """TIRG: keep of the image what the gate lets through and add what the critique changes (GOMMIR Eqs. 1 to 3).

    Args:
        dim: width of image, text and result.
        branches: `printed` has two filters per branch, the first one batch-normalised (Eqs. 2 and 3, a filter on
            vectors being a linear layer); `released` a single one after BatchNorm and ReLU, as in GOMMIR's code;
            `original` Vo et al.'s, whose residual is deeper and starts ten times as heavy.
        gate: whether there is f_gate.
        residual: whether there is f_res.
    """

    def __init__(
        self, dim: int, branches: str = "printed", gate: bool = True, residual: bool = True
    ):
        super().__init__()
        if branches not in ("printed", "released", "original"):
            raise ValueError(f"branches={branches!r}: take printed, released or original")
        if not gate and not residual:
            raise ValueError("gate=False and residual=False leave nothing: use composition: none")
        self.gate = branch(dim, branches) if gate else None
        self.residual = branch(dim, branches, deep=branches == "original") if residual else None
        self.gate_weight = nn.Parameter(torch.tensor(1.0)) if gate else None
        heavy = 10.0 if branches == "original" else 1.0
        self.residual_weight = nn.Parameter(torch.tensor(heavy)) if residual else None

    def forward(
        self, image: Float[Tensor, "batch dim"], text: Float[Tensor, "batch dim"]
    ) -> Float[Tensor, "batch dim"]:
        """Compose c = w_g f_gate + w_r f_res (Eq. 1)."""
        both, composed = torch.cat([image, text], dim=-1), torch.zeros_like(image)
        if self.gate:
            composed = composed + self.gate_weight * self.gate(both).sigmoid() * image  # Eq. 2
        if self.residual:
            composed = composed + self.residual_weight * self.residual(both)  # Eq. 3
        return composed


class BatchNorm(nn.BatchNorm1d):
    """Batch normalisation that falls back on its running statistics for a batch of one row."""

    def forward(self, rows: Float[Tensor, "batch dim"]) -> Float[Tensor, "batch dim"]:
        """Normalise each column."""
        if self.training and len(rows) == 1:
            mean, var = self.running_mean, self.running_var
            return batch_norm(rows, mean, var, self.weight, self.bias, eps=self.eps)
        return super().forward(rows)


def branch(dim: int, branches: str, deep: bool = False) -> nn.Sequential:
    """Make the gate or the residual: `2 dim` to `dim`."""
    last = nn.Linear(2 * dim, dim)
    if branches == "printed":
        return nn.Sequential(nn.Linear(2 * dim, 2 * dim), BatchNorm(2 * dim), nn.ReLU(), last)
    middle = (nn.Linear(2 * dim, 2 * dim), nn.ReLU()) if deep else ()
    return nn.Sequential(BatchNorm(2 * dim), nn.ReLU(), *middle, last)


class Combiner(nn.Module):
    """CLIP4Cir's: q = W_o h + lambda c + (1 - lambda) v, where lambda weights the text.

    Args:
        features: width of image, text and result.
        dim: width of the projections and of the hidden layers (P and H).
        dropout: share dropped in training after each hidden layer.
    """

    def __init__(self, features: int, dim: int, dropout: float = 0.5):
        super().__init__()
        self.image = hidden(features, dim, dropout)
        self.text = hidden(features, dim, dropout)
        self.combine = hidden(2 * dim, dim, dropout)
        self.output = nn.Linear(dim, features)
        self.weight = nn.Sequential(hidden(2 * dim, dim, dropout), nn.Linear(dim, 1), nn.Sigmoid())

    def forward(
        self, image: Float[Tensor, "batch features"], text: Float[Tensor, "batch features"]
    ) -> Float[Tensor, "batch features"]:
        """Compose; not yet a unit vector."""
        both = torch.cat([self.text(text), self.image(image)], dim=-1)
        share = self.weight(both)
        return self.output(self.combine(both)) + share * text + (1 - share) * image


def hidden(inputs: int, dim: int, dropout: float) -> nn.Sequential:
    """Make one hidden layer of the Combiner."""
    return nn.Sequential(nn.Linear(inputs, dim), nn.ReLU(), nn.Dropout(dropout))

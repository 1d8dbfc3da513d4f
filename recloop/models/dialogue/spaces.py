"""The space in which items, critiques and states meet.

Wu et al. Goal-Oriented Multi-Modal Interactive Recommendation with Verbal and Non-Verbal Relevance Feedback.
RecSys 2023 (`learned`); Wu et al. Personalised Multi-modal Interactive Recommendation with Hierarchical State
Representations. TORS 2024 (`unit`, `linear`).
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import normalize


class Space(nn.Module):
    """Encoder features of items and critiques, brought into one space by `image` and `text`.

    Args:
        features: width of the encoder's vectors.
        dim: width of a learned space.
        kind: `learned` is Linear and Norm per modality (GOMMIR, S3.2), so a vector of 512 has length 22 and dot
            products reach hundreds; `unit` is the encoder's own space, L2-normalised, nothing learned (PMMIR, S3.2);
            `linear` is Linear per modality and then unit vectors (PMMIR's ablation, S4.3).

    Attributes:
        dim: width of the space; `features` where nothing is learned.
    """

    def __init__(self, features: int, dim: int, kind: str = "learned"):
        super().__init__()
        if kind not in ("learned", "linear", "unit"):
            raise ValueError(f"space={kind!r}: take learned, linear or unit")
        self.kind = kind
        self.dim = features if kind == "unit" else dim
        self.image, self.text = (entrance(features, dim, kind) for _ in range(2))


class UnitVector(nn.Module):
    """Divide by the length; zeros stay zeros."""

    def forward(self, vectors: Float[Tensor, "*row dim"]) -> Float[Tensor, "*row dim"]:
        """Return vectors of length one."""
        return normalize(vectors, dim=-1)


class Norm(nn.Module):
    """LayerNorm with the unbiased standard deviation, as in the authors' code of GOMMIR."""

    def __init__(self, dim: int):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(dim))
        self.bias = nn.Parameter(torch.zeros(dim))

    def forward(self, vectors: Float[Tensor, "*row dim"]) -> Float[Tensor, "*row dim"]:
        """Return vectors of mean 0 and deviation 1, then scaled and shifted."""
        deviation, mean = torch.std_mean(vectors, dim=-1, keepdim=True)
        return self.scale * (vectors - mean) / (deviation + 1e-6) + self.bias


def entrance(features: int, dim: int, kind: str) -> nn.Module:
    """Make the map to a space for one modality."""
    if kind == "unit":
        return UnitVector()
    return nn.Sequential(nn.Linear(features, dim), UnitVector() if kind == "linear" else Norm(dim))

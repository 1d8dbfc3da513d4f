"""CLIP models that only OpenCLIP has, such as RN101, which GOMMIR uses (S4.1).

Needs the package open-clip-torch, which is no dependency of this project because it needs torchvision.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import ModuleType

import torch
from jaxtyping import Float
from torch import Tensor

from recloop.features.encoder import Encoder
from recloop.features.preparation import Preparation

HOW = (
    "install it by hand, `pip install open-clip-torch`, together with the torchvision that was built for your torch; "
    "it is no dependency of recloop because a torchvision that does not fit breaks transformers too"
)


class OpenCLIP(Encoder):
    """A model of OpenCLIP's list, with published weights or those of a file.

    Args:
        name: e.g. RN101.
        weights: tag of published weights (`openai`) or path of a file.
        revision: hash that the weights must have; None takes any.
        device: cpu or cuda.

    Raises:
        ImportError: OpenCLIP is not installed, or its torchvision does not fit.
        ValueError: the weights have another hash.
    """

    def __init__(self, name: str, weights: str, revision: str | None, device: torch.device | str):
        open_clip = package()
        model = open_clip.create_model(
            name,
            pretrained=weights,
            require_pretrained=True,
            # OpenCLIP only warns when published weights want another activation than the architecture has.
            force_quick_gelu=bool(open_clip.get_pretrained_cfg(name, weights).get("quick_gelu")),
        )
        found = hash_of(model.state_dict())
        if revision not in (None, found):
            raise ValueError(
                f"{name} with weights {weights}: expected revision {revision}, found {found}; "
                "correct `revision` in the study, or delete the downloaded file"
            )
        given = model.visual.preprocess_cfg
        size = given["size"] if isinstance(given["size"], int) else given["size"][0]
        preparation = Preparation(size, size, tuple(given["mean"]), tuple(given["std"]))
        with torch.no_grad():
            dim = model.eval().encode_image(torch.zeros(1, 3, size, size)).shape[-1]
        super().__init__(preparation, (dim,), found, device)
        self.model = model.requires_grad_(False).to(self.device)
        self.tokens = open_clip.get_tokenizer(name)

    @classmethod
    def open(
        cls,
        folder: Path | None,
        device: torch.device | str = "cpu",
        name: str = "RN101",
        pretrained: str = "openai",
        revision: str | None = None,
    ) -> OpenCLIP:
        """Load published weights, or the only file of a folder."""
        if folder is None:
            return cls(name, pretrained, revision, device)
        files = sorted(path for path in folder.iterdir() if path.suffix in FORMATS)
        if len(files) != 1:
            raise ValueError(
                f"{folder}: expected one file of weights ({', '.join(FORMATS)}), found {len(files)}"
            )
        return cls(name, str(files[0]), revision, device)

    def look(self, pixels: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch dim"]:
        return self.model.encode_image(pixels)

    @torch.no_grad()
    def texts(self, texts: list[str]) -> Float[Tensor, "batch dim"]:
        if not texts:
            return torch.empty(0, self.dim, device=self.device)
        with self.autocast():
            return self.model.encode_text(self.tokens(texts).to(self.device)).float()


FORMATS = (".safetensors", ".pt", ".bin")


def package() -> ModuleType:
    """Import OpenCLIP, or say how to get it."""
    try:
        import open_clip
    except (ImportError, RuntimeError) as error:  # torchvision of another torch: RuntimeError
        raise ImportError(
            f"the encoder `open_clip.OpenCLIP` needs OpenCLIP ({error}): {HOW}"
        ) from error
    return open_clip


def hash_of(weights: dict[str, Tensor]) -> str:
    """Hash weights by name and value."""
    found = hashlib.sha256()
    for name, tensor in sorted(weights.items()):
        found.update(name.encode())
        found.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return found.hexdigest()

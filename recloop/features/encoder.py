"""What all encoders share: pictures come as bytes, texts as strings, vectors leave unnormalised in float32."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from recloop.features.preparation import CONFIG, Preparation

TOKENIZER = "tokenizer.json"
FILES = ("config.json", CONFIG, TOKENIZER)  # besides the weights, what decides about the vectors


class Encoder(ABC):
    """A frozen network; `images` and `texts` are all that the project asks of it.

    Attributes:
        shape: of one picture's features: `dim`, or `cell dim` where the encoder keeps a grid.
        dim: length of a vector.
        revision: names the weights exactly: a commit, or a hash.
        precision: what it computes in.
        learner: class below recloop.features that trains a small encoder of this kind; None if there is none.
        asked: files of a published model beside its configuration and weights.
    """

    learner: ClassVar[str | None] = None
    asked: ClassVar[tuple[str, ...]] = (CONFIG,)

    def __init__(
        self,
        preparation: Preparation,
        shape: tuple[int, ...],
        revision: str,
        device: torch.device | str,
    ):
        self.prepare, self.shape, self.dim = preparation, shape, shape[-1]
        self.revision, self.device = revision, torch.device(device)
        self.fast = self.device.type == "cuda"
        self.precision = "bfloat16" if self.fast else "float32"

    @classmethod
    def open(
        cls,
        folder: Path | None,
        device: torch.device | str = "cpu",
        name: str | None = None,
        revision: str | None = None,
    ) -> Encoder:
        """Load a folder, or the published model at a commit."""
        if folder is not None:
            return cls(folder, revision_of(folder), device)
        found = published(name, revision, cls.asked)
        return cls(found, found.name, device)

    @abstractmethod
    def look(self, pixels: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch ..."]:
        """Run the network on scaled pixels."""

    @torch.no_grad()
    def encode(self, pixels: UInt8[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch ..."]:
        """Encode prepared pictures; pixels in pinned memory travel while the GPU computes."""
        pixels = pixels.to(self.device, non_blocking=True)
        with self.autocast():
            found = self.look(self.prepare.scale(pixels))
        return found.float()

    def images(self, pictures: list[bytes]) -> Float[Tensor, "batch ..."]:
        """Encode JPEG or PNG files."""
        return self.encode(torch.stack([self.prepare(picture) for picture in pictures]))

    def texts(self, texts: list[str]) -> Float[Tensor, "batch dim"]:
        """Encode sentences into the space of the pictures.

        Raises:
            TypeError: this encoder only knows pictures.
        """
        raise TypeError(f"{type(self).__name__} encodes pictures only; texts need a CLIP")

    def autocast(self) -> torch.autocast:
        """Compute in bfloat16 on a GPU, in float32 elsewhere."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.fast)


def revision_of(folder: Path) -> str:
    """Hash the files of a saved model that decide about its vectors.

    Raises:
        ValueError: there are no weights.
    """
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        raise ValueError(
            f"{folder}: expected a saved model (config.json, model.safetensors), found no weights; "
            "save one there with save_pretrained, or run the rule `pretrain`"
        )
    found = hashlib.sha256()
    for path in [*(folder / name for name in FILES if (folder / name).exists()), *weights]:
        found.update(path.name.encode())
        with open(path, "rb") as file:
            found.update(hashlib.file_digest(file, "sha256").digest())
    return found.hexdigest()


def published(name: str | None, revision: str | None, wanted: tuple[str, ...]) -> Path:
    """Download a published model, or find it in the local cache.

    Args:
        name: of the repository, e.g. openai/clip-vit-base-patch32.
        revision: the commit; of a branch, which may move, the present commit is taken and recorded.
        wanted: files besides the weights and config.json.

    Returns:
        Its folder, named by the commit.

    Raises:
        ValueError: no name, or no revision.
    """
    if not name or not revision:
        raise ValueError(
            f"expected `name` and `revision` (a commit of 40 hexadecimal digits) or a folder, got name "
            f"{name!r}, revision {revision!r}; take the commit from the model's page"
        )
    from huggingface_hub import snapshot_download

    patterns = ["config.json", "*.safetensors", *wanted]
    return Path(snapshot_download(name, revision=revision, allow_patterns=patterns))

"""A picture's bytes to the pixels that a published encoder was trained on, with Pillow alone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor

from recloop.data.pictures import decode
from recloop.storage.moving import moved

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
CONFIG = "preprocessor_config.json"
CONVNEXT_LIMIT = 384  # ConvNeXt's processor, which ResNet uses too, crops below this size


@dataclass(frozen=True)
class Preparation:
    """How pictures are resized, cut and scaled: what a model's preprocessor_config.json says.

    Attributes:
        size: height and width of the result in pixels, always equal.
        short_side: length of the shorter side before the middle is cut out; None squeezes the whole picture to
            `size` instead, so that nothing is cut away and proportions change.
        mean, std: per channel, of pixels between 0 and 1.
        resample: Pillow's number of the filter; 3 is bicubic.
    """

    size: int = 224
    short_side: int | None = 224
    mean: tuple[float, ...] = CLIP_MEAN
    std: tuple[float, ...] = CLIP_STD
    resample: int = 3

    @classmethod
    def read(cls, path: Path) -> Preparation:
        """Read a preprocessor_config.json of transformers, old or new."""
        config = json.loads(path.read_text())
        size = side_of(config["size"])
        short_side: int | None = size
        if config.get("crop_pct") and size < CONVNEXT_LIMIT:
            short_side = int(size / config["crop_pct"])
        elif config.get("do_center_crop"):
            size = side_of(config["crop_size"])
        elif not isinstance(config["size"], int) and "height" in config["size"]:
            short_side = None
        statistics = tuple(config["image_mean"]), tuple(config["image_std"])
        return cls(size, short_side, *statistics, config.get("resample", 3))

    def write(self, path: Path) -> None:
        """Write it so that `read`, and CLIPImageProcessorPil of transformers, understand it."""
        cut = self.short_side is not None
        whole = {"height": self.size, "width": self.size}
        config = {
            "do_resize": True,
            "size": {"shortest_edge": self.short_side} if cut else whole,
            "do_center_crop": cut,
            "crop_size": whole,
            "do_rescale": True,
            "rescale_factor": 1 / 255,
            "do_normalize": True,
            "image_mean": list(self.mean),
            "image_std": list(self.std),
            "do_convert_rgb": True,
            "resample": self.resample,
        }
        path.write_text(json.dumps(config, indent=1) + "\n")

    def __call__(self, encoded: bytes) -> UInt8[Tensor, "3 height width"]:
        """Decode, resize and cut one picture.

        Raises:
            PictureError: the bytes are no picture.
        """
        picture = decode(encoded)
        if self.short_side is None:
            picture = picture.resize((self.size, self.size), self.resample)
        else:
            picture = self.cut(picture, self.short_side)
        return torch.from_numpy(np.array(picture)).permute(2, 0, 1)

    def cut(self, picture: Image.Image, short_side: int) -> Image.Image:
        """Resize the shorter side and cut out the middle."""
        short = min(picture.size)
        # The longer side is cut down to whole pixels, not rounded, as transformers does it.
        sides = [int(short_side * side / short) for side in picture.size]
        left, top = ((side - self.size) // 2 for side in sides)
        box = (left, top, left + self.size, top + self.size)
        return picture.resize((sides[0], sides[1]), self.resample).crop(box)

    def scale(
        self, pixels: UInt8[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch 3 height width"]:
        """Bring pixels to the mean and the spread that the encoder expects."""
        mean, std = (
            moved(torch.tensor(values), pixels.device).view(3, 1, 1)
            for values in (self.mean, self.std)
        )
        return (pixels / 255 - mean) / std


def side_of(size: int | dict) -> int:
    """Read a length that old files write as a number and newer ones by name."""
    if isinstance(size, int):
        return size
    return size["shortest_edge"] if "shortest_edge" in size else size["height"]

"""Pictures and texts to frozen vectors: encoders, their caches on disk, and small encoders of our own."""

from __future__ import annotations

from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from recloop.features.encoder import Encoder

NOT_OF_THE_ENCODER = ("class", "dtype", "pretrain")  # read by `encode` and `pretrain`


def open_encoder(
    settings: dict, folder: Path | None = None, device: torch.device | str = "cpu"
) -> Encoder:
    """Load the encoder that a study describes.

    `class: clip.CLIP` is `CLIP` in recloop/features/clip.py; the other settings are keywords of its `open`.

    Args:
        settings: `class` and the keywords, e.g. `name` and `revision` of a published model.
        folder: where a saved model lies; None takes the published one.
        device: cpu or cuda; on a GPU it computes in bfloat16.

    Raises:
        TypeError: a keyword that the class does not have.
        ValueError: neither folder nor name, a folder without a model, a name without a pinned revision.
    """
    encoder = resolve_name(f"{__name__}.{settings['class']}")
    keywords = {name: value for name, value in settings.items() if name not in NOT_OF_THE_ENCODER}
    return encoder.open(folder=folder, device=device, **keywords)

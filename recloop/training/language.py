"""The language model of a run, opened anew for each of its trainings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from recloop.language_models.model import LanguageModel


def opened(
    data: dict[str, Path], settings: dict, device: torch.device | str
) -> LanguageModel | None:
    """Open the language model that a model's settings describe; None where they describe none.

    Args:
        data: `language`, the folder of a model of ours, where it is one.
        settings: of the run.
        device: cpu or cuda.
    """
    if "language" not in settings["model"]:
        return None
    from recloop.language_models import open_language_model

    return open_language_model(settings["model"]["language"], data.get("language"), device)

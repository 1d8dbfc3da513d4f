"""The language model of a run, opened anew for each of its trainings, and its tokenizer."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

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
    from transformers.utils.logging import disable_progress_bar

    from recloop.language_models import open_language_model

    disable_progress_bar()
    return open_language_model(settings["model"]["language"], data.get("language"), device)


def tokenizer_of(data: dict[str, Path], settings: dict) -> PreTrainedTokenizerBase | None:
    """Open the tokenizer of that model, once in a process; None where there is none."""
    if "language" not in settings["model"]:
        return None
    return opened_tokenizer(json.dumps(settings["model"]["language"]), data.get("language"))


@functools.lru_cache(maxsize=4)
def opened_tokenizer(language: str, folder: Path | None) -> PreTrainedTokenizerBase:
    """Open a tokenizer; settings are JSON, so that they can be remembered."""
    data = {"language": folder} if folder else {}
    return opened(data, {"model": {"language": json.loads(language)}}, "cpu").tokenizer

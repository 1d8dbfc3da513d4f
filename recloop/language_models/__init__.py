"""Language models: opened by name and commit or trained by a rule, adapted, asked; their texts and answers as data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from recloop.language_models.model import LanguageModel

KNOWN = {"name", "revision", "hash", "precision", "package"}
OF_THE_PLAN = {"pretrain", "learnt_from", "label"}  # read by the rule that trains a model of ours


def open_language_model(
    settings: dict, folder: Path | None = None, device: torch.device | str = "cpu"
) -> LanguageModel:
    """Open the language model that a study describes, causal or sequence to sequence.

    Args:
        settings: `name` and `revision` (a commit) of a published model, or `package` (one of `packaged.PACKAGES`);
            perhaps `hash`, what `files.revision_of` must give, and `precision`, one of `model.PRECISIONS`.
        folder: where a model of ours was saved; None takes the published one.
        device: cpu or cuda.

    Raises:
        SettingsError: an unknown setting.
        ModelError: no such model, another one than was pinned, or weights that are not safetensors.
    """
    from recloop.language_models import files, packaged
    from recloop.language_models.model import LanguageModel
    from recloop.storage.settings import only_known

    only_known("language model", settings, KNOWN | OF_THE_PLAN)
    if folder is None and "package" in settings:
        only_known("language model: package", [settings["package"]], packaged.speaking())
        folder = packaged.converted(settings["package"])
    if folder is not None:
        revision = files.checked_revision(folder, settings.get("hash"))
    else:
        folder = files.published(settings.get("name"), settings.get("revision"))
        revision = folder.name
        if "hash" in settings:
            files.checked_revision(folder, settings["hash"])
    return LanguageModel.open(folder, revision, settings.get("precision", "float32"), device)

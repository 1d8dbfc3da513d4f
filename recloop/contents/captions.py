"""Sentences about pictures in the place of titles, made of the attributes that a network of ours names.

Ours: IISAN-Versa reads captions that were generated from pictures and videos; by which model is not public. A network
that learnt to name attributes (recloop/contents/learning.py) says the likeliest value of each that is as likely as not.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from recloop.contents.networks import Network
from recloop.language_models.files import ModelError

NAMES, LABELS = "names.safetensors", "labels.json"
LIKELY = 0.5
TOGETHER = 256

Label = tuple[str, str]


def save_names(folder: Path, head: nn.Linear, labels: list[Label]) -> None:
    """Write what turns the pooled state of a network into the attributes that it names."""
    tensors = {name: one.detach().cpu().contiguous() for name, one in head.state_dict().items()}
    save_file(tensors, folder / NAMES)
    (folder / LABELS).write_text(json.dumps(labels) + "\n")


def read_names(folder: Path) -> tuple[nn.Linear, list[Label]]:
    """Read it back.

    Raises:
        ModelError: the network names nothing.
    """
    if not (folder / NAMES).exists():
        raise ModelError(
            f"{folder}: expected {NAMES} beside its weights, found none; only a network of ours (`learn`) can say what "
            "is on a picture"
        )
    labels = [(attribute, value) for attribute, value in json.loads((folder / LABELS).read_text())]
    tensors = load_file(folder / NAMES)
    head = nn.Linear(tensors["weight"].shape[1], len(labels))
    head.load_state_dict(tensors)
    return head, labels


@torch.no_grad()
def captions(network: Network, folder: Path, pixels: torch.Tensor) -> list[str | None]:
    """Say what is on pictures; None where nothing is likely.

    Args:
        network: of pictures, one of ours.
        folder: where it was saved.
        pixels: prepared pictures, 0 to 255.
    """
    head, labels = read_names(folder)
    found = []
    for part in pixels.split(TOGETHER):
        likely = torch.sigmoid(head(network.last({"pixels": part})))
        found += [sentence(row, labels) for row in likely.tolist()]
    return found


def sentence(likely: list[float], labels: list[Label]) -> str | None:
    """Put the likeliest value of each attribute into a sentence, what is not as likely as not left out."""
    best: dict[str, tuple[float, str]] = {}
    for chance, (attribute, value) in zip(likely, labels, strict=True):
        if chance > best.get(attribute, (LIKELY, ""))[0]:
            best[attribute] = (chance, value)
    said = [
        value if attribute == "kind" else f"{value} {attribute}"
        for attribute, (_, value) in best.items()
    ]
    return " ".join(said) or None

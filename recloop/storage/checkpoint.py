"""Where a training stands, in one file without pickle, so that a killed one goes on exactly where it was."""

import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from recloop.storage.files import replacing


def save(path: Path, tensors: dict[str, Tensor], facts: dict) -> None:
    """Write tensors and facts (JSON) as one safetensors file that is whole or absent, never half."""
    owned = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with replacing(path) as draft:
        save_file(owned, draft, metadata={"recloop": json.dumps(facts)})


def load(path: Path) -> tuple[dict[str, Tensor], dict]:
    """Read what `save` wrote.

    Raises:
        ValueError: the file is damaged or comes from somewhere else.
    """
    try:
        with safe_open(path, framework="pt") as file:
            facts = json.loads((file.metadata() or {})["recloop"])
            return {name: file.get_tensor(name) for name in file.keys()}, facts  # noqa: SIM118
    except (SafetensorError, KeyError, json.JSONDecodeError) as error:
        raise ValueError(
            f"{path}: not a file that recloop wrote, or a damaged one ({error}); delete it and run again"
        ) from error


def pack(
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    best: dict[str, Tensor],
    extra: dict[str, Tensor] | None = None,
) -> dict[str, Tensor]:
    """Name every tensor that decides how training goes on: weights, optimiser, best weights, random state.

    What a loop carries besides is `extra`; it is found again `below(tensors, "extra")`.
    """
    tensors = {f"model/{name}": tensor for name, tensor in model.state_dict().items()}
    tensors |= {f"best/{name}": tensor for name, tensor in best.items()}
    tensors |= {f"extra/{name}": tensor for name, tensor in (extra or {}).items()}
    for index, state in optimiser.state_dict()["state"].items():
        tensors |= {
            f"optimiser/{index}/{name}": torch.as_tensor(value) for name, value in state.items()
        }
    tensors["random/cpu"] = torch.get_rng_state()
    if torch.cuda.is_available():
        tensors["random/cuda"] = torch.cuda.get_rng_state()
    return tensors


def unpack(
    tensors: dict[str, Tensor], model: nn.Module, optimiser: torch.optim.Optimizer
) -> dict[str, Tensor]:
    """Put every tensor of `pack` back to its place and give the best weights."""
    model.load_state_dict(below(tensors, "model"))
    states: dict[int, dict[str, Tensor]] = {}
    for name, tensor in below(tensors, "optimiser").items():
        index, field = name.split("/")
        states.setdefault(int(index), {})[field] = tensor
    optimiser.load_state_dict(optimiser.state_dict() | {"state": states})
    torch.set_rng_state(tensors["random/cpu"])
    if "random/cuda" in tensors and torch.cuda.is_available():
        torch.cuda.set_rng_state(tensors["random/cuda"])
    return below(tensors, "best")


def below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Pick the tensors whose names start with `prefix/`, without it."""
    return {
        name.removeprefix(f"{prefix}/"): t
        for name, t in tensors.items()
        if name.startswith(f"{prefix}/")
    }

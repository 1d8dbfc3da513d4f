"""Where a training stands, in one file without pickle, so that a killed one goes on exactly where it was."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from recloop.storage.files import replacing


def save(path: Path, tensors: dict[str, Tensor], facts: dict) -> None:
    """Write tensors and facts (JSON) as one safetensors file that is whole or absent, never half."""
    owned, places = {}, set()
    for name, tensor in tensors.items():
        own = tensor.detach().cpu().contiguous()
        # Two names of the same memory (tied weights) are two tensors in a file.
        owned[name] = own.clone() if own.untyped_storage().data_ptr() in places else own
        places.add(own.untyped_storage().data_ptr())
    with replacing(path) as draft:
        save_file(owned, draft, metadata={"recloop": json.dumps(facts)})


def load(path: Path) -> tuple[dict[str, Tensor], dict]:
    """Read what `save` wrote.

    Raises:
        ValueError: the file is damaged or comes from somewhere else.
    """
    with reading(path) as (file, facts):
        return {name: file.get_tensor(name) for name in file.keys()}, facts  # noqa: SIM118


def facts_of(path: Path) -> dict:
    """Read the facts of a file that `save` wrote without its tensors; raises like `load`."""
    with reading(path) as (_, facts):
        return facts


@contextmanager
def reading(path: Path) -> Iterator[tuple[safe_open, dict]]:
    """Open what `save` wrote, with its facts; raises like `load`."""
    try:
        with safe_open(path, framework="pt") as file:
            facts = json.loads((file.metadata() or {})["recloop"])
            if not isinstance(facts, dict):
                raise KeyError("facts")
            yield file, facts
    except (SafetensorError, KeyError, json.JSONDecodeError, RecursionError) as error:
        raise ValueError(
            f"{path}: not a file that recloop wrote, or a damaged one ({error}); delete it and run again"
        ) from error


def join(parts: dict[str, dict[str, Tensor]]) -> dict[str, Tensor]:
    """Put groups of tensors together under names that begin with the group; `below` takes one out again."""
    return {
        f"{part}/{name}": tensor
        for part, tensors in parts.items()
        for name, tensor in tensors.items()
    }


def optimiser_state(optimisers: dict[str, torch.optim.Optimizer]) -> dict[str, Tensor]:
    """Return every tensor and number that optimisers carry from one update to the next, by name."""
    return {
        f"{name}/{index}/{field}": torch.as_tensor(value)
        for name, optimiser in optimisers.items()
        for index, state in optimiser.state_dict()["state"].items()
        for field, value in state.items()
        if value is not None
    }


def restore_optimisers(
    optimisers: dict[str, torch.optim.Optimizer], tensors: dict[str, Tensor]
) -> None:
    """Put what `optimiser_state` named back; groups and learning rates stay as they are."""
    for name, optimiser in optimisers.items():
        states: dict[int, dict[str, Tensor]] = {}
        for place, tensor in below(tensors, name).items():
            index, field = place.split("/")
            states.setdefault(int(index), {})[field] = tensor
        optimiser.load_state_dict(optimiser.state_dict() | {"state": states})


def random_state() -> dict[str, Tensor]:
    """Take down torch's random state."""
    states = {"cpu": torch.get_rng_state()}
    return states | ({"cuda": torch.cuda.get_rng_state()} if torch.cuda.is_available() else {})


def restore_random(tensors: dict[str, Tensor]) -> None:
    """Put torch's random state back."""
    torch.set_rng_state(tensors["cpu"])
    if "cuda" in tensors and torch.cuda.is_available():
        torch.cuda.set_rng_state(tensors["cuda"])


def below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Pick the tensors whose names start with `prefix/`, without it."""
    return {
        name.removeprefix(f"{prefix}/"): t
        for name, t in tensors.items()
        if name.startswith(f"{prefix}/")
    }

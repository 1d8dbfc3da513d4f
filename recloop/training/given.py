"""What a run was given: weights of runs that were not run, and numbers that are none."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
from safetensors import safe_open

from recloop.storage import checkpoint


def lacking(needs: dict[str, Path]) -> str | None:
    """Say which of the runs that a run needs was not run, and why; None where all were."""
    for role, weights in needs.items():
        if why := checkpoint.facts_of(weights).get("not_run"):
            model = json.loads(weights.with_name("run.json").read_text())["model"]
            return f"needs {model} as its {role}, which was not run: {why}"
    return None


def all_run(needs: dict[str, Path], what: str) -> None:
    """Stop what cannot stand on record as not run itself.

    Raises:
        ValueError: a run that it needs was not run; says which, and why.
    """
    if why := lacking(needs):
        raise ValueError(f"{what} cannot be made: it {why}")


def check_given(data: dict[str, Path], needs: dict[str, Path]) -> None:
    """Look for NaN in all that a run was given, so that it is not taken for a training that diverged.

    Args:
        data: folders, of which tables (.parquet), arrays (.npy) and weights (.safetensors) are read.
        needs: weights.

    Raises:
        ValueError: a number is NaN; names the file and where in it.
    """
    folders = [file for folder in data.values() for file in sorted(Path(folder).rglob("*"))]
    for file in [*needs.values(), *folders]:
        for place, numbers in READERS.get(file.suffix, nothing)(file):
            if np.isnan(numbers).any():
                raise ValueError(
                    f"{file}: {place} has NaN, from which nothing can be learned; make the file again"
                )


def nothing(file: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Read nothing from a file of another kind."""
    return iter(())


def columns(file: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Read the columns of a table that have fractions, within lists too."""
    for name, dtype in pl.read_parquet_schema(file).items():
        depth = 0
        while isinstance(dtype, pl.List | pl.Array):
            dtype, depth = dtype.inner, depth + 1
        if dtype.is_float():
            found = pl.read_parquet(file, columns=[name])[name]
            for _ in range(depth):
                found = found.explode()
            yield f"column {name}", found.drop_nulls().to_numpy()


def array(file: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Map an array of fractions."""
    found = np.load(file, mmap_mode="r")
    if np.issubdtype(found.dtype, np.floating):
        yield "the array", found


def weights(file: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Read the tensors of fractions, one after the other."""
    with safe_open(file, framework="pt") as tensors:
        for name in tensors.keys():  # noqa: SIM118
            tensor = tensors.get_tensor(name)
            if tensor.is_floating_point():
                yield f"the tensor {name}", tensor.float().numpy()


READERS = {".parquet": columns, ".npy": array, ".safetensors": weights}

"""A ring: item i is always followed by item i + 1, the last one by the first."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl

SIZES = {"items": 20, "sessions": 400, "mean_length": 8}
START = 1_396_310_400  # seconds since 1970: 2014-04-01


def generate(output: Path, writes: str, seed: int, sizes: Mapping[str, int | float]) -> list[Path]:
    """Write sessions of equal length that start anywhere on the ring."""
    if unknown := sizes.keys() - SIZES.keys():
        raise ValueError(f"ring has no size {sorted(unknown)}. Known: {', '.join(SIZES)}.")
    if writes != "session_rec":
        raise ValueError(f"ring cannot write {writes!r}. Known: session_rec.")
    chosen = {name: int(sizes.get(name, default)) for name, default in SIZES.items()}
    items, sessions, length = chosen.values()
    random = np.random.Generator(np.random.PCG64(seed))
    step = np.tile(np.arange(length), sessions)
    session = np.repeat(np.arange(sessions), length)
    item = (np.repeat(random.integers(0, items, sessions), length) + step) % items
    output.mkdir(parents=True, exist_ok=True)
    rows = {"SessionId": session + 1, "ItemId": item + 1, "Time": START + 3600.0 * session + step}
    pl.DataFrame(rows).write_csv(output / "ring.txt", separator="\t", float_precision=3)
    (output / "truth.json").write_text(json.dumps({"sizes": chosen}, sort_keys=True) + "\n")
    return [output / "ring.txt", output / "truth.json"]

"""An environment that has learnt, on disk: weights, prompts, curve and, when these are whole, the record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
from torch import Tensor

from recloop.fitting.progress import Metric
from recloop.storage import checkpoint
from recloop.storage.files import sha256_of, write_json

WEIGHTS = "weights.safetensors"


def write(
    output: Path,
    weights: dict[str, Tensor],
    settings: dict,
    curve: list[dict],
    metric: Metric,
    record: dict[str, Any],
) -> None:
    """Write weights.safetensors, vocabulary.json (the prompts), curve.csv and simulator.json.

    Args:
        output: folder.
        weights: what has learnt.
        settings: of the environment.
        curve: a row for each validation.
        metric: what chose the epoch.
        record: of the training; joined by the hash of the weights.
    """
    output.mkdir(parents=True, exist_ok=True)
    checkpoint.save(output / WEIGHTS, weights, {"settings": settings})
    (output / "vocabulary.json").write_text(json.dumps(settings.get("prompts", {}), indent=1))
    names = ("epoch", "loss", metric.column, "seconds")
    rows = [{name: float(row[name]) for name in names} for row in curve]
    pl.DataFrame(rows, schema=dict.fromkeys(names, pl.Float64)).write_csv(output / "curve.csv")
    write_json(output / "simulator.json", record | {"hash": sha256_of(output / WEIGHTS)})

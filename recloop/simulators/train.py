"""Rule `simulate`: captions and grid features to a captioner, with cross-entropy and teacher forcing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import Tensor

from recloop.fitting import processor
from recloop.fitting.context import TrainingContext
from recloop.fitting.trainer import Trainer
from recloop.language.vocabulary import Vocabulary
from recloop.simulators.captioner import build_network
from recloop.simulators.learner import Captions, Pairs, schedule_of, settings_of
from recloop.storage import checkpoint
from recloop.storage.files import sha256_of

FILES = ("weights.safetensors", "vocabulary.json", "curve.csv", "simulator.json")  # the record last
CURVE = {"epoch": pl.Int64, "loss": pl.Float64, "valid_loss": pl.Float64, "seconds": pl.Float64}


def train(
    dialogues: Path,
    features: Path,
    settings: dict,
    output: Path,
    seed: int,
    device: str = "cpu",
    threads: int = 1,
    log: Callable[[str], None] = print,
) -> None:
    """Teach a network to say how one picture differs from another.

    Args:
        dialogues: folder with captions.parquet; part train is learned, part valid chooses the epoch.
        features: folder of grid features.
        settings: `class`, `network`, `grid`, keywords of the network, and `training`, see `learner.DEFAULTS`.
        output: folder for weights.safetensors, vocabulary.json, curve.csv and, when these are whole, simulator.json.
        seed: of weights, batches and dropout.
        device: cpu or cuda.
        threads: processor threads.
        log: takes a line per epoch.

    Raises:
        ValueError: no captions in part train or valid.
    """
    from recloop.features.cache import Features

    processor.use(threads)
    training = settings_of(settings["training"])
    captions = read_captions(dialogues)
    vocabulary = Vocabulary.learn(
        captions.filter(part="train")["caption"].to_list(), training["at_least"]
    )
    grid = Features.open(features)
    pairs = gather(captions, vocabulary, grid, training["length"], device)
    torch.manual_seed(seed)
    network = build_network(settings, len(vocabulary), pairs["train"].cells.shape[-1]).to(device)
    draft = output.with_name(f"{output.name}.part")  # also the place of the checkpoint
    origin = {"settings": settings, "seed": seed, "dialogues": hash_of(dialogues)}
    context = TrainingContext(seed, draft, device, log, f"{settings['network']} of {dialogues}")
    objective = Captions(network, pairs, schedule_of(training), context)
    trainer = Trainer(objective, context, origin)
    best = trainer.fit()
    record = origin | facts(trainer, vocabulary, features) | {"length": training["length"]}
    write(draft, best, vocabulary, trainer.progress.curve, record)
    output.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        (draft / name).replace(output / name)
    shutil.rmtree(draft)


def read_captions(dialogues: Path) -> pl.DataFrame:
    """Read the captions and check that both parts of a training are there."""
    captions = pl.read_parquet(dialogues / "captions.parquet")
    counts = {part: captions.filter(part=part).height for part in ("train", "valid")}
    if not all(counts.values()):
        raise ValueError(
            f"{dialogues / 'captions.parquet'}: captions per part {counts}, expected some in both. "
            "Raise `captions:` of this data set, or say `by: grammar` if nobody wrote any."
        )
    return captions


def gather(
    captions: pl.DataFrame,
    vocabulary: Vocabulary,
    grid: Any,
    length: int,
    device: torch.device | str,
) -> dict[str, Pairs]:
    """Take the pictures of train and valid captions to the device, each once."""
    wanted = captions.filter(pl.col("part").is_in(["train", "valid"]))
    items, places = np.unique(wanted.select("target", "reference").to_numpy(), return_inverse=True)
    cells = torch.from_numpy(np.ascontiguousarray(grid.rows(items))).to(device)
    places = torch.from_numpy(places.reshape(-1, 2)).to(device)
    words = torch.from_numpy(vocabulary.encode(wanted["caption"].to_list(), length)).to(device)
    rows = {part: torch.from_numpy(np.flatnonzero(wanted["part"] == part)) for part in PARTS}
    return {
        part: Pairs(*places[row.to(device)].unbind(1), words[row.to(device)], cells)
        for part, row in rows.items()
    }


PARTS = ("train", "valid")


def facts(trainer: Trainer, vocabulary: Vocabulary, features: Path) -> dict:
    """List what came out, for the record."""
    done, pairs = trainer.progress, trainer.objective.pairs
    source = json.loads((features / "features.json").read_text())
    return {
        "features": pairs["train"].cells.shape[-1],
        "grid": {name: source.get(name) for name in ("encoder", "revision", "data")},
        "captions": {part: len(one) for part, one in pairs.items()},
        "vocabulary": len(vocabulary.words),
        "parameters": sum(weight.numel() for weight in trainer.model.parameters()),
        "epochs_run": round(trainer.epoch),
        "best_epoch": round(done.best_update / trainer.epoch_updates),
        "valid_loss": done.best,
        "seconds": done.seconds,
        "device": str(trainer.context.device),
    }


def hash_of(dialogues: Path) -> str:
    return json.loads((dialogues / "split.json").read_text())["hash"]


def write(
    folder: Path,
    weights: dict[str, Tensor],
    vocabulary: Vocabulary,
    curve: list[dict],
    record: dict,
) -> None:
    """Write what a captioner is opened from; the record says the hash of the weights."""
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint.save(folder / "weights.safetensors", weights, {"settings": record["settings"]})
    vocabulary.save(folder / "vocabulary.json")
    rows = [{name: row[name] for name in CURVE} | {"epoch": round(row["epoch"])} for row in curve]
    pl.DataFrame(rows, schema=CURVE).write_csv(folder / "curve.csv")
    digest = sha256_of(folder / "weights.safetensors")
    (folder / "simulator.json").write_text(json.dumps(record | {"hash": digest}, indent=1))

"""Rule `write_states`: texts to hidden states on disk, in the form of `recloop.features.cache`.

Goes on where a killed job stopped.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from recloop.features.cache import SHARD_ROWS, described, resumed, write_record
from recloop.features.encode import move
from recloop.fitting import processor
from recloop.language_models import open_language_model, texts
from recloop.language_models.model import BUDGET, LanguageModel
from recloop.language_models.sentences import SentenceEncoder, open_sentence_encoder
from recloop.storage.files import replacing
from recloop.storage.settings import only_known

POOLINGS = {"last": open_language_model, "mean": open_sentence_encoder}


def write_item_states(
    corpus: Path,
    settings: dict,
    output: Path,
    checkpoint_dir: Path,
    model: Path | None = None,
    device: str = "cpu",
    threads: int = 1,
    log: Callable[[str], None] = print,
) -> None:
    """Write the hidden state behind the text of every item of a corpus; zeros where an item has no text.

    Args:
        corpus: folder of `make_corpus`.
        settings: what `open_language_model` takes, and perhaps `layer`; with `pooling: mean` those of
            `open_sentence_encoder`.
        output: folder for the shards and features.json.
        checkpoint_dir: folder where the work is kept until it is whole.
        model: folder of a model of ours; None takes the published one.
        device: cpu or cuda.
        threads: of the processor.
        log: takes a line of progress.
    """
    processor.use(threads)
    rows, record = texts.read(corpus), texts.read_record(corpus)
    sentences = [""] * record["items"]
    for item, text in zip(rows["item"], rows["text"], strict=True):
        if item >= 0:
            sentences[item] = text
    only_known("pooling", [settings.get("pooling", "last")], POOLINGS)
    opened = {name: value for name, value in settings.items() if name not in ("layer", "pooling")}
    reads = POOLINGS[settings.get("pooling", "last")]
    reader = reads(opened, model, device)
    layer = settings.get("layer", -1)
    write_states(reader, sentences, record["key"], checkpoint_dir, layer, log=log)
    move(checkpoint_dir, output)


def write_states(
    model: LanguageModel | SentenceEncoder,
    sentences: list[str],
    data: str,
    output: Path,
    layer: int = -1,
    budget: int = BUDGET,
    log: Callable[[str], None] = print,
) -> None:
    """Write the hidden state behind each text; `Features.open(output, data)` reads them.

    Args:
        model: frozen; its revision is recorded.
        sentences: one per item or session, in their order; zeros stand for an empty one.
        data: hash of where they come from.
        output: folder for the shards and features.json.
        layer: as of `LanguageModel.hidden`.
        budget: tokens of a batch.
        log: takes a line per shard.

    Raises:
        ValueError: the folder holds states of another model, layer or of other texts, or a damaged shard.
    """
    record = {
        "encoder": {"layer": layer},
        "revision": model.identity,
        "data": data,
        "rows": len(sentences),
        "shape": [model.dim],
        "dtype": "float32",
        "precision": model.precision,
        "shard_rows": SHARD_ROWS,
        "shards": [],
    }
    output.mkdir(parents=True, exist_ok=True)
    record = resumed(output, record)
    done, started = sum(shard["rows"] for shard in record["shards"]), time.monotonic()
    for first in range(done, len(sentences), record["shard_rows"]):
        part = sentences[first : first + record["shard_rows"]]
        states = np.zeros((len(part), model.dim), np.float32)
        said = [place for place, text in enumerate(part) if text]
        states[said] = model.hidden([part[place] for place in said], layer, budget).numpy()
        record["shards"].append(write_shard(output, len(record["shards"]), states))
        write_record(output, record)
        rate = (first + len(part) - done) / (time.monotonic() - started)
        log(f"{first + len(part):,} of {len(sentences):,} texts, {rate:.0f}/s")
    write_record(output, record)


def write_shard(folder: Path, number: int, states: np.ndarray) -> dict:
    """Write one file of rows; return what the record says of it.

    Raises:
        ValueError: a state is not finite.
    """
    if not np.isfinite(states).all():
        raise ValueError(
            f"{folder}: hidden states are infinite or no numbers; say precision: float32, or look at the model"
        )
    path = folder / f"{number:05}.npy"
    with replacing(path) as draft:
        table = np.lib.format.open_memmap(draft, mode="w+", dtype="float32", shape=states.shape)
        table[:] = states
        table.flush()
    return described(path, len(states))

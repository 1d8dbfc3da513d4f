"""Rule `learn_item_tokens`: what the items of a split are called to one token for each, in a language model of its own.

Thesis, chapter 6, Item tokenization; `recloop.language_models.items` learns them.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl
import torch
from jaxtyping import Float
from torch import Tensor

from recloop.fitting import processor
from recloop.fitting.context import TrainingContext
from recloop.language_models import open_language_model
from recloop.language_models.items import ItemTokens, word
from recloop.language_models.kinship import kinship
from recloop.language_models.model import LanguageModel
from recloop.language_models.prompts import Prompt
from recloop.storage import checkpoint
from recloop.storage.files import sha256_of, write_json
from recloop.storage.fingerprint import digest

WEIGHTS, RECORD = "tokens.safetensors", "tokens.json"
FIELDS = ("title", "category", "brand", "description")  # of items, for prompts
UNKNOWN = "unknown"  # said of what is not known
STARTS = ("random", "words")


def learn_item_tokens(
    sessions: Path,
    settings: dict,
    output: Path,
    seed: int,
    model: Path | None = None,
    device: str = "cpu",
    threads: int = 1,
    log: Callable[[str], None] = print,
) -> None:
    """Learn one token for each item of a split, and keep the rows of the embedding table.

    Before that it is measured what the model knows of the items, see `recloop.language_models.kinship`.

    Args:
        sessions: folder of a split, whose items.parquet says what items are called.
        settings: `language_model`, what `open_language_model` takes; `sentence`, the template of an item; `words`, most
            of each of the item's texts; `start`, one of `STARTS`; `iterations` and `learning_rate`. No iterations leave
            the start as it is.
        output: folder for tokens.safetensors and tokens.json.
        seed: of the random start.
        model: folder of a model of ours; None takes the published one.
        device: cpu or cuda.
        threads: of the processor.
        log: takes a line of progress.
    """
    processor.use(threads)
    started = time.monotonic()
    prompt = Prompt("sentence", settings["sentence"])
    about = described(
        sessions, [name for name in prompt.fields if name in FIELDS], settings["words"]
    )
    sentences = [prompt.fill(item=word(item), **words) for item, words in enumerate(about)]
    opened = open_language_model(settings["language_model"], model, device)
    of = opened.identity
    knows = known(opened, sessions, settings["words"], seed)
    tokens = ItemTokens(opened, len(sentences), seed)
    begin(tokens, [" ".join(words.values()) for words in about], settings["start"])
    draft = output.with_name(f"{output.name}.part")
    if settings["iterations"]:
        context = TrainingContext(seed, draft, device, log, f"item tokens of {sessions.name}")
        tokens.learn(sentences, context, settings["iterations"], settings["learning_rate"])
    output.mkdir(parents=True, exist_ok=True)
    checkpoint.save(output / WEIGHTS, {"rows": tokens.table.float()}, {"model": of})
    key = digest(settings, seed, sha256_of(output / WEIGHTS))
    seconds = time.monotonic() - started
    record = {"items": len(sentences), "model": of, "key": key, "seconds": seconds, "kin": knows}
    write_json(output / RECORD, record | {"settings": settings, "seed": seed})
    shutil.rmtree(draft, ignore_errors=True)


def known(model: LanguageModel, sessions: Path, words: int, seed: int) -> dict | None:
    """Measure whether a model expects items of one brand behind each other; None where no brands are known."""
    rows = pl.read_parquet(sessions / "items.parquet", columns=["item", "title", "brand"])
    rows = rows.sort("item")
    titles = [" ".join((title or "").split()[:words]) for title in rows["title"]]
    return kinship(model, titles, rows["brand"].to_list(), seed)


def described(sessions: Path, fields: list[str], words: int) -> list[dict[str, str]]:
    """Read what the items of a split are called, in their order.

    Args:
        sessions: folder of a split.
        fields: some of `FIELDS`.
        words: most words of each.
    """
    rows = pl.read_parquet(sessions / "items.parquet", columns=["item", *fields]).sort("item")
    return [
        {name: shortened(text, words) for name, text in zip(fields, row, strict=True)}
        for row in rows.select(fields).iter_rows()
    ]


def shortened(text: str | None, words: int) -> str:
    """Take the first words of a text; say so where there is none."""
    return " ".join((text or "").split()[:words]) or UNKNOWN


@torch.no_grad()
def begin(tokens: ItemTokens, texts: list[str], start: str) -> None:
    """Put the rows where learning starts: drawn, as they are, or each the mean of the item's words (ours).

    Raises:
        ValueError: another start.
    """
    if start not in STARTS:
        raise ValueError(f"start={start!r}: expected one of {', '.join(STARTS)}")
    if start == "words":
        table = tokens.model.network.get_input_embeddings().weight
        numbers = tokens.model.tokenizer(texts, add_special_tokens=False)["input_ids"]
        for item, row in enumerate(numbers):
            tokens.table[item] = table[row].mean(0)


def with_items(
    settings: dict, folder: Path, model: Path | None, device: str
) -> tuple[LanguageModel, ItemTokens]:
    """Open a language model with the tokens that were learnt for it.

    Args:
        settings: what `open_language_model` takes.
        folder: of `learn_item_tokens`.
        model: folder of a model of ours; None takes the published one.
        device: cpu or cuda.

    Raises:
        ValueError: the tokens were learnt for another model.
    """
    rows, facts = checkpoint.load(folder / WEIGHTS)
    opened = open_language_model(settings, model, device)
    if facts["model"] != opened.identity:
        raise ValueError(
            f"{folder}: learnt for the model {facts['model'][:20]}, expected {opened.identity[:20]}; remove the folder"
        )
    tokens = ItemTokens(opened, len(rows["rows"]), seed=0)
    put(tokens, rows["rows"])
    return opened, tokens


@torch.no_grad()
def put(tokens: ItemTokens, rows: Float[Tensor, "item dim"]) -> None:
    """Write the rows of items into their model, and into its revision."""
    tokens.table.copy_(rows)
    tokens.model.settle({"items": rows})

"""Rule `tell_preferences`: what a language model says that users prefer, as a table (thesis, Sec 7.4.1).

Each user who is asked for meets every item once, among candidates in an order drawn at random, with "None" as the last
answer (Table 7.1). What the model holds of a candidate, less what it holds of "None", is how much the user is said to
like it.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from string import ascii_lowercase
from typing import TYPE_CHECKING, Any

import polars as pl
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from recloop.data.ratings import read_ratings
from recloop.fitting import processor
from recloop.language_models.prompts import Prompt
from recloop.language_models.texts import prompted, rows_of
from recloop.simulators.preferences import TABLE
from recloop.storage import checkpoint
from recloop.storage.files import write_json
from recloop.storage.settings import SettingsError

if TYPE_CHECKING:
    from datasets import Dataset

LEARNING = ("train", "valid")  # parts whose users are asked for
RECORD = "preferences.json"
DESCRIBED = ("title", "brand", "category", "description")  # columns of items that may say something


@dataclass(frozen=True)
class Judge:
    """Who is asked, and in which words.

    Attributes:
        model: of `recloop.language_models.asking.open_speaker`, perhaps one of ours.
        scenario, item, behavior: words of the prompt.
        attributes: what is said of an item: columns of items.parquet, or names before the colon of its attributes.
        users: how many users are asked for, the first ones.
        history: how many items of a user the prompt has.
        least: the lowest rating of an item of the history; null where sessions are the histories.
        candidates: items of a prompt.
        weighed: whether letters are weighed, or an answer is spoken.
        chat: whether prompts are put into the model's chat template.
        seed: of histories and of the order of candidates.
    """

    model: Mapping[str, Any]
    scenario: str
    item: str
    behavior: str
    attributes: Sequence[str]
    users: int
    history: int
    least: float | None = None
    candidates: int = 10
    weighed: bool = True
    chat: bool = False
    seed: int = 0
    words: dict[str, str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not 1 <= self.candidates < len(ascii_lowercase):
            raise ValueError(f"candidates={self.candidates}: expected 1 to 25, a letter for each")
        named = {"scenario": self.scenario, "item": self.item, "behavior": self.behavior}
        object.__setattr__(self, "words", named | {"attributes": "; ".join(self.attributes)})


def tell_preferences(
    sessions: Path,
    tables: Path,
    settings: dict,
    prompt: dict,
    output: Path,
    answers: Path,
    model: Path | None = None,
    device: str = "cpu",
    threads: int = 1,
    log: Callable[[str], None] = print,
) -> None:
    """Ask a language model what users prefer; what it answered before is not asked again.

    Args:
        sessions: folder of a split.
        tables: folder of the tidy tables, with ratings where histories are of rated items.
        settings: of the judge, see `Judge`.
        prompt: `template` and `answers` of the study's prompts.yaml.
        output: folder for preferences.safetensors, with `liked` and the `history` that was told, both of shape (user,
            item), and for preferences.json.
        answers: folder of all answers on record.
        model: folder of a language model of ours; None takes the published one.
        device: cpu or cuda.
        threads: of the processor.
        log: takes a line of progress.

    Raises:
        SettingsError: nothing is known of any item, or no user has a history.
    """
    processor.use(threads)
    judge = Judge(**settings)
    asked = Prompt("prompts.yaml: preference", prompt["template"], tuple(prompt["answers"]))
    texts = describe(sessions / "items.parquet", judge.attributes)
    known = histories(sessions, tables, judge)
    if judge.least is not None and not any(known):
        raise SettingsError(
            f"{sessions}: no user has rated an item {judge.least:g} or higher; lower the judge's `least`"
        )
    order = arranged(len(known), len(texts), judge)
    drafts = output.with_name(f"{output.name}.part")
    prompts = prompted(filled(judge, texts, known, order), asked, drafts, threads)["prompt"][:]
    shutil.rmtree(drafts)
    letters = asked.answers[: order.shape[2] + 1]
    logs, speaker = weigh(prompts, letters, judge, answers, model, device, log)
    tensors = {"liked": liked(logs, order, len(texts)), "history": marked(known, len(texts))}
    checkpoint.save(output / TABLE, tensors, {"judge": settings})
    facts = {"users": len(known), "prompts": len(prompts), "revision": speaker}
    write_json(output / RECORD, {"judge": settings, **facts})


def describe(items: Path, attributes: Sequence[str]) -> list[str]:
    """Say what is known of each item: the values of some attributes, in the order of the items.

    Raises:
        SettingsError: nothing is known of any item.
    """
    table = pl.read_parquet(items)
    known = [values(table, name) for name in attributes]
    said = ["; ".join(filter(None, row)) for row in zip(*known, strict=True)]
    if not any(said):
        listed = table["attributes"].explode().drop_nulls().str.split(":").list.first().unique()
        columns = [name for name in DESCRIBED if name in table.columns and table[name].count()]
        raise SettingsError(
            f"{items}: no item has {' or '.join(attributes)}, so that nothing could be said of any; name some of "
            f"{', '.join([*columns, *listed.sort()])} as `attributes`"
        )
    return [one or "unknown" for one in said]


def values(table: pl.DataFrame, name: str) -> list[str | None]:
    """Read one attribute of all items."""
    if name in table.columns:
        return table[name].to_list()
    prefix = f"{name}:"
    return [
        next((one.removeprefix(prefix) for one in listed or [] if one.startswith(prefix)), None)
        for listed in table["attributes"].to_list()
    ]


def histories(sessions: Path, tables: Path, judge: Judge) -> list[list[int]]:
    """List the items that the prompt says of each user: the last of the session, or some that are rated well."""
    if judge.least is None:
        lists = pl.concat(
            [pl.read_parquet(sessions / f"{part}.parquet", columns=["item"]) for part in LEARNING]
        )["item"].head(judge.users)
        return [one[-judge.history :] for one in lists.to_list()]
    ratings = torch.from_numpy(read_ratings(sessions, tables, LEARNING))[: judge.users]
    chance = torch.Generator().manual_seed(judge.seed)
    wish = torch.rand(ratings.shape, generator=chance).masked_fill(ratings < judge.least, -1.0)
    drawn = wish.argsort(1, descending=True)[:, : judge.history]
    return [row[wish[user, row] >= 0].tolist() for user, row in enumerate(drawn)]


def arranged(users: int, items: int, judge: Judge) -> Int[Tensor, "user prompt candidate"]:
    """Deal all items to prompts of each user, in any order; the first ones fill the last prompt up."""
    chance = torch.Generator().manual_seed(judge.seed + 1)
    dealt = torch.rand(users, items, generator=chance).argsort(1)
    size = min(judge.candidates, items)
    return torch.cat([dealt, dealt[:, : -items % size]], dim=1).view(users, -1, size)


def filled(
    judge: Judge,
    texts: Sequence[str],
    known: Sequence[Sequence[int]],
    order: Int[Tensor, "user prompt candidate"],
) -> Dataset:
    """List what the fields of the prompts are filled with, for all users one after the other."""
    none = f"{ascii_lowercase[order.shape[2]]}. None"
    told, candidates = [], []
    for history, dealt in zip(known, order.tolist(), strict=True):
        told += [", ".join(texts[item] for item in history) or "none"] * len(dealt)
        for items in dealt:
            pairs = zip(ascii_lowercase, items, strict=False)
            listed = [f"{letter}. {texts[item]}" for letter, item in pairs]
            candidates.append(" ".join([*listed, none]))
    words = {name: [value] * len(told) for name, value in judge.words.items()}
    return rows_of({**words, "history": told, "candidates": candidates})


def weigh(
    prompts: list[str],
    letters: Sequence[str],
    judge: Judge,
    answers: Path,
    model: Path | None,
    device: str,
    log: Callable[[str], None],
) -> tuple[Float[Tensor, "prompt answer"], str]:
    """Let the model answer, and read what it holds of each letter; with letters, less what their places are worth.

    Raises:
        ValueError: letters of a provider are to be weighed, who does not tell their likelihood.
    """
    from recloop.language_models.answers import Answers
    from recloop.language_models.asking import Local, ask, open_speaker
    from recloop.language_models.decoding import Decoding
    from recloop.language_models.weighing import Weigher, calibrated, spoken_weights, weights

    speaker = open_speaker(judge.model, model, device)
    if judge.weighed:
        if not isinstance(speaker, Local):
            raise ValueError(
                "weighed: true needs a model here; a provider says its answer: weighed: false"
            )
        speaker = Weigher(speaker.model, letters)
    decoding = Decoding(max_tokens=1 if judge.weighed else 8, chat=judge.chat)
    found = ask(speaker, prompts, decoding, Answers(answers, speaker.revision), log)
    logs = calibrated(weights(found)) if judge.weighed else spoken_weights(found, letters)
    return logs, speaker.revision


def liked(
    logs: Float[Tensor, "all answer"],
    order: Int[Tensor, "user prompt candidate"],
    items: int,
) -> Float[Tensor, "user item"]:
    """Put what is held of each candidate over "None" where it belongs, as each item is met first.

    Args:
        logs: of all prompts of all users, as they were filled.
        order: the candidates of each prompt.
        items: how many there are.
    """
    users = len(order)
    over = (logs[:, :-1] - logs[:, -1:]).reshape(users, -1)[:, :items]
    return torch.zeros(users, items).scatter(1, order.reshape(users, -1)[:, :items], over)


def marked(known: Sequence[Sequence[int]], items: int) -> Bool[Tensor, "user item"]:
    """Mark the items of each history."""
    found = torch.zeros(len(known), items, dtype=torch.bool)
    for row, history in zip(found, known, strict=True):
        row[list(history)] = True
    return found

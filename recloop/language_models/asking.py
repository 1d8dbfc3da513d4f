"""Prompts to answers: what was answered before is read, the rest is asked, and a look ahead says what that costs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Protocol, runtime_checkable

import torch

from recloop.language_models import open_language_model
from recloop.language_models.answers import Answer, Answers
from recloop.language_models.constraint import Constraint
from recloop.language_models.decoding import Decoding
from recloop.language_models.model import BUDGET, LanguageModel
from recloop.language_models.provider import Provider
from recloop.storage.fingerprint import digest
from recloop.storage.settings import SettingsError, only_known

TRIAL = 4  # prompts by which an unknown speed is measured
SILENCE = 60.0  # least seconds between two lines of progress


@runtime_checkable  # so that types are checked in tests
class Speaker(Protocol):
    """Who answers: a network here, or a provider."""

    revision: str

    def count(self, prompts: list[str], decoding: Decoding) -> list[int]:
        """Count the tokens of prompts, exactly or about."""
        ...

    def answers(self, prompts: list[str], decoding: Decoding) -> Iterator[dict[int, Answer]]:
        """Answer prompts, some at a time; each part names the places of its prompts."""
        ...


class Local:
    """A network of our own as one who answers.

    Args:
        model: the network.
        constraint: what it may say; None for anything.
        budget: tokens of a batch.
    """

    def __init__(
        self, model: LanguageModel, constraint: Constraint | None = None, budget: int = BUDGET
    ):
        self.model, self.constraint, self.budget = model, constraint, budget
        self.revision = model.identity
        if constraint:  # what may be said decides what is said
            self.revision += f" {digest(constraint.allowed())}"

    def count(self, prompts: list[str], decoding: Decoding) -> list[int]:
        """Count the tokens of prompts."""
        return [len(row) for row in self.model.rows(prompts, decoding)]

    def answers(self, prompts: list[str], decoding: Decoding) -> Iterator[dict[int, Answer]]:
        """Answer batch by batch."""
        lengths, started = self.count(prompts, decoding), time.monotonic()
        for batch in self.model.say(prompts, decoding, self.constraint, self.budget):
            each = (time.monotonic() - started) / len(batch)
            yield {
                place: Answer(said.text, said.tokens, each, lengths[place])
                for place, said in batch.items()
            }
            started = time.monotonic()


def open_speaker(
    settings: dict, folder: Path | None = None, device: torch.device | str = "cpu"
) -> Speaker:
    """Open who answers: the provider of the one setting `provider`, or else a network here.

    Args:
        settings: of a language model as a study describes it; `provider` holds `address`, `name` and other keywords of
            `Provider`, and takes the place of everything else.
        folder, device: as of `open_language_model`.

    Raises:
        SettingsError: a provider has no such keyword, or lacks one.
    """
    if "provider" not in settings:
        return Local(open_language_model(settings, folder, device))
    given, known = settings["provider"], [field.name for field in fields(Provider)]
    only_known("provider", given, known)
    if missing := [name for name in known[:2] if name not in given]:
        raise SettingsError(f"provider: lacks '{missing[0]}'")
    return Provider(**given)


@dataclass(frozen=True)
class Preview:
    """What asking would cost.

    Attributes:
        prompts: how many there are, and `known`, how many of them were answered before; equal ones count once.
        asked: tokens of the prompts that are left.
        said: most tokens of their answers.
        hours: at the speed of the answers on record; None where there are none.
    """

    prompts: int
    known: int
    asked: int
    said: int
    hours: float | None

    def __str__(self) -> str:
        left = self.prompts - self.known
        time = "at an unknown speed" if self.hours is None else f"about {self.hours:.2g} hours"
        return (
            f"{self.prompts:,} prompts, {self.known:,} answered before; {left:,} to ask: {self.asked:,} tokens, "
            f"at most {self.said:,} in answers, {time}"
        )


def preview(
    speaker: Speaker, prompts: Sequence[str], decoding: Decoding, record: Answers
) -> Preview:
    """Count what is left to ask, and how long it takes at the speed of what was asked before."""
    different = list(dict.fromkeys(prompts))
    left = [prompt for prompt in different if record.get(prompt, decoding) is None]
    asked, said = sum(speaker.count(left, decoding)), len(left) * decoding.max_tokens
    before = list(record.found.values())
    tokens = sum(one.asked + one.tokens for one in before)
    hours = None
    if not left:
        hours = 0.0
    elif tokens:
        hours = (asked + said) * sum(one.seconds for one in before) / tokens / 3600
    return Preview(len(different), len(different) - len(left), asked, said, hours)


def ask(
    speaker: Speaker,
    prompts: Sequence[str],
    decoding: Decoding,
    record: Answers,
    log: Callable[[str], None] = print,
) -> list[Answer]:
    """Answer prompts; each different one is asked once, ever, and on record before the next ones are.

    Args:
        speaker: who answers; it is not asked at all where everything is on record.
        prompts: in any number, equal ones among them.
        decoding: how.
        record: of this speaker.
        log: takes the preview and a line of progress.

    Raises:
        ValueError: the record is that of another model.
    """
    if record.revision != speaker.revision:
        raise ValueError(
            f"{record.path}: holds answers of {record.revision!r}, expected {speaker.revision!r}; open the answers of "
            "the model that is asked"
        )
    record.refresh()
    seen = preview(speaker, prompts, decoding, record)
    log(str(seen))
    left = [one for one in dict.fromkeys(prompts) if record.get(one, decoding) is None]
    # The first ones are few, so that the speed is known soon.
    parts = [left] if seen.hours is not None else [left[:TRIAL], left[TRIAL:]]
    done, started = 0, time.monotonic()
    spoke = started
    for part in filter(None, parts):
        for answers in speaker.answers(part, decoding):
            record.add((part[place], decoding, answer) for place, answer in answers.items())
            done += len(answers)
            now = time.monotonic()
            if done < len(left) and now - spoke >= SILENCE:
                minutes, spoke = (now - started) / 60 * (len(left) - done) / done, now
                log(f"{done:,} of {len(left):,} answered, about {minutes:.0f} minutes left")
        if part is not parts[-1]:
            log(str(preview(speaker, prompts, decoding, record)))
    if left:
        log(f"{done:,} of {len(left):,} answered")
    return [record.get(prompt, decoding) for prompt in prompts]

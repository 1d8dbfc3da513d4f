"""Every prompt and its answer on record, so that nothing is asked twice.

A file of JSON lines per model that is only ever appended to. A line's key is the hash of all that decides an answer:
prompt, revision of the model, decoding. Jobs may write side by side: each appends under a lock, after it has read what
the others wrote, and the first answer to a prompt is everybody's. A line that a killed job left half is passed over.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from recloop.language_models.decoding import Decoding

FIELDS = ("prompt", "revision", "decoding")  # what the key is the hash of


@dataclass(frozen=True)
class Answer:
    """What a model answered once.

    Attributes:
        text: as it was said.
        tokens: how many it took.
        seconds: its share of the time that its batch took.
        asked: tokens of the prompt.
    """

    text: str
    tokens: int
    seconds: float
    asked: int = 0


def key_of(prompt: str, revision: str, decoding: dict) -> str:
    """Hash what decides an answer."""
    parts = dict(zip(FIELDS, (prompt, revision, decoding), strict=True))
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


class Answers:
    """The answers of one model.

    Args:
        folder: of all models; this one's are in a file named by its revision.
        revision: of who answers.
    """

    def __init__(self, folder: Path, revision: str):
        named = hashlib.sha256(revision.encode()).hexdigest()[:16]
        self.path, self.revision = folder / f"{named}.jsonl", revision
        self.found: dict[str, Answer] = {}
        self.offset = 0
        folder.mkdir(parents=True, exist_ok=True)
        self.refresh()

    def key(self, prompt: str, decoding: Decoding) -> str:
        """Return the key of a prompt."""
        return key_of(prompt, self.revision, decoding.facts())

    def get(self, prompt: str, decoding: Decoding) -> Answer | None:
        """Return what was answered; None where it was never asked."""
        return self.found.get(self.key(prompt, decoding))

    def refresh(self) -> None:
        """Read what has been written since the last look."""
        if self.path.exists():
            with self.path.open("rb") as file:
                self.read(file)

    def read(self, file: BinaryIO) -> None:
        """Read whole lines from where the last look ended.

        Raises:
            ValueError: a line is whole and yet its key is not that of its content.
        """
        file.seek(self.offset)
        for line in file:
            if not line.endswith(b"\n"):
                return  # being written, or left half by a killed job
            self.offset += len(line)
            self.take(line)

    def take(self, line: bytes) -> None:
        """Take one line; the first answer to a prompt stays."""
        try:
            entry = json.loads(line)
            key, asked = entry["key"], [entry[name] for name in FIELDS]
            answer = Answer(entry["answer"], entry["tokens"], entry["seconds"], entry["asked"])
        except (ValueError, KeyError, TypeError):
            return  # left half by a killed job, and ended by the next
        if key_of(*asked) != key:
            raise ValueError(
                f"{self.path}: the line with key {key[:12]} is not what was written (its content hashes to "
                f"{key_of(*asked)[:12]}); somebody edited it: put the file back, or remove it and ask anew"
            )
        self.found.setdefault(key, answer)

    def add(self, given: Iterable[tuple[str, Decoding, Answer]]) -> None:
        """Append answers that nobody has given yet; they are on the disk when this returns."""
        with self.alone() as file:
            self.read(file)
            lines = b""
            for prompt, decoding, answer in given:
                if (key := self.key(prompt, decoding)) in self.found:
                    continue
                self.found[key] = answer
                lines += self.line(key, prompt, decoding, answer)
            if not lines:
                return
            size = file.seek(0, os.SEEK_END)
            if size > self.offset:  # half a line of a killed job
                lines = b"\n" + lines
            file.write(lines)
            file.flush()
            os.fsync(file.fileno())
            self.offset = size + len(lines)

    @contextmanager
    def alone(self) -> Iterator[BinaryIO]:
        """Open the file for appending while no other job does; the lock ends with the process, however it ends."""
        with self.path.open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file

    def line(self, key: str, prompt: str, decoding: Decoding, answer: Answer) -> bytes:
        """Write one answer down."""
        asked = dict(zip(FIELDS, (prompt, self.revision, decoding.facts()), strict=True))
        said = {"answer": answer.text, "tokens": answer.tokens, "seconds": answer.seconds}
        entry = {"key": key, **asked, **said, "asked": answer.asked}
        return json.dumps(entry, ensure_ascii=False).encode() + b"\n"

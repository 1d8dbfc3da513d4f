"""The words a captioner can say, numbered."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Int

END = 0  # begins a sentence, ends it and fills the row behind it; as in ImageCaptioning.pytorch
UNKNOWN = "UNK"  # upper case, so that no word of a caption is called so
WORD = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")  # ours: "v-neck" stays one word


def words_of(sentence: str) -> list[str]:
    """Split a sentence: lower case, no punctuation; "women's" becomes "womens"."""
    return WORD.findall(sentence.lower().replace("'", "").replace("’", ""))


@dataclass(frozen=True)
class Vocabulary:
    """Words and their numbers, from 1; 0 is `END` and the last word is `UNKNOWN`.

    Args:
        words: every word once, `UNKNOWN` among them.
    """

    words: tuple[str, ...]

    def __post_init__(self):
        if UNKNOWN not in self.words or len(set(self.words)) < len(self.words):
            raise ValueError(
                f"a vocabulary has every word once and {UNKNOWN} among them; got {len(self.words)} words, "
                f"{len(set(self.words))} different ones. Learn it from captions again."
            )

    @classmethod
    def learn(cls, captions: Iterable[str], at_least: int = 5) -> Vocabulary:
        """Take the words that are said often enough, the most frequent one first.

        Args:
            captions: sentences as written.
            at_least: how often.  # library default, user_simulators: threshold 5
        """
        counts = Counter(word for caption in captions for word in words_of(caption))
        kept = [word for word, count in counts.items() if count >= at_least]
        return cls((*sorted(kept, key=lambda word: (-counts[word], word)), UNKNOWN))

    @cached_property
    def ids(self) -> dict[str, int]:
        return {word: number for number, word in enumerate(self.words, 1)}

    @property
    def unknown(self) -> int:
        return self.ids[UNKNOWN]

    def __len__(self) -> int:
        """Count the words and `END`: the rows of an embedding table."""
        return len(self.words) + 1

    def encode(self, captions: Sequence[str], length: int) -> Int[np.ndarray, "caption time"]:
        """Return the numbers of the first `length` words of every caption; an `END` follows them."""
        rows = np.full((len(captions), length + 1), END, np.int64)
        for row, caption in zip(rows, captions, strict=True):
            words = words_of(caption)[:length]
            row[: len(words)] = [self.ids.get(word, self.unknown) for word in words]
        return rows

    def decode(self, rows: Int[np.ndarray, "caption time"]) -> list[str]:
        """Write each row out, up to its first `END`."""
        lengths = np.where((rows == END).any(1), (rows == END).argmax(1), rows.shape[1])
        return [
            " ".join(self.words[number - 1] for number in row[:length])
            for row, length in zip(rows.tolist(), lengths.tolist(), strict=True)
        ]

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(self.words, ensure_ascii=False, indent=0))

    @classmethod
    def read(cls, path: Path) -> Vocabulary:
        return cls(tuple(json.loads(path.read_text())))

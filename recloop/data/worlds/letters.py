"""Letters: a small language in which it is known what a word costs the eye, and what makes a reply the better one.

The truth: every word of content has a topic, a length, a rarity and, independent of these, is easy or hard. The eye
stays on a word for `BASE` + `BY_LETTER` per letter + `BY_RARITY` times its rarity and, with the size `hidden` 1,
`BY_HARDNESS` longer on a hard one. Of two replies to a prompt, both on its topic, people like the one with fewer hard
words (`cause` 1); with `cause` 0 hard words mean nothing to them, and they like the reply that keeps to the topic.
Lengths are dealt alike to both replies. A share of `slips` of the pairs is the wrong way round. No exp or log is
used, so that every machine writes the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

SIZES = {
    "pairs": 440,
    "sentences": 360,  # whose reading is measured
    "texts": 700,  # for a language model alone
    "words": 100,  # of content
    "topics": 5,
    "hidden": 1,  # 0: reading times are made of length and rarity alone
    "cause": 1,  # 0: preference hangs on the topic, which no eye tells
    "slips": 0.04,
}
BASE, BY_LETTER, BY_RARITY, BY_HARDNESS, NOISE = 90.0, 14.0, 60.0, 160.0, 20.0  # milliseconds
EASY, HARD, USUAL = 0.25, 0.75, 0.5  # share of hard words of the better, the worse and any text
OFF_TOPIC = 0.7  # share of words from another topic in the worse reply, with `cause` 0
BEGINNINGS = (
    "b",
    "d",
    "f",
    "g",
    "k",
    "l",
    "m",
    "n",
    "p",
    "r",
    "s",
    "t",
    "v",
    "z",
    "br",
    "st",
    "tr",
    "pl",
)
MIDDLES, ENDS = ("a", "e", "i", "o", "u"), ("", "n", "r", "l", "s")
LINKS = ("the", "of", "and", "in", "with", "for", "near", "under")
PARTS = {"train": 0.8, "valid": 0.1, "test": 0.1}  # of the texts
NUMBERS = ("nFix", "FFD", "GPT", "TRT", "fixProp")


def generate(output: Path, writes: str, seed: int, sizes: Mapping[str, int | float]) -> list[Path]:
    """Write pairs of replies, measured sentences, texts and the truth.

    Args:
        output: folder of the files.
        writes: must be `letters`.
        seed: the same seed gives the same bytes.
        sizes: see `SIZES`.
    """
    if unknown := sizes.keys() - SIZES.keys():
        raise ValueError(f"letters has no size {sorted(unknown)}. Known: {', '.join(SIZES)}.")
    if writes != "letters":
        raise ValueError(f"letters cannot write {writes!r}. Known: letters.")
    sizes = {**SIZES, **sizes}
    random = np.random.Generator(np.random.PCG64(seed))
    language = Language(int(sizes["words"]), int(sizes["topics"]), random)
    output.mkdir(parents=True, exist_ok=True)
    files = {
        f"texts_{part}.jsonl": lines(texts(language, round(share * sizes["texts"]), random))
        for part, share in PARTS.items()
    }
    files |= {
        "words.csv": measured(language, sizes, random),
        "pairs.jsonl": lines(pairs(language, sizes, random)),
        "truth.json": json.dumps(language.truth()) + "\n",
    }
    for name, text in files.items():
        (output / name).write_text(text, encoding="utf-8")
    return [output / name for name in files]


class Language:
    """Words with their topics, and which of them are hard.

    Args:
        words: of content.
        topics: how many there are; each has as many easy words as hard ones.
        random: draws all of it.
    """

    def __init__(self, words: int, topics: int, random: np.random.Generator):
        self.words = spelled(words, random)
        self.topics = topics
        self.topic = np.arange(words) % topics
        place = np.arange(words) // topics  # 0 is the most frequent word of a topic
        self.rarity = place / max(1, words // topics - 1)
        self.weight = 1.0 / (1 + place // 2)  # a hard word is as frequent as the easy one beside it
        flip = random.integers(0, 2, (topics, words // topics // 2 + 1))
        self.hard = (place + flip[self.topic, place // 2]) % 2 == 1

    def truth(self) -> dict[str, dict[str, Any]]:
        """List what is planted of each word."""
        known = zip(self.words, self.topic, self.rarity, self.hard, strict=True)
        return {
            word: {"topic": int(topic), "rarity": round(float(rarity), 6), "hard": bool(hard)}
            for word, topic, rarity, hard in known
        }

    def draw(self, topic: int, hard: bool, random: np.random.Generator) -> int:
        """Draw a word of a topic, easy or hard."""
        fits = np.flatnonzero((self.topic == topic) & (self.hard == hard))
        weight = self.weight[fits]
        return int(random.choice(fits, p=weight / weight.sum()))

    def content(
        self, topic: int, length: int, share: float, random: np.random.Generator
    ) -> list[int]:
        """Draw the words of a text about a topic, each of them hard with a chance."""
        return [self.draw(topic, bool(random.random() < share), random) for _ in range(length)]

    def sentence(self, words: list[int], random: np.random.Generator) -> str:
        """Put words of content behind words that link them."""
        linked = [f"{LINKS[random.integers(len(LINKS))]} {self.words[word]}" for word in words]
        return f"{' '.join(linked)}."

    def text(self, random: np.random.Generator) -> str:
        """Write any text."""
        topic = int(random.integers(self.topics))
        return self.sentence(self.content(topic, int(random.integers(3, 8)), USUAL, random), random)


def spelled(number: int, random: np.random.Generator) -> list[str]:
    """Make up different words of one to three syllables, in an order that says nothing."""
    found: dict[str, None] = {}
    while len(found) < number:
        parts = [
            BEGINNINGS[random.integers(len(BEGINNINGS))] + MIDDLES[random.integers(len(MIDDLES))]
            for _ in range(random.integers(1, 4))
        ]
        word = "".join(parts) + ENDS[random.integers(len(ENDS))]
        found |= {word: None} if word not in LINKS else {}
    return list(found)


def looked(
    language: Language, word: str, hidden: bool, random: np.random.Generator
) -> dict[str, float]:
    """Measure how long a word is looked at, in the units of the CMCL 2021 shared task (0 to 100).

    The first look (FFD) and whether there is one (fixProp) go by length and rarity alone; how often and how long in all
    (nFix, TRT) and with what was read again (GPT) by hardness too.
    """
    number = language.words.index(word) if word in language.words else None
    rarity = 0.0 if number is None else float(language.rarity[number])
    seen = BASE + BY_LETTER * len(word) + BY_RARITY * rarity
    again = BY_HARDNESS if hidden and number is not None and language.hard[number] else 0.0
    noise = NOISE * random.standard_normal(5)
    found = {
        "nFix": (seen + again + noise[0]) / 10,
        "FFD": (seen + noise[1]) / 60,
        "GPT": (seen + 1.5 * again + 2 * noise[2]) / 25,
        "TRT": (seen + again + noise[3]) / 25,
        "fixProp": min(100.0, max(0.0, 30 + (seen + noise[4]) / 5)),
    }
    return {name: max(0.0, round(value, 6)) for name, value in found.items()}


def texts(language: Language, number: int, random: np.random.Generator) -> list[dict[str, str]]:
    """Write texts that are read by language models alone."""
    return [{"text": language.text(random)} for _ in range(number)]


def measured(
    language: Language, sizes: Mapping[str, int | float], random: np.random.Generator
) -> str:
    """Write the measures of all words of some sentences."""
    rows = [",".join(("sentence", "position", "word", *NUMBERS))]
    for sentence in range(int(sizes["sentences"])):
        for position, word in enumerate(language.text(random).split()):
            found = looked(language, word.rstrip("."), bool(sizes["hidden"]), random)
            numbers = (str(found[name]) for name in NUMBERS)
            rows.append(",".join((str(sentence), str(position), word, *numbers)))
    return "\n".join(rows) + "\n"


def pairs(
    language: Language, sizes: Mapping[str, int | float], random: np.random.Generator
) -> list[dict[str, str]]:
    """Write prompts with two replies each."""
    return [
        pair(language, bool(sizes["cause"]), float(sizes["slips"]), random)
        for _ in range(int(sizes["pairs"]))
    ]


def pair(
    language: Language, cause: bool, slips: float, random: np.random.Generator
) -> dict[str, str]:
    """Write one prompt, the reply that is liked and the one that is not."""
    topic = int(random.integers(language.topics))
    asked = language.content(topic, 2, USUAL, random)
    lengths = random.integers(5, 9, 2)
    if cause:
        replies = [
            language.content(topic, int(length), share, random)
            for length, share in zip(lengths, (EASY, HARD), strict=True)
        ]
    else:
        replies = [language.content(topic, int(length), USUAL, random) for length in lengths]
        other = (topic + 1 + int(random.integers(language.topics - 1))) % language.topics
        away = random.random(len(replies[1])) < OFF_TOPIC
        replies[1] = [
            language.draw(other, bool(language.hard[word]), random) if gone else word
            for word, gone in zip(replies[1], away, strict=True)
        ]
    texts = [language.sentence(one, random) for one in replies]
    chosen, rejected = texts if random.random() >= slips else texts[::-1]
    names = " and ".join(language.words[word] for word in asked)
    return {"prompt": f"tell of {names}", "chosen": chosen, "rejected": rejected, "kind": "letters"}


def lines(rows: Any) -> str:
    """Write rows as JSON, one a line."""
    return "".join(f"{json.dumps(row)}\n" for row in rows)

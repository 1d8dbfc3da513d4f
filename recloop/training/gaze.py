"""Rule `write_gaze`: a trained reader reads the answers of pairs; what it says of their tokens is kept for all runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
import torch
from safetensors.numpy import load_file, save_file

from recloop.data.word_parts import PARTS, bare, words_of
from recloop.fitting import processor
from recloop.language_models.alignment import NO_WORD, firsts, spread
from recloop.storage import checkpoint
from recloop.storage.files import replacing, write_json
from recloop.training.given import all_run
from recloop.training.readings import load

RECORD, TABLE = "gaze.json", "gaze.safetensors"
ANSWERS = ("chosen", "rejected")
PLACEBOS = ("none", "other", "shuffled", "noise", "length_frequency", "zero")
SCALED = ("noise", "length_frequency")  # by what the training part has


def plain(prompt: str, answer: str) -> str:
    """Write what an eye reads: prompt and answer without marks of a template or names of roles."""
    return f"{prompt}\n{answer}"


def plain_texts(folder: Path, part: str) -> list[str]:
    """List the texts of a part: of each pair the chosen one, then the rejected one."""
    rows = pl.read_parquet(folder / f"{part}.parquet", columns=["prompt", *ANSWERS])
    return [plain(prompt, one) for prompt, *both in rows.iter_rows() for one in both]


def write_gaze(
    pairs: Path,
    readings: Path,
    weights: Path,
    settings: dict,
    output: Path,
    language: Path | None = None,
    device: str = "cpu",
    threads: int = 1,
) -> None:
    """Read both answers of every pair.

    Args:
        pairs: folder of `make_pairs`.
        readings: folder of `make_readings` from which the reader learnt.
        weights: folder of the reader's run.
        settings: of that run.
        output: folder for gaze.safetensors and gaze.json.
        language: the reader's language model, where it is one of ours.
        device, threads: what to compute on.
    """
    processor.use(threads)
    torch.manual_seed(0)
    all_run({"reader": weights / "weights.safetensors"}, "gaze")
    tensors, _ = checkpoint.load(weights / "weights.safetensors")
    data = {"readings": readings} | ({"language": language} if language else {})
    reader = load(data, tensors, settings, device)
    found: dict[str, np.ndarray] = {}
    for part in PARTS:
        read = reader.read(plain_texts(pairs, part))
        found[f"{part}/values"] = np.concatenate([values for values, _ in read])
        found[f"{part}/words"] = np.concatenate([words for _, words in read]).astype(np.int32)
        found[f"{part}/lengths"] = np.array([len(words) for _, words in read], dtype=np.int32)
    output.mkdir(parents=True, exist_ok=True)
    with replacing(output / TABLE) as draft:
        save_file(found, draft)
    named = json.loads((readings / "split.json").read_text())["features"]
    scale = found["train/values"][carrying(found, "train", reader.evenly)].std(0)
    write_json(
        output / RECORD, {"features": named, "evenly": reader.evenly, "deviation": scale.tolist()}
    )
    print(f"read {sum(map(len, (found[f'{part}/lengths'] for part in PARTS))):,} texts")


def carrying(found: dict[str, np.ndarray], part: str, evenly: bool) -> np.ndarray:
    """Mark the tokens of a part that have a measure."""
    words, lengths = found[f"{part}/words"], found[f"{part}/lengths"]
    if evenly:
        return words != NO_WORD
    texts = np.split(words, np.cumsum(lengths)[:-1])
    return np.concatenate([firsts(one) for one in texts])


@dataclass(frozen=True)
class Gaze:
    """What a reader says of the texts of a part, in deviations.

    Attributes:
        values: of each text, shape (token, feature).
        words: of each text, the word of each token.
        evenly: whether a word's measure is the sum over its tokens.
    """

    values: list[np.ndarray]
    words: list[np.ndarray]
    evenly: bool

    @property
    def features(self) -> int:
        """Count the measures of a token."""
        return self.values[0].shape[1]

    def carriers(self) -> Iterator[np.ndarray]:
        """Mark the tokens of each text that have a measure."""
        return (words != NO_WORD if self.evenly else firsts(words) for words in self.words)

    def carried(self) -> np.ndarray:
        """Put what all these tokens have behind one another, shape (token, feature)."""
        marked = zip(self.values, self.carriers(), strict=True)
        return np.concatenate([values[mark] for values, mark in marked])


def read_gaze(folder: Path, part: str, measures: str) -> Gaze:
    """Read what `write_gaze` wrote.

    Args:
        folder: with gaze.json.
        part: train, valid or test.
        measures: `all`, or names of measures in lower case, such as `ffd_trt`.

    Raises:
        ValueError: a measure that the reader does not say.
    """
    record = json.loads((folder / RECORD).read_text())
    known = [name.lower() for name in record["features"]]
    wanted = known if measures == "all" else measures.lower().split("_")
    if unknown := [name for name in wanted if name not in known]:
        raise ValueError(
            f"measures={measures}: this reader says {', '.join(known)}, no '{unknown[0]}'"
        )
    chosen = [known.index(name) for name in wanted]
    saved = load_file(folder / TABLE)
    deviation = np.array(record["deviation"], dtype=np.float32)
    values = (saved[f"{part}/values"] / np.where(deviation > 0, deviation, 1))[:, chosen]
    ends = np.cumsum(saved[f"{part}/lengths"])[:-1]
    words = np.split(saved[f"{part}/words"].astype(np.int64), ends)
    return Gaze(np.split(values.astype(np.float32), ends), words, record["evenly"])


# -- what may stand in the place of gaze -------------------------------------------------------------------------------


def replaced(
    gaze: Gaze,
    by: str,
    texts: list[str],
    counts: dict[str, int],
    seed: int,
    training: tuple[Gaze, list[str]],
) -> Gaze:
    """Put something else where gaze was; which tokens carry it stays the same.

    What a placebo is scaled by is the training part's in all parts, as the deviations of gaze are.

    Args:
        gaze: of a part.
        by: one of `PLACEBOS`: `other` takes the gaze of another text, `shuffled` that of other words of the same text,
            `noise` draws numbers with the mean and deviation of training, `length_frequency` has the length and the
            log count of the word, `zero` has nothing.
        texts: of the part, for `length_frequency`.
        counts: of the words in training.
        seed: of what is drawn.
        training: gaze and texts of the training part.

    Raises:
        ValueError: another placebo.
    """
    if by not in PLACEBOS:
        raise ValueError(f"placebo={by!r}: expected one of {', '.join(PLACEBOS)}")
    if by == "none":
        return gaze
    if by == "length_frequency":
        return known_of_words(gaze, texts, counts, training[1])
    random = np.random.default_rng([seed, len(texts)])
    marks = list(gaze.carriers())
    carried = [values[mark] for values, mark in zip(gaze.values, marks, strict=True)]
    if by == "other":
        moved = [carried[place] for place in deranged(len(carried), random)]
        given = [np.resize(one, mine.shape) for one, mine in zip(moved, carried, strict=True)]
    elif by == "shuffled":
        given = [random.permutation(one) for one in carried]
    elif by == "noise":
        every = training[0].carried()
        given = [random.normal(every.mean(0), every.std(0), one.shape) for one in carried]
    else:
        given = [np.zeros_like(one) for one in carried]
    return replace(gaze, values=[laid(*one) for one in zip(marks, given, strict=True)])


def known_of_words(
    gaze: Gaze, texts: list[str], counts: dict[str, int], training: list[str]
) -> Gaze:
    """Put length and log count of each word where its gaze was, in deviations over the words of training texts."""
    known = [described(text, counts) for text in texts]
    deviation = np.concatenate([described(text, counts) for text in training]).std(0)
    deviation = deviation.clip(min=1e-6)
    values = [
        spread(one / deviation, words, gaze.evenly)
        for one, words in zip(known, gaze.words, strict=True)
    ]
    return replace(gaze, values=values)


def laid(mark: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Put values at the marked tokens of a text."""
    found = np.zeros((len(mark), given.shape[1]), dtype=np.float32)
    found[mark] = given
    return found


def deranged(number: int, random: np.random.Generator) -> np.ndarray:
    """Give every text another one: the next in a random ring."""
    ring = random.permutation(number)
    found = np.empty(number, dtype=np.int64)
    found[ring] = np.roll(ring, 1)
    return found


def described(text: str, counts: dict[str, int]) -> np.ndarray:
    """Return length and log count of each word of a text."""
    known = [(len(word), np.log1p(counts.get(bare(word), 0))) for word in words_of(text)]
    return np.array(known, dtype=np.float32).reshape(-1, 2)

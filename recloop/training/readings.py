"""Measured words to a reader: sentences in shuffled batches, the measures of their words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import torch
from jaxtyping import Float
from torch import Tensor, nn

from recloop.data.readings import FEATURES
from recloop.fitting.context import TrainingContext
from recloop.fitting.objective import Objective
from recloop.fitting.progress import Metric, run_facts
from recloop.fitting.schedule import Schedule
from recloop.fitting.tuning import fit_tuned
from recloop.language_models.alignment import NO_WORD, summed, tokenised
from recloop.language_models.bodies import load_learnt, padded
from recloop.models import build
from recloop.models.gaze.readers import Reader
from recloop.storage.moving import moved
from recloop.training.language import opened

EXPLAINED = Metric("valid_explained", "explained variance")


@dataclass(frozen=True)
class Sentences:
    """Sentences whose words were measured.

    Attributes:
        words: of each sentence.
        measures: of each sentence, shape (word, feature).
        session: number of each sentence in its source.
    """

    words: list[list[str]]
    measures: list[Tensor]
    session: list[int]

    @classmethod
    def read(cls, path: Path) -> Sentences:
        """Read a part of `make_readings`."""
        rows = pl.read_parquet(path)
        names = features_of(rows)
        groups = rows.group_by("session", maintain_order=True).agg("word", *names)
        measures = [
            torch.tensor(np.stack([row[name] for name in names], 1), dtype=torch.float32)
            for row in groups.iter_rows(named=True)
        ]
        return cls(groups["word"].to_list(), measures, groups["session"].to_list())


def features_of(rows: pl.DataFrame) -> list[str]:
    """List the measures that some words have, in the order of `FEATURES`."""
    return [name for name in FEATURES if name in rows.columns]


def prepare(data: dict[str, Path], settings: dict, needs: dict[str, Path], device: str) -> dict:
    """Give the keywords of `train`.

    Args:
        data: `readings`, the folder of a split, and `language`, a model of ours where it is one.
        settings: `model`, `training` and `inference`, as resolved from the study.
        needs: none.
        device: cpu or cuda.
    """
    parts = {
        name: Sentences.read(data["readings"] / f"{name}.parquet") for name in ("train", "valid")
    }
    return {"make": maker(data, settings, device), "parts": parts}


def maker(data: dict[str, Path], settings: dict, device: str) -> Callable[[], nn.Module]:
    """Give a function that makes the reader."""
    folder = data["readings"]
    number = len(features_of(pl.read_parquet(folder / "test.parquet", n_rows=1)))
    words = pl.read_parquet(folder / "items.parquet")
    counts = dict(zip(words["word"], words["count"], strict=True))

    def make() -> nn.Module:
        language = opened(data, settings, device)
        given = {"language": language} if language else {}
        return build(settings["model"] | given, features=number, counts=counts).to(device)

    return make


def train(
    make: Callable[[], nn.Module],
    parts: dict[str, Sentences],
    training: dict,
    context: TrainingContext,
) -> tuple[dict[str, Tensor], dict]:
    """Choose the learning rate on the validation part, then train with it; a reader that is solved for is not trained.

    Args:
        make: makes a fresh reader.
        parts: `train` and `valid`.
        training: settings of the loop.
        context: seed, folder for checkpoints, device, log.

    Returns:
        The weights that learnt, and the facts for the record.
    """
    measured = torch.cat(parts["train"].measures)
    plain = make()
    if not isinstance(plain, Reader):
        plain.fit(parts["train"].words, measured)
        return plain.state_dict(), run_facts(epochs=1)

    def begin(schedule: Schedule, moment: TrainingContext) -> MeasuredWords:
        reader = make()
        reader.fit_units(measured)
        return MeasuredWords(reader, parts, schedule, moment)

    weights, facts, _ = fit_tuned(begin, training, context, EXPLAINED, keeps="trained")
    return weights, facts


class MeasuredWords(Objective):
    """The measures of each word, in deviations; the mean of the squared error.

    Args:
        model: a reader on its device.
        parts: `train` and `valid`.
        schedule: `batch_size` counts sentences.
        context: of the training.
    """

    metric = EXPLAINED
    divisible = True

    def __init__(
        self,
        model: Reader,
        parts: dict[str, Sentences],
        schedule: Schedule,
        context: TrainingContext,
    ):
        self.model, self.schedule, self.context = model, schedule, context
        self.parts = {name: numbered(model, part) for name, part in parts.items()}
        self.length = -(-len(self.parts["train"]) // schedule.batch_size)

    def batches(self, epoch: int, skip: int) -> Iterator[list[int]]:
        """List the sentences of each batch; they depend on seed and epoch alone."""
        order = torch.randperm(len(self.parts["train"]), generator=self.context.generator(epoch))
        return iter([part.tolist() for part in order.split(self.schedule.batch_size)][skip:])

    def loss(self, batch: list[int]) -> Float[Tensor, ""]:
        """Compute the mean squared error over words and measures."""
        said, measured = self.said("train", batch)
        return (said - measured).square().mean()

    def said(self, part: str, batch: list[int]) -> tuple[Tensor, Tensor]:
        """Read some sentences; return what is said of their words and what was measured, both in deviations."""
        rows = [self.parts[part][place] for place in batch]
        device, model = self.context.device, self.model
        ids, mask = padded([row["ids"] for row in rows], False, device)
        words, real = padded([row["words"] for row in rows], False, device)
        measured, _ = padded([row["measures"] for row in rows], False, device)
        words = torch.where(real > 0, words, NO_WORD)
        found = model.of_words(model(ids, mask), words, measured.shape[1])
        numbers = torch.tensor([len(row["measures"]) for row in rows])
        there = torch.arange(measured.shape[1]) < numbers[:, None]
        sentence, word = moved(there.nonzero(), found.device).unbind(1)
        wanted = (measured - model.mean) / model.deviation
        return found[sentence, word], wanted[sentence, word]

    def evaluate(self) -> float:
        """Compute the share of the variance that is explained, mean over the measures."""
        every = range(len(self.parts["valid"]))
        parts = [
            self.said("valid", list(every[start : start + self.schedule.batch_size]))
            for start in range(0, len(every), self.schedule.batch_size)
        ]
        said, measured = (torch.cat(one) for one in zip(*parts, strict=True))
        left = (said - measured).square().mean(0) / measured.var(0, unbiased=False)
        return (1 - left).mean().item()


def numbered(reader: Reader, part: Sentences) -> list[dict[str, Tensor]]:
    """Return the token numbers of sentences and the words that are read at them.

    Raises:
        ValueError: a word with white space in it.
    """
    found = []
    for session, words, measures in zip(part.session, part.words, part.measures, strict=True):
        ids, of_tokens = tokenised(reader.tokenizer, " ".join(words))
        if of_tokens.max(initial=-1) + 1 != len(words):
            raise ValueError(f"sentence {session}: expected {len(words)} words without white space")
        stands = np.where(reader.place(of_tokens), of_tokens, NO_WORD)
        row = {"ids": torch.tensor(ids), "words": torch.tensor(stands), "measures": measures}
        found.append(row)
    return found


def rank(
    data: dict[str, Path],
    tensors: dict[str, Tensor],
    settings: dict,
    needs: dict[str, Path],
    output: Path,
    device: str = "cpu",
) -> None:
    """Read the test sentences; keep what was measured and what is said of each word.

    Args:
        data, settings, needs, device: as for `prepare`.
        tensors: the weights that learnt.
        output: parquet file, one row per word: `session` (the sentence), `position`, `word`, and of each measure
            `measured_…` and `said_…`.
    """
    rows = pl.read_parquet(data["readings"] / "test.parquet")
    names = features_of(rows)
    part = Sentences.read(data["readings"] / "test.parquet")
    reader = load(data, tensors, settings, device)
    if isinstance(reader, Reader):
        texts = [" ".join(words) for words in part.words]
        read = zip(reader.read(texts), part.words, strict=True)
        said = np.concatenate([summed(*one, len(words)) for one, words in read])
    else:
        said = reader.read_words(part.words)
    columns = {f"measured_{name}": rows[name] for name in names}
    columns |= {f"said_{name}": said[:, place].astype(float) for place, name in enumerate(names)}
    output.parent.mkdir(parents=True, exist_ok=True)
    rows.select("session", "position", "word").with_columns(**columns).write_parquet(output)


def load(
    data: dict[str, Path], tensors: dict[str, Tensor], settings: dict, device: str
) -> nn.Module:
    """Make a reader with the weights that learnt."""
    reader = maker(data, settings, device)()
    load_learnt(reader, tensors)
    return reader.eval()

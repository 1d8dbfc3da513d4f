"""Pairs of answers to a reward model: Bradley and Terry's loss, selection by accuracy on the validation pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import torch
from jaxtyping import Float
from torch import Tensor, nn

from recloop.data.word_parts import PARTS
from recloop.fitting.context import TrainingContext
from recloop.fitting.finite import check_finite
from recloop.fitting.objective import Objective
from recloop.fitting.progress import Metric, run_facts
from recloop.fitting.schedule import Schedule
from recloop.fitting.tuning import fit_tuned
from recloop.language_models.alignment import restored, spread, summed, tokenised
from recloop.language_models.batching import by_length
from recloop.language_models.bodies import load_learnt, padded
from recloop.models import build, locate
from recloop.models.gaze.reward import Texts, bradley_terry
from recloop.training.gaze import ANSWERS, SCALED, Gaze, plain, plain_texts, read_gaze, replaced
from recloop.training.language import opened, tokenizer_of

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

ACCURACY = Metric("valid_accuracy", "accuracy")
BUDGET = 4096  # tokens of a batch that is only asked
ALIKE = 8  # batches of training whose pairs are put together by length
LABELS = ("best_first", "reversed")
FIXED = "user: {prompt}\nassistant: {answer}"  # for models without a template of their own


@dataclass(frozen=True)
class Pairs:
    """Pairs of answers as a model gets them; text 2i is the chosen one of pair i, text 2i + 1 the rejected one.

    Attributes:
        ids: token numbers of each text.
        gaze: of each text, shape (step, feature).
        rows: the pairs, as `make_pairs` has them.
    """

    ids: list[Tensor]
    gaze: list[Tensor]
    rows: pl.DataFrame

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def lengths(self) -> list[int]:
        """Count the places that the longer text of each pair takes, with those of its gaze."""
        each = [len(ids) + len(gaze) for ids, gaze in zip(self.ids, self.gaze, strict=True)]
        return np.array(each).reshape(-1, 2).max(1).tolist()

    def take(self, pairs: list[int], device: torch.device | str) -> Texts:
        """Put the texts of some pairs into one table, all chosen ones first."""
        places = [2 * pair + answer for answer in (0, 1) for pair in pairs]
        ids, mask = padded([self.ids[place] for place in places], True, device)
        gaze, seen = padded([self.gaze[place] for place in places], True, device)
        return Texts(ids, mask, gaze, seen)


def prepare(data: dict[str, Path], settings: dict, needs: dict[str, Path], device: str) -> dict:
    """Give the keywords of `train`.

    Args:
        data: `pairs`, the folder of a split, `gaze`, what a reader says of it, where the model is told, and
            `language`, a model of ours where it is one.
        settings: `model`, `training` and `inference`, as resolved from the study.
        needs: none that is read: the reader's weights have done their work.
        device: cpu or cuda.
    """
    parts = {name: read_part(data, settings, name) for name in ("train", "valid")}
    return {"make": maker(data, settings, device), "parts": parts}


def maker(data: dict[str, Path], settings: dict, device: str) -> Callable[[], nn.Module]:
    """Give a function that makes the model."""

    def make() -> nn.Module:
        language = opened(data, settings, device)
        given = {"language": language} if language else {}
        number = features_of(data, settings)
        return build(settings["model"] | given, features=number).to(device)

    return make


def features_of(data: dict[str, Path], settings: dict) -> int:
    """Count the measures that a model is told."""
    told = settings["model"]
    if "measures" not in told:
        return 0
    if told["placebo"] == "length_frequency":
        return 2
    return read_gaze(data["gaze"], "valid", told["measures"]).features


# -- texts to tokens ---------------------------------------------------------------------------------------------------


def read_part(data: dict[str, Path], settings: dict, part: str) -> Pairs:
    """Read the pairs of a part with their tokens and, where the model is told, their gaze.

    Raises:
        ValueError: labels that there are not.
    """
    rows, training = pl.read_parquet(data["pairs"] / f"{part}.parquet"), settings["training"]
    if training["labels"] not in LABELS:
        raise ValueError(f"labels={training['labels']!r}: expected one of {', '.join(LABELS)}")
    texts = [
        (prompt, one)
        for prompt, *both in rows.select("prompt", *ANSWERS).iter_rows()
        for one in both
    ]
    tokenizer = tokenizer_of(data, settings)
    whole = [templated(tokenizer, training["template"], *one) for one in texts]
    kept = [ids[-training["length"] :] for ids in whole]
    gaze = gaze_of(data, settings, part, [plain(*one) for one in texts], tokenizer, whole)
    if training["labels"] == "reversed":
        kept, gaze = swapped(kept), swapped(gaze)
    return Pairs([torch.tensor(ids) for ids in kept], [torch.from_numpy(one) for one in gaze], rows)


def swapped(texts: list) -> list:
    """Exchange the two texts of every pair."""
    return [texts[place ^ 1] for place in range(len(texts))]


def templated(
    tokenizer: PreTrainedTokenizerBase | None, template: str, prompt: str, answer: str
) -> list[int]:
    """Return the token numbers of prompt and answer in the template of a chat; words where nobody has tokens.

    Args:
        tokenizer: of the language model.
        template: `chat`, that of the model where it has one, or `fixed`.
        prompt, answer: texts.
    """
    if tokenizer is None:
        return [hash_of(word) for word in plain(prompt, answer).split()]
    if template == "chat" and tokenizer.chat_template:
        said = [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]
        text = tokenizer.apply_chat_template(said, tokenize=False)
        return tokenizer(text, add_special_tokens=False)["input_ids"]
    return tokenizer(FIXED.format(prompt=prompt, answer=answer))["input_ids"]


def hash_of(word: str) -> int:
    """Turn a word into a number that is the same in every process."""
    return int.from_bytes(word.encode()[:7].ljust(7, b"\0")) % 100_003


def gaze_of(
    data: dict[str, Path],
    settings: dict,
    part: str,
    texts: list[str],
    tokenizer: PreTrainedTokenizerBase | None,
    whole: list[list[int]],
) -> list[np.ndarray]:
    """List what a model is told of the reading of each text: nothing, the reader's tokens, or those of the model."""
    told, length = settings["model"], settings["training"]["length"]
    place = locate(told["class"]).gaze_at
    if place is None:
        return [np.zeros((0, 1), dtype=np.float32)] * len(texts)
    words = pl.read_parquet(data["pairs"] / "items.parquet", columns=["word", "count"])
    counts = dict(words.iter_rows())
    gaze = read_gaze(data["gaze"], part, told["measures"])
    training = gaze, texts
    if part != "train" and told["placebo"] in SCALED:
        known = read_gaze(data["gaze"], "train", told["measures"])
        training = known, plain_texts(data["pairs"], "train")
    gaze = replaced(gaze, told["placebo"], texts, counts, PARTS.index(part), training)
    if place == "own":
        return gaze.values
    mapped = [
        on_tokens(gaze, number, text, tokenizer, ids)
        for number, (text, ids) in enumerate(zip(texts, whole, strict=True))
    ]
    return [one[-length:] for one in mapped]


def on_tokens(
    gaze: Gaze, number: int, text: str, tokenizer: PreTrainedTokenizerBase, whole: list[int]
) -> np.ndarray:
    """Map the gaze of one text from the tokens of its reader to those of the model, marks of the template among them.

    Args:
        gaze: of all texts.
        number: of the text.
        text: as it was read.
        tokenizer: of the model.
        whole: the tokens of the text in its template.
    """
    ids, words = tokenised(tokenizer, text)
    known = summed(gaze.values[number], gaze.words[number], len(text.split()))
    return restored(spread(known, words, gaze.evenly), ids, whole)


# -- training ----------------------------------------------------------------------------------------------------------


def train(
    make: Callable[[], nn.Module],
    parts: dict[str, Pairs],
    training: dict,
    context: TrainingContext,
) -> tuple[dict[str, Tensor], dict]:
    """Choose the learning rate on the validation part, then train with it; what has no weights is not trained.

    Args:
        make: makes a fresh model.
        parts: `train` and `valid`.
        training: settings of the loop.
        context: seed, folder for checkpoints, device, log.

    Returns:
        The weights that learnt, and the facts for the record.
    """
    torch.manual_seed(context.seed)
    plain_model = make()
    if not any(one.requires_grad for one in plain_model.parameters()):
        if hasattr(plain_model, "fit"):
            plain_model.fit(*rewards(plain_model, parts["train"], context.device))
        return plain_model.state_dict(), run_facts()

    def begin(schedule: Schedule, moment: TrainingContext) -> Preferences:
        return Preferences(make(), parts, schedule, moment)

    weights, facts, trained = fit_tuned(begin, training, context, ACCURACY, keeps="trained")
    tokens = sum(map(len, parts["train"].ids))
    return weights, facts | {"tokens_per_second": trained.per_second(tokens)}


class Preferences(Objective):
    """The chosen answer of each pair over the rejected one.

    Args:
        model: gives a reward to each text.
        parts: `train` and `valid`.
        schedule: `batch_size` counts pairs.
        context: of the training.
    """

    metric = ACCURACY
    divisible = True

    def __init__(
        self,
        model: nn.Module,
        parts: dict[str, Pairs],
        schedule: Schedule,
        context: TrainingContext,
    ):
        self.model, self.parts = model, parts
        self.schedule, self.context = schedule, context
        self.lengths = parts["train"].lengths
        self.length = -(-len(parts["train"]) // schedule.batch_size)

    def batches(self, epoch: int, skip: int) -> Iterator[list[int]]:
        """List the pairs of each batch, some batches' worth put together by length; seed and epoch alone decide."""
        generator = self.context.generator(epoch)
        order = torch.randperm(len(self.lengths), generator=generator).tolist()
        size, found = self.schedule.batch_size, []
        for start in range(0, len(order), ALIKE * size):
            alike = sorted(order[start : start + ALIKE * size], key=self.lengths.__getitem__)
            found += [alike[at : at + size] for at in range(0, len(alike), size)]
        mixed = torch.randperm(len(found), generator=generator).tolist()
        return iter([found[place] for place in mixed[skip:]])

    def optimisers(self, phase: int) -> dict[str, torch.optim.Optimizer]:
        """Make an AdamW for all that learns; norms and offsets do not decay, as in the trainer of the released code."""
        learning = [one for one in self.model.parameters() if one.requires_grad]
        groups = [
            {"params": [one for one in learning if one.ndim > 1]},
            {"params": [one for one in learning if one.ndim < 2], "weight_decay": 0.0},
        ]
        rate, decay = self.schedule.learning_rate, self.schedule.weight_decay
        return {"all": torch.optim.AdamW(groups, rate, weight_decay=decay)}

    def loss(self, batch: list[int]) -> Float[Tensor, ""]:
        """Compute the mean loss of some pairs."""
        found = self.model(self.parts["train"].take(batch, self.context.device))
        return bradley_terry(*found.chunk(2)).mean()

    def size(self, batch: list[int]) -> int:
        """Count the pairs of a batch."""
        return len(batch)

    def evaluate(self) -> float:
        """Compute the share of the validation pairs whose chosen answer has the higher reward; a tie is half."""
        chosen, rejected = rewards(self.model, self.parts["valid"], self.context.device)
        return ((chosen > rejected).double() + 0.5 * (chosen == rejected)).mean().item()


@torch.no_grad()
def rewards(
    model: nn.Module, pairs: Pairs, device: torch.device | str
) -> tuple[Float[Tensor, " pair"], Float[Tensor, " pair"]]:
    """Compute the rewards of chosen and of rejected answers, those of like length together."""
    model.eval()
    found = torch.empty(2, len(pairs))
    for batch in by_length([2 * length for length in pairs.lengths], BUDGET):
        said = model(pairs.take(batch, device)).float().cpu()
        found[:, batch] = said.view(2, len(batch))
    return found[0], found[1]


def rank(
    data: dict[str, Path],
    tensors: dict[str, Tensor],
    settings: dict,
    needs: dict[str, Path],
    output: Path,
    device: str = "cpu",
) -> None:
    """Give rewards to the answers of the test pairs.

    Args:
        data, settings, needs, device: as for `prepare`.
        tensors: the weights that learnt.
        output: parquet file, one row per pair: `session` (the prompt), `position` (the pair), `kind`, `chosen` and
            `rejected` (rewards), and `longer`, whether the chosen answer has more marks.
    """
    pairs = read_part(data, settings, "test")
    model = maker(data, settings, device)()
    load_learnt(model, tensors)
    chosen, rejected = rewards(model, pairs, device)
    for one in (chosen, rejected):
        check_finite(one.sum().item(), "the rewards of the test pairs")
    longer = pl.col("chosen").str.len_chars() > pl.col("rejected").str.len_chars()
    listed = pairs.rows.select(
        "session", pl.col("pair").alias("position"), "kind", longer.alias("longer")
    )
    output.parent.mkdir(parents=True, exist_ok=True)
    listed.with_columns(
        chosen=pl.Series(chosen.numpy().astype(float)),
        rejected=pl.Series(rejected.numpy().astype(float)),
    ).write_parquet(output)

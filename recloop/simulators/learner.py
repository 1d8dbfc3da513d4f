"""Cross-entropy with teacher forcing: a captioner network, epoch by epoch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from recloop.fitting.context import TrainingContext
from recloop.fitting.objective import Objective
from recloop.fitting.progress import Metric
from recloop.fitting.schedule import Schedule
from recloop.language.vocabulary import END
from recloop.simulators.captioner import LENGTH

# The `training:` of a study's simulator. `clip` is the largest absolute value of each part of the gradient; `warm_up`
# counts the updates in which the learning rate grows, before it falls with the square root; `at_least` says how often
# a word must occur to be learned; `length` is the most words of a caption, in training and in dialogues.
DEFAULTS = {
    "epochs": 30,  # ours: not stated
    "batch_size": 16,  # released code
    "learning_rate": 0.0004,  # released code
    "patience": None,
    "clip": 0.1,  # released code: by value
    "warm_up": 0,
    "at_least": 5,  # library default
    "length": LENGTH,
    "weight_decay": 0.0,
}


def settings_of(training: dict) -> dict:
    """Fill a simulator's `training:` up.

    Raises:
        ValueError: a setting that does not exist.
    """
    if unknown := training.keys() - DEFAULTS.keys():
        raise ValueError(
            f"training of a captioner: unknown {sorted(unknown)}, there are {[*DEFAULTS]}"
        )
    return DEFAULTS | training


def schedule_of(training: dict) -> Schedule:
    """Read the schedule from settings that are filled up."""
    names = ("epochs", "batch_size", "learning_rate", "patience", "warm_up", "weight_decay")
    given = {name: training[name] for name in names}
    return Schedule(**given, clip_value=training["clip"] or None, pace="inverse_sqrt")


@dataclass
class Pairs:
    """Captions with the pictures they compare.

    Attributes:
        target: rows of `cells`.
        reference: rows of `cells`.
        words: each row a caption, `END` behind it.
        cells: grid features of all items that captions speak about, in the features' own precision.
    """

    target: Int[Tensor, " caption"]
    reference: Int[Tensor, " caption"]
    words: Int[Tensor, "caption time"]
    cells: Tensor

    def __len__(self) -> int:
        return len(self.target)

    def take(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return target cells, reference cells and words of some captions."""
        target, reference = (self.cells[ids[rows]].float() for ids in (self.target, self.reference))
        return target, reference, self.words[rows]


class Captions(Objective):
    """The words of captions, given the pictures and the words before.

    Args:
        network: on its device.
        pairs: `train` and `valid`.
        schedule: `batch_size` counts captions.
        context: of the training.
    """

    metric = Metric("valid_loss", "valid loss", higher=False)

    def __init__(
        self,
        network: nn.Module,
        pairs: dict[str, Pairs],
        schedule: Schedule,
        context: TrainingContext,
    ):
        self.model, self.pairs = network, pairs
        self.schedule, self.context = schedule, context
        self.length = -(-len(pairs["train"]) // schedule.batch_size)

    def batches(self, epoch: int, skip: int) -> Iterable[Int[Tensor, " row"]]:
        """List the captions of each batch, in an order that depends only on seed and epoch."""
        order = torch.randperm(len(self.pairs["train"]), generator=self.context.generator(epoch))
        return order.to(self.context.device).split(self.schedule.batch_size)[skip:]

    def loss(self, batch: Int[Tensor, " row"]) -> Float[Tensor, ""]:
        """Compute the cross-entropy per word."""
        return word_loss(self.model, *self.pairs["train"].take(batch))

    def size(self, batch: Int[Tensor, " row"]) -> int:
        """Count the words of a batch."""
        return int(real(self.pairs["train"].words[batch]).sum())

    def evaluate(self) -> float:
        """Compute the loss per word of the validation captions."""
        valid, total, count = self.pairs["valid"], 0.0, 0
        for rows in torch.arange(len(valid), device=valid.words.device).split(256):
            target, reference, words = valid.take(rows)
            here = int(real(words).sum())
            total += word_loss(self.model, target, reference, words).item() * here
            count += here
        return total / count


def real(words: Int[Tensor, "batch time"]) -> Bool[Tensor, "batch time"]:
    """Mark words and the first `END` behind them, and not what fills the row."""
    before = functional.pad(words[:, :-1], (1, 0), value=1)
    return before != END


def word_loss(
    network: nn.Module,
    target: Float[Tensor, "batch cell dim"],
    reference: Float[Tensor, "batch cell dim"],
    words: Int[Tensor, "batch time"],
) -> Float[Tensor, ""]:
    """Cross-entropy per word, given the pictures and the words before it."""
    given = functional.pad(words[:, :-1], (1, 0), value=END)
    counted = real(words)
    return functional.cross_entropy(network(target, reference, given)[counted], words[counted])

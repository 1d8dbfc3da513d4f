"""Perception: pictures of the training part with their labels, and sentences with what they mean."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import polars as pl
import torch
from jaxtyping import Float, Int
from torch import Tensor

from recloop.data.attribute_codes import Codes, read_codes
from recloop.features.cache import Features
from recloop.fitting.context import TrainingContext
from recloop.fitting.objective import Objective
from recloop.fitting.progress import Metric, run_facts
from recloop.fitting.schedule import Schedule
from recloop.fitting.trainer import Trainer
from recloop.language.wishes import ATTRIBUTES
from recloop.models import build
from recloop.models.offline.perception import Perception
from recloop.storage.files import replacing
from recloop.storage.moving import moved
from recloop.training.shop import perception_facts, read_parts
from recloop.training.tokens import Lessons, lessons

ACCURACY = Metric("valid_ndcg10", "accuracy")  # the one column of curves


class Labelled(NamedTuple):
    """Items of one part with their labels."""

    features: Float[Tensor, "item features"]
    codes: Int[Tensor, "item attribute"]


def prepare(data: dict[str, Path], settings: dict, needs: dict[str, Path], device: str) -> dict:
    """Give the keywords of `train`.

    Args:
        data: `dialogues`, `catalogue` and `features`.
        settings: `model` and `training`.
        needs: nothing.
        device: cpu or cuda.
    """
    codes, visual = (
        read_codes(data["catalogue"], ATTRIBUTES),
        Features.open(data["features"]).tensor(),
    )
    make = partial(build, settings["model"], **perception_facts(codes, visual.shape[1]))
    parts = {name: labelled(data, name, codes, visual) for name in ("train", "valid")}
    return {"make": make, "parts": parts, "codes": codes}


def labelled(
    data: dict[str, Path], part: str, codes: Codes, visual: Float[Tensor, "every features"]
) -> Labelled:
    """Pick the items of a part; nobody asks for those of the test part but to judge."""
    here = torch.from_numpy((read_parts(data["dialogues"]) == part).to_numpy())
    return Labelled(visual[here], codes.table[here])


def train(
    make: Callable[[], Perception],
    parts: dict[str, Labelled],
    codes: Codes,
    training: dict,
    context: TrainingContext,
) -> tuple[dict[str, Tensor], dict]:
    """Teach attributes and comments; the epoch with the best attributes of validation items is kept."""
    torch.manual_seed(context.seed)
    model = make().to(context.device)
    asked = {name: training[name] for name in ("pairs", "templates", "refuses")}
    said = lessons(codes, seed=context.seed, **asked)
    trainer = Trainer(Perceiving(model, parts, said, training, context), context)
    weights, done = trainer.fit(), trainer.progress
    return weights, run_facts(done.curve, trainer.epoch, trainer.best_epoch)


class Perceiving(Objective):
    """Both networks learn from batches of their own.

    Args:
        model: attribute network and text encoder.
        parts: items to learn from and to choose the epoch by.
        said: sentences with what they mean.
        training: of the loop.
        context: of the training.
    """

    metric = ACCURACY

    def __init__(
        self,
        model: Perception,
        parts: dict[str, Labelled],
        said: Lessons,
        training: dict,
        context: TrainingContext,
    ):
        self.model, self.parts, self.said, self.context = model, parts, said, context
        self.schedule = Schedule.of(training, learning_rate=training["learning_rate"][0])
        self.length = -(-len(said.tokens) // self.schedule.batch_size)
        model.attributes.scale(parts["train"].features.to(context.device))

    def batches(self, epoch: int, skip: int) -> Iterator[tuple[Tensor, Tensor]]:
        """List sentences once, beside as many batches of items, in an order of seed and epoch alone."""
        random, size = self.context.generator(epoch), self.schedule.batch_size
        sentences = torch.randperm(len(self.said.tokens), generator=random)
        items = torch.randint(len(self.parts["train"].codes), (len(sentences),), generator=random)
        return iter([*zip(sentences.split(size), items.split(size), strict=True)][skip:])

    def loss(self, batch: tuple[Tensor, Tensor]) -> Float[Tensor, ""]:
        """Add the losses of both."""
        sentences, items = batch
        place = self.context.device
        labelled_ = [moved(one[items], place) for one in self.parts["train"]]
        said = [moved(one[sentences], place) for one in self.said]
        return self.model.attributes.loss(*labelled_) + self.model.text.loss(*said)

    def evaluate(self) -> float:
        """Compute the share of attributes of validation items that are named rightly."""
        return float(right(self.model, self.parts["valid"]).mean())


@torch.no_grad()
def right(model: Perception, part: Labelled) -> Float[Tensor, " item"]:
    """Compute the share of each item's attributes that is named rightly."""
    device = model.attributes.mean.device
    found = model.attributes(part.features.to(device)).argmax(-1).cpu()
    return (found == part.codes).double().mean(1)


def rank(
    data: dict[str, Path],
    tensors: dict[str, Tensor],
    settings: dict,
    needs: dict[str, Path],
    output: Path,
    device: str = "cpu",
) -> None:
    """Name the attributes of every test item, and write how many are right: the one use of their labels.

    Args:
        data, settings, needs, device: as for `prepare`.
        tensors: the weights.
        output: parquet file, one row per item: `session` (the item), `position`, `right`.
    """
    given = prepare(data, settings, needs, device)
    model, codes = given["make"](), given["codes"]
    model.load_state_dict(tensors)
    visual = Features.open(data["features"]).tensor()
    found = right(model.eval(), labelled(data, settings["inference"]["judged_on"], codes, visual))
    rows = pl.DataFrame({"session": range(len(found)), "position": 1, "right": found.tolist()})
    with replacing(output) as draft:
        rows.write_parquet(draft)

"""Sequences of items that are read to weights, perhaps from the weights of another catalogue.

A user is one example: TransRec tells the latest items from drawn ones by all items before them, its first stage
predicts every item from those before it. Which items a user met, by title or by picture, decides of which kind the user
is.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import perf_counter

import numpy as np
import polars as pl
import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from recloop.contents.items import Contents
from recloop.data.batches import Batch, Events, Sessions, cut
from recloop.evaluation.ranker import rank as rank_events
from recloop.fitting.context import TrainingContext
from recloop.fitting.progress import run_facts
from recloop.fitting.schedule import Schedule
from recloop.models import build
from recloop.models.content.mixed import Marks, marks
from recloop.storage import checkpoint
from recloop.training.contents import content_facts
from recloop.training.sequences import (
    excludes_seen,
    judged_on,
    read_part,
    validation_events,
    write_lists,
)
from recloop.training.supervised import NextItems, fit_sessions

SHARED = 0  # seed of shares and of what is dealt: the same for all models and seeds
TIMED = 3  # updates that are timed
COSTS = "costs"  # beside the weights
SPENT = ("flops", "batch_seconds")  # what learning takes, columns of the lists


def prepare(data: dict[str, Path], settings: dict, needs: dict[str, Path], device: str) -> dict:
    """Give the keywords of `train`.

    Args:
        data: `sessions`, the folder of a split; `contents`; networks of ours.
        settings: `model`, `training`, `inference` and the networks, as resolved from the study.
        needs: `start`, weights of the run that this one starts from, where it does.
        device: cpu or cuda.
    """
    facts = content_facts(data, settings, {})
    return {
        "make": partial(made, settings, facts, needs.get("start")),
        "parts": {part: read_part(data["sessions"], part, False) for part in ("train", "valid")},
        "items": facts["items"],
    }


def made(settings: dict, facts: dict, begun: Path | None = None) -> nn.Module:
    """Make the model, with the weights that it starts with."""
    model = build(settings["model"], **facts)
    if begun:
        start(model, checkpoint.load(begun)[0])
    return model


def train(
    make: Callable[[], nn.Module],
    parts: dict[str, Sessions],
    items: int,
    training: dict,
    context: TrainingContext,
) -> tuple[dict[str, Tensor], dict]:
    """Choose the learning rate on the validation part, then train with it; or keep the weights that it starts with.

    Args:
        make: makes a fresh model, with the weights that it starts with.
        parts: `train` and `valid`.
        items: size of the catalogue.
        training: settings of the loop, see a study's `training`; `share` of the sequences, and whether it is `tuned`.
        context: seed of weights, batches, dropout and drawn items; folder for checkpoints; device; log.

    Returns:
        The best weights and the facts for the record, `flops` of a user and `batch_seconds` among them.
    """
    if not training["tuned"]:
        return make().state_dict(), run_facts()
    sessions = sampled(parts["train"], training["share"])
    events = validation_events(parts["valid"], training, items)
    windows = partial(latest, sessions, training["length"], items)
    objective = partial(Users, windows=windows, events=events)
    weights, facts = fit_sessions(make, objective, training, context)
    with torch.random.fork_rng():
        model = make().to(context.device)
        spent = cost(model, windows(model.ahead), training["batch_size"], context)
    weights[COSTS] = torch.tensor([spent[name] for name in SPENT], dtype=torch.float64)
    return weights, facts | spent


class Users(NextItems):
    """Users in shuffled batches, each with the latest items of the sequence.

    Args:
        windows: gives them for as many items beyond its length as a model wants to predict.
        schedule: `batch_size` counts users.
        Others: as `NextItems`.
    """

    divisible = True

    def __init__(
        self,
        model: nn.Module,
        windows: Callable[[int], Batch],
        events: Events,
        schedule: Schedule,
        context: TrainingContext,
    ):
        super().__init__(model, windows(model.ahead), events, schedule, context)
        self.targets = int(self.steps.clamp_max(getattr(model, "targets", self.steps.max())).sum())
        self.rows = schedule.batch_size
        self.length = -(-len(self.windows) // self.rows)

    def size(self, batch: Int[Tensor, " row"]) -> int:
        """Count the users of a batch."""
        return len(batch)


def sampled(sessions: Sessions, share: float) -> Sessions:
    """Keep a share of the sequences; a smaller share is part of a larger one."""
    order = np.random.default_rng(SHARED).permutation(len(sessions))
    return picked(sessions, np.sort(order[: max(1, round(share * len(sessions)))]))


def picked(
    sessions: Sessions, rows: Shaped[np.ndarray, " kept"], most: int | None = None
) -> Sessions:
    """Keep some sequences, of each at `most` the latest items."""
    ends, sizes = sessions.offsets[1:][rows], np.diff(sessions.offsets)[rows]
    kept = sizes if most is None else np.minimum(sizes, most)
    offsets = np.concatenate([[0], np.cumsum(kept)]).astype(np.int64)
    where = np.arange(offsets[-1]) + np.repeat(ends - kept - offsets[:-1], kept)
    first = np.minimum(sessions.first_target[rows], kept)
    return Sessions(
        sessions.items[where], sessions.events[where], offsets, first, sessions.ids[rows]
    )


def latest(sessions: Sessions, length: int, padding: int, ahead: int) -> Batch:
    """Take the latest items of each sequence, `length` to predict from and as many as are predicted, in one window."""
    most = length + ahead
    return cut(picked(sessions, np.arange(len(sessions)), most), most - 1, padding)


def cost(model: nn.Module, windows: Batch, batch_size: int, context: TrainingContext) -> dict:
    """Measure what learning costs: of an update, once frozen networks have read its items.

    What they say is kept by the model, see `KeptStates`; the same items are drawn each time, so that the first one
    reads them and those that are counted and timed do not. Where too much would be kept, all of them read.

    Args:
        model: whose weights do not matter.
        windows: of all users.
        batch_size: users of an update.
        context: device and seed.

    Returns:
        `flops`: of the loss of one user, of those with the most items, forward; a multiplication and an addition count
        as two. `batch_seconds`: of an update, the fastest of some.
    """
    model.train()
    longest = (windows.following != model.padding).sum(1).argmax()[None]
    one = windows.take(longest, context.device)
    with torch.no_grad():
        loss_again(model, one, context.seed)
        with FlopCounterMode(display=False) as counter:
            loss_again(model, one, context.seed)
    rows = torch.randperm(len(windows), generator=context.generator(0))[:batch_size]
    learned = [weight for weight in model.parameters() if weight.requires_grad]
    optimiser, batch = torch.optim.Adam(learned, fused=True), windows.take(rows, context.device)
    seconds = [timed(model, optimiser, batch, context.seed) for _ in range(TIMED)]
    return {"flops": counter.get_total_flops(), "batch_seconds": min(seconds)}


def loss_again(model: nn.Module, batch: Batch, seed: int) -> Float[Tensor, ""]:
    """Compute the loss with what is always drawn alike: items and dropout."""
    torch.manual_seed(seed)
    return model.loss(batch)


def timed(model: nn.Module, optimiser: torch.optim.Optimizer, batch: Batch, seed: int) -> float:
    """Time an update."""
    started = perf_counter()
    optimiser.zero_grad()
    loss_again(model, batch, seed).backward()
    optimiser.step()
    if batch.session.is_cuda:
        torch.cuda.synchronize()
    return perf_counter() - started


def start(model: nn.Module, tensors: dict[str, Tensor]) -> None:
    """Give a model the weights of another catalogue's, all that both share and nothing else.

    Args:
        model: names in `transferred` what another catalogue can use; all of it must be among the weights.
        tensors: weights of the other model.

    Raises:
        ValueError: a weight is not there, or has another shape.
    """
    own = model.state_dict()
    shared = [
        name for name in own if name.startswith(tuple(f"{one}." for one in model.transferred))
    ]
    for name in shared:
        there = list(tensors[name].shape) if name in tensors else None
        if there != list(own[name].shape):
            raise ValueError(
                f"start: {name} is {there or 'not there'}, expected shape {list(own[name].shape)}: start from a model "
                "of the same sizes that has read what this one reads"
            )
    model.load_state_dict({name: tensors[name] for name in shared}, strict=False)


def rank(
    data: dict[str, Path],
    tensors: dict[str, Tensor],
    settings: dict,
    needs: dict[str, Path],
    output: Path,
    top_k: int,
    device: str = "cpu",
) -> None:
    """Rank the whole catalogue for every test event; the lists say of which kind each user is, and what learning took.

    Args:
        data, settings, needs, device: as for `prepare`.
        tensors: the weights.
        output: parquet file, one row per event.
        top_k: length of the lists.
    """
    facts, training = content_facts(data, settings, {}), settings["training"]
    sessions = read_part(data["sessions"], judged_on(settings), False)
    events = Events.of(sessions, training["length"], facts["items"], excludes_seen(training))
    spent = tensors.pop(COSTS, None)
    model = made(settings, facts)
    model.load_state_dict(tensors)
    write_lists(output, events, rank_events(model.to(device), events, top_k, device))
    contents = Contents(data["contents"])
    reads = marks(contents.has("words"), contents.has("pictures"))
    costs = [] if spent is None else zip(SPENT, spent.tolist(), strict=True)
    pl.read_parquet(output).with_columns(
        pl.Series("kind", kinds(events.take(events.canonical()), sessions, reads)),
        *(pl.lit(value, pl.Float64).alias(name) for name, value in costs),
    ).write_parquet(output)


def kinds(events: Events, sessions: Sessions, reads: Marks) -> Shaped[np.ndarray, " event"]:
    """Say of the user of each event whether all items that were met are read by titles, by pictures, or by both.

    Args:
        events: of these sessions.
        sessions: of all that their users met.
        reads: which items are read by their title, which by their picture.
    """
    met = [
        np.logical_or.reduceat(reads[name].numpy()[sessions.items], sessions.offsets[:-1])
        for name in ("words", "pictures")
    ]
    return np.where(met[0] & met[1], "mixed", np.where(met[0], "text", "image"))[events.row]

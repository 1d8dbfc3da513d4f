"""Logged sessions to weights where items are words and pictures: a rate per group, networks that stay as they are."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import polars as pl
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from recloop.contents import towers
from recloop.contents.items import Contents
from recloop.data.batches import Batch, Events, Sessions, cut
from recloop.evaluation.costs import EPOCH
from recloop.evaluation.ranker import Ranks
from recloop.evaluation.ranker import rank as rank_events
from recloop.fitting.context import TrainingContext
from recloop.fitting.progress import NDCG
from recloop.fitting.schedule import Schedule
from recloop.fitting.trainer import Trainer
from recloop.fitting.tuning import fit_tuned
from recloop.training import sequences
from recloop.training.costs import Costs
from recloop.training.sequences import (
    data_facts,
    excludes_seen,
    judged_on,
    maker,
    read_part,
    validation_events,
)
from recloop.training.supervised import NextItems

MODALITIES = ("words", "pictures")
GROUPS = ("side", *MODALITIES)  # of parameters with a learning rate of their own
COSTS = "costs"  # seconds of an epoch, MiB and trained numbers, beside the weights


def prepare(data: dict[str, Path], settings: dict, needs: dict[str, Path], device: str) -> dict:
    """Give the keywords of `train`.

    Args:
        data: `sessions`, the folder of a split; `contents`; and by modality `words_levels`, a cache, or
            `words_network`, a network of ours.
        settings: `model`, `training`, `inference` and, by modality, the settings of its network.
        needs: none.
        device: cpu or cuda.
    """
    facts = content_facts(data, settings, needs)
    roles = {"train": "train", "valid": settings["training"].get("chosen_on", "valid")}
    return {
        "make": maker(settings, facts),
        "parts": {role: read_part(data["sessions"], part, False) for role, part in roles.items()},
        "items": facts["items"],
    }


def content_facts(data: dict[str, Path], settings: dict, needs: dict[str, Path]) -> dict:
    """Collect what a model may know: of the data, and where the levels of words and pictures come from."""
    facts = data_facts(data["sessions"], settings, needs)
    facts |= dict.fromkeys(MODALITIES)
    if "contents" not in data:
        return facts
    contents, training = Contents(data["contents"]), settings["training"]
    order = towers.dealt(len(contents), training.get("dealt"))
    for reads in MODALITIES:
        if f"{reads}_levels" in data:
            facts[reads] = towers.cached(data[f"{reads}_levels"], contents, order)
        elif reads in settings.get("networks", {}):
            facts[reads] = towers.live(
                settings["networks"][reads],
                data.get(f"{reads}_network"),
                contents,
                order,
                torch.get_num_threads(),
                training.get("checkpointing", False),
            )
    return facts


class NextContents(NextItems):
    """The next item at every step of shuffled windows, with a learning rate for each group of parameters.

    Args:
        model: has `loss`, `score` and perhaps `groups`, parameters by the name of their rate.
        rates: by the name of a group, times the learning rate of the schedule; 1 where a group has none.
        costs: of the updates.
        windows, events, schedule, context: as of `NextItems`.
    """

    divisible = True

    def __init__(
        self,
        model: nn.Module,
        windows: Batch,
        events: Events,
        schedule: Schedule,
        context: TrainingContext,
        rates: dict[str, float],
        costs: Costs,
    ):
        super().__init__(model, windows, events, schedule, context)
        self.rates, self.costs = rates, costs

    def optimisers(self, phase: int) -> dict[str, torch.optim.Optimizer]:
        """Make an Adam of what learns; what is frozen has no state."""
        rate, decay = self.schedule.learning_rate, self.schedule.weight_decay
        groups = [
            {"params": part, "lr": rate * self.rates.get(name, 1.0)}
            for name, part in groups_of(self.model).items()
        ]
        return {"all": torch.optim.Adam(groups, lr=rate, weight_decay=decay, fused=True)}

    def state(self) -> dict[str, Tensor]:
        """Return what was measured, so that a training that goes on knows what its first epochs took."""
        peak = -1.0 if self.costs.peak is None else self.costs.peak
        return {"seconds": torch.tensor(self.costs.seconds), "peak": torch.tensor(peak)}

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        """Put back what was measured."""
        self.costs.seconds = tensors["seconds"].tolist()
        peak = tensors["peak"].item()
        self.costs.peak = None if peak < 0 else peak

    def loss(self, batch: Int[Tensor, " row"]) -> Float[Tensor, ""]:
        """Let the model compute the loss of some windows."""
        self.costs.begin()
        return super().loss(batch)

    def after_update(self) -> None:
        """Stop the clock."""
        self.costs.end()

    def after_epoch(self, epoch: int) -> None:
        """Note the memory of the first epoch, before anything is validated."""
        self.costs.mark()

    def ranks(self) -> Ranks:
        """Rank the validation events."""
        return rank_events(self.model, self.events, 0, self.context.device)


def groups_of(model: nn.Module) -> dict[str, list[nn.Parameter]]:
    """Sort what learns by its learning rate."""
    if hasattr(model, "groups"):
        return {name: part for name, part in model.groups().items() if part}
    return {"recommender": [one for one in model.parameters() if one.requires_grad]}


def train(
    make: Callable[[], nn.Module],
    parts: dict[str, Sessions],
    items: int,
    training: dict,
    context: TrainingContext,
) -> tuple[dict[str, Tensor], dict]:
    """Choose the learning rate on the validation part, then train with it.

    Args:
        make: makes a fresh model.
        parts: `train` and `valid`.
        items: size of the catalogue.
        training: settings of the loop, see a study's `training`.
        context: seed of weights, batches and dropout; folder for checkpoints; device; log.

    Returns:
        The best weights, without those that never learn and with what an epoch takes; the facts for the record.
    """
    windows = cut(parts["train"], training["length"], items)
    events = validation_events(parts["valid"], training, items)
    rates = {name: training.get(f"{name}_rate", 1.0) for name in GROUPS}
    objective = partial(NextContents, windows=windows, events=events, rates=rates)

    def begin(schedule: Schedule, moment: TrainingContext) -> NextContents:
        costs, model = Costs(moment.device), make().to(moment.device)
        return objective(model=model, schedule=schedule, context=moment, costs=costs)

    weights, facts, trained = fit_tuned(begin, training, context, NDCG, keeps="trained")
    spent = costs_of(trained)
    weights[COSTS] = torch.tensor(list(spent.values()), dtype=torch.float64)
    facts |= {"targets_per_second": trained.per_second(trained.objective.targets)}
    return weights, facts | spent


def costs_of(trainer: Trainer) -> dict[str, float]:
    """Say what an epoch of a training took, and how many numbers learned."""
    costs, model = trainer.objective.costs, trainer.model
    learned = sum(one.numel() for one in model.parameters() if one.requires_grad)
    found = (costs.epoch(trainer.epoch_updates), costs.peak or 0.0, float(learned))
    return dict(zip(EPOCH.values(), found, strict=True))


def rank(
    data: dict[str, Path],
    tensors: dict[str, Tensor],
    settings: dict,
    needs: dict[str, Path],
    output: Path,
    top_k: int,
    device: str = "cpu",
) -> None:
    """Rank the whole catalogue for every test event; the lists say with each event what an epoch of the training took.

    Args:
        data, settings, needs, device: as for `prepare`.
        tensors: the weights.
        output: parquet file, one row per event.
        top_k: length of the lists.
    """
    facts, training = content_facts(data, settings, needs), settings["training"]
    sessions = read_part(data["sessions"], judged_on(settings), False)
    events = Events.of(sessions, training["length"], facts["items"], excludes_seen(training))
    costs = tensors.pop(COSTS, None)
    model = maker(settings, facts)()
    load(model, tensors)
    sequences.write_lists(output, events, rank_events(model.to(device), events, top_k, device))
    if costs is not None:
        told = zip(EPOCH.values(), costs.tolist(), strict=True)
        pl.read_parquet(output).with_columns(
            pl.lit(value, pl.Float64).alias(name) for name, value in told
        ).write_parquet(output)


def load(model: nn.Module, tensors: dict[str, Tensor]) -> None:
    """Put the weights that were learned into a model whose other weights never change.

    Raises:
        ValueError: a weight that learns is missing, or one is not the model's.
    """
    missing, unknown = model.load_state_dict(tensors, strict=False)
    frozen = {name for name, one in model.named_parameters() if not one.requires_grad}
    if lacking := sorted(set(missing) - frozen) or sorted(unknown):
        raise ValueError(
            f"weights: '{lacking[0]}' is {'missing' if missing else 'not of this model'}; remove them and train again"
        )

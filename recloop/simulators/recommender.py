"""A placebo of the language model as environment: a recommender that answers the same questions without any word.

States are its hidden states, the reward of an action is its score, and of a list it takes the item that scores highest.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from recloop.data.batches import Batch, Events, Sessions, cut
from recloop.data.feedback import items_of
from recloop.evaluation.ranker import rank
from recloop.evaluation.ranking import GAINS, expected_gain
from recloop.fitting import processor
from recloop.fitting.context import TrainingContext
from recloop.fitting.objective import Objective
from recloop.fitting.progress import NDCG
from recloop.fitting.schedule import Schedule
from recloop.fitting.trainer import Trainer
from recloop.models import build
from recloop.simulators.histories import share_of
from recloop.simulators.previews import NOTHING, Cost
from recloop.simulators.saving import WEIGHTS, write
from recloop.storage import checkpoint


class RecommenderEnvironment:
    """Answers as `recloop.simulators.language.LanguageEnvironment` does.

    Args:
        network: a next-item model.
    """

    def __init__(self, network: nn.Module):
        self.network, self.padding = network.eval(), network.padding

    @classmethod
    def open(
        cls,
        settings: Mapping[str, Any],
        folder: Path,
        data: Mapping[str, Path],
        device: torch.device | str = "cpu",
    ) -> RecommenderEnvironment:
        """Open what `train` wrote.

        Args:
            settings: of the environment as the study resolves it.
            folder: of its weights.
            data: `sessions`.
            device: cpu or cuda.
        """
        network = build_network(settings, items_of(data["sessions"]))
        network.load_state_dict(checkpoint.load(folder / WEIGHTS)[0])
        return cls(network.to(device))

    @property
    def vectors(self) -> Float[Tensor, "item dim"]:
        """The items in the space of states."""
        return self.network.rank.weight.detach()

    @property
    def device(self) -> torch.device:
        return self.vectors.device

    @torch.no_grad()
    def states(
        self, session: Int[Tensor, "batch time"], padding: int
    ) -> Float[Tensor, "batch time dim"]:
        """Return the hidden states after each item of right padded sessions, zeros at padding."""
        found = self.network.backbone(session.to(self.device)).cpu()
        return found * (session != padding).cpu()[..., None]

    @torch.no_grad()
    def rewards(
        self, histories: list[list[int]], actions: Int[Tensor, "history action"]
    ) -> Float[Tensor, "history action"]:
        """Return the score of each action for its history."""
        rows = [torch.tensor(one) for one in histories]
        session = nn.utils.rnn.pad_sequence(rows, True, self.padding)
        states = self.states(session, self.padding)[
            torch.arange(len(rows)), [len(one) - 1 for one in rows]
        ]
        each = states[:, None].expand(-1, actions.shape[1], -1).to(self.device)
        return self.network.rank.at(each, actions.to(self.device)).cpu()

    def choose(
        self, histories: list[list[int]], lists: Int[Tensor, "history k"], by: str = "reward"
    ) -> Int[Tensor, " history"]:
        """Choose the item of each list that scores highest, however it is asked."""
        return lists.gather(1, self.rewards(histories, lists).argmax(1)[:, None])[:, 0]

    def cost_of_answers(self, *asked: Any) -> Cost:
        """Take no prompt."""
        return NOTHING

    def cost_of_choices(self, *asked: Any) -> Cost:
        """Take no prompt."""
        return NOTHING


def build_network(settings: Mapping[str, Any], items: int) -> nn.Module:
    """Make the next-item model over the backbone of the settings."""
    made = {"class": "sequential.next_item.NextItem", "backbone": settings["backbone"]}
    return build(made, items=items, length=settings["length"])


class NextOfShare(Objective):
    """The next item in the sessions of a share of the users.

    Args:
        network: a next-item model.
        windows: of these users.
        events: of the validation part.
        schedule: `batch_size` counts sessions.
        context: of the training.
    """

    metric = NDCG

    def __init__(
        self,
        network: nn.Module,
        windows: Batch,
        events: Events,
        schedule: Schedule,
        context: TrainingContext,
    ):
        self.model, self.windows, self.events = network, windows, events
        self.schedule, self.context = schedule, context
        self.length = -(-len(windows) // schedule.batch_size)

    def batches(self, epoch: int, skip: int) -> Iterable[Int[Tensor, " row"]]:
        """List the sessions of each batch."""
        order = torch.randperm(len(self.windows), generator=self.context.generator(epoch))
        return order.split(self.schedule.batch_size)[skip:]

    def loss(self, batch: Int[Tensor, " row"]) -> Float[Tensor, ""]:
        """Compute the cross-entropy of the next items."""
        return self.model.loss(self.windows.take(batch, self.context.device))

    def evaluate(self) -> float:
        """Average NDCG@10 over the validation events."""
        ranks = rank(self.model, self.events, 0, self.context.device)
        return float(expected_gain(ranks.better, ranks.tied, 10, GAINS["NDCG"]).mean())


def train(
    sessions: Path,
    settings: dict,
    output: Path,
    seed: int,
    device: str = "cpu",
    threads: int = 1,
    log: Callable[[str], None] = print,
) -> None:
    """Teach a recommender on the share of the users that a language model would learn from.

    Args: as of `recloop.simulators.language_training.train`, but for the language model.
    """
    processor.use(threads)
    torch.manual_seed(seed)
    started, items, length = time.monotonic(), items_of(sessions), settings["length"]
    draft = output.with_name(f"{output.name}.part")
    context = TrainingContext(seed, draft, device, log, f"recommender of {sessions.name}")
    windows = share_of(
        cut(Sessions.read(sessions / "train.parquet"), length, items), settings["share"], seed
    )
    events = Events.of(Sessions.read(sessions / "valid.parquet"), length, items)
    network = build_network(settings, items).to(device)
    schedule = Schedule(**settings["training"])
    trainer = Trainer(
        NextOfShare(network, windows, events, schedule, context),
        context,
        {"settings": settings, "seed": seed},
    )
    weights = trainer.fit()
    record = {"settings": settings, "seed": seed, "sessions": len(windows)}
    record |= {NDCG.column: trainer.progress.best, "seconds": time.monotonic() - started}
    write(output, weights, settings, trainer.progress.curve, NDCG, record)
    shutil.rmtree(draft, ignore_errors=True)

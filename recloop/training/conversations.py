"""Simulated conversations as an objective: what a stage shows, what it minimises, and how it is validated."""

from collections.abc import Iterator

import torch
from jaxtyping import Float, Int
from torch import Tensor

from recloop.data.pools import Requests, World, distinct
from recloop.fitting.context import TrainingContext
from recloop.fitting.objective import Objective
from recloop.fitting.progress import NDCG
from recloop.fitting.schedule import Schedule
from recloop.models.dialogue.dialogue import DialogueModel, State
from recloop.simulators.critique_encoder import CritiqueEncoder
from recloop.simulators.environment import Environment
from recloop.simulators.nearest import Nearest
from recloop.simulators.rollout import Choose, ask, converse
from recloop.storage.moving import moved
from recloop.training.improvement import Improvement
from recloop.training.supervised import SELECTION_CUTOFF

Batch = tuple[int, Int[Tensor, " row"]]  # number of the update, rows of the training requests


def num_lists(dialogue: dict) -> int:
    """Count the lists of a dialogue: one per turn, and one before them if that is turn 0."""
    return dialogue["turns"] + 1 - dialogue["first_turn"]


class Conversations(Objective):
    """One stage of a dialogue model.

    Args:
        model: with the weights it starts from.
        worlds: `train`, and `valid` to choose the epoch on.
        critique_encoder: of the simulated users.
        dialogue: `shown`, `turns`, `first_turn`, `likes`.
        training: `stage` and the switches of a stage.
        schedule: `batch_size` counts dialogues.
        context: of the training; its seed decides about the order of batches, random lists and negatives.
    """

    metric = NDCG

    def __init__(
        self,
        model: DialogueModel,
        worlds: dict[str, World],
        critique_encoder: CritiqueEncoder,
        dialogue: dict,
        training: dict,
        schedule: Schedule,
        context: TrainingContext,
    ):
        self.model, self.worlds, self.dialogue, self.training = model, worlds, dialogue, training
        self.schedule, self.context = schedule, context
        self.requests, self.rows = worlds["train"].requests, schedule.batch_size
        self.length = -(-len(self.requests) // self.rows)
        # A pretraining needs no feedback on its last list: its last state is judged as it stands.
        lists = num_lists(dialogue)
        used = lists - 1 if training["stage"] == "pretrain" else lists
        self.users = Environment(worlds["train"].pool, critique_encoder, used, dialogue["likes"])
        self.asked = Environment(worlds["valid"].pool, critique_encoder, lists, dialogue["likes"])
        self.prepare_stage()

    def batches(self, epoch: int, skip: int) -> Iterator[Batch]:
        """List each dialogue once, in an order that depends only on seed and epoch."""
        order = torch.randperm(len(self.requests), generator=self.context.generator(epoch))
        first = epoch * self.length + skip
        return enumerate(order.split(self.rows)[skip:], first)

    def size(self, batch: Batch) -> int:
        """Count the dialogues of a batch."""
        return len(batch[1])

    def prepare_stage(self) -> None:
        """Freeze what does not learn, and note what the first weights decide about."""
        stage, pool = self.training["stage"], self.worlds["train"].pool
        self.model.freeze(stage)
        whole = len(pool) % self.rows == 0
        self.stale = None
        if self.training.get("stale_rows") and whole:
            # Released code: with a whole number of batches, the last one is never embedded anew.
            self.stale = self.model.embed(pool.features[-self.rows :]).detach()
        self.nearest = Nearest(self.table().detach())
        self.improvement = None
        if stage == "improve":
            self.improvement = Improvement(
                self.model, self.users, self.worlds["train"], self.dialogue["shown"], self.training
            )

    def table(self) -> Float[Tensor, "item dim"]:
        """Embed the pool with the weights of this moment."""
        with torch.set_grad_enabled(self.training.get("item_gradient", False)):
            table = self.model.embed(self.worlds["train"].pool.features)
        return table if self.stale is None else torch.cat([table[: -self.rows], self.stale])

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        """Hold a batch of dialogues and compute what the stage minimises."""
        update, rows = batch
        # What is drawn depends on the update alone, so that a resumed training draws the same.
        generator = self.context.generator(update)
        requests = self.requests.take(rows, self.context.device)
        stage, table = self.training["stage"], self.table()
        if self.improvement:
            first = self.first(requests, generator)
            return self.improvement.loss(requests, table, first, generator)
        choose = self.at_random if stage == "pretrain" else self.by_nearness
        dialogue, _ = converse(
            self.model,
            self.users,
            requests,
            self.worlds["train"].catalogue,
            table,
            choose(requests, table, generator),
            generator,
        )
        return getattr(self.model, f"{stage}_loss")(dialogue)

    def at_random(self, requests: Requests, table: Tensor, generator: torch.Generator) -> Choose:
        """Show random items, none twice in a dialogue (released code: next items are random in this stage)."""
        k = self.dialogue["shown"]
        drawn = self.draw(len(requests), self.users.lists * k, generator)
        return lambda number, state, seen: drawn[:, number * k : (number + 1) * k]

    def by_nearness(self, requests: Requests, table: Tensor, generator: torch.Generator) -> Choose:
        """Show what is nearest to the state, after a random list if the model cannot make the first."""
        self.nearest.refresh(table)
        first = self.first(requests, generator)

        def choose(number: int, state: State, seen: Int[Tensor, "batch seen"]) -> Tensor:
            if number == 0 and first is not None:
                return first
            return self.nearest.top(state.query, seen, self.dialogue["shown"])

        return choose

    def first(self, requests: Requests, generator: torch.Generator) -> Tensor | None:
        """Draw the first lists, unless the model makes them itself."""
        if self.model.personal:
            return None
        return self.draw(len(requests), self.dialogue["shown"], generator)

    def draw(
        self, batch: int, wanted: int, generator: torch.Generator
    ) -> Int[Tensor, "batch wanted"]:
        """Draw different items for each dialogue."""
        items = len(self.worlds["train"].pool)
        uniform = torch.rand(2, batch, wanted, generator=generator, dtype=torch.float64)
        return moved(distinct(uniform, items), self.context.device)

    def evaluate(self) -> float:
        """Hold the validation dialogues."""
        return judge(self.model, self.worlds["valid"], self.asked, self.dialogue)


def judge(model: DialogueModel, world: World, environment: Environment, dialogue: dict) -> float:
    """Compute NDCG@10, averaged over dialogues and turns, by which the papers choose an epoch."""
    transcript = ask(model, world, environment, dialogue["shown"])
    first = 1 - dialogue["first_turn"]  # a first list that is turn 0 is not evaluated
    return float(transcript.gain(first, SELECTION_CUTOFF).mean())

"""One training of a dialogue model: batches of simulated conversations, validation, early stopping, resumption."""

from collections.abc import Callable
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor

from recloop.data.pools import Requests, World, distinct
from recloop.models.dialogue.dialogue import DialogueModel, State
from recloop.simulators.critique_encoder import CritiqueEncoder
from recloop.simulators.environment import Environment
from recloop.simulators.nearest import Nearest
from recloop.simulators.rollout import Choose, ask, converse
from recloop.training import supervised
from recloop.training.improvement import Improvement


def num_lists(dialogue: dict) -> int:
    """Count the lists of a dialogue: one per turn, and one before them if that is turn 0."""
    return dialogue["turns"] + 1 - dialogue["first_turn"]


class Trainer(supervised.Trainer):
    """One training of one stage, resumable; see `recloop.training.supervised.Trainer` for the loop itself.

    Args:
        model: with the weights it starts from.
        worlds: `train`, and `valid` to choose the epoch on.
        critique_encoder: of the simulated users.
        dialogue: `shown`, `turns`, `first_turn`, `likes`.
        training: `stage`, `batch_size`, `patience`, `weight_decay` and the switches of a stage.
        rate: learning rate.
        epochs: most passes over the dialogues.
        seed: of the order of batches, random lists and negatives.
        path, log, device: as for the other loop.
    """

    def __init__(
        self,
        model: DialogueModel,
        worlds: dict[str, World],
        critique_encoder: CritiqueEncoder,
        dialogue: dict,
        training: dict,
        rate: float,
        epochs: int,
        seed: int,
        path: Path | None = None,
        log: Callable[[str], None] = print,
        device: torch.device | str = "cpu",
    ):
        self.model, self.worlds, self.dialogue, self.training = model, worlds, dialogue, training
        self.seed, self.path, self.log, self.device = seed, path, log, device
        self.windows = worlds["train"].requests
        self.rows = training["batch_size"]
        self.epoch_updates = -(-len(self.windows) // self.rows)
        self.schedule = supervised.Schedule(
            rate, self.rows, epochs, training["patience"] or epochs + 1, None, None
        )
        # A pretraining needs no feedback on its last list: its last state is judged as it stands.
        lists = num_lists(dialogue)
        used = lists - 1 if training["stage"] == "pretrain" else lists
        self.users = Environment(worlds["train"].pool, critique_encoder, used, dialogue["likes"])
        self.asked = Environment(worlds["valid"].pool, critique_encoder, lists, dialogue["likes"])
        self.prepare_stage()
        self.optimiser = torch.optim.Adam(
            [parameter for parameter in model.parameters() if parameter.requires_grad],
            lr=rate,
            weight_decay=training["weight_decay"],
            fused=True,
        )
        self.progress, self.best, self.stopping = supervised.Progress(), {}, False
        if path and path.exists():
            self.resume()

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

    def learn(self, rows: Tensor) -> None:
        """Make one update on a batch of dialogues."""
        self.model.train()
        self.optimiser.zero_grad()
        # Chance depends on the update alone, so that a resumed training meets the same.
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.progress.update)
        loss = self.loss(self.windows.take(rows, self.device), generator)
        loss.backward()
        self.optimiser.step()
        self.progress.loss += loss.item()
        self.progress.counted += 1
        self.progress.update += 1

    def loss(self, requests: Requests, generator: torch.Generator) -> Float[Tensor, ""]:
        """Hold a batch of dialogues and say what the stage minimises."""
        stage, table = self.training["stage"], self.table()
        if self.improvement:
            first = self.first(requests, generator)
            return self.improvement.loss(requests, table, first, generator)
        choose = self.by_chance if stage == "pretrain" else self.by_nearness
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

    def by_chance(self, requests: Requests, table: Tensor, generator: torch.Generator) -> Choose:
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
        generator = torch.rand(2, batch, wanted, generator=generator, dtype=torch.float64)
        return distinct(generator, items).to(self.device)

    def validate(self) -> None:
        """Hold the validation dialogues, keep the weights if they are the best, write the checkpoint."""
        done = self.progress
        score = judge(self.model, self.worlds["valid"], self.asked, self.dialogue)
        done.stale += 1
        if score > done.best:
            done.best, done.best_update, done.stale = score, done.update, 0
            self.best = {
                name: tensor.detach().clone() for name, tensor in self.model.state_dict().items()
            }
        done.curve.append(
            {
                "update": done.update,
                "epoch": done.update / self.epoch_updates,
                "loss": done.loss / done.counted,
                "valid_ndcg10": score,
                "seconds": done.seconds,
            }
        )
        done.loss, done.counted = 0.0, 0
        self.log(self.line())
        self.keep()


def judge(model: DialogueModel, world: World, environment: Environment, dialogue: dict) -> float:
    """Give NDCG@10, averaged over dialogues and turns, by which the papers choose an epoch."""
    transcript = ask(model, world, environment, dialogue["shown"])
    counted = 1 - dialogue["first_turn"]  # a first list that is turn 0 is not evaluated
    return float(transcript.gain(counted, supervised.SELECTION_CUTOFF).mean())

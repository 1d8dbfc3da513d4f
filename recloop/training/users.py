"""Users, session after session, to a model that remembers them: user-parallel batches, memories, ranking.

A slot of the batch follows one user through all sessions in order (recloop/data/user_batches.py). What it remembers
goes from one update to the next without gradient, and into the checkpoint.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor, nn

from recloop.data.batches import Batch, Events, cut
from recloop.data.user_batches import UserBatch, UserBatches
from recloop.data.users import Past, Users
from recloop.evaluation.ranker import Ranks
from recloop.evaluation.ranker import rank as rank_events
from recloop.fitting.context import TrainingContext
from recloop.fitting.schedule import Schedule
from recloop.storage.moving import moved
from recloop.training.sequences import data_facts, judged_on, maker, write_lists
from recloop.training.supervised import LoggedSessions, fit_sessions

__all__ = ["prepare", "rank", "train"]

Memory = dict[str, Tensor]  # every tensor has one row per user
USERS_AT_ONCE = 1024  # whose earlier sessions are read side by side


@dataclass(frozen=True)
class Judged:
    """What users are asked: the events of their last session, after all sessions before it.

    Attributes:
        users: their sessions, capped.
        events: to be predicted from the items of the same session alone; `row` is the user.
    """

    users: Users
    events: Events

    @classmethod
    def of(cls, users: Users, length: int, items: int) -> "Judged":
        """List every event of the last sessions; a session of `length` items has taught `length - 1` steps."""
        events = Events.of(users.judged(), length - 1, items)
        return cls(users.capped(length), replace(events, seen=events.position))

    def ranks(self, model: nn.Module, top_k: int, device: torch.device | str) -> Ranks:
        """Read the earlier sessions of every user who is asked, then rank the events."""
        return rank_events(Recalling(model, self, device), self.events, top_k, device)


class Recalling(nn.Module):
    """A model of users as the ranker asks it: event after event, each with the memory of its user.

    Made for one ranking: it counts the events that it has scored. The model is also given the whole judged session,
    which only the twin that looks ahead reads.
    """

    def __init__(self, model: nn.Module, judged: Judged, device: torch.device | str):
        super().__init__()
        self.model, self.judged = model.eval(), judged
        asked, self.place = np.unique(judged.events.row, return_inverse=True)
        self.memory = memories(model, judged.users, asked, judged.events.padding, device)
        self.done = 0

    def score(self, session: Int[Tensor, "batch time"]) -> Float[Tensor, "batch item"]:
        """Score every item for the next events."""
        part = slice(self.done, self.done + len(session))
        self.done = part.stop
        users, padding = self.judged.users, self.judged.events.padding
        whole = users.grid(users.first[self.judged.events.row[part] + 1] - 1, padding)
        place = torch.from_numpy(self.place[part]).to(session.device)
        memory = {name: tensor[place] for name, tensor in self.memory.items()}
        return self.model.score(session, memory, whole.to(session.device))


@torch.inference_mode()
def memories(
    model: nn.Module,
    users: Users,
    asked: Shaped[np.ndarray, " asked"],
    padding: int,
    device: torch.device | str,
) -> Memory:
    """Let a model read all sessions of some users but the last.

    Args:
        model: in evaluation mode.
        users: their sessions.
        asked: which users; rows of the memory have this order.
        padding: id that stands for no item.
        device: where the model is.
    """
    earlier = np.maximum(np.diff(users.first)[asked] - 1, 0)
    order = np.argsort(-earlier, kind="stable")  # alike side by side: few rows wait for a long one
    found = [
        read(model, users, asked[rows], earlier[rows], padding, device)
        for rows in np.split(order, range(USERS_AT_ONCE, len(order), USERS_AT_ONCE))
    ]
    back = torch.from_numpy(np.argsort(order)).to(device)
    return {name: torch.cat([part[name] for part in found])[back] for name in found[0]}


def read(
    model: nn.Module,
    users: Users,
    rows: Shaped[np.ndarray, " row"],
    earlier: Shaped[np.ndarray, " row"],
    padding: int,
    device: torch.device | str,
) -> Memory:
    """Read the first `earlier` sessions of each of some users, who are sorted from many to few."""
    memory = model.start(len(rows))
    for number in range(earlier.max(initial=0)):
        left = int((earlier > number).sum())
        session = users.grid(users.first[rows[:left]] + number, padding).to(device)
        after = model.remember(session, {name: old[:left] for name, old in memory.items()})
        memory = {name: torch.cat([after[name], old[left:]]) for name, old in memory.items()}
    return memory


class UserSessions(LoggedSessions):
    """The next item at every step of every session, user by user; `batch_size` of the schedule is the number of slots.

    Args:
        model: has `start(rows)`, `loss(batch, memory)`, `remember(session, memory)` and
            `score(session, memory, whole)`.
        users: the training sessions, capped.
        judged: validation events with the sessions before them.
        schedule, context: of the training.

    Raises:
        ValueError: a schedule that draws batches independently: a user's sessions have an order.
    """

    def __init__(
        self,
        model: nn.Module,
        users: Users,
        judged: Judged,
        schedule: Schedule,
        context: TrainingContext,
    ):
        if schedule.draws != "passes":
            raise ValueError(
                f"draws={schedule.draws!r}, but loop users follows each user in order: expected passes"
            )
        super().__init__(model, schedule, context)
        self.users, self.judged = users, judged
        longest = int(np.diff(users.offsets).max())
        self.windows = cut(users.sessions(), longest - 1, judged.events.padding)  # one per session
        self.steps = (self.windows.following != judged.events.padding).sum(1)
        self.targets = int(self.steps.sum())
        slots = min(schedule.batch_size, int((np.diff(users.first) > 0).sum()))
        # Epochs count from 0.
        self.user_batches = UserBatches.deal(users, slots, context.generator(-1))
        self.memory = {name: part.clone() for name, part in model.start(slots).items()}
        self.length = self.user_batches.updates

    def batches(self, epoch: int, skip: int) -> Iterator[UserBatch]:
        """List the turns of an epoch; they depend only on the seed and on the epoch."""
        return islice(self.user_batches.turns(self.context.generator(epoch)), skip, None)

    def loss(self, batch: UserBatch) -> Float[Tensor, ""]:
        """Compute the loss of a turn and keep what its slots remember after it."""
        slots = moved(batch.slots, self.context.device)
        memory = self.recall(slots, batch.fresh)
        loss, after = self.model.loss(self.take(batch.sessions), memory)
        for name, kept in self.memory.items():
            kept[slots] = after[name].detach()
        return loss

    def size(self, batch: UserBatch) -> int:
        """Count the targets of a turn."""
        return int(self.steps[batch.sessions].sum())

    def take(self, sessions: Int[Tensor, " batch"]) -> Batch:
        """Take some sessions, padded to the longest of them."""
        batch = self.windows.take(sessions, self.context.device)
        longest = int(self.steps[sessions].max())
        names = ("session", "following", "purchase")
        return replace(batch, **{name: getattr(batch, name)[:, :longest] for name in names})

    def recall(self, slots: Int[Tensor, " batch"], fresh: Bool[Tensor, " batch"]) -> Memory:
        """Take what some slots remember; new users start anew."""
        memory = {name: kept[slots] for name, kept in self.memory.items()}
        if fresh.any():
            new = self.model.start(len(slots))
            chosen = moved(fresh.nonzero().squeeze(1), self.context.device)
            for name, old in memory.items():
                old[chosen] = new[name][chosen]
        return memory

    def ranks(self) -> Ranks:
        """Rank the validation events."""
        return self.judged.ranks(self.model, 0, self.context.device)

    def state(self) -> Memory:
        """Name what the slots remember."""
        return self.memory

    def load_state(self, tensors: Memory) -> None:
        """Put back what the slots remembered."""
        self.memory = {name: kept.to(self.context.device) for name, kept in tensors.items()}


def prepare(data: dict[str, Path], settings: dict, needs: dict[str, Path], device: str) -> dict:
    """Give the keywords of `train`; arguments as for `sequences.prepare`."""
    facts = data_facts(data["sessions"], settings, needs)
    return {
        "make": maker(settings, facts),
        "parts": {part: Users.read(data["sessions"], part) for part in ("train", "valid")},
        "items": facts["items"],
    }


def train(
    make: Callable[[], nn.Module],
    parts: dict[str, Users],
    items: int,
    training: dict,
    context: TrainingContext,
) -> tuple[dict[str, Tensor], dict]:
    """Choose the learning rate on the validation part, then train with it; as `supervised.train`."""
    users = parts["train"].capped(training["length"])
    judged = Judged.of(parts["valid"], training["length"], items)
    judged = replace(judged, events=judged.events.sample(training["validation_events"], seed=0))
    objective = partial(UserSessions, users=users, judged=judged)
    return fit_sessions(make, objective, training, context)


def rank(
    data: dict[str, Path],
    tensors: dict[str, Tensor],
    settings: dict,
    needs: dict[str, Path],
    output: Path,
    top_k: int,
    device: str = "cpu",
) -> None:
    """Rank the events of the judged sessions; arguments and columns as for `sequences.rank` with users."""
    facts, part = data_facts(data["sessions"], settings, needs), judged_on(settings)
    users = Users.read(data["sessions"], part)
    judged = Judged.of(users, settings["training"]["length"], facts["items"])
    model = maker(settings, facts)()
    model.load_state_dict(tensors)
    found = judged.ranks(model.to(device), top_k, device)
    write_lists(output, judged.events, found, Past.of(users.judged()))

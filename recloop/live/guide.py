"""A trained model that shows pictures to people and hears what they write, many of them in one batch."""

import secrets
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from recloop.data.pictures import Pictures
from recloop.data.pools import World, first_lists, read_part
from recloop.features import open_encoder
from recloop.models.dialogue.dialogue import DialogueModel, Feedback, State
from recloop.report.recorded import read_titles
from recloop.simulators.nearest import Nearest
from recloop.simulators.rollout import begin, by_chance
from recloop.storage import checkpoint
from recloop.training.conversations import num_lists
from recloop.training.dialogue import maker, open_features


@dataclass(frozen=True)
class Moment:
    """What is known of one dialogue when a list was shown; never changed in place.

    Attributes:
        state: of the model, a batch of one.
        seen: rows shown so far, the last list included, one row of them.
        shown: the last list.
        target: row that the person was asked to look for.
        number: of the list, from 1.
        rank: of the target before this list was shown, in the middle of its ties; 1 is first.
        found: whether the target is in this list.
    """

    state: State
    seen: Int[Tensor, "1 seen"]
    shown: Int[Tensor, " k"]
    target: int
    number: int
    rank: float
    found: bool


@dataclass(frozen=True)
class Answer:
    """What a person says on a list: which of its places they like best, and what is missing."""

    moment: Moment
    liked: int
    critique: str


class Guide:
    """A trained dialogue model with the pool of the test part.

    Args:
        model: as trained; put into evaluation mode.
        world: pool and requests, whose pasts and targets a person may borrow.
        texts: encodes sentences: has `texts(sentences) -> sentence dim`.
        shown: items per list.
        lists: how many lists a dialogue has at most.
        folder: of the catalogue, with its pictures.
    """

    def __init__(
        self, model: DialogueModel, world: World, texts: Any, shown: int, lists: int, folder: Path
    ):
        self.model, self.world, self.texts = model.eval(), world, texts
        self.shown = shown
        self.lists = min(lists, len(world.pool) // shown)
        self.pictures, self.titles = Pictures.open(folder), read_titles(folder)
        with torch.no_grad():
            self.nearest = Nearest(model.embed(world.pool.features))

    @classmethod
    def open(
        cls, weights: Path, settings: dict, data: dict[str, Path], needs: dict[str, Path]
    ) -> "Guide":
        """Load what a run has left.

        Args:
            weights: of the run.
            settings, data, needs: as its lists were made with, see `recloop.training.dialogue.rank`.
        """
        features, dialogue = open_features(data), settings["dialogue"]
        parts = {role: path for role, path in needs.items() if role != "start"}
        model = maker(settings, parts, features)()
        model.load_state_dict(checkpoint.load(weights)[0])
        texts = open_encoder(settings["encoder"], data.get("encoder"))
        world = read_part(data["dialogues"], "test", features)
        return cls(model, world, texts, dialogue["shown"], num_lists(dialogue), data["catalogue"])

    def items(self, rows: Int[Tensor, " row"]) -> list[int]:
        """Return the catalogue numbers of rows of the pool."""
        return self.world.pool.ids[rows].tolist()

    def title(self, item: int) -> str:
        """Return what an item is called."""
        return self.titles.get(item) or f"item {item}"

    def past(self, user: int) -> list[int]:
        """List what a user of the test part bought before, where the model uses it."""
        requests = self.world.requests
        length = int(requests.length[user]) if self.model.personal else 0
        return requests.history[user, :length].tolist()

    @torch.no_grad()
    def begin(self, user: int) -> Moment:
        """Show the first list to somebody with the past and the target of a user of the test part.

        Args:
            user: row of the requests.
        """
        requests = self.world.requests.take(slice(user, user + 1))
        state = begin(self.model, requests, self.world.catalogue)
        target, none = requests.target, requests.target.new_empty(1, 0)
        if self.model.personal:
            top, better, tied = self.nearest.rank(state.query, target, none, self.shown)
        else:
            chance = torch.tensor([secrets.randbits(40)])
            top = first_lists(chance, self.shown, self.nearest.items)
            better, tied = by_chance(top, target, self.nearest.items)
        return moment(State(state.query, state.memory), top, none, target, 1, better, tied)

    @torch.no_grad()
    def turn(self, answers: Sequence[Answer]) -> list[Moment]:
        """Hear some people and show each the next list; those whose states are of one shape go together.

        Raises:
            Diverged: a state is no finite number.
        """
        texts = self.texts.texts([answer.critique for answer in answers])
        alike = defaultdict(list)
        for place, answer in enumerate(answers):
            alike[shape(answer.moment)].append(place)
        found = {}
        for places in alike.values():
            together = self.turn_alike([answers[place] for place in places], texts[places])
            found |= zip(places, together, strict=True)
        return [found[place] for place in range(len(answers))]

    def turn_alike(
        self, answers: Sequence[Answer], texts: Float[Tensor, "batch words"]
    ) -> list[Moment]:
        """Hear people whose states are of one shape."""
        moments = [answer.moment for answer in answers]
        shown = torch.stack([one.shown for one in moments])
        liked = torch.tensor([answer.liked for answer in answers])[:, None]
        others = torch.ones_like(shown, dtype=torch.bool).scatter_(1, liked, False)
        disliked = shown[others].view(len(shown), -1)
        features = self.world.pool.features
        heard = Feedback(features[shown.gather(1, liked)[:, 0]], features[disliked], texts)
        state = self.model.observe(joined([one.state for one in moments]), heard)
        seen = torch.cat([one.seen for one in moments])
        target = torch.tensor([one.target for one in moments])
        top, better, tied = self.nearest.rank(state.query, target, seen, self.shown)
        return [
            moment(
                State(state.query[row], {name: one[row] for name, one in state.memory.items()}),
                top[row],
                seen[row],
                target[row],
                before.number + 1,
                better[row],
                tied[row],
            )
            for number, before in enumerate(moments)
            for row in [slice(number, number + 1)]
        ]


def moment(state: State, top, seen, target, number: int, better, tied) -> Moment:
    """Put down what was shown to one person, from a batch of one."""
    found = bool((top == target[:, None]).any()) or bool((seen == target[:, None]).any())
    rank = float(better) + (max(float(tied), 1) + 1) / 2
    return Moment(state, torch.cat([seen, top], dim=1), top[0], int(target), number, rank, found)


def joined(states: Sequence[State]) -> State:
    """Put states of one shape into a batch."""
    names = states[0].memory
    memory = {name: torch.cat([one.memory[name] for one in states]) for name in names}
    return State(torch.cat([one.query for one in states]), memory)


def shape(moment: Moment) -> tuple:
    """Say which moments can go together."""
    memory = sorted((name, one.shape[1:]) for name, one in moment.state.memory.items())
    return (moment.seen.shape[1], *memory)

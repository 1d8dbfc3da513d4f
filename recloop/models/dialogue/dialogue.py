"""What a dialogue model is: it embeds items, starts from a history, hears feedback and asks for the next list.

A model only says where in its space it would look (`State.query`); who ranks the pool by Euclidean distance, leaves
out what was shown and plays the user is the environment. Training hands whole dialogues back as `Dialogue`.
"""

from dataclasses import dataclass, field
from typing import ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from recloop.models.dialogue import objectives
from recloop.models.dialogue.spaces import Space


@dataclass
class State:
    """What a model knows after some feedbacks; never changed in place.

    Attributes:
        query: s_t, the point whose nearest items make the next list.
        memory: what the tracker keeps: a hidden state, tokens so far. First axis `batch`.
        extra: what a loss asks for besides, such as GOMMIR's composed feature. First axis `batch`.
    """

    query: Float[Tensor, "batch dim"]
    memory: dict[str, Tensor] = field(default_factory=dict)
    extra: dict[str, Tensor] = field(default_factory=dict)


@dataclass
class Feedback:
    """What a user says on one list, as vectors of the encoder, not normalised.

    Attributes:
        liked: image features of the item nearest to the target.
        disliked: image features of the other items shown.
        text: text features of the critique.
    """

    liked: Float[Tensor, "batch features"]
    disliked: Float[Tensor, "batch rejected features"]
    text: Float[Tensor, "batch words"]


@dataclass
class Dialogue:
    """A batch of finished dialogues: state t made list t, feedback t made state t + 1.

    Attributes:
        target: row of the pool that each user looks for.
        states: one per list, and the one after the last feedback.
        shown: rows of the pool, by list.
        liked: row of the liked item, by list.
        disliked: rows of the others, by list.
        feedback: one per list.
        open: whether the target was in no earlier list.
        table: the pool through `embed`.
        own_first: whether list 0 came from `states[0]`; otherwise it was random and state 0 learns nothing.
        generator: source of random numbers for negatives.
    """

    target: Int[Tensor, " batch"]
    states: list[State]
    shown: Int[Tensor, "batch turn k"]
    liked: Int[Tensor, "batch turn"]
    disliked: Int[Tensor, "batch turn rejected"]
    feedback: list[Feedback]
    open: Bool[Tensor, "batch turn"]
    table: Float[Tensor, "item dim"]
    own_first: bool
    generator: torch.Generator

    @property
    def first(self) -> int:
        """Turn of the first state that chose a list."""
        return 0 if self.own_first else 1

    def queries(self, start: int, stop: int | None = None) -> Float[Tensor, "batch turn dim"]:
        """Stack the queries of some states."""
        return torch.stack([state.query for state in self.states[start:stop]], dim=1)

    def learning(self, stop_at_target: bool) -> Bool[Tensor, "batch state"]:
        """Mark the states that learn: all, or those before which the target had not been shown."""
        found = (self.shown[:, -1] == self.target[:, None]).any(-1)
        states = torch.cat([self.open, (self.open[:, -1] & ~found)[:, None]], dim=1)
        return states if stop_at_target else torch.ones_like(states)


class DialogueModel(nn.Module):
    """The contract of all dialogue models, with the supervised loss that they share.

    Args:
        space: where items, critiques and states meet.
        margin: epsilon of the hinge.
        stop_at_target: learn nothing from turns after the target was shown, for then the user leaves (S5.4 of both
            papers). Off by default: the losses are sums over all turns, and a positive reward per list would make
            an early end a loss.

    Attributes:
        personal: whether `begin` makes a query from the history, good for list 0.
        frozen: by stage, the parts whose parameters do not learn.
    """

    personal: bool = False
    frozen: ClassVar[dict[str, tuple[str, ...]]] = {}

    def __init__(self, space: Space, margin: float = 0.1, stop_at_target: bool = False):
        super().__init__()
        self.space = space
        self.margin = margin
        self.stop_at_target = stop_at_target

    def embed(self, images: Float[Tensor, "*item features"]) -> Float[Tensor, "*item dim"]:
        """Bring encoder features of items into the space in which they are ranked."""
        return self.space.image(images)

    def begin(
        self, history: Float[Tensor, "batch past features"], length: Int[Tensor, " batch"]
    ) -> State:
        """Start dialogues. Without a use for the history the query is zero and list 0 should be random.

        Args:
            history: encoder features of earlier purchases, padded on the right; `past` may be 0.
            length: how many of them are real.
        """
        return State(history.new_zeros(len(history), self.space.dim))

    def observe(self, state: State, feedback: Feedback) -> State:
        """Take in the feedback on the list that the state made."""
        raise NotImplementedError(f"{type(self).__name__} cannot hear feedback")

    def pretrain_loss(self, dialogue: Dialogue) -> Float[Tensor, ""]:
        """Hinge with one random negative per turn (GOMMIR Eq. 11, PMMIR Eq. 6), over every state there is."""
        first = dialogue.first
        queries = dialogue.queries(first)
        negative = objectives.random_items(
            len(dialogue.table), dialogue.target, queries.shape[1:2], dialogue.generator
        )
        loss = objectives.hinge(
            queries, dialogue.table[dialogue.target], dialogue.table[negative], self.margin
        )
        return objectives.mean_where(loss, dialogue.learning(self.stop_at_target)[:, first:])

    def joint_loss(self, dialogue: Dialogue) -> Float[Tensor, ""]:
        """Improve the policy on its own lists; models without such a stage refuse."""
        name = type(self).__name__
        raise NotImplementedError(f"{name} learns by supervision only: use stage: pretrain")

    def freeze(self, stage: str) -> None:
        """Let all parameters learn but those of the parts that sleep in this stage."""
        asleep = tuple(f"{part}." for part in self.frozen.get(stage, ()))
        for name, parameter in self.named_parameters():
            parameter.requires_grad_(not (asleep and name.startswith(asleep)))

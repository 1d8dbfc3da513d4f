"""What all recommenders that choose attribute values share: a tracker, a policy, and logged sessions to learn from."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from recloop.models.offline.spaces import Space, taken
from recloop.models.offline.tracker import SlotTracker
from recloop.models.online.encoders import head

CHOICES = ("drawn", "best")
LEAST_UNIT = 1e-3  # of values, where all returns are alike


class Sessions(NamedTuple):
    """Logged sessions, shorter ones padded: what was put in at each turn, from which states are computed anew.

    Attributes:
        seen: what the recommender sees of the item that was shown.
        heard: the comment on it, encoded.
        action: value that was chosen for each attribute.
        reward: of the turn.
        ends: whether the session was over then.
        real: whether there was such a turn.
    """

    seen: Float[Tensor, "session time inputs"]
    heard: Float[Tensor, "session time words"]
    action: Int[Tensor, "session time attribute"]
    reward: Float[Tensor, "session time"]
    ends: Bool[Tensor, "session time"]
    real: Bool[Tensor, "session time"]


class Turns(NamedTuple):
    """The same, turn by turn, with states.

    Attributes:
        state, after: before and after the turn.
        action, reward, ends: as above.
    """

    state: Float[Tensor, "turn dim"]
    after: Float[Tensor, "turn dim"]
    action: Int[Tensor, "turn attribute"]
    reward: Float[Tensor, " turn"]
    ends: Bool[Tensor, " turn"]


def turns_of(states: Float[Tensor, "session later dim"], batch: Sessions) -> Turns:
    """Put the turns of all sessions behind one another."""
    real = batch.real
    rows = (batch.action[real], batch.reward[real], batch.ends[real])
    return Turns(states[:, :-1][real], states[:, 1:][real], *rows)


class Learner(nn.Module):
    """A tracker of slots, and a policy that gives every attribute a distribution over its values.

    A subclass has `loss(batch)`.

    Args:
        sizes: values of each attribute.
        inputs: width of what is seen of an item.
        words: width of an encoded comment.
        hidden: width of the policy's hidden layer, and of the tracker's.
        slot_dim: width of a slot; there is one for each attribute.
        hears: false for a control that gets no comments.
    """

    learns_from = "log"  # or `turns`, its own ones, or `nothing`
    hears_meaning = False  # whether it is told what comments mean, not how they are encoded

    def __init__(
        self,
        sizes: Sequence[int],
        inputs: int,
        words: int,
        hidden: int,
        slot_dim: int,
        hears: bool = True,
    ):
        super().__init__()
        self.space = Space(sizes)
        self.tracker = SlotTracker(inputs, words, hidden, self.space.attributes, slot_dim, hears)
        self.policy = self.scorer(hidden)
        self.register_buffer("centre", torch.zeros(()))
        self.register_buffer("unit", torch.ones(()))

    def calibrate(self, returns: Float[Tensor, " turn"]) -> None:
        """Learn what returns are like before anything else: networks say how far a value is from their mean.

        Without it a critic of rewards that are never scaled begins some hundreds away from the truth.
        """
        self.centre.copy_(returns.mean())
        self.unit.copy_(returns.std().clamp_min(LEAST_UNIT))

    def scorer(self, hidden: int) -> nn.Sequential:
        """Make a two-layer network from a state to a score of every value of every attribute."""
        return head(self.tracker.dim, hidden, 1, self.space.width)

    def scores(self, state: Float[Tensor, "*batch dim"]) -> Float[Tensor, "*batch attribute value"]:
        """Score the values of each attribute: logits of the policy."""
        return self.space.parted(self.policy(state))

    def log_policy(
        self, state: Float[Tensor, "*batch dim"]
    ) -> Float[Tensor, "*batch attribute value"]:
        """Give the log probabilities of the values of each attribute."""
        return self.space.log_policy(self.scores(state))

    def loss(self, batch: Sessions) -> Float[Tensor, ""]:
        """Compute the loss of some sessions."""
        raise NotImplementedError

    def taught(
        self,
        batch: Sessions,
        start: Float[Tensor, "session dim"],
        goals: Int[Tensor, "session time attribute"],
    ) -> Float[Tensor, ""]:
        """Average -log pi of the values that users look for: the pretraining of the online recommender.

        Args:
            batch: turns of sessions that run side by side.
            start: states before the first of them.
            goals: values of the target of each turn.
        """
        states = self.tracker.states(batch.seen, batch.heard, start, batch.ends)
        return -taken(self.log_policy(states[:, :-1]), goals).mean()

    def after_update(self) -> None:
        """Do what an update is followed by."""

    @torch.no_grad()
    def act(
        self, state: Float[Tensor, "batch dim"], generator: torch.Generator, choose: str
    ) -> Int[Tensor, "batch attribute"]:
        """Choose a value for each attribute.

        Args:
            state: of each session.
            generator: of all that is drawn, on the CPU.
            choose: `drawn` from the policy, or the `best`.

        Raises:
            ValueError: another way to choose.
        """
        if choose not in CHOICES:
            raise ValueError(f"choose={choose!r}: expected one of {', '.join(CHOICES)}")
        scores = self.scores(state)
        return self.space.draw(scores, generator) if choose == "drawn" else self.space.best(scores)


def returns_of(batch: Sessions, discount: float) -> Float[Tensor, " turn"]:
    """Add up the discounted rewards from each turn of some sessions on."""
    later, found = torch.zeros_like(batch.reward[:, 0]), []
    for time in reversed(range(batch.reward.shape[1])):
        goes_on = (~batch.ends[:, time]).float()
        later = batch.reward[:, time] + discount * goes_on * later
        found.append(later)
    return torch.stack(found[::-1], dim=1)[batch.real]

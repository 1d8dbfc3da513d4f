"""What all agents share: how they act, and the steps from which they learn."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from recloop.models.counting import Counting
from recloop.models.online.encoders import head
from recloop.models.online.state import Seen
from recloop.storage.moving import moved

EXPLORATIONS = ("epsilon", "categorical", "greedy", "candidates")


class Steps(NamedTuple):
    """Steps of episodes.

    Attributes:
        seen: before the step.
        action: the item shown.
        gain: discounted rewards from here on, over n steps or to the end of the episode.
        after: what was seen then.
        discount: of what comes after; 0 where the episode was over.
    """

    seen: Seen
    action: Int[Tensor, " step"]
    gain: Float[Tensor, " step"]
    after: Seen
    discount: Float[Tensor, " step"]


class Agent(Counting):
    """An agent with a state and a score of every item.

    A subclass has `loss(steps)`.

    Args:
        encoder: makes the state.
        items: how many there are.
        hidden: width of a hidden layer.
        layers: how many hidden layers.
        discount: of rewards, gamma.
        explore: how items are chosen while learning: `epsilon` (greedy but for a share of random items), `categorical`
            (drawn from the softmax of the scores), `greedy`, or by `candidates` of which a judge takes one (iALP).
        epsilon: share of random items at the first step, and after `epsilon_steps`; it falls in a straight line.
        epsilon_steps: steps until then.

    Raises:
        ValueError: a way to explore that is not known.
    """

    count = "steps"
    learns_from = "memory"  # `memory`: drawn from it; `newest`: the last steps; `finished`: episodes just over
    lookahead: int | None = 1  # steps whose rewards are added up; None for all of the episode

    def __init__(
        self,
        encoder: Callable[[], nn.Module],
        items: int,
        hidden: int,
        layers: int,
        discount: float,
        explore: str,
        epsilon: tuple[float, float] | list[float] = (1.0, 0.05),
        epsilon_steps: int = 10000,
    ):
        super().__init__()
        if explore not in EXPLORATIONS:
            raise ValueError(f"explore={explore!r}: expected one of {', '.join(EXPLORATIONS)}")
        self.items, self.discount, self.explore = items, discount, explore
        self.epsilon, self.epsilon_steps = epsilon, epsilon_steps
        self.encoder = encoder()
        self.memory = self.encoder.memory
        self.scores = head(self.encoder.dim, hidden, layers, items)
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))

    def score(self, seen: Seen) -> Float[Tensor, "episode item"]:
        """Score every item: Q values, or logits of a policy."""
        return self.logits(self.encoder(seen), seen)

    def logits(
        self, states: Float[Tensor, "episode dim"], seen: Seen
    ) -> Float[Tensor, "episode item"]:
        """Score every item in states, and perhaps by what was seen there."""
        return self.scores(states)

    def loss(self, steps: Steps) -> Float[Tensor, ""]:
        """Compute the loss of some steps."""
        raise NotImplementedError

    def after_update(self, update: int) -> None:
        """Do what an update is followed by."""

    def advance(self, steps: int) -> None:
        """Count steps of the environment, over all episodes."""
        self.steps += steps

    @property
    def chance(self) -> float:
        """Share of random items now."""
        done = min(1.0, int(self.steps) / max(1, self.epsilon_steps))
        return self.epsilon[0] + done * (self.epsilon[1] - self.epsilon[0])

    @torch.no_grad()
    def act(self, seen: Seen, generator: torch.Generator, explore: str) -> Int[Tensor, " episode"]:
        """Choose an item for each episode.

        Args:
            seen: of the episodes.
            generator: of all that is drawn, on the CPU.
            explore: as for the agent.
        """
        scores = self.score(seen)
        if explore == "categorical":
            return gumbel(scores, generator).argmax(1)
        best = scores.argmax(1)
        if explore == "greedy":
            return best
        size = (len(best),)
        others = moved(torch.randint(self.items, size, generator=generator), best.device)
        tries = moved(torch.rand(size, generator=generator), best.device) < self.chance
        return torch.where(tries, others, best)


def gumbel(
    logits: Float[Tensor, "episode item"], generator: torch.Generator
) -> Float[Tensor, "episode item"]:
    """Add Gumbel noise: the largest is a draw from the softmax, the k largest are k draws without replacement."""
    noise = torch.empty(logits.shape).exponential_(generator=generator).to(logits.device)
    return logits - noise.log()


def chosen(
    values: Float[Tensor, "step item"], action: Int[Tensor, " step"]
) -> Float[Tensor, " step"]:
    """Take the value of the item that was shown."""
    return values.gather(1, action[:, None])[:, 0]

"""What agents see, and the environments that show it: Gymnasium's methods for many episodes at once."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol, runtime_checkable

from jaxtyping import Bool, Float, Int
from torch import Tensor


class Seen(NamedTuple):
    """What an agent sees of episodes.

    Attributes:
        items: the last ones shown, the newest at the end; the number of items where nothing was shown yet.
        rewards: of each of them; 0 for an item that was there before the episode.
        user: whose episode it is; agents that learn do not look at it, planners do.
    """

    items: Int[Tensor, "episode memory"]
    rewards: Float[Tensor, "episode memory"]
    user: Int[Tensor, " episode"]


Step = tuple[
    Seen, Float[Tensor, " episode"], Bool[Tensor, " episode"], Bool[Tensor, " episode"], dict
]


@runtime_checkable
class Environment(Protocol):
    """Many episodes at once.

    Attributes:
        episodes: how many.
        items: how many can be shown.
        cap: items after which an episode is over.
        user: of each episode.
    """

    episodes: int
    items: int
    cap: int
    user: Int[Tensor, " episode"]

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[Seen, dict]:
        """Begin all episodes, or those of `reset_mask` in the options."""
        ...

    def step(self, action: Tensor) -> Step:
        """Show an item in each episode."""
        ...

    def observation(self) -> Seen:
        """Return what agents see."""
        ...

    def state(self) -> dict[str, Tensor]:
        """Return all that goes from one step to the next."""
        ...

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        """Go on from a state."""
        ...


@runtime_checkable
class KnownWorld(Environment, Protocol):
    """An environment whose truth can be looked at: a bound may, agents have to learn it.

    Attributes:
        popularity: how much users like each item on average.
    """

    popularity: Float[Tensor, " item"]

    def values(self) -> Float[Tensor, "episode item"]:
        """Return the reward of every item now."""
        ...

    def tiring(self) -> Bool[Tensor, "episode item"]:
        """Check for every item whether it would end the episode."""
        ...

    def plan(self, user: int, width: int) -> tuple[Int[Tensor, " turn"], Float[Tensor, ""]]:
        """Find the items that are worth most to a user, keeping `width` states, and what they are worth."""
        ...

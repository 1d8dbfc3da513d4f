"""Environments for online RL: a user is shown one item after the other, rates each, and leaves when bored.

The methods and their results are Gymnasium's (`reset`, `step`, terminated, truncated), for many episodes at once; those
that are over begin anew when `reset` is asked for them by `reset_mask`, as with Gymnasium's disabled autoreset.

Gao et al. Alleviating Matthew Effect of Offline Reinforcement Learning in Interactive Recommendation. SIGIR 2023
(DORL), and Yu et al. EasyRL4Rec. SIGIR 2024, whose released code has these rules.
"""

from collections.abc import Iterable, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from recloop.data.ratings import PARTS, read_ratings, read_users
from recloop.models.online.state import Environment, Seen, Step
from recloop.simulators import planning
from recloop.simulators.carried import Carried
from recloop.storage import checkpoint

SLICES = ("all", "as_released")
FIRSTS = ("random", "none", "own")


class Episodes(Carried):
    """Many episodes at once: whose they are, how far they are, and what an agent sees of them.

    Args:
        users, items: how many there are.
        episodes: how many run at once.
        memory: shown items that an agent sees.
        cap: items after which an episode is over.
        first: what is seen before the first item is shown: one drawn at random (`random`), nothing (`none`), or one
            that a user begins with (`own`), see `begin`; it has no reward.
        seed: of users and first items.
        device: where the episodes are.

    Raises:
        ValueError: another `first`.
    """

    carried = ("user", "turn", "seen", "rewards")  # from one step to the next

    def __init__(
        self,
        users: int,
        items: int,
        episodes: int,
        memory: int,
        cap: int,
        first: str = "random",
        seed: int = 0,
        device: torch.device | str = "cpu",
    ):
        if first not in FIRSTS:
            raise ValueError(f"first={first!r}: expected one of {', '.join(FIRSTS)}")
        self.users, self.items, self.episodes, self.memory = users, items, episodes, memory
        self.cap, self.first, self.device = cap, first, device
        self.generator = torch.Generator().manual_seed(seed)
        self.user = torch.zeros(episodes, dtype=torch.long, device=device)
        self.turn = torch.zeros_like(self.user)
        self.seen = torch.full((episodes, memory), items, device=device)
        self.rewards = torch.zeros(episodes, memory, device=device)

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[Seen, dict]:
        """Begin all episodes, or those of `options`: `reset_mask`, and `users` where they are not drawn."""
        given = options or {}
        if seed is not None:
            self.generator.manual_seed(seed)
        users = self.draw(self.users)
        drawn = self.draw(self.items) if self.first == "random" else self.items
        if "users" in given:
            users = given["users"].to(self.device)
        over = given.get("reset_mask", torch.ones_like(self.user, dtype=torch.bool))
        self.user = torch.where(over, users, self.user)
        first = self.begin() if self.first == "own" else drawn
        self.turn = self.turn.masked_fill(over, 0)
        self.rewards = self.rewards.masked_fill(over[:, None], 0.0)
        self.seen = self.seen.masked_fill(over[:, None], self.items)
        self.seen[:, -1] = torch.where(over, first, self.seen[:, -1])
        return self.observation(), {}

    def begin(self) -> Int[Tensor, " episode"]:
        """Return the item that each user begins with."""
        raise NotImplementedError

    def draw(self, below: int) -> Int[Tensor, " episode"]:
        """Draw a number for each episode."""
        drawn = torch.randint(below, (self.episodes,), generator=self.generator)
        return drawn.to(self.device)

    def show(self, item: Int[Tensor, " episode"], reward: Float[Tensor, " episode"]) -> None:
        """Count a shown item and let it be seen, with its reward."""
        self.turn = self.turn + 1
        self.seen, self.rewards = pushed(self.seen, item), pushed(self.rewards, reward)

    def observation(self) -> Seen:
        """Return what agents see."""
        return Seen(self.seen, self.rewards, self.user)


class RatedItems(Episodes):
    """Users whose rating of an item is its reward, and who leave at an item too much like a recent one.

    Args:
        ratings: of the users whose episodes these are, shape (user, item).
        distances: between items, shape (item, item).
        threshold: an item nearer than that to a recent one ends the episode; its reward counts.
        window: how many items are recent.
        recent: `all` of the last `window`; `as_released` of the first ones fewer, see `reach`.
        given: `episodes`, `memory`, `cap` and what else `Episodes` takes; the first item is none of the recent ones.

    Raises:
        ValueError: a word that is not known.
    """

    carried = (*Episodes.carried, "recent")

    def __init__(
        self,
        ratings: Float[Tensor, "user item"],
        distances: Float[Tensor, "item item"],
        threshold: float,
        window: int,
        recent: str = "all",
        **given: Any,
    ):
        if recent not in SLICES:
            raise ValueError(f"recent={recent!r}: expected one of {', '.join(SLICES)}")
        super().__init__(*ratings.shape, **given)
        self.ratings, self.near = ratings.to(self.device), (distances < threshold).to(self.device)
        self.window, self.reach = window, reach(window, recent).to(self.device)
        self.ages = torch.arange(window, 0, -1, device=self.device)
        self.recent = torch.zeros(self.episodes, window, dtype=torch.long, device=self.device)

    @classmethod
    def open(
        cls,
        data: Mapping[str, Path],
        parts: Iterable[str],
        users: int | None = None,
        **keywords: Any,
    ) -> "RatedItems":
        """Read ratings of the users of some parts; distances are those of all users' ratings.

        Args:
            data: `sessions`, a split of users, and `tables`, with their ratings; perhaps `user_model`, a folder of
                `train_user_model`, whose ratings are then the rewards.
            parts: whose users come.
            users: how many of them, the first ones; None for all.
            keywords: of the constructor.
        """
        place = data["sessions"], data["tables"]
        rewards = everyone = torch.from_numpy(read_ratings(*place, PARTS))
        if "user_model" in data:
            rewards = checkpoint.load(data["user_model"] / "user_model.safetensors")[0]["ratings"]
        row = {user: number for number, user in enumerate(read_users(data["sessions"], PARTS))}
        rows = [row[user] for user in read_users(data["sessions"], parts)[:users]]
        return cls(rewards[rows], column_distances(everyone), **keywords)

    def step(self, action: Int[Tensor, " episode"]) -> Step:
        """Show an item in each episode.

        Returns:
            what is seen then, rewards, whether the user left (terminated), whether the cap ended it (truncated), and
            an empty dictionary.
        """
        left = self.bored(action)
        reward = self.ratings[self.user, action]
        self.recent = pushed(self.recent, action)
        self.show(action, reward)
        return self.observation(), reward, left, (self.turn >= self.cap) & ~left, {}

    def bored(self, action: Int[Tensor, " episode"]) -> Bool[Tensor, " episode"]:
        """Check whether items are too near to a recent one."""
        counts = self.reach[self.turn.clamp_max(self.window)]
        return (self.near[action[:, None], self.recent] & (self.ages <= counts[:, None])).any(1)

    @property
    def popularity(self) -> Float[Tensor, " item"]:
        """What users like on average."""
        return self.ratings.mean(0)

    def values(self) -> Float[Tensor, "episode item"]:
        """Return the reward of every item now; for policies that know the truth."""
        return self.ratings[self.user]

    def tiring(self) -> Bool[Tensor, "episode item"]:
        """Check for every item whether it would end the episode; for planners."""
        counts = self.reach[self.turn.clamp_max(self.window)]
        near = self.near[self.recent] & (self.ages <= counts[:, None])[:, :, None]
        return near.any(1)

    def plan(self, user: int, width: int) -> tuple[Int[Tensor, " turn"], Float[Tensor, ""]]:
        """Find the items that are worth most to a user, see `recloop.simulators.planning`."""
        return planning.plan(self.ratings[user], self.near, self.reach, self.cap, width)


def pushed(
    values: Float[Tensor, "episode time"] | Int[Tensor, "episode time"],
    newest: Float[Tensor, " episode"] | Int[Tensor, " episode"],
) -> Tensor:
    """Drop the oldest column and put a new one at the end."""
    return torch.cat([values[:, 1:], newest[:, None]], dim=1)


def reach(window: int, recent: str) -> Int[Tensor, " turn"]:
    """Count the recent items that are looked at after 0, 1, … `window` shown ones.

    The released code slices [t - window : t] of a list of length t: below `window` the first bound is negative and
    counts from the end, so that after more than half of them only window - t are looked at.
    """
    shown = torch.arange(window + 1)
    if recent == "all":
        return shown
    return torch.where(shown < window, torch.minimum(shown, window - shown), shown)


def column_distances(ratings: Float[Tensor, "user item"]) -> Float[Tensor, "item item"]:
    """Measure how differently items are rated: L2 between their columns (released code of DORL)."""
    columns = ratings.T.contiguous().double()
    return torch.cdist(columns, columns, compute_mode="donot_use_mm_for_euclid_dist").float()


def open_world(
    data: Mapping[str, Path],
    parts: Iterable[str],
    settings: Mapping[str, Any],
    **given: Any,
) -> Environment:
    """Open the environment of a study for the users of some parts.

    Args:
        data: folders and files by role: `sessions`, a split of users, and what else the environment reads.
        parts: whose users come.
        settings: `class`, below recloop.simulators or an import path, and keywords.
        given: other keywords: `episodes`, `memory`, `seed` and `device`.
    """
    module, _, name = settings["class"].rpartition(".")
    place = f"recloop.simulators.{module}"
    made = getattr(import_module(place if find_spec(place) else module), name)
    keywords = {key: value for key, value in settings.items() if key != "class"}
    return made.open(data, parts, **keywords, **given)

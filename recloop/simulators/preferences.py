"""A judge of preferences as an environment: of some candidates it takes one, or none (thesis, Sec 7.4.1).

What it prefers is a table, one row a user and one column an item: a language model may have filled it, the true ratings
(an upper bound), or chance (a control).
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from recloop.data.ratings import read_ratings
from recloop.models.online.state import Step
from recloop.simulators.online import Episodes, RatedItems
from recloop.storage import checkpoint

KINDS = ("true", "random", "told")
TABLE = "preferences.safetensors"  # of what a language model told
SHUFFLED = 7  # seed of random preferences: the same table for all agents


class PreferredItems(Episodes):
    """Users who take the candidate they like best, for a reward of 1, or answer "None", for 0 (Eq. 7.3).

    Where the answer is "None", any candidate is shown. An item that is among those seen is not liked again.

    Args:
        liked: how much each user likes each item; not at all where it is 0 or less. Shape (user, item).
        given: `episodes`, `memory`, `cap` and what else `Episodes` takes; its generator draws answers too.
    """

    def __init__(self, liked: Float[Tensor, "user item"], **given: Any):
        super().__init__(*liked.shape, **given)
        self.ratings = liked.to(self.device)

    @classmethod
    def open(
        cls,
        data: Mapping[str, Path],
        parts: Iterable[str],
        kind: str,
        least: float,
        **keywords: Any,
    ) -> "PreferredItems":
        """Read a table of preferences, or make one.

        Args:
            data: `preferences`, a folder of `recloop.simulators.telling`, where they were `told`; else `sessions`, a
                split of users, and `tables`, with their ratings.
            parts: whose users come.
            kind: `true` (the ratings), `random` (those of each user dealt to the items anew) or `told`.
            least: the lowest rating of an item that is liked.
            keywords: of the constructor.

        Raises:
            ValueError: another kind.
        """
        if kind not in KINDS:
            raise ValueError(f"kind={kind!r}: expected one of {', '.join(KINDS)}")
        if kind == "told":
            return cls(told(data), **keywords)
        ratings = torch.from_numpy(read_ratings(data["sessions"], data["tables"], parts))
        if kind == "random":
            chance = torch.Generator().manual_seed(SHUFFLED)
            ratings = ratings.gather(1, torch.rand(ratings.shape, generator=chance).argsort(1))
        return cls(torch.where(ratings >= least, ratings, 0.0), **keywords)

    def step(self, action: Int[Tensor, "episode candidate"]) -> Step:
        """Let each user answer to candidates; the `action` of the information is the item that is shown."""
        item, reward = take(self, self.ratings[self.user[:, None], action], action)
        self.show(item, reward)
        over = self.turn >= self.cap
        return self.observation(), reward, torch.zeros_like(over), over, {"action": item}


class Judged(Episodes):
    """Stands before an environment: a language model takes one of some candidates (LLMOnline, Sec 7.6.3).

    Args:
        liked: what the users who come are said to like, as for `PreferredItems`.
        given: what the environment takes.
    """

    def __init__(self, *args: Any, liked: Float[Tensor, "user item"], **given: Any):
        super().__init__(*args, **given)
        self.liked = liked.to(self.device)

    def step(self, action: Int[Tensor, "episode candidate"]) -> Step:
        """Let the model choose, and the user reward; the `action` of the information is the item that is shown."""
        item, _ = take(self, self.liked[self.user[:, None], action], action)
        return *super().step(item)[:4], {"action": item}


class JudgedItems(Judged, RatedItems):
    """Rated items of which a language model takes one of some candidates."""

    @classmethod
    def open(cls, data: Mapping[str, Path], parts: Iterable[str], **keywords: Any) -> "RatedItems":
        """Read ratings, and what was told of the first users of the parts, who alone come."""
        liked = told(data)
        return super().open(data, parts, liked=liked, users=len(liked), **keywords)


def take(
    it: Episodes,
    held: Float[Tensor, "episode candidate"],
    candidates: Int[Tensor, "episode candidate"],
) -> tuple[Int[Tensor, " episode"], Float[Tensor, " episode"]]:
    """Take the candidate that is liked best, or any where none is liked, which is to say "None" (Eq. 7.3).

    Args:
        it: the episodes; what is seen in them is not liked again, and their generator draws.
        held: how much each candidate is liked; not at all where it is 0 or less.
        candidates: of each episode.

    Returns:
        the items, and 1 where one was liked, else 0.
    """
    again = (candidates[:, :, None] == it.seen[:, None]).any(2)
    held = held.masked_fill(again, 0.0).clamp_min(0.0)
    chance = torch.rand(candidates.shape, generator=it.generator).to(it.device)
    best = held == held.amax(1, keepdim=True)  # all of them, where none is liked
    place = torch.where(best, chance, -1.0).argmax(1, keepdim=True)
    return candidates.gather(1, place)[:, 0], (held > 0).any(1).to(it.rewards.dtype)


def told(data: Mapping[str, Path]) -> Float[Tensor, "user item"]:
    """Read the table that a language model told."""
    return checkpoint.load(data["preferences"] / TABLE)[0]["liked"]

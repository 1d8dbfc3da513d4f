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
from recloop.simulators.online import Episodes
from recloop.storage import checkpoint

KINDS = ("true", "random", "told")
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
            data: `preferences`, a safetensors file with `liked`, of users in the order of the parts, where they were
                `told`; else `sessions`, a split of users, and `tables`, with their ratings.
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
            return cls(checkpoint.load(data["preferences"])[0]["liked"], **keywords)
        ratings = torch.from_numpy(read_ratings(data["sessions"], data["tables"], parts))
        if kind == "random":
            chance = torch.Generator().manual_seed(SHUFFLED)
            ratings = ratings.gather(1, torch.rand(ratings.shape, generator=chance).argsort(1))
        return cls(torch.where(ratings >= least, ratings, 0.0), **keywords)

    def step(self, action: Int[Tensor, "episode candidate"]) -> Step:
        """Let each user answer to candidates; the `action` of the information is the item that is shown."""
        liked = self.ratings[self.user[:, None], action]
        again = (action[:, :, None] == self.seen[:, None]).any(2)
        chance = torch.rand(action.shape, generator=self.generator).to(self.device)
        liked = liked.masked_fill(again, 0.0)
        likes = (liked > 0).any(1)
        wanted = torch.where(likes[:, None], liked + 0.5 * chance, chance).argmax(1)
        item = action.gather(1, wanted[:, None])[:, 0]
        reward = likes.to(self.rewards.dtype)
        self.show(item, reward)
        over = self.turn >= self.cap
        return self.observation(), reward, torch.zeros_like(over), over, {"action": item}

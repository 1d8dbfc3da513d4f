"""Environments whose rewards are the scores of a sequential recommender: what fits to what was shown before is liked.

Thesis, Sec 7.4.2, after Liu et al. Exploration and Regularization of the Latent Action Space in Recommendation. WWW
2023. When users leave is not stated; the rule is ours: at an item shown again, or too much like one shown just before.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import polars as pl
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import normalize

from recloop.models.backbones.sasrec import SASRec
from recloop.models.online.encoders import at_start
from recloop.models.online.state import Step
from recloop.models.sessions import last
from recloop.simulators.online import Episodes, pushed
from recloop.simulators.preferences import Judged, take, told
from recloop.simulators.user_models import FILE, RECORD
from recloop.storage import checkpoint


class ScoredItems(Episodes):
    """Users who begin with an item of theirs and reward those that a sequential recommender expects.

    A reward is `highest` times the sigmoid of the score. A user leaves at an item that is among the last `window`, or
    whose cosine with one of the last `alike_window` is above `alike`; its reward counts.

    Args:
        scorer: SASRec, in evaluation mode.
        firsts: the first item of each user, which is the state before the first step.
        counts: how often each item was met in the log, which a popular policy knows.
        highest: the reward of an item that is sure to be met.
        window, alike_window: recent items that are looked at.
        alike: highest cosine that is not too much alike.
        given: `episodes`, `memory`, `cap` and what else `Episodes` takes.
    """

    carried = (*Episodes.carried, "history")

    def __init__(
        self,
        scorer: SASRec,
        firsts: Int[Tensor, " user"],
        counts: Int[Tensor, " item"],
        highest: float,
        window: int,
        alike_window: int,
        alike: float,
        **given: Any,
    ):
        items = scorer.embedding.padding_idx
        super().__init__(len(firsts), items, **given)
        self.scorer = scorer.to(self.device).eval().requires_grad_(False)
        self.firsts, self.popularity = firsts.to(self.device), counts.to(self.device).float()
        self.highest, self.window, self.alike_window = highest, window, alike_window
        self.alike, self.table = alike, normalize(scorer.embedding.weight, dim=1)
        length = max(scorer.length, window, alike_window)
        self.history = torch.full((self.episodes, length), items, device=self.device)

    @classmethod
    def open(cls, data: Mapping[str, Path], parts: Iterable[str], **keywords: Any) -> "ScoredItems":
        """Read the recommender and the first items of the users of some parts.

        Args:
            data: `sessions`, a split, and `user_model`, a folder of `train_user_model`.
            parts: whose users come.
            keywords: of the constructor; `users`, where not all of them are to come, the first ones.
        """
        settings = json.loads((data["user_model"] / RECORD).read_text())
        scorer = SASRec(items=settings["items"], **settings["settings"]["sizes"])
        scorer.load_state_dict(checkpoint.load(data["user_model"] / FILE)[0])
        rows = [
            pl.read_parquet(data["sessions"] / f"{part}.parquet", columns=["item"])["item"]
            for part in parts
        ]
        firsts = torch.tensor(pl.concat(rows).list.first().to_list(), dtype=torch.long)
        counts = pl.read_parquet(data["sessions"] / "items.parquet", columns=["count"])["count"]
        shown = keywords.pop("users", None)
        return cls(scorer, firsts[:shown], torch.tensor(counts.to_list()), **keywords)

    def begin(self) -> Int[Tensor, " episode"]:
        """Return the first item of each user."""
        return self.firsts[self.user]

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[Any, dict]:
        """Begin episodes, see `Episodes.reset`; the first item of a user is all of the history."""
        seen, info = super().reset(seed=seed, options=options)
        fresh = self.turn == 0
        self.history = self.history.masked_fill(fresh[:, None], self.items)
        self.history[:, -1] = torch.where(fresh, self.seen[:, -1], self.history[:, -1])
        return seen, info

    def step(self, action: Int[Tensor, " episode"]) -> Step:
        """Show an item in each episode, see `RatedItems.step`."""
        left, reward = self.bored(action), self.rewards_of(action[:, None])[:, 0]
        self.history = pushed(self.history, action)
        self.show(action, reward)
        return self.observation(), reward, left, (self.turn >= self.cap) & ~left, {}

    @torch.no_grad()
    def state_now(self) -> Float[Tensor, "episode dim"]:
        """Encode the histories."""
        session = at_start(self.history[:, -self.scorer.length :], self.items)
        return last(self.scorer(session), session, self.items)

    def rewards_of(
        self, items: Int[Tensor, "episode candidate"]
    ) -> Float[Tensor, "episode candidate"]:
        """Reward items after what was shown."""
        rows = self.scorer.embedding.weight[items]
        scores = (rows * self.state_now()[:, None]).sum(2)
        return self.highest * scores.sigmoid()

    def values(self) -> Float[Tensor, "episode item"]:
        """Reward every item after what was shown; for policies that know the truth."""
        scores = self.state_now() @ self.scorer.embedding.weight[: self.items].T
        return self.highest * scores.sigmoid()

    def bored(self, action: Int[Tensor, " episode"]) -> Bool[Tensor, " episode"]:
        """Check whether items were shown just before, or are too much like such a one."""
        recent = self.history[:, -self.alike_window :]
        cosine = (self.table[recent] * self.table[action][:, None]).sum(2)
        again = (self.history[:, -self.window :] == action[:, None]).any(1)
        return again | (cosine > self.alike).any(1)

    def tiring(self) -> Bool[Tensor, "episode item"]:
        """Check for every item whether it would end the episode; for policies that know the truth."""
        cosine = self.table[self.history[:, -self.alike_window :]] @ self.table[: self.items].T
        again = torch.zeros(self.episodes, self.items + 1, dtype=torch.bool, device=self.device)
        again.scatter_(1, self.history[:, -self.window :], True)
        return again[:, : self.items] | (cosine > self.alike).any(1)


class PreferredScores(ScoredItems):
    """A judge who takes what the recommender expects most of some candidates, or answers "None" (Eq. 7.3).

    Args:
        kind: `true` (the rewards), or `random` (those of another item for each).
        least: the lowest reward of an item that is liked.
        given: what `ScoredItems` takes.

    Raises:
        ValueError: another kind.
    """

    def __init__(self, *args: Any, kind: str, least: float, **given: Any):
        if kind not in ("true", "random"):
            raise ValueError(f"kind={kind!r}: expected true or random")
        super().__init__(*args, **given)
        chance = torch.Generator().manual_seed(SHUFFLED)
        dealt = torch.randperm(self.items, generator=chance).to(self.device)
        self.dealt = dealt if kind == "random" else torch.arange(self.items, device=self.device)
        self.least = least

    def step(self, action: Int[Tensor, "episode candidate"]) -> Step:
        """Let each user answer to candidates; the `action` of the information is the item that is shown."""
        held = self.rewards_of(self.dealt[action]) - self.least
        item, reward = take(self, held, action)
        self.history = pushed(self.history, item)
        self.show(item, reward)
        over = self.turn >= self.cap
        return self.observation(), reward, torch.zeros_like(over), over, {"action": item}


SHUFFLED = 7  # seed of random preferences: the same for all agents


class JudgedScores(Judged, ScoredItems):
    """Scored items of which a language model takes one of some candidates (LLMOnline, Sec 7.6.3)."""

    @classmethod
    def open(cls, data: Mapping[str, Path], parts: Iterable[str], **keywords: Any) -> "ScoredItems":
        """Read the recommender, and what was told of the first users of the parts, who alone come."""
        liked = told(data)
        return super().open(data, parts, liked=liked, users=len(liked), **keywords)

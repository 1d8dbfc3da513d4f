"""The other side of a dialogue: a batch of users who look for something, like one item and say what is missing.

Steps follow Gymnasium's contract, for many users at once: `reset` gives an observation and info, `step` gives
observation, reward, terminated, truncated and info. A user goes on after the target was shown, as in the released
code of GOMMIR and PMMIR; who learns or evaluates leaves those turns out.
"""

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import normalize

from recloop.data.pools import Pool
from recloop.models.dialogue.dialogue import Feedback

LIKES = ("fixed", "own", "attributes")


@runtime_checkable
class CritiqueEncoder(Protocol):
    """What users say, as text features and as numbers of sentences."""

    def hear(
        self, target: Int[Tensor, " batch"], liked: Int[Tensor, " batch"]
    ) -> tuple[Float[Tensor, "batch words"], Int[Tensor, " batch"]]: ...


class Environment:
    """Users of one pool, with the memory of what they were shown.

    Args:
        pool: what can be shown.
        critique_encoder: says what is missing, for catalogue numbers of target and liked item.
        lists: how many lists a dialogue has at most.
        likes: the space in which a user compares. `fixed`: cosine of the encoder's features, one for all models.
            `own`: the model's own embeddings, as in the released code, which makes every model meet other users.
            `attributes`: how many values differ, in no model's space; among equals the one shown first is liked.
        noise: chance that a user likes a shown item at random.
        attributes: which attribute values each row of the pool has, where likes go by them.

    Attributes:
        seen: rows shown so far, in order; no list should repeat one.
        found: whether a user's target was shown.
    """

    def __init__(
        self,
        pool: Pool,
        critique_encoder: CritiqueEncoder,
        lists: int,
        likes: str = "fixed",
        noise: float = 0.0,
        attributes: Float[Tensor, "item value"] | None = None,
    ):
        if likes not in LIKES:
            raise ValueError(f"likes={likes!r}: expected one of {', '.join(LIKES)}")
        if likes == "attributes" and (attributes is None or (attributes == attributes[:1]).all()):
            raise ValueError("likes=attributes: no attribute tells the items apart")
        self.pool, self.critique_encoder, self.lists, self.likes = (
            pool,
            critique_encoder,
            lists,
            likes,
        )
        self.noise, self.chance = noise, torch.Generator().manual_seed(0)
        self.reference = normalize(pool.features, dim=-1) if likes == "fixed" else attributes

    def reset(
        self,
        target: Int[Tensor, " batch"],
        first: Int[Tensor, "batch k"] | None = None,
        table: Float[Tensor, "item dim"] | None = None,
    ) -> tuple[Feedback | None, dict]:
        """Begin dialogues.

        Args:
            target: row that each user looks for.
            first: a list that is shown at once, such as a random one.
            table: the pool in the model's space; needed where likes are `own`.

        Returns:
            Feedback on `first` and what `step` tells about it; without it, nothing yet.

        Raises:
            ValueError: there is no table to compare in.
        """
        if self.likes == "own" and table is None:
            raise ValueError("likes=own compares in the model's space: hand over its table")
        self.space = table.detach() if self.likes == "own" else self.reference
        self.target, self.turn = target, 0
        self.seen = target.new_empty(len(target), 0)
        self.found = torch.zeros_like(target, dtype=torch.bool)
        if first is None:
            return None, {}
        observation, *_, info = self.step(first)
        return observation, info

    @torch.no_grad()
    def step(
        self, shown: Int[Tensor, "batch k"]
    ) -> tuple[
        Feedback, Float[Tensor, " batch"], Bool[Tensor, " batch"], Bool[Tensor, " batch"], dict
    ]:
        """Show a list to every user.

        Args:
            shown: rows of the pool.

        Returns:
            Feedback; as reward the dot products of shown items with the target, added up, in the space of likes
            (GOMMIR Eq. 8, PMMIR Eq. 10); whether the target was found by now; whether this was the last list; and
            rows `liked` and `disliked`, numbers of `sentence`, and whether the dialogue was `open` before this list.
        """
        wanted, offered = self.space[self.target][:, None], self.space[shown]
        liked, disliked = self.choose(shown, (offered - wanted).square().sum(-1))
        text, sentence = self.critique_encoder.hear(
            self.pool.ids[self.target], self.pool.ids[liked]
        )
        features = self.pool.features
        info = {"liked": liked, "disliked": disliked, "sentence": sentence, "open": ~self.found}
        self.found = self.found | (shown == self.target[:, None]).any(1)
        self.seen = torch.cat([self.seen, shown], dim=1)
        self.turn += 1
        return (
            Feedback(features[liked], features[disliked], text),
            (offered * wanted).sum((1, 2)),
            self.found,
            torch.full_like(self.found, self.turn >= self.lists),
            info,
        )

    def choose(
        self, shown: Int[Tensor, "batch k"], distance: Float[Tensor, "batch k"]
    ) -> tuple[Int[Tensor, " batch"], Int[Tensor, "batch rejected"]]:
        """Split each list into its nearest item, or by chance a random one, and the others, which keep their order."""
        liked = distance.argmin(1, keepdim=True)
        if self.noise:
            slips, place = torch.rand(2, len(shown), 1, generator=self.chance).to(distance)
            liked = torch.where(slips < self.noise, (place * shown.shape[1]).long(), liked)
        others = torch.ones_like(shown, dtype=torch.bool).scatter_(1, liked, False)
        return shown.gather(1, liked)[:, 0], shown[others].view(len(shown), shown.shape[1] - 1)

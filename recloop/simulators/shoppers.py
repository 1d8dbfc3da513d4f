"""Users who look for an item with some attributes and comment on what they are shown, one difference at a time.

The methods and their results are Gymnasium's (`reset`, `step`, terminated, truncated), for many sessions at once, as in
`recloop.simulators.online`. What a step is worth and when a user is content are given from outside.

Zhang et al. Text-Based Interactive Recommendation via Offline Reinforcement Learning. AAAI 2022.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from recloop.models.offline.shelf import Shelf
from recloop.simulators.carried import Carried
from recloop.simulators.phrasebook import Book

Judge = Callable[[Int[Tensor, " session"], Int[Tensor, " session"]], Tensor]


class Heard(NamedTuple):
    """What a recommender learns from a turn.

    Attributes:
        item: catalogue number of what was shown.
        sentence: number of the comment in the book; that behind the last one where the user is content.
    """

    item: Int[Tensor, " session"]
    sentence: Int[Tensor, " session"]


Step = tuple[
    Heard, Float[Tensor, " session"], Bool[Tensor, " session"], Bool[Tensor, " session"], dict
]


class Shoppers(Carried):
    """Sessions of users with a target.

    Args:
        shelf: what can be recommended, as the recommender knows it.
        truth: values of every item of the catalogue, as the user sees them.
        book: wordings of differences.
        reward: of a shown item, by catalogue numbers of item and target.
        content: whether a shown item is what the user looks for, likewise.
        sessions: how many run at once.
        cap: turns after which a session is over.
        penalty: added to the reward of the last of them where the user is not content.
        seed: of targets, of what is said and of items equally near.
        device: where the sessions are.
    """

    carried = ("target", "turn", "wanted", "refused")

    def __init__(
        self,
        shelf: Shelf,
        truth: Int[Tensor, "every attribute"],
        book: Book,
        reward: Judge,
        content: Judge,
        sessions: int,
        cap: int,
        penalty: float,
        seed: int = 0,
        device: torch.device | str = "cpu",
    ):
        self.shelf, self.truth, self.book = shelf, truth, book
        self.reward, self.content = reward, content
        self.sessions, self.cap, self.penalty, self.device = sessions, cap, penalty, device
        self.generator = torch.Generator().manual_seed(seed)
        self.target = torch.zeros(sessions, dtype=torch.long, device=device)
        self.turn = torch.zeros_like(self.target)
        attributes, values = truth.shape[1], int(book.stated.max()) + 1
        self.wanted = torch.zeros(sessions, attributes, dtype=torch.bool, device=device)
        self.refused = torch.zeros(sessions, attributes, values, dtype=torch.bool, device=device)
        self.everyone = torch.arange(sessions, device=device)

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[None, dict]:
        """Begin all sessions, or those of `options`: `reset_mask`, and `targets` where they are not drawn."""
        given = options or {}
        if seed is not None:
            self.generator.manual_seed(seed)
        drawn = torch.randint(len(self.shelf), (self.sessions,), generator=self.generator)
        targets = given.get("targets", self.shelf.ids[drawn.to(self.device)])
        over = given.get("reset_mask", torch.ones_like(self.wanted[:, 0]))
        self.target = torch.where(over, targets.to(self.device), self.target)
        self.turn = self.turn.masked_fill(over, 0)
        self.wanted = self.wanted & ~over[:, None]
        self.refused = self.refused & ~over[:, None, None]
        return None, {}

    def step(self, action: Int[Tensor, "session attribute"]) -> Step:
        """Recommend the nearest item of each session's action.

        Returns:
            item and comment, rewards, whether the user is content (terminated), whether the cap ended it (truncated),
            and `violated`, how many attributes of the item contradict what was said before.
        """
        item = self.shelf.nearest(action, self.generator)
        shown = self.truth[item]
        violated = self.violations(shown)
        content, reward = self.content(item, self.target), self.reward(item, self.target)
        self.turn = self.turn + 1
        capped = (self.turn >= self.cap) & ~content
        reward = reward + self.penalty * capped
        return (
            Heard(item, self.speak(shown, content)),
            reward,
            content,
            capped,
            {"violated": violated},
        )

    def violations(self, shown: Int[Tensor, "session attribute"]) -> Int[Tensor, " session"]:
        """Count the attributes of shown items that are none of those wanted, or among those refused."""
        other = self.wanted & (shown != self.truth[self.target])
        refused = self.refused.gather(2, shown[..., None])[..., 0]
        return (other | refused).sum(1)

    def speak(
        self, shown: Int[Tensor, "session attribute"], content: Bool[Tensor, " session"]
    ) -> Int[Tensor, " session"]:
        """Comment on one difference, drawn among those that there are; remember what was said."""
        target = self.truth[self.target]
        differs = (shown != target) & (target < self.book.stated)
        chance = torch.rand(differs.shape, generator=self.generator).to(self.device)
        attribute = (chance * differs).argmax(1)
        rows = self.everyone
        values = shown[rows, attribute], target[rows, attribute]
        wording = torch.randint(self.book.said.shape[1], (len(rows),), generator=self.generator)
        silent = content | ~differs.any(1)
        place = self.book.place(attribute, *values).masked_fill(silent, 0), wording.to(self.device)
        positive, speaks = self.book.wanted[place], ~silent
        self.wanted[rows, attribute] |= speaks & positive
        self.refused[rows, attribute, values[0]] |= speaks & ~positive
        return self.book.said[place].masked_fill(silent, len(self.book.sentences))


class WishesHold:
    """A user is content with an item that has every value which the target states.

    Args:
        truth: values of every item.
        stated: values of each attribute; the number behind the last one says that nothing is stated.
    """

    def __init__(self, truth: Int[Tensor, "every attribute"], stated: Int[Tensor, " attribute"]):
        self.truth, self.stated = truth, stated

    def __call__(
        self, item: Int[Tensor, " session"], target: Int[Tensor, " session"]
    ) -> Bool[Tensor, " session"]:
        wanted = self.truth[target]
        return ((self.truth[item] == wanted) | (wanted == self.stated)).all(1)


class Similarity:
    """The reward of the paper: 1 less the distance of pictures and less the number of attributes that differ.

    Neither norm is scaled in print.

    Args:
        visual: what an encoder says of the pictures of the catalogue.
        taken: values that the attribute network takes every item to have.
        attribute_weight: of the attributes; that of the pictures is 1 less it.
        distances: `printed`, or in units of the mean distance of two items (`mean`).
        differing: `count` of the attributes that differ, or their `share`.

    Raises:
        ValueError: another scale.
    """

    def __init__(
        self,
        visual: Float[Tensor, "every features"],
        taken: Int[Tensor, "every attribute"],
        attribute_weight: float,
        distances: str,
        differing: str,
    ):
        if distances not in ("printed", "mean") or differing not in ("count", "share"):
            raise ValueError(
                f"distances={distances!r}, differing={differing!r}: expected printed or mean, count or share"
            )
        unit = mean_distance(visual) if distances == "mean" else 1.0
        self.visual, self.taken, self.weight = visual / unit, taken, attribute_weight
        self.parts = taken.shape[1] if differing == "share" else 1

    def __call__(
        self, item: Int[Tensor, " session"], target: Int[Tensor, " session"]
    ) -> Float[Tensor, " session"]:
        far = (self.visual[item] - self.visual[target]).norm(dim=1)
        differing = (self.taken[item] != self.taken[target]).sum(1) / self.parts
        return 1 - (1 - self.weight) * far - self.weight * differing


def mean_distance(vectors: Float[Tensor, "item dim"]) -> float:
    """Average the distance between neighbours in the catalogue's order, which says nothing of them."""
    return float((vectors - vectors.roll(1, 0)).norm(dim=1).mean())

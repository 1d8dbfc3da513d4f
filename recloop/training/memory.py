"""The last steps of many episodes, from which agents learn: as they were taken, or added up over several."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from recloop.models.online.agent import Steps
from recloop.models.online.state import Seen
from recloop.storage.moving import moved

FIELDS = ("items", "rewards", "user", "action", "reward", "over")


class Memory:
    """A ring of steps: one row a step of all episodes that run at once.

    Args:
        rows: how many are kept.
        episodes: how many run at once.
        memory: shown items that an agent sees.
        device: where it is.
    """

    def __init__(self, rows: int, episodes: int, memory: int, device: torch.device | str = "cpu"):
        whole = torch.zeros(rows, episodes, dtype=torch.long, device=device)
        self.items = whole[:, :, None].repeat(1, 1, memory)
        self.rewards = torch.zeros(rows, episodes, memory, device=device)
        self.user, self.action = whole, whole.clone()
        self.reward = torch.zeros(rows, episodes, device=device)
        self.over = torch.zeros(rows, episodes, dtype=torch.bool, device=device)
        self.rows, self.episodes, self.count = rows, episodes, 0

    def add(
        self,
        seen: Seen,
        action: Int[Tensor, " episode"],
        reward: Float[Tensor, " episode"],
        over: Bool[Tensor, " episode"],
    ) -> None:
        """Put a step of all episodes in the place of the oldest one."""
        row = self.count % self.rows
        for name, values in zip(FIELDS, (*seen, action, reward, over), strict=True):
            getattr(self, name)[row] = values
        self.count += 1

    @property
    def kept(self) -> int:
        """Count the rows that hold something."""
        return min(self.count, self.rows)

    def steps(
        self,
        age: Int[Tensor, " step"],
        episode: Int[Tensor, " step"],
        lookahead: int,
        discount: float,
    ) -> tuple[Steps, Bool[Tensor, " step"], Int[Tensor, " step"]]:
        """Look some steps up and add up what followed.

        Args:
            age: rows since the step; 0 for the newest one.
            episode: which of those that run at once.
            lookahead: steps whose rewards are added up, the step itself included.
            discount: of each later reward.

        Returns:
            the steps; whether each is known, since its episode was over or `lookahead` rows came after it; the age of
            the last row that was added up.
        """
        row = (self.count - 1 - age) % self.rows
        gain = torch.zeros_like(self.reward[row, episode])
        goes_on, last, factor = torch.ones_like(age, dtype=torch.bool), age.clone(), 1.0
        for further in range(lookahead):
            there = goes_on & (age >= further)
            place = (row + further) % self.rows
            gain += torch.where(there, factor * self.reward[place, episode], 0.0)
            last = torch.where(there, age - further, last)
            goes_on = there & ~self.over[place, episode]
            factor *= discount
        ended = self.over[(self.count - 1 - last) % self.rows, episode]
        after = self.seen((row + lookahead) % self.rows, episode)
        found = Steps(
            self.seen(row, episode),
            self.action[row, episode],
            gain,
            after,
            factor * goes_on.to(gain.dtype),
        )
        return found, ended | (age >= lookahead), last

    def seen(self, row: Int[Tensor, " step"], episode: Int[Tensor, " step"]) -> Seen:
        """Look up what was seen before a step."""
        return Seen(*(getattr(self, name)[row, episode] for name in FIELDS[:3]))

    def drawn(
        self, number: int, lookahead: int, discount: float, generator: torch.Generator
    ) -> Steps:
        """Draw steps, with replacement, from those that are followed by enough others."""
        age = torch.randint(
            lookahead, max(self.kept, lookahead + 1), (number,), generator=generator
        )
        episode = torch.randint(self.episodes, (number,), generator=generator)
        age, episode = (moved(one, self.action.device) for one in (age, episode))
        return self.steps(age, episode, lookahead, discount)[0]

    def newest(self, rows: int, lookahead: int, discount: float) -> Steps:
        """Take the newest rows that are followed by enough others."""
        age, episode = self.grid(lookahead, min(lookahead + rows, self.kept))
        return self.steps(age, episode, lookahead, discount)[0]

    def finished(self, rows: int, cap: int, discount: float) -> Steps:
        """Take all steps of the episodes that were over in the newest rows, with what followed to their ends."""
        age, episode = self.grid(0, min(cap + rows, self.kept))
        steps, known, last = self.steps(age, episode, cap, discount)
        mine = known & (last < rows)
        return picked(steps, mine)

    def grid(self, first: int, end: int) -> tuple[Int[Tensor, " step"], Int[Tensor, " step"]]:
        """List the steps of all episodes from one age to another."""
        device = self.action.device
        ages = torch.arange(first, max(first, end), device=device)
        return (
            ages.repeat_interleave(self.episodes),
            torch.arange(self.episodes, device=device).repeat(len(ages)),
        )

    def state(self) -> dict[str, Tensor]:
        """Return the rows and how many there were."""
        return {name: getattr(self, name) for name in FIELDS} | {"count": torch.tensor(self.count)}

    def load_state(self, tensors: dict[str, Tensor]) -> None:
        """Go on with some rows."""
        for name in FIELDS:
            getattr(self, name).copy_(tensors[name])
        self.count = int(tensors["count"])


def picked(steps: Steps, mask: Bool[Tensor, " step"]) -> Steps:
    """Keep some of the steps."""
    seen, after = (Seen(*(one[mask] for one in part)) for part in (steps.seen, steps.after))
    return Steps(seen, steps.action[mask], steps.gain[mask], after, steps.discount[mask])

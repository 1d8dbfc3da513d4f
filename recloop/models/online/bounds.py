"""Policies that learn nothing from rewards: what agents have to beat, and what they can reach at most."""

import torch
from jaxtyping import Int
from torch import Tensor, nn

from recloop.models.online.state import KnownWorld, Seen

KNOWS = ("nothing", "popularity", "rewards", "rules", "all")


class Bound(nn.Module):
    """A policy that knows more or less of the world.

    Args:
        items: how many there are.
        knows: `nothing` (any item), `popularity` (the best that was not shown, by the mean rating of the users of the
            training part), `rewards` (what this user rates highest, not shown yet), `rules` (that, of the items
            which do not end the episode), `all` (the plan that is worth most, see `recloop.simulators.planning`).
        width: states that a plan keeps.

    Raises:
        ValueError: another kind of knowledge.
    """

    memory = 1

    def __init__(self, items: int, knows: str, width: int):
        super().__init__()
        if knows not in KNOWS:
            raise ValueError(f"knows={knows!r}: expected one of {', '.join(KNOWS)}")
        self.items, self.knows, self.width = items, knows, width
        self.register_buffer("liked", torch.zeros(items))

    def fit(self, world: KnownWorld) -> None:
        """Learn what training users like on average."""
        self.liked = world.popularity.cpu()

    def meet(self, world: KnownWorld) -> None:
        """Look at the world whose episodes begin."""
        self.world, self.turn = world, 0
        self.shown = torch.zeros(
            world.episodes, self.items, dtype=torch.bool, device=world.user.device
        )
        if self.knows == "all":
            plans = {user: world.plan(user, self.width)[0] for user in set(world.user.tolist())}
            rows = [plans[user] for user in world.user.tolist()]
            self.plans = nn.utils.rnn.pad_sequence(rows, batch_first=True)

    def act(self, seen: Seen, generator: torch.Generator, explore: str) -> Int[Tensor, " episode"]:
        """Choose an item for each episode."""
        action = self.choose(seen, generator)
        self.shown[torch.arange(len(action)), action] = True
        self.turn += 1
        return action

    def choose(self, seen: Seen, generator: torch.Generator) -> Int[Tensor, " episode"]:
        """Choose by what is known."""
        if self.knows == "nothing":
            drawn = torch.randint(self.items, (len(seen.user),), generator=generator)
            return drawn.to(self.world.user.device)
        if self.knows == "all":
            return self.plans[:, min(self.turn, self.plans.shape[1] - 1)]
        liked = self.liked.to(self.world.user.device).expand(len(seen.user), -1)
        values = liked if self.knows == "popularity" else self.world.values()
        out = self.world.tiring() if self.knows == "rules" else self.shown
        return values.masked_fill(out, -torch.inf).argmax(1)

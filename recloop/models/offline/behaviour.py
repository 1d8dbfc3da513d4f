"""Those who collected the log: several versions of an online recommender, of different age, disturbed, partly random.

Zhang et al. AAAI 2022, Setup: "The Behaviour is composed with multiple policies". How many and which is not said.
"""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from recloop.models.offline.learner import Learner
from recloop.storage import checkpoint

LAST = "last"  # the age of the weights at the end


class Behaviour(nn.Module):
    """Policies that take turns: the session in place n is served by policy n modulo their number.

    Args:
        member: makes one policy.
        ages: of the policies, such as `age1` or `last`, see `recloop.training.shopping`.
        noise: deviation of the Gaussian noise on every weight, as a share of the deviation of its tensor.
        random: share of the turns in which a policy chooses all values at random, for each policy.

    Raises:
        ValueError: not as many shares as ages.
    """

    learns_from, hears_meaning = "nothing", False

    def __init__(
        self,
        member: Callable[[], Learner],
        ages: Sequence[str],
        noise: float,
        random: Sequence[float],
    ):
        super().__init__()
        if len(ages) != len(random):
            raise ValueError(f"{len(ages)} ages and {len(random)} random shares; give one for each")
        self.ages, self.noise, self.random = list(ages), noise, list(random)
        self.members = nn.ModuleList(member() for _ in ages)
        self.tracker = Trackers(self.members)

    @property
    def names(self) -> list[str]:
        """Name the policies."""
        pairs = zip(self.ages, self.random, strict=True)
        return [f"{n} {age} random {share:g}" for n, (age, share) in enumerate(pairs)]

    def begin(self, tensors: dict[str, Tensor], seed: int) -> None:
        """Take the weights of an online recommender at several ages, and disturb them."""
        generator = torch.Generator().manual_seed(seed)
        for age, one in zip(self.ages, self.members, strict=True):
            whole = {name: tensor for name, tensor in tensors.items() if "/" not in name}
            weights = whole if age == LAST else checkpoint.below(tensors, age)
            one.load_state_dict(weights)
            for weight in one.parameters():
                drawn = torch.randn(weight.shape, generator=generator)
                spread = float(weight.detach().std()) if weight.numel() > 1 else 0.0
                weight.data += self.noise * spread * drawn

    def act(
        self, state: Float[Tensor, "batch dim"], generator: torch.Generator, choose: str
    ) -> Int[Tensor, "batch attribute"]:
        """Let each policy choose in its own sessions."""
        space = self.members[0].space
        found = space.uniform(len(state), generator).to(state.device)
        chance = torch.rand(len(state), generator=generator).to(state.device)
        for number, one in enumerate(self.members):
            rows = slice(number, None, len(self.members))
            chosen = one.act(state[rows], generator, choose)
            by_chance = chance[rows, None] < self.random[number]
            found[rows] = torch.where(by_chance, found[rows], chosen)
        return found


class Trackers(nn.Module):
    """The trackers of several policies, each in its own sessions.

    Args:
        members: the policies.
    """

    def __init__(self, members: nn.ModuleList):
        super().__init__()
        self.of = [one.tracker for one in members]  # a list: their weights are the members'

    def start(self, batch: int, device: torch.device | str = "cpu") -> Float[Tensor, "batch dim"]:
        """Give the states before anything was shown."""
        return self.of[0].start(batch, device)

    def advance(
        self,
        state: Float[Tensor, "batch dim"],
        seen: Float[Tensor, "batch inputs"],
        heard: Float[Tensor, "batch words"],
    ) -> Float[Tensor, "batch dim"]:
        """Take in an item and the comment on it."""
        after = torch.empty_like(state)
        for number, tracker in enumerate(self.of):
            rows = slice(number, None, len(self.of))
            after[rows] = tracker.advance(state[rows], seen[rows], heard[rows])
        return after

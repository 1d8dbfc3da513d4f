"""LEA: SNQN and SA2C whose rewards, states and further positive actions come from an environment, a language model.

Thesis of Jie Wang, chapter 6, Algorithm 4. What the environment says is in the batch (`recloop.data.feedback`); the
host alone ranks.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from recloop.data.feedback import Answered
from recloop.models.catalogue import Catalogue
from recloop.models.sequential.actor_critic import ActorCritic
from recloop.models.sequential.next_item import NextItem
from recloop.models.sequential.sa2c import SA2C
from recloop.models.sequential.snqn import SNQN
from recloop.models.sequential.transitions import Step, ValueNetwork

STATES = ("hidden", "both", "environment")
REWARDS = ("constant", "environment")
POOLS = ("catalogue", "asked")
PROJECTIONS = ("normed", "linear")


@dataclass(frozen=True)
class AnsweredStep(Step):
    """A step with the environment's answers; columns of `actions`: taken, refused, and chosen by the environment.

    Attributes:
        rewards: of the actions, as the environment says.
    """

    rewards: Float[Tensor, "row action"]

    def logged(self) -> "AnsweredStep":
        """Leave the chosen action out."""
        without = {name: getattr(self, name)[..., :-1] for name in ("actions", "values", "rewards")}
        return replace(self, **without)


class Environment:
    """Stands before SNQN or SA2C and lets an environment in (Eqs. 6.4, 6.5, 6.9, 6.10, 6.13 to 6.15).

    Args:
        backbone: makes a session encoder.
        items: size of the catalogue.
        state_dim: width of the environment's states.
        reward: `environment` (LER), or `constant` as in SNQN.
        state: what values read, `both` states side by side (LES), that of the `environment` alone (LES') or the
            `hidden` one of the host as in SNQN.
        projection: how states of the environment get the width of the host, by a linear layer behind a layer norm
            (`normed`) or alone (`linear`).
        supervised_weight: of the cross-entropy of the chosen actions, w_ah; 0 without.
        value_weight: of their TD error, w_aq; 0 without.
        augmented_after: updates before chosen actions count.
        advantage_chosen: whether their cross-entropy is weighted by the advantage too, once that counts (SA2C).
        refused_of: where negatives are drawn from, the `catalogue`, anew for each update, or those items that the
            environment was `asked` about; None: asked where it rewards, else the catalogue. A constant reward with
            asked ones is the control of a reward (ours).
        Others: as the model behind it.

    Raises:
        ValueError: no such state, projection, reward or negatives, an environment's state without a width, its reward
            for items that it was not asked about, or a weight by an advantage that the model behind it does not have.
    """

    def __init__(
        self,
        backbone: Callable[[], nn.Module],
        items: int,
        state_dim: int = 0,
        reward: str = "environment",
        state: str = "both",
        projection: str = "normed",
        supervised_weight: float = 0.1,
        value_weight: float = 0.01,
        augmented_after: int = 0,
        advantage_chosen: bool = False,
        refused_of: str | None = None,
        **settings,
    ):
        super().__init__(backbone=backbone, items=items, **settings)
        refused_of = refused_of or ("asked" if reward == "environment" else "catalogue")
        words = (("state", state, STATES), ("reward", reward, REWARDS))
        words += (("projection", projection, PROJECTIONS), ("refused_of", refused_of, POOLS))
        for name, value, known in words:
            if value not in known:
                raise ValueError(f"{name}={value!r}: expected one of {', '.join(known)}")
        if state != "hidden" and not state_dim:
            raise ValueError(f"state={state!r}: the environment has no states; name one")
        if (reward, refused_of) == ("environment", "catalogue"):
            raise ValueError(
                "refused_of=catalogue: the environment rewards what it was asked about"
            )
        if advantage_chosen and not isinstance(self, ActorCritic):
            raise ValueError("advantage_chosen=true: SNQN has no advantage; take SA2C")
        self.reward, self.state, self.refused_of = reward, state, refused_of
        self.supervised_weight, self.value_weight = supervised_weight, value_weight
        self.augmented_after, self.advantage_chosen = augmented_after, advantage_chosen
        for network in self.networks:
            read_also(network, items, state_dim, state, projection)

    @property
    def augments(self) -> bool:
        """Check whether chosen actions count by now."""
        return bool(self.updates > self.augmented_after)

    def step(self, main: ValueNetwork, target: ValueNetwork, batch: Answered) -> AnsweredStep:
        """Value what was done, refused and chosen, and reward it (Algorithm 4, lines 4 to 6)."""
        found = super().step(main, target, batch)
        plain = {one.name: getattr(found, one.name) for one in fields(found)}
        return AnsweredStep(**plain, rewards=self.answers(found.actions, batch))

    def see(
        self, network: ValueNetwork, hidden: Float[Tensor, "row dim"], batch: Answered
    ) -> Float[Tensor, "row seen"]:
        """Put together what values read (Eq. 6.4)."""
        if self.state == "hidden":
            return hidden
        seen = network.project(batch.states.to(hidden.dtype))
        return seen if self.state == "environment" else torch.cat([seen, hidden], 1)

    def valued(self, taken: Int[Tensor, " row"], batch: Answered) -> Int[Tensor, "row action"]:
        """Value what was taken, drawn negatives, and what was chosen; where nobody chose, what was taken.

        Negatives are drawn from those that the environment was asked about, or as in SNQN.
        """
        if self.refused_of == "asked":
            size = (len(taken), self.negatives)
            drawn = torch.randint(batch.negatives.shape[1], size, device=taken.device)
            logged = torch.cat([taken[:, None], batch.negatives.gather(1, drawn)], 1)
        else:
            logged = self.actions(taken)
        chosen = torch.where(batch.chosen < self.padding, batch.chosen, taken)
        return torch.cat([logged, chosen[:, None]], 1)

    def answers(
        self, actions: Int[Tensor, "row action"], batch: Answered
    ) -> Float[Tensor, "row action"]:
        """Reward actions: as the environment did (Eq. 6.5), or as SNQN does."""
        if self.reward == "constant":
            rewards = torch.full(actions.shape, self.click_reward, device=actions.device)
            rewards[:, 1:-1] = self.negative_reward
            return rewards
        taken, others = batch.rewards[:, :1], batch.rewards[:, 1:]
        place = (actions[:, 1:-1, None] == batch.negatives[:, None]).long().argmax(2)
        asked = (batch.chosen < self.padding)[:, None]
        chosen = torch.where(asked, batch.chosen_rewards[:, None], taken)
        return torch.cat([taken, others.gather(1, place), chosen], 1)

    def all_rewards(self, step: AnsweredStep) -> Float[Tensor, "objective row action"]:
        """Reward each action."""
        return step.rewards[None]

    def future(self, step: AnsweredStep) -> Float[Tensor, "objective row action"]:
        """Let refused actions leave the state; the chosen one leads to the logged next state, as the taken one does."""
        found = super().future(step)
        return torch.cat([found[..., :-1], found[..., :1]], dim=2)

    def errors(self, step: AnsweredStep) -> Float[Tensor, " objective"]:
        """Mean TD error of what was taken, plus the sum over refused actions (Eq. 6.10), plus that of the chosen."""
        error = self.distance(step.values, self.targets(step))
        known = step.known / step.known.sum().clamp_min(1)
        found = (error[..., 0] * known).sum(1) + error[..., 1:-1].sum(2).mean(1)
        if not (self.value_weight and self.augments):
            return found
        return found + self.value_weight * (error[..., -1] * known).sum(1)  # Eq. 6.14

    def imitation(self, step: AnsweredStep) -> Float[Tensor, ""]:
        """Cross-entropy of what was taken (Eq. 6.8, or 6.11 in SA2C), plus that of what was chosen (Eq. 6.13)."""
        logged = step.logged()
        found = super().imitation(logged)
        if not (self.supervised_weight and self.augments):
            return found
        weighted = self.advantage_chosen and self.criticises
        weights = self.critic(logged.values.detach()) if weighted else None
        chosen = step.main.rank.loss(step.hidden, step.actions[:, -1], weights)
        return found + self.supervised_weight * chosen


def read_also(
    network: ValueNetwork, items: int, state_dim: int, state: str, projection: str
) -> None:
    """Let the values of a network read the states of an environment, brought to the width of its own."""
    if state == "hidden":
        return
    dim = network.backbone.dim
    norms = [nn.LayerNorm(state_dim)] if projection == "normed" else []
    network.project = nn.Sequential(*norms, nn.Linear(state_dim, dim))
    width = dim if state == "environment" else 2 * dim
    network.values = nn.ModuleList(Catalogue(width, items) for _ in network.values)


class LEASNQN(Environment, SNQN):
    """SNQN with an environment. Args: as `Environment` and `SNQN`."""


class LEASA2C(Environment, SA2C):
    """SA2C with an environment. Args: as `Environment` and `SA2C`."""


class Augmented(NextItem):
    """A plain next-item model that also imitates what the environment chose (Eq. 6.13).

    Args:
        supervised_weight: of the cross-entropy of the chosen actions, w_ah.
        Others: as `NextItem`.
    """

    def __init__(
        self, backbone: Callable[[], nn.Module], items: int, supervised_weight: float = 0.1
    ):
        super().__init__(backbone, items)
        self.supervised_weight = supervised_weight

    def loss(self, batch: Answered) -> Float[Tensor, ""]:
        """Add the cross-entropy of what was chosen to that of what was taken."""
        real = batch.actions(self.padding)
        hidden = self.backbone(batch.session)[real]
        taken = self.rank.loss(hidden, batch.following[real])
        return taken + self.supervised_weight * self.rank.loss(hidden, batch.chosen)


class ByState(nn.Module):
    """Ranks items by their nearness to an environment's own state, s'·a: what its state model knows.

    Args:
        states: gives the states after each item of sessions.
        vectors: of the items, in the space of states.
    """

    def __init__(
        self,
        items: int,
        states: Callable[..., Tensor],
        vectors: Float[Tensor, "item dim"],
    ):
        super().__init__()
        self.padding, self.states = items, states
        self.register_buffer("vectors", vectors.clone())

    def score(self, session: Int[Tensor, "batch time"]) -> Float[Tensor, "batch item"]:
        """Score every item as the one that follows."""
        end = (session != self.padding).sum(1) - 1
        states = self.states(session, self.padding)[torch.arange(len(session)), end.cpu()]
        return states.to(self.vectors) @ self.vectors.T

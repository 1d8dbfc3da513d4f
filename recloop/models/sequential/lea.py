"""LEA: SNQN and SA2C whose rewards, states and further positive actions come from an environment, a language model.

Thesis of Jie Wang, chapter 6, Algorithm 4. What the environment says is in the batch (`recloop.data.feedback`); the
host alone ranks.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import pad

from recloop.data.feedback import Answered
from recloop.models.catalogue import Catalogue
from recloop.models.sequential.next_item import NextItem
from recloop.models.sequential.sa2c import SA2C
from recloop.models.sequential.snqn import SNQN
from recloop.models.sequential.transitions import Step, ValueNetwork

STATES = ("hidden", "both", "environment")
REWARDS = ("constant", "environment")


@dataclass(frozen=True)
class AnsweredStep(Step):
    """A step whose `states` are what values read; columns of `actions`: taken, refused, and chosen by the environment.

    Attributes:
        hidden: states of the main network's host, which its ranking reads.
        rewards: of the actions, as the environment says.
    """

    hidden: Float[Tensor, "row width"]
    rewards: Float[Tensor, "row action"]

    def logged(self) -> "AnsweredStep":
        """Leave the chosen action out, and take the states of the host."""
        without = {name: getattr(self, name)[..., :-1] for name in ("actions", "values", "rewards")}
        return replace(self, states=self.hidden, **without)


class Environment:
    """Stands before SNQN or SA2C and lets an environment in (Eqs. 6.4, 6.5, 6.9, 6.10, 6.13 to 6.15).

    Args:
        backbone: makes a session encoder.
        items: size of the catalogue.
        state_dim: width of the environment's states.
        reward: `environment` (LER), or `constant` as in SNQN.
        state: what values read, `both` states side by side (LES), that of the `environment` alone (LES') or the
            `hidden` one of the host as in SNQN.
        supervised_weight: of the cross-entropy of the chosen actions, w_ah; 0 without.
        value_weight: of their TD error, w_aq; 0 without.
        augmented_after: updates before chosen actions count.
        advantage_chosen: whether their cross-entropy is weighted by the advantage too (SA2C).
        Others: as the model behind it.

    Raises:
        ValueError: no such state or reward, or an environment's state without a width.
    """

    def __init__(
        self,
        backbone: Callable[[], nn.Module],
        items: int,
        state_dim: int = 0,
        reward: str = "environment",
        state: str = "both",
        supervised_weight: float = 0.1,
        value_weight: float = 0.01,
        augmented_after: int = 0,
        advantage_chosen: bool = False,
        **settings,
    ):
        super().__init__(backbone=backbone, items=items, **settings)
        for name, value, known in (("state", state, STATES), ("reward", reward, REWARDS)):
            if value not in known:
                raise ValueError(f"{name}={value!r}: expected one of {', '.join(known)}")
        if state != "hidden" and not state_dim:
            raise ValueError(f"state={state!r}: the environment has no states; name one")
        self.reward, self.state = reward, state
        self.supervised_weight, self.value_weight = supervised_weight, value_weight
        self.augmented_after, self.advantage_chosen = augmented_after, advantage_chosen
        for network in self.networks:
            read_also(network, items, state_dim, state)

    @property
    def augments(self) -> bool:
        """Check whether chosen actions count by now."""
        return bool(self.updates > self.augmented_after)

    def step(self, main: ValueNetwork, target: ValueNetwork, batch: Answered) -> AnsweredStep:
        """Run both networks over the batch and value what was done, refused and chosen (Algorithm 4, lines 4 to 6)."""
        real = batch.following != self.padding
        hidden = main.backbone(batch.session)[real]
        states = self.see(main, hidden, batch.states)
        with torch.no_grad():
            target_states = self.see(target, target.backbone(batch.session)[real], batch.states)
        taken = batch.following[real]
        refused, rewards = self.refused(taken, batch)
        chosen = torch.where(batch.chosen < self.padding, batch.chosen, taken)
        actions = torch.cat([taken[:, None], refused, chosen[:, None]], 1)
        follows = pad(real[:, 1:], (0, 1))
        grid = torch.arange(1, real.shape[1] + 1, device=real.device)
        return AnsweredStep(
            main=main,
            target=target,
            states=states,
            target_states=target_states,
            item=batch.session[real],
            actions=actions,
            values=main.value_at(states[:, None].expand(-1, actions.shape[1], -1), actions),
            purchase=batch.purchase[real],
            seen=(batch.start[:, None] + grid)[real],
            follows=follows[real],
            known=(follows | batch.ended[:, None])[real],
            hidden=hidden,
            rewards=rewards,
        )

    def see(
        self,
        network: ValueNetwork,
        hidden: Float[Tensor, "row dim"],
        states: Float[Tensor, "row wide"],
    ) -> Float[Tensor, "row seen"]:
        """Put together what values read (Eq. 6.4)."""
        if self.state == "hidden":
            return hidden
        seen = network.project(states.to(hidden.dtype))
        return seen if self.state == "environment" else torch.cat([seen, hidden], 1)

    def refused(
        self, taken: Int[Tensor, " row"], batch: Answered
    ) -> tuple[Int[Tensor, "row negative"], Float[Tensor, "row action"]]:
        """Draw negatives and reward all actions: by the environment, from those that it was asked about, or as SNQN."""
        rows = len(taken)
        if self.reward == "constant":
            rewards = torch.full((rows, self.negatives + 2), self.click_reward, device=taken.device)
            rewards[:, 1:-1] = self.negative_reward
            return super().actions(taken)[:, 1:], rewards
        pool = batch.negatives.shape[1]
        drawn = torch.randint(pool, (rows, self.negatives), device=taken.device)
        answers = [batch.rewards[:, :1], batch.rewards[:, 1:].gather(1, drawn)]
        chosen = torch.where(batch.chosen < self.padding, batch.chosen_rewards, batch.rewards[:, 0])
        return batch.negatives.gather(1, drawn), torch.cat([*answers, chosen[:, None]], 1)

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
        weights = self.critic(logged.values.detach()) if self.advantage_chosen else None
        chosen = step.main.rank.loss(step.hidden, step.actions[:, -1], weights)
        return found + self.supervised_weight * chosen


def read_also(network: ValueNetwork, items: int, state_dim: int, state: str) -> None:
    """Let the values of a network read the states of an environment, brought to the width of its own."""
    if state == "hidden":
        return
    dim = network.backbone.dim
    network.project = nn.Sequential(nn.LayerNorm(state_dim), nn.Linear(state_dim, dim))
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
        real = batch.following != self.padding
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

"""What the Q-learning rankers share: two networks that take turns, and their temporal-difference error.

Xin et al. Self-Supervised Reinforcement Learning for Recommender Systems. SIGIR 2020.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from recloop.data.batches import Batch
from recloop.models.catalogue import Catalogue, best
from recloop.models.sessions import last


class ValueNetwork(nn.Module):
    """A backbone with one head that ranks and some heads that value each item, one per objective."""

    def __init__(self, backbone: Callable[[], nn.Module], items: int, objectives: int):
        super().__init__()
        self.backbone = backbone()
        self.rank = Catalogue(self.backbone.dim, items)
        self.values = nn.ModuleList(Catalogue(self.backbone.dim, items) for _ in range(objectives))

    def value_at(
        self, states: Float[Tensor, "*row dim"], items: Int[Tensor, "*row"]
    ) -> Float[Tensor, " objective *row"]:
        """Value one given item per state under every objective."""
        return torch.stack([value.at(states, items) for value in self.values])

    @torch.no_grad()
    def best_item(
        self, states: Float[Tensor, "row dim"], weights: Float[Tensor, " objective"]
    ) -> Int[Tensor, " row"]:
        """Find the item with the highest weighted value.

        The heads are linear, so the weighted sum of their values is one head with the weighted sum of their weights.
        """
        matrix = sum(w * value.weight for w, value in zip(weights, self.values, strict=True))
        bias = sum(w * value.bias for w, value in zip(weights, self.values, strict=True))
        return best(states, matrix, bias)


@dataclass(frozen=True)
class Step:
    """One batch as transitions: states of the main and the target network and what was done in them."""

    main: ValueNetwork
    target: ValueNetwork
    states: Float[Tensor, "batch time dim"]
    target_states: Float[Tensor, "batch time dim"]
    batch: Batch
    real: Bool[Tensor, "batch time"]


class DoubleQ(nn.Module):
    """Two full networks; a fair coin says at each update which one learns and which one gives the target.

    Args:
        backbone: makes a session encoder.
        items: size of the catalogue; the id `items` is padding.
        objectives: how many values each item has.
        discount: weight of the future in the value target.
        click_reward: accuracy reward of an interaction that is no purchase.
        purchase_reward: accuracy reward of a purchase.
    """

    def __init__(
        self,
        backbone: Callable[[], nn.Module],
        items: int,
        objectives: int,
        discount: float,
        click_reward: float,
        purchase_reward: float,
    ):
        super().__init__()
        self.padding, self.discount = items, discount
        self.click_reward, self.purchase_reward = click_reward, purchase_reward
        self.networks = nn.ModuleList(ValueNetwork(backbone, items, objectives) for _ in range(2))

    def score(self, session: Int[Tensor, "batch time"]) -> Float[Tensor, "batch item"]:
        """Score every item as the one that follows, with the first network, as in the authors' code."""
        network = self.networks[0]
        return network.rank(last(network.backbone(session), session, self.padding))

    def step(self, batch: Batch) -> Step:
        """Toss the coin and run both networks over the batch."""
        coin = int(torch.rand(()) < 0.5)
        main, target = self.networks[coin], self.networks[1 - coin]
        with torch.no_grad():  # dropout stays on in the target, as in the authors' code
            target_states = target.backbone(batch.session)
        states = main.backbone(batch.session)
        return Step(main, target, states, target_states, batch, batch.following != self.padding)

    def accuracy_reward(self, step: Step) -> Float[Tensor, "batch time"]:
        """Reward what the user did: one value for a click, one for a purchase."""
        gain = self.purchase_reward - self.click_reward
        return self.click_reward + gain * step.batch.purchase

    def td_error(
        self,
        step: Step,
        rewards: Float[Tensor, "objective batch time"],
        weights: Float[Tensor, " objective"],
    ) -> Float[Tensor, "objective row"]:
        """Half the squared distance of Q(s, a) from r + discount * Q'(s', argmax of w·Q(s', .)).

        A row is a transition. The last one of a session has no s'; where only the piece of a long session ends, s'
        lies in the next piece and the transition is left out.
        """
        follows = step.real[:, 1:]  # transition t has a next state in this piece
        ahead = torch.zeros_like(rewards)
        ahead[:, :, :-1][:, follows] = self.future(step, follows, weights)
        ends = step.real & ~nn.functional.pad(follows, (0, 1))
        known = step.real & ~(ends & ~step.batch.ended[:, None])
        taken = step.main.value_at(step.states[known], step.batch.following[known])
        target = rewards[:, known] + self.discount * ahead[:, known]
        return 0.5 * (target - taken) ** 2

    @torch.no_grad()
    def future(self, step, follows, weights) -> Float[Tensor, "objective row"]:
        """Value the best next action: chosen by the main network, valued by the target network."""
        action = step.main.best_item(step.states[:, 1:][follows], weights)
        return step.target.value_at(step.target_states[:, 1:][follows], action)

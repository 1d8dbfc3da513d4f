"""What the Q-learning rankers share: two networks that value each other's choices, and their temporal-difference error.

Xin et al. Self-Supervised Reinforcement Learning for Recommender Systems. SIGIR 2020.
"""

from collections.abc import Callable, Iterator

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.functional import linear, pad

from recloop.data.batches import Batch
from recloop.models.counting import Counting
from recloop.models.sequential import placebo as placebos
from recloop.models.sequential.transitions import Step, ValueNetwork
from recloop.models.sessions import last

RANKINGS = ("imitation", "values")
UPDATED = ("both", "one")


class DoubleQ(Counting):
    """Two full networks, each of which gives the other its target (van Hasselt. Double Q-learning. NeurIPS 2010).

    Args:
        backbone: makes a session encoder.
        items: size of the catalogue; the id `items` is padding.
        objectives: how many values each item has.
        discount: weight of the future in the value target.
        click_reward: accuracy reward of an interaction that is no purchase.
        purchase_reward: accuracy reward of a purchase.
        updated: `both` networks learn from every batch, so that each has as many updates as a plain ranker; or `one` of
            them, drawn by a fair coin, as in the authors' code, so that each has half of them.
        target_dropout: whether the network that gives the target drops units too, as in the authors' code.
        q_weight: weight of the value losses; 0 leaves the value heads out, and with `both` the plain ranker alone.
        placebo: what makes the rewards worthless, one of `placebo.KINDS`.
        ranked_by: `imitation` ranks by the head that imitates, `values` by the weighted values.
        imitates: whether there is a head that imitates.

    Raises:
        ValueError: no such placebo, ranking or `updated`, or a ranking without its head.
    """

    def __init__(
        self,
        backbone: Callable[[], nn.Module],
        items: int,
        objectives: int,
        discount: float,
        click_reward: float,
        purchase_reward: float,
        updated: str = "both",
        target_dropout: bool = False,
        q_weight: float = 1.0,
        placebo: str = "none",
        ranked_by: str = "imitation",
        imitates: bool = True,
    ):
        super().__init__()
        self.padding, self.discount = items, discount
        self.click_reward, self.purchase_reward = click_reward, purchase_reward
        self.updated, self.target_dropout, self.q_weight = updated, target_dropout, q_weight
        self.placebo = placebos.checked(placebo)
        self.ranked_by = _ranking(ranked_by, imitates, q_weight)
        if updated not in UPDATED:
            raise ValueError(f"updated={updated!r}, but there are only {', '.join(UPDATED)}")
        heads = objectives if q_weight else 0
        alone = updated == "both" and not q_weight  # nobody asks the other one for a target
        self.networks = nn.ModuleList(
            ValueNetwork(backbone, items, heads, imitates) for _ in range(1 if alone else 2)
        )
        self.register_buffer("weights", torch.ones(objectives))
        self.register_buffer("updates", torch.zeros((), dtype=torch.long))

    @property
    def scored(self) -> ValueNetwork:
        """The first network ranks, as in the authors' code."""
        return self.networks[0]

    def score(self, session: Int[Tensor, "batch time"]) -> Float[Tensor, "batch item"]:
        """Score every item as the one that follows."""
        state = last(self.scored.backbone(session), session, self.padding)
        return self.scored.rank(state) if self.ranked_by == "imitation" else self.q_values(state)

    def q_values(self, states: Float[Tensor, "row dim"]) -> Float[Tensor, "row item"]:
        """Score every item by its weighted values."""
        return linear(states, *self.scored.scalarised(self.weights))

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        """Cross-entropy of the next item plus the weighted value losses, summed over the networks that learn."""
        return torch.stack([self.lesson(*roles, batch) for roles in self.turns()]).sum()

    def lesson(self, main: ValueNetwork, target: ValueNetwork, batch: Batch) -> Float[Tensor, ""]:
        """Compute what one network has to learn from a batch."""
        if not self.q_weight:
            real = batch.actions(self.padding)
            return main.rank.loss(main.backbone(batch.session)[real], batch.following[real])
        step = self.step(main, target, batch)
        return self.imitation(step) + self.q_weight * (self.weights @ self.errors(step))

    def turns(self) -> Iterator[tuple[ValueNetwork, ValueNetwork]]:
        """Name who learns and who gives the target, one after the other."""
        if self.updated == "one":
            yield self.toss()
            return
        self.updates += 1
        yield from map(self.roles, range(len(self.networks)))

    def toss(self) -> tuple[ValueNetwork, ValueNetwork]:
        """Draw which network learns.

        The draw depends on the seed and the update alone, so that all methods that are compared get the same updates,
        whatever else they draw.
        """
        seed = (torch.initial_seed() * 1_000_003 + int(self.updates)) % 2**63
        first = int(torch.rand((), generator=torch.Generator().manual_seed(seed)) < 0.5)
        self.updates += 1
        return self.roles(first)

    def roles(self, first: int) -> tuple[ValueNetwork, ValueNetwork]:
        """Make one network ready to learn and the other one to give the target."""
        main, target = self.networks[first], self.networks[first - 1]
        target.train(self.training and self.target_dropout)
        main.train(self.training)
        return main, target

    def step(self, main: ValueNetwork, target: ValueNetwork, batch: Batch) -> Step:
        """Run both networks over the batch and value what was done."""
        acted, real = batch.actions(self.padding), batch.following != self.padding
        with torch.no_grad():
            target_states = self.see(target, target.backbone(batch.session)[acted], batch)
        hidden = main.backbone(batch.session)[acted]
        states = self.see(main, hidden, batch)
        actions = self.valued(batch.following[acted], batch)
        follows = pad(real[:, 1:], (0, 1))
        grid = torch.arange(1, real.shape[1] + 1, device=real.device)
        return Step(
            main=main,
            target=target,
            hidden=hidden,
            states=states,
            target_states=target_states,
            item=batch.session[acted],
            actions=actions,
            values=main.value_at(states[:, None].expand(-1, actions.shape[1], -1), actions),
            purchase=batch.purchase[acted],
            seen=(batch.start[:, None] + grid)[acted],
            follows=follows[acted],
            known=(follows | batch.ended[:, None])[acted],
        )

    def see(
        self, network: ValueNetwork, hidden: Float[Tensor, "row dim"], batch: Batch
    ) -> Float[Tensor, "row seen"]:
        """Return what values read: the states of the session encoder."""
        return hidden

    def valued(self, taken: Int[Tensor, " row"], batch: Batch) -> Int[Tensor, "row action"]:
        """Return what is valued in each state."""
        return self.actions(taken)

    def imitation(self, step: Step) -> Float[Tensor, ""]:
        """Cross-entropy of what the user did."""
        return step.main.rank.loss(step.hidden, step.taken)

    def errors(self, step: Step) -> Float[Tensor, " objective"]:
        """Mean TD error over transitions, per objective: of what the user did, plus the sum over other actions."""
        error = self.distance(step.values, self.targets(step))
        taken = (error[..., 0] * step.known).sum(1) / step.known.sum().clamp_min(1)
        return taken + error[..., 1:].sum(2).mean(1)

    def distance(
        self,
        values: Float[Tensor, "objective row action"],
        targets: Float[Tensor, "objective row action"],
    ) -> Float[Tensor, "objective row action"]:
        """Half the squared distance."""
        return 0.5 * (targets - values) ** 2

    @torch.no_grad()
    def targets(self, step: Step) -> Float[Tensor, "objective row action"]:
        """Return r + discount * Q'(s', argmax of w·Q(s', .)), or what a placebo puts in its place."""
        fixed = placebos.target(self.placebo, step.seen)
        if fixed is not None:
            return fixed[:, None].expand_as(step.values)
        rewards = placebos.rewards(self.placebo, self.all_rewards(step))
        return rewards + self.discount * self.future(step)

    def actions(self, taken: Int[Tensor, " row"]) -> Int[Tensor, "row action"]:
        """Choose what is valued in each state: what the user did."""
        return taken[:, None]

    def rewards(self, step: Step) -> Float[Tensor, "objective row"]:
        """Reward what the user did, for accuracy alone."""
        return self.accuracy_reward(step)[None]

    def accuracy_reward(self, step: Step) -> Float[Tensor, " row"]:
        """One value for a click, one for a purchase."""
        return self.click_reward + (self.purchase_reward - self.click_reward) * step.purchase

    def all_rewards(self, step: Step) -> Float[Tensor, "objective row action"]:
        """Reward each action."""
        return self.rewards(step)[..., None]

    def future(self, step: Step) -> Float[Tensor, "objective row action"]:
        """Value of the state that each action leads to, zero where the session ends."""
        return step.next(self.next_state_value(step, step.reached))[..., None]

    def next_state_value(
        self, step: Step, rows: Bool[Tensor, " row"]
    ) -> Float[Tensor, "objective row"]:
        """Value the action chosen in these states, by the target network; zero for other states."""
        found = step.target_states.new_zeros(len(self.weights), len(rows))
        found[:, rows] = step.target.value_at(step.target_states[rows], self.choose(step, rows))
        return found

    def choose(self, step: Step, rows: Bool[Tensor, " row"]) -> Int[Tensor, " chosen"]:
        """Take the action with the highest weighted value of the main network."""
        return step.main.best_item(step.states[rows], self.weights)


def _ranking(ranked_by: str, imitates: bool, q_weight: float) -> str:
    if ranked_by not in RANKINGS:
        raise ValueError(f"ranked_by={ranked_by!r}, but there are only {', '.join(RANKINGS)}")
    if ranked_by == "imitation" and not imitates:
        raise ValueError("ranked_by='imitation' without a head that imitates: rank by 'values'")
    if not q_weight and (ranked_by == "values" or not imitates):
        raise ValueError("q_weight=0 leaves no values: rank by 'imitation' or give a weight")
    return ranked_by

"""Model-based policy improvement: try a few items in simulated dialogues and learn to ask for the best of them.

Guo et al. Dialog-based Interactive Image Retrieval. NeurIPS 2018, S4 and released code. Two copies start from the
supervised weights: the *guide* proposes, plays the dialogues out and never changes; the other one learns. Theirs shows
one item per turn. Ours shows the chosen one with its K - 1 runners-up, and rolls out lists of one item as they do.
"""

import copy

import torch
from jaxtyping import Float, Int
from torch import Tensor

from recloop.data.pools import Requests, World
from recloop.models.dialogue.dialogue import DialogueModel, State
from recloop.models.dialogue.objectives import mean_where
from recloop.simulators.environment import Environment
from recloop.simulators.nearest import Nearest
from recloop.simulators.rollout import begin
from recloop.storage.moving import moved


class Improvement:
    """The loss of a batch of dialogues that a guide has improved.

    Args:
        model: learns; the guide is a copy of how it is now.
        users: of the training pool.
        world: training pool and features.
        shown: items per list.
        training: `candidates`, items that are tried at each turn; `horizon`, turns that a trial looks ahead, null for
            the rest of the dialogue as in the released code; `temperature`, of the policy; `goal_weight`, of the
            pull to the target; `relative`, whether squared distances are shares of an item's mean squared length, so
            that both weights mean the same in a space of any width; `num_negatives`, random items beside the chosen
            one.
    """

    def __init__(
        self, model: DialogueModel, users: Environment, world: World, shown: int, training: dict
    ):
        self.model, self.users, self.world, self.shown = model, users, world, shown
        self.guide = copy.deepcopy(model).requires_grad_(False).eval()
        self.trial = Environment(users.pool, users.critique_encoder, users.lists, users.likes)
        self.candidates, self.horizon = training["candidates"], training["horizon"]
        self.temperature, self.goal_weight = training["temperature"], training["goal_weight"]
        self.relative, self.num_negatives = training["relative"], training["num_negatives"]

    def loss(
        self,
        requests: Requests,
        table: Float[Tensor, "item dim"],
        first: Int[Tensor, "batch k"] | None,
        generator: torch.Generator,
    ) -> Float[Tensor, ""]:
        """Hold dialogues that the guide leads and pull the learning states to what it chose and to the target.

        Args:
            requests: who looks for what.
            table: the pool, embedded by both copies alike: image layers are frozen.
            first: a random first list; None if the model makes it.
            generator: draws negatives.
        """
        table = table.detach()
        self.nearest, self.ahead = Nearest(table), Nearest(table)
        self.users.reset(requests.target, table=table)
        state, guide = (
            begin(one, requests, self.world.catalogue) for one in (self.model, self.guide)
        )
        losses, counted = [], []
        for number in range(self.users.lists):
            if number == 0 and first is not None:
                shown = first
            else:
                chosen = self.choose(guide, requests.target, table, number)
                shown = self.fill(guide, chosen)
                losses.append(self.pull(state, chosen, requests.target, table, generator))
                counted.append(~self.users.found | (not self.model.stop_at_target))
            feedback, *_ = self.users.step(shown)
            state, guide = self.model.observe(state, feedback), self.guide.observe(guide, feedback)
        return mean_where(torch.stack(losses, dim=1), torch.stack(counted, dim=1))

    @torch.no_grad()
    def choose(
        self,
        guide: State,
        target: Int[Tensor, " batch"],
        table: Float[Tensor, "item dim"],
        number: int,
    ) -> Int[Tensor, " batch"]:
        """Find the candidate after which the target stands highest, over all turns of its trial."""
        seen = self.users.seen
        candidates = self.nearest.top(guide.query, seen, self.candidates)
        turns = self.users.lists - 1 - number
        turns = turns if self.horizon is None else min(turns, self.horizon)
        ranks = self.play(
            repeat(guide, self.candidates),
            candidates.flatten(),
            target.repeat_interleave(self.candidates),
            seen.repeat_interleave(self.candidates, 0),
            table,
            turns,
        )
        best = ranks.view(-1, self.candidates).argmin(1, keepdim=True)  # the nearest, if level
        return candidates.gather(1, best)[:, 0]

    def play(
        self,
        state: State,
        item: Int[Tensor, " trial"],
        target: Int[Tensor, " trial"],
        seen: Int[Tensor, "trial seen"],
        table: Float[Tensor, "item dim"],
        turns: int,
    ) -> Int[Tensor, " trial"]:
        """Show an item, then always the nearest one; add up the rank of the target, 0 once it was shown."""
        self.trial.reset(target, table=table)
        self.trial.found = item == target
        ranks = torch.zeros_like(target)
        for _ in range(turns):
            feedback, *_ = self.trial.step(item[:, None])
            state = self.guide.observe(state, feedback)
            seen = torch.cat([seen, item[:, None]], dim=1)
            top, better, _ = self.ahead.rank(state.query, target, seen, 1)
            ranks += torch.where(self.trial.found, 0, better)
            item = top[:, 0]
        return ranks

    def fill(self, guide: State, chosen: Int[Tensor, " batch"]) -> Int[Tensor, "batch k"]:
        """Put the guide's nearest other items behind the chosen one."""
        chosen = chosen[:, None]
        known = torch.cat([self.users.seen, chosen], dim=1)
        return torch.cat([chosen, self.nearest.top(guide.query, known, self.shown - 1)], dim=1)

    def pull(
        self,
        state: State,
        chosen: Int[Tensor, " batch"],
        target: Int[Tensor, " batch"],
        table: Float[Tensor, "item dim"],
        generator: torch.Generator,
    ) -> Float[Tensor, " batch"]:
        """-log softmax of the chosen item among random ones, by minus squared distance, plus that to the target."""
        size = (len(target), self.num_negatives)
        negatives = moved(torch.randint(len(table), size, generator=generator), target.device)
        items = table[torch.cat([chosen[:, None], negatives], dim=1)]
        unit = table.square().sum(-1).mean() if self.relative else 1.0
        distance = (state.query[:, None] - items).square().sum(-1) / unit
        goal = (state.query - table[target]).square().sum(-1) / unit
        return -(-distance / self.temperature).log_softmax(1)[:, 0] + self.goal_weight * goal


def repeat(state: State, times: int) -> State:
    """Put each dialogue of a state several times behind itself."""
    memory, extra = (
        {name: tensor.repeat_interleave(times, 0) for name, tensor in kept.items()}
        for kept in (state.memory, state.extra)
    )
    return State(state.query.repeat_interleave(times, 0), memory, extra)

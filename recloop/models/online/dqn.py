"""DQN: Q learning from a memory of steps, with a target network.

Mnih et al. Human-level control through deep reinforcement learning. Nature 2015; van Hasselt et al. Deep Reinforcement
Learning with Double Q-learning. AAAI 2016.
"""

import copy

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from recloop.models.online.agent import Agent, Steps, chosen


class DQN(Agent):
    """Q values of every item.

    Args:
        double: whether the learning network chooses the item whose value the target network tells.
        target_every: updates after which the target network is the learning one.
        lookahead: steps whose rewards are added up before a value is asked for.
        settings: those of every agent.
    """

    def __init__(self, double: bool, target_every: int, lookahead: int, **settings):
        super().__init__(**settings)
        self.double, self.target_every, self.lookahead = double, target_every, lookahead
        parts = nn.ModuleDict({"encoder": self.encoder, "scores": self.scores})
        self.target = copy.deepcopy(parts).requires_grad_(False)

    def loss(self, steps: Steps) -> Float[Tensor, ""]:
        """Average the squared difference of Q(s, a) and what it turned out to be."""
        values = chosen(self.score(steps.seen), steps.action)
        return mse_loss(values, steps.gain + steps.discount * self.worth(steps))

    @torch.no_grad()
    def worth(self, steps: Steps) -> Float[Tensor, " step"]:
        """Value the best item of the states that follow."""
        told = self.target["scores"](self.target["encoder"](steps.after))
        best = self.score(steps.after) if self.double else told
        return chosen(told, best.argmax(1))

    def after_update(self, update: int) -> None:
        """Let the target network follow."""
        if update % self.target_every == 0:
            for name in ("encoder", "scores"):
                self.target[name].load_state_dict(getattr(self, name).state_dict())

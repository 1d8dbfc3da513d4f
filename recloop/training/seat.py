"""Where many sessions stand: what recommenders are told of each turn, and their states of it."""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from recloop.models.offline.learner import Sessions
from recloop.simulators.shoppers import Heard, Shoppers


class Seat:
    """Where many sessions stand: the state of each as a tracker has it.

    Args:
        model: whose tracker and policy.
        users: the sessions.
        sentences: the book, encoded.
    """

    def __init__(
        self, model: nn.Module, users: Shoppers, sentences: Float[Tensor, "sentence words"]
    ):
        self.model, self.users, self.sentences = model, users, sentences
        self.state = model.tracker.start(users.sessions, users.device)

    def inputs(self, heard: Heard) -> tuple[Tensor, Tensor]:
        """Look up what is seen of items and how comments are heard."""
        return self.users.shelf.vectors[heard.item], self.sentences[heard.sentence]

    @torch.no_grad()
    def turn(
        self, choose: Callable[[Tensor], Int[Tensor, "session attribute"]]
    ) -> tuple[Tensor, Heard, Float[Tensor, " session"], Bool[Tensor, " session"], dict]:
        """Recommend once in every session; those that are over begin anew.

        Args:
            choose: an action by the states.

        Returns:
            action, what was shown and heard, reward, whether the session was over, and what else is known:
            `violated`, `content`.
        """
        action = choose(self.state)
        heard, reward, content, capped, info = self.users.step(action)
        over = content | capped
        after = self.model.tracker.advance(self.state, *self.inputs(heard))
        self.state = after.masked_fill(over[:, None], 0.0)
        self.users.reset(options={"reset_mask": over})
        return action, heard, reward, over, info | {"content": content}


def gather(turns: list[Sessions]) -> Sessions:
    """Put turns of sessions that run side by side behind one another."""
    return Sessions(*(torch.stack(parts, dim=1) for parts in zip(*turns, strict=True)))


def last_weights(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Leave out the weights of earlier ages."""
    return {name: one for name, one in tensors.items() if "/" not in name and name != "fixed"}

"""What EGE and DEERS share: a classification loss on the policy beside a TD loss on a value.

Wu et al. Partially Observable Reinforcement Learning for Dialog-based Interactive Recommendation. RecSys 2021;
Wu et al. (GOMMIR). RecSys 2023, S4.4.
"""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import smooth_l1_loss

from recloop.models.dialogue import objectives
from recloop.models.dialogue.dialogue import Dialogue
from recloop.models.dialogue.reinforce import Reinforce
from recloop.models.dialogue.tracked import Recurrent


class Valued(Recurrent):
    """The recurrent tracker of DM with a value that only shapes it: lists are ranked by the state alone.

    Args:
        features: width of the encoder's vectors.
        policy: makes the classification loss and the reward, see `Reinforce`, whose `discount` is that of the value
            target too. Unless it says otherwise, `current_dislikes` is off ("so far" is read so), and `raw_reward`: in
            a learned space a sum of dot products, as in the authors' code, reaches hundreds, which a value between -1
            and 1 cannot express; a mean cosine it can, but for the share that `discount` adds.
        last_turn_loss: train the classification of the last turn only, as the authors' code does by mistake.
        settings: as `Recurrent`.

    A subclass names in `frozen` what only the value uses: pretraining does not reach it.
    """

    def __init__(
        self,
        features: int,
        policy: Callable[..., Reinforce] = Reinforce,
        last_turn_loss: bool = False,
        **settings,
    ):
        super().__init__(features, **settings)
        self.last_turn_loss = last_turn_loss
        self.policy = policy(current_dislikes=False, raw_reward=False)

    def values(self, dialogue: Dialogue) -> Float[Tensor, "batch state"]:
        """Value each state from the first that chose a list to the one after the last feedback."""
        raise NotImplementedError

    def joint_loss(self, dialogue: Dialogue) -> Float[Tensor, ""]:
        """Cross-entropy of the target among negatives plus, unless nothing is rewarded, the TD error of the value."""
        mask = dialogue.learning(self.stop_at_target)[:, dialogue.first :]
        classified, learned = -self.policy.log_policy(dialogue), mask[:, :-1]
        if self.last_turn_loss:
            classified, learned = classified[:, -1:], learned[:, -1:]
        classification = objectives.mean_where(classified, learned)
        if not self.policy.reward:
            return classification
        return classification + self.value_loss(dialogue, mask)

    def value_loss(
        self, dialogue: Dialogue, mask: Bool[Tensor, "batch state"]
    ) -> Float[Tensor, ""]:
        """SmoothL1(Q_t, r_t + discount * Q_{t+1}), no gradient through the target.

        Where the user has left, nothing is to come (ours, with `stop_at_target`).
        """
        values = self.values(dialogue)
        ahead = values[:, 1:].detach() * mask[:, 1:]
        target = self.policy.rewards(dialogue) + self.policy.discount * ahead
        error = smooth_l1_loss(values[:, :-1], target, reduction="none")
        return objectives.mean_where(error, mask[:, :-1])


def stack(dialogue: Dialogue, name: str) -> Float[Tensor, "batch state dim"]:
    """Stack one of the extras of the states from the first that chose a list."""
    return torch.stack([state.extra[name] for state in dialogue.states[dialogue.first :]], dim=1)

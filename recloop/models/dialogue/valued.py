"""What EGE and DEERS share: a classification loss on the policy beside a TD loss on a value.

Wu et al. Partially Observable Reinforcement Learning for Dialog-based Interactive Recommendation. RecSys 2021;
Wu et al. (GOMMIR). RecSys 2023, S4.4.
"""

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
        discount: gamma of the value target.
        num_negatives: J.
        negatives: `disliked` or `random`, of the classification loss.
        current_dislikes: whether the dislikes of a turn's own list are among its negatives; "so far" is read as no.
        last_turn_loss: train the classification of the last turn only, as the authors' code does by mistake.
        raw_reward: reward with a sum of dot products, as in the authors' code. In a learned space it reaches hundreds,
            which a value between -1 and 1 cannot tell; a mean cosine can be told, but for the share that `discount`
            adds.
        temperature: divides the logits of the classification, see `Reinforce`.
        settings: as `Recurrent`.

    A subclass names in `frozen` what only the value uses: pretraining does not reach it.
    """

    def __init__(
        self,
        features: int,
        discount: float = 0.2,  # GOMMIR S4.1
        num_negatives: int = 5,  # GOMMIR S4.1
        negatives: str = "disliked",
        current_dislikes: bool = False,
        last_turn_loss: bool = False,
        raw_reward: bool = False,
        temperature: float = 1.0,
        **settings,
    ):
        super().__init__(features, **settings)
        self.discount, self.last_turn_loss = discount, last_turn_loss
        self.policy = Reinforce(
            discount=discount,
            num_negatives=num_negatives,
            negatives=negatives,
            current_dislikes=current_dislikes,
            raw_reward=raw_reward,
            temperature=temperature,
        )

    def values(self, dialogue: Dialogue) -> Float[Tensor, "batch state"]:
        """Value each state from the first that chose a list to the one after the last feedback."""
        raise NotImplementedError

    def joint_loss(self, dialogue: Dialogue) -> Float[Tensor, ""]:
        """Cross-entropy of the target among negatives plus the TD error of the value."""
        counted = dialogue.counted(self.stop_at_target)[:, dialogue.first :]
        classified, learned = -self.policy.log_policy(dialogue), counted[:, :-1]
        if self.last_turn_loss:
            classified, learned = classified[:, -1:], learned[:, -1:]
        classification = objectives.mean_where(classified, learned)
        return classification + self.value_loss(dialogue, counted)

    def value_loss(
        self, dialogue: Dialogue, counted: Bool[Tensor, "batch state"]
    ) -> Float[Tensor, ""]:
        """SmoothL1(Q_t, r_t + discount * Q_{t+1}), no gradient through the target.

        Where the user has left, nothing is to come (ours, with `stop_at_target`).
        """
        values = self.values(dialogue)
        ahead = values[:, 1:].detach() * counted[:, 1:]
        target = self.policy.rewards(dialogue) + self.discount * ahead
        error = smooth_l1_loss(values[:, :-1], target, reduction="none")
        return objectives.mean_where(error, counted[:, :-1])


def stack(dialogue: Dialogue, name: str) -> Float[Tensor, "batch state dim"]:
    """Stack one of the extras of the states from the first that chose a list."""
    return torch.stack([state.extra[name] for state in dialogue.states[dialogue.first :]], dim=1)

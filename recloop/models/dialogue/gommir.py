"""GOMMIR: learn to compose the liked item with the critique while learning what to show.

Wu et al. Goal-Oriented Multi-Modal Interactive Recommendation with Verbal and Non-Verbal Relevance Feedback.
RecSys 2023.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from recloop.models.dialogue import objectives
from recloop.models.dialogue.composition import Concatenation, GatedResidual
from recloop.models.dialogue.dialogue import Dialogue, Feedback, State
from recloop.models.dialogue.reinforce import Reinforce
from recloop.models.dialogue.tracked import Attentive
from recloop.models.dialogue.tracker import turn_token


class GOMMIR(Attentive):
    """Two tokens per turn, composed feature and critique; REINFORCE, and beside it a hinge on the composed feature.

    Rows are those of Table 3.

    Args:
        features: width of the encoder's vectors.
        composition: `tirg`, or `none`: the concatenation of the baselines, without a loss of its own (row 1).
        branches: form of the composition, see `GatedResidual`.
        gate, residual: rows 2 and 3.
        composition_loss: weight of L(psi); 0 is row 4.
        tokens: `released` puts a learned token before the two of every turn, as the authors' code does.
        policy: makes the policy loss, see `Reinforce`: `negatives: random` is row 5, `current_dislikes: false` row 6,
            `reward: false` row 7, `disliked_reward: false` row 8.
        settings: as `Attentive`.
    """

    def __init__(
        self,
        features: int,
        composition: str = "tirg",
        branches: str = "printed",
        gate: bool = True,
        residual: bool = True,
        composition_loss: float = 1.0,  # Eq. 10
        tokens: str = "printed",
        policy: Callable[[], Reinforce] = Reinforce,
        **settings,
    ):
        super().__init__(features, **settings)
        if composition not in ("tirg", "none"):
            raise ValueError(f"composition={composition!r}: take tirg or none")
        dim = self.space.dim
        if composition == "none":
            self.compose, self.composition_loss = Concatenation(dim, dim), 0.0
        else:
            self.compose = GatedResidual(dim, branches, gate, residual)
            self.composition_loss = composition_loss
        self.turn = turn_token(dim, tokens)
        self.policy = policy()

    def read(
        self, state: State, feedback: Feedback
    ) -> tuple[Float[Tensor, "batch token dim"], dict[str, Tensor]]:
        """Return c_t = psi(a_t, o_t) and o_t (Eq. 1); the state keeps c_t for its loss."""
        liked, text = self.space.image(feedback.liked), self.space.text(feedback.text)
        composed = self.compose(liked, text)
        turn = (
            [composed, text] if self.turn is None else [self.turn.expand_as(text), composed, text]
        )
        return torch.stack(turn, dim=1), {"composed": composed}

    def pretrain_loss(self, dialogue: Dialogue) -> Float[Tensor, ""]:
        """L(pi) + L(psi) (Eq. 12)."""
        loss = super().pretrain_loss(dialogue)
        if not self.composition_loss:
            return loss
        shape = (len(dialogue.feedback),)
        negative = objectives.random_items(
            len(dialogue.table), dialogue.target, shape, dialogue.generator
        )
        return loss + self.composition_loss * self.composition(dialogue, negative)

    def joint_loss(self, dialogue: Dialogue) -> Float[Tensor, ""]:
        """-J(pi) + L(psi) (Eq. 10, printed with `max` for both); each a^- of L(psi) is one of Eq. 7's negatives."""
        loss = self.policy.loss(dialogue, dialogue.learning(self.stop_at_target))
        if not self.composition_loss:
            return loss
        negative = self.policy.draw(dialogue)[..., 0]
        return loss + self.composition_loss * self.composition(dialogue, negative)

    def composition(
        self, dialogue: Dialogue, negative: Int[Tensor, "batch turn"]
    ) -> Float[Tensor, ""]:
        """Hinge on the composed features (Eq. 9); c_t leads to state t + 1 and counts where that does."""
        composed = torch.stack([state.extra["composed"] for state in dialogue.states[1:]], dim=1)
        table, target = dialogue.table, dialogue.table[dialogue.target]
        loss = objectives.hinge(composed, target, table[negative], self.margin)
        return objectives.mean_where(loss, dialogue.learning(self.stop_at_target)[:, 1:])

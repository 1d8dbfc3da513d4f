"""GRU-EGE and Transformer-MMT: one trained model makes the first list, another one the rest.

Wu et al. Personalised Multi-modal Interactive Recommendation with Hierarchical State Representations. TORS 2024, S4.3.
"""

from collections.abc import Callable

from jaxtyping import Float, Int
from torch import Tensor

from recloop.models.dialogue.dialogue import Dialogue, DialogueModel, Feedback, State


class Pipeline(DialogueModel):
    """Two trained models in turn; nothing is learned here. Weights are both models', below `first.` and `then.`.

    Both must rank in the encoder's own unit space, so that one table of items serves them.

    Args:
        first, then: make the two models.

    Raises:
        ValueError: the first model has no use for a history, or one of them has a space of its own.
    """

    personal = True

    def __init__(self, first: Callable[[], DialogueModel], then: Callable[[], DialogueModel]):
        opening, rest = first(), then()
        check(opening, rest)
        super().__init__(rest.space, rest.margin, rest.stop_at_target)
        self.first, self.then = opening, rest

    def begin(
        self, history: Float[Tensor, "batch past features"], length: Int[Tensor, " batch"]
    ) -> State:
        """Ask the first model for list 0 and start the second one."""
        rest = self.then.begin(history, length)
        return State(self.first.begin(history, length).query, rest.memory, rest.extra)

    def observe(self, state: State, feedback: Feedback) -> State:
        """Let the second model go on; no tracker reads the query it is given."""
        return self.then.observe(state, feedback)

    def pretrain_loss(self, dialogue: Dialogue) -> Float[Tensor, ""]:
        """Refuse: both models come trained."""
        raise NotImplementedError("a Pipeline is made of trained models: use stage: none")

    joint_loss = pretrain_loss


def check(opening: DialogueModel, rest: DialogueModel) -> None:
    """Refuse a pair that cannot be a pipeline."""
    if not opening.personal:
        raise ValueError(f"first: {type(opening).__name__} makes no list from a history")
    for role, model in (("first", opening), ("then", rest)):
        if model.space.kind != "unit":
            raise ValueError(f"{role}: its space is {model.space.kind!r}, a Pipeline needs 'unit'")

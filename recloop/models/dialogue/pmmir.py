"""PMMIR: past interests give the first list, their hidden state starts the tracker of the current needs.

Wu et al. Personalised Multi-modal Interactive Recommendation with Hierarchical State Representations. TORS 2024.
"""

from collections.abc import Callable
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import normalize

from recloop.models.dialogue.dialogue import Dialogue, DialogueModel, Feedback, State
from recloop.models.dialogue.hierarchy import GRUs
from recloop.models.dialogue.reinforce import Reinforce
from recloop.models.dialogue.spaces import Space


class PMMIR(DialogueModel):
    """The paper's model and, by keywords, its baselines and ablations.

    `feedback=False` is GRU_hist, `history=False` is GRU_img+txt, `hierarchical=False` is GRU_all; with the tracker
    `Transformers` the same for Transformers (Transformer_img+txt after the joint stage is MMT).

    Args:
        features: width of the encoder's vectors, and of the space.
        tracker: makes both encoders, see `GRUs` and `Transformers`.
        policy: makes the loss of the joint stage, see `Reinforce`.
        dim: width of hidden states.
        history: whether the history is used. Without it list 0 is random.
        feedback: whether the turns are used. Without them the query stays where the history put it.
        hierarchical: two encoders; with False one for history and turns.
        start: h^c_0 is h^p_n (`history`) or a vector drawn once and kept (`random`; the paper says "randomly").
        padded: read the zeros behind shorter histories as items, as the authors' code does; as many as the longest of
            its part needs (there: of its batch).
        linear: a linear layer per modality before the unit vectors, learned in pretraining only (S4.3).
        same_head: one linear layer for s_0 and for s_t; the text does not say, two is how it reads. A single encoder
            (`hierarchical=False`) has one in any case.
        tanh_always: tanh also before s_t of the GRU, where Eq. 4's text has none but s_0 and the Transformer have.
        normalised_state: unit queries, so that Euclidean rank and dot product agree (ours; not printed).
        margin, stop_at_target: see `DialogueModel`.
    """

    frozen: ClassVar = {"joint": ("space",)}  # S4.3: Linear^img and Linear^txt rest in this stage

    def __init__(
        self,
        features: int,
        tracker: Callable[..., nn.Module] = GRUs,
        policy: Callable[[], Reinforce] = Reinforce,
        dim: int = 512,  # S4.1
        history: bool = True,
        feedback: bool = True,
        hierarchical: bool = True,
        start: str = "history",
        padded: bool = False,
        linear: bool = False,
        same_head: bool = False,
        tanh_always: bool = False,
        normalised_state: bool = False,
        margin: float = 0.1,  # released code
        stop_at_target: bool = False,
    ):
        check(start, history, feedback, hierarchical)
        super().__init__(
            Space(features, features, "linear" if linear else "unit"), margin, stop_at_target
        )
        self.personal, self.feedback, self.padded = history, feedback, padded
        self.normalised_state = normalised_state
        self.encoders = tracker(
            inputs=self.space.dim,
            dim=dim,
            history=history,
            feedback=feedback,
            hierarchical=hierarchical,
        )
        self.tanh = self.encoders.tanh or tanh_always
        shared = same_head or not hierarchical
        shape = {"in_features": dim, "out_features": features, "bias": self.encoders.biases}
        self.head = nn.Linear(**shape) if feedback or shared else None
        self.past_head = nn.Linear(**shape) if history and not shared else None
        self.register_buffer("noise", torch.randn(dim) if start == "random" else None)
        self.policy = policy()

    def begin(
        self, history: Float[Tensor, "batch past features"], length: Int[Tensor, " batch"]
    ) -> State:
        """Estimate the past interests: s_0 = Linear(tanh(h^p_n)) and h^c_0 = h^p_n."""
        if not self.personal:
            history, length = history[:, :0], torch.zeros_like(length)
        if self.padded:
            length = torch.full_like(length, history.shape[1])
        items = self.space.image(history)
        hidden = self.encoders.past(items, length)
        past = hidden.tanh() if self.encoders.start_tanh else hidden
        query = self.query((self.past_head or self.head)(past))
        if self.noise is not None:
            hidden = self.noise.expand(len(hidden), -1)
        return State(query, self.encoders.start(hidden, items, length))

    def observe(self, state: State, feedback: Feedback) -> State:
        """Track the current needs: s_t = Linear(h^c_t), with a tanh for the Transformer."""
        if not self.feedback:
            return state
        liked, text = self.space.image(feedback.liked), self.space.text(feedback.text)
        hidden, memory = self.encoders.step(state.memory, liked, text)
        return State(self.query(self.head(hidden.tanh() if self.tanh else hidden)), memory)

    def joint_loss(self, dialogue: Dialogue) -> Float[Tensor, ""]:
        """REINFORCE over both encoders (Eq. 8); the loss of later turns reaches the history encoder through h^c_0."""
        return self.policy.loss(dialogue, dialogue.learning(self.stop_at_target))

    def query(self, state: Float[Tensor, "batch features"]) -> Float[Tensor, "batch features"]:
        """Leave the state as it is, or make it a unit vector."""
        return normalize(state, dim=-1) if self.normalised_state else state


def check(start: str, history: bool, feedback: bool, hierarchical: bool) -> None:
    """Refuse words and combinations that mean nothing."""
    if start not in ("history", "random"):
        raise ValueError(f"start={start!r}: take history or random")
    if not history and not feedback:
        raise ValueError("history=False and feedback=False leave nothing to recommend by")
    if start == "random" and not (history and feedback and hierarchical):
        raise ValueError(
            "start='random' replaces h^p_n: it needs history, feedback and two encoders"
        )

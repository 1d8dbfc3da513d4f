"""HDT: InterDT gives a goal to IntraDT, a decision transformer over the steps of the current session.

Wang et al. Multi-objective Recommendations with Hierarchical Decision Transformers for Diversity, Novelty, and
Serendipity. CIKM 2024 (here chapter 5 of the thesis, Sec 5.3.4 and 5.3.5).
"""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import pad

from recloop.data.popularity import novel_items
from recloop.models.catalogue import Catalogue
from recloop.models.decision.returns import observed_diversity, to_go
from recloop.models.hierarchy.inter import InterDT, Reading, projection
from recloop.models.hierarchy.intra import IntraDT

RETURNS = {"uxp": "goal", "nov": "novelty"}  # the tokens of Table 5.5


class HDT(InterDT):
    """The tokens of a step are [R~_c, R^n_t, s_t, a_t]; the return is read at the first, the action at the state.

    Args:
        item_counts: events per item in training; the less popular 90% are novel.
        layers: depth of IntraDT.
        heads, dropout: of IntraDT and T_1.
        return_loss: alpha, weight of predicting R_{c,t} (Eq. 5.19); with 0 there is none.
        action_loss: beta, weight of predicting the action (Eq. 5.20); with 0 there is none and the scores of IntraDT,
            never trained, are left out.
        intra: returns inside a session, `uxp+nov`, or one of them (Table 5.5): without `uxp` there is no goal return in
            IntraDT and none is predicted, without `nov` no novelty return.
        novel_steps: `actions`: R^n_t counts novel items among x_{t+1} … x_T; `items`: among x_t … x_T.
        wanted_novelty: what the item to predict adds to R^n_t at inference; 1 treats it as novel (Sec 5.3.4).
        action_score: weight of IntraDT's scores beside those of the session state.
        sum_of: what is added at inference, `logits` or `probabilities`.
        Others: as `InterDT`. With `returns=none` no return goes into either transformer and none is predicted.
    """

    named = ("across", "novelty", "unexpected")  # R_c, R^n_t, and R_{c,t}, which is predicted

    def __init__(
        self,
        backbone: Callable[[], nn.Module],
        items: int,
        item_vectors: Float[Tensor, "item vector"],
        item_counts: Int[Tensor, " item"],
        dim: int = 64,
        layers: int = 1,
        heads: int = 1,
        dropout: float = 0.1,
        return_loss: float = 0.5,
        action_loss: float = 0.2,
        intra: str = "uxp+nov",
        novel_steps: str = "actions",
        wanted_novelty: float = 1.0,
        action_score: float = 1.0,
        sum_of: str = "logits",
        **inter,
    ):
        super().__init__(backbone, items, item_vectors, dim, heads, dropout, **inter)
        check(intra, novel_steps, sum_of)
        given = {RETURNS[name] for name in intra.split("+") if self.control.given}
        order = ("goal", "novelty", "state", "action")  # Eq. 5.9
        tokens = [name for name in order if name in given or name in order[2:]]
        self.return_loss = return_loss if "goal" in given else 0.0
        self.action_loss, self.action_score = action_loss, action_score
        self.novel_steps, self.wanted_novelty, self.sum_of = novel_steps, wanted_novelty, sum_of
        self.embed_novelty = nn.Linear(1, dim) if "novelty" in given else None
        self.embed_step = projection(self.backbone.dim, dim)
        self.embed_action = projection(self.backbone.width, dim)
        self.intra = IntraDT(tokens, dim, self.backbone.length, layers, heads, dropout)
        self.predict = nn.Linear(dim, 1) if self.return_loss else None  # Eq. 5.13
        self.act = Catalogue(dim, items) if action_loss else None  # Eq. 5.14, without activation
        novel = torch.from_numpy(novel_items(item_counts.numpy()))
        self.register_buffer("novel", pad(novel, (0, 1)).float())  # padding is not novel

    def answer(self, reading: Reading) -> Float[Tensor, "batch item"]:
        """Add the scores of the session state and those of IntraDT (Sec 5.3.5)."""
        ranked = super().answer(reading)
        if not self.act or not self.action_score:
            return ranked
        real = reading.items != self.padding
        desired = self.control.asked({"novelty": self.desired_novelty(reading.items)})
        actions = pad(reading.embedded[:, 1:], (0, 0, 0, 1))  # a_p comes after what is read
        parts = (reading, real, reading.states, actions, desired["novelty"])
        outputs = self.outputs(*parts, ["state"])["state"]
        acted = self.act(outputs[real.sum(1).cumsum(0) - 1])  # at the last step of each session
        if self.sum_of == "probabilities":
            ranked, acted = ranked.softmax(-1), acted.softmax(-1)
        return ranked + self.action_score * acted

    def objective(self, reading: Reading) -> Float[Tensor, ""]:
        """L_S + lambda L_g + alpha L_R + beta L_a (Eq. 5.21)."""
        loss = super().objective(reading)
        heads = {"goal": self.predict, "state": self.act}
        read = [name for name, head in heads.items() if head]
        following = reading.items[:, 1:]
        real = following != self.padding
        if not read or not real.any():
            return loss
        logged = self.control.logged(self.logged(reading), real)
        states, actions = reading.states[:, :-1], reading.embedded[:, 1:]
        outputs = self.outputs(reading, real, states, actions, logged["novelty"], read)
        if self.predict:
            error = self.predict(outputs["goal"]).squeeze(-1) - logged["unexpected"][real]
            loss = loss + self.return_loss * error.square().mean()
        if self.act:
            loss = loss + self.action_loss * self.act.loss(outputs["state"], following[real])
        return loss

    def outputs(self, reading, real, states, actions, novelty, read) -> dict[str, Tensor]:
        """Embed the tokens of the real steps (Eq. 5.9) and run IntraDT over them (Eqs. 5.10 to 5.12)."""
        parts = {"state": self.embed_step(states[real]), "action": self.embed_action(actions[real])}
        if "goal" in self.intra.tokens:
            parts["goal"] = reading.goal_return.repeat_interleave(real.sum(1), 0)
        if self.embed_novelty:
            parts["novelty"] = self.embed_novelty(novelty[real][:, None])
        return self.intra(parts, real, read)

    def logged(self, reading: Reading) -> dict[str, Float[Tensor, "batch step"]]:
        """Return the returns of the log inside a session."""
        return {
            "novelty": self.logged_novelty(reading.items),
            "unexpected": self.logged_unexpected(reading),
        }

    def logged_novelty(self, items: Int[Tensor, "batch time"]) -> Float[Tensor, "batch step"]:
        """Count what is novel from each step of the log on, R^n_{c,t} (Eq. 5.7)."""
        left = to_go(self.novel[items])
        return left[:, 1:] if self.novel_steps == "actions" else left[:, :-1]

    def logged_unexpected(self, reading: Reading) -> Float[Tensor, "batch step"]:
        """R_{c,t} = dis(x_1 … x_T) - dis(x_1 … x_t) (Eq. 5.8), where one item has dis = 0."""
        real = reading.items[:, 1:] != self.padding
        return observed_diversity(real, self.vectors[reading.items])

    def desired_novelty(self, prefix: Int[Tensor, "batch time"]) -> Float[Tensor, "batch time"]:
        """Count what was novel from each step of a prefix on, and the item to predict as well."""
        left = to_go(self.novel[prefix])
        left = pad(left[:, 1:], (0, 1)) if self.novel_steps == "actions" else left
        return left + self.wanted_novelty


def check(intra: str, novel_steps: str, sum_of: str) -> None:
    """Stop at words that are not allowed."""
    if not set(intra.split("+")) <= set(RETURNS):
        raise ValueError(f"intra={intra!r}: take uxp+nov, uxp or nov")
    if novel_steps not in ("actions", "items"):
        raise ValueError(f"novel_steps={novel_steps!r}: take actions or items")
    if sum_of not in ("logits", "probabilities"):
        raise ValueError(f"sum_of={sum_of!r}: take logits or probabilities")

"""Past interests and current needs: two encoders in a row, or one for both.

Wu et al. Personalised Multi-modal Interactive Recommendation with Hierarchical State Representations. TORS 2024, S3.2.

Both classes answer the same three questions: `past` (h^p_n from the history), `start` (what the tracker remembers at
h^c_0) and `step` (h^c_t after a turn). They also say whether a tanh comes before s_0 (`start_tanh`) and before s_t
(`tanh`, Eq. 5), and whether the linear maps to both have a bias.
"""

from typing import ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from recloop.models.dialogue.tracker import TransformerTracker, turn_token


class GRUs(nn.Module):
    """GRU^past and GRU^current.

    Args:
        inputs: width of an item and of a critique.
        dim: width of both hidden states.
        history: whether there is a history to encode.
        feedback: whether there are turns to track.
        hierarchical: two GRUs; with False one GRU reads history and turns alike, items of the history beside a critique
            of zeros (ours: the paper only says "a single GRU").
        biases: of the GRUs and of all linear maps; none in the authors' code.
        start_tanh: a tanh before s_0, as printed; none in the authors' code.
    """

    tanh: ClassVar = False

    def __init__(
        self,
        inputs: int,
        dim: int,
        history: bool,
        feedback: bool,
        hierarchical: bool,
        biases: bool = True,
        start_tanh: bool = True,
    ):
        super().__init__()
        self.dim, self.biases, self.start_tanh = dim, biases, start_tanh
        two, tracks = history and hierarchical, feedback or not hierarchical
        shape = {"hidden_size": dim, "bias": biases, "batch_first": True}
        self.history = nn.GRU(inputs, **shape) if two else None  # Eq. 1
        self.enter = nn.Linear(2 * inputs, dim, bias=biases) if tracks else None  # Eq. 3
        self.current = nn.GRU(dim, **shape) if tracks else None  # Eq. 4

    def past(
        self, items: Float[Tensor, "batch past inputs"], length: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch dim"]:
        """Return h^p_n (Eq. 1); zeros, which is h^p_0, without a history."""
        if items.shape[1] == 0:
            return items.new_zeros(len(items), self.dim)
        if self.history:
            states = self.history(items)[0]
        else:
            states = self.current(self.enter(torch.cat([items, torch.zeros_like(items)], -1)))[0]
        last = (length - 1).clamp(min=0)[:, None, None].expand(-1, 1, self.dim)
        return states.gather(1, last).squeeze(1) * (length > 0)[:, None]

    def start(self, hidden: Float[Tensor, "batch dim"], items, length) -> dict[str, Tensor]:
        """Initialise h^c_0."""
        return {"hidden": hidden}

    def step(
        self,
        memory: dict[str, Tensor],
        liked: Float[Tensor, "batch inputs"],
        text: Float[Tensor, "batch inputs"],
    ) -> tuple[Float[Tensor, "batch dim"], dict[str, Tensor]]:
        """Return h^c_t (Eqs. 3 and 4)."""
        given = self.enter(torch.cat([liked, text], dim=-1))
        hidden = self.current(given[:, None], memory["hidden"][None].contiguous())[1].squeeze(0)
        return hidden, {"hidden": hidden}


class Transformers(nn.Module):
    """Transformer^past and Transformer^current.

    Args:
        inputs, dim, history, feedback, hierarchical: as `GRUs`; the single Transformer keeps the items of the history
            as its first tokens.
        tokens: `printed`: h^c_0 as it left the history encoder (that it enters unscaled is ours), then liked item and
            critique of every turn. `released`, as in the authors' code: h^c_0 scaled like all tokens, then a learned
            token, critique and liked item of every turn; a single Transformer reads that token before the history too.
        size: `layers`, `heads` and so on of both, see `TransformerTracker`. The paper gives none; GOMMIR's are taken.
    """

    tanh: ClassVar = True
    start_tanh: ClassVar = True
    biases: ClassVar = True

    def __init__(
        self,
        inputs: int,
        dim: int,
        history: bool,
        feedback: bool,
        hierarchical: bool,
        tokens: str = "printed",
        **size,
    ):
        super().__init__()
        two, tracks = history and hierarchical, feedback or not hierarchical
        self.history = TransformerTracker(inputs, dim, **size) if two else None  # Eq. 2
        self.current = TransformerTracker(inputs, dim, **size) if tracks else None  # Eq. 5
        self.turn = turn_token(inputs, tokens)

    def past(
        self, items: Float[Tensor, "batch past inputs"], length: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch dim"]:
        """Return h^p_n (Eq. 2), the mean over real items; zeros without a history."""
        if self.history:
            return self.history(items, real(items, length))
        return self.current(*self.opening(items, length))

    def start(
        self,
        hidden: Float[Tensor, "batch dim"],
        items: Float[Tensor, "batch past inputs"],
        length: Int[Tensor, " batch"],
    ) -> dict[str, Tensor]:
        """Remember h^c_0 as the first token, or the history itself."""
        if self.history:
            lead = hidden if self.turn is None or not self.current else hidden * self.current.scale
            items = items[:, :0]
            return {"lead": lead, "tokens": items, "real": real(items, length)}
        tokens, known = self.opening(items, length)
        return {"tokens": tokens, "real": known}

    def opening(
        self, items: Float[Tensor, "batch past inputs"], length: Int[Tensor, " batch"]
    ) -> tuple[Float[Tensor, "batch token inputs"], Bool[Tensor, "batch token"]]:
        """Return the first tokens of a single Transformer: the history, if there is one."""
        known = real(items, length)
        if self.turn is None or not items.shape[1]:
            return items, known
        first, there = self.turn.expand(len(items), 1, -1), known.new_ones(len(known), 1)
        return torch.cat([first, items], dim=1), torch.cat([there, known], dim=1)

    def step(
        self,
        memory: dict[str, Tensor],
        liked: Float[Tensor, "batch inputs"],
        text: Float[Tensor, "batch inputs"],
    ) -> tuple[Float[Tensor, "batch dim"], dict[str, Tensor]]:
        """Return h^c_t (Eq. 5)."""
        turn = [liked, text] if self.turn is None else [self.turn.expand_as(text), text, liked]
        tokens = torch.cat([memory["tokens"], torch.stack(turn, dim=1)], dim=1)
        known = memory["real"].new_ones(len(liked), len(turn))
        known = torch.cat([memory["real"], known], dim=1)
        hidden = self.current(tokens, known, memory.get("lead"))
        return hidden, memory | {"tokens": tokens, "real": known}


def real(
    items: Float[Tensor, "batch past inputs"], length: Int[Tensor, " batch"]
) -> Bool[Tensor, "batch past"]:
    """Mask the padding of histories: true for items."""
    return torch.arange(items.shape[1], device=items.device) < length[:, None]

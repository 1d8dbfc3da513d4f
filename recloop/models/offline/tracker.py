"""The state of a session: slots that are updated by every shown item and the comment on it.

Zhang et al. Text-Based Interactive Recommendation via Offline Reinforcement Learning. AAAI 2022, Model Details: comment
and picture are concatenated, go through an MLP and then into a tracker that "maintains the embedding of multiple
slots". How slots are updated is not said; here each keeps a share of itself and takes a share of something new, by
gates that look at the input alone, so that all states of a session are computed at once.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn


class SlotTracker(nn.Module):
    """Slots with gates.

    Args:
        inputs: numbers that describe an item.
        words: numbers that describe a comment.
        hidden: width of the MLP.
        slots: how many; one for each attribute.
        slot_dim: width of one.
        hears: false leaves comments out, for a control.
    """

    def __init__(
        self, inputs: int, words: int, hidden: int, slots: int, slot_dim: int, hears: bool = True
    ):
        super().__init__()
        self.dim, self.hears = slots * slot_dim, hears
        self.mlp = nn.Sequential(nn.Linear(inputs + words, hidden), nn.ReLU())
        self.gates = nn.Linear(hidden, 3 * self.dim)
        nn.init.constant_(self.gates.bias[: self.dim], KEEPS)

    def start(self, batch: int, device: torch.device | str = "cpu") -> Float[Tensor, "batch dim"]:
        """Give the state before anything was shown."""
        return torch.zeros(batch, self.dim, device=device)

    def parts(
        self, seen: Float[Tensor, "*batch inputs"], heard: Float[Tensor, "*batch words"]
    ) -> tuple[Float[Tensor, "*batch dim"], Float[Tensor, "*batch dim"]]:
        """Compute which share of the slots is kept, and what is added to them."""
        heard = heard if self.hears else torch.zeros_like(heard)
        parts = self.gates(self.mlp(torch.cat([seen, heard], dim=-1)))
        kept, written, new = parts.chunk(3, dim=-1)
        return kept.sigmoid(), written.sigmoid() * new.tanh()

    def advance(
        self,
        state: Float[Tensor, "batch dim"],
        seen: Float[Tensor, "batch inputs"],
        heard: Float[Tensor, "batch words"],
    ) -> Float[Tensor, "batch dim"]:
        """Take in an item and the comment on it."""
        kept, added = self.parts(seen, heard)
        return kept * state + added

    def states(
        self,
        seen: Float[Tensor, "batch time inputs"],
        heard: Float[Tensor, "batch time words"],
        start: Float[Tensor, "batch dim"] | None = None,
        over: Bool[Tensor, "batch time"] | None = None,
        real: Bool[Tensor, "batch time"] | None = None,
    ) -> Float[Tensor, "batch later dim"]:
        """Compute the states before, between and after some turns.

        Args:
            seen, heard: of each turn.
            start: state before the first; that of a new session if None.
            over: turns after which a new session begins.
            real: turns that there are; others leave a state as it is. All of them if None.
        """
        kept, added = self.parts(seen, heard) if real is None else self.packed(seen, heard, real)
        if over is not None:
            kept, added = (one.masked_fill(over[..., None], 0.0) for one in (kept, added))
        first = self.start(len(seen), seen.device) if start is None else start
        return torch.cat([first[:, None], scan(kept, added, first)], dim=1)

    def packed(
        self,
        seen: Float[Tensor, "batch time inputs"],
        heard: Float[Tensor, "batch time words"],
        real: Bool[Tensor, "batch time"],
    ) -> tuple[Float[Tensor, "batch time dim"], Float[Tensor, "batch time dim"]]:
        """Compute the parts of the turns that there are alone."""
        kept, added = self.parts(seen[real], heard[real])
        shape = (*real.shape, self.dim)
        place = real.nonzero(as_tuple=True)
        return (
            torch.ones(shape, device=seen.device).index_put(place, kept),
            torch.zeros(shape, device=seen.device).index_put(place, added),
        )


KEEPS = 3.0  # bias of the gates at first: most of a slot is kept


def scan(
    kept: Float[Tensor, "batch time dim"],
    added: Float[Tensor, "batch time dim"],
    start: Float[Tensor, "batch dim"],
) -> Float[Tensor, "batch time dim"]:
    """Compute x_t = kept_t x_(t-1) + added_t for all t, in as many steps as the logarithm of the time has digits.

    Hillis and Steele. Data Parallel Algorithms. CACM 1986.
    """
    added = torch.cat([added[:, :1] + kept[:, :1] * start[:, None], added[:, 1:]], dim=1)
    step = 1
    while step < added.shape[1]:
        added = torch.cat(
            [added[:, :step], added[:, step:] + kept[:, step:] * added[:, :-step]], dim=1
        )
        kept = torch.cat([kept[:, :step], kept[:, step:] * kept[:, :-step]], dim=1)
        step *= 2
    return added

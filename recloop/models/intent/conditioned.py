"""A policy whose states carry something more: context, or an intent.

Chang et al. Latent User Intent Modeling for Sequential Recommenders. WWW 2023 Companion (the idea of a policy input
[s; z]; its form is ours).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import pairwise

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from recloop.data.batches import Batch
from recloop.data.moments import CONTEXT, position_feature
from recloop.models.sessions import lengths

COUPLINGS = ("concatenate", "gate")
NEAR_ZERO = 1e-2  # ours: deviation of weights that start near zero
More = Callable[[Tensor], Tensor]  # states to what they carry beside them


class Given:
    """What the states of a batch carry; every encoder of a policy looks here."""

    def __init__(self):
        self.more: More | None = None

    @contextmanager
    def holding(self, more: More) -> Iterator[None]:
        """Let states carry something for a while."""
        self.more = more
        try:
            yield
        finally:
            self.more = None


class Conditioned(nn.Module):
    """A session encoder that puts what is given beside its states, or lets it scale them.

    Args:
        backbone: makes the encoder.
        width: of what is given.
        coupling: `concatenate` makes [s; z], `gate` makes s * 2 sigmoid(W z), which begins near s.
        given: where it is looked up.
    """

    def __init__(self, backbone: Callable[[], nn.Module], width: int, coupling: str, given: Given):
        super().__init__()
        self.backbone, self.given = backbone(), given
        self.gate = nn.Linear(width, self.backbone.dim) if coupling == "gate" else None
        self.dim = self.backbone.dim + (0 if self.gate else width)
        if self.gate:
            nn.init.normal_(self.gate.weight, std=NEAR_ZERO)
            nn.init.zeros_(self.gate.bias)

    def forward(self, session: Int[Tensor, "batch time"]) -> Float[Tensor, "batch time state"]:
        """Encode the session up to each of its steps, and join what is given."""
        states = self.backbone(session)
        more = self.given.more(states)
        if self.gate:
            return states * 2 * self.gate(more).sigmoid()
        return torch.cat([states, more], dim=-1)


class Informed(nn.Module):
    """A policy over conditioned encoders. A subclass says in `more` what states carry.

    Args:
        policy: makes the policy around an encoder, with `loss(batch)` and `score(session)`.
        backbone: makes the encoder.
        items: size of the catalogue; the id `items` is padding.
        width: of what states carry.
        coupling: how, see `Conditioned`.

    Raises:
        ValueError: no such coupling.
    """

    sees = ("context",)  # what the loop hands to `score` beside the session

    def __init__(
        self,
        policy: Callable[[], nn.Module],
        backbone: Callable[[], nn.Module],
        items: int,
        width: int,
        coupling: str = "concatenate",
    ):
        super().__init__()
        if coupling not in COUPLINGS:
            raise ValueError(f"coupling={coupling!r}, but there are only {', '.join(COUPLINGS)}")
        self.padding, self.width, self.given = items, width, Given()
        self.policy = policy(backbone=partial(Conditioned, backbone, width, coupling, self.given))

    @property
    def encoder(self) -> nn.Module:
        """The encoder that ranks, without what is given."""
        return getattr(self.policy, "scored", self.policy).backbone.backbone

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        """Let the policy learn from states that carry more."""
        with self.given.holding(self.more(context_of(batch))):
            return self.policy.loss(batch)

    def score(
        self,
        session: Int[Tensor, "batch time"],
        context: Float[Tensor, "batch context"] | None = None,
    ) -> Float[Tensor, "batch item"]:
        """Score every item as the one that follows, in a context (only its position, where there is none)."""
        context = asked_in(session, context, self.padding)
        with self.given.holding(self.more(context)):
            return self.policy.score(session)

    def more(self, context: Float[Tensor, "*row context"]) -> More:
        """Give the function from states to what they carry."""
        raise NotImplementedError


class WithContext(Informed):
    """Control: the context itself beside the state, in 32 numbers.

    Args:
        policy, backbone, items, coupling: as `Informed`.
        width: of the embedded context.
    """

    def __init__(
        self, policy: Callable, backbone: Callable, items: int, width: int = 32, **settings
    ):
        super().__init__(policy, backbone, items, width, **settings)
        self.embed = nn.Linear(len(CONTEXT), width)

    def more(self, context: Float[Tensor, "*row context"]) -> More:
        """Embed the context."""
        return lambda states: self.embed(context).expand(*states.shape[:2], -1)


class DeterministicIntent(Informed):
    """Control: an intent of the same size and from the same inputs, without chance, learnt from the policy's loss.

    Args:
        policy, backbone, items, coupling: as `Informed`.
        width: of the intent.
        hidden: of the network between.
        dropout: share dropped in training.
    """

    def __init__(
        self,
        policy: Callable,
        backbone: Callable,
        items: int,
        width: int = 16,
        hidden: int = 128,
        dropout: float = 0.1,
        **settings,
    ):
        super().__init__(policy, backbone, items, width, **settings)
        inputs = self.encoder.dim + len(CONTEXT)
        self.intent = network(inputs, hidden, width, dropout)

    def more(self, context: Float[Tensor, "*row context"]) -> More:
        """Compute the intent from state and context."""
        return lambda states: self.intent(beside(states, context))

    @torch.no_grad()
    def measure(
        self,
        states: Float[Tensor, "row dim"],
        context: Float[Tensor, "row context"],
        behaviour: Float[Tensor, "row behaviour"],
    ) -> dict[str, Tensor]:
        """Give the intent of each state, for its analysis."""
        return {"intent": self.intent(beside(states, context))}


def network(
    inputs: int, hidden: int, outputs: int, dropout: float, layers: int = 2
) -> nn.Sequential:
    """Stack linear layers with LayerNorm and ReLU; the last one is linear alone."""
    widths = [inputs, *[hidden] * layers]
    between = [
        part
        for a, b in pairwise(widths)
        for part in (nn.Linear(a, b), nn.LayerNorm(b), nn.ReLU(), nn.Dropout(dropout))
    ]
    return nn.Sequential(*between, nn.Linear(hidden, outputs))


def beside(states: Float[Tensor, "*row dim"], context: Tensor) -> Float[Tensor, "*row both"]:
    """Join each state with its context, [s; c]."""
    return torch.cat([states, context.expand(*states.shape[:-1], -1)], dim=-1)


def context_of(batch: Batch) -> Float[Tensor, "batch time context"]:
    """Take the context of every action; of a bare batch only positions are known."""
    if hasattr(batch, "context"):
        return batch.context
    steps = torch.arange(1, batch.session.shape[1] + 1, device=batch.session.device)
    return only_position(batch.start[:, None] + steps)


def asked_in(
    session: Int[Tensor, "batch time"],
    context: Float[Tensor, "batch context"] | None,
    padding: int,
) -> Float[Tensor, "batch 1 context"]:
    """Take the context in which the next item of each session is asked for."""
    found = only_position(lengths(session, padding)) if context is None else context
    return found[:, None]


def only_position(position: Int[Tensor, "*row"]) -> Float[Tensor, "*row context"]:
    """Make a context that knows nothing but a position."""
    context = torch.zeros(*position.shape, len(CONTEXT), device=position.device)
    context[..., CONTEXT.index("position")] = position_feature(position.float())
    return context

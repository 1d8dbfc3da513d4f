"""A policy that is told the latent intent of its user.

Chang et al. Latent User Intent Modeling for Sequential Recommenders. WWW 2023 Companion.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from recloop.data.batches import Batch
from recloop.data.moments import BEHAVIOUR, CONTEXT
from recloop.models.intent.conditioned import Informed, More, asked_in, beside, context_of
from recloop.models.intent.latents import Progress
from recloop.models.intent.vae import IntentVAE
from recloop.models.sessions import last

READS = ("prior", "posterior", "mixture")
SERVES = ("prior_mean", "samples", "posterior")


class LatentIntent(Informed):
    """Policy and VAE side by side: L = L_policy(pi(.|s, sg[z])) + L_VAE(sg[s], c, x).

    No gradient goes from one to the other.

    Args:
        policy, backbone, items, coupling: as `Informed`.
        latent: makes the family of intents.
        kinds: how many kinds items have, as the data say.
        hidden, dropout, bag, decoder_knows: as `IntentVAE`.
        policy_reads: whose samples the policy learns with: of the `prior`, as it is served; of the `posterior`; or of
            either by a fair draw for each action (`mixture`).
        beta: weight of the KL divergence after its warm-up.
        beta_start: weight at the start.
        anneal: updates from one to the other; 0 for none.
        free_bits: nats of each part of the KL divergence, averaged over a batch, that cost the posterior nothing.
        served_by: what scores are computed with: the mean of the prior (`prior_mean`), the expected policy over
            intents of the prior (`samples`), or the mean of the posterior, which reads what the user is about to do
            (`posterior`: no model, an upper bound).
        samples: how many intents the expected policy takes, where it cannot take all.

    Raises:
        ValueError: no such `policy_reads` or `served_by`.
    """

    def __init__(
        self,
        policy: Callable[[], nn.Module],
        backbone: Callable[[], nn.Module],
        items: int,
        latent: Callable[[], nn.Module],
        kinds: int = 0,
        coupling: str = "concatenate",
        hidden: int = 128,
        dropout: float = 0.1,
        bag: str = "multinomial",
        decoder_knows: str = "all",
        policy_reads: str = "prior",
        beta: float = 1.0,
        beta_start: float = 0.1,
        anneal: int = 10000,
        free_bits: float = 0.0,
        served_by: str = "prior_mean",
        samples: int = 10,
    ):
        for name, value, known in [
            ("policy_reads", policy_reads, READS),
            ("served_by", served_by, SERVES),
        ]:
            if value not in known:
                raise ValueError(f"{name}={value!r}, but there are only {', '.join(known)}")
        super().__init__(policy, backbone, items, latent().width, coupling)
        self.kinds, self.policy_reads = kinds, policy_reads
        self.beta, self.beta_start, self.anneal = beta, beta_start, anneal
        self.free_bits, self.served_by, self.samples = free_bits, served_by, samples
        known = self.encoder.dim + len(CONTEXT)
        self.vae = IntentVAE(latent, known, kinds, hidden, dropout, bag, decoder_knows)
        self.register_buffer("updates", torch.zeros(()))

    @property
    def sees(self) -> tuple[str, ...]:
        """What `score` is handed beside the session: behaviour for the upper bound alone."""
        return ("context", "behaviour") if self.served_by == "posterior" else ("context",)

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        """Policy loss with a drawn intent, which it does not move, plus the VAE's, which does not move the encoder."""
        real = batch.following != self.padding
        with torch.no_grad():
            states = self.encoder(batch.session)[real]  # sg[s]
        known = beside(states, context_of(batch)[real])
        behaviour = self.behaviour_of(batch)[real]
        prior, posterior = self.vae.encode(known, behaviour)
        progress = (self.updates / self.anneal).clamp_max(1) if self.anneal else 1.0
        vae = self.elbo_loss(known, behaviour, prior, posterior, progress)
        if self.training:
            self.updates += 1
        intent = batch.session.new_zeros((*real.shape, self.width), dtype=states.dtype)
        intent[real] = self.drawn(prior, posterior).detach()  # sg[z]
        with self.given.holding(lambda _: intent):
            return self.policy.loss(batch) + vae

    def elbo_loss(
        self,
        known: Tensor,
        behaviour: Tensor,
        prior: Tensor,
        posterior: Tensor,
        progress: Progress,
    ) -> Float[Tensor, ""]:
        """Compute the negative ELBO, its KL part times beta.

        A part below its free bits costs the posterior nothing; the prior follows it all the same.
        """
        told, parts = self.vae.terms(known, behaviour, prior, posterior, progress)
        beta, parts = self.beta_start + (self.beta - self.beta_start) * progress, parts.mean(0)
        if self.free_bits:
            followed = self.vae.latent.kl(posterior.detach(), prior).mean(0)
            parts = torch.where(parts < self.free_bits, followed, parts)
        return beta * parts.sum() - told.mean()

    def drawn(
        self, prior: Float[Tensor, "row numbers"], posterior: Float[Tensor, "row numbers"]
    ) -> Float[Tensor, "row width"]:
        """Draw the intents that the policy learns with."""
        latent = self.vae.latent
        if self.policy_reads == "prior":
            return latent.hard(prior)
        if self.policy_reads == "posterior":
            return latent.hard(posterior)
        coin = torch.rand(len(prior), 1, device=prior.device) < 0.5
        return torch.where(coin, latent.hard(prior), latent.hard(posterior))

    def score(
        self,
        session: Int[Tensor, "batch time"],
        context: Float[Tensor, "batch context"] | None = None,
        behaviour: Float[Tensor, "batch behaviour"] | None = None,
    ) -> Float[Tensor, "batch item"]:
        """Score every item as the one that follows; behaviour is read where it is asked for alone."""
        states = last(self.encoder(session), session, self.padding)
        known = beside(states, asked_in(session, context, self.padding)[:, 0])
        if self.served_by == "samples":
            draws = self.vae.latent.each(self.vae.prior(known), self.samples)
            return sum(
                weight[:, None] * self.scored(session, intent).softmax(1)
                for weight, intent in draws
            )
        if self.served_by == "posterior":
            did = self.nothing(len(known), known) if behaviour is None else behaviour
            intent = self.vae.latent.mean(self.vae.posterior(torch.cat([known, did], -1)))
        else:
            intent = self.vae.latent.mean(self.vae.prior(known))
        return self.scored(session, intent)

    def scored(
        self, session: Int[Tensor, "batch time"], intent: Float[Tensor, "batch width"]
    ) -> Float[Tensor, "batch item"]:
        """Let the policy score with given intents."""
        with self.given.holding(constant(intent)):
            return self.policy.score(session)

    @torch.no_grad()
    def measure(
        self,
        states: Float[Tensor, "row dim"],
        context: Float[Tensor, "row context"],
        behaviour: Float[Tensor, "row behaviour"],
    ) -> dict[str, Tensor]:
        """Give means of prior and posterior and the terms of the ELBO (beta = 1), for the analysis of intents."""
        known = beside(states, context)
        prior, posterior = self.vae.encode(known, behaviour)
        told, parts = self.vae.terms(known, behaviour, prior, posterior)
        kl, mean = parts.sum(-1), self.vae.latent.mean
        return {"intent": mean(prior), "posterior": mean(posterior), "elbo": told - kl, "kl": kl}

    def behaviour_of(self, batch: Batch) -> Float[Tensor, "batch time behaviour"]:
        """Take the behaviour behind every action; zeros for a bare batch."""
        if hasattr(batch, "behaviour"):
            return batch.behaviour
        return self.nothing(tuple(batch.session.shape), self.updates)

    def nothing(self, rows: int | tuple[int, ...], like: Tensor) -> Tensor:
        """Make behaviour of which nothing is known."""
        shape = (rows,) if isinstance(rows, int) else rows
        return like.new_zeros((*shape, len(BEHAVIOUR) + self.kinds))


def constant(intent: Float[Tensor, "batch width"]) -> More:
    """Let all states of a session carry its intent."""
    return lambda states: intent[:, None].expand(-1, states.shape[1], -1)

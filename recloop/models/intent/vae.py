"""A conditional VAE of what a user is about to do: prior p(z|s,c), posterior q(z|x,s,c), decoder p(x|z,s,c).

Chang et al. Latent User Intent Modeling for Sequential Recommenders. WWW 2023 Companion; Sohn et al. Learning
Structured Output Representation using Deep Conditional Generative Models. NeurIPS 2015. Widths and targets are ours.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, log_softmax

from recloop.data.moments import BEHAVIOUR
from recloop.models.intent.conditioned import NEAR_ZERO, network
from recloop.models.intent.latents import Progress

BAGS = ("multinomial", "bernoulli")
KNOWS = ("all", "intent")
KINDS_OF_EVENT, FLAGS = 2, len(BEHAVIOUR) - 2  # a click or a purchase; repeated, alike


class IntentVAE(nn.Module):
    """Prior, posterior and decoder; x is the behaviour, `known` is [s; c].

    Args:
        latent: makes the family of intents.
        known: width of [s; c].
        kinds: how many kinds items have.
        hidden: of all three networks.
        dropout: share dropped in training.
        bag: how the kinds of the next items are told: `multinomial`, or `bernoulli` for whether each occurs.

        decoder_knows: `all`, [z; s; c]; or the `intent` alone, which then has to tell all of x.

    Raises:
        ValueError: no such bag, or no such knowledge.
    """

    def __init__(
        self,
        latent: Callable[[], nn.Module],
        known: int,
        kinds: int,
        hidden: int = 128,
        dropout: float = 0.1,
        bag: str = "multinomial",
        decoder_knows: str = "all",
    ):
        super().__init__()
        if bag not in BAGS:
            raise ValueError(f"bag={bag!r}, but there are only {', '.join(BAGS)}")
        if decoder_knows not in KNOWS:
            raise ValueError(
                f"decoder_knows={decoder_knows!r}, but there are only {', '.join(KNOWS)}"
            )
        self.latent, self.bag, self.knows_all = latent(), bag, decoder_knows == "all"
        behaviour = KINDS_OF_EVENT + FLAGS + kinds
        self.prior = near_zero(network(known, hidden, self.latent.numbers, dropout))
        self.posterior = near_zero(network(known + behaviour, hidden, self.latent.numbers, dropout))
        inputs = self.latent.width + (known if self.knows_all else 0)
        self.decoder = network(inputs, hidden, behaviour, dropout, layers=1)

    def encode(
        self, known: Float[Tensor, "row known"], behaviour: Float[Tensor, "row behaviour"]
    ) -> tuple[Float[Tensor, "row numbers"], Float[Tensor, "row numbers"]]:
        """Return the parameters of prior and posterior."""
        return self.prior(known), self.posterior(torch.cat([known, behaviour], -1))

    def terms(
        self,
        known: Float[Tensor, "row known"],
        behaviour: Float[Tensor, "row behaviour"],
        prior: Float[Tensor, "row numbers"],
        posterior: Float[Tensor, "row numbers"],
        progress: Progress = 1.0,
    ) -> tuple[Float[Tensor, " row"], Float[Tensor, "row part"]]:
        """Compute E_q log p(x|z,s,c) and the parts of KL(q || p), the two terms of the ELBO."""

        def score(intent: Tensor) -> Tensor:
            place = (slice(None), *[None] * (intent.dim() - 2))  # several intents in each row
            seen = known[place].expand(*intent.shape[:-1], -1)
            told = self.decoder(torch.cat([intent, seen], -1) if self.knows_all else intent)
            return self.likelihood(told, behaviour[place].expand_as(told))

        return self.latent.expect(posterior, score, progress), self.latent.kl(posterior, prior)

    def likelihood(
        self, told: Float[Tensor, "*row behaviour"], behaviour: Float[Tensor, "*row behaviour"]
    ) -> Float[Tensor, "*row"]:
        """Log-likelihood of what the user did; the multinomial without its coefficient, which no weight changes."""
        sizes = [KINDS_OF_EVENT, FLAGS, told.shape[-1] - KINDS_OF_EVENT - FLAGS]
        (event, flags, bag), (did, marks, kinds) = told.split(sizes, -1), behaviour.split(sizes, -1)
        found = (did * log_softmax(event, -1)).sum(-1) - bernoulli(flags, marks)
        if self.bag == "bernoulli":
            return found - bernoulli(bag, kinds.clamp_max(1))
        return found + (kinds * log_softmax(bag, -1)).sum(-1) if sizes[2] else found


def bernoulli(
    logits: Float[Tensor, "*row mark"], marks: Float[Tensor, "*row mark"]
) -> Float[Tensor, "*row"]:
    """Sum the negative log-likelihoods of yes and no."""
    return binary_cross_entropy_with_logits(logits, marks, reduction="none").sum(-1)


def near_zero(layers: nn.Sequential) -> nn.Sequential:
    """Start the last layer near zero, so that prior and posterior begin near N(0, 1), or near all kinds alike."""
    nn.init.normal_(layers[-1].weight, std=NEAR_ZERO)
    nn.init.zeros_(layers[-1].bias)
    return layers

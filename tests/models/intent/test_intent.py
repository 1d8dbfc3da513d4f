"""Latent intents: their closed forms, their start, and the wall between a policy and its VAE."""

import itertools

import pytest
import torch
from torch.distributions import Normal, kl_divergence

ITEMS, LENGTH, KINDS = 20, 6, 3


@pytest.fixture(scope="module")
def facts_with_kinds(facts):
    return facts | {"kinds": KINDS}


@pytest.fixture
def made(plan, facts_with_kinds):
    """Give a function that makes a model of the study, with changes to its keywords."""
    from recloop.training.sequences import maker

    it = plan(studies=["intent"])

    def make(name: str, seed: int = 1):
        settings = it.settings("intent", "views", name)
        torch.manual_seed(seed)
        return maker(settings, facts_with_kinds)()

    return make


@pytest.fixture
def batch(ring):
    """Windows of ring world with contexts and behaviour drawn at random."""
    from dataclasses import fields

    from recloop.data.batches import Batch, cut
    from recloop.data.moments import BEHAVIOUR, CONTEXT, Observed

    bare = cut(ring, LENGTH, ITEMS)
    generator = torch.Generator().manual_seed(5)
    shape = bare.session.shape
    context = torch.rand(*shape, len(CONTEXT), generator=generator)
    did = torch.randint(0, 2, (*shape, len(BEHAVIOUR) + KINDS), generator=generator).float()
    did[..., 1] = 1 - did[..., 0]  # a click or a purchase
    return Observed(*(getattr(bare, one.name) for one in fields(Batch)), context, did)


# -- the wall between policy and VAE -----------------------------------------------------------------------------------


@pytest.mark.parametrize("reads", ["prior", "posterior", "mixture"])
@pytest.mark.parametrize("host", ["sasrec_intent", "sasrec_snqn_intent", "sasrec_kinds"])
def test_the_policy_s_loss_moves_no_weight_of_the_vae(made, batch, host, reads, monkeypatch):
    model = made(f"{host},policy_reads={reads}")
    monkeypatch.setattr(model, "elbo_loss", lambda *given: torch.zeros(()))
    model.loss(batch).backward()
    moved = [one.grad for one in model.vae.parameters() if one.grad is not None]
    assert not moved or all(not grad.any() for grad in moved)
    assert any(one.grad is not None and one.grad.any() for one in model.policy.parameters())


@pytest.mark.parametrize("host", ["sasrec_intent", "sasrec_snqn_intent", "sasrec_kinds"])
def test_the_vae_s_loss_moves_no_weight_of_the_policy(made, batch, host, monkeypatch):
    model = made(host)
    monkeypatch.setattr(model.policy, "loss", lambda batch: torch.zeros(()))
    model.loss(batch).backward()
    assert all(one.grad is None for one in model.policy.parameters())
    assert any(one.grad is not None and one.grad.any() for one in model.vae.parameters())


@pytest.mark.parametrize("host", ["sasrec_intent", "sasrec_kinds"])
@pytest.mark.parametrize("way", ["prior_mean", "samples"])
def test_what_the_user_will_do_is_never_read_when_serving(made, batch, host, way):
    model = made(f"{host},served_by={way}").eval()
    session, context, did = batch.session, batch.context[:, 0], batch.behaviour[:, 0]
    other = did[torch.randperm(len(did), generator=torch.Generator().manual_seed(1))]
    assert "behaviour" not in model.sees
    with torch.no_grad():
        assert torch.equal(model.score(session, context, did), model.score(session, context, other))


def test_the_upper_bound_reads_it(made, batch):
    model = made("sasrec_intent,served_by=posterior").eval()
    torch.nn.init.normal_(model.vae.posterior[-1].weight)
    torch.nn.init.normal_(model.policy.backbone.gate.weight)
    session, context, did = batch.session, batch.context[:, 0], batch.behaviour[:, 0]
    assert model.sees == ("context", "behaviour")
    with torch.no_grad():
        assert not torch.equal(
            model.score(session, context, did), model.score(session, context, 1 - did)
        )


@pytest.mark.parametrize("name", ["sasrec_context", "sasrec_fixed", "sasrec_intent"])
@pytest.mark.parametrize("coupling", ["gate", "concatenate"])
def test_context_reaches_the_scores_of_every_row_that_has_it(made, batch, name, coupling):
    model = made(f"{name},coupling={coupling}").eval()
    if name == "sasrec_intent":
        torch.nn.init.normal_(model.vae.prior[-1].weight)
    with torch.no_grad():
        one, other = (model.score(batch.session, batch.context[:, at]) for at in (0, 1))
    assert not torch.equal(one, other)


def test_an_action_is_told_its_own_intent(made, batch):
    """What is trained at step t is what is served after t items in the same context."""
    model = made("sasrec_context").eval()
    with torch.no_grad():
        with model.given.holding(model.more(batch.context)):
            states = model.policy.backbone(batch.session)
        full = batch.following[:, 2] != ITEMS
        wanted = model.policy.rank(states[:, 2])[full]
        served = model.score(batch.session[:, :3], batch.context[:, 2])[full]
    torch.testing.assert_close(served, wanted)


# -- closed forms ------------------------------------------------------------------------------------------------------


def gaussians(rows: int = 5, size: int = 4):
    from recloop.models.intent.latents import Gaussian

    generator = torch.Generator().manual_seed(2)
    return Gaussian(size), *(torch.randn(rows, 2 * size, generator=generator) for _ in range(2))


def test_the_closed_form_of_the_divergence_is_that_of_torch(made):
    latent, q, p = gaussians()
    (mean_q, log_q), (mean_p, log_p) = latent.spread(q), latent.spread(p)
    one, other = (Normal(m, (0.5 * v).exp()) for m, v in ((mean_q, log_q), (mean_p, log_p)))
    torch.testing.assert_close(latent.kl(q, p), kl_divergence(one, other))


def test_the_closed_form_of_the_divergence_is_what_draws_say():
    torch.manual_seed(3)
    latent, q, p = gaussians(rows=3)
    (mean_q, log_q), (mean_p, log_p) = latent.spread(q), latent.spread(p)
    one, other = (Normal(m, (0.5 * v).exp()) for m, v in ((mean_q, log_q), (mean_p, log_p)))
    drawn = latent.sample(q.expand(200_000, -1, -1))
    estimate = (one.log_prob(drawn) - other.log_prob(drawn)).sum(-1).mean(0)
    torch.testing.assert_close(estimate, latent.kl(q, p).sum(-1), rtol=0.01, atol=0)


def test_log_variances_are_clipped_softly():
    latent, *_ = gaussians()
    raw = torch.linspace(-1e4, 1e4, 201)[:, None].expand(-1, 8)
    _, found = latent.spread(raw)
    assert found.abs().max() <= latent.clip
    assert (found.diff(dim=0) >= 0).all()
    small = torch.full((1, 8), 0.01)
    torch.testing.assert_close(latent.spread(small)[1], small[:, :4], rtol=1e-4, atol=0)


@pytest.mark.parametrize("host", ["sasrec_intent", "sasrec_kinds"])
def test_prior_and_posterior_start_alike_and_near_the_plain_ones(made, batch, host):
    from recloop.models.intent.conditioned import beside

    model = made(host).eval()
    with torch.no_grad():
        known = beside(model.encoder(batch.session), batch.context).flatten(0, 1)
        prior, posterior = model.vae.encode(known, batch.behaviour.flatten(0, 1))
    assert model.vae.latent.kl(posterior, prior).sum(-1).max() < 0.1
    assert prior.abs().max() < 0.5


def test_the_gate_starts_near_one(made, batch):
    model = made("sasrec_intent").eval()
    with torch.no_grad():
        states = model.encoder(batch.session)
        with model.given.holding(lambda states: torch.ones(*states.shape[:2], model.width)):
            gated = model.policy.backbone(batch.session)
    torch.testing.assert_close(gated, states, rtol=0.1, atol=1e-3)


def categorical(exact: bool, bag: str, knows: str, rows: int = 4):
    """A VAE over four kinds with weights far from zero, and rows to tell."""
    from functools import partial

    from recloop.models.intent.latents import Categorical
    from recloop.models.intent.vae import IntentVAE

    torch.manual_seed(4)
    vae = IntentVAE(partial(Categorical, 4, exact), 5, KINDS, 8, 0.0, bag, knows).eval()
    for layers in (vae.prior, vae.posterior):
        torch.nn.init.normal_(layers[-1].weight)
    known, did = torch.randn(rows, 5), torch.randint(0, 3, (rows, 4 + KINDS)).float()
    did[:, :4] = torch.tensor([1.0, 0.0, 1.0, 0.0])
    return vae, known, did


@pytest.mark.parametrize("knows", ["all", "intent"])
@pytest.mark.parametrize("bag", ["multinomial", "bernoulli"])
def test_the_categorical_elbo_is_that_of_all_kinds_one_by_one(bag, knows):
    vae, known, did = categorical(True, bag, knows)
    with torch.no_grad():
        prior, posterior = vae.encode(known, did)
        told, parts = vae.terms(known, did, prior, posterior)
        wanted = torch.zeros(len(known))
        for row, kind in itertools.product(range(len(known)), range(4)):
            q, p = (logits[row].softmax(0)[kind] for logits in (posterior, prior))
            intent = torch.eye(4)[kind]
            inputs = torch.cat([intent, known[row]]) if knows == "all" else intent
            logits = vae.decoder(inputs[None])[0]
            wanted[row] += q * (by_hand(logits, did[row], bag) + p.log() - q.log())
    torch.testing.assert_close(told - parts.sum(-1), wanted)


def by_hand(logits, did, bag: str):
    """Log-likelihood of what one user did, factor by factor."""
    event = logits[:2].softmax(0)[int(did[1])].log()
    flags = sum(
        (s if d else 1 - s).log() for s, d in zip(logits[2:4].sigmoid(), did[2:4], strict=True)
    )
    if bag == "multinomial":
        return (
            event
            + flags
            + sum(n * c.log() for n, c in zip(did[4:], logits[4:].softmax(0), strict=True))
        )
    return (
        event
        + flags
        + sum((s if n else 1 - s).log() for s, n in zip(logits[4:].sigmoid(), did[4:], strict=True))
    )


def test_a_relaxed_draw_is_between_kinds_and_sharpens(made):
    from recloop.models.intent.latents import Categorical

    latent, logits = Categorical(4, False, (1.0, 0.1)), torch.randn(2000, 4)
    torch.manual_seed(6)
    early, late = (latent.sample(logits, progress) for progress in (0.0, 1.0))
    torch.testing.assert_close(early.sum(-1), torch.ones(2000))
    assert early.amax(-1).mean() < late.amax(-1).mean() < 1
    assert set(latent.hard(logits).unique().tolist()) <= {0.0, 1.0}


def test_the_expected_policy_takes_all_kinds_and_the_same_noise_for_every_row():
    from recloop.models.intent.latents import Categorical, Gaussian

    logits = torch.randn(3, 4)
    found = list(Categorical(4).each(logits, 10))
    assert len(found) == 4
    torch.testing.assert_close(sum(weight for weight, _ in found), torch.ones(3))
    latent, u = Gaussian(4), torch.zeros(3, 8)
    draws = torch.stack([one for _, one in latent.each(u, 10)])
    assert len(draws) == 10
    assert torch.equal(draws, draws[:, :1].expand_as(draws))
    assert torch.equal(draws, torch.stack([one for _, one in latent.each(u, 10)]))


def test_beta_rises_and_free_bits_cost_the_posterior_nothing(made, batch):
    model = made("sasrec_intent,beta=1.0,beta_start=0.0,anneal=4,free_bits=100.0")
    told, parts = torch.zeros(2), torch.tensor([[1.0, 3.0], [1.0, 3.0]])
    model.vae.terms = lambda *given: (told, parts)
    model.vae.latent.kl = lambda q, p: parts + 0 * q.sum() + 2 * (p - p.detach()).sum()
    q, p = (torch.zeros(2, 2, requires_grad=True) for _ in range(2))
    for progress in (0.0, 0.5, 1.0):
        loss = model.elbo_loss(told, told, p, q, progress)
        assert loss.item() == pytest.approx(4.0 * progress)
    loss.backward()
    assert q.grad is None
    assert p.grad.any()
    model.loss(batch)
    assert model.updates.item() == 1


# -- refusals ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("sasrec_intent,policy_reads=future", "policy_reads='future'"),
        ("sasrec_intent,served_by=future", "served_by='future'"),
        ("sasrec_intent,coupling=glue", "coupling='glue'"),
        ("sasrec_intent,bag=paper", "bag='paper'"),
        ("sasrec_intent,decoder_knows=nothing", "decoder_knows='nothing'"),
        ("sasrec_kinds,size=33", "size=33: expected 2 to 32"),
    ],
)
def test_refuses_what_there_is_not(made, name, message):
    with pytest.raises(ValueError, match=message):
        made(name)

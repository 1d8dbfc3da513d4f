"""MODT4R and MRDT: which tokens go in, what is read where, and what is learned."""

from functools import partial

import pytest
import torch
from torch.nn.functional import cross_entropy

from recloop.data.batches import cut
from recloop.models import keywords
from recloop.models.decision.modt4r import MODT4R
from recloop.models.decision.mrdt import MRDT
from recloop.models.decision.returns import Desired

STATES = ["user", "item", "position"]


@pytest.fixture
def new(facts):
    def new(kind=MODT4R, **settings):
        torch.manual_seed(1)
        known = {name: fact for name, fact in facts.items() if name in keywords(kind)}
        model = kind(**known | {"dim": 8, "layers": 1} | settings)
        for name, weight in model.named_parameters():
            if name.partition(".")[0] in ("scale", "position", "implicit", "user", "table"):
                torch.nn.init.normal_(weight)  # large enough for a mistake to show
        return model.eval()

    return new


@pytest.fixture
def batch(sessions, facts):
    return cut(sessions([2, 5, 9, 4], [7, 3]), facts["length"], facts["items"])


def parts(model, batch):
    logged, states = model.logged(batch), model.states(batch.session)
    return logged, states, model.outputs(states, logged, batch.following)


def test_order_of_the_tokens(new):
    assert new(MODT4R).tokens == ("state", "acc", "nov", "div", "action")  # Eq. 4.1
    assert new(MRDT).tokens == ("acc", "nov", "div", "state", "action")  # S4.5.1


@pytest.mark.parametrize(
    ("objectives", "tokens"),
    [("acc", 3), ("nov", 3), ("div", 3), ("acc+nov", 4), ("div+acc", 4), ("acc+div+nov", 5)],
)
def test_absent_objectives_have_no_token_and_no_prediction(new, batch, objectives, tokens):
    model = new(objectives=objectives)
    assert parts(model, batch)[2].shape == (2, 6, tokens, 8)
    assert set(model.predict) == set(model.scale) == set(objectives.split("+"))  # Eq. 4.21


@pytest.mark.parametrize("kind", [MODT4R, MRDT])
def test_the_action_is_read_at_the_token_before_it(new, batch, kind):
    model = new(kind)
    outputs = parts(model, batch)[2]
    read = {MODT4R: model.tokens.index("div"), MRDT: model.tokens.index("state")}[kind]
    assert read == model.tokens.index("action") - 1
    assert torch.equal(model.before("action", outputs), outputs[:, :, read])


@pytest.mark.parametrize("kind", [MODT4R, MRDT])
@pytest.mark.parametrize("state", STATES)
def test_the_action_is_predicted_without_it_and_with_all_returns_before_it(new, batch, kind, state):
    model = new(kind, state=state)
    logged, states, outputs = parts(model, batch)
    following = batch.following.clone()
    following[0, 1] = 11  # a_2
    changed = model.before("action", model.outputs(states, logged, following))
    before = model.before("action", outputs)
    torch.testing.assert_close(changed[0, :2], before[0, :2])
    assert not torch.allclose(changed[0, 2], before[0, 2])
    for name in ("acc", "nov", "div"):
        asked = {**logged, name: logged[name].clone()}
        asked[name][0, 1] += 1  # of step 2
        changed = model.before("action", model.outputs(states, asked, batch.following))
        torch.testing.assert_close(changed[0, 0], before[0, 0])
        assert not torch.allclose(changed[0, 1], before[0, 1])


def test_a_return_is_predicted_without_itself(new, batch):
    model = new()
    logged, states, outputs = parts(model, batch)
    for place, name in enumerate(("acc", "nov", "div")):
        asked = {**logged, name: logged[name] + torch.tensor([0.0, 1, 0, 0, 0, 0])}
        changed = model.outputs(states, asked, batch.following)
        for other in ("acc", "nov", "div")[: place + 1]:
            torch.testing.assert_close(
                model.before(other, changed)[:, 1], model.before(other, outputs)[:, 1]
            )


@pytest.mark.parametrize("state", STATES)
def test_loss_is_the_sum_of_its_three_parts(new, batch, state):
    beta = 0.7
    model = new(state=state, return_loss=beta)
    logged, states, outputs = parts(model, batch)
    real = batch.following != 20
    targets = batch.following[real]
    expected = cross_entropy(model.act(outputs[:, :, 3][real]), targets)  # L_a, Eq. 4.16
    if state == "user":
        expected = expected + cross_entropy(model.rank(states[real]), targets)  # L_S, Eq. 4.14
    for place, name in enumerate(("acc", "nov", "div")):
        head = model.predict[name]
        error = (outputs[:, :, place] @ head.weight[0] + head.bias - logged[name])[real]
        expected = expected + beta * (error**2).sum() / real.sum()  # L_R, Eq. 4.15
    torch.testing.assert_close(model.loss(batch), expected)


def test_without_its_weight_there_is_no_return_loss(new, batch):
    model = new(return_loss=0.0)
    _, states, outputs = parts(model, batch)
    real = batch.following != 20
    expected = cross_entropy(model.act(outputs[:, :, 3][real]), batch.following[real])
    expected = expected + cross_entropy(model.rank(states[real]), batch.following[real])
    torch.testing.assert_close(model.loss(batch), expected)
    assert not model.predict
    assert not new(MRDT).predict


def test_scaled_returns_are_predicted_in_standard_deviations(new, batch):
    raw, scaled = new(return_loss=0.7), new(return_loss=0.7, return_scale="training")
    logged, states, outputs = parts(raw, batch)
    real = batch.following != 20
    expected = cross_entropy(raw.act(outputs[:, :, 3][real]), batch.following[real])
    expected = expected + cross_entropy(raw.rank(states[real]), batch.following[real])
    targets = {name: values / values[real].std(correction=0) for name, values in logged.items()}
    expected = expected + 0.7 * raw.return_error(outputs, targets, real)  # Eq. 4.15 on targets / sd
    torch.testing.assert_close(scaled.loss(batch), expected)


def test_implicit_states_know_the_first_item(new):
    one, other = torch.tensor([[2, 5, 9]]), torch.tensor([[3, 5, 9]])
    for knows in (True, False):
        model = new(state="position", objectives="acc", first_item=knows)
        with torch.no_grad():
            same = torch.allclose(model.score(one), model.score(other))
            states = model.states(one)
        assert same != knows
        first = model.implicit[0] + knows * model.table(torch.tensor(2))
        torch.testing.assert_close(states[0, 0], first)
        torch.testing.assert_close(states[0, 1:], model.implicit[1:3])


def test_mrdt_takes_no_return_loss(new):
    with pytest.raises(TypeError, match="return_loss"):
        new(MRDT, return_loss=0.5)


def test_alpha_adds_the_score_of_the_user_states(new):
    session = torch.tensor([[2, 5, 9]])
    plain, one, two = (new(alpha=alpha).score(session) for alpha in (0.0, 1.0, 2.0))
    torch.testing.assert_close(two - plain, 2 * (one - plain))  # Eq. 4.19
    model = new()
    torch.testing.assert_close(one - plain, model.rank(model.states(session)[:, -1]))


def test_without_the_item_loss_alpha_adds_nothing(new):
    session = torch.tensor([[2, 5, 9]])
    one, two = (new(item_loss=False, alpha=alpha).score(session) for alpha in (0.0, 1.0))
    assert torch.equal(one, two)


@pytest.mark.parametrize(
    "wish", ["diversity_weight", "novelty_threshold", "horizon", "first_diversity"]
)
def test_what_is_asked_for_changes_the_scores(new, wish):
    session = torch.tensor([[12], [13]]) if wish == "first_diversity" else torch.tensor([[19, 2]])
    low, high = (
        new(desired=partial(Desired, **{wish: value})).score(session) for value in (0.0, 2.0)
    )
    assert not torch.allclose(low, high)


def test_observed_diversity_is_a_switch(new, batch):
    printed, observed = (
        new(observed_diversity=value).logged(batch)["div"] for value in (False, True)
    )
    assert (printed[:, 0] == 2).all()
    assert (observed[:, 0] < 2).all()
    real = batch.following != 20
    torch.testing.assert_close((printed - observed)[0][real[0]].diff(), torch.zeros(2))


def test_padding_is_never_novel(new):
    model = new()
    assert model.novel[:20].sum() == 18
    assert not model.novel[20]


def other_log(model, monkeypatch):
    """Make the log hold other returns than it does."""
    told = model.logged
    more = {"acc": 3.0, "nov": -2.0, "div": 0.5}
    monkeypatch.setattr(
        model, "logged", lambda batch: {n: r + more[n] for n, r in told(batch).items()}
    )


@pytest.mark.parametrize("kind", [MODT4R, MRDT])
def test_without_returns_the_log_may_hold_any(new, batch, kind, monkeypatch):
    one, other = new(kind, returns="none"), new(kind, returns="none")
    assert one.tokens == ("state", "action")
    assert not one.scale
    other_log(other, monkeypatch)
    torch.testing.assert_close(one.loss(batch), other.loss(batch))
    wish = new(kind, returns="none", desired=partial(Desired, horizon=9.0, diversity_weight=7.0))
    session = torch.tensor([[2, 5, 9]])
    assert torch.equal(one.score(session), wish.score(session))


def test_without_returns_the_two_orders_are_one_model(new, batch):
    one, other = new(MODT4R, returns="none", return_loss=0.0), new(MRDT, returns="none")
    torch.testing.assert_close(one.loss(batch), other.loss(batch))


def test_constant_returns_are_the_mean_of_training_whatever_is_asked(new, batch):
    model, session = new(returns="constant"), torch.tensor([[2, 5, 9]])
    model.loss(batch)
    real = batch.following != 20
    for name, values in model.logged(batch).items():
        torch.testing.assert_close(model.control.moments.mean(name), values[real].mean())
    wish = new(returns="constant", desired=partial(Desired, horizon=9.0, diversity_weight=7.0))
    wish.load_state_dict(model.state_dict())
    assert torch.equal(model.score(session), wish.score(session))
    assert not torch.equal(model.score(session), new(returns="constant").score(session))


def test_shuffled_returns_train_on_those_of_other_sessions(new, batch):
    plain, mixed = new(), new(returns="shuffled")
    session = torch.tensor([[2, 5, 9]])
    assert torch.equal(plain.score(session), mixed.score(session))  # asked as the log is
    torch.manual_seed(2)
    losses = {round(mixed.loss(batch).item(), 4) for _ in range(20)}
    assert len(losses) == 2  # of two sessions, of which the shorter has one step
    assert round(plain.loss(batch).item(), 4) in losses


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"objectives": "acc+dvi"}, r"objectives='acc\+dvi': join some of acc, nov, div by '\+'"),
        ({"objectives": ""}, "join some of"),
        ({"state": "users"}, "state='users': take user, item or position"),
        ({"return_scale": "log"}, "return_scale='log': take raw or training"),
        ({"returns": "zero"}, "returns='zero': take log, none, constant, shuffled"),
    ],
)
def test_refuses_what_it_does_not_know(new, settings, message):
    with pytest.raises(ValueError, match=message):
        new(**settings)

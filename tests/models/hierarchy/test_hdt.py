"""Returns by hand, the tokens of IntraDT, and the settings that the equations leave open."""

import pytest
import torch
from torch.nn.functional import mse_loss

from recloop.data.batches import Batch
from recloop.models import build
from recloop.models.blocks import CausalBlocks
from recloop.models.hierarchy.intra import IntraDT

VECTORS = torch.tensor([[1.0, 0.0], [0.0, 2.0], [-3.0, 0.0], [0.0, 1.0]])
NONE = 4  # padding
COUNTS = torch.tensor([1, 100, 1, 1])  # all but item 1 are novel
SESSION = torch.tensor([[0, 1, 2], [3, 1, NONE]])


def new(kind="hdt.HDT", **changes):
    torch.manual_seed(2)
    settings = {
        "class": f"hierarchy.{kind}",
        "backbone": {"class": "backbones.sasrec.SASRec", "dim": 8},
        "dim": 8,
    }
    facts = {"items": 4, "length": 6, "item_counts": COUNTS, "item_vectors": VECTORS}
    model = build(settings | changes, **facts).eval()
    torch.nn.init.normal_(model.backbone.embedding.weight[:-1].detach())
    return model


def read(model, session=SESSION, memory=None, whole=None):
    memory = memory or model.start(len(session))
    return model.read(session, memory, model.asked(memory, whole))


def test_return_across_sessions_is_what_is_left_of_the_largest_dissimilarity():
    model = new("inter.InterDT")
    memory = model.start(2)
    assert model.unexpected(memory, None).tolist() == [2, 2]  # dis of nothing is 0
    memory = model.remember(torch.tensor([[0, NONE], [0, 1]]), memory)
    torch.testing.assert_close(model.unexpected(memory, None), torch.tensor([2.0, 1.0]))
    memory = model.remember(torch.tensor([[2, NONE], [2, 3]]), memory)
    # cosines: user 0 has the pair (0, 2) at -1; user 1 has 0, -1 and 1 once each and three more zeros
    torch.testing.assert_close(model.unexpected(memory, None), torch.tensor([0.0, 1.0]))


def test_return_as_printed_counts_the_current_session():
    model = new("inter.InterDT", inter_return="current", dis_max=3.0)
    memory = model.remember(torch.tensor([[0], [0]]), model.start(2))
    whole = torch.tensor([[1, NONE], [2, NONE]])
    torch.testing.assert_close(model.unexpected(memory, whole), torch.tensor([2.0, 1.0]))
    with pytest.raises(ValueError, match="give `whole`"):
        model.score(torch.tensor([[1], [2]]), memory)


@pytest.mark.parametrize("kind", ["inter.InterDT", "hdt.HDT"])
def test_the_printed_return_lets_the_future_in(kind):
    model = new(kind, inter_return="current")
    ends = (torch.tensor([[0, 1, 2]]), torch.tensor([[0, 1, 3]]))
    with torch.no_grad():
        one, other = (model.score(end[:, :2], model.start(1), end) for end in ends)
    assert not torch.allclose(one, other)


def test_unexpected_return_inside_a_session():
    model = new()
    left = model.logged_unexpected(read(model))
    # dis of all three is 1 - (0 - 1 + 0) / 3, of two it is 1, of one it is 0 (Eq. 5.8)
    torch.testing.assert_close(left, torch.tensor([[4 / 3, 1 / 3], [0.0, 0.0]]), atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("steps", "logged", "desired"),
    [
        ("actions", [[1, 1], [0, 0]], [[2, 2, 1], [1, 1, 1]]),
        ("items", [[2, 1], [1, 0]], [[3, 2, 2], [2, 1, 1]]),
    ],
)
def test_novelty_return_of_the_log_and_to_ask_for(steps, logged, desired):
    model = new(novel_steps=steps)
    assert model.logged_novelty(SESSION).tolist() == logged  # Eq. 5.7
    asked = model.desired_novelty(SESSION)
    assert asked.tolist() == desired  # the item to predict is novel too
    assert (new(novel_steps=steps, wanted_novelty=0.0).desired_novelty(SESSION) == asked - 1).all()


@pytest.mark.parametrize(
    ("intra", "tokens"),
    [
        ("uxp+nov", ["goal", "novelty", "state", "action"]),  # Eq. 5.9
        ("uxp", ["goal", "state", "action"]),  # Table 5.5
        ("nov", ["novelty", "state", "action"]),
    ],
)
def test_tokens_of_a_step(intra, tokens):
    model = new(intra=intra)
    assert model.intra.tokens == tokens
    assert (model.predict is None) == ("goal" not in tokens)


def tokens(model, path, memory=None):
    """Give outputs of IntraDT as the loss sees them."""
    reading = read(model, path, memory)
    real = path[:, 1:] != NONE
    novelty = torch.ones_like(path[:, 1:]).float()
    states, actions = reading.states[:, :-1], reading.embedded[:, 1:]
    return model.outputs(reading, real, states, actions, novelty, ["goal", "state"])


def test_the_state_token_does_not_see_its_action():
    model = new()
    one, other = (tokens(model, torch.tensor([[0, 1, last]])) for last in (2, 3))
    for name in ("goal", "state"):
        torch.testing.assert_close(one[name], other[name])
    one, other = (tokens(model, torch.tensor([[0, second, 2]])) for second in (1, 3))
    torch.testing.assert_close(one["state"][0], other["state"][0])
    assert not torch.allclose(one["state"][1], other["state"][1])


def test_intra_is_a_gpt_over_all_tokens():
    torch.manual_seed(4)
    model = IntraDT(["goal", "state", "action"], dim=8, length=5, layers=2, heads=2).eval()
    whole = CausalBlocks(8, layers=2, heads=2).eval()
    whole.load_state_dict({n: w for n, w in model.state_dict().items() if n != "position"})
    real = torch.tensor([[True, True, True], [True, False, False], [True, True, False]])
    dense = torch.randn(3, 3, 3, 8)
    parts = {name: dense[:, :, at][real] for at, name in enumerate(model.tokens)}
    found = model(parts, real, ["goal", "state"])
    expected = whole((dense + model.position[:3, None]).flatten(1, 2)).unflatten(1, (3, 3))
    torch.testing.assert_close(found["goal"], expected[:, :, 0][real])
    torch.testing.assert_close(found["state"], expected[:, :, 1][real])


def test_loss_is_the_weighted_sum_of_four():
    weights = {"goal_loss": 0.3, "return_loss": 0.5, "action_loss": 0.7}
    model, log = new(**weights), Batch.whole(torch.tensor([[0, 1, 2], [3, 1, 0]]))
    memory = model.start(2)
    reading = read(model, torch.tensor([[0, 1, 2], [3, 1, 0]]), memory)
    following, real = reading.items[:, 1:], reading.items[:, 1:] != NONE
    novelty = model.logged_novelty(reading.items)
    states, actions = reading.states[:, :-1], reading.embedded[:, 1:]
    out = model.outputs(reading, real, states, actions, novelty, ["goal", "state"])
    expected = (
        model.rank.loss(states[real], following[real])
        + 0.3 * model.first.loss(reading.goal, reading.items[:, 0])
        + 0.5
        * mse_loss(model.predict(out["goal"])[:, 0], model.logged_unexpected(reading).flatten())
        + 0.7 * model.act.loss(out["state"], following.flatten())
    )
    torch.testing.assert_close(model.loss(log, memory)[0], expected)  # Eq. 5.21


@pytest.mark.parametrize(
    ("name", "part"), [("goal_loss", "first"), ("return_loss", "predict"), ("action_loss", "act")]
)
def test_a_loss_of_no_weight_has_no_head(name, part):
    model = new(**{name: 0.0})
    assert getattr(model, part) is None
    model.loss(Batch.whole(torch.tensor([[0, 1, 2], [3, 1, 0]])), model.start(2))[0].backward()
    silent = [n for n, w in model.named_parameters() if w.grad is None or not w.grad.abs().sum()]
    assert silent == []
    assert model.score(SESSION, model.start(2)).isfinite().all()


def test_scores_of_both_transformers_are_added():
    scores = {}
    for weight in (0.0, 1.0, 3.0):
        model = new(action_score=weight)
        with torch.no_grad():
            scores[weight] = model.score(SESSION, model.start(2))
    torch.testing.assert_close(scores[3.0] - scores[0.0], 3 * (scores[1.0] - scores[0.0]))
    plain = torch.softmax(scores[0.0], -1)
    with torch.no_grad():
        chances = new(sum_of="probabilities").score(SESSION, model.start(2))
    torch.testing.assert_close(chances.sum(-1), torch.tensor([2.0, 2.0]))
    assert (chances >= plain).all()


def test_the_novelty_asked_for_reaches_the_scores():
    with torch.no_grad():
        one, other = (
            new(wanted_novelty=value).score(SESSION, new().start(2)) for value in (1.0, 5.0)
        )
    assert not torch.allclose(one, other)


LOG = Batch.whole(torch.tensor([[0, 1, 2], [3, 1, 0], [2, 0, 3]]))


def past(model):
    return model.remember(torch.tensor([[0, 1], [0, 2], [3, NONE]]), model.start(3))


@pytest.mark.parametrize("kind", ["inter.InterDT", "hdt.HDT"])
@pytest.mark.parametrize("returns", ["none", "constant"])
def test_returns_that_tell_nothing_may_be_any(kind, returns, monkeypatch):
    scores = []
    for change in (0.0, 1.5):
        model = new(kind, returns=returns)
        model.loss(LOG, past(model))
        memory = past(model)
        for name in ("unexpected", "desired_novelty"):
            if told := getattr(model, name, None):
                monkeypatch.setattr(
                    model, name, lambda *given, told=told, change=change: told(*given) + change
                )
        with torch.no_grad():
            scores.append(model.score(torch.tensor([[0], [1], [2]]), memory))
    assert torch.equal(*scores)


def test_without_returns_intra_has_states_and_actions_alone():
    model = new(returns="none")
    assert model.intra.tokens == ["state", "action"]
    assert model.predict is None
    silent = [n for n, _ in model.named_parameters() if n.startswith(("embed_return", "embed_nov"))]
    assert silent == []


def test_constant_returns_are_the_means_of_training():
    model = new(returns="constant")
    memory = past(model)
    model.loss(LOG, memory)
    mean = model.control.moments.mean
    whole = torch.tensor([[0, 1, 2], [3, 1, 0], [2, 0, 3]])
    torch.testing.assert_close(mean("across"), model.unexpected(memory, None).mean())
    torch.testing.assert_close(mean("novelty"), model.logged_novelty(whole).mean())
    torch.testing.assert_close(
        mean("unexpected"), model.logged_unexpected(read(model, whole)).mean()
    )


@pytest.mark.parametrize("kind", ["inter.InterDT", "hdt.HDT"])
def test_shuffled_returns_train_on_those_of_other_users(kind):
    plain, mixed = new(kind), new(kind, returns="shuffled")
    memory = past(plain)
    session = torch.tensor([[0], [1], [2]])
    with torch.no_grad():
        assert torch.equal(plain.score(session, memory), mixed.score(session, memory))
    losses = set()
    for seed in range(30):
        torch.manual_seed(seed)
        losses.add(round(mixed.loss(LOG, memory)[0].item(), 5))
    assert len(losses) > 2
    assert round(plain.loss(LOG, memory)[0].item(), 5) in losses


@pytest.mark.parametrize(
    "wrong",
    [
        {"inter_return": "next"},
        {"intra": "uxp+div"},
        {"novel_steps": "all"},
        {"sum_of": "x"},
        {"returns": "x"},
    ],
)
def test_refuses_unknown_words(wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))}="):
        new(**wrong)

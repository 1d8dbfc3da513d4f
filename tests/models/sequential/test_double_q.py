"""Temporal-difference errors by hand, two networks, and the plain ranker that is left without values."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from recloop.data.batches import cut
from recloop.models import build
from recloop.models.sequential import transitions
from recloop.models.sequential.double_q import UPDATED
from recloop.models.sequential.dqn_ns import DQN_NS
from recloop.models.sequential.next_item import NextItem
from recloop.models.sequential.snqn import SNQN
from recloop.models.sequential.sqn import SQN

MAIN = [[0.0, 1.0, 2.0], [4.0, 3.0, 0.0], [1.0, 1.5, 5.0]]
TARGET = [[7.0, 8.0, 9.0], [10.0, 20.0, 30.0], [0.5, 0.25, 0.125]]
HOSTS = ["gru4rec.GRU4Rec", "caser.Caser", "nextitnet.NextItNet", "sasrec.SASRec"]
KINDS = ["sqn.SQN", "policy_evaluation.EVAL", "snqn.SNQN", "cql.CQL", "bcq.BCQ"]
CRITICS = ["sac.SAC", "sa2c.SA2C", "smonac.SMONAC"]


@pytest.fixture
def model(tabular, fill, network_0):
    model = tabular(SQN, 3)
    fill(model.networks[0], MAIN)
    fill(model.networks[1], TARGET)
    return model


def errors(model, batch):
    step = model.step(*model.toss(), batch)
    return model.distance(step.values, model.targets(step))[0, step.known, 0]


def half_square(*gaps):
    return torch.tensor([0.5 * gap**2 for gap in gaps])


def test_td_error_by_hand(model, steps):
    # 0 -> 1 (bought) -> 2, end. At 1 the main network prefers item 0 (4 > 3), worth 10 to the target.
    batch = steps([0, 1, 3], [1, 2, 3], purchase=[1, 0, 0])
    expected = half_square(1.0 + 0.5 * 10 - MAIN[0][1], 0.2 - MAIN[1][2])
    torch.testing.assert_close(errors(model, batch), expected)


def test_the_end_of_a_piece_is_not_the_end_of_a_session(model, steps):
    batch = steps([0, 1], [1, 2], ended=False)
    torch.testing.assert_close(errors(model, batch), half_square(0.2 + 0.5 * 10 - MAIN[0][1]))


def test_a_piece_of_one_unknown_transition_teaches_no_value(model, steps):
    batch = steps([0], [1], ended=False)
    torch.testing.assert_close(model.loss(batch), torch.tensor(3.0).log())


def test_pieces_of_a_batch_do_not_run_into_each_other(model, steps):
    one, other = steps([0, 1], [1, 2]), steps([1, 2], [2, 0], ended=False)
    both = type(one)(*(torch.cat([getattr(b, k) for b in (one, other)]) for k in vars(one)))
    alone = torch.cat([errors(model, one), errors(model, other)])
    torch.testing.assert_close(errors(model, both), alone)


def test_discount_weighs_the_future(model, steps):
    model.discount = 0.0
    found = errors(model, steps([0, 1], [1, 2]))
    torch.testing.assert_close(found, half_square(0.2 - MAIN[0][1], 0.2 - MAIN[1][2]))


def test_the_coin_decides_who_learns_and_who_gives_the_target(model, steps, monkeypatch):
    monkeypatch.setattr(torch, "rand", lambda *_, **__: torch.tensor(0.1))
    # Now TARGET learns: at 1 it prefers item 2 (30), which MAIN values at 0.
    found = errors(model, steps([0, 1], [1, 2]))
    torch.testing.assert_close(
        found, half_square(0.2 + 0.5 * MAIN[1][2] - TARGET[0][1], 0.2 - TARGET[1][2])
    )
    model.loss(steps([0, 1], [1, 2])).backward()
    assert all(weight.grad is None for weight in model.networks[0].parameters())
    assert all(weight.grad is not None for weight in model.networks[1].parameters())


def test_loss_is_cross_entropy_plus_the_mean_error(model, steps):
    batch = steps([0, 1], [1, 2])
    model.networks[0].rank.weight.data = torch.eye(3)
    expected = cross_entropy(torch.eye(3)[:2], torch.tensor([1, 2])) + errors(model, batch).mean()
    torch.testing.assert_close(model.loss(batch), expected)


def test_q_weight_scales_the_errors(model, steps):
    batch, losses = steps([0, 1], [1, 2]), []
    for model.q_weight in (1.0, 2.0, 3.0):
        losses.append(model.loss(batch))
    torch.testing.assert_close(losses[2] - losses[1], losses[1] - losses[0])


def test_both_sides_of_the_coin_come_up(model, monkeypatch):
    monkeypatch.undo()
    torch.manual_seed(0)
    mains = [model.toss()[0] is model.networks[0] for _ in range(400)]
    assert 160 < sum(mains) < 240


def test_both_networks_learn_what_each_would_learn_alone(tabular, fill, steps):
    batch, grads, losses = steps([0, 1, 3], [1, 2, 3], purchase=[1, 0, 0]), {}, {}
    for updated in ("both", 0, 1):
        model = tabular(SQN, 3, updated="both")
        fill(model.networks[0], MAIN)
        fill(model.networks[1], TARGET)
        if updated != "both":
            model.turns = lambda model=model, first=updated: iter([model.roles(first)])
        losses[updated] = model.loss(batch)
        losses[updated].backward()
        grads[updated] = [
            [weight.grad for weight in network.parameters()] for network in model.networks
        ]
    assert losses["both"] == losses[0] + losses[1]
    for one in (0, 1):
        assert all(map(torch.equal, grads["both"][one], grads[one][one]))
        assert grads[one][1 - one] == [None] * len(grads[one][one])


def test_both_networks_are_one_update(tabular, steps):
    model = tabular(SQN, 3, updated="both")
    model.loss(steps([0, 1], [1, 2]))
    assert model.updates == 1


@pytest.mark.parametrize("kind", KINDS)
def test_without_values_there_is_one_network_unless_a_coin_is_tossed(kind, facts):
    sizes = [
        len(built(kind, HOSTS[0], facts, q_weight=0.0, updated=one).networks) for one in UPDATED
    ]
    assert sizes == [1, 2]


def test_the_coin_depends_on_seed_and_update_alone(model, monkeypatch):
    monkeypatch.undo()
    tosses = []
    for seed, others in ((1, 0), (1, 7), (2, 0)):
        torch.manual_seed(seed)
        model.updates.zero_()
        tosses.append([])
        for _ in range(40):
            torch.rand(others)  # what dropout and negatives draw
            tosses[-1].append(model.toss()[0] is model.networks[0])
    assert tosses[0] == tosses[1] != tosses[2]


def test_score_is_the_ranking_head_of_the_first_network(model):
    model.networks[0].rank.weight.data = torch.eye(3)
    assert model.score(torch.tensor([[0, 1], [2, 3]])).tolist() == [[0, 1, 0], [0, 0, 1]]


@pytest.mark.parametrize("kind", [SQN, DQN_NS])
def test_values_rank_where_asked(kind, tabular, fill):
    model = tabular(kind, 3, **({"ranked_by": "values"} if kind is SQN else {}))
    fill(model.networks[0], MAIN)
    assert model.score(torch.tensor([[0, 1], [2, 3]])).tolist() == [MAIN[1], MAIN[2]]
    assert (model.networks[0].rank is None) == (kind is DQN_NS)


@pytest.mark.parametrize(
    ("settings", "logged"),
    [
        ({"ranked_by": "value"}, "imitation, values"),
        ({"updated": "two"}, "both, one"),
        ({"ranked_by": "values", "q_weight": 0.0}, "q_weight=0"),
        ({"imitates": False}, "rank by 'values'"),
        ({"placebo": "sugar"}, "zero_reward"),
    ],
)
def test_refuses_what_it_cannot_be(tabular, settings, logged):
    with pytest.raises(ValueError, match=logged):
        tabular(SQN, 3, **settings)


def built(kind, backbone, facts, **settings):
    backbone = {"class": f"backbones.{backbone}", "dim": 8}
    torch.manual_seed(1)
    return build({"class": f"sequential.{kind}", "backbone": backbone} | settings, **facts)


@pytest.fixture
def batch(sessions, facts):
    return cut(sessions([2, 5, 9, 4, 6, 1, 0, 3, 8], [7, 3]), facts["length"], facts["items"])


@pytest.mark.parametrize(
    ("backbone", "kind"),
    [(host, "sqn.SQN") for host in HOSTS] + [(HOSTS[0], kind) for kind in KINDS[1:] + CRITICS],
)
def test_without_values_it_is_the_plain_host(backbone, kind, facts, batch):
    settings = {"q_weight": 0.0} | ({"warm_up": 0} if kind in CRITICS else {})
    plain = built("next_item.NextItem", backbone, facts).eval()
    model = built(kind, backbone, facts, **settings).eval()
    for network in model.networks:
        assert network.load_state_dict(plain.state_dict())  # strictly: nothing else is left in it
    assert torch.equal(model.loss(batch), plain.loss(batch))
    assert torch.equal(model.score(batch.session), plain.score(batch.session))
    assert isinstance(plain, NextItem)


@pytest.mark.parametrize("dropout", [False, True])
def test_the_target_drops_units_only_where_asked(dropout, facts, batch):
    model = built("sqn.SQN", HOSTS[-1], facts, target_dropout=dropout).train()
    for _ in range(6):  # both sides of the coin
        main, target = model.toss()
        assert main.backbone.dropout.training
        assert target.backbone.dropout.training == dropout
    assert not any(network.eval().training for network in model.networks)


@pytest.mark.parametrize("kind", [SQN, SNQN])
def test_looks_for_the_best_item_once_per_update(kind, tabular, steps, monkeypatch):
    calls, best = [], transitions.best
    monkeypatch.setattr(transitions, "best", lambda *given: calls.append(1) or best(*given))
    tabular(kind, 3).loss(steps([0, 1], [1, 2]))
    assert len(calls) == 1

"""Agents: how they choose, what they minimise, and the mixture of A-iALP_ap."""

import math

import pytest
import torch

from recloop.models import build
from recloop.models.online.agent import Steps
from recloop.models.online.encoders import Attentive, Average
from recloop.models.online.state import Seen

ITEMS = 5
AVERAGE = {"class": "online.encoders.Average", "width": 4, "memory": 3}
SASREC = {"class": "backbones.sasrec.SASRec", "dim": 8, "blocks": 1, "heads": 1, "dropout": 0.0}
ATTENTIVE = {"class": "online.encoders.Attentive", "backbone": SASREC, "memory": 4}
SHARED = {"hidden": 8, "layers": 1, "discount": 0.5, "explore": "categorical"}
IALP = {"encoder": ATTENTIVE, "weighted": True, "candidates": 3, "proposed": "drawn"}
AGENTS = {
    "dqn": {
        "class": "online.dqn.DQN",
        "encoder": AVERAGE,
        "double": True,
        "target_every": 2,
        "lookahead": 1,
    },
    "pg": {"class": "online.policy_gradient.PolicyGradient", "encoder": AVERAGE, "baseline": False},
    "a2c": {
        "class": "online.a2c.A2C",
        "encoder": AVERAGE,
        "value_weight": 0.5,
        "entropy_weight": 0.01,
        "lookahead": 1,
    },
    "ialp": {"class": "online.ialp.IALP", **IALP},
    "ap": {
        "class": "online.ialp.AdaptiveIALP",
        **IALP,
        "alpha": [0.2, 1.0],
        "alpha_steps": 100,
        "actor": "random",
    },
}


def agent(name, **changes):
    torch.manual_seed(3)
    return build(AGENTS[name] | SHARED | changes, items=ITEMS).eval()


def seen(memory, number=6, seed=0):
    chance = torch.Generator().manual_seed(seed)
    items = torch.randint(ITEMS, (number, memory), generator=chance)
    rewards = torch.rand(number, memory, generator=chance)
    return Seen(items, rewards, torch.zeros(number, dtype=torch.long))


def steps(memory, discount=0.5):
    action, gain = torch.tensor([0, 1, 2, 3, 4, 0]), torch.arange(6.0)
    return Steps(seen(memory), action, gain, seen(memory, seed=1), torch.full((6,), discount))


def taken(values, action):
    return values[torch.arange(len(action)), action]


# -- states ------------------------------------------------------------------------------------------------------------


def test_the_average_ignores_what_was_not_shown():
    it = Average(ITEMS, width=2, memory=3)
    with torch.no_grad():
        it.embedding.weight[1], it.embedding.weight[2] = torch.tensor([[1.0, 2], [3, 4]])
    given = Seen(
        torch.tensor([[5, 1, 2], [5, 5, 5]]),
        torch.tensor([[0.0, 4, 2], [0, 0, 0]]),
        torch.tensor([0, 0]),
    )
    assert it(given).tolist() == [[2.0, 3.0, 3.0], [0.0, 0.0, 0.0]]


def test_a_session_encoder_sees_the_items_in_their_order():
    """Those that were not shown yet stand before the others and do not count."""
    torch.manual_seed(1)
    it = build(ATTENTIVE, items=ITEMS).eval()
    assert isinstance(it, Attentive)
    zeros, user = torch.zeros(1, 4), torch.tensor([0])
    state = it(Seen(torch.tensor([[5, 5, 1, 2]]), zeros, user))
    direct = it.backbone(torch.tensor([[1, 2, 5, 5]]))[:, 1]
    assert torch.allclose(state, direct, atol=1e-6)
    assert not torch.allclose(state, it(Seen(torch.tensor([[5, 5, 2, 1]]), zeros, user)))


# -- choices -----------------------------------------------------------------------------------------------------------


def test_greedy_takes_the_best_item():
    it, given = agent("pg"), seen(3)
    assert torch.equal(it.act(given, torch.Generator(), "greedy"), it.score(given).argmax(1))


def frequencies(it, given, explore):
    """Share of each item among many choices in one state."""
    many = Seen(*(one[:1].expand(20000, *one.shape[1:]) for one in given))
    chosen = it.act(many, torch.Generator().manual_seed(5), explore)
    return torch.bincount(chosen, minlength=ITEMS) / 20000


def test_categorical_draws_from_the_softmax():
    it, given = agent("pg"), seen(3)
    with torch.no_grad():
        it.scores[-1].bias.copy_(torch.tensor([0.0, 1, 2, -1, 0.5]))
    law = it.score(given)[0].softmax(0)
    assert torch.allclose(frequencies(it, given, "categorical"), law, atol=0.015)


def test_epsilon_is_the_share_of_random_items():
    it, given = agent("pg", epsilon=[0.8, 0.2], epsilon_steps=10), seen(3)
    best = int(it.score(given)[0].argmax())
    for steps_, epsilon in ((0, 0.8), (5, 0.3), (30, 0.0)):
        it.advance(steps_)
        assert it.chance == pytest.approx(max(0.2, 0.8 - 0.06 * int(it.steps)))
        expected = it.chance / ITEMS + 1 - it.chance
        assert frequencies(it, given, "epsilon")[best] == pytest.approx(expected, abs=0.015), (
            epsilon
        )


def test_another_way_to_explore_is_refused():
    with pytest.raises(ValueError, match="explore='boldly'"):
        agent("pg", explore="boldly")


# -- losses ------------------------------------------------------------------------------------------------------------


def test_double_q_learning_by_hand():
    it, given = agent("dqn"), steps(3)
    with torch.no_grad():
        it.scores[-1].bias.add_(torch.arange(5.0))  # the target network is another one now
        best = it.score(given.after).argmax(1)
        told = it.target["scores"](it.target["encoder"](given.after))
        goal = given.gain + 0.5 * taken(told, best)
        expected = (taken(it.score(given.seen), given.action) - goal).square().mean()
    assert it.loss(given).item() == pytest.approx(expected.item(), rel=1e-5)


def test_the_target_network_follows_every_so_often():
    it = agent("dqn")
    with torch.no_grad():
        it.scores[-1].bias.add_(1.0)
    it.after_update(1)
    assert not torch.equal(it.target["scores"][-1].bias, it.scores[-1].bias)
    it.after_update(2)
    assert torch.equal(it.target["scores"][-1].bias, it.scores[-1].bias)


def test_reinforce_by_hand():
    it, given = agent("pg"), steps(3)
    likely = taken(it.score(given.seen).log_softmax(1), given.action)
    assert it.loss(given).item() == pytest.approx(-(likely * given.gain).mean().item(), rel=1e-5)
    based = agent("pg", baseline=True).loss(given)
    assert based.item() == pytest.approx(-(likely * (given.gain - 2.5)).mean().item(), rel=1e-4)


@pytest.mark.parametrize(("name", "changes"), [("pg", {}), ("a2c", {"lookahead": None})])
def test_without_a_finished_episode_nothing_changes(name, changes):
    empty = Seen(*(one[:0] for one in seen(3)))
    nothing = Steps(empty, torch.zeros(0, dtype=torch.long), torch.zeros(0), empty, torch.zeros(0))
    it = agent(name, **changes)
    assert it.learns_from == "finished"
    it.loss(nothing).backward()
    assert all(one.grad is None or not one.grad.any() for one in it.parameters())


@pytest.mark.parametrize("shared", [True, False])
def test_a2c_by_hand(shared):
    it, given = agent("a2c", shared=shared), steps(3)
    below = it.scores[:2] if shared else torch.nn.Identity()
    with torch.no_grad():
        value, after = (
            it.critic(below(it.encoder(one)))[:, 0] for one in (given.seen, given.after)
        )
        advantage = given.gain + 0.5 * after - value
        policy = it.score(given.seen).log_softmax(1)
        entropy = -(policy.exp() * policy).sum(1).mean()
        actor = -(taken(policy, given.action) * advantage).mean()
        expected = actor + 0.5 * advantage.square().mean() - 0.01 * entropy
    assert it.loss(given).item() == pytest.approx(expected.item(), rel=1e-4)


@pytest.mark.parametrize("weighted", [True, False])
def test_ialp_by_hand(weighted):
    """Eqs. 7.6 to 7.10; without the weight it is Eq. 7.13 as printed."""
    it, given = agent("ialp", weighted=weighted), steps(4)
    with torch.no_grad():
        best = it.critic(it.encoder(given.after)).max(1).values
        error = given.gain + 0.5 * best - taken(it.critic(it.encoder(given.seen)), given.action)
        likely = taken(it.score(given.seen).log_softmax(1), given.action)
        expected = -(likely * (error if weighted else 1)).mean() + error.square().mean()
    assert it.loss(given).item() == pytest.approx(expected.item(), rel=1e-4)


@pytest.mark.parametrize("floor", [True, False])
def test_a_mended_advantage_by_hand(floor):
    """What came of an action over the mean value of the policy, perhaps never below 0."""
    it, given = agent("ialp", against="state", floor=floor), steps(4)
    given = given._replace(gain=torch.tensor([-3.0, 2, -1, 1, 0, 4]))
    with torch.no_grad():
        values = it.critic(it.encoder(given.seen))
        target = given.gain + 0.5 * it.critic(it.encoder(given.after)).max(1).values
        policy = it.score(given.seen).softmax(1)
        weight = target - (policy * values).sum(1)
        assert (weight < 0).any()
        weight = weight.clamp(min=0) if floor else weight
        error = target - taken(values, given.action)
        expected = -(taken(policy.log(), given.action) * weight).mean() + error.square().mean()
    assert it.loss(given).item() == pytest.approx(expected.item(), rel=1e-4)


@pytest.mark.parametrize("name", AGENTS)
def test_every_part_that_learns_has_a_gradient(name):
    it = agent(name)
    it.loss(steps(it.memory)).backward()
    assert all(one.grad is not None for one in it.parameters() if one.requires_grad)


# -- A-iALP ------------------------------------------------------------------------------------------------------------


def test_candidates_are_different_items():
    it, given = agent("ialp"), seen(4)
    for proposed in ("drawn", "top"):
        it.proposed = proposed
        found = it.act(given, torch.Generator().manual_seed(1), "candidates")
        assert found.shape == (6, 3)
        assert all(len(set(row)) == 3 for row in found.tolist())
    assert torch.equal(found, it.score(given).topk(3).indices)


def softmax_of(it, given):
    return it.scores(it.encoder(given)).softmax(1)


@pytest.fixture
def pair():
    """An iALP whose policy is far from uniform, and an A-iALP_ap that begins with it."""
    first = agent("ialp")
    with torch.no_grad():
        first.scores[-1].bias.copy_(torch.tensor([3.0, 0, -1, 1, 2]))
    second = agent("ap")
    second.begin(first.state_dict())
    return first, second


@pytest.mark.parametrize(("steps_", "alpha"), [(0, 0.2), (50, 0.6), (100, 1.0), (900, 1.0)])
def test_the_mixed_policy_has_its_law(pair, steps_, alpha):
    """Eq. 7.14, and what is drawn has it too."""
    first, it = pair
    it.advance(steps_)
    given = seen(4)
    assert it.share == pytest.approx(alpha)
    law = (1 - alpha) * softmax_of(first, given) + alpha * softmax_of(it, given)
    assert torch.allclose(it.score(given).exp(), law, atol=1e-6)
    assert torch.allclose(it.score(given).logsumexp(1), torch.zeros(6), atol=1e-5)
    assert torch.allclose(frequencies(it, given, "categorical"), law[0], atol=0.015)


def test_the_frozen_policy_stays(pair):
    first, it = pair
    before = {name: one.clone() for name, one in it.frozen.state_dict().items()}
    optimiser = torch.optim.Adam(one for one in it.parameters() if one.requires_grad)
    it.loss(steps(4)).backward()
    optimiser.step()
    assert all(torch.equal(one, before[name]) for name, one in it.frozen.state_dict().items())
    assert not torch.equal(it.encoder.backbone.position, first.encoder.backbone.position)


def test_a_copy_begins_as_the_frozen_policy(pair):
    first, drawn = pair
    it = agent("ap", actor="copy")
    it.begin(first.state_dict())
    given = seen(4)
    assert torch.allclose(it.score(given).exp(), softmax_of(first, given), atol=1e-6)
    assert not torch.allclose(drawn.score(given).exp(), softmax_of(first, given), atol=1e-2)
    assert torch.equal(drawn.critic[-1].weight, first.critic[-1].weight)


def test_direct_fine_tuning_goes_on_with_all_weights():
    first = agent("ialp")
    first.advance(70)
    it = agent("ialp", hidden=8)
    it.begin(first.state_dict())
    assert torch.equal(it.score(seen(4)), first.score(seen(4)))
    assert int(it.steps) == 0


@pytest.mark.parametrize(
    ("name", "changes"),
    [("ialp", {"proposed": "all"}), ("ap", {"actor": "own"}), ("ialp", {"against": "none"})],
)
def test_a_word_that_is_not_known_is_named(name, changes):
    with pytest.raises(ValueError, match=next(iter(changes))):
        agent(name, **changes)


def test_the_softmax_never_has_a_zero():
    it = agent("ap", alpha=[1.0, 1.0])
    with torch.no_grad():
        it.scores[-1].bias.copy_(torch.tensor([500.0, 0, 0, 0, 0]))
    assert all(math.isfinite(one) for one in it.score(seen(4)).flatten().tolist())

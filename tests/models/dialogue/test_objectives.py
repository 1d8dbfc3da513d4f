"""Objectives against numbers worked out by hand."""

import math
from types import SimpleNamespace

import pytest
import torch


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_hinge_by_hand():
    from recloop.models.dialogue.objectives import hinge

    states = torch.tensor([[[1.0, 0.0], [0.0, 2.0]]])
    target, negative = torch.zeros(1, 2), torch.tensor([[[1.0, 1.0], [0.0, 0.0]]])
    # |s - e+|^2 - |s - e-|^2 + 0.1: 1 - 1 + 0.1 and 4 - 4 + 0.1; then the negative far away
    assert hinge(states, target, negative, 0.1).allclose(torch.full((1, 2), 0.1))
    assert hinge(states, target, negative + 9, 0.1).eq(0).all()


def test_log_policy_by_hand():
    from recloop.models.dialogue.objectives import log_policy

    states, target = torch.tensor([[[1.0, 0.0]]]), torch.tensor([[2.0, 5.0]])
    negatives = torch.tensor([[[[1.0, 7.0], [0.0, 1.0]]]])
    wanted = 2 - math.log(math.exp(2) + math.exp(1) + math.exp(0))
    assert log_policy(states, target, negatives).item() == pytest.approx(wanted)
    cold = 4 - math.log(math.exp(4) + math.exp(2) + math.exp(0))
    assert log_policy(states, target, negatives, 0.5).item() == pytest.approx(cold, abs=1e-5)


def test_reward_by_hand():
    from recloop.models.dialogue.objectives import similarity_reward

    table = torch.tensor([[2.0, 0.0], [3.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    items, target = torch.tensor([[[1, 2], [3, 3]]]), torch.tensor([0])
    assert similarity_reward(table, items, target, raw=True).tolist() == [[6.0, 4.0]]
    mean = similarity_reward(table, items, target, raw=False)
    assert mean.allclose(torch.tensor([[0.5, 0.5**0.5]]))


@pytest.mark.parametrize(
    "discount, to_go, wanted",
    [
        (0.5, False, [1 + 1 + 1, 3, 3]),
        (0.0, False, [1, 1, 1]),
        (0.5, True, [3, 4, 4]),
        (0.0, True, [1, 2, 4]),
        (1.0, True, [7, 6, 4]),
    ],
)
def test_returns_by_hand(discount, to_go, wanted):
    from recloop.models.dialogue.objectives import returns

    got = returns(torch.tensor([[1.0, 2.0, 4.0]]), discount, to_go)
    assert got.tolist() == [pytest.approx(wanted)]


def test_random_items_cover_the_pool_but_the_target():
    from recloop.models.dialogue.objectives import random_items

    target = torch.tensor([0, 3, 4])
    drawn = random_items(5, target, (200,), generator())
    for row, own in zip(drawn, target, strict=True):
        assert set(row.tolist()) == set(range(5)) - {own.item()}


@pytest.mark.parametrize("current", [True, False])
def test_disliked_items_are_those_of_the_turns_so_far(current):
    from recloop.models.dialogue.objectives import disliked_items

    disliked = torch.arange(100, 112).view(2, 3, 2)
    fallback = torch.zeros(2, 3, 300).long()
    drawn = disliked_items(disliked, fallback, current, generator())
    for row in range(2):
        for turn in range(3):
            known = set(disliked[row, : turn + current].flatten().tolist())
            assert set(drawn[row, turn].tolist()) == (known or {0})


def test_without_dislikes_random_items_stay():
    from recloop.models.dialogue.objectives import disliked_items

    fallback = torch.arange(6).view(1, 3, 2)
    nothing = torch.zeros(1, 3, 0).long()
    assert disliked_items(nothing, fallback, True, generator()).equal(fallback)


def test_mean_where():
    from recloop.models.dialogue.objectives import mean_where

    values = torch.tensor([[1.0, 2.0], [3.0, 100.0]])
    assert mean_where(values, torch.tensor([[True, True], [True, False]])) == 2
    assert mean_where(values, torch.zeros(2, 2).bool()) == 0


def reinforced(**changes):
    from recloop.models.dialogue.reinforce import Reinforce

    return Reinforce(**{"discount": 0.5, "num_negatives": 400} | changes)


def test_policy_loss_by_hand(make, world, converse):
    """One dialogue at a time: minus the mean of log-policy times return, over turns 1 to the last list."""
    dialogue = converse(make("gommir").eval(), world)
    policy, negatives = reinforced(), SimpleNamespace(rows=None)
    dialogue.generator = generator(8)
    negatives = policy.draw(dialogue)
    table, total = dialogue.table, 0.0
    for row, target in enumerate(dialogue.target):
        rewards = (table[dialogue.shown[row, 1:]] @ table[target]).sum(-1)
        gain = (rewards * 0.5 ** torch.arange(3)).sum()
        for turn in range(1, 4):
            state = dialogue.states[turn].query[row]
            logits = torch.cat([table[target][None], table[negatives[row, turn]]]) @ state
            total = total + logits.log_softmax(0)[0] * gain
    dialogue.generator = generator(8)
    loss = policy.loss(dialogue, dialogue.learning(True))
    assert loss.item() == pytest.approx(-total.item() / 15, rel=1e-4)


def test_switches_of_the_policy_loss(make, world, converse):
    dialogue = converse(make("gommir").eval(), world)

    def loss(**changes):
        dialogue.generator = generator(8)
        return reinforced(**changes).loss(dialogue, dialogue.learning(True)).item()

    supervised = loss(reward=False)
    assert supervised > 0
    assert loss(reward=False, discount=0.9) == supervised
    switches = [
        {},
        {"discount": 0.9},
        {"returns": "to_go"},
        {"placebo": "constant"},
        {"placebo": "shuffled"},
        {"raw_reward": False},
        {"disliked_reward": False},
        {"temperature": 10.0},
        {"negatives": "random"},
        {"current_dislikes": False},
        {"reward": False},
    ]
    assert len({loss(**changes) for changes in switches}) == len(switches)


def test_a_liked_item_alone_is_rewarded(make, world, converse):
    dialogue = converse(make("gommir").eval(), world)
    got = reinforced(disliked_reward=False).rewards(dialogue)
    wanted = (dialogue.table[dialogue.liked] * dialogue.table[dialogue.target][:, None]).sum(-1)
    assert got.allclose(wanted[:, 1:], atol=1e-5)


def test_placebos_of_the_reward(make, world, converse):
    dialogue = converse(make("gommir").eval(), world)
    earned = reinforced().rewards(dialogue)
    constant = reinforced(placebo="constant").rewards(dialogue)
    assert constant.allclose(earned.mean())
    shuffled = reinforced(placebo="shuffled").rewards(dialogue)
    assert not shuffled.equal(earned)
    assert shuffled.flatten().sort().values.equal(earned.flatten().sort().values)


def test_without_a_reward_every_turn_weighs_alike(make, world, converse):
    """`reward=False` has the gradient of the log-policy alone, a constant one that of its return times as much."""
    gradients = []
    for changes in ({"reward": False}, {"placebo": "constant"}, {}):
        model = make("pmmir_gru").eval()
        dialogue = converse(model, world)
        policy = reinforced(**changes)
        if changes:
            policy.loss(dialogue, dialogue.learning(True)).backward()
        else:
            (-policy.log_policy(dialogue).mean()).backward()
        gradients.append(model.head.weight.grad)
    weight = reinforced().rewards(dialogue).mean() * (1 + 0.5 + 0.25 + 0.125)
    assert gradients[0].allclose(gradients[2], atol=1e-6)
    assert gradients[1].allclose(weight * gradients[2], atol=1e-5)


def test_returns_to_go_weigh_a_turn_by_what_follows(make, world, converse):
    dialogue = converse(make("pmmir_gru").eval(), world)
    policy = reinforced(returns="to_go")
    rewards, total = policy.rewards(dialogue), 0.0
    log_policy = policy.log_policy(dialogue)
    for turn in range(rewards.shape[1]):
        ahead = sum(0.5**k * rewards[:, turn + k] for k in range(rewards.shape[1] - turn))
        total = total + log_policy[:, turn] * ahead
    dialogue.generator.manual_seed(3)
    loss = policy.loss(dialogue, dialogue.learning(True))
    assert loss.item() == pytest.approx(-total.mean().item() / rewards.shape[1], rel=1e-4)


@pytest.mark.parametrize("name", ["negatives", "placebo", "returns"])
def test_an_unknown_word_is_refused(name):
    with pytest.raises(ValueError, match=f"{name}='nearest': take"):
        reinforced(**{name: "nearest"})

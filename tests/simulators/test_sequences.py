"""Environments that score sequences: vectorised as a loop over episodes has it, and what policies know of them."""

import pytest
import torch

from recloop.models.backbones.sasrec import SASRec
from recloop.models.online.state import Environment, KnownWorld
from recloop.simulators.sequences import JudgedScores, PreferredScores, ScoredItems

ITEMS = 12
RULES = {"highest": 5.0, "window": 3, "alike_window": 2, "alike": 0.5, "cap": 8, "first": "own"}


@pytest.fixture
def scorer():
    torch.manual_seed(4)
    it = SASRec(ITEMS, dim=6, length=4, dropout=0.0)
    torch.nn.init.normal_(it.embedding.weight[:ITEMS].data)
    torch.nn.init.normal_(it.position)
    return it.eval()


def world(scorer, made=ScoredItems, episodes=9, **changes):
    firsts = torch.arange(30) % ITEMS
    given = {"episodes": episodes, "memory": 3} | RULES | changes
    return made(scorer, firsts, torch.ones(ITEMS, dtype=torch.long), **given)


@torch.no_grad()
def by_hand(scorer, history, item):
    """Score one item after one history, and check it against each recent item in turn."""
    table = scorer.embedding.weight
    state = scorer(torch.tensor([history[-4:]]))[0, -1]
    reward = 5.0 * torch.sigmoid(state @ table[item])
    near = [torch.cosine_similarity(table[item], table[one], dim=0) > 0.5 for one in history[-2:]]
    return reward.item(), item in history[-3:] or any(near)


def test_all_episodes_at_once_are_as_one_after_the_other(scorer):
    it, chance = world(scorer), torch.Generator().manual_seed(7)
    it.reset(options={"users": torch.arange(9)})
    histories = [[int(it.firsts[user])] for user in range(9)]
    for _ in range(7):
        action = torch.randint(ITEMS, (9,), generator=chance)
        values, tiring = it.values(), it.tiring()
        _, reward, left, _, _ = it.step(action)
        for row, history in enumerate(histories):
            expected = by_hand(scorer, history, int(action[row]))
            assert reward[row].item() == pytest.approx(expected[0], abs=1e-5)
            assert left[row].item() == expected[1]
            assert values[row, action[row]].item() == pytest.approx(expected[0], abs=1e-5)
            assert tiring[row, action[row]].item() == expected[1]
            history.append(int(action[row]))


def test_an_episode_begins_with_an_item_of_its_user(scorer):
    it = world(scorer)
    seen, _ = it.reset(options={"users": torch.arange(9)})
    assert torch.equal(seen.items[:, -1], it.firsts[:9])
    it.step(torch.arange(9))
    over = torch.arange(9) == 2
    it.reset(options={"users": torch.full((9,), 20), "reset_mask": over})
    assert it.history[2].tolist() == [ITEMS] * 3 + [int(it.firsts[20])]
    assert it.history[1, -2:].tolist() == [int(it.firsts[1]), 1]


def test_it_is_an_environment_with_a_state(scorer):
    it, other = world(scorer, seed=3), world(scorer, seed=8)
    assert isinstance(it, Environment)
    assert {"values", "tiring", "popularity"} <= {*dir(it)} & {*dir(KnownWorld), "popularity"}
    it.reset()
    it.step(torch.arange(9))
    other.load_state({name: one.clone() for name, one in it.state().items()})
    assert torch.equal(it.step(torch.arange(9))[1], other.step(torch.arange(9))[1])
    assert torch.equal(it.reset()[0].items, other.reset()[0].items)


def test_a_judge_takes_what_is_expected_most(scorer):
    it = world(scorer, PreferredScores, kind="true", least=0.0)
    it.reset()
    candidates = torch.tensor([[0, 3, 5, 7]]).repeat(9, 1)
    rewards = it.rewards_of(candidates)
    unseen = rewards.masked_fill(candidates == it.seen[:, -1:], -1.0)
    _, reward, left, _, info = it.step(candidates)
    assert torch.equal(info["action"], candidates.gather(1, unseen.argmax(1)[:, None])[:, 0])
    assert reward.tolist() == [1.0] * 9
    assert not left.any()
    none = world(scorer, PreferredScores, kind="true", least=5.0)
    none.reset()
    assert none.step(candidates)[1].tolist() == [0.0] * 9
    dealt = world(scorer, PreferredScores, kind="random", least=0.0).dealt
    assert sorted(dealt.tolist()) == [*range(ITEMS)] != dealt.tolist()
    with pytest.raises(ValueError, match="kind='guessed'"):
        world(scorer, PreferredScores, kind="guessed", least=0.0)


def test_a_language_model_chooses_and_users_reward(scorer):
    liked = torch.zeros(30, ITEMS)
    liked[:, 5] = 1.0
    it, plain = world(scorer, JudgedScores, liked=liked), world(scorer)
    for one in (it, plain):
        one.reset(options={"users": torch.arange(9)})
    told = it.step(torch.tensor([[1, 5, 2]]).repeat(9, 1))
    rated = plain.step(told[4]["action"])
    assert (told[4]["action"] == 5).sum() == 8  # user 5 has just seen it
    assert torch.equal(told[1], rated[1])
    assert torch.equal(told[2], rated[2])

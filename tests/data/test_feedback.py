"""Answers of an environment beside the steps they are about, and rewards brought to a size."""

import pytest
import torch

from recloop.data.batches import Batch
from recloop.data.feedback import Feedback, moments, scaled

ITEMS = 9


@pytest.fixture
def windows():
    return Batch.whole(torch.tensor([[1, 2, 3], [4, 5, ITEMS], [6, 7, 8]]))


def answers(steps=5):
    rewards = torch.arange(2.0 * steps).view(steps, 2)
    return {"states": rewards, "rewards": rewards, "negatives": torch.arange(steps)[:, None]}


def test_each_step_gets_its_own_answers_in_any_order(windows):
    choices = {"chosen": torch.arange(5) + 1, "chosen_rewards": torch.arange(5.0)}
    found = Feedback(windows, ITEMS, answers(), choices, "raw").take(torch.tensor([2, 0]))
    assert found.session.tolist() == [[6, 7], [1, 2]]
    assert found.negatives[:, 0].tolist() == [3, 4, 0, 1]
    assert found.rewards[:, 0].tolist() == [6, 8, 0, 2]
    assert found.states[:, 1].tolist() == [7, 9, 1, 3]
    assert found.chosen.tolist() == [4, 5, 1, 2]


def test_where_nobody_was_asked_there_is_padding_and_no_column(windows):
    found = Feedback(windows, ITEMS, {}, {}).take(torch.tensor([1]))
    assert found.chosen.tolist() == [ITEMS]
    assert found.states.shape == found.rewards.shape == (1, 0)


def test_answers_to_another_log_are_refused(windows):
    with pytest.raises(ValueError, match="states: answers to 4 steps, the training part has 5"):
        Feedback(windows, ITEMS, answers(4), {})


def test_rewards_are_brought_to_a_size():
    rewards = torch.tensor([[100.0, 90.0], [110.0, 100.0]])
    about = moments(rewards)
    assert scaled(rewards, **about, scale="standard").mean().item() == pytest.approx(0, abs=1e-6)
    assert scaled(rewards, **about, scale="standard").std().item() == pytest.approx(1)
    assert scaled(rewards, **about, scale="sigmoid")[0, 0].item() == pytest.approx(0.5)
    assert torch.equal(scaled(rewards, **about, scale="raw"), rewards)
    with pytest.raises(ValueError, match="scale='log'"):
        scaled(rewards, **about, scale="log")

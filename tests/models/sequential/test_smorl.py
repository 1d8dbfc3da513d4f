"""SMORL: SQN with three objectives, two of them about what is recommended."""

import pytest
import torch

from recloop.data.batches import cut
from recloop.models.backbones.sasrec import SASRec
from recloop.models.sequential.smorl import SMORL
from recloop.models.sequential.sqn import SQN


@pytest.fixture
def new(facts):
    def new(**settings):
        torch.manual_seed(1)
        return SMORL(
            lambda: SASRec(facts["items"], dim=8, length=facts["length"]),
            **{name: facts[name] for name in ("items", "item_vectors", "item_counts")} | settings,
        )

    return new


@pytest.fixture
def batch(sessions, facts):
    return cut(sessions([2, 5, 9, 4, 6, 1, 0, 3, 8], [7, 3]), facts["length"], facts["items"])


@pytest.mark.parametrize("seed", range(4))  # both sides of the coin
def test_with_accuracy_alone_it_is_sqn(new, batch, facts, seed):
    smorl = new(objective_weights=(1.0, 0.0, 0.0), q_weight=1.0)
    sqn = SQN(lambda: SASRec(facts["items"], dim=8, length=facts["length"]), facts["items"])
    sqn.networks.load_state_dict(smorl.networks.state_dict(), strict=False)
    found = []
    for model in (smorl, sqn):
        torch.manual_seed(seed)
        found.append(model.loss(batch))
    assert torch.equal(*found)


def recommend(model, item):
    """Make the ranking heads recommend one item, whatever the session."""
    for network in model.networks:
        torch.nn.init.zeros_(network.rank.weight)
        network.rank.bias.data = torch.nn.functional.one_hot(torch.tensor(item), 20).float()


def step_of(model, batch):
    return model.step(*model.toss(), batch)


def test_diversity_is_the_distance_from_the_last_item_to_the_recommended(new, batch, facts):
    model = new()
    recommend(model, 9)
    reward = model.rewards(step_of(model, batch))[1]
    assert reward[2].abs() < 1e-6  # x_3 is item 9 itself
    vectors = facts["item_vectors"]
    cosine = vectors[2] @ vectors[9] / vectors[2].norm() / vectors[9].norm()
    torch.testing.assert_close(reward[0], 1 - cosine)


@pytest.mark.parametrize(("item", "reward"), [(0, 1.0), (17, 1.0), (18, 0.0), (19, 0.0)])
def test_novelty_is_whether_the_recommended_item_is_outside_the_most_popular_tenth(
    new, batch, item, reward
):
    model = new()
    recommend(model, item)
    assert (model.rewards(step_of(model, batch))[2] == reward).all()


def test_accuracy_pays_more_for_a_purchase(new, batch):
    model = new(click_reward=0.2, purchase_reward=1.0)
    step = step_of(model, batch)
    reward = model.rewards(step)[0]
    bought = step.taken % 2 == 1
    torch.testing.assert_close(reward[bought], torch.ones(5))
    assert (reward[~bought] == torch.tensor(0.2)).all()


@pytest.mark.parametrize("objective", range(3))
def test_each_reward_reaches_its_own_head_only(new, batch, monkeypatch, objective):
    model, plain, slopes = new(), SMORL.rewards, []
    for extra in (0.0, 5.0):

        def rewards(step, extra=extra):
            found = plain(model, step)
            found[objective] += extra
            return found

        monkeypatch.setattr(model, "rewards", rewards)
        model.zero_grad()
        torch.manual_seed(3)
        model.loss(batch).backward()
        learns = next(net for net in model.networks if net.rank.weight.grad is not None)
        heads = [learns.rank, *learns.values]
        slopes.append([head.weight.grad.clone() for head in heads])
    same = [torch.equal(*pair) for pair in zip(*slopes, strict=True)]
    assert same == [True] + [head != objective for head in range(3)]


def test_one_action_maximises_the_weighted_sum_of_values(new):
    network = new().networks[0]
    states, weights = torch.randn(50, 8), torch.tensor([1.0, 0.5, 2.0])
    values = torch.stack([value(states) for value in network.values])
    expected = (weights[:, None, None] * values).sum(0).argmax(1)
    assert torch.equal(network.best_item(states, weights), expected)


def test_vectors_are_frozen(new):
    model = new()
    assert "vectors" not in dict(model.named_parameters())
    assert "vectors" in model.state_dict()

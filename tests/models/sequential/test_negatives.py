"""SNQN, SA2C and DQN-NS: negatives, the advantage and the off-policy correction."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from recloop.models.sequential.dqn_ns import DQN_NS
from recloop.models.sequential.sa2c import SA2C
from recloop.models.sequential.snqn import SNQN
from recloop.models.sequential.sqn import SQN

COUNTS = torch.tensor([60, 30, 10])
MAIN = [[0.0, 1.0, 2.0], [4.0, 3.0, 0.0], [1.0, 1.5, 5.0]]
TARGET = [[7.0, 8.0, 9.0], [10.0, 20.0, 30.0], [0.5, 0.25, 0.125]]
RANK = [[0.0, 0.5, 1.0], [0.0, 1.0, 0.9], [0.0, 0.0, 0.0]]
VALUES = torch.tensor([[[3.0, 0.0, 0.0], [0.0, 3.0, 0.0], [9.0, 0.0, 0.0]]])


@pytest.fixture
def new(tabular, fill, network_0):
    def new(kind, **settings):
        counts = {"item_counts": COUNTS} if issubclass(kind, SA2C) else {}
        model = tabular(kind, 3, **counts, **settings)
        fill(model.networks[0], MAIN)
        fill(model.networks[1], TARGET)
        if kind is not DQN_NS:
            model.networks[0].rank.weight.data = torch.tensor(RANK).T.contiguous()
        return model

    return new


@pytest.fixture
def batch(steps):
    return steps([0, 1, 3], [1, 2, 3], purchase=[1, 0, 0])


def loss(model, batch):
    torch.manual_seed(5)
    return model.loss(batch)


def test_negatives_are_never_the_positive_and_uniform_over_the_rest(tabular):
    taken = torch.arange(20).repeat(4000)
    torch.manual_seed(0)
    actions = tabular(SNQN, 20, negatives=3).actions(taken)
    assert torch.equal(actions[:, 0], taken)
    drawn = actions[:, 1:]
    assert drawn.shape == (len(taken), 3)
    assert (drawn != taken[:, None]).all()
    counts = torch.zeros(20, 20).index_put_(
        (taken[:, None].expand_as(drawn), drawn), torch.tensor(1.0), accumulate=True
    )
    off = counts[~torch.eye(20, dtype=torch.bool)]
    expected = 4000 * 3 / 19
    chi_square = ((off - expected) ** 2 / expected).sum()
    assert chi_square < 380 + 5 * (2 * 380) ** 0.5  # degrees of freedom, five standard deviations


def test_a_negative_leaves_the_state_as_it_is(new, batch):
    model = new(SNQN, negatives=2, negative_reward=-0.5)
    targets = model.targets(model.step(*model.toss(), batch))[0]
    # At 0 the main network prefers item 2, at 1 item 0; at the end a negative still has a future.
    stay = [-0.5 + 0.5 * TARGET[0][2], -0.5 + 0.5 * TARGET[1][0]]
    expected = [[1.0 + 0.5 * TARGET[1][0], stay[0], stay[0]], [0.2, stay[1], stay[1]]]
    torch.testing.assert_close(targets, torch.tensor(expected))


def test_snqn_is_sqn_plus_the_errors_of_negatives(new, batch):
    model = new(SNQN, negatives=4)
    torch.manual_seed(5)
    step = model.step(*model.toss(), batch)
    gaps = model.targets(step) - step.values
    expected = 0.5 * gaps[0, :, 1:].square().sum(1).mean()
    assert not gaps[0, :, 1:].eq(gaps[0, :, :1]).any()
    torch.testing.assert_close(loss(model, batch) - loss(new(SQN), batch), expected)


def test_dqn_ns_is_what_snqn_has_beside_imitation(new, batch):
    snqn = new(SNQN, negative_reward=-1.0)
    imitation = cross_entropy(torch.tensor(RANK)[:2], torch.tensor([1, 2]))
    torch.testing.assert_close(loss(new(DQN_NS), batch), loss(snqn, batch) - imitation)


def test_advantage_is_zero_where_all_actions_are_worth_the_same(new):
    assert (new(SA2C).critic(torch.full((1, 4, 11), 2.5)) == 0).all()


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({"advantage_limit": 4.0}, [2.0, 0.0, 4.0]),
        ({"advantage_low": -0.5}, [2.0, -0.5, 6.0]),
        ({"advantage_low": None, "advantage_limit": 4.0}, [2.0, -1.0, 6.0]),
    ],
)
def test_advantage_by_hand(new, limits, expected):
    assert new(SA2C, **limits).critic(VALUES).tolist() == expected


def test_sa2c_is_snqn_until_it_is_warm(new, batch):
    model, snqn = new(SA2C, warm_up=2), new(SNQN)
    for _ in range(2):
        assert loss(model, batch) == loss(snqn, batch)
    assert loss(model, batch) != loss(snqn, batch)
    fresh = new(SA2C, warm_up=2)
    fresh.load_state_dict(model.state_dict())
    assert fresh.updates == 3


def test_without_an_exponent_nothing_is_corrected(new):
    ratio = new(SA2C, correction=0.0).ratio(torch.tensor([0.0, 0.2, 1.0]), torch.arange(3))
    assert (ratio == 1).all()


def test_ratio_by_hand_and_its_limits(new):
    chances, items = torch.tensor([0.3, 0.01, 0.999, 0.09]), torch.tensor([0, 0, 2, 1])
    expected = torch.tensor([0.5, 0.1, 9.99, 0.3])
    found = new(SA2C, correction=1.0).ratio(chances, items)
    torch.testing.assert_close(found, expected)
    found = new(SA2C, correction=0.5).ratio(chances, items)
    torch.testing.assert_close(found, expected.sqrt())


def test_corrected_imitation_by_hand(new, batch):
    settings = {"warm_up": 0, "advantage_low": None}
    plain, corrected = (new(SA2C, correction=power, **settings) for power in (0.0, 1.0))
    gap = loss(corrected, batch) - loss(plain, batch)
    torch.manual_seed(5)
    step = plain.step(*plain.toss(), batch)
    chances = torch.tensor(RANK)[:2].softmax(1)[[0, 1], [1, 2]]
    ratio = (chances / torch.tensor([0.3, 0.1])).clamp(0.1, 10)
    expected = (plain.critic(step.values) * (ratio - 1) * -chances.log()).mean()
    torch.testing.assert_close(gap, expected)
    assert gap != 0


def test_an_item_of_no_training_event_counts_as_seen_once(tabular):
    model = tabular(SA2C, 3, item_counts=torch.tensor([3, 0, 1]))
    assert model.popularity.tolist() == [0.75, 0.25, 0.25]

"""What learners make of logs whose truth is known: small decisions, a shift to be resisted, ratios of a chain."""

import pytest
import torch
from learners import CRITIC, SHAPE, bandit, learn, policy

from recloop.models.offline.bcq import BCQ
from recloop.models.offline.estimators import weighted_return
from recloop.models.offline.imitation import Imitation
from recloop.models.offline.learner import Sessions, returns_of
from recloop.models.offline.mopo import MOPO
from recloop.models.offline.off_policy import OffPolicy
from recloop.models.offline.offline import Offline
from recloop.models.offline.shelf import Shelf

OFFLINE = CRITIC | {"alpha": 2.0, "penalty": "log_sum_exp"}


def test_without_alpha_conservative_learning_is_off_policy_learning():
    batch = bandit([0, 1, 2, 2], [1.0, 0.0, 2.0, 1.5], turns=3)
    for penalty in ("policy", "log_sum_exp"):
        torch.manual_seed(0)
        plain = OffPolicy(**CRITIC)
        torch.manual_seed(0)
        same = Offline(**OFFLINE | {"alpha": 0.0, "penalty": penalty})
        assert torch.equal(plain.loss(batch), same.loss(batch))
        one, other = (learn(model, batch, updates=5) for model in (plain, same))
        for name, weight in one.state_dict().items():
            assert torch.equal(weight, other.state_dict()[name]), name


def test_the_penalty_is_what_equation_6_prints():
    torch.manual_seed(1)
    model = Offline(**OFFLINE | {"penalty": "policy"})
    batch = bandit([3, 1], [0.0, 0.0])
    turns, _ = model.prepared(batch, None)
    values = model.values(turns.state)[:, 0]
    mine = model.log_policy(turns.state)[:, 0].exp()
    by_hand = ((mine * values).sum(1) - values[torch.arange(2), torch.tensor([3, 1])]).mean()
    torch.testing.assert_close(model.excess(turns), by_hand)


def test_a_critic_learns_the_values_of_a_chain():
    """Two turns with reward 1 at 0 and 0 at 1, actions alike likely: what is not logged of them is nothing."""
    torch.manual_seed(0)
    batch = bandit([0, 1], [1.0, 0.0])
    model = OffPolicy(**CRITIC | {"sizes": [2]})
    learn(model, batch, updates=400)
    values = model.values(model.tracker.start(1))[0, 0].detach()
    torch.testing.assert_close(values, torch.tensor([1.0, 0.0]), atol=0.05, rtol=0)
    # the policy is exp(Q / temperature), normalised
    torch.testing.assert_close(policy(model), (values / 0.2).softmax(0), atol=0.05, rtol=0)


def optimistic(model):
    """Let a critic think well of what the log never shows, as function approximation may."""
    with torch.no_grad():
        model.critic[-1].weight.mul_(0.1)
        model.critic[-1].bias.copy_(torch.tensor([0.0, 0.0, 0.0, 12.0]))
        model.target["critic"].load_state_dict(model.critic.state_dict())
    return model


def test_without_correction_a_shift_misleads_and_with_it_not():
    """The log never shows action 3, which the critic overrates: nothing in the log says that it is bad."""
    batch = bandit([0, 1, 2, 2], [0.0, 0.2, 1.0, 1.0])
    torch.manual_seed(0)
    misled = learn(optimistic(OffPolicy(**CRITIC)), batch, rate=0.01)
    torch.manual_seed(0)
    careful = learn(optimistic(Offline(**OFFLINE)), batch, rate=0.01)
    assert policy(misled)[3] > 0.9
    assert policy(careful)[3] < 0.05
    assert policy(careful).argmax() == 2


def test_bcq_keeps_to_what_is_likely():
    batch = bandit([0, 1, 2, 2], [0.0, 0.2, 1.0, 1.0])
    torch.manual_seed(0)
    model = learn(optimistic(BCQ(**CRITIC, threshold=0.3)), batch)
    assert policy(model)[3] < 1e-6
    assert policy(model).argmax() == 2


def test_imitation_does_what_was_done_or_what_went_well():
    batch = bandit([0, 0, 0, 2], [0.0, 0.0, 0.1, 1.0])
    torch.manual_seed(0)
    everything = policy(learn(Imitation(**SHAPE, successful=False), batch))
    torch.testing.assert_close(everything[:3], torch.tensor([0.75, 0.0, 0.25]), atol=0.03, rtol=0)
    torch.manual_seed(0)
    better = policy(learn(Imitation(**SHAPE, successful=True), batch))
    assert better[0] == pytest.approx(0.5, abs=0.05)


def test_returns_are_discounted_to_the_end_of_the_session():
    batch = bandit([0, 0], [1.0, 2.0], turns=3)
    found = returns_of(batch, 0.5)
    assert found.tolist() == [1.75, 1.5, 1.0, 3.5, 3.0, 2.0]


REWARD = torch.tensor([[1.0, 1.0], [3.0, 0.0]])
REAL = torch.tensor([[True, True], [True, False]])


@pytest.mark.parametrize(
    ("log_ratio", "expected"),
    [
        ([[0.0, 0.0], [0.0, 0.0]], 2.0 + 0.5 * 0.5),  # as likely as in the log: plain means
        ([[3.0, 3.0], [1.0, 1.0]], 1.5 + 0.5 * 0.75),  # weights of 3 and 1, in logarithms below
        (
            [[-900.0, -2000.0], [-1000.0, -1000.0]],
            1.0 + 0.0,
        ),  # nothing is likely: the least unlikely session
    ],
)
def test_weights_of_importance_add_up_to_one(log_ratio, expected):
    ratio = torch.tensor(log_ratio)
    ratio = ratio.log() if log_ratio[0][0] == 3.0 else ratio
    assert weighted_return(ratio, REWARD, REAL, 0.5) == pytest.approx(expected)


# -- a log of experts and of novices -----------------------------------------------------------------------------------

EXPERTS, TURNS = 0.3, 2


def mixed(sessions, experts, seed=0):
    """Make sessions of two turns and two attributes of four values; content is who sees 2, 2 in both turns.

    An expert always knows it, a novice never does. What is seen of a turn says whether it was right.
    """
    generator = torch.Generator().manual_seed(seed)
    action = torch.randint(4, (sessions, TURNS, 2), generator=generator)
    action[: int(experts * sessions)] = 2
    right = (action == 2).all(-1)
    seen = torch.stack([right, ~right], dim=-1).float()
    reward = torch.stack([torch.zeros(sessions), right.all(1).float()], dim=1)
    ends = torch.tensor([False, True]).expand(sessions, TURNS)
    return Sessions(seen, seen * 0, action, reward, ends, torch.ones_like(ends))


@torch.no_grad()
def chance_of_content(model):
    """Compute exactly how likely a policy is to be right twice."""
    first = model.tracker.start(1)
    right = torch.tensor([[1.0, 0.0]])
    states = torch.cat([first, model.tracker.advance(first, right, right * 0)])
    return float(model.log_policy(states)[:, :, 2].sum().exp())


def test_conservative_learning_beats_imitation_of_a_mixed_log_and_not_of_experts():
    """Imitation of the mean is right in each attribute as often as the mixture, and thus seldom in all of them."""
    values, found = {"sizes": [4, 4]}, {}
    for name, experts in (("mixed", EXPERTS), ("experts", 1.0)):
        batch = mixed(120, experts)
        for learner in (
            Imitation(**SHAPE | values, successful=False),
            Offline(**OFFLINE | values | {"alpha": 0.1, "temperature": 0.05}),
        ):
            torch.manual_seed(0)
            learner.calibrate(returns_of(batch, 0.9))
            found[name, type(learner)] = chance_of_content(learn(learner, batch, updates=150))
    share = EXPERTS + (1 - EXPERTS) / 4  # of right values in a first turn
    assert found["mixed", Imitation] < share**2
    assert found["mixed", Offline] > 0.9
    assert found["experts", Imitation] > 0.95
    assert found["experts", Offline] > 0.9


# -- models of users ---------------------------------------------------------------------------------------------------


def test_imagined_turns_are_valued_where_the_target_stands():
    """One item, one sentence, users who never leave: both trackers go on alike, each with its own weights."""
    torch.manual_seed(0)
    model = MOPO(**CRITIC, models=2, model_hidden=4, horizon=2, uncertainty=0.5)
    shelf = Shelf.of(
        torch.tensor([0]), torch.tensor([[0.3, -0.2]]), torch.tensor([[1]]), model.space
    )
    sentence = torch.tensor([[0.5, 0.1]])
    model.meet(shelf, sentence)
    with torch.no_grad():
        for one in model.target["tracker"].parameters():
            one.add_(0.3)
        for one in model.users:
            one.layers[-1].weight.zero_()
            one.layers[-1].bias.copy_(torch.tensor([2.0, 0.0, -100.0, 0.5, 0.1]))
    turns, later = model.prepared(bandit([0, 1], [0.0, 0.0], turns=2), None)
    mine, theirs = model.begun(turns, later, 2)
    assert len(mine) == 4  # two first states, two after turns that are not the last
    assert not torch.equal(mine, theirs)
    (first, beyond), (second, farther) = model.imagine(mine, theirs)
    seen, heard = shelf.vectors.expand(4, -1), sentence.expand(4, -1)
    torch.testing.assert_close(first.after, model.tracker.advance(mine, seen, heard))
    torch.testing.assert_close(beyond, model.target["tracker"].advance(theirs, seen, heard))
    torch.testing.assert_close(second.state, first.after)
    torch.testing.assert_close(farther, model.target["tracker"].advance(beyond, seen, heard))
    # mean less uncertainty times the deviation, in units of the temperature
    torch.testing.assert_close(first.reward, torch.full((4,), (2.0 - 0.5 * 1.0) * 0.2))


# -- distribution corrections: two states and two actions, whose visits are known --------------------------------------

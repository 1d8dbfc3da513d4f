"""LEA by hand: an environment's rewards and states in the TD errors, refused and chosen actions, and nobody asked."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from recloop.data.batches import Batch
from recloop.data.feedback import Answered
from recloop.models.sequential.lea import LEASA2C, LEASNQN, Augmented, ByState
from recloop.models.sequential.snqn import SNQN

ITEMS, NOBODY = 4, 4
PLAIN = {"negatives": 1, "click_reward": 1.0, "purchase_reward": 1.0}
ALONE = {"supervised_weight": 0.0, "value_weight": 0.0}


@pytest.fixture
def answered(steps):
    """A session 0, 1, 2: at each step an environment refuses item 3 and chooses item 0 (or nobody chose)."""

    def make(chosen=0, dim=2):
        plain = steps([0, 1], [1, 2])
        fields = [getattr(plain, name) for name in Batch.__dataclass_fields__]
        states = torch.tensor([[1.0, 3.0], [3.0, 1.0]])[:, :dim]
        rewards = torch.tensor([[0.5, 0.25], [0.75, 0.125]])
        negatives, picks = torch.tensor([[3], [3]]), torch.tensor([chosen, chosen])
        return Answered(*fields, states, rewards, negatives, picks, torch.tensor([0.4, 0.6]))

    return make


@pytest.fixture
def table(tabular, fill):
    """Give a function that makes a model whose values of state and item are tables."""

    def make(kind=LEASNQN, **settings):
        model = tabular(kind, ITEMS, **{**PLAIN, "state": "hidden", "discount": 0.5, **settings})
        rows = [[0.1 * (5 * s + a) for a in range(ITEMS)] for s in range(ITEMS)]
        for network in model.networks:
            fill(network, rows)
        return model

    return make


def q(state, item):
    return 0.1 * (5 * state + item)


def test_the_environments_rewards_by_hand(table, answered, network_0):
    model = table(**ALONE)
    (roles,) = model.turns()
    step = model.step(*roles, answered())
    assert step.actions.tolist() == [[1, 3, 0], [2, 3, 0]]
    best = {0: q(0, 3), 1: q(1, 3)}  # of each state
    # taken: r + 0.5 max Q(s', .), the last step ends the session; refused: the state stays
    targets = [[0.5 + 0.5 * best[1], 0.25 + 0.5 * best[0]], [0.75, 0.125 + 0.5 * best[1]]]
    assert torch.allclose(model.targets(step)[0, :, :2], torch.tensor(targets))
    off = [
        [targets[0][0] - q(0, 1), targets[0][1] - q(0, 3)],
        [targets[1][0] - q(1, 2), targets[1][1] - q(1, 3)],
    ]
    expected = sum(0.5 * x**2 for row in off for x in row) / 2
    assert model.errors(step).item() == pytest.approx(expected, abs=1e-6)


def test_a_refused_action_never_moves_the_state(table, answered, network_0):
    model = table(**ALONE)
    (roles,) = model.turns()
    here, batch = model.step(*roles, answered()), answered()
    moved = model.networks[0].values[0].weight.detach().clone()
    before = model.targets(here)[0, 0, 1].item()
    with (
        torch.no_grad()
    ):  # what the next state is worth changes what was taken, not what was refused
        for network in model.networks:
            network.values[0].weight[:, 1] += 10.0
    after = model.targets(model.step(*roles, batch))[0, 0]
    assert after[1].item() == pytest.approx(before)
    assert after[0].item() > 4 + before
    assert not torch.equal(moved, model.networks[0].values[0].weight)


def test_a_chosen_action_leads_to_the_logged_next_state(table, answered, network_0):
    model, plain = table(value_weight=0.1, supervised_weight=0.0), table(**ALONE)
    batch, found = answered(), []
    for one in (model, plain):
        (roles,) = one.turns()
        found.append(one.errors(one.step(*roles, batch)).item())
    off = [0.4 + 0.5 * q(1, 3) - q(0, 0), 0.6 - q(1, 0)]  # Eq. 6.14
    assert found[0] - found[1] == pytest.approx(0.1 * sum(0.5 * x**2 for x in off) / 2, abs=1e-6)


def test_chosen_actions_are_imitated_too(table, answered, network_0):
    model, batch = table(supervised_weight=0.5, value_weight=0.0), answered()
    with torch.no_grad():
        model.networks[0].rank.weight.copy_(torch.arange(16.0).view(4, 4) / 7)
    (roles,) = model.turns()
    step = model.step(*roles, batch)
    scores = model.networks[0].rank(step.hidden)
    expected = cross_entropy(scores, torch.tensor([1, 2])) + 0.5 * cross_entropy(
        scores, torch.tensor([0, 0])
    )
    assert model.imitation(step).item() == pytest.approx(expected.item(), abs=1e-5)


def test_chosen_actions_wait_for_their_update(table, answered, network_0):
    early, never = table(augmented_after=1), table(**ALONE)
    losses = [[one.loss(answered()).item() for one in (early, never)] for _ in range(2)]
    assert losses[0][0] == pytest.approx(losses[0][1])
    assert losses[1][0] > losses[1][1]


def test_without_an_environment_it_is_snqn(table, tabular, fill, answered, network_0, monkeypatch):
    monkeypatch.setattr(
        torch, "randint", lambda *_, **__: torch.tensor([[2], [1]])
    )  # of three others
    mine, theirs = table(reward="constant", **ALONE), tabular(SNQN, ITEMS, discount=0.5, **PLAIN)
    for network, other in zip(theirs.networks, mine.networks, strict=True):
        network.load_state_dict(other.state_dict())
    assert mine.loss(answered(NOBODY)).item() == pytest.approx(theirs.loss(answered(NOBODY)).item())


@pytest.mark.parametrize(("state", "width"), [("environment", ITEMS), ("both", 2 * ITEMS)])
def test_values_read_the_environments_state_and_the_ranking_does_not(answered, state, width):
    torch.manual_seed(1)
    model = LEASNQN(
        backbone=lambda: Last(ITEMS), items=ITEMS, state_dim=2, state=state, **PLAIN, **ALONE
    )
    network = model.networks[0]
    assert network.values[0].in_features == width
    assert network.rank.in_features == ITEMS
    batch, other = answered(), answered()
    object.__setattr__(other, "states", other.states.flip(0))
    steps = [model.step(network, model.networks[1], one) for one in (batch, other)]
    assert torch.equal(steps[0].hidden, steps[1].hidden)
    assert not torch.allclose(steps[0].values, steps[1].values)


@pytest.mark.parametrize(("projection", "same"), [("normed", True), ("linear", False)])
def test_the_size_of_a_state_counts_only_where_nothing_norms_it(answered, projection, same):
    torch.manual_seed(1)
    model = LEASNQN(
        backbone=lambda: Last(ITEMS),
        items=ITEMS,
        state_dim=2,
        projection=projection,
        **PLAIN,
        **ALONE,
    )
    batch, larger = answered(), answered()
    object.__setattr__(larger, "states", larger.states * 10)
    own, other = (model.step(*model.networks, one).values for one in (batch, larger))
    assert torch.allclose(own, other, atol=1e-3) is same


class Last(torch.nn.Module):
    """The last item, through a layer that learns."""

    def __init__(self, items):
        super().__init__()
        self.dim, self.layer = items, torch.nn.Embedding(items + 1, items)

    def forward(self, session):
        return self.layer(session)


def test_the_environments_state_alone_teaches_the_host_through_the_advantage_only(answered):
    torch.manual_seed(2)
    grown = []
    for kind, more in (
        (LEASNQN, {}),
        (LEASA2C, {"item_counts": torch.ones(ITEMS, dtype=torch.long), "warm_up": 0}),
    ):
        torch.manual_seed(3)
        settings = PLAIN | {"supervised_weight": 0.0, "value_weight": 1.0, "updated": "one"} | more
        model = kind(
            backbone=lambda: Last(ITEMS), items=ITEMS, state_dim=2, state="environment", **settings
        )
        network = model.networks[0]
        step = model.step(network, model.networks[1], answered())
        model.errors(step).sum().backward()
        assert all(one.grad is None or not one.grad.any() for one in network.backbone.parameters())
        model.updates += 1
        grown.append(model.imitation(step).item())
    assert grown[0] != pytest.approx(grown[1])


def test_the_advantage_is_over_what_was_taken_and_refused(table, answered, network_0):
    model = table(
        LEASA2C,
        item_counts=torch.ones(ITEMS, dtype=torch.long),
        warm_up=0,
        advantage_low=None,
        **ALONE,
    )
    (roles,) = model.turns()
    step = model.step(*roles, answered())
    scores = model.networks[0].rank(step.hidden)
    losses = cross_entropy(scores, step.taken, reduction="none")
    advantage = torch.tensor([(q(0, 1) - q(0, 3)) / 2, (q(1, 2) - q(1, 3)) / 2])  # Eq. 6.11
    assert model.imitation(step).item() == pytest.approx(
        (losses * advantage).mean().item(), abs=1e-6
    )


@pytest.mark.parametrize("update", [1, 2])
def test_chosen_actions_are_weighted_by_the_advantage_only_once_it_counts(
    table, answered, network_0, update
):
    model = table(
        LEASA2C,
        item_counts=torch.ones(ITEMS, dtype=torch.long),
        warm_up=1,
        advantage_low=None,
        advantage_chosen=True,
        supervised_weight=0.5,
        value_weight=0.0,
    )
    for _ in range(update):
        (roles,) = model.turns()
    step = model.step(*roles, answered())
    scores = model.networks[0].rank(step.hidden)
    taken, chosen = (
        cross_entropy(scores, torch.tensor(items), reduction="none") for items in ([1, 2], [0, 0])
    )
    advantage = torch.tensor([(q(0, 1) - q(0, 3)) / 2, (q(1, 2) - q(1, 3)) / 2])
    weights = advantage if update > 1 else torch.ones(2)
    expected = ((taken + 0.5 * chosen) * weights).mean().item()
    assert model.imitation(step).item() == pytest.approx(expected, abs=1e-6)


def test_a_drawn_negative_comes_with_its_own_reward(table, answered, network_0):
    model, batch = table(negatives=8, **ALONE), answered()
    object.__setattr__(batch, "negatives", torch.tensor([[3, 2], [3, 0]]))
    object.__setattr__(batch, "rewards", torch.tensor([[0.5, 0.25, 0.375], [0.75, 0.125, 0.875]]))
    (roles,) = model.turns()
    step = model.step(*roles, batch)
    known = [{3: 0.25, 2: 0.375}, {3: 0.125, 0: 0.875}]
    for row, (actions, rewards) in enumerate(zip(step.actions, step.rewards, strict=True)):
        assert rewards[1:-1].tolist() == [known[row][item] for item in actions[1:-1].tolist()]
        assert set(actions[1:-1].tolist()) == set(known[row])


def test_a_constant_reward_may_refuse_what_was_asked_about(table, answered, network_0):
    """The control of a reward: the negatives of a rewarded model, and SNQN's numbers for them."""
    model, batch = table(reward="constant", refused_of="asked", **ALONE), answered()
    (roles,) = model.turns()
    step = model.step(*roles, batch)
    assert step.actions[:, 1].tolist() == [3, 3]
    best = {0: q(0, 3), 1: q(1, 3)}  # of each state
    targets = [[1 + 0.5 * best[1], 0.5 * best[0]], [1, 0.5 * best[1]]]
    assert torch.allclose(model.targets(step)[0, :, :2], torch.tensor(targets))


def test_negatives_are_asked_about_where_they_are_rewarded(table, answered, network_0):
    object.__setattr__(batch := answered(), "negatives", torch.tensor([[0], [0]]))
    drawn = {}
    for reward in ("constant", "environment"):
        model = table(reward=reward, negatives=60, **ALONE)
        (roles,) = model.turns()
        drawn[reward] = [set(row[1:-1].tolist()) for row in model.step(*roles, batch).actions]
    assert drawn["environment"] == [{0}, {0}]
    assert drawn["constant"] == [{0, 2, 3}, {0, 1, 3}]  # any but what was taken


def test_the_plain_model_imitates_what_was_chosen(answered):
    torch.manual_seed(4)
    model = Augmented(lambda: Last(ITEMS), ITEMS, supervised_weight=0.25)
    scores = model.rank(model.backbone(torch.tensor([0, 1])))
    expected = cross_entropy(scores, torch.tensor([1, 2])) + 0.25 * cross_entropy(
        scores, torch.tensor([0, 0])
    )
    assert model.loss(answered()).item() == pytest.approx(expected.item(), abs=1e-6)


def test_items_are_ranked_by_their_nearness_to_the_state():
    states = lambda session, padding: torch.stack([session * 0, session], 2).float()  # noqa: E731
    model = ByState(ITEMS, states, torch.tensor([[9.0, 1], [9, 2], [9, 3], [9, -1]]))
    found = model.score(torch.tensor([[1, 2], [3, ITEMS]]))
    assert torch.equal(found, torch.tensor([[2.0, 4, 6, -2], [3, 6, 9, -3]]))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"state": "own"}, "state='own': expected one of hidden, both, environment"),
        ({"reward": "own", "state": "hidden"}, "reward='own'"),
        (
            {"projection": "own", "state": "hidden"},
            "projection='own': expected one of normed, linear",
        ),
        ({"refused_of": "own", "state": "hidden"}, "refused_of='own'"),
        ({"refused_of": "catalogue", "state": "hidden"}, "rewards what it was asked about"),
        ({"state": "both"}, "the environment has no states"),
        ({"state": "hidden", "advantage_chosen": True}, "SNQN has no advantage"),
    ],
)
def test_what_cannot_be_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        LEASNQN(backbone=lambda: Last(ITEMS), items=ITEMS, **settings)

"""PRL: returns of the log by hand, a prompt that reaches the scores, and one that cannot."""

import pytest
import torch

from recloop.data.batches import Batch, cut
from recloop.models.backbones.caser import Caser
from recloop.models.backbones.gru4rec import GRU4Rec
from recloop.models.backbones.sasrec import SASRec
from recloop.models.sequential.prl import PRL, normal, shuffled

BACKBONES = {
    "gru4rec": lambda items, length: GRU4Rec(items, dim=8),
    "caser": lambda items, length: Caser(items, dim=8, length=length, filters=2),
    "sasrec": lambda items, length: SASRec(items, dim=8, length=length),
}


@pytest.fixture
def new(facts):
    def new(backbone="sasrec", **settings):
        torch.manual_seed(1)
        items = facts["items"]
        return PRL(lambda: BACKBONES[backbone](items, facts["length"]), items, **settings)

    return new


@pytest.fixture
def bought():
    """One session: click, click, purchase."""
    return Batch.whole(torch.tensor([[3, 1, 4, 2]]), torch.tensor([[0, 0, 0, 1]]))


@pytest.fixture
def batch(sessions, facts):
    """Odd items are purchases; the first session has two pieces."""
    return cut(sessions([2, 5, 9, 4, 6, 1, 0, 3, 8], [7, 3]), facts["length"], facts["items"])


def test_returns_go_to_the_end_of_the_session(new, bought):
    returns, weights = new().logged(bought)
    torch.testing.assert_close(returns, torch.tensor([[1.4, 1.2, 1.0]]))
    torch.testing.assert_close(weights, torch.tensor([[0.2, 0.2, 1.0]]))


def test_returns_go_beyond_the_piece(new, batch):
    rewards = torch.tensor([1.0, 1.0, 0.2, 0.2, 1.0, 0.2, 1.0, 0.2])  # 5, 9, 4, 6, 1, 0, 3, 8
    expected = rewards.flip(0).cumsum(0).flip(0)
    returns, _ = new().logged(batch)
    torch.testing.assert_close(returns[0], expected[:6])
    torch.testing.assert_close(returns[1, :2], expected[6:])


@pytest.mark.parametrize(
    ("weight", "expected"), [("none", [1.0, 1.0, 1.0]), ("cumulative", [1.4, 1.2, 1.0])]
)
def test_weight_of_an_action(new, bought, weight, expected):
    _, weights = new(weight=weight).logged(bought)
    torch.testing.assert_close(weights[0], torch.tensor(expected))


def slope(model, session):
    """Differentiate the scores with respect to the wanted return."""
    wanted = torch.ones(len(session), requires_grad=True)
    states = model.eval().states(session)[:, -1]
    scores = model.rank(model.prompted(states, torch.zeros(len(session), dtype=torch.long), wanted))
    coefficients = torch.randn(scores.shape, generator=torch.Generator().manual_seed(2))
    return torch.autograd.grad((scores * coefficients).sum(), wanted, allow_unused=True)[0]


@pytest.mark.parametrize("combine", ["attention", "mean", "mlp"])
@pytest.mark.parametrize("backbone", BACKBONES)
def test_the_wanted_return_reaches_the_scores(new, backbone, combine):
    found = slope(new(backbone, combine=combine), torch.tensor([[1, 2, 3], [4, 5, 6]]))
    assert (found.abs() > 0).all()


@pytest.mark.parametrize("backbone", BACKBONES)
def test_a_dead_prompt_reaches_nothing(new, backbone, batch):
    model = new(backbone, prompt="dead")
    session, position = torch.tensor([[1, 2, 3], [4, 5, 6]]), torch.tensor([3, 3])
    assert slope(model, session) is None
    model.loss(batch)
    model.eval()
    one = model.score(session, position)
    model.ask = 50.0
    assert torch.equal(one, model.score(session, position + 7))


@pytest.mark.parametrize(("prompt", "obeys"), [("stack", True), ("dead", False)])
def test_asking_for_more_gives_what_earned_more(new, prompt, obeys):
    """After item 0 half of the users look at item 1, half buy item 2."""
    model = new("gru4rec", prompt=prompt, weight="none", dropout=0.0)
    batch = Batch.whole(torch.tensor([[0, 1], [0, 2]]), torch.tensor([[0, 0], [0, 1]]))
    optimiser = torch.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(100):
        optimiser.zero_grad()
        model.loss(batch).backward()
        optimiser.step()
    model.eval()
    chosen = []
    for ask in (0.2 / 0.6, 1.0 / 0.6):  # of the mean return, 0.6
        model.ask = ask
        chosen.append(model.score(torch.tensor([[0]]), torch.tensor([1])).argmax().item())
    assert (chosen == [1, 2]) == obeys


def test_asks_for_a_multiple_of_the_mean_return_at_the_step(new, bought):
    model, session = new(steps=3, ask=2.0), torch.tensor([[3, 1], [3, 1], [3, 1]])
    model.loss(bought)
    model.loss(Batch.whole(torch.tensor([[3, 1]])))  # a click
    steps = torch.tensor([0, 1, 2])
    expected = torch.tensor([1.4 + 0.2, 2 * 1.2, 2 * 1.0])
    torch.testing.assert_close(model.asked(session, steps), expected)


def test_a_step_never_met_counts_as_a_click(new):
    asked = new(ask=3.0).asked(torch.tensor([[3, 1]]), torch.tensor([4]))
    torch.testing.assert_close(asked, torch.tensor([0.6]))


def test_steps_beyond_the_last_share_it(new, batch):
    model = new(steps=4)
    model.loss(batch)
    assert model.return_count.tolist() == [2, 1, 1, 5]
    session = torch.tensor([[1, 2]])
    model.eval()
    assert torch.equal(*(model.score(session, torch.tensor([at])) for at in (4, 90)))
    assert not torch.equal(*(model.score(session, torch.tensor([at])) for at in (2, 4)))


def test_spread_hangs_on_the_session_alone(new):
    model, steps = new(ask=2.0, ask_spread=1.0), torch.zeros(2, dtype=torch.long)
    both = model.asked(torch.tensor([[1, 2, 20, 20], [3, 4, 5, 6]]), steps)
    assert both[0] != both[1]
    torch.testing.assert_close(both[:1], model.asked(torch.tensor([[1, 2]]), steps[:1]))
    drawn = normal(torch.randint(20, (4000, 5), generator=torch.Generator().manual_seed(1)), 20)
    assert abs(drawn.mean()) < 0.06
    assert abs(drawn.std() - 1) < 0.05


def test_relu_cuts_negative_channels(new):
    states, steps, wanted = torch.randn(5, 8), torch.zeros(5, dtype=torch.long), torch.ones(5)
    assert (new(relu=True).eval().prompted(states, steps, wanted) >= 0).all()
    assert (new().eval().prompted(states, steps, wanted) < 0).any()


@pytest.mark.parametrize(
    ("placebo", "logged"),
    [
        ("zero_reward", [0, 0, 0]),
        ("constant_target", [1, 1, 1]),
        ("auxiliary", [0.1, 0.2, 0.3]),
    ],
)
def test_a_placebo_is_told_nothing_of_rewards(new, bought, placebo, logged):
    returns, weights = new(placebo=placebo).logged(bought)
    torch.testing.assert_close(returns[0], torch.tensor(logged, dtype=torch.float))
    assert (weights == 1).all()


def test_shuffled_purchases_keep_their_number_and_the_sessions_their_length(batch, facts):
    real, places = batch.following != facts["items"], set()
    for seed in range(20):
        torch.manual_seed(seed)
        other = shuffled(batch, real)
        later = other.clicks_after + other.purchases_after
        assert torch.equal(later, batch.clicks_after + batch.purchases_after)
        total = other.purchase.sum() + other.purchases_after.sum()
        assert total == batch.purchase.sum() + batch.purchases_after.sum()
        assert (other.purchase[~real] == 0).all()
        places.add((*other.purchase[real].tolist(), *other.purchases_after.tolist()))
    assert len(places) > 10


def test_refuses_words_without_meaning(new):
    with pytest.raises(ValueError, match="prompt='alive': expected one of stack, dead"):
        new(prompt="alive")
    with pytest.raises(ValueError, match="placebo='sugar': expected one of none, zero_reward"):
        new(placebo="sugar")

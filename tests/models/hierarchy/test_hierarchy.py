"""What every model of a user's sessions keeps: no user mixes with another, nothing comes from the future."""

from dataclasses import replace

import pytest
import torch

from recloop.data.batches import Batch
from recloop.models import build

HOSTS = {
    "gru4rec": "backbones.gru4rec.GRU4Rec",
    "caser": "backbones.caser.Caser",
    "nextitnet": "backbones.nextitnet.NextItNet",
    "sasrec": "backbones.sasrec.SASRec",
}
KINDS = {
    "hier": "hierarchy.hier.Hier",
    "inter": "hierarchy.inter.InterDT",
    "hdt": "hierarchy.hdt.HDT",
    "hdt_uxp": "hierarchy.hdt.HDT",
    "hdt_nov": "hierarchy.hdt.HDT",
}
CHANGES = {"hdt_uxp": {"intra": "uxp"}, "hdt_nov": {"intra": "nov"}}
FIRST = torch.tensor([[2, 5, 9, 4], [7, 3, 20, 20], [1, 1, 8, 20]])
SECOND = torch.tensor([[6, 9, 12, 20], [3, 11, 4, 0], [13, 20, 20, 20]])
PREFIX = torch.tensor([[1, 2, 3], [4, 5, 20], [6, 20, 20]])

hosts = pytest.mark.parametrize("host", HOSTS)
kinds = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture
def new(facts):
    def new(kind, host="gru4rec", **changes):
        torch.manual_seed(3)
        backbone = {"class": HOSTS[host], "dim": 8}
        own = {} if kind == "hier" else {"dim": 8}
        settings = {"class": KINDS[kind], "backbone": backbone} | own | CHANGES.get(kind, {})
        model = build(settings | changes, **facts).eval()
        torch.nn.init.normal_(model.backbone.embedding.weight[:-1].detach())
        return model

    return new


def batch(path):
    """Make pieces of whole sessions as the loop does: the last item is an action only."""
    whole = Batch.whole(path)
    session = torch.where(whole.following != 20, whole.session, 20)
    session[:, 0] = path[:, 0]
    return replace(whole, session=session)


def pick(memory, rows):
    return {name: value[rows] for name, value in memory.items()}


@torch.no_grad()
def past(model, *sessions):
    memory = model.start(len(sessions[0]))
    for session in sessions:
        memory = model.remember(session, memory)
    return memory


@hosts
@kinds
def test_users_do_not_mix_and_padding_is_idle(new, kind, host):
    model = new(kind, host)
    memory = past(model, FIRST, SECOND)
    with torch.no_grad():
        together = model.score(PREFIX, memory)
    for row, size in enumerate((3, 2, 1)):
        one = slice(row, row + 1)
        trimmed = [path[one][:, path[row] != 20] for path in (FIRST, SECOND)]
        alone = past(model, *trimmed)
        for name, value in pick(memory, one).items():
            torch.testing.assert_close(alone[name], value)
        with torch.no_grad():
            score = model.score(PREFIX[one, :size], alone)
        torch.testing.assert_close(score, together[one], atol=1e-5, rtol=1e-4)


@hosts
@kinds
def test_loss_and_remember_agree_on_the_memory(new, kind, host):
    model = new(kind, host)
    memory = past(model, FIRST)
    loss, after = model.loss(batch(SECOND), memory)
    assert loss.shape == ()
    assert not any(value.requires_grad for value in after.values())
    for name, value in model.remember(SECOND, memory).items():
        assert value.shape == memory[name].shape
        assert value.dtype == memory[name].dtype
        torch.testing.assert_close(after[name], value)


@hosts
@kinds
def test_loss_reaches_every_weight(new, kind, host):
    model = new(kind, host)
    model.loss(batch(SECOND), past(model, FIRST, SECOND))[0].backward()
    silent = [n for n, w in model.named_parameters() if w.grad is None or not w.grad.abs().sum()]
    assert silent == []


@kinds
def test_the_past_matters_and_a_reset_clears_it(new, kind):
    model = new(kind)
    memory = past(model, FIRST)
    fresh = model.start(3)
    assert all((value == 0).all() for value in fresh.values())
    with torch.no_grad():
        known, unknown = model.score(PREFIX, memory), model.score(PREFIX, fresh)
    assert not torch.isclose(known, unknown).all(1).any()
    for name, value in memory.items():
        value[1] = fresh[name][1]
    torch.testing.assert_close(model.score(PREFIX, memory)[1], unknown[1])


@hosts
@kinds
def test_scores_do_not_change_when_the_future_does(new, kind, host):
    model = new(kind, host)
    memory = past(model, FIRST)
    ends = (torch.tensor([[9], [9], [9]]), torch.tensor([[17], [18], [19]]))
    one, other = (
        model.score(PREFIX, memory, torch.cat([PREFIX.clamp_max(19), end], 1)) for end in ends
    )
    assert torch.equal(one, other)


@kinds
def test_learns_from_sessions_of_one_item(new, kind):
    loss, memory = new(kind).loss(batch(torch.tensor([[3, 20], [4, 20]])), new(kind).start(2))
    assert loss.isfinite()
    assert len(memory["state"]) == 2


@hosts
def test_first_session_of_hier_is_the_plain_host(new, host):
    model = new("hier", host)
    plain, width = model.backbone.plain, model.backbone.plain.dim
    with torch.no_grad():
        states = plain(PREFIX)[torch.arange(3), [2, 1, 0]]
        expected = states @ model.rank.weight[:, :width].T + model.rank.bias
        found = model.score(PREFIX, model.start(3))
    torch.testing.assert_close(found, expected)


def test_hier_learns_its_user_recurrence_from_the_session_after(new):
    model = new("hier")
    memory = past(model, FIRST, SECOND)
    expected = model.user(memory["state"], memory["user"])
    torch.testing.assert_close(model.states(FIRST, memory)[1], expected)


def favourites(users):
    """Draw users who come back: a session starts anywhere and goes on as the one before began."""
    drawn = torch.randint(0, 6, (users, 2))
    path = (drawn[:, 1:] + torch.arange(3)) % 6
    return path, torch.cat([drawn[:, :1], path], dim=1)


@pytest.mark.parametrize("kind", ["hier", "inter", "hdt"])
def test_learns_what_only_the_past_tells(new, kind):
    model = new(kind).train()
    optimiser = torch.optim.Adam(model.parameters(), lr=0.03)
    for update in range(1, 241):
        memory = model.start(48)
        for session in favourites(48):
            optimiser.zero_grad()
            loss, memory = model.loss(Batch.whole(session), memory)
            loss.backward()
            optimiser.step()
        if not update % 20 and (told := knows_favourites(model)) > 0.8:
            return
    raise AssertionError(f"it knows {told:.0%} of the favourites")


def knows_favourites(model):
    """Ask for the share of items that it finds, and let it learn on."""
    before, now = favourites(200)
    with torch.no_grad():
        memory = model.eval().remember(before, model.start(200))
        found = model.score(now[:, :1], memory).argmax(1)
    model.train()
    return (found == now[:, 1]).float().mean()

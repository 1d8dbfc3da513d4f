"""One contract for every model of every study, ablations included."""

import copy

import pytest
import torch
from safetensors.torch import load_file, save_file

from recloop.data.batches import Batch, Events, cut
from recloop.models.catalogue import Catalogue

ITEMS = 20  # of ring world
COINS = 12  # coin flips after which both networks of a Q-learning model have had their turn


@pytest.fixture(scope="module")
def windows(ring, facts) -> Batch:
    return cut(ring, facts["length"], facts["items"])


@pytest.fixture
def fitted(make, ring):
    """Give a function that makes a model ready to score."""

    def fit(settings, seed=1):
        model = make(settings, seed).eval()
        if settings["training"]["loop"] == "nonparametric":
            model.fit(ring.items, ring.offsets)
        return model

    return fit


def rows(facts, *sessions):
    time = max(map(len, sessions))
    return torch.tensor([[*s, *[facts["items"]] * (time - len(s))] for s in sessions])


@torch.no_grad()
def scores(model, session):
    """Score sessions of which nothing was cut off, the way the ranker asks."""
    owner = torch.zeros(len(session), dtype=torch.long)  # all of one user
    logged = {"session": session, "position": (session != ITEMS).sum(1), "owner": owner}
    return model.score(*(logged[name] for name in getattr(model, "reads", ("session",))))


def test_scores_every_item(any_model, fitted, facts):
    found = scores(fitted(any_model), rows(facts, [1, 2, 3], [4], [5, 5, 5, 5, 5, 5]))
    assert found.shape == (3, facts["items"])
    assert found.dtype == torch.float32 or any_model["training"]["loop"] == "nonparametric"
    assert found.isfinite().all()


def test_scores_a_session_alone_as_in_a_padded_batch(any_model, fitted, facts):
    model = fitted(any_model)
    sessions = [[1, 2, 3], [4], [7, 8, 9, 10, 11, 12]]
    together = scores(model, rows(facts, *sessions))
    for session, row in zip(sessions, together, strict=True):
        alone = scores(model, rows(facts, session))[0]
        torch.testing.assert_close(alone, row, atol=1e-5, rtol=1e-4)


def test_refuses_a_keyword_it_does_not_have(any_model, make):
    with pytest.raises(TypeError, match="no_such_setting"):
        make(any_model, no_such_setting=1)


def test_loss_reaches_every_weight(trained_model, make, windows):
    model = make(trained_model)
    # Returns that are all zero teach nothing about what a return is worth.
    taught_nothing = (
        {"prompt.return_weight"} if trained_model["model"].get("placebo") == "zero_reward" else ()
    )
    learned = {name: one for name, one in model.named_parameters() if one.requires_grad}
    unreached = set(learned) - set(taught_nothing)
    for _ in range(COINS):
        model.zero_grad()
        model.loss(windows).backward()
        gradients = {name: learned[name].grad for name in unreached}
        unreached -= {n for n, one in gradients.items() if one is not None and one.abs().sum() > 0}
        if not unreached:
            return
    raise AssertionError(f"{COINS} losses never reached {sorted(unreached)}")


@pytest.fixture
def two_threads():
    """Sums must not depend on which thread comes first."""
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(1)


def learn(model, windows):
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    model.loss(windows).backward()
    optimiser.step()
    return model.state_dict()


@pytest.mark.usefixtures("two_threads")
def test_same_seed_same_weights_and_another_seed_others(trained_main_model, make, windows):
    one, same, other = (learn(make(trained_main_model, seed), windows) for seed in (1, 1, 2))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert any(not torch.equal(one[name], other[name]) for name in one)


def test_counts_the_same_twice(nonparametric_model, fitted, facts):
    session = rows(facts, [1, 2, 3], [4])
    one, same = (scores(fitted(nonparametric_model), session) for _ in range(2))
    assert torch.equal(one, same)


def test_state_is_saved_without_pickle_and_scores_the_same_in_a_fresh_model(
    any_model, fitted, make, facts, tmp_path
):
    model, session = fitted(any_model), rows(facts, [1, 2, 3], [4])
    save_file(model.state_dict(), tmp_path / "weights.safetensors")
    fresh = make(any_model, seed=2).eval()
    fresh.load_state_dict(load_file(tmp_path / "weights.safetensors"))
    assert torch.equal(scores(fresh, session), scores(model, session))


def test_score_does_not_change_when_the_future_does(any_model, fitted, sessions, facts):
    model = fitted(any_model)
    past = [3, 9, 1, 4]
    logged = [sessions([*past, *future], [7, 8]) for future in ([5, 6, 2], [17, 18, 3, 3, 11, 12])]
    found = []
    for world in logged:
        events = Events.of(world, facts["length"], facts["items"])
        assert list(events.position[: len(past)]) == [1, 2, 3, 4]
        found.append(scores(model, events.prefixes(slice(0, len(past)))))
    assert torch.equal(*found)


@pytest.fixture
def imitated(monkeypatch):
    """Collect the states from which a loss predicts items, among all or among those drawn."""
    seen = []

    def spy_on(cls, name):
        whole = getattr(cls, name)

        def spy(self, states, *given, **named):
            seen.append(states.detach())
            return whole(self, states, *given, **named)

        monkeypatch.setattr(cls, name, spy)

    spy_on(Catalogue, "loss")
    spy_on(Catalogue, "among")
    return seen


def test_one_pass_does_not_see_the_label_or_later_items(trained_model, make, imitated, monkeypatch):
    """Change action t and all that follows: what predicts actions 1 … t stays, what comes later does not.

    Returns look ahead by design, so that they are held fixed here.
    """
    model, time, changed = make(trained_model).eval(), 6, 3
    if hasattr(model, "hide"):
        pytest.skip("it sees both sides of what it hides, and hides it: test_bert4rec.py")
    path = torch.tensor([[2, 4, 6, 8, 10, 12, 14], [1, 3, 5, 7, 9, 11, 13]])
    other = path.clone()
    other[:, changed + 1 :] = torch.tensor([[19, 18, 17], [16, 15, 0]])
    if hasattr(model, "logged"):
        fixed = model.logged(Batch.whole(path))
        monkeypatch.setattr(model, "logged", lambda batch: fixed)
    calls = [states_of(model, Batch.whole(items), imitated) for items in (path, other)]
    assert calls[0] or not any(name.endswith("rank") for name, _ in model.named_modules())
    for before, after in zip(*calls, strict=True):
        before, after = (states.unflatten(0, (2, -1)) for states in (before, after))
        first = max(
            0, changed + 1 - (time - before.shape[1])
        )  # a model may predict the last steps alone
        torch.testing.assert_close(before[:, :first], after[:, :first])
        assert not torch.allclose(before[:, first], after[:, first])


def states_of(model, batch, imitated):
    imitated.clear()
    torch.manual_seed(3)
    copy.deepcopy(model).loss(batch)  # the same update, hence the same coin
    return copy.copy(imitated)


def test_user_model_scores_every_item_and_its_loss_reaches_every_weight(user_model, make, facts):
    """Three whole sessions of the same users, one after the other."""
    model, items = make(user_model), facts["items"]
    reached, memory = dict.fromkeys(dict(model.named_parameters()), 0.0), model.start(items)
    for number in range(3):
        path = (torch.arange(items)[:, None] + torch.arange(facts["length"]) + number) % items
        model.zero_grad()
        loss, memory = model.loss(Batch.whole(path), memory)
        loss.backward()
        assert not any(tensor.requires_grad for tensor in memory.values())
        for name, weight in model.named_parameters():
            reached[name] += 0.0 if weight.grad is None else weight.grad.abs().sum().item()
    assert [name for name, gradient in reached.items() if not gradient > 0] == []
    with torch.no_grad():
        found = model.eval().score(path, memory, path)
    assert found.shape == (items, items)
    assert found.isfinite().all()

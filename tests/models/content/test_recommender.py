"""The in-batch softmax against the formula written out, positions as in the released code, a catalogue made once."""

from functools import partial

import pytest
import torch

from recloop.data.batches import Batch
from recloop.models.content.ids import ItemTable
from recloop.models.content.recommender import ContentRecommender
from recloop.models.content.user import UserEncoder

ITEMS, LENGTH = 7, 4
PATHS = torch.tensor([[0, 1, 2, 1, 6], [3, 4, 7, 7, 7], [1, 5, 3, 7, 7]])


def make(**more):
    torch.manual_seed(1)
    counts = torch.tensor([5, 4, 3, 2, 1, 0, 9])
    table = partial(ItemTable, items=ITEMS)
    return ContentRecommender(table, ITEMS, counts, LENGTH, dim=8, **more).eval()


@pytest.fixture
def batch():
    session = torch.where(PATHS[:, 1:] == ITEMS, ITEMS, PATHS[:, :-1])
    nothing = torch.zeros(3, dtype=torch.long)
    return Batch(session, PATHS[:, 1:], torch.zeros_like(session), nothing.bool(), *[nothing] * 4)


def written_out(model, debiased=True):
    """Every position of every session is a candidate, as often as it occurs, as in the released code."""
    share = torch.tensor([5, 4, 3, 2, 1, 1, 9]) / 24
    vectors, losses = model.encoder.table.weight, []
    candidates = [(row, item) for row in range(3) for item in PATHS[row].tolist() if item < ITEMS]
    for row in range(3):
        path = [item for item in PATHS[row].tolist() if item < ITEMS]
        size = torch.tensor([len(path) - 1])
        states = model.user(vectors[path[:-1]][None], size)[0]
        for step, target in enumerate(path[1:]):

            def score(item, state=states[step]):
                return state @ vectors[item] - debiased * share[item].log()

            others = [score(item) for _, item in candidates if item not in path]
            everything = torch.stack([score(target), *others])
            losses.append(torch.logsumexp(everything, 0) - score(target))
    return torch.stack(losses).mean()


@pytest.mark.parametrize("debiased", [True, False])
@pytest.mark.parametrize("deduplicated", [True, False])
def test_the_loss_is_the_formula_written_out(batch, debiased, deduplicated):
    model = make(debiased=debiased, deduplicated=deduplicated)
    expected = written_out(model, debiased)
    torch.testing.assert_close(model.loss(batch), expected)
    (wanted,) = torch.autograd.grad(expected, [model.encoder.table.weight])
    (found,) = torch.autograd.grad(model.loss(batch), [model.encoder.table.weight])
    torch.testing.assert_close(found, wanted)


def test_the_loss_of_a_model_that_knows_nothing_is_the_log_of_its_candidates(batch):
    model = make(debiased=False)
    torch.nn.init.zeros_(model.encoder.table.weight)
    # Candidates of the other sessions that are not in one's own, and the next item itself.
    candidates = torch.tensor([4.0] * 4 + [8.0] + [5.0] * 2) + 1
    assert candidates.log().mean().item() == pytest.approx(model.loss(batch).item(), abs=0.35)


def test_states_do_not_see_what_comes_and_positions_count_back():
    torch.manual_seed(2)
    user = UserEncoder(8, LENGTH).eval()
    vectors = torch.randn(1, 4, 8)
    whole = user(vectors, torch.tensor([3]))
    other = vectors.clone()
    other[:, 3:] += 1
    torch.testing.assert_close(user(other, torch.tensor([3]))[:, :3], whole[:, :3])
    assert user.places(4, torch.tensor([4, 2])).tolist() == [[0, 1, 2, 3], [2, 3, 3, 3]]
    on = UserEncoder(8, LENGTH, counted="on")
    assert on.places(4, torch.tensor([4, 2])).tolist() == [[0, 1, 2, 3], [0, 1, 2, 3]]
    with pytest.raises(ValueError, match="session of 5 steps, but length=4: cut it"):
        user(torch.randn(1, 5, 8), torch.tensor([5]))


def test_queries_keys_and_values_are_drawn_as_three_layers():
    """Xavier's deviation of a square layer; one layer three times as wide would have 0.7 of it."""
    torch.manual_seed(3)
    weight = UserEncoder(64, LENGTH).blocks[0].query_key_value.weight
    assert weight.std().item() == pytest.approx((2 / (64 + 64)) ** 0.5, rel=0.03)


def test_the_catalogue_is_encoded_once_until_something_is_learned(batch):
    model = make()
    asked = []
    model.encoder.register_forward_hook(lambda *_: asked.append(1))
    session = batch.session
    first = model.score(session)
    model.score(session)
    assert len(asked) == 1
    model.train()
    with torch.no_grad():
        model.encoder.table.weight[0] *= 2
    model.eval()
    assert not torch.allclose(model.score(session), first)
    assert len(asked) == 2


def test_an_item_is_encoded_once_per_batch(batch):
    for deduplicated, number in ((True, 7), (False, 10)):
        model, sizes = make(deduplicated=deduplicated), []
        model.encoder.register_forward_hook(lambda _, given, __, s=sizes: s.append(len(given[0])))
        model.loss(batch)
        assert sizes == [number]

"""What carries over from one catalogue to another, and what a user's example is; items are vectors of features."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from recloop.data.batches import Events, Sessions
from recloop.evaluation.ranker import rank as rank_events
from recloop.evaluation.ranking import GAINS, expected_gain
from recloop.fitting.context import TrainingContext
from recloop.fitting.trainer import Trainer
from recloop.models.backbones.transformer import Transformer
from recloop.models.content.kept import KeptStates
from recloop.models.content.transrec import TransRec, UserPretraining
from recloop.training import transfer

DIM, LENGTH, ITEMS, FEATURES = 12, 6, 96, 8
NOISE = 40  # features that say nothing
SIZE = 6  # items of a user
TRAINING = {
    "loop": "transfer",
    "length": LENGTH,
    "share": 1.0,
    "tuned": True,
    "learning_rate": [0.01],
    "batch_size": 32,
    "validate_every": None,
    "epochs": 6,
    "patience": 6,
    "clip_norm": None,
    "validation_events": None,
}


class Described(nn.Module):
    """An item tower that knows features of items."""

    def __init__(self, features, dim):
        super().__init__()
        self.register_buffer("features", features, persistent=False)
        self.layer = nn.Linear(features.shape[1], dim, bias=False)

    def forward(self, items):
        return self.layer(self.features[items])

    def learn(self, parts):
        self.requires_grad_(parts == "all")


def shop(seed, users):
    """A shop: each user likes one of eight groups; an item's features tell its group, and much that is of no use.

    Group g has the g-th feature in every shop.
    """
    random = np.random.default_rng(seed)
    group = random.permutation(np.arange(ITEMS) % FEATURES)
    features = np.hstack([np.eye(FEATURES)[group], random.normal(0, 0.5, (ITEMS, NOISE))])
    rows = []
    for _ in range(users):
        liked = np.flatnonzero(group == random.integers(FEATURES))
        rows.append(random.choice(liked, SIZE, replace=False).tolist())
    return torch.tensor(features, dtype=torch.float32), rows


def sessions(rows, first=1):
    offsets = np.cumsum([0, *map(len, rows)])
    flat = np.array([item for row in rows for item in row])
    start = np.full(len(rows), first)
    return Sessions(flat, np.zeros_like(flat), offsets, start, np.arange(len(rows)))


def maker(features, start=None, made=TransRec, tower=Described, **settings):
    def make():
        model = made(
            item_tower=partial(tower, features),
            user_tower=partial(Transformer, length=LENGTH, blocks=1, heads=2, dropout=0.0),
            items=ITEMS,
            dim=DIM,
            **settings,
        )
        if start is not None:
            transfer.start(model, start)
        return model

    return make


def learned(make, rows, seed=1, folder=None, **changes):
    parts = {
        "train": sessions([row[:-2] for row in rows]),
        "valid": sessions([row[:-1] for row in rows], first=len(rows[0]) - 2),
    }
    context = TrainingContext(seed, folder, log=lambda line: None)
    return transfer.train(make, parts, ITEMS, TRAINING | changes, context)


def ndcg(make, weights, rows):
    model = make()
    model.load_state_dict({name: one for name, one in weights.items() if name != transfer.COSTS})
    events = Events.of(sessions(rows, first=len(rows[0]) - 1), LENGTH, ITEMS)
    ranks = rank_events(model, events, 0)
    return expected_gain(ranks.better, ranks.tied, 10, GAINS["NDCG"]).mean()


TARGETS = {"targets": 2, "negatives": 4}


@pytest.fixture(scope="module")
def worth():
    """NDCG@10 on a target with few users: from scratch, from a source, and from one whose features are dealt anew."""
    (features, rows), (others, few) = shop(1, 400), shop(2, 30)
    dealt = features[torch.randperm(ITEMS, generator=torch.Generator().manual_seed(3))]
    start = {
        name: learned(maker(one, **TARGETS), rows)[0]
        for name, one in (("source", features), ("shuffled", dealt))
    }
    makes = {"scratch": maker(others, **TARGETS)}
    makes |= {name: maker(others, one, **TARGETS) for name, one in start.items()}
    return {name: ndcg(make, learned(make, few)[0], few) for name, make in makes.items()}


def test_what_features_say_carries_over(worth):
    assert worth["source"] > worth["scratch"] + 0.1


def test_a_source_with_shuffled_features_is_worth_no_more_than_none(worth):
    assert worth["shuffled"] < worth["scratch"] + 0.05


def test_what_is_shared_is_loaded_and_nothing_else():
    features, _ = shop(1, 1)
    torch.manual_seed(1)
    first = maker(features, made=UserPretraining, learns="all")()
    weights = first.state_dict()
    torch.manual_seed(2)
    fresh = maker(features, **TARGETS)()
    drawn = {name: one.clone() for name, one in fresh.state_dict().items()}
    transfer.start(fresh, weights | {"item_tower.unknown": torch.ones(1)})
    for name, one in fresh.state_dict().items():
        assert torch.equal(one, weights[name]), name
    assert any(not torch.equal(drawn[name], weights[name]) for name in drawn)
    torch.manual_seed(2)
    other = maker(features, made=UserPretraining, learns="all")()
    own = other.rank.weight.clone()
    transfer.start(other, weights)
    assert torch.equal(other.rank.weight, own)  # the output layer is of the source's items


def test_a_start_that_lacks_a_weight_or_has_another_size_is_named():
    features, _ = shop(1, 1)
    model = maker(features, **TARGETS)()
    weights = model.state_dict()
    lacking = {name: one for name, one in weights.items() if name != "item_tower.layer.weight"}
    with pytest.raises(ValueError, match=r"item_tower\.layer\.weight is not there, expected"):
        transfer.start(model, lacking)
    other = weights | {"user_tower.position": torch.zeros(LENGTH + 1, DIM)}
    with pytest.raises(
        ValueError, match=r"user_tower\.position is \[7, 12\], expected shape \[6, 12\]"
    ):
        transfer.start(model, other)


def test_weights_that_are_not_tuned_are_those_of_the_start():
    features, rows = shop(1, 20)
    start = maker(features, **TARGETS)().state_dict()
    weights, facts = learned(maker(features, start, **TARGETS), rows, tuned=False)
    assert all(torch.equal(weights[name], one) for name, one in start.items())
    assert facts["curve"] == []


def test_a_stopped_training_goes_on_exactly(tmp_path, monkeypatch):
    features, rows = shop(1, 60)
    make, learn = maker(features, **TARGETS), Trainer.learn
    whole, _ = learned(make, rows)

    def stop(self, group):
        learn(self, group)
        if self.progress.update == self.epoch_updates + 1:  # in the second epoch
            self.stop()

    with monkeypatch.context() as patched:
        patched.setattr(Trainer, "learn", stop)
        with pytest.raises(SystemExit, match="told to stop"):
            learned(make, rows, folder=tmp_path)
    torch.manual_seed(99)
    cut, _ = learned(make, rows, folder=tmp_path)
    assert all(torch.equal(whole[name], cut[name]) for name in whole.keys() - {transfer.COSTS})


def test_a_user_is_one_window_of_the_latest_items():
    rows = [[1, 2, 3], [*range(10)]]
    found = transfer.latest(sessions(rows), 4, ITEMS, 2)
    assert found.session.tolist() == [[1, 2, ITEMS, ITEMS, ITEMS], [4, 5, 6, 7, 8]]
    assert found.following.tolist() == [[2, 3, ITEMS, ITEMS, ITEMS], [5, 6, 7, 8, 9]]


def test_a_smaller_share_is_part_of_a_larger_one():
    whole = sessions([[n, n + 1] for n in range(50)])
    parts = [set(transfer.sampled(whole, share).ids) for share in (0.2, 0.6, 1.0)]
    assert [len(one) for one in parts] == [10, 30, 50]
    assert parts[0] < parts[1] < parts[2]
    kept = transfer.sampled(whole, 0.2)
    assert all(kept.items[2 * n] == one for n, one in enumerate(kept.ids))


def test_users_are_told_apart_by_what_they_met():
    rows = [[0, 1], [2, 3], [0, 2], [3, 1]]
    known = sessions(rows)
    words = torch.tensor([True, True, False, False])
    events = Events.of(known, 2, 4)
    found = transfer.kinds(events, known, {"words": words, "pictures": ~words})
    assert found.tolist() == ["text", "image", "mixed", "mixed"]


def test_costs_are_counted_and_timed():
    """The products of a user with six items, four of them context: the tower's of at most ten, and the scores."""
    features, rows = shop(1, 20)
    model = maker(features, **TARGETS)()
    windows = transfer.latest(sessions(rows), LENGTH, ITEMS, model.ahead)
    context = TrainingContext(1)
    found = transfer.cost(model, windows, 8, context)
    without = {
        n: 2 * (FEATURES + NOISE) * DIM * n + 2 * DIM * (TARGETS["targets"] + TARGETS["negatives"])
        for n in range(7, 11)
    }
    tower = 4 * 2 * (3 + 1 + 4 + 4) * DIM * DIM  # products of a block of width DIM at four steps
    attention = 2 * 2 * 4 * 4 * DIM
    known = {tower + attention + one for one in without.values()}
    assert found["flops"] in known | {
        one - attention for one in known
    }  # not every attention is counted
    assert found["batch_seconds"] > 0


class Keeping(Described):
    """The same tower behind a frozen network that gives features back as they are, whose states are kept."""

    def __init__(self, features, dim):
        super().__init__(features, dim)
        self.asked = []
        self.kept = KeptStates(len(features), 1, self.read)

    def read(self, items):
        self.asked.append(items)
        states = self.features[items] @ torch.eye(self.features.shape[1])
        return states[:, None], torch.ones(len(items), 1, dtype=torch.bool)

    def forward(self, items):
        return self.layer(self.kept.take(items)[0][:, 0])


def test_what_a_frozen_network_says_is_neither_counted_nor_timed():
    features, rows = shop(1, 20)
    plain = maker(features, **TARGETS)()
    windows = transfer.latest(sessions(rows), LENGTH, ITEMS, plain.ahead)
    keeping = maker(features, tower=Keeping, **TARGETS)()
    counted, found = (
        transfer.cost(model, windows, 8, TrainingContext(1)) for model in (plain, keeping)
    )
    assert found["flops"] == counted["flops"]
    asked = keeping.item_tower.asked
    assert len(asked) == 2  # for the user that is counted, for the batch that is timed
    assert torch.cat(asked).unique().numel() == sum(map(len, asked))

"""The loop over users: memories that never cross, batches that go on exactly, events in their canonical order."""

import json
import os
import signal

import numpy as np
import polars as pl
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from recloop.data.batches import Events
from recloop.data.users import Users, joined
from recloop.fitting.context import TrainingContext
from recloop.fitting.schedule import Schedule
from recloop.fitting.trainer import Trainer
from recloop.models import build
from recloop.training import users as loop
from recloop.training.run import rank_test, train
from recloop.training.users import Judged, Recalling, UserSessions

ITEMS, LENGTH, KINDS = 14, 6, 4


class Recollection(nn.Module):
    """Adds up what it sees; remembers the sum of the sessions before. With dropout, so that chance matters."""

    def __init__(self, items, dim=8, dropout=0.2):
        super().__init__()
        self.padding = items
        self.embedding = nn.Embedding(items + 1, dim, padding_idx=items)
        self.mix = nn.Linear(2 * dim, dim)
        self.last = nn.Embedding(items + 1, dim, padding_idx=items)
        self.out = nn.Linear(dim, items)
        self.dropout = nn.Dropout(dropout)

    def start(self, rows):
        return {
            "sum": self.mix.bias.new_zeros(rows, self.mix.out_features),
            "sessions": torch.zeros(rows, dtype=torch.long),
        }

    def states(self, session, memory):
        past = memory["sum"][:, None].expand(-1, session.shape[1], -1)
        return self.dropout(self.mix(torch.cat([self.last(session), past], 2)).relu())

    def loss(self, batch, memory):
        real = batch.following != self.padding
        scores = self.out(self.states(batch.session, memory)[real])
        whole = torch.cat([batch.session[:, :1], batch.following], 1)
        loss = nn.functional.cross_entropy(scores, batch.following[real])
        return loss, self.remember(whole, memory)

    @torch.no_grad()
    def remember(self, session, memory):
        # Its vectors stay as drawn: one session is enough to tell the kinds of users apart.
        seen = self.embedding.weight.detach()[session].sum(1)
        return {"sum": memory["sum"] + seen, "sessions": memory["sessions"] + 1}

    def score(self, session, memory, whole=None):
        end = (session != self.padding).sum(1) - 1
        states = self.states(session, memory)[torch.arange(len(session)), end]
        return self.out(states) + memory["sessions"][:, None]


def write(folder, users):
    """Write users, given as lists of sessions; the last one tests, the one before it validates."""
    kept = {"train": slice(0, -2), "valid": slice(-2, -1), "test": slice(-1, None)}
    numbers = iter(range(10_000))
    named = [[(next(numbers), items) for items in logged] for logged in users]
    for part, chosen in kept.items():
        rows = [
            (f"u{u}", number, items)
            for u, logged in enumerate(named)
            for number, items in logged[chosen]
        ]
        pl.DataFrame(
            {
                "session": [number for _, number, _ in rows],
                "user": [user for user, *_ in rows],
                "item": pl.Series([items for *_, items in rows], dtype=pl.List(pl.Int32)),
                "event": pl.Series([[0] * len(x) for *_, x in rows], dtype=pl.List(pl.UInt8)),
                "time": pl.Series([None] * len(rows), dtype=pl.List(pl.Int64)),
                "first_target": pl.Series([1] * len(rows), dtype=pl.Int32),
            }
        ).write_parquet(folder / f"{part}.parquet")
    counts = pl.DataFrame({"item": range(ITEMS), "id": map(str, range(ITEMS)), "count": 3})
    counts.write_parquet(folder / "items.parquet")
    (folder / "split.json").write_text(json.dumps({"hash": "users"}))
    return folder


@pytest.fixture(scope="module")
def secret(tmp_path_factory):
    """Sessions alike, but for an item that the first session of the user tells: 0, 1, then 2 + its kind."""
    random = np.random.default_rng(3)
    kinds = [int(kind) for kind in random.permutation(np.arange(60) % KINDS)]
    users = [[[10 + kind] * 3, *[[0, 1, 2 + kind]] * int(random.integers(3, 7))] for kind in kinds]
    return write(tmp_path_factory.mktemp("secret"), users)


@pytest.fixture
def trainer(secret):
    """Give a function that makes a trainer over the secret world."""

    def trainer(model=None, seed=1, folder=None, length=LENGTH, **changes):
        schedule = {"learning_rate": 0.02, "batch_size": 7, "epochs": 3, "patience": 9}
        schedule |= {"validate_every": None, "clip_norm": None} | changes
        torch.manual_seed(seed)
        users = Users.read(secret, "train").capped(length)
        judged = Judged.of(Users.read(secret, "valid"), length, ITEMS)
        model = model or Recollection(ITEMS)
        context = TrainingContext(seed, folder, log=lambda line: None)
        return Trainer(UserSessions(model, users, judged, Schedule(**schedule), context), context)

    return trainer


# -- learning ----------------------------------------------------------------------------------------------------------


def test_learns_what_only_the_past_sessions_tell(trainer, secret):
    it = trainer(batch_size=20, epochs=8, learning_rate=0.03, validate_every=1000)
    it.fit()
    model = it.model.eval()
    judged = Judged.of(Users.read(secret, "test"), LENGTH, ITEMS)
    asked = judged.events.position == 2
    found = judged.ranks(model, 3, "cpu")
    assert (found.better[asked] == 0).mean() > 0.95
    blind = model.score(torch.tensor([[0, 1]]), model.start(1))
    hits = blind.argmax(1).numpy() == judged.events.target[asked]
    assert hits.mean() < 0.5


def test_each_update_sees_whole_sessions_and_what_the_user_left(trainer):
    it, seen = trainer(epochs=1), []
    loss = it.model.loss

    def spy(batch, memory):
        seen.append((batch, {name: tensor.clone() for name, tensor in memory.items()}))
        return loss(batch, memory)

    it.model.loss = spy
    turns, users = list(it.objective.batches(0, 0)), it.objective.users
    it.fit()
    number = np.arange(len(users.ids)) - np.repeat(users.first[:-1], np.diff(users.first))
    assert len(seen) == len(turns) == it.epoch_updates
    for turn, (batch, memory) in zip(turns, seen, strict=True):
        assert memory["sessions"].tolist() == number[turn.sessions.numpy()].tolist()
        assert batch.ended.all()
        assert batch.session.shape[1] == 2
        first = torch.from_numpy(users.items[users.offsets[turn.sessions.numpy()]])
        assert torch.equal(batch.session[:, 0], first)
    assert sum(len(batch) for batch, _ in seen) == len(users.ids)


def test_an_epoch_counts_each_target_once(trainer):
    it = trainer(epochs=2)
    assert it.objective.targets == 2 * len(it.objective.users.ids)
    turns = [turn for epoch in range(2) for turn in it.objective.batches(epoch, 0)]
    assert len(turns) == it.last_update == 2 * it.epoch_updates


def test_memory_carries_no_gradient_into_the_next_update(trainer):
    it = trainer()
    for turn in list(it.objective.batches(0, 0))[:3]:
        it.learn([turn])
    assert not any(kept.requires_grad for kept in it.objective.memory.values())


def test_refuses_to_draw_sessions_independently(trainer):
    with pytest.raises(ValueError, match="draws='independent', but loop users"):
        trainer(draws="independent")


# -- asking ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def crowd(tmp_path_factory):
    """Thirty users with 1 to 9 sessions of 1 to 8 items; some have no session to judge."""
    random = np.random.default_rng(5)
    return write(
        tmp_path_factory.mktemp("crowd"),
        [
            [random.integers(0, ITEMS, random.integers(1, 9)).tolist() for _ in range(sessions)]
            for sessions in random.integers(1, 10, 30)
        ],
    )


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


def scores(model, judged):
    with torch.inference_mode():
        recalling = Recalling(model, judged, "cpu")
        return recalling.score(judged.events.prefixes(slice(0, None)))


def test_scores_of_a_user_are_those_of_the_user_alone(crowd, monkeypatch):
    torch.manual_seed(2)
    monkeypatch.setattr(loop, "USERS_AT_ONCE", 4)
    users = Users.read(crowd, "test")
    together = Judged.of(users, LENGTH, ITEMS)
    model = Recollection(ITEMS).eval()
    found = scores(model, together)
    for row in range(len(users)):
        kept = slice(users.first[row], users.first[row + 1])
        edges = users.offsets[kept.start : kept.stop + 1]
        items = slice(edges[0], edges[-1])
        alone = Users(
            users.items[items],
            users.events[items],
            edges - edges[0],
            np.array([0, len(edges) - 1]),
            users.ids[kept],
        )
        judged = Judged.of(alone, LENGTH, ITEMS)
        if len(judged.events):
            mine = found[together.events.row == row]
            torch.testing.assert_close(scores(model, judged), mine)
            long = np.diff(judged.users.first)[0] - 1  # sessions of one item are not read
            memory = Recalling(model, judged, "cpu").memory
            assert memory["sessions"].tolist() == [long]


def test_events_are_those_of_joined_and_see_their_own_session_alone(crowd):
    users = Users.read(crowd, "test")
    judged, plain = Judged.of(users, LENGTH, ITEMS), joined(crowd, "test")
    events = Events.of(plain, LENGTH, ITEMS)
    for name in ("session", "row", "position", "target", "index"):
        assert getattr(judged.events, name).tolist() == getattr(events, name).tolist()
    assert (np.diff(judged.events.session) >= 0).all()
    last = {number: users.first[row + 1] - 1 for row, number in enumerate(plain.ids)}
    prefixes = judged.events.prefixes(slice(0, None))
    for event, prefix in enumerate(prefixes.tolist()):
        session = last[judged.events.session[event]]
        items = users.items[users.offsets[session] : users.offsets[session + 1]].tolist()
        seen = items[: judged.events.position[event]][-(LENGTH - 1) :]
        assert [item for item in prefix if item < ITEMS] == seen


def test_the_whole_session_reaches_the_model_that_wants_it(crowd):
    judged, got = Judged.of(Users.read(crowd, "test"), LENGTH, ITEMS), []
    model = Recollection(ITEMS)
    score = model.score
    model.score = lambda session, memory, whole: got.append(whole) or score(session, memory)
    scores(model, judged)
    plain = joined(crowd, "test")
    for row, found in zip(judged.events.row, got[0].tolist(), strict=True):
        start, end = plain.offsets[row] + plain.before[row], plain.offsets[row + 1]
        assert [i for i in found if i < ITEMS] == plain.items[start:end][-LENGTH:].tolist()


MODELS = ["hier.Hier", "inter.InterDT", "hdt.HDT"]


@pytest.fixture
def made():
    """Give a function that makes a model of the studies over a GRU."""
    facts = {"items": ITEMS, "length": LENGTH, "item_counts": torch.arange(1, ITEMS + 1)}

    def made(name, dropout=0.1):
        torch.manual_seed(4)
        backbone = {"class": "backbones.gru4rec.GRU4Rec", "dim": 8}
        own = {} if name == "hier.Hier" else {"dim": 8, "dropout": dropout}
        vectors = torch.randn(ITEMS, 8)
        settings = {"class": f"hierarchy.{name}", "backbone": backbone} | own
        return build(settings, item_vectors=vectors, **facts)

    return made


@pytest.mark.parametrize("name", MODELS)
def test_users_do_not_meet_in_the_models_of_the_studies(name, made, crowd, monkeypatch):
    """Their memories and scores are the same whoever else is in the batch."""
    judged, model = Judged.of(Users.read(crowd, "test"), LENGTH, ITEMS), made(name).eval()
    together = scores(model, judged)
    monkeypatch.setattr(loop, "USERS_AT_ONCE", 1)
    torch.testing.assert_close(scores(model, judged), together, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", MODELS)
def test_a_stopped_training_of_the_studies_goes_on_exactly(name, made, trainer, tmp_path):
    whole = trainer(made(name))
    whole.fit()
    cut = trainer(made(name), folder=tmp_path)
    turns = cut.groups()
    for _ in range(whole.epoch_updates + 4):  # in the middle of the second epoch
        if cut.progress.update == whole.epoch_updates:
            cut.validate()
        cut.learn(next(turns))
    cut.keep()
    torch.manual_seed(99)
    resumed = trainer(made(name), folder=tmp_path)
    resumed.fit()
    assert same(whole.model.state_dict(), resumed.model.state_dict())
    assert whole.progress.best == resumed.progress.best


# -- runs --------------------------------------------------------------------------------------------------------------

TRAINING = {
    "loop": "users",
    "users": True,
    "length": LENGTH,
    "learning_rate": [0.02],
    "tuning_epochs": 1,
    "batch_size": 7,
    "epochs": 3,
    "patience": 4,
    "validate_every": 9,
    "validation_events": 50,
    "clip_norm": 1.0,
}
IDENTITY = {"source": "secret", "model": "recollection", "seed": 3}


@pytest.fixture
def settings(monkeypatch):
    """Settings of a run whose model is the one above."""
    monkeypatch.setattr(loop, "maker", lambda settings, facts: lambda: Recollection(facts["items"]))
    return {"model": {}, "training": TRAINING, "inference": {}}


@pytest.fixture
def run(secret, settings, tmp_path):
    def run(name, seed=3):
        train(
            {"sessions": secret},
            settings,
            IDENTITY | {"seed": seed},
            tmp_path / name,
            tmp_path / f"side-{name}",
        )
        return load_file(tmp_path / name / "weights.safetensors")

    return run


@pytest.mark.parametrize("update", [9, 13])
def test_a_stopped_training_goes_on_exactly(run, update, tmp_path, monkeypatch):
    whole, other = run("whole"), run("other", seed=4)
    assert not same(whole, other)
    learn = Trainer.learn

    def stop(self, group):
        learn(self, group)
        if self.progress.update == update:
            os.kill(os.getpid(), signal.SIGTERM)

    with monkeypatch.context() as patched:
        patched.setattr(Trainer, "learn", stop)
        with pytest.raises(SystemExit, match=f"told to stop after update {update}"):
            run("cut")
    torch.manual_seed(12345)
    assert same(whole, run("cut"))
    curves = [(tmp_path / name / "curve.csv").read_text() for name in ("whole", "cut")]
    one, other = ([line.rpartition(",")[0] for line in curve.splitlines()] for curve in curves)
    assert one == other  # but for the seconds


@pytest.mark.parametrize("part", ["test", "valid"])
def test_lists_have_a_row_for_each_event_in_order(run, secret, settings, tmp_path, part):
    run("a")
    settings = settings | {"inference": {"judged_on": part}}
    weights = tmp_path / "a" / "weights.safetensors"
    rank_test({"sessions": secret}, weights, settings, tmp_path / "lists.parquet", 5)
    lists = pl.read_parquet(tmp_path / "lists.parquet")
    events = Events.of(joined(secret, part), LENGTH, ITEMS)
    assert lists["session"].to_list() == events.session.tolist()
    assert lists["position"].to_list() == events.position.tolist()
    assert lists["target"].to_list() == events.target.tolist()
    assert lists["past"].to_list() == [item < 10 for item in events.target]
    assert lists["top"].dtype == pl.Array(pl.Int32, 5)
    assert lists["familiar"].dtype == pl.Array(pl.Boolean, 5)

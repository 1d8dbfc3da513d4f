"""Training on simulated conversations, in a world of attributes where the right answer is known."""

import itertools
import json

import numpy as np
import polars as pl
import pytest
import torch

ITEMS, VALUES, ATTRIBUTES = 125, 5, 3  # every combination of three attributes with five values each
DIM = VALUES * ATTRIBUTES
SHOWN, TURNS = 3, 4


def attributes(item):
    return [item // VALUES**place % VALUES for place in range(ATTRIBUTES)]


def vectors():
    """One-hot attributes, so that the nearest item shares most of them."""
    hot = np.zeros((ITEMS, DIM), np.float32)
    for item in range(ITEMS):
        for place, value in enumerate(attributes(item)):
            hot[item, place * VALUES + value] = 1
    return torch.from_numpy(hot)


class Oracle:
    """Say the target's whole description."""

    def critique(self, target, liked):
        return [" ".join(map(str, attributes(one))) for one in target.tolist()]


class Encoder:
    """Encode a description by the item that it fits."""

    def texts(self, sentences):
        return vectors()[
            [sum(int(v) * VALUES**p for p, v in enumerate(s.split())) for s in sentences]
        ]


@pytest.fixture
def posed(tmp_path):
    """Write dialogues of which each part has its own items, and features."""

    def make_dialogues(first=(77, 24, 24), personal=False):
        part = np.repeat(["train", "valid", "test"], first)
        parts = np.repeat("all", ITEMS) if personal else part
        pl.DataFrame(
            {"item": np.arange(ITEMS, dtype=np.int32), "part": parts, "count": np.ones(ITEMS, int)}
        ).write_parquet(tmp_path / "items.parquet")
        target = np.random.default_rng(1).permutation(ITEMS)
        target = np.sort(target) if not personal else target
        history = [[(one + 1) % ITEMS, (one + 2) % ITEMS][: 1 + one % 2] for one in target]
        pl.DataFrame(
            {
                "dialogue": np.arange(ITEMS),
                "part": part,
                "user": np.arange(ITEMS) + 500,
                "target": target.astype(np.int32),
                "history": pl.Series(
                    history if personal else [[]] * ITEMS, dtype=pl.List(pl.Int32)
                ),
                "group": np.where(np.arange(ITEMS) % 2, "cold", "warm"),
            }
        ).write_parquet(tmp_path / "dialogues.parquet")
        (tmp_path / "split.json").write_text(json.dumps({"hash": "abc"}))
        return tmp_path

    return make_dialogues


@pytest.fixture
def worlds(posed):
    from recloop.data.pools import read_part

    def worlds(**ways):
        folder = posed(**ways)
        return {part: read_part(folder, part, vectors()) for part in ("train", "valid", "test")}

    return worlds


@pytest.fixture
def critique_encoder():
    from recloop.simulators.critique_encoder import CritiqueEncoder
    from recloop.simulators.sentences import Sentences

    return CritiqueEncoder(Oracle(), Sentences(None, Encoder, DIM), DIM)


@pytest.fixture
def make():
    """Give a small dialogue model: a GRU over the liked item and the critique."""
    from recloop.models.dialogue.dm import DM

    def make(seed=1):
        torch.manual_seed(seed)
        model = DM(features=DIM, dim=16)
        model.joint_loss = model.pretrain_loss
        return model

    return make


DIALOGUE = {"shown": SHOWN, "turns": TURNS, "first_turn": 0, "likes": "fixed"}
TRAINING = {
    "stage": "pretrain",
    "learning_rate": [0.01],
    "epochs": 3,
    "patience": None,
    "batch_size": 16,
    "weight_decay": 1e-8,
    "candidates": 3,
    "horizon": 2,
    "temperature": 10.0,
    "relative": False,
    "goal_weight": 1.0,
    "num_negatives": 5,
}


@pytest.fixture
def fit(worlds, critique_encoder, make, tmp_path):
    from recloop.fitting.context import TrainingContext
    from recloop.training.dialogue import train

    folders = itertools.count()

    def fit(parts=None, dialogue=DIALOGUE, made=make, seed=1, checkpoint_dir=None, **changes):
        return train(
            made,
            parts or worlds(),
            critique_encoder,
            dialogue,
            TRAINING | changes,
            TrainingContext(
                seed, tmp_path / (checkpoint_dir or f"run{next(folders)}"), log=lambda line: None
            ),
        )

    return fit


@pytest.mark.parametrize("stage", ["pretrain", "joint", "improve"])
def test_a_stage_trains_and_validates_every_epoch(fit, make, stage):
    weights, found = fit(stage=stage)
    assert [row["epoch"] for row in found["curve"]] == [1, 2, 3]
    assert found["valid_ndcg10"] == max(row["valid_ndcg10"] for row in found["curve"])
    before = make().state_dict()
    changed = {name for name in weights if not torch.equal(weights[name], before[name])}
    assert "head.weight" in changed
    assert ("space.image.0.weight" in changed) == (stage != "improve")


def test_supervision_learns_to_reach_the_target(fit):
    _, found = fit(epochs=50)
    assert found["valid_ndcg10"] > 0.9


def test_two_trainings_with_one_seed_are_one(fit):
    one, other = fit()[0], fit()[0]
    assert all(torch.equal(one[name], other[name]) for name in one)
    different = fit(seed=2)[0]
    assert not torch.equal(one["head.weight"], different["head.weight"])


@pytest.mark.parametrize("stage", ["pretrain", "joint", "improve"])
def test_a_killed_training_goes_on_exactly(fit, monkeypatch, stage):
    from recloop.fitting.trainer import Trainer

    whole, facts = fit(stage=stage)
    learn = Trainer.learn

    def told_to_stop(self, group):
        learn(self, group)
        self.stopping = self.progress.update == 7  # in the middle of an epoch

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "learn", told_to_stop)
        with pytest.raises(SystemExit):
            fit(stage=stage, checkpoint_dir="killed")
    resumed, again = fit(stage=stage, checkpoint_dir="killed")
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    rows = [[row["valid_ndcg10"] for row in found["curve"]] for found in (facts, again)]
    assert rows[0] == rows[1]


def test_several_learning_rates_are_tried_for_as_many_epochs(fit):
    _, found = fit(learning_rate=[0.00001, 0.01], tuning_epochs=2)
    assert [(row["learning_rate"], row["epochs"]) for row in found["tuning"]] == [
        (0.00001, 2),
        (0.01, 2),
    ]
    best = max(found["tuning"], key=lambda row: row["valid_ndcg10"])
    assert found["learning_rate"] == best["learning_rate"]


def test_patience_stops(fit):
    assert fit(learning_rate=[0.0], epochs=6, patience=2)[1]["epochs_run"] == 3


def test_patience_of_none_runs_all_epochs(fit):
    assert fit(learning_rate=[0.0], epochs=6)[1]["epochs_run"] == 6


def test_no_list_of_a_training_repeats_an_item(fit, make):
    seen = []

    def listening(seed=1):
        model = make(seed)
        loss = model.pretrain_loss
        model.pretrain_loss = lambda dialogue: (seen.append(dialogue), loss(dialogue))[1]
        model.joint_loss = model.pretrain_loss
        return model

    fit(made=listening, epochs=1)
    fit(made=listening, epochs=1, stage="joint")
    for dialogue in seen:
        shown = dialogue.shown.flatten(1)
        assert all(len(set(row)) == len(row) for row in shown.tolist())
    assert {dialogue.shown.shape[1] for dialogue in seen} == {TURNS, TURNS + 1}


def test_the_test_part_is_read_only_if_the_settings_say_so(posed, monkeypatch):
    from recloop.training import dialogue

    read = []
    monkeypatch.setattr(dialogue, "open_features", lambda data: vectors())
    monkeypatch.setattr(dialogue, "open_critique_encoder", lambda *_: None)
    monkeypatch.setattr(dialogue, "maker", lambda *_: None)
    monkeypatch.setattr(dialogue, "read_part", lambda folder, part, features: read.append(part))
    data = {"dialogues": posed()}
    for chosen, parts in (({}, ["train", "valid"]), ({"validate_on": "test"}, ["train", "test"])):
        read.clear()
        settings = {"training": TRAINING | chosen, "dialogue": DIALOGUE, "model": {}}
        dialogue.prepare(data, settings, {}, "cpu")
        assert read == parts


def test_validation_may_take_a_sample_that_is_always_the_same(worlds):
    from recloop.training.dialogue import sample

    part = worlds()["valid"]
    few, again = sample(part, 5), sample(part, 5)
    assert few.requests.dialogue.tolist() == again.requests.dialogue.tolist()
    assert few.rows["dialogue"].to_list() == few.requests.dialogue.tolist()
    assert len(few.requests) == 5 and few.pool is part.pool
    assert sample(part, None) is part


@pytest.fixture
def objective(worlds, make, critique_encoder):
    """Give a function that makes an objective with a high learning rate."""
    from recloop.fitting.context import TrainingContext
    from recloop.fitting.schedule import Schedule
    from recloop.training.conversations import Conversations

    def objective(**changes):
        training = TRAINING | changes
        schedule, context = Schedule.of(training, learning_rate=0.1, epochs=1), TrainingContext(1)
        given = (make(), worlds(), critique_encoder, DIALOGUE, training, schedule, context)
        return Conversations(*given)

    return objective


def test_stale_rows_stay_as_they_were_at_first(objective):
    from recloop.fitting.trainer import Trainer

    it = objective(stale_rows=True, batch_size=11)  # 77 items are 7 batches of them
    before = it.table()
    Trainer(it, it.context).learn([(0, torch.arange(11))])
    assert torch.equal(it.table()[-11:], before[-11:])
    assert not torch.equal(it.table()[:-11], before[:-11])
    assert objective(stale_rows=True, batch_size=16).stale is None


def test_the_item_table_learns_only_if_asked(objective):
    for wanted in (False, True):
        assert objective(item_gradient=wanted).table().requires_grad == wanted


def test_an_unknown_stage_is_named(fit):
    with pytest.raises(ValueError, match="pretrian"):
        fit(stage="pretrian")


def test_a_model_made_of_trained_ones_is_judged_and_kept(fit, make):
    weights, found = fit(stage="none")
    assert all(torch.equal(weights[name], value) for name, value in make().state_dict().items())
    assert found["curve"] == []
    assert 0 <= found["valid_ndcg10"] <= 1


def test_with_one_candidate_the_improvement_follows_its_guide(worlds, make, critique_encoder):
    from recloop.simulators.environment import Environment
    from recloop.simulators.nearest import Nearest
    from recloop.training.improvement import Improvement

    world, model = worlds()["train"], make()
    users = Environment(world.pool, critique_encoder, TURNS + 1, "fixed")
    table = model.embed(world.pool.features).detach()

    def choice(candidates):
        it = Improvement(model, users, world, SHOWN, TRAINING | {"candidates": candidates})
        it.nearest, it.ahead = Nearest(table), Nearest(table)
        users.reset(world.requests.target, table=table)
        state = model.begin(torch.zeros(77, 0, DIM), torch.zeros(77, dtype=torch.long))
        return it.choose(state, world.requests.target, table, 1), it, state

    nearest, it, state = choice(1)
    assert torch.equal(nearest, it.nearest.top(state.query, users.seen, 1)[:, 0])
    everything, *_ = choice(70)
    assert (everything == world.requests.target).float().mean() > 0.8  # showing the target is best


@pytest.mark.parametrize("relative", [False, True])
def test_relative_distances_mean_the_same_in_any_space(worlds, make, critique_encoder, relative):
    """Twice as long vectors: the same loss, or four times the distances under the same temperature."""
    from recloop.models.dialogue.dialogue import State
    from recloop.simulators.environment import Environment
    from recloop.training.improvement import Improvement

    world, model, drawn = worlds()["train"], make(), torch.Generator()
    users = Environment(world.pool, critique_encoder, TURNS + 1, "fixed")
    it = Improvement(model, users, world, SHOWN, TRAINING | {"relative": relative})
    table = torch.randn(77, 16, generator=drawn.manual_seed(1))
    query, rows = torch.randn(5, 16, generator=drawn), torch.arange(5)
    losses = [
        it.pull(State(query * by), rows + 9, rows, table * by, drawn.manual_seed(2))
        for by in (1, 2)
    ]
    assert losses[0].allclose(losses[1], rtol=1e-4) == relative
    if relative:
        items = torch.randint(77, (5, 5), generator=drawn.manual_seed(2))
        unit = table.square().sum(1).mean()
        near = lambda one: ((query - one) ** 2).sum(-1) / unit  # noqa: E731
        logits = -torch.stack([near(table[rows + 9]), *(near(table[one]) for one in items.T)], 1)
        wanted = near(table[rows]) - (logits / 10).log_softmax(1)[:, 0]
        assert losses[0].allclose(wanted, rtol=1e-4)


@pytest.mark.parametrize("personal", [False, True])
def test_lists_are_written_by_catalogue_number(posed, make, tmp_path, monkeypatch, personal):
    from recloop.evaluation.dialogue import evaluate
    from recloop.simulators.critique_encoder import CritiqueEncoder
    from recloop.simulators.sentences import Sentences
    from recloop.training import dialogue

    folder = posed(personal=personal)
    critique_encoder = CritiqueEncoder(
        Oracle(), Sentences(tmp_path / "said.parquet", Encoder, DIM), DIM
    )
    monkeypatch.setattr(dialogue, "open_features", lambda data: vectors())
    monkeypatch.setattr(dialogue, "open_critique_encoder", lambda *_: critique_encoder)
    settings = {"model": {"class": "dialogue.dm.DM", "dim": 16}, "dialogue": DIALOGUE}
    settings["inference"] = {"likes_by": None, "likes_noise": 0.0}
    dialogue.rank(
        {"dialogues": folder}, make().state_dict(), settings, {}, tmp_path / "lists.parquet"
    )
    rows = pl.read_parquet(tmp_path / "lists.parquet")
    posed_rows = pl.read_parquet(folder / "dialogues.parquet").filter(part="test")
    assert rows["session"].unique().to_list() == posed_rows["dialogue"].to_list()
    assert rows.group_by("session").len()["len"].unique().to_list() == [TURNS + 1]
    assert rows["position"].min() == 0
    pool = set(range(ITEMS)) if personal else set(range(101, 125))
    assert set(rows["top"].explode()) <= pool
    said = rows.select("target", "critique").iter_rows()
    assert all(critique == " ".join(map(str, attributes(target))) for target, critique in said)
    metrics = evaluate(rows, TURNS)
    assert metrics["k"].unique().to_list() == [1, 2, 3, 4]
    assert "SR_cold" in metrics["metric"]
    assert (tmp_path / "said.parquet").exists()


def test_a_run_starts_from_the_weights_of_another(make, tmp_path):
    from recloop.storage import checkpoint
    from recloop.training.dialogue import maker

    model = make(seed=5)
    described = {"class": "dialogue.dm.DM", "dim": 16}
    checkpoint.save(
        tmp_path / "w.safetensors", model.state_dict(), {"settings": {"model": described}}
    )
    settings = {"model": described, "dialogue": DIALOGUE}
    made = maker(settings, {"start": tmp_path / "w.safetensors"}, vectors())()
    assert all(torch.equal(made.state_dict()[name], t) for name, t in model.state_dict().items())


@pytest.mark.parametrize("name", ["ege.EGE", "deers.DEERS"])
def test_a_value_starts_afresh_behind_the_weights_of_dm(make, tmp_path, name):
    from recloop.models import build
    from recloop.storage import checkpoint
    from recloop.training.dialogue import maker

    model, path = make(seed=5), tmp_path / "w.safetensors"
    checkpoint.save(path, model.state_dict(), {"settings": {"model": {}}})
    described = {"class": f"dialogue.{name}", "dim": 16}
    torch.manual_seed(3)
    drawn = build(described, features=DIM, shown=SHOWN).state_dict()
    torch.manual_seed(3)
    made = maker({"model": described, "dialogue": DIALOGUE}, {"start": path}, vectors())()
    learnt = model.state_dict()
    assert all(torch.equal(t, learnt.get(n, drawn[n])) for n, t in made.state_dict().items())
    checkpoint.save(path, {"head.weight": learnt["head.weight"]}, {"settings": {"model": {}}})
    with pytest.raises(RuntimeError, match="Missing key"):
        maker({"model": described, "dialogue": DIALOGUE}, {"start": path}, vectors())()


def test_dm_is_the_first_stage_of_ege(fit, make):
    from recloop.models.dialogue.ege import EGE

    def ege():
        torch.manual_seed(1)
        return EGE(features=DIM, dim=16)

    alone, other = fit(epochs=1)[0], fit(made=ege, epochs=1)[0]
    assert all(torch.equal(other[name], tensor) for name, tensor in alone.items())


def test_users_may_like_otherwise_when_they_ask(worlds, critique_encoder, monkeypatch, tmp_path):
    from recloop.training import dialogue

    read = [{"first": frozenset({str(attributes(item)[0])})} for item in range(ITEMS)]
    monkeypatch.setattr(dialogue, "read_attributes", lambda folder: read)
    world = worlds()["test"]

    def users(**inference):
        settings = {"dialogue": DIALOGUE, "inference": inference}
        return dialogue.asking({"catalogue": tmp_path}, settings, world, critique_encoder)

    plain = users(likes_by=None, likes_noise=0.0)
    assert (plain.likes, plain.noise, plain.lists) == ("fixed", 0.0, TURNS + 1)
    other = users(likes_by="attributes", likes_noise=0.5)
    assert (other.likes, other.noise) == ("attributes", 0.5)
    same = [attributes(item)[0] for item in world.pool.ids.tolist()]
    assert torch.equal(
        other.reference @ other.reference.T == 1, torch.tensor(same)[:, None] == torch.tensor(same)
    )

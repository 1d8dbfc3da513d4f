"""From pairs to rewards: what a model is told, labels, chance, and a training that goes on where it stopped."""

import json

import numpy as np
import polars as pl
import pytest
import torch

from recloop.fitting.context import TrainingContext
from recloop.fitting.schedule import Schedule
from recloop.fitting.trainer import Trainer
from recloop.training import preferences
from recloop.training.gaze import Gaze, read_gaze, replaced
from recloop.training.run import curve_of

TEXTS = ["tell of tra and\nthe pelir of tra", "tell of kom\nnear kom of puzo the tra"]
WORDS = [np.array([0, 1, 2, 2, -1, 3, 4, 5, 6, 6, 7]), np.array([0, 1, 2, 3, 4, 5, 6, 7, 8])]
COUNTS = {"tra": 4, "kom": 1}


def gaze(evenly: bool) -> Gaze:
    random = np.random.default_rng(3)
    values = [random.random((len(one), 2)).astype(np.float32) + 0.1 for one in WORDS]
    plain = Gaze(values, WORDS, evenly)
    marks = list(plain.carriers())
    return Gaze(
        [np.where(mark[:, None], one, 0) for one, mark in zip(values, marks, strict=True)],
        WORDS,
        evenly,
    )


TRAINING = gaze(True), TEXTS


@pytest.mark.parametrize("evenly", [True, False])
@pytest.mark.parametrize("by", ["other", "shuffled", "noise", "length_frequency", "zero"])
def test_a_placebo_changes_what_is_carried_and_not_by_which_token(evenly, by):
    true = gaze(evenly)
    found = replaced(true, by, TEXTS, COUNTS, 1, TRAINING)
    for mark, mine, old in zip(true.carriers(), found.values, true.values, strict=True):
        assert mine.shape[0] == old.shape[0]
        assert not mine[~mark].any()
        assert mine.dtype == np.float32
        assert by != "zero" or not mine.any()
        assert by == "zero" or not np.array_equal(mine, old)
        if by == "shuffled":
            assert sorted(mine[mark].tolist()) == sorted(old[mark].tolist())
    again = replaced(true, by, TEXTS, COUNTS, 1, TRAINING)
    assert all(map(np.array_equal, found.values, again.values))


def test_length_and_frequency_are_those_of_the_word_whatever_its_tokens():
    found = replaced(gaze(True), "length_frequency", TEXTS, COUNTS, 1, TRAINING)
    ratio = found.values[0][5, 0] / found.values[0][0, 0]
    assert ratio == pytest.approx(len("and") / len("tell"))
    assert 2 * found.values[0][2, 0] == pytest.approx(
        found.values[0][5, 0]
    )  # two tokens share "tra"


def test_placebos_are_in_deviations_of_the_training_part():
    """A part of one long word is told the length of training words, whatever the part is like."""
    part = Gaze([np.ones((1, 2), dtype=np.float32)], [np.array([0])], True)
    found = replaced(part, "length_frequency", ["unmentioned"], COUNTS, 1, TRAINING)
    lengths = [len(word) for text in TEXTS for word in text.split()]
    assert found.values[0][0, 0] == pytest.approx(len("unmentioned") / np.std(lengths))
    many = Gaze([np.zeros((4000, 2), dtype=np.float32)], [np.arange(4000)], True)
    noise = replaced(many, "noise", ["word"], COUNTS, 1, TRAINING).values[0]
    known = np.concatenate(
        [one[mark] for one, mark in zip(TRAINING[0].values, TRAINING[0].carriers(), strict=True)]
    )
    assert noise.mean(0) == pytest.approx(known.mean(0), abs=0.03)
    assert noise.std(0) == pytest.approx(known.std(0), abs=0.03)


def test_an_unknown_placebo_or_measure_is_named(tmp_path):
    with pytest.raises(ValueError, match="placebo='sham': expected one of none, other"):
        replaced(gaze(True), "sham", TEXTS, COUNTS, 1, TRAINING)
    record = {"features": ["FFD", "TRT"], "evenly": True, "deviation": [1, 1]}
    (tmp_path / "gaze.json").write_text(json.dumps(record))
    with pytest.raises(ValueError, match="measures=ffd_gpt: this reader says ffd, trt, no 'gpt'"):
        read_gaze(tmp_path, "valid", "ffd_gpt")


SETTINGS = {
    "loop": "preferences", "template": "fixed", "length": 64, "labels": "best_first", "learning_rate": [0.05],
    "weight_decay": 0.0, "pace": "cosine", "floor": 0.7, "warm_up": 2, "batch_size": 4, "accumulate": 1, "epochs": 4,
    "patience": None, "validate_every": None, "clip_norm": 1.0,
}  # fmt: skip


@pytest.fixture
def data(tmp_path):
    """Pairs of which the answer with more words is preferred, and gaze that counts them."""
    folder, random = tmp_path / "pairs", np.random.default_rng(1)
    folder.mkdir()
    (tmp_path / "gaze").mkdir()
    saved = {}
    for part, number in (("train", 24), ("valid", 8), ("test", 8)):
        long, short = (
            ["word " * n for n in random.integers(*ends, number)] for ends in ((6, 9), (2, 5))
        )
        rows = {"pair": range(number), "session": range(number), "prompt": ["ask"] * number}
        rows |= {"chosen": long, "rejected": short, "kind": ["k"] * number}
        pl.DataFrame(rows).write_parquet(folder / f"{part}.parquet")
        lengths = [1 + len(text.split()) for pair in zip(long, short, strict=True) for text in pair]
        saved[f"{part}/lengths"] = np.array(lengths, dtype=np.int32)
        saved[f"{part}/words"] = np.concatenate([np.arange(n) for n in lengths]).astype(np.int32)
        saved[f"{part}/values"] = np.ones((sum(lengths), 1), dtype=np.float32)
    pl.DataFrame({"item": [0], "word": ["word"], "count": [9]}).write_parquet(
        folder / "items.parquet"
    )
    from safetensors.numpy import save_file

    save_file(saved, tmp_path / "gaze" / "gaze.safetensors")
    record = {"features": ["TRT"], "evenly": True, "deviation": [1.0]}
    (tmp_path / "gaze" / "gaze.json").write_text(json.dumps(record))
    return {"pairs": folder, "gaze": tmp_path / "gaze"}


def settings(model: str, **training) -> dict:
    told = {"measures": "all", "placebo": "none"} if model == "GazeAlone" else {}
    return {
        "model": {"class": f"gaze.baselines.{model}"} | told,
        "training": SETTINGS | training,
        "inference": {},
    }


def fit(data, found, folder=None, seed=1):
    context = TrainingContext(seed, folder, log=lambda line: None)
    return preferences.train(
        **preferences.prepare(data, found, {}, "cpu"), training=found["training"], context=context
    )


def judged(data, found, weights, tmp_path) -> float:
    preferences.rank(data, weights, found, {}, tmp_path / "lists.parquet")
    rows = pl.read_parquet(tmp_path / "lists.parquet")
    assert rows.columns == ["session", "position", "kind", "longer", "chosen", "rejected"]
    return (rows["chosen"] > rows["rejected"]).mean()


@pytest.mark.parametrize(("placebo", "measures"), [("none", 1), ("length_frequency", 2)])
def test_a_planted_cause_is_learnt_from_gaze_alone(data, tmp_path, placebo, measures):
    found = settings("GazeAlone")
    found["model"]["placebo"] = placebo
    weights, facts = fit(data, found)
    assert weights["score.weight"].shape == (1, measures + 1)  # and how much was read
    assert [row["valid_accuracy"] for row in facts["curve"]][-1] == 1.0
    assert judged(data, found, weights, tmp_path) == 1.0


@pytest.mark.parametrize(("labels", "right"), [("best_first", 1.0), ("reversed", 1.0)])
def test_reversed_labels_turn_training_and_test_alike(data, tmp_path, labels, right):
    found = settings("LongerWins", labels=labels)
    weights, _ = fit(data, found)
    assert weights["sign"].item() == (1.0 if labels == "best_first" else -1.0)
    assert judged(data, found, weights, tmp_path) == right


def test_wrong_labels_are_named(data):
    with pytest.raises(ValueError, match="labels='best': expected one of best_first, reversed"):
        fit(data, settings("LongerWins", labels="best"))


def test_a_killed_training_goes_on_to_the_same_weights(data, tmp_path):
    found = settings("GazeAlone")
    whole, _ = fit(data, found)

    def trainer():
        torch.manual_seed(1)
        parts = preferences.prepare(data, found, {}, "cpu")
        schedule = Schedule.of(found["training"], learning_rate=0.05, keeps="trained")
        context = TrainingContext(1, tmp_path / "kept", log=lambda line: None)
        objective = preferences.Preferences(parts["make"](), parts["parts"], schedule, context)
        return Trainer(objective, context)

    first = trainer()
    first.objective.after_update = lambda: first.stop() if first.progress.update == 7 else None
    with pytest.raises(SystemExit):
        first.fit()
    again = trainer().fit()
    for name, tensor in whole.items():
        torch.testing.assert_close(again[name], tensor, rtol=0, atol=0)


def test_norms_and_offsets_do_not_decay():
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.LayerNorm(2))
    pairs = preferences.Pairs([torch.ones(1)] * 2, [torch.ones(1)] * 2, pl.DataFrame({"pair": [0]}))
    schedule = Schedule.of(SETTINGS | {"weight_decay": 0.1}, learning_rate=0.1)
    context = TrainingContext(1, log=lambda line: None)
    objective = preferences.Preferences(model, {"train": pairs}, schedule, context)
    decays = {
        id(one): group["weight_decay"]
        for group in objective.optimisers(0)["all"].param_groups
        for one in group["params"]
    }
    assert [decays[id(one)] for one in model.parameters()] == [0.1, 0, 0, 0]


def test_the_rate_falls_along_a_cosine_to_its_floor():
    schedule = Schedule.of(SETTINGS, learning_rate=0.1)
    rates = [schedule.rate(0.1, update, 12)[0] for update in range(13)]
    assert rates[:2] == pytest.approx([0.05, 0.1])
    assert rates[7] == pytest.approx(0.7 * 0.1 + 0.3 * 0.05)
    assert rates[12] == pytest.approx(0.07)
    with pytest.raises(ValueError, match=r"floor=1\.2: expected a share from 0 to 1"):
        Schedule.of(SETTINGS | {"floor": 1.2}, learning_rate=0.1)


def test_a_curve_has_the_column_of_what_chooses():
    row = {"update": 1, "epoch": 1.0, "loss": 0.5, "seconds": 2.0}
    assert curve_of([row | {"valid_accuracy": 0.7}])["valid_accuracy"].to_list() == [0.7]
    assert "valid_ndcg10" in curve_of([row | {"valid_ndcg10": 0.7}]).columns
    assert curve_of([]).columns == curve_of([row | {"valid_ndcg10": 0.7}]).columns

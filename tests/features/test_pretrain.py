"""Small encoders of our own see what they were taught, and are opened by the same code as published ones."""

import json
from random import Random

import pytest
import torch

from recloop.features import captions, open_encoder, tokens
from recloop.features.pretrain import pretrain
from recloop.features.zero_shot import average_precision, judge

LOOP = {"epochs": 25, "batch_size": 16, "learning_rate": 0.01, "image_size": 32, "held_out": 0.2}
SMALL = {
    "clip.CLIP": {"channels": 16, "stages": 2, "width": 32, "layers": 1, "heads": 2, "dim": 16},
    "grid.Grid": {"dim": 16, "stages": 2},
}


def learn(name, catalogue, output):
    settings = {"class": name, "pretrain": LOOP | SMALL[name]}
    pretrain(catalogue, settings, output, seed=2, log=lambda _: None)
    return open_encoder(settings, output), json.loads((output / "encoder.json").read_text())


@pytest.fixture(scope="module")
def clip(catalogue, tmp_path_factory):
    return learn("clip.CLIP", catalogue, tmp_path_factory.mktemp("clip"))


@pytest.fixture(scope="module")
def grid(catalogue, tmp_path_factory):
    return learn("grid.Grid", catalogue, tmp_path_factory.mktemp("grid"))


def test_clip_knows_colours_it_was_taught(clip, files):
    encoder, record = clip
    found = record["zero_shot"]["attributes"]["colour"]
    assert found["accuracy"] > 0.8 > 0.6 > found["chance"]
    pictures = torch.nn.functional.normalize(encoder.images(files[:30]), dim=1)
    texts = torch.nn.functional.normalize(encoder.texts(["is red", "is blue", "is green"]), dim=1)
    best = (pictures @ texts.T).argmax(1)
    assert (best == torch.arange(30) % 3).float().mean() > 0.8


def test_record_says_what_was_learnt(clip):
    encoder, record = clip
    assert record["class"] == "clip.CLIP"
    assert (record["dim"], record["revision"]) == (encoder.dim, encoder.revision)
    assert record["pictures"] == {"train": 48, "held_out": 12}
    assert record["loss"][-1] < record["loss"][0]
    assert record["data"] == "one"


def test_grid_learns_too(grid, files):
    encoder, record = grid
    assert encoder.images(files[:2]).shape == (2, 16, 16)
    assert record["zero_shot"]["accuracy"] > record["zero_shot"]["chance"]
    assert record["revision"] == encoder.revision


def test_same_seed_same_weights(clip, catalogue, tmp_path):
    again, _ = learn("clip.CLIP", catalogue, tmp_path)
    assert again.revision == clip[0].revision


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("update", [4, 6])  # an epoch has three updates
def test_a_killed_pretraining_goes_on_exactly(name, update, catalogue, tmp_path, monkeypatch):
    from recloop.fitting.trainer import Trainer

    learn_one = Trainer.learn

    def stop(self, group):
        learn_one(self, group)
        self.stopping = self.progress.update == update

    def short(output):
        settings = {"class": name, "pretrain": LOOP | SMALL[name] | {"epochs": 3}}
        logged = []
        pretrain(catalogue, settings, tmp_path / output, seed=2, log=logged.append)
        return json.loads((tmp_path / output / "encoder.json").read_text()), logged

    whole, _ = short("whole")
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "learn", stop)
        with pytest.raises(SystemExit, match=f"update {update}; run again"):
            short("cut")
    assert not (tmp_path / "cut").exists()
    torch.manual_seed(99)
    resumed, logged = short("cut")
    assert logged[0].startswith(f"goes on after update {update}")
    assert resumed["revision"] == whole["revision"]  # the hash of its weights
    assert (resumed["loss"], resumed["zero_shot"]) == (whole["loss"], whole["zero_shot"])
    assert not (tmp_path / "cut.part").exists()


def test_unknown_words_are_spelled():
    read = tokens.Tokens(tokens.train(["red shoes", "blue shoes"] * 3, 60), 8)
    ids, mask = read(["red shoes", "dune blur red red red red red red"])
    assert ids.shape == mask.shape == (2, 8)
    assert ids[:, 0].tolist() == [tokens.START] * 2
    assert (ids[0, 3:] == tokens.END).all()
    assert ids[1, -1] == tokens.END  # cut, but still ended


PRODUCT = captions.Product("acme red shoe", "heels", {"kind": ["heels"], "colour": ["red"]})
OTHER = captions.Product("acme shoe", "heels", {"kind": ["heels"], "colour": ["blue"]})


def test_captions_name_what_they_claim():
    random = Random(1)
    for _ in range(30):
        caption = captions.describe(PRODUCT, random)
        assert caption.exact
        assert caption.labels <= PRODUCT.labels()
        assert ("colour", "red") not in caption.labels or "red" in caption.text
    several = captions.write([PRODUCT, OTHER], 20, random, compared=1.0)
    assert any("red" in one.text and ("colour", "red") in one.labels for one in several[0])
    assert not any(one.exact for row in several for one in row if "not" in one.text.split())


def test_average_precision_by_hand():
    scores = torch.tensor([[0.9], [0.8], [0.7], [0.1]])
    has = torch.tensor([[True], [False], [True], [False]])
    assert average_precision(scores, has).item() == pytest.approx((1 + 2 / 3) / 2)


def test_pictures_without_the_attribute_do_not_count():
    scores = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    has = torch.tensor([[True, False], [False, True], [False, False]])
    found = judge(scores, has, {"colour": [0, 1]})
    assert found["attributes"]["colour"]["pictures"] == 2
    assert (found["accuracy"], found["chance"]) == (0.5, 0.5)


def test_others_are_not_trained_here(catalogue, tmp_path):
    with pytest.raises(ValueError, match=r"expected clip\.CLIP or grid\.Grid"):
        pretrain(catalogue, {"class": "open_clip.OpenCLIP", "pretrain": {}}, tmp_path, seed=1)

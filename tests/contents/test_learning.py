"""Networks of our own learn to read and to see, and are opened as published ones are."""

import json

import polars as pl
import pytest
import torch

from recloop.contents.captions import read_names, sentence
from recloop.contents.items import Contents
from recloop.contents.learning import PictureLearner, learn_network
from recloop.contents.opening import open_network
from recloop.contents.writing import make_contents
from recloop.data.catalogues import build_catalogue
from recloop.data.pictures import PictureError
from recloop.features.preparation import Preparation
from recloop.features.pretraining_data import PretrainingData
from recloop.language_models.files import ModelError
from recloop.report.encoders import row
from tests.features.conftest import picture, write_catalogue

WORDS = ["steel", "acorn", "tube", "valve", "tape", "gauge", "filter"]
SMALL = {"dim": 16, "layers": 2, "heads": 2, "epochs": 6, "batch_size": 12, "held_out": 0.2}


@pytest.fixture(scope="session")
def catalogue(tmp_path_factory):
    folder = tmp_path_factory.mktemp("catalogue")
    return write_catalogue(folder, [picture(item) for item in range(60)])


@pytest.mark.parametrize(
    ("kind", "more"), [("Words", {}), ("Pictures", {"image_size": 32, "patch": 8})]
)
def test_a_network_of_ours_learns_and_is_opened(catalogue, tmp_path, kind, more):
    settings = {"class": f"networks.{kind}", "learn": SMALL | more}
    learn_network(catalogue, settings, tmp_path / "made", seed=1, log=lambda line: None)
    network = open_network({"class": settings["class"]}, tmp_path / "made")
    assert (network.dim, network.levels) == (16, 3)
    if kind == "Pictures":
        pixels = PretrainingData.read(catalogue, network.prepare, 0.2, seed=1).pixels[:48]
        assert network({"pixels": pixels}, [2]).norm(dim=2).mean().item() == pytest.approx(4, 0.1)
        assert network.backbone.config.initializer_range == pytest.approx(0.02 * 48**0.5)
    assert not any(one.requires_grad for one in network.parameters())
    first = (tmp_path / "made/model.safetensors").read_bytes()
    torch.manual_seed(9)
    learn_network(catalogue, settings, tmp_path / "again", seed=1, log=lambda line: None)
    assert (tmp_path / "again/model.safetensors").read_bytes() == first
    (tmp_path / "made/model.safetensors").write_bytes(first + b" ")
    with pytest.raises(ValueError, match=r"encoder.json says"):
        open_network({"class": settings["class"]}, tmp_path / "made")


def test_states_of_a_vit_are_as_long_as_a_norm_makes_them_and_say_the_same(catalogue):
    """Nothing bounds the length of a ViT's states; beside those of a BERT the longer ones would drown the others."""
    torch.manual_seed(1)
    prepare = Preparation(size=32, short_side=None)
    known = PretrainingData.read(catalogue, prepare, 0.2, seed=1)
    learner = PictureLearner(known, prepare, dim=16, layers=2, heads=2, patch=8, stages=0).eval()
    items = torch.arange(20)
    with torch.no_grad():
        for one in learner.network.backbone.parameters():
            one.mul_(3.0)
        inputs = learner.inputs(items)
        levels, said = learner.network(inputs, [0, 1, 2]), learner.scores_of(items)
        learner.rescale()
        short = learner.network(inputs, [0, 1, 2])
        assert torch.allclose(learner.scores_of(items), said, atol=1e-4)
        length = learner.network(learner.inputs(known.train), [2]).norm(dim=2).mean()
    factors = short.norm(dim=2) / levels.norm(dim=2)
    assert torch.allclose(factors, factors[0, 0].expand_as(factors), rtol=1e-4)
    assert float(length) == pytest.approx(4.0, rel=1e-4)
    assert float(factors[0, 0]) < 0.5


def test_a_network_of_ours_says_what_is_on_a_picture(catalogue, tmp_path, raw):
    """Captions stand in the place of titles; a network that names nothing is refused."""
    settings = {"class": "networks.Pictures", "learn": SMALL | {"image_size": 16, "patch": 8}}
    learn_network(catalogue, settings, tmp_path / "net", seed=1, log=lambda line: None)
    items = pl.DataFrame({"item": range(6), "id": [f"i{n}" for n in range(6)], "title": ["x"] * 6})
    items.write_parquet(tmp_path / "items.parquet")
    told = {"class": "networks.Pictures"}
    make_contents(tmp_path, raw, tmp_path / "made", tmp_path / "net", told)
    titles = Contents(tmp_path / "made").titles
    assert [title is None for title in titles] == [False, False, False, True, False, True]
    assert all("shirts" in title for title in titles if title)
    (tmp_path / "net/names.safetensors").unlink()
    with pytest.raises(ModelError, match="only a network of ours"):
        read_names(tmp_path / "net")


def test_a_sentence_has_the_likeliest_value_of_each_attribute():
    labels = [("colour", "red"), ("colour", "blue"), ("kind", "shirt"), ("fit", "slim")]
    assert sentence([0.6, 0.9, 0.7, 0.2], labels) == "blue colour shirt"
    assert sentence([0.1] * 4, labels) is None


def test_a_network_learns_to_read_from_titles_alone(tmp_path, raw):
    """Items without attributes and pictures teach hidden words; nothing can be looked at there."""
    lines = [
        f"i{n}\t {' '.join(WORDS[(n + step) % len(WORDS)] for step in range(4))} &amp; co"
        for n in range(80)
    ]
    (raw / "items.tsv").write_text("\n".join([*lines, "i80"]) + "\n")
    build_catalogue(
        {"reader": "item_sequences", "reading": {"max_malformed": 0.1}}, raw, tmp_path / "catalogue"
    )
    items = pl.read_parquet(tmp_path / "catalogue/items.parquet")
    assert items["title"][0] == "steel acorn tube valve & co"
    assert items.height == 80
    settings = {"class": "networks.Words", "learn": SMALL | {"epochs": 30, "learning_rate": 0.02}}
    learn_network(tmp_path / "catalogue", settings, tmp_path / "net", seed=1, log=lambda line: None)
    record = json.loads((tmp_path / "net/encoder.json").read_text())
    assert record["loss"][-1] < 0.5 * record["loss"][0]
    told = {"settings": settings, "place": str(tmp_path / "net"), "learnt_from": "titles"}
    assert row("own", told)[2:] == ["64 seen, 16 held out", "–", "–", "–", "–"]
    looks = {"class": "networks.Pictures", "learn": SMALL | {"image_size": 16, "patch": 8}}
    with pytest.raises(PictureError, match="titles alone"):
        learn_network(tmp_path / "catalogue", looks, tmp_path / "eyes", seed=1)

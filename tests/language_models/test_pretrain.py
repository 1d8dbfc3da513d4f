"""A language model of our own learns from texts, beats counting, and goes on exactly where it was killed."""

import json
import math
from random import Random

import pytest
import torch
from datasets import Dataset

from recloop.fitting.launch import TeamError, launched
from recloop.language_models import open_language_model, texts
from recloop.language_models.files import ModelError
from recloop.language_models.ngrams import Bigram, Unigram, perplexity
from recloop.language_models.parts import part_of
from recloop.language_models.pretrain import pretrain
from recloop.language_models.tokenizer import learn

SMALL = {"dim": 32, "layers": 1, "heads": 2, "vocabulary": 320, "batch_tokens": 128}
SMALL |= {"epochs": 10, "warm_up": 10, "learning_rate": 0.01}


# -- counting ----------------------------------------------------------------------------------------------------------


def test_unigram_by_hand():
    model = Unigram([[0, 1, 1, 2]], size=3)  # three tokens are predicted: 1, 1, 2
    assert [model.chance(9, token) for token in range(3)] == [1 / 6, 3 / 6, 2 / 6]
    by_hand = math.exp(-(math.log(3 / 6) + math.log(2 / 6)) / 2)
    assert perplexity(model, [[0, 1, 2]]) == pytest.approx(by_hand)


def test_bigram_by_hand():
    model = Bigram([[0, 1, 1, 2]], size=3, weight=0.9)
    assert model.chance(0, 1) == pytest.approx(0.9 * 1 + 0.1 * 3 / 6)
    assert model.chance(1, 2) == pytest.approx(0.9 / 2 + 0.1 * 2 / 6)
    assert model.chance(2, 1) == pytest.approx(3 / 6)  # nothing was ever seen behind 2
    assert sum(model.chance(1, token) for token in range(3)) == pytest.approx(1)
    by_hand = math.exp(-math.log(0.9 / 2 + 0.1 * 3 / 6))
    assert perplexity(model, [[1, 1]]) == pytest.approx(by_hand)


def test_the_weight_of_a_bigram_is_chosen_on_validation_texts():
    rows = [[0, 1, 2]] * 50
    assert Bigram.chosen(rows, 3, [[0, 1, 2]]).weight == 0.95
    assert Bigram.chosen(rows, 3, [[0, 2, 1]]).weight == 0.1


# -- tokens ------------------------------------------------------------------------------------------------------------


def test_a_tokenizer_is_learnt_the_same_each_time_and_writes_anything():
    lines = [f"a {colour} {kind}" for colour in ("red", "blue") for kind in ("shoe", "boot", "hat")]
    words = [learn(lines, 290).backend_tokenizer.to_str() for _ in range(5)]
    assert len(set(words)) == 1
    one = learn(lines, 290)
    text = "ein größerer Schuh – 靴 ☂"
    assert one.decode(one(text)["input_ids"], skip_special_tokens=True) == text
    with pytest.raises(ValueError, match="expected 259 tokens or more, got 100"):
        learn(lines, 100)


# -- training ----------------------------------------------------------------------------------------------------------


def write_corpus(folder, seed, number=250):
    """Write sentences in which a word at the beginning decides the last one: no bigram knows that."""
    random = Random(seed)
    rows = []
    for _ in range(number):
        kind, heel = random.choice([("boot", "high"), ("sandal", "flat"), ("clog", "wooden")])
        rows.append(f"{kind} {random.randrange(100)}, heel {heel}")
    parts = {"text": rows, "item": [-1] * number, "part": [part_of(text) for text in rows]}
    texts.save(Dataset.from_dict(parts), folder, {"seed": seed})
    return folder


@pytest.fixture(scope="module")
def corpora(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpora")
    return write_corpus(folder / "own", 1), write_corpus(folder / "other", 2)


def train(corpora, output, log=lambda line: None, **changes):
    own, other = corpora
    pretrain(own, {"pretrain": SMALL | changes}, output, seed=4, other=other, log=log)
    return output


@pytest.fixture(scope="module")
def trained(corpora, tmp_path_factory):
    lines = []
    return train(corpora, tmp_path_factory.mktemp("lm") / "model", lines.append), lines


def test_it_beats_counting_and_says_so(trained):
    folder, lines = trained
    record = json.loads((folder / "model.json").read_text())
    found = record["perplexity"]
    assert found["model"] < found["bigram"] < found["unigram"]
    assert lines[-1] == (
        f"model {found['model']:.1f}, bigram {found['bigram']:.1f}, unigram {found['unigram']:.1f} (perplexity)"
    )
    assert record["parameters"] < 60_000
    assert not folder.with_name("model.part").exists()


def test_it_is_opened_like_a_published_one_and_knows_what_belongs_together(trained):
    model = open_language_model({}, trained[0])
    assert type(model.network).__name__ == "LlamaForCausalLM"
    found = model.choices(["boot 7, heel", "clog 7, heel"], [" high", " flat", " wooden"])
    assert found.argmax(1).tolist() == [0, 2]


def test_its_perplexity_is_that_of_its_likelihoods(trained, corpora):
    model = open_language_model({}, trained[0])
    lines = [
        text
        for folder in corpora
        for text, part in zip(*(texts.read(folder)[name] for name in ("text", "part")), strict=True)
        if part == "test"
    ]
    logs, tokens = 0.0, 0
    for text in lines:
        ids = torch.tensor([[*model.tokens([text])[0], model.end]])
        scores = model.network(ids).logits[0, :-1].log_softmax(1)
        logs += scores.gather(1, ids[0, 1:, None]).sum().item()
        tokens += ids.shape[1] - 1
    record = json.loads((trained[0] / "model.json").read_text())
    assert record["perplexity"]["model"] == pytest.approx(math.exp(-logs / tokens), rel=1e-3)


@pytest.mark.parametrize("update", [3, 40])
def test_a_killed_one_goes_on_exactly(corpora, tmp_path, monkeypatch, update):
    from recloop.fitting.trainer import Trainer

    learn, few = Trainer.learn, {"epochs": 2, "vocabulary": 280}
    monkeypatch.setattr("recloop.language_models.pretrain.perplexities", flattering)
    whole = train(corpora, tmp_path / "whole", **few)

    def die(self, group):
        if self.progress.update == update:
            raise KeyboardInterrupt
        learn(self, group)

    monkeypatch.setattr(Trainer, "learn", die)
    with pytest.raises(KeyboardInterrupt):
        train(corpora, tmp_path / "cut", **few)
    monkeypatch.setattr(Trainer, "learn", learn)
    cut = train(corpora, tmp_path / "cut", **few)
    revisions = [json.loads((one / "model.json").read_text())["revision"] for one in (whole, cut)]
    assert revisions[0] == revisions[1]


def test_two_processes_learn_what_one_learns(corpora, tmp_path):
    """Too little to beat counting, so that the error tells the perplexity; the rule starts them in the same way."""
    own, other = corpora
    given = {"own": own, "other": other, "seed": 4, "threads": 2, "device": "cpu"}
    few, told = {"accumulate": 2, "epochs": 1, "learning_rate": 0.001}, []
    for number, kind in ((1, ModelError), (2, TeamError)):
        settings = {"pretrain": SMALL | few | {"processes": number}}
        with pytest.raises(kind, match="after 1 epochs the perplexity is") as error:
            launched(pretrain)(**given, settings=settings, output=tmp_path / str(number))
        told.append(str(error.value).partition("perplexity is ")[2])
    assert told[0] == told[1]
    assert sorted(one.name for one in tmp_path.iterdir()) == ["1.part", "2.part"]


def flattering(objective, rows, size):
    return {"model": 1.0, "bigram": 2.0, "unigram": 3.0}


def test_one_that_does_not_beat_counting_is_an_error(corpora, tmp_path):
    with pytest.raises(ModelError, match=r"after 1 epochs the perplexity is .* raise epochs"):
        train(corpora, tmp_path / "model", epochs=1, learning_rate=1e-6)
    assert not (tmp_path / "model").exists()


def test_unknown_settings_are_refused(corpora, tmp_path):
    with pytest.raises(ModelError, match="pretrain: unknown 'depth', expected some of dim, layers"):
        train(corpora, tmp_path / "model", depth=3)

"""Validity of simulators in a world where each measure is known."""

import json

import numpy as np
import polars as pl
import pytest
import torch

COLOURS = ["red", "blue", "green", "black", "yellow", "white"]
HEELS = ["flat", "low", "high"]
ITEMS = [{"colour": {c}, "heel": {h}} for c in COLOURS for h in HEELS for _ in range(3)]
WORDS = [*COLOURS, *HEELS]
IDENTITY = {
    "study": "gommir",
    "dataset": "shoes",
    "source": "boutique_shoes",
    "stand_in": True,
    "tier": "smoke",
    "model": "attributes",
    "seed": 0,
}


def images(items):
    """A picture is the sum of what it shows, and a little of its own."""
    own = torch.randn(len(ITEMS), len(WORDS), generator=torch.Generator().manual_seed(0)) / 20
    shown = torch.tensor(
        [[float(w in {*one["colour"], *one["heel"]}) for w in WORDS] for one in ITEMS]
    )
    return (shown + own)[torch.from_numpy(items)]


def texts(sentences):
    """A sentence is the sum of the words it says."""
    utterances = [[float(word in one.split()) for word in WORDS] for one in sentences]
    return torch.tensor(utterances) + 1e-6


@pytest.fixture
def pairs():
    rows = np.random.default_rng(1).permutation(len(ITEMS) ** 2)[:150]
    target, reference = rows // len(ITEMS), rows % len(ITEMS)
    captions = [[f"is {next(iter(ITEMS[t]['colour']))}"] for t in target]
    return pl.DataFrame({"target": target, "reference": reference, "captions": captions})


def say(pairs, what):
    return [what(ITEMS[target]) for target in pairs["target"].to_list()]


def judged(utterances, pairs):
    from recloop.simulators.validity import judge

    rows = judge(utterances, pairs, ITEMS, images, texts)
    return {(row["metric"], row["k"]): row["value"] for row in rows}


def test_saying_what_people_say_is_perfect(pairs):
    found = judged([group[0] for group in pairs["captions"]], pairs)
    assert found["BLEU", 1] == found["BLEU", 2] == found["ROUGE-L", 0] == pytest.approx(1)
    assert found["attribute accuracy", 0] == found["attribute accuracy (true)", 0] == 1
    assert found["informativeness (simulator)", 0] == found["informativeness (true)", 0] > 0.2
    assert found["vocabulary", 0] == 1 + len(COLOURS)
    assert found["duplicates", 0] == pytest.approx(1 - len(COLOURS) / 150)


def test_more_is_worth_more_and_words_for_others_are_worth_nothing(pairs):
    both = say(
        pairs, lambda one: f"is {next(iter(one['colour']))} with {next(iter(one['heel']))} heel"
    )
    found = judged(both, pairs)
    assert found["informativeness (simulator)", 0] > found["informativeness (true)", 0] + 0.02
    assert abs(found["informativeness (shuffled)", 0]) < 0.1


def test_lies_are_found(pairs):
    shifted = say(pairs, lambda one: "is " + COLOURS[COLOURS.index(next(iter(one["colour"]))) - 1])
    found = judged(shifted, pairs)
    assert found["attribute accuracy", 0] == 0
    assert found["informativeness (simulator)", 0] < 0


def test_a_rightly_denied_value_is_true(pairs):
    from recloop.simulators.validity import accuracy

    one = pairs.head(1)
    colour = next(iter(ITEMS[one["target"][0]]["colour"]))
    other = next(name for name in COLOURS if name != colour)
    assert accuracy([f"is not {other}"], one, ITEMS) == 1
    assert accuracy([f"is not {colour}"], one, ITEMS) == 0


def test_says_nothing_about_what_claims_nothing(pairs):
    found = judged(["" if i else "hm" for i in range(len(pairs))], pairs)
    assert ("attribute accuracy", 0) not in found
    assert found["empty", 0] == pytest.approx(149 / 150)
    assert found["vocabulary", 0] == 1


def test_nobody_keeps_his_own_sentence_when_they_are_shuffled(pairs):
    from recloop.simulators.validity import informativeness

    heard = []

    def listen(sentences):
        heard.append(sentences)
        return torch.ones(len(sentences), len(WORDS))

    utterances = [f"sentence {place}" for place in range(len(pairs))]
    informativeness(utterances, pairs, images, listen)
    assert heard[0] == heard[2]  # the same sentences, for other pairs


def test_percentile_by_hand():
    from recloop.simulators.validity import percentile

    table = torch.tensor([[3.0], [2.0], [1.0], [1.0], [0.0]])
    query, first = torch.ones(1, 1), torch.tensor([0])
    ranks = [percentile(query, table, torch.tensor([t]), first).item() for t in (1, 2, 3, 4)]
    assert ranks == pytest.approx([0, 0.5, 0.5, 1])


def test_writes_tidy_results(pairs, tmp_path, monkeypatch):
    from recloop import features
    from recloop.evaluation.run import SCHEMA
    from recloop.features import cache
    from recloop.simulators.validity import validate

    rows = pairs.explode("captions").rename({"captions": "caption"})
    parted = rows.with_columns(pl.lit("test").alias("part"), by=pl.lit("people"))
    parted.write_parquet(tmp_path / "captions.parquet")
    (tmp_path / "split.json").write_text(json.dumps({"hash": "abc"}))
    known = [
        {"item": item, "attribute": name, "value": value}
        for item, one in enumerate(ITEMS)
        for name, values in one.items()
        for value in values
    ]
    pl.DataFrame(known).write_parquet(tmp_path / "attributes.parquet")
    kinds = pl.DataFrame({"item": range(len(ITEMS)), "kind": ["Heels"] * len(ITEMS)})
    kinds.write_parquet(tmp_path / "items.parquet")

    class Fake:
        tensor = staticmethod(images)
        texts = staticmethod(texts)

    monkeypatch.setattr(cache.Features, "open", lambda folder: Fake)
    monkeypatch.setattr(features, "open_encoder", lambda *_: Fake)
    settings = {"class": "attributes.AttributeSimulator", "most": 2}
    place = tmp_path / "out" / "validity.parquet"
    validate(tmp_path, tmp_path, None, settings, None, tmp_path, {}, None, IDENTITY, place)
    found = pl.read_parquet(place)
    assert dict(found.schema) == SCHEMA
    assert found["split"].unique().to_list() == ["abc"]
    values = dict(zip(found["metric"], found["value"], strict=True))
    assert values["attribute accuracy"] == 1  # what the attributes say is true
    assert values["informativeness (simulator)"] > 0.1


def test_says_that_nothing_is_held_out(tmp_path):
    from recloop.simulators.validity import held_out

    row = {"target": 1, "reference": 2, "caption": "is red", "part": "train", "by": "people"}
    pl.DataFrame([row]).write_parquet(tmp_path / "captions.parquet")
    with pytest.raises(ValueError, match="no captions in part test"):
        held_out(tmp_path)

"""The user who only says what is true."""

import numpy as np
import polars as pl
import pytest

from recloop.data.attributes import read_attributes
from recloop.language.grammar import SAME, Lexicon, attributes_in, differences
from recloop.simulators import open_simulator
from recloop.simulators.attributes import AttributeSimulator

ITEMS = [
    {"colour": "red", "heel": "high", "toe": "open"},
    {"colour": "black", "heel": "flat", "toe": "open"},
    {"colour": "navy blue", "heel": "low", "sole": "rubber"},
    {"colour": "red", "heel": "high", "toe": "open"},
]


@pytest.fixture
def catalogue(tmp_path):
    kinds = ["Heels", "Flats", "Flats", "Heels"]
    items = pl.DataFrame({"item": range(4), "kind": kinds}, schema_overrides={"item": pl.Int32})
    rows = [(item, *pair) for item, one in enumerate(ITEMS) for pair in one.items()]
    schema = {"item": pl.Int32, "attribute": pl.String, "value": pl.String}
    items.write_parquet(tmp_path / "items.parquet")
    pl.DataFrame(rows, schema, orient="row").write_parquet(tmp_path / "attributes.parquet")
    return tmp_path


def critique(simulator, *pairs):
    target, liked = np.array(pairs).T
    return simulator.critique(target, liked)


def test_kind_is_an_attribute(catalogue):
    attributes = read_attributes(catalogue)
    assert attributes[0] == {
        "kind": {"heels"},
        "colour": {"red"},
        "heel": {"high"},
        "toe": {"open"},
    }


def test_sentences_are_true_and_stay_the_same(catalogue):
    settings = {"class": "attributes.AttributeSimulator", "most": 3}
    simulator = open_simulator(settings, None, catalogue, catalogue)
    pairs = [(target, liked) for target in range(4) for liked in range(4)]
    utterances = critique(simulator, *pairs)
    assert utterances == critique(open_simulator(settings, None, catalogue, catalogue), *pairs)
    assert utterances == [critique(simulator, pair)[0] for pair in pairs]
    attributes = read_attributes(catalogue)
    lexicon = Lexicon.of(attributes)
    for (target, liked), sentence in zip(pairs, utterances, strict=True):
        true = differences(attributes[target], attributes[liked])
        claims = attributes_in(sentence, lexicon)
        assert claims <= true
        assert len({name for name, _ in claims}) == min(3, len({name for name, _ in true}))
        assert (sentence in SAME) == (not true)


def test_most_limits_what_is_named(catalogue):
    attributes = read_attributes(catalogue)
    lexicon = Lexicon.of(attributes)
    for most in (1, 2, 4):
        (sentence,) = critique(AttributeSimulator(attributes, most), (2, 0))
        assert len({name for name, _ in attributes_in(sentence, lexicon)}) == most


def test_the_seed_chooses_phrasings(catalogue):
    attributes = read_attributes(catalogue)
    utterances = {
        critique(AttributeSimulator(attributes, seed=seed), (1, 0))[0] for seed in range(9)
    }
    assert len(utterances) > 3


def test_an_unknown_class_says_so(catalogue):
    with pytest.raises(AttributeError, match="parrot"):
        open_simulator({"class": "parrot.Parrot"}, None, catalogue, catalogue)

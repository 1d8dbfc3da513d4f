"""Texts are data sets that are mapped into memory under our own keys, and nothing is made twice or pickled."""

import json

import polars as pl
import pytest
from datasets import Dataset
from datasets.fingerprint import Hasher

from recloop.language_models import texts
from recloop.language_models.corpora import make_corpus
from recloop.language_models.parts import part_of
from recloop.language_models.prompts import Prompt
from recloop.storage.settings import SettingsError


def shoes(number=30):
    return Dataset.from_dict({"text": [f"shoe {n}" for n in range(number)]})


def test_rows_are_mapped_under_the_key_of_their_content(tmp_path):
    texts.save(shoes(), tmp_path / "one", {"source": "a"})
    texts.save(shoes(), tmp_path / "two", {"source": "a"})
    texts.save(shoes(29), tmp_path / "three", {"source": "a"})
    one, two, three = (texts.read(tmp_path / name) for name in ("one", "two", "three"))
    assert one["text"][:2] == ["shoe 0", "shoe 1"]
    assert one.cache_files[0]["filename"] == str(tmp_path / "one/texts.arrow")
    assert one._fingerprint == two._fingerprint != three._fingerprint
    assert one._fingerprint == json.loads((tmp_path / "one/corpus.json").read_text())["key"]


def test_half_a_corpus_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"corpus.json: missing"):
        texts.read(tmp_path)
    texts.save(shoes(), tmp_path, {})
    record = json.loads((tmp_path / "corpus.json").read_text())
    (tmp_path / "corpus.json").write_text(json.dumps(record | {"rows": 31}))
    with pytest.raises(ValueError, match="expected 31 rows, found 30"):
        texts.read(tmp_path)


def test_what_was_mapped_is_not_mapped_again(tmp_path, monkeypatch):
    texts.save(shoes(), tmp_path / "corpus", {})
    hash_of = Hasher.hash

    def no_functions(value):
        assert not callable(value), "would pickle the function"
        return hash_of(value)

    monkeypatch.setattr(Hasher, "hash", staticmethod(no_functions))
    rows, calls = texts.read(tmp_path / "corpus"), []

    def count(batch):
        calls.append(len(batch["text"]))
        return {"length": [len(text) for text in batch["text"]]}

    first = texts.mapped(rows, count, {"version": 1}, tmp_path / "work")
    again = texts.mapped(rows, count, {"version": 1}, tmp_path / "work")
    assert calls == [30]
    assert first["length"][:] == again["length"][:] == [len(text) for text in rows["text"]]
    texts.mapped(rows, count, {"version": 2}, tmp_path / "work")
    assert calls == [30, 30]
    assert sorted(path.name for path in (tmp_path / "corpus").iterdir()) == [
        "corpus.json",
        "texts.arrow",
    ]
    assert all(path.suffix == ".arrow" for path in (tmp_path / "work").iterdir())


def test_prompts_are_filled_row_by_row(tmp_path):
    texts.save(shoes(3), tmp_path / "corpus", {})
    rows, prompt = texts.read(tmp_path / "corpus"), Prompt("reward", "Is {text} next?")
    found = texts.prompted(rows, prompt, tmp_path / "work")
    assert found["prompt"][:] == [f"Is shoe {number} next?" for number in range(3)]
    with pytest.raises(SettingsError, match="reward: field: unknown 'txt'; did you mean 'text'"):
        texts.prompted(rows, Prompt("reward", "Is {txt} next?"), tmp_path / "work")


def test_pairs_of_preferences():
    found = texts.pairs(["p", "q"], ["a", "b"], ["b", "c"])
    assert found[1] == {"prompt": "q", "chosen": "b", "rejected": "c"}
    with pytest.raises(ValueError, match="1 prompts, 2 chosen and 2 rejected"):
        texts.pairs(["p"], ["a", "b"], ["b", "c"])
    with pytest.raises(ValueError, match="pair 1: expected two different answers, got 'c' twice"):
        texts.pairs(["p", "q"], ["a", "c"], ["b", "c"])


# -- corpora -----------------------------------------------------------------------------------------------------------


def write_catalogue(folder):
    folder.mkdir()
    pl.DataFrame(
        {"item": [0, 1], "title": ["Acme shoe", None], "kind": ["Shoes", "Hats"]}
    ).write_parquet(folder / "items.parquet")
    rows = [(1, "colour", "red"), (0, "heel", "low"), (0, "colour", "blue")]
    schema = {"item": pl.Int32, "attribute": pl.String, "value": pl.String}
    pl.DataFrame(rows, schema, orient="row").write_parquet(folder / "attributes.parquet")
    pl.DataFrame({"caption": ["is red", "is red", "has laces"]}).write_parquet(
        folder / "captions.parquet"
    )
    return folder


def test_a_catalogue_becomes_sentences(tmp_path):
    make_corpus(tmp_path / "corpus", write_catalogue(tmp_path / "catalogue"))
    rows = texts.read(tmp_path / "corpus")
    assert rows["text"][:] == [
        "Title: Acme shoe. Kind: Shoes. Colour: blue. Heel: low.",
        "Kind: Hats. Colour: red.",
        "is red",
        "has laces",
    ]
    assert rows["item"][:] == [0, 1, -1, -1]


def test_tidy_tables_become_sentences(tmp_path):
    rows = {
        "item": ["a", "b"],
        "title": ["Pen", None],
        "brand": ["Acme", None],
        "category": [None, None],
    }
    pl.DataFrame(rows | {"attributes": [["blue", "steel"], None]}).write_parquet(
        tmp_path / "items.parquet"
    )
    make_corpus(tmp_path / "corpus", tmp_path)
    found = texts.read(tmp_path / "corpus")
    assert found["text"][:] == ["Title: Pen. Brand: Acme. Attributes: blue, steel."]
    assert texts.read_record(tmp_path / "corpus")["items"] == 2


def test_items_without_words_are_refused(tmp_path):
    pl.DataFrame({"item": ["a"], "title": [None]}).write_parquet(tmp_path / "items.parquet")
    with pytest.raises(ValueError, match="found no text; take another source"):
        make_corpus(tmp_path / "corpus", tmp_path)


def test_parts_hang_on_the_words_alone():
    parts = [part_of(f"text {number}") for number in range(2000)]
    assert parts == [part_of(f"text {number}") for number in range(2000)]
    assert 150 < parts.count("valid") < 250
    assert 150 < parts.count("test") < 250

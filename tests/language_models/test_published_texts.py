"""Data sets of a hub: addresses at a commit, and files of the same layout read offline by `load_dataset`."""

import gzip
import hashlib
import json

import pytest
import yaml

from recloop.data import hub
from recloop.data.sources import fetch, load_source
from recloop.language_models import texts
from recloop.language_models.corpora import make_corpus
from recloop.plan import language_models
from recloop.storage.settings import SettingsError

COMMIT = "0123456789abcdef0123456789abcdef01234567"
PAIRS = [{"q": f"question {n}", "good": f"yes {n}", "bad": f"no {n}"} for n in range(40)]
LINES = "".join(json.dumps(row) + "\n" for row in PAIRS).encode()
SETTINGS = {"columns": {"prompt": "q", "chosen": "good", "rejected": "bad"}}


@pytest.fixture
def published(tmp_path):
    """Give a manifest of a packed file on a hub, and a mirror folder that has it."""
    place = tmp_path / "mirror/preferences/test.jsonl.gz"
    place.parent.mkdir(parents=True)
    place.write_bytes(gzip.compress(LINES, mtime=0))
    file = {
        "bytes": place.stat().st_size,
        "sha256": hashlib.sha256(place.read_bytes()).hexdigest(),
        "addresses": [
            {"hub": "someone/pairs", "revision": COMMIT, "path": "harmless/the test.jsonl.gz"}
        ],
        "mirror": "preferences/test.jsonl.gz",
    }
    about = {name: "x" for name in ("title", "licence", "citation", "homepage", "instructions")}
    return about | {"redistribute": False, "files": {"test.jsonl.gz": file}, "texts": SETTINGS}


def checked(manifest, tmp_path):
    path = tmp_path / "pairs.yaml"
    path.write_text(yaml.safe_dump(manifest))
    return load_source(path)


def test_an_address_on_a_hub_is_written_out_at_its_commit(published, tmp_path):
    (address,) = hub.resolved(checked(published, tmp_path))["files"]["test.jsonl.gz"]["addresses"]
    assert address == (
        f"https://huggingface.co/datasets/someone/pairs/resolve/{COMMIT}/harmless/the%20test.jsonl.gz"
    )
    plain = {
        "files": {"a": {"addresses": ["https://x/y", {"archive": "https://x/z", "member": "m"}]}}
    }
    assert hub.resolved(plain) == plain
    assert hub.resolved({"world": "ring"}) == {"world": "ring"}


@pytest.mark.parametrize(
    "change", [{"revision": "main"}, {"hub": "pairs"}, {"path": "/etc/passwd"}]
)
def test_an_address_without_a_commit_is_refused(published, tmp_path, change):
    published["files"]["test.jsonl.gz"]["addresses"][0] |= change
    with pytest.raises(SettingsError, match=r"addresses\.0"):
        checked(published, tmp_path)


def test_files_of_the_same_layout_are_read_offline(published, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    source = hub.resolved(checked(published, tmp_path))
    fetch(source, tmp_path / "raw", tmp_path / "mirror")
    make_corpus(tmp_path / "corpus", raw=tmp_path / "raw", published=source["texts"])
    rows = texts.read(tmp_path / "corpus")
    assert {*rows.column_names} == {"prompt", "chosen", "rejected", "part"}
    assert rows[3] | {"part": None} == {
        "prompt": "question 3", "chosen": "yes 3", "rejected": "no 3", "part": None,
    }  # fmt: skip
    assert {"train", "test"} <= set(rows["part"])
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "corpus",
        "mirror",
        "pairs.yaml",
        "raw",
    ]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", '{"text": "one"}\n{"text": "two"}\n'),
        ("a.json", '[{"text": "one"}, {"text": "two"}]'),
        ("a.csv", "text,more\none,1\ntwo,2\n"),
        ("a.txt", "one\ntwo\n"),
    ],
)
def test_kinds_of_files(tmp_path, name, content):
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / name).write_text(content)
    (raw / "fetched.json").write_text("{}")
    settings = {"columns": {"text": "text"}, "parts": {"train": [name], "valid": [name]}}
    make_corpus(tmp_path / "corpus", raw=raw, published=settings)
    rows = texts.read(tmp_path / "corpus")
    assert rows["text"][:] == ["one", "two"] * 2
    assert rows["part"][:] == ["train"] * 2 + ["valid"] * 2


def test_what_cannot_be_read_is_one_clear_line(tmp_path):
    raw, settings = tmp_path / "raw", {"columns": {"text": "txt"}}
    raw.mkdir()
    with pytest.raises(ValueError, match=r"expected files with .jsonl, .* found no row"):
        make_corpus(tmp_path / "corpus", raw=raw, published=settings)
    (raw / "a.csv").write_text("text\none\n")
    with pytest.raises(ValueError, match=r"a.csv: has no column 'txt'; did you mean 'text'"):
        make_corpus(tmp_path / "corpus", raw=raw, published=settings)
    (raw / "a.jsonl").write_bytes(b"\xff\x00 no JSON")
    with pytest.raises(ValueError, match=r"a.jsonl: cannot be read as json"):
        wrong = settings | {"parts": {"train": ["a.jsonl"]}}
        make_corpus(tmp_path / "corpus", raw=raw, published=wrong)
    with pytest.raises(ValueError, match=r"a.pkl: expected a file with one of .jsonl"):
        make_corpus(
            tmp_path / "corpus", raw=raw, published=settings | {"parts": {"train": ["a.pkl"]}}
        )
    with pytest.raises(ValueError, match="got none of them"):
        make_corpus(tmp_path / "corpus")
    assert not (tmp_path / "corpus").exists()


def test_the_key_of_texts_hangs_on_files_and_columns(published):
    one = language_models.published_texts("pairs", published)
    assert one.record.startswith("data/corpora/pairs-")
    assert one.records == ["data/raw/pairs/fetched.json"]
    other = published | {"texts": {"columns": {"text": "q"}}}
    assert language_models.published_texts("pairs", other).key != one.key

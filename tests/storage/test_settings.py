"""Settings are read strictly: what YAML would silently change is said, with its line."""

import pytest

from recloop.storage.settings import SettingsError, check, parse, read_settings, read_yaml


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3", "f.yaml: line 3: the key 'a' stands in line 1 already"),
        ("x:\n  a: {b: 1, b: 2}", "f.yaml: line 2: the key 'b' stands in line 2 already"),
        ("d: 2012-06-01", 'line 1: 2012-06-01 is a date to YAML; write "2012-06-01" in quotes'),
        ("d: 2012-06-01 10:00:00", "is a date to YAML"),
        ("a: .nan", "line 1: .nan is not a finite number"),
        ("a: [-.inf]", "-.inf is not a finite number"),
        ("a: [1,\nb", "f.yaml is not YAML: line 3"),
        ("a: *b", "f.yaml is not YAML: line 1: found undefined alias"),
        ("[a]: 1", "line 1: a key has to be a word"),
        ("a: !!python/name:os.system ''", "line 1: could not determine a constructor"),
    ],
)
def test_what_yaml_would_change_is_an_error_with_its_line(text, message):
    with pytest.raises(SettingsError) as error:
        parse(text, "f.yaml")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_merged_keys_may_stand_again():
    text = "x: &a {p: 1, q: 1}\ny: &b {<<: *a, p: 2}\nz: {<<: *b, p: 3}"
    assert parse(text, "f.yaml")["z"] == {"p": 3, "q": 1}


def test_a_mark_of_the_byte_order_is_no_part_of_the_first_key(tmp_path):
    (tmp_path / "a.yaml").write_bytes(b"\xef\xbb\xbfkey: 1")
    assert read_yaml(tmp_path / "a.yaml") == {"key": 1}


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "is empty"), (b"a: \xff", "byte 3 is not UTF-8"), (None, "did you mean 'tiers'?")],
)
def test_an_unreadable_file_is_one_sentence(tmp_path, content, message):
    (tmp_path / "tiers.yaml").touch()
    if content is not None:
        (tmp_path / "tires.yaml").write_bytes(content)
    with pytest.raises(SettingsError, match=message.replace("?", r"\?")):
        read_settings(tmp_path / "tires.yaml", "tier")


@pytest.mark.parametrize(
    ("seeds", "message"),
    [
        ([1.0], "seeds.0: 1.0 is no whole number; write 1"),
        ([True], "seeds.0: True is not of type 'integer'"),
        ([-1], "seeds.0: -1 is too small, expected 0 or more"),
        ([2**31], "seeds.0: 2147483648 is too large, expected 2147483647 or less"),
        (["1e3"], "'1e3' is text to YAML, not a number; write 1000"),
        ([1, 1], "seeds: [1, 1] has a value twice"),
        ([], "seeds: [] has too few values, expected 1 or more"),
    ],
)
def test_a_wrong_seed_is_explained(seeds, message):
    config = {"tier": "smoke", "studies": ["modt4r"], "datasets": None, "device": "cpu"}
    with pytest.raises(SettingsError) as error:
        check(config | {"mirror": None, "twin": None, "seeds": seeds}, "config", "config.yaml")
    assert message in str(error.value)


def test_a_key_that_is_no_word_is_explained():
    with pytest.raises(SettingsError, match="the key False is no word to YAML; write it in quotes"):
        check(parse("tier: {no: 1}", "f.yaml"), "config", "config.yaml")


# -- hostile files -----------------------------------------------------------------------------------------------------

ANCHORS = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: !!python/object/apply:os.system ['touch ran']", "could not determine a constructor"),
        ("a: !!python/name:os.system ''", "could not determine a constructor"),
        ("a: !anything 1", "could not determine a constructor"),
        (f"a0: &a0 [1]\n{ANCHORS}", "anchors make more than 200,000 values of it"),
        ("a: &a [1, *a]", "an anchor stands inside what it names"),
        ("[" * 200_000, "is nested more than 100 deep"),
        ("[a, " * 200_000, "is nested more than 100 deep"),
        ("- " * 200_000, "is nested more than 100 deep"),
    ],
    ids=["call", "name", "tag", "anchors", "circle", "brackets", "lists", "dashes"],
)
def test_a_hostile_file_is_refused_in_one_line(text, sentence, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError, match=sentence) as error:
        parse(text, "mine.yaml")
    assert str(error.value).startswith("mine.yaml")
    assert len(str(error.value).splitlines()) == 1
    assert list(tmp_path.iterdir()) == []

"""Prompts are data: every field and every name is checked before anything is asked."""

import pytest

from recloop.language_models.prompts import Prompt, read_prompts
from recloop.storage.settings import SettingsError

KNOWN = {"reward": {"history", "item"}, "choose": {"history", "list"}}
RIGHT = """
reward:
  template: "The user has listened to these tracks in chronological order: {history} Is {item} next?"
choose:
  template: "In the list: {list}, which is next? Write {{}} for none."
  answers: [first, second]
"""


def read(tmp_path, text):
    path = tmp_path / "prompts.yaml"
    path.write_text(text)
    return read_prompts(path, KNOWN)


def test_prompts_are_read_and_filled(tmp_path):
    found = read(tmp_path, RIGHT)
    assert found["reward"].fields == ("history", "item")
    assert found["choose"].answers == ("first", "second")
    assert (
        found["choose"].fill(list="1, 2") == "In the list: 1, 2, which is next? Write {} for none."
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("{item}", "{itm}", r"reward: field: unknown 'itm'; did you mean 'item'"),
        ("{item}", "{item.__class__}", r"expected a field like {history}, got {item.__class__}"),
        ("{item}", "{0}", r"got {0}"),
        ("{item}", "{item!r}", r"got {item}"),
        ("{item}", "{item", r"write a brace itself twice"),
        ("choose:", "chose:", r"unknown 'chose'; did you mean 'choose'"),
        ("answers", "answer", r"did you mean 'answers'"),
        ("[first, second]", "[first]", r"too few values"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, old, new, message):
    with pytest.raises(SettingsError, match=message):
        read(tmp_path, RIGHT.replace(old, new))


def test_a_missing_prompt_is_named(tmp_path):
    with pytest.raises(SettingsError, match=r"prompts.yaml: lacks the prompt 'choose'"):
        read(tmp_path, RIGHT.partition("choose:")[0])


def test_values_fit_the_fields():
    prompt = Prompt("p", "{a} and {b} and {a}")
    assert prompt.fill(a=1, b="{a}") == "1 and {a} and 1"
    with pytest.raises(SettingsError, match=r"no value for {b}"):
        prompt.fill(a=1)
    with pytest.raises(SettingsError, match="unknown 'c'"):
        prompt.fill(a=1, b=2, c=3)

"""Words as the judge of attributes: what they find, what takes their meaning away, and how often they err."""

import pytest

from recloop.language.attributes import ATTRIBUTES, LABELLED, labels, reliability


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Novked steel tent, licence required", {"recyclable", "restricted"}),
        ("Fiberglass rod", set()),
        ("NEEDLE NOSE pliers", set()),
        ("needle nose pliers with a needle", {"restricted"}),
        ("popcorn", set()),
        ("", set()),
    ],
)
def test_words_name_attributes(text, found):
    assert labels(text) == found


def test_reliability_is_counted_by_hand():
    """Of 13 lines a reader sees restricted, ten are found, and two more that are not."""
    true = [text for text, marked in LABELLED if "restricted" in marked]
    said = [text for text, _ in LABELLED if "restricted" in labels(text)]
    right = len({*true} & {*said})
    found = reliability("restricted")
    assert (len(true), len(said), right) == (13, 12, 10)
    assert found["precision"] == pytest.approx(10 / 12)
    assert found["recall"] == pytest.approx(10 / 13)


@pytest.mark.parametrize("name", ["recyclable", "restricted"])
def test_the_judge_errs_seldom_and_its_lines_have_both_kinds(name):
    found = reliability(name)
    assert found["precision"] > 0.8
    assert found["recall"] > 0.7
    assert 10 < found["lines"] < len(LABELLED) - 10


def test_lines_name_known_attributes():
    assert {name for _, marked in LABELLED for name in marked} <= {*ATTRIBUTES}
    assert len({text for text, _ in LABELLED}) == len(LABELLED)

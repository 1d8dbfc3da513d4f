"""What is composed is true, what is true is read back, and sentences stay as short as people's."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recloop.language import phrases
from recloop.language.grammar import SAME, Lexicon, attributes_in, compose, differences

VALUES = {
    "colour": ["navy blue", "blue", "black", "off white", "white", "maroon", "grey", "neon"],
    "kind": ["heels", "sandals", "casual shoes", "shirts", "t-shirts"],
    "gender": ["men", "women", "unisex", "girls"],
    "usage": ["casual", "formal", "sports"],
    "season": ["summer", "winter", "fall"],
    "heel": ["flat", "low", "medium", "high"],
    "sleeve": ["sleeveless", "short", "three-quarter", "long sleeves"],
    "neckline": ["v-neck", "round", "boat"],
    "pattern": ["striped", "solid", "printed", "checked"],
    "length": ["mini", "knee", "midi", "maxi"],
    "fastening": ["laces", "buckle", "slip-on", "none"],
    "toe": ["pointed", "open toe"],
    "strap": ["ankle", "none", "t-strap"],
    "collar": ["button-down", "mandarin"],
    "fit": ["slim", "loose"],
    "lining": ["fleece", "no"],
    "logo": ["yes", "no"],
}
LEXICON = Lexicon(VALUES)
RATES = {"comparative": st.floats(0, 1), "vague": st.floats(0, 1), "contrast": st.floats(0, 1)}
RATES |= {"missing": st.floats(0, 1)}

items = st.fixed_dictionaries(
    {},
    optional={
        name: st.sets(st.sampled_from(values), min_size=1, max_size=2)
        for name, values in VALUES.items()
    },
)
randoms = st.integers(0, 2**32).map(Random)
names = st.text("bcdghj", min_size=2, max_size=5)
odd_items = st.dictionaries(names, st.sets(names, min_size=1, max_size=2), max_size=4)


@settings(max_examples=150)
@given(items, items, randoms, st.fixed_dictionaries(RATES))
def test_what_is_claimed_is_true(target, reference, random, rates):
    sentence = compose(target, reference, random, named=(0.3, 0.3, 0.4), shared=0.0, **rates)
    assert attributes_in(sentence, LEXICON) <= differences(target, reference), sentence


@settings(max_examples=60)
@given(odd_items, odd_items, randoms)
def test_attributes_of_any_name_are_worded_and_read(target, reference, random):
    sentence = compose(target, reference, random, shared=0.0)
    claimed = attributes_in(sentence, Lexicon.of([target, reference]))
    assert claimed <= differences(target, reference), sentence


@settings(max_examples=60)
@given(items, items, randoms)
def test_without_imprecision_every_named_difference_is_read_back(target, reference, random):
    exact = {"vague": 0.0, "missing": 0.0, "shared": 0.0, "comparative": 0.0, "contrast": 0.0}
    sentence = compose(target, reference, random, named=(0.0, 0.0, 1.0), **exact)
    true = differences(target, reference)
    sayable = {name for name, claim in true if not claim.startswith(("not no", "not yes"))}
    assert len({name for name, _ in attributes_in(sentence, LEXICON)}) == min(3, len(sayable))


@settings(max_examples=50)
@given(items, randoms)
def test_of_two_alike_nothing_is_claimed(item, random):
    sentence = compose(item, item, random)
    assert sentence in SAME
    assert attributes_in(sentence, LEXICON) == set() == differences(item, item)


@settings(max_examples=60)
@given(items, items)
def test_differences_turn_round(target, reference):
    """What one has and the other has not: each side's claims deny the other's."""
    there = differences(target, reference)
    back = differences(reference, target)
    for name, claim in there:
        opposite = {"darker": "lighter", "higher": "lower", "longer": "shorter"}
        opposite |= {low: high for high, low in opposite.items()}
        turned = opposite.get(claim) or (
            claim.removeprefix("not ") if claim.startswith("not ") else f"not {claim}"
        )
        assert (name, turned) in back


@pytest.mark.parametrize(
    ("sentence", "claims"),
    [
        ("is navy instead of black", {("colour", "navy blue"), ("colour", "not black")}),
        ("Has a lower heel.", {("heel", "lower")}),
        ("without stripes", {("pattern", "not striped")}),
        ("has no sleeves", {("sleeve", "sleeveless")}),
        ("is less red and more formal", {("colour", "not red"), ("usage", "formal")}),
        ("has longer sleeves and is longer", {("sleeve", "longer"), ("length", "longer")}),
        ("it isn't plain", {("pattern", "not solid")}),
        ("is darker with a v-neck", {("colour", "darker"), ("neckline", "v")}),
        ("is lovely", set()),
    ],
)
def test_sentences_of_people_are_read(sentence, claims):
    assert attributes_in(sentence) == claims


def test_longer_forms_win_and_ambiguous_ones_claim_nothing():
    lexicon = Lexicon(
        {"kind": {"casual shoes"}, "usage": {"casual"}, "colour": {"navy", "navy blue"}}
    )
    assert lexicon.read("is more like casual shoes") == {("kind", "casual shoes")}
    assert lexicon.read("is more casual") == {("usage", "casual")}
    assert lexicon.read("is navy") == set()
    assert lexicon.read("is navy blue") == {("colour", "navy blue")}


def test_comparatives_follow_the_order():
    low, high = {"heel": {"low"}}, {"heel": {"high"}}
    assert ("heel", "higher") in differences(high, low)
    assert ("heel", "lower") in differences(low, high)
    utterances = {compose(low, high, Random(k), comparative=1.0) for k in range(30)}
    assert {claim for one in utterances for claim in attributes_in(one)} == {("heel", "lower")}
    for attribute, (short, long) in {
        "sleeve": ("three-quarter", "long sleeves"),
        "length": ("knee length", "maxi"),
    }.items():
        assert (attribute, "longer") in differences({attribute: {long}}, {attribute: {short}})


def test_a_plain_colour_is_true_of_its_shades_only_where_it_tells_apart():
    navy, blue, black = ({"colour": {name}} for name in ("navy blue", "blue", "black"))
    assert ("colour", "blue") in differences(navy, black)
    assert ("colour", "not blue") in differences(black, navy)
    assert ("colour", "blue") not in differences(navy, blue)


def test_rates_do_what_they_say():
    target = {"colour": {"maroon"}, "pattern": {"striped"}, "gender": {"women"}}
    reference = {"colour": {"black"}, "pattern": {"solid"}, "gender": {"women"}}

    def utterances(**rates):
        none = dict.fromkeys(("comparative", "vague", "contrast", "missing", "shared"), 0.0)
        rates = {"named": (0.0, 1.0)} | none | rates
        return [attributes_in(compose(target, reference, Random(k), **rates)) for k in range(40)]

    assert all(claims == {("colour", "maroon"), ("pattern", "striped")} for claims in utterances())
    assert {len(claims) for claims in utterances(named=(1.0,))} == {1}
    assert all(("gender", "women") in claims for claims in utterances(shared=1.0))
    assert not any(("colour", "maroon") in claims for claims in utterances(vague=1.0))
    assert any(("colour", "red") in claims for claims in utterances(vague=1.0))
    assert all(("pattern", "not solid") in claims for claims in utterances(missing=1.0))
    assert {("colour", "maroon"), ("colour", "not black")} < set().union(*utterances(contrast=1.0))


def test_phrasings_are_many_and_short():
    random = Random(1)
    drawn = [
        {name: {random.choice(values)} for name, values in VALUES.items() if random.random() < 0.6}
        for _ in range(60)
    ]
    utterances = [compose(a, b, random) for a in drawn for b in drawn if a is not b]
    words = sorted(len(sentence.split()) for sentence in utterances)
    assert len(set(utterances)) > len(utterances) / 3
    assert words[0] > 0
    assert words[len(words) * 6 // 10] <= 8  # the longest sentence that a simulator says
    assert words[-1] < 30


def test_the_same_draws_give_the_same_sentence():
    target, reference = {"toe": {"open"}, "sole": {"rubber"}}, {"toe": {"round"}, "sole": {"cork"}}
    once, again = (compose(target, reference, Random(7)) for _ in range(2))
    assert once == again


@pytest.mark.parametrize(
    ("attribute", "value", "form"),
    [
        ("strap", "ankle strap", "an ankle strap"),
        ("toe", "open", "an open toe"),
        ("neckline", "v neck", "a v neck"),
        ("strap", "none", "no strap"),
        ("logo", "yes", "a logo"),
        ("material", "leather", "a leather material"),
    ],
)
def test_articles_and_heads_are_right(attribute, value, form):
    assert form in phrases.wording(attribute, value).nouns

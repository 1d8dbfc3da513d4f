"""Text metrics against hand computations."""

import math

import pytest

# What sacrebleu 2.6.0 (add-k smoothing with 1, no tokenizer) and rouge-score 0.1.2 (rougeL, no stemming) gave for
# these, in lower case and without punctuation, on 2026-11-29: BLEU-4 and ROUGE-L F1.
OF_LIBRARIES = [
    ("the steel lamp", "the steel lamp", 1.0, 1.0),
    ("steel lamp of brass", "brass lamp", 0.379918, 0.333333),
    ("a red tent for two", "a blue tent for two people", 0.435425, 0.727273),
    ("lamp", "the steel lamp", 0.135335, 0.5),
    ("kraft paper bags, pack of 4", "kraft bags, pack of 4", 0.638943, 0.909091),
    ("tent", "lamp", 0.0, 0.0),
    ("the the the the", "the cat is on the mat", 0.230432, 0.4),
    ("minlor steel chair, licence required", "minlor steel chair", 0.494923, 0.75),
]


@pytest.mark.parametrize(("said", "meant", "of_sacrebleu", "of_rouge_score"), OF_LIBRARIES)
def test_sentences_are_worth_what_the_libraries_say(said, meant, of_sacrebleu, of_rouge_score):
    from recloop.evaluation.text import rouge_l, sentence_bleu

    assert sentence_bleu(said, meant) == pytest.approx(of_sacrebleu, abs=1e-6)
    assert rouge_l([said], [[meant]], recall_weight=1.0) == pytest.approx(of_rouge_score, abs=1e-6)


def test_a_corpus_is_worth_what_sacrebleu_says():
    """Without smoothing, over all sentences above."""
    from recloop.evaluation.text import bleu

    said, meant = zip(*[row[:2] for row in OF_LIBRARIES], strict=True)
    found = bleu(said, [[one] for one in meant])
    assert found[3] == pytest.approx(0.323462, abs=1e-6)
    assert found[0] == pytest.approx(0.689655, abs=1e-6)


def test_bleu_of_papineni_counts_a_word_no_more_often_than_a_reference_has_it():
    from recloop.evaluation.text import bleu

    # Papineni et al. 2002, example 2: modified unigram precision 2/7
    references = [["The cat is on the mat", "There is a cat on the mat"]]
    assert bleu(["the the the the the the the"], references, 1) == pytest.approx([2 / 7])


def test_bleu_by_hand():
    from recloop.evaluation.text import bleu

    # words 4/5, pairs 2/4 (is black, and shiny), triples 0; 5 words against 6: brevity exp(1 - 6/5)
    found = bleu(["is black high and shiny"], [["is black with buckle and shiny"]], 3)
    brevity = math.exp(1 - 6 / 5)
    assert found == pytest.approx([brevity * 4 / 5, brevity * math.sqrt(4 / 5 * 2 / 4), 0.0])


def test_bleu_adds_up_over_the_corpus_and_takes_the_closest_length():
    from recloop.evaluation.text import bleu

    utterances = ["is red", "has a strap"]
    references = [["is bright red and high", "is red now"], ["has no strap"]]
    # words (2 + 2) / (2 + 3); lengths 5 against 3 + 3
    assert bleu(utterances, references, 1) == pytest.approx([math.exp(1 - 6 / 5) * 4 / 5])


def test_perfect_sentences():
    from recloop.evaluation.text import bleu, cider, rouge_l

    utterances = ["is red with a strap", "has a much higher heel", "looks like a boot now"]
    references = [[sentence.upper() + "!"] for sentence in utterances]
    assert bleu(utterances, references) == pytest.approx([1.0] * 4)
    assert rouge_l(utterances, references) == pytest.approx(1.0)
    assert cider(utterances, references) == pytest.approx(10.0)


def test_rouge_by_hand():
    from recloop.evaluation.text import longest_common, rouge_l

    assert longest_common(["a", "b", "c", "d"], ["b", "x", "d", "a"]) == 2
    # common "is red": precision 2/3, recall 2/4
    precision, recall, squared = 2 / 3, 2 / 4, 1.44
    expected = (1 + squared) * precision * recall / (recall + squared * precision)
    assert rouge_l(["is very red"], [["is not so red"]]) == pytest.approx(expected)


def test_cider_by_hand():
    from recloop.evaluation.text import cider

    # two pairs, words only: "is" is in both and weighs log(2/2) = 0, the others log 2
    utterances, references = ["is red", "is high"], [["is red bright"], ["is flat"]]
    # first: (l * l) / (l * l sqrt 2) = 1 / sqrt 2, one word too short; second: nothing in common
    first = 10 * math.exp(-1 / (2 * 36)) / math.sqrt(2)
    assert cider(utterances, references, most=1) == pytest.approx(first / 2)


def test_cider_does_not_pay_for_repetition():
    from recloop.evaluation.text import cider

    references = [["is red"], ["is high"]]
    once, thrice = (
        cider([utterances, "is high"], references, 1, 1e9) for utterances in ("red", "red red red")
    )
    assert once == pytest.approx(10.0)
    assert thrice == pytest.approx((10 / 3 + 10) / 2)


def test_nothing_in_common_is_nothing():
    from recloop.evaluation.text import bleu, cider, rouge_l

    assert bleu(["one two"], [["three"]]) == [0.0] * 4
    assert rouge_l(["one two", ""], [["three"], ["four"]]) == 0.0
    assert cider(["one two"], [["three"]]) == 0.0


def test_refuses_a_sentence_without_reference():
    from recloop.evaluation.text import bleu

    with pytest.raises(ValueError, match="at least one reference"):
        bleu(["is red"], [[]])


def test_bleu_of_one_sentence_by_hand():
    """One of two words is right, no pair; longer n-grams there are none, and count as one of one."""
    from recloop.evaluation.text import sentence_bleu

    assert sentence_bleu("a b", "a c") == pytest.approx((1 / 2 * 1 / 2) ** 0.25)
    assert sentence_bleu("the steel lamp", "the steel lamp") == 1
    assert sentence_bleu("lamp", "the steel lamp") == pytest.approx(math.exp(1 - 3))
    assert sentence_bleu("", "lamp") == sentence_bleu("tent", "lamp") == 0

"""Answers that are weighed: by hand, in one pass as pair by pair, and asked for once."""

import math

import pytest
import torch

from recloop.language_models.answers import Answer, Answers
from recloop.language_models.asking import ask
from recloop.language_models.batching import alike
from recloop.language_models.decoding import Decoding
from recloop.language_models.weighing import Weigher, calibrated, spoken_weights, weights

ONE = Decoding(max_tokens=1)
PROMPTS = ["a red shoe with", "a blue", "Live Forever is a track from the album"]


def test_one_pass_weighs_as_pair_by_pair(model):
    it = model("llama")
    letters = ["a", "b", "r"]
    assert all(
        len(it.tokenizer(one, add_special_tokens=False)["input_ids"]) == 1 for one in letters
    )
    pairs = [(prompt, letter) for prompt in PROMPTS for letter in letters]
    slowly = it.likelihoods([one for one, _ in pairs], [one for _, one in pairs]).view(3, 3)
    assert torch.allclose(it.choices(PROMPTS, letters), slowly, atol=1e-5)


def test_what_prompts_begin_with_is_read_once(model):
    """And nothing changes by it."""
    it = model("mistral")
    begins = ["a red shoe with a low heel and", "Live Forever is a track from the album"]
    prompts = [f"{one} {end}" for one in begins for end in ("a", "a blue shoe", "x", "its artist")]
    letters = ["a", "b", "r"]
    groups = alike(it.tokens(prompts))
    assert [places for places, _ in groups] == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert all(shared > 5 for _, shared in groups)
    alone = torch.cat([it.choices([prompt], letters) for prompt in prompts])
    assert torch.allclose(it.choices(prompts, letters), alone, atol=1e-5)


def test_rows_that_begin_alike_by_hand():
    rows = [[1, 2, 3, 4], [1, 2, 5], [1, 2, 3, 6], [7, 8], [1, 2]]
    assert alike(rows) == [([0, 1, 2], 2), ([3], 0), ([4], 0)]
    assert alike([]) == []


def test_answers_of_several_tokens_are_weighed_too(model):
    it = model("llama")
    found = it.choices(PROMPTS, ["a", "Live Forever is"])
    alone = it.likelihoods(PROMPTS, ["Live Forever is"] * 3)
    assert torch.allclose(found[:, 1], alone, atol=1e-5)


def test_a_second_run_asks_nothing(model, tmp_path, monkeypatch):
    it = Weigher(model("llama"), ["a", "b"])
    found = ask(it, PROMPTS, ONE, Answers(tmp_path, it.revision), lambda line: None)
    monkeypatch.setattr(type(it.model), "choices", None)
    again = ask(it, PROMPTS, ONE, Answers(tmp_path, it.revision), lambda line: None)
    assert found == again
    assert Weigher(it.model, ["a", "c"]).revision != it.revision
    assert weights(found).shape == (3, 2)


def test_the_worth_of_a_place_is_taken_off_by_hand():
    logs = torch.tensor([[0.5, 0.25, 0.25], [0.8, 0.1, 0.1]]).log()
    found = calibrated(logs + 3.0)  # what all answers share counts for nothing
    first = (math.log(0.5) - math.log(0.8)) / 2
    assert found[0, 0].item() == pytest.approx(first, abs=1e-5)
    assert found[1, 0].item() == pytest.approx(-first, abs=1e-5)
    assert torch.allclose(found.sum(0), torch.zeros(3), atol=1e-5)


def test_a_spoken_letter_counts_alone_and_anything_else_is_none():
    said = [Answer(text, 1, 0.0) for text in (" b.", "A", "I do not know", "")]
    found = spoken_weights(said, [" a", " b", " c"])
    assert found.tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 1], [0, 0, 1]]

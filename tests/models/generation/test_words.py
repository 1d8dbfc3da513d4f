"""Soft prompts and words: what a language model is given, what it learns to say back, and DiffuSeq's partial noise."""

import pytest
import torch

from recloop.language_models import tokenizer
from recloop.language_models.latents import Coordinates, TextEncoder
from recloop.language_models.model import LanguageModel
from recloop.language_models.pretrain import build, settings_of
from recloop.models.generation.diffuseq import DiffuSeq, most_alike
from recloop.models.generation.item_prompts import FineTuned, ItemPrompts
from recloop.models.generation.said import Said, embedded, likelihood, spoken

TITLES = [
    "steel lamp",
    "blue kettle of glass",
    "oak desk",
    "red tent",
    "vinyl chair",
    "small oak tent",
]
LATENTS = 3


@pytest.fixture(scope="module")
def lm():
    """A model that has learnt to say a title again behind its first saying: what has not cannot be steered."""
    words = tokenizer.learn(TITLES * 3, 320)
    torch.manual_seed(0)
    network = build(settings_of({"dim": 24, "layers": 2, "heads": 2}), words)
    rows = words(
        [f"{title} Title: {title}</s>" for title in TITLES], padding=True, return_tensors="pt"
    )
    labels = rows["input_ids"].masked_fill(rows["attention_mask"] == 0, -100)
    optimiser = torch.optim.AdamW(network.parameters(), 0.01)
    for _ in range(80):
        optimiser.zero_grad()
        network(
            **{key: rows[key] for key in ("input_ids", "attention_mask")}, labels=labels
        ).loss.backward()
        optimiser.step()
    return LanguageModel(network.eval().requires_grad_(False), words, "made here")


def said(lm):
    """All titles behind one word."""
    words = [f" {title}" for title in TITLES]
    tails = [[*row, lm.end] for row in lm.tokenizer(words, add_special_tokens=False)["input_ids"]]
    heads = lm.tokenizer(["Title:"] * len(TITLES), add_special_tokens=False)["input_ids"]
    torch.manual_seed(1)
    return Said(torch.randn(len(TITLES), LATENTS), heads, tails, torch.ones(len(TITLES)))


def test_words_are_as_likely_as_the_model_says(lm):
    """Against `likelihoods`, which adds up over tokens, without the end marks; each item counts by its weight."""
    batch, begin = said(lm), lm.tokens([""])[0]
    tails = [tail[:-1] for tail in batch.tail]
    weights = torch.arange(len(TITLES)).float()
    given = Said(batch.latent, [[*begin, *head] for head in batch.head], tails, weights)
    known = lm.likelihoods(["Title:"] * len(TITLES), [f" {title}" for title in TITLES])
    each = -known / torch.tensor([len(tail) for tail in tails])
    torch.testing.assert_close(likelihood(lm, None, given), (each * weights).mean())


def test_soft_prompts_stand_right_before_the_words(lm):
    """Embeddings of words as soft prompts are these words."""
    table = lm.network.get_input_embeddings()
    heads = lm.tokenizer(["oak", "a blue kettle of glass"], add_special_tokens=False)["input_ids"]
    begin = torch.tensor([lm.tokens(["red tent"])[0]] * 2)
    given, mask, _ = embedded(lm, table(begin), heads)
    plain, real, _ = embedded(lm, None, [[*begin[0].tolist(), *head] for head in heads])
    assert torch.equal(given[mask.bool()], plain[real.bool()])
    assert spoken(lm, table(begin), heads, 5) == spoken(
        lm, None, [[*begin[0].tolist(), *h] for h in heads], 5
    )


def test_an_item_is_said_back_from_its_own_latent(lm):
    """IM learns a few items by heart through soft prompts alone; the language model stays as it was."""
    torch.manual_seed(0)
    model, batch = ItemPrompts(lm, LATENTS, tokens=4, heads=2, hidden=64, max_tokens=10), said(lm)
    before = lm.network.get_input_embeddings().weight.clone()
    optimiser = torch.optim.AdamW(model.parameters(), 0.01)
    for _ in range(250):
        optimiser.zero_grad()
        model.loss(batch).backward()
        optimiser.step()
    texts = model.eval().write(batch.latent, batch.head)
    assert sum(text == title for text, title in zip(texts, TITLES, strict=True)) >= 5
    assert torch.equal(before, lm.network.get_input_embeddings().weight)
    assert not any(name.startswith("lm") for name in model.state_dict())


def test_only_adapters_learn_in_a_fine_tuned_model(lm):
    words = tokenizer.learn(TITLES * 3, 320)
    own = LanguageModel(
        build(settings_of({"dim": 24, "layers": 1, "heads": 2}), words), words, "another"
    )
    model = FineTuned(own, rank=2)
    model.loss(said(own)).backward()
    learning = [name for name, one in model.named_parameters() if one.requires_grad]
    assert learning
    assert all("lora" in name for name in learning)


def test_a_text_is_most_like_itself(lm):
    encoder = TextEncoder(lm)
    scores = encoder.bert_scores(
        ["steel lamp", "oak desk", "", "red"], ["steel lamp", "red tent", "oak", "red red"]
    )
    assert scores[0].item() == pytest.approx(1.0, abs=1e-5)
    assert scores[1] < 1
    assert scores[2] == 0


def test_bert_score_by_hand(lm):
    """Greedy matching of two states with three."""
    from recloop.language_models.latents import f_measure

    one, other = torch.randn(1, 2, 4), torch.randn(1, 3, 4)
    alike = torch.nn.functional.cosine_similarity(one[0][:, None], other[0][None], dim=2)
    precision, recall = alike.max(1).values.mean(), alike.max(0).values.mean()
    found = f_measure(one, torch.ones(1, 2).bool(), other, torch.ones(1, 3).bool())
    if precision + recall > 0.1:
        assert found.item() == pytest.approx(
            (2 * precision * recall / (precision + recall)).item(), rel=1e-4
        )
    padded = f_measure(
        torch.cat([9 * torch.ones(1, 2, 4), one], 1),
        torch.tensor([[False, False, True, True]]),
        other,
        torch.ones(1, 3).bool(),
    )
    torch.testing.assert_close(found, padded)


def test_titles_have_uncorrelated_coordinates_of_one_scale(lm, tmp_path):
    encoder = TextEncoder(lm, tmp_path)
    states = encoder.states(TITLES)
    found = Coordinates(states, 3)(states)
    torch.testing.assert_close(torch.cov(found.T), torch.eye(3), atol=1e-3, rtol=1e-3)
    again = encoder.states([*TITLES, TITLES[0]])  # equal texts are read once, known ones not again
    assert torch.equal(again[-1], states[0])
    assert len([*tmp_path.iterdir()]) == 1


def test_the_prompt_stays_clean_and_padding_is_not_seen(lm):
    torch.manual_seed(0)
    model = DiffuSeq(
        lm,
        source=6,
        target=5,
        dim=8,
        width=16,
        layers=1,
        heads=2,
        steps=10,
        sampling_steps=4,
        candidates=2,
    ).eval()
    ids, real = model.tables([[5, 6], [5, 6, 7, 8, 9, 10, 11]], [[3], [3, 4]])
    assert ids[0].tolist() == [lm.end] * 4 + [5, 6, 3] + [lm.end] * 4
    assert real[0].tolist() == [False] * 4 + [True] * 7
    assert ids[1, :6].tolist() == [6, 7, 8, 9, 10, 11]  # its last ones
    words = model.words(ids)
    mixed = model.partly(torch.full_like(words, 7.0), words)
    assert torch.equal(mixed[:, :6], words[:, :6])
    assert (mixed[:, 6:] == 7).all()
    assert model.rounded(words).equal(ids)
    one, same = (model.write(torch.zeros(2, 1), [[5, 6], [7]]) for _ in range(2))
    assert one == same
    assert len(one) == 2


def test_a_denoiser_that_knows_the_words_says_them(lm, monkeypatch):
    """From noise, whatever the variance of the steps: rounding at every one of them, and the mean of the last."""
    small = {"dim": 8, "width": 16, "layers": 1, "heads": 2}
    model = DiffuSeq(lm, source=6, target=14, **small, steps=10, sampling_steps=5, candidates=1)
    batch = said(lm)
    ids, _ = model.tables(batch.head, batch.tail)
    monkeypatch.setattr(model, "forward", lambda *_: model.words(ids))
    assert model.eval().write(batch.latent, batch.head) == TITLES


def test_the_candidate_that_agrees_with_the_others_is_taken():
    assert most_alike(["a b c", "a b d", "x y z"]) in ("a b c", "a b d")

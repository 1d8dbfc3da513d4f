"""Item tokens: drawn where the embeddings lie, learnt alone, and the only thing a constrained model says."""

import pytest
import torch

from recloop.fitting.context import TrainingContext
from recloop.language_models.decoding import Decoding
from recloop.language_models.items import ItemTokens, Tokenization, near, word

TITLES = ["Live Forever", "a red shoe with a low heel", "Wonderwall", "a blue shoe", "Supersonic"]
SENTENCES = [f"{word(item)} is titled {title}." for item, title in enumerate(TITLES)]


def context(folder=None, log=lambda line: None):
    return TrainingContext(seed=3, checkpoint_dir=folder, log=log, name="item tokens")


@pytest.mark.parametrize("name", ["llama", "mistral"])
def test_new_tokens_change_nothing_else(model, name):
    it, before = model(name), model(name)
    table = it.network.get_input_embeddings().weight.clone()
    tokens = ItemTokens(it, 5, seed=1)
    assert torch.equal(it.network.get_input_embeddings().weight[: len(table)], table)
    assert it.tokens([SENTENCES[3]])[0][1] == tokens.first + 3
    assert torch.allclose(it.hidden(TITLES), before.hidden(TITLES), atol=1e-6)
    with pytest.raises(ValueError, match="expected a model without item tokens, 5 of 5 are there"):
        ItemTokens(it, 5, seed=1)


def test_a_model_with_items_is_another_model(model):
    names = {model().identity}
    for seed in (1, 1, 2):
        it = model()
        tokens = ItemTokens(it, 5, seed)
        names.add(it.identity)
    assert len(names) == 3
    tokens.learn(SENTENCES, context(), iterations=1)
    assert it.identity not in names


def test_rows_are_drawn_where_the_embeddings_lie():
    table = torch.randn(500, 4) * torch.tensor([1.0, 2, 3, 4]) + torch.tensor([5.0, 0, -5, 1])
    rows = near(table, 20_000, seed=2)
    assert torch.allclose(rows.mean(0), table.mean(0), atol=0.15)
    assert torch.allclose(rows.std(0), table.std(0), rtol=0.05)
    assert torch.equal(rows, near(table, 20_000, seed=2))


def test_only_the_items_rows_learn_and_explain_their_sentences(model):
    it = model()
    tokens = ItemTokens(it, 5, seed=1)
    weights = {name: one.clone() for name, one in it.network.named_parameters()}
    before = Tokenization(tokens, SENTENCES, 1, 0.1).loss(0).item()
    rows = tokens.learn(SENTENCES, context(), iterations=30, learning_rate=0.1)
    assert torch.equal(tokens.table, rows)
    assert Tokenization(tokens, SENTENCES, 1, 0.1).loss(0).item() < before
    for name, one in it.network.named_parameters():
        kept = slice(None, tokens.first if name == "model.embed_tokens.weight" else None)
        assert torch.equal(one[kept], weights[name][kept])


def test_the_loss_by_hand(model):
    it = model()
    tokens = ItemTokens(it, 5, seed=1)
    total = 0.0
    for item, sentence in enumerate(SENTENCES):
        ids = torch.tensor(it.tokens([sentence]))
        start = ids[0].tolist().index(tokens.first + item)
        logits = it.network(ids).logits[0, start:-1, : tokens.first]
        total += torch.nn.functional.cross_entropy(logits, ids[0, start + 1 :]).item()
    objective = Tokenization(tokens, SENTENCES, 1, 0.1)
    assert objective.loss(0).item() == pytest.approx(total, abs=1e-3)


def test_an_item_learns_the_same_whoever_learns_beside_it(model, monkeypatch):
    together = ItemTokens(model(), 5, seed=1).learn(SENTENCES, context(), 10)
    monkeypatch.setattr("recloop.language_models.items.AT_ONCE", 2)
    apart = ItemTokens(model(), 5, seed=1).learn(SENTENCES, context(), 10)
    assert torch.allclose(together, apart, atol=1e-4)


def test_killed_tokenization_goes_on_exactly(model, tmp_path, monkeypatch):
    monkeypatch.setattr("recloop.language_models.items.AT_ONCE", 2)
    whole = ItemTokens(model(), 5, seed=1).learn(SENTENCES, context(), 6)
    lines = []

    def die(line):
        lines.append(line)
        if len(lines) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ItemTokens(model(), 5, seed=1).learn(SENTENCES, context(tmp_path, die), 6)
    said = []
    rows = ItemTokens(model(), 5, seed=1).learn(SENTENCES, context(tmp_path, said.append), 6)
    assert said[0].startswith("goes on after update 6")
    assert torch.equal(rows, whole)


def test_a_sentence_without_its_item_is_refused(model):
    tokens = ItemTokens(model(), 2, seed=1)
    with pytest.raises(ValueError, match="item 1: expected <item_1> and words behind it"):
        tokens.learn([SENTENCES[0], "is titled nothing"], context())
    with pytest.raises(ValueError, match="expected 2 sentences, got 1"):
        tokens.learn(SENTENCES[:1], context())


@pytest.mark.parametrize("temperature", [0.0, 5.0])
def test_a_constrained_model_says_items_alone_and_none_twice(model, temperature):
    it = model("mistral")
    tokens = ItemTokens(it, 5, seed=1)
    decoding = Decoding(max_tokens=4, temperature=temperature)
    batches = it.say(TITLES, decoding, tokens.constraint(3))
    for answer in (answer for batch in batches for answer in batch.values()):
        found = answer.text.replace("><", "> <").split()
        assert len(set(found)) == len(found) == 3
        assert set(found) <= {word(item) for item in range(5)}


def test_item_tokens_are_saved_with_the_model(model, tmp_path):
    from recloop.language_models import open_language_model

    it = model()
    tokens = ItemTokens(it, 5, seed=1)
    it.save(tmp_path)
    again = open_language_model({}, tmp_path)
    assert again.tokens([word(4)])[0][-1] == tokens.first + 4
    assert torch.equal(it.hidden(SENTENCES), again.hidden(SENTENCES))

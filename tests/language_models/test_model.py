"""A language model is opened safely, and batches, padding and constraints change nothing that they should not."""

import json
import shutil

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from recloop.language_models import open_language_model
from recloop.language_models.batching import by_length
from recloop.language_models.constraint import OneOf, OnlyItems
from recloop.language_models.decoding import Decoding
from recloop.language_models.drawing import Draw
from recloop.language_models.files import ModelError, published, revision_of
from recloop.language_models.items import ItemTokens
from recloop.storage.settings import SettingsError

TEXTS = ["a red shoe", "Live Forever is a track from the album Definitely Maybe", "a blue shoe"]


# -- opening -----------------------------------------------------------------------------------------------------------


def test_unknown_settings_are_refused(saved):
    with pytest.raises(SettingsError, match=r"unknown 'precison'; did you mean 'precision'"):
        open_language_model({"precison": "float32"}, saved["llama"])


@pytest.mark.parametrize("revision", [None, "main", "v1.0", "a" * 39, "A" * 40])
def test_a_published_model_needs_a_commit(revision):
    with pytest.raises(ModelError, match="a commit of 40 hexadecimal digits"):
        published("mistralai/Mistral-7B-v0.1", revision)


def test_a_commit_that_is_not_there_offline_is_one_clear_line(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelError, match=r"Mistral-7B-v0.1 at b{40}: not in the local cache"):
        published("mistralai/Mistral-7B-v0.1", "b" * 40)


def in_the_cache(saved, cache, commit):
    """Lay a model out as the hub's cache does."""
    repository = cache / "models--someone--tiny"
    shutil.copytree(saved, repository / "snapshots" / commit)
    (repository / "refs").mkdir()
    return repository


def test_a_cached_commit_is_opened_offline(saved, monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    in_the_cache(saved["mistral"], tmp_path, "c" * 40)
    settings = {"name": "someone/tiny", "revision": "c" * 40}
    assert open_language_model(settings).revision == "c" * 40
    right = revision_of(saved["mistral"])
    assert open_language_model(settings | {"hash": right}).dim == 16
    with pytest.raises(ModelError, match="the settings pin 0000"):
        open_language_model(settings | {"hash": "0" * 64})


def test_a_changed_model_is_refused(saved, tmp_path):
    folder = shutil.copytree(saved["llama"], tmp_path / "model")
    (folder / "model.json").write_text(json.dumps({"revision": revision_of(folder)}))
    open_language_model({}, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"rms_norm_eps": 0.5}))
    with pytest.raises(ModelError, match=r"model.json says .* changed or is another model"):
        open_language_model({}, folder)


def test_pickled_weights_are_never_opened(saved, tmp_path):
    folder = shutil.copytree(saved["llama"], tmp_path / "model")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"found only pytorch_model.bin, which may run code"):
        open_language_model({}, folder)


def test_code_that_comes_with_a_model_is_never_run(saved, tmp_path):
    folder = shutil.copytree(saved["llama"], tmp_path / "model")
    (folder / "evil.py").write_text("raise SystemExit('ran')")
    config = json.loads((folder / "config.json").read_text())
    own = {"model_type": "evil", "auto_map": {"AutoConfig": "evil.C", "AutoModel": "evil.M"}}
    (folder / "config.json").write_text(json.dumps(config | own))
    with pytest.raises(ModelError, match="transformers cannot open it"):
        open_language_model({}, folder)


def test_damaged_weights_are_one_clear_line(saved, tmp_path):
    folder = shutil.copytree(saved["llama"], tmp_path / "model")
    (folder / "model.safetensors").write_bytes(b"\xff" * 100)
    with pytest.raises(ModelError, match="transformers cannot open it"):
        open_language_model({}, folder)


def test_four_bits_need_a_gpu(model):
    with pytest.raises(ModelError, match="4-bit needs a GPU"):
        model(precision="4-bit")
    with pytest.raises(ModelError, match="expected one of float32, bfloat16, 4-bit, got 'int8'"):
        model(precision="int8")


def test_bfloat16(model):
    it = model(precision="bfloat16")
    assert it.network.dtype == torch.bfloat16
    assert torch.allclose(it.hidden(TEXTS), model().hidden(TEXTS), atol=0.1)


@pytest.mark.parametrize("name", ["llama", "mistral", "t5"])
def test_saved_and_opened_it_is_the_same(model, name, tmp_path):
    it = model(name)
    it.save(tmp_path)
    again = open_language_model({}, tmp_path)
    assert torch.equal(it.hidden(TEXTS), again.hidden(TEXTS))


# -- batches -----------------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(1, 30), max_size=40), st.integers(1, 60))
def test_batches_lose_nothing_and_keep_to_the_budget(lengths, budget):
    batches = by_length(lengths, budget)
    assert sorted(place for batch in batches for place in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or max(lengths[place] for place in batch) * len(batch) <= budget


def test_batches_by_hand():
    assert by_length([2, 5, 3, 5, 1], 10) == [[1, 3], [2, 0, 4]]


@pytest.mark.parametrize("name", ["llama", "mistral", "t5"])
def test_batches_change_nothing(model, name):
    it = model(name)
    assert torch.allclose(it.hidden(TEXTS, budget=1), it.hidden(TEXTS), atol=1e-5)
    answers = ["Oasis", "a shoe with a low heel", "red"]
    one_by_one = it.likelihoods(TEXTS, answers, budget=1)
    assert torch.allclose(one_by_one, it.likelihoods(TEXTS, answers), atol=1e-4)


# -- hidden states and likelihoods -------------------------------------------------------------------------------------


@pytest.mark.parametrize("layer", [0, 1, -1])
@pytest.mark.parametrize("name", ["llama", "mistral"])
def test_hidden_states_are_those_of_the_plain_forward_pass(model, name, layer):
    it = model(name)
    found = it.hidden(TEXTS, layer)
    for text, state in zip(TEXTS, found, strict=True):
        ids = it.tokenizer(text, return_tensors="pt")["input_ids"]
        plain = it.network(ids, output_hidden_states=True).hidden_states[layer][0, -1]
        assert torch.allclose(state, plain, atol=1e-5)


def test_an_encoder_gives_the_mean(model):
    it = model("t5")
    ids = it.tokenizer(TEXTS[0], return_tensors="pt")["input_ids"]
    plain = it.network.get_encoder()(ids).last_hidden_state[0].mean(0)
    assert torch.allclose(it.hidden(TEXTS)[0], plain, atol=1e-5)


def test_a_likelihood_is_the_product_along_the_answer(model):
    it = model()
    head, tail = it.tokens(["a red"])[0], it.tokenizer(" shoe", add_special_tokens=False)
    whole = torch.tensor([head + tail["input_ids"]])
    logs = it.network(whole).logits[0].log_softmax(1)
    by_hand = sum(
        logs[place - 1, whole[0, place]].item() for place in range(len(head), whole.shape[1])
    )
    assert it.likelihoods(["a red"], [" shoe"]).item() == pytest.approx(by_hand, abs=1e-4)


def test_a_likelihood_of_a_sequence_model_is_minus_its_loss(model):
    it = model("t5")
    labels = torch.tensor([it.tokenizer("a shoe", add_special_tokens=False)["input_ids"]])
    ids = it.tokenizer("a red", return_tensors="pt")["input_ids"]
    loss = it.network(input_ids=ids, labels=labels).loss.item() * labels.shape[1]
    assert it.likelihoods(["a red"], ["a shoe"]).item() == pytest.approx(-loss, abs=1e-4)


def test_choices_are_likelihoods_of_pairs(model):
    it = model()
    found = it.choices(TEXTS, ["first", "second"])
    assert found.shape == (3, 2)
    assert found[1, 0] == pytest.approx(it.likelihoods([TEXTS[1]], ["first"]).item(), abs=1e-4)


def test_nothing_asked_nothing_said(model):
    it = model()
    assert it.hidden([]).shape == (0, 16)
    assert it.likelihoods([], []).shape == (0,)
    assert list(it.say([], Decoding())) == []


# -- saying ------------------------------------------------------------------------------------------------------------


def said(it, *more, **settings):
    found = {k: v for batch in it.say(TEXTS, Decoding(**settings), *more) for k, v in batch.items()}
    return [found[place] for place in range(len(TEXTS))]


@pytest.mark.parametrize("name", ["llama", "t5"])
def test_greedy_answers_are_the_likeliest_tokens(model, name):
    it = model(name)
    found = said(it, max_tokens=4)
    assert found == said(it, max_tokens=4)
    assert all(1 <= one.tokens <= 4 for one in found)


def test_a_greedy_answer_by_hand(model):
    it = model()
    ids = torch.tensor([it.tokens(TEXTS[:1])[0]])
    for _ in range(3):
        ids = torch.cat([ids, it.network(ids).logits[:, -1:].argmax(2)], 1)
    tail = ids[0, -3:].tolist()
    assert it.end not in tail
    assert said(it, max_tokens=3)[0].text == it.tokenizer.decode(tail)


def test_drawn_answers_hang_on_the_seed_and_on_nothing_else(model):
    it = model()
    before = torch.random.get_rng_state()
    one = said(it, max_tokens=8, temperature=1.0, seed=1)
    torch.rand(7)
    assert one == said(it, max_tokens=8, temperature=1.0, seed=1)
    assert one != said(it, max_tokens=8, temperature=1.0, seed=2)
    torch.random.set_rng_state(before)


@pytest.mark.parametrize("name", ["llama", "t5"])
def test_a_draw_does_not_hang_on_who_is_asked_beside_it(model, name):
    it, decoding = model(name), Decoding(max_tokens=8, temperature=1.0, top_p=0.9)
    (alone,) = it.say(TEXTS[:1], decoding)
    (together,) = it.say(TEXTS, decoding)
    assert alone[0] == together[0]


def test_draws_have_the_chances_of_the_model():
    scores = torch.tensor([[1.0, 2.0, 0.0]])
    rows = [[number] for number in range(4000)]
    for top_p, kept in ((1.0, [0, 1, 2]), (0.8, [0, 1])):
        draw = Draw(rows, Decoding(temperature=2.0, top_p=top_p))
        found = draw(torch.zeros(4000, 1, dtype=torch.long), scores.expand(4000, 3)).argmax(1)
        wanted = torch.zeros(3)
        wanted[kept] = (scores[0, kept] / 2.0).softmax(0)
        assert torch.allclose(found.bincount(minlength=3) / 4000, wanted, atol=0.03)


def test_impossible_decoding_is_refused():
    with pytest.raises(ValueError, match="max_tokens of at least 1"):
        Decoding(max_tokens=0)


def test_a_model_without_a_chat_template_says_so(model):
    with pytest.raises(ModelError, match="no chat template; say chat: false"):
        said(model(), chat=True)


def test_a_chat_template_brings_its_own_marks(model):
    it = model()
    it.tokenizer.chat_template = "{% for m in messages %}<s>{{ m.content }}!{% endfor %}"
    rows = it.rows(["a red shoe"], Decoding(chat=True))
    assert it.tokenizer.decode(rows[0]) == "<s>a red shoe!"


@pytest.mark.parametrize("name", ["llama", "t5"])
def test_only_answers_that_are_allowed_are_said(model, name):
    it = model(name)
    answers = ["first", "second", "first track"]
    rows = it.tokenizer(answers, add_special_tokens=False)["input_ids"]
    for seed in range(5):
        found = said(it, OneOf(rows, it.end), max_tokens=16, temperature=3.0, seed=seed)
        assert {one.text for one in found} <= set(answers)


def test_what_is_allowed_by_hand():
    tree = OneOf([[5, 6], [5, 7], [8]], end=2)
    assert [tree.after([]), tree.after([5]), tree.after([5, 6]), tree.after([8])] == [
        [5, 8],
        [6, 7],
        [2],
        [2],
    ]
    items = OnlyItems(range(10, 13), 2, end=2)
    assert [items.after([]), items.after([11]), items.after([11, 10])] == [
        [10, 11, 12],
        [10, 12],
        [2],
    ]
    with pytest.raises(ValueError, match="1 to 3 items to say, got 4"):
        OnlyItems(range(10, 13), 4, end=2)
    with pytest.raises(ValueError, match="got none"):
        OneOf([], end=2)


def test_empty_texts_and_unknown_items_are_refused(model):
    it = model()
    with pytest.raises(ModelError, match="text 1 of 2 is empty"):
        it.tokens(["a red shoe", ""], marks=False)
    with pytest.raises(ModelError, match="text 0 of 1 is empty"):
        it.likelihoods(["a red shoe"], [""])
    with pytest.raises(ModelError, match="<item_7> is no token of this model, which has 0 items"):
        it.hidden(["they took <item_7>"])
    ItemTokens(it, 5, seed=1)
    assert it.hidden(["they took <item_4>"]).shape == (1, it.dim)
    with pytest.raises(ModelError, match="<item_5> is no token of this model, which has 5 items"):
        it.following(["they took <item_4> and <item_5>"], [0])

"""A language model as environment: its answers by hand, what it learns of planted preferences, exact resumption."""

import json
import shutil

import polars as pl
import pytest
import torch
from torch.nn.functional import logsigmoid

from recloop.data.batches import Batch
from recloop.fitting.context import TrainingContext
from recloop.fitting.schedule import Schedule
from recloop.fitting.trainer import Trainer
from recloop.language_models import open_language_model
from recloop.language_models.item_tokens import learn_item_tokens
from recloop.simulators.histories import Histories, negatives, share_of
from recloop.simulators.language import LanguageEnvironment
from recloop.simulators.language_training import Feedback, contrast, train
from recloop.storage import checkpoint

pytest.importorskip("peft", reason="the extra lm is not installed")
ITEMS, LENGTH = 8, 5
TITLES = [
    "red shoe",
    "red boot",
    "red heel",
    "red buckle",
    "blue shoe",
    "blue boot",
    "blue heel",
    "blue buckle",
]
PROMPTS = {
    "sentence": "{item} is titled {title}.",
    "user": "The user has listened to: {history}.",
    "action": "Compute {item} be the next.",
    "selection": "In the list [{list}], select the number.",
    "labels": ["1", "2", "3"],
}
SETTINGS = {
    "class": "language.LanguageEnvironment",
    "language_model": {},
    "tokens": {"start": "words", "iterations": 0, "learning_rate": 0.1, "words": 4},
    "items": "tokens",
    "dealt": False,
    "state_loss": 1.0,
    "adapters": {"rank": 4, "alpha": 8.0},
    "recompute": False,
    "prompts": PROMPTS,
    "share": 1.0,
    "length": LENGTH,
    "training": {"learning_rate": 0.02, "batch_size": 10, "epochs": 6},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A tiny language model, a split whose users keep to one colour, and the tokens of its items."""
    from transformers import LlamaConfig, LlamaForCausalLM

    from recloop.language_models.tokenizer import learn

    root = tmp_path_factory.mktemp("environment")
    words = learn([*TITLES, *(str(one) for one in PROMPTS.values())] * 3, 320)
    torch.manual_seed(5)
    sizes = {
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
    }
    marks = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "tie_word_embeddings": True}
    model = LlamaForCausalLM(
        LlamaConfig(vocab_size=len(words), max_position_embeddings=128, **sizes, **marks)
    )
    model.get_input_embeddings().weight.data *= 20  # words that differ
    model.save_pretrained(root / "lm")
    words.save_pretrained(root / "lm")
    (root / "sessions").mkdir()
    chance = torch.Generator().manual_seed(1)
    for part, users in (("train", 24), ("valid", 12)):
        colour = torch.arange(users) % 2 * 4
        items = (torch.randint(4, (users, 5), generator=chance) + colour[:, None]).int().tolist()
        rows = {
            "session": range(users),
            "item": items,
            "event": [[0] * 5] * users,
            "first_target": [1] * users,
        }
        pl.DataFrame(rows, schema_overrides={"event": pl.List(pl.Int64)}).write_parquet(
            root / f"sessions/{part}.parquet"
        )
    about = {"item": range(ITEMS), "title": TITLES, "brand": [None] * ITEMS, "count": [9] * ITEMS}
    pl.DataFrame(about).write_parquet(root / "sessions/items.parquet")
    given = {"language_model": {}, "sentence": PROMPTS["sentence"], **SETTINGS["tokens"]}
    learn_item_tokens(root / "sessions", given, root / "tokens", 1, root / "lm", log=lambda _: None)
    return root


@pytest.fixture(scope="module")
def data(folder):
    return {
        "sessions": folder / "sessions",
        "item_tokens": folder / "tokens",
        "language_model": folder / "lm",
    }


@pytest.fixture(scope="module")
def opened(data):
    """Give a function that opens an environment before it has learnt."""
    return lambda **changes: LanguageEnvironment.open({**SETTINGS, **changes}, None, data, seed=3)


def test_where_no_brands_are_known_nothing_is_said_of_kin(folder):
    assert json.loads((folder / "tokens/tokens.json").read_text())["kin"] is None


def test_tokens_that_start_from_words_are_their_mean(folder):
    rows, _ = checkpoint.load(folder / "tokens/tokens.safetensors")
    model = open_language_model({}, folder / "lm")
    ids = model.tokenizer(["blue boot"], add_special_tokens=False)["input_ids"][0]
    expected = model.network.get_input_embeddings().weight[ids].mean(0)
    assert torch.allclose(rows["rows"][5], expected)


def test_tokens_of_another_model_are_refused(folder, data, tmp_path):
    shutil.copytree(folder / "tokens", tmp_path / "tokens")
    rows, _ = checkpoint.load(tmp_path / "tokens/tokens.safetensors")
    checkpoint.save(tmp_path / "tokens/tokens.safetensors", rows, {"model": "another"})
    with pytest.raises(ValueError, match="learnt for the model another, expected"):
        LanguageEnvironment.open(SETTINGS, None, data | {"item_tokens": tmp_path / "tokens"})


def test_one_pass_gives_the_state_after_each_item(opened):
    it = opened()
    session = torch.tensor([[3, 5, 1, 2], [6, 7, ITEMS, ITEMS]])
    states = it.states(session, ITEMS)
    alone = it.state([[3], [3, 5], [3, 5, 1], [3, 5, 1, 2], [6], [6, 7]])
    assert torch.allclose(torch.cat([states[0], states[1, :2]]), alone, atol=1e-5)
    assert not states[1, 2:].any()


def test_a_reward_is_the_head_on_the_last_state_of_the_whole_prompt(opened):
    it = opened()
    found = it.rewards([[3, 5], [1]], torch.tensor([[2, 4], [6, 0]]))
    text = "The user has listened to: <item_3><item_5>. Compute <item_4> be the next."
    assert found[0, 1].item() == pytest.approx(
        it.head(it.model.hidden([text]))[0, 0].item(), abs=1e-5
    )


def test_an_item_can_be_said_by_its_title(opened):
    it = opened(items="titles")
    row = it.asked([[3, 5]], [4])[0]
    assert it.model.tokenizer.decode(row).endswith(
        "The user has listened to: red buckle, blue boot. Compute blue shoe be the next."
    )


def test_dealt_tokens_are_those_of_other_items(opened):
    plain, dealt = opened().vectors, opened(dealt=True).vectors
    assert not torch.equal(plain, dealt)
    assert torch.equal(plain.sort(0).values, dealt.sort(0).values)


def test_the_likeliest_number_is_chosen(opened, monkeypatch):
    it = opened()
    lists = torch.tensor([[3, 5, 1], [2, 0, 6]])
    texts = [
        f"The user has listened to: <item_7>. In the list [{row}], select the number."
        for row in ("<item_3><item_5><item_1>", "<item_2><item_0><item_6>")
    ]
    head, labels = it.label_tokens(3)
    space = it.model.tokenizer.decode(head)
    expected = it.model.choices([text + space for text in texts], PROMPTS["labels"]).argmax(1)
    assert torch.equal(it.choose([[7], [7]], lists), lists.gather(1, expected[:, None])[:, 0])
    best = it.rewards([[7], [7]], lists).argmax(1)
    assert torch.equal(
        it.choose([[7], [7]], lists, by="reward"), lists.gather(1, best[:, None])[:, 0]
    )
    assert len(set(labels)) == 3


@pytest.mark.parametrize("by", ["number", "reward"])
def test_what_choices_cost_is_what_is_asked(opened, monkeypatch, by):
    it = opened()
    seen, lists = [[1, 2, 3], [4]], torch.tensor([[0, 5, 6], [7, 1, 2]])
    rows = spied(it, monkeypatch)
    chosen = it.choose(seen, lists, by)
    it.rewards(seen, chosen[:, None])
    assert it.cost_of_choices(seen, lists, by) == (len(rows), sum(map(len, rows)))


def test_what_answers_cost_is_what_is_asked(opened, monkeypatch):
    it, windows = opened(), [[1, 2, 3], [4, 5]]
    steps = [[1], [1, 2], [1, 2, 3], [4]]
    rows = spied(it, monkeypatch)
    it.states(torch.tensor([[1, 2, 3], [4, 5, ITEMS]]), ITEMS)
    it.rewards(steps, torch.tensor([[2, 0], [3, 0], [6, 0], [5, 0]]))
    assert it.cost_of_answers(windows, steps, [2, 3, 6, 5], 2) == (10, sum(map(len, rows)))


def spied(it, monkeypatch):
    """Collect the prompts that an environment asks."""
    rows, last = [], it.last
    monkeypatch.setattr(it, "last", lambda given, *more: rows.extend(given) or last(given, *more))
    return rows


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["1", "2"], "lists of 3 items, but there are 2 labels"),
        (["1a", "1b", "2"], "begin with the same token"),
    ],
)
def test_labels_that_tell_nothing_are_refused(opened, labels, message):
    it = opened(prompts=PROMPTS | {"labels": labels})
    with pytest.raises(ValueError, match=message):
        it.choose([[7]], torch.tensor([[3, 5, 1]]))


def histories(folder, part="train"):
    rows = torch.tensor(pl.read_parquet(folder / f"sessions/{part}.parquet")["item"].to_list())
    return Histories.of(Batch.whole(rows), ITEMS)


def objective(it, folder, context=None, state_loss=1.0):
    schedule = Schedule(0.02, batch_size=10, epochs=3, keeps="trained")
    context = context or TrainingContext(3, log=lambda _: None)
    return Feedback(
        it, histories(folder), histories(folder, "valid"), state_loss, schedule, context
    )


def test_the_losses_by_hand(opened, folder):
    it = opened()
    made = objective(it, folder)
    rows, number = made.batches(0, 2)[0]
    drawn = made.train.take(rows)
    other = negatives(drawn, ITEMS, made.context.generator(number))
    both = it.rewards(drawn.seen, torch.stack([drawn.following, other], 1))
    expected = -logsigmoid(both[:, 0] - both[:, 1]).mean()
    states, actions = it.state(drawn.seen), it.vectors[drawn.following]
    terms = [
        -logsigmoid(states[i] @ actions[i] - states[i] @ actions[j])
        for i in range(len(rows))
        for j in range(len(rows))
        if drawn.following[i] != drawn.following[j]
    ]
    expected = expected + torch.stack(terms).mean()
    assert made.loss((rows, number)).item() == pytest.approx(expected.item(), rel=1e-4)


# peft 0.21 asks transformers 5.23 under a name that goes in 6
@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
def test_activations_computed_anew_change_no_gradient(opened, folder):
    found = []
    for again in (False, True):
        it = objective(opened(recompute=again), folder)
        it.model.train()
        calls = []
        layer = it.environment.model.network.get_base_model().model.layers[0].mlp
        layer.register_forward_pre_hook(lambda *_, calls=calls: calls.append(1))
        it.loss((torch.arange(6), 1)).backward()
        grads = {name: one.grad for name, one in it.model.named_parameters() if one.requires_grad}
        found.append((len(calls), grads))
    (once, own), (twice, anew) = found
    assert twice == 2 * once
    assert own.keys() == anew.keys()
    assert any("lora_" in name and one.any() for name, one in own.items())
    assert all(torch.allclose(own[name], anew[name], atol=1e-7) for name in own)


def test_a_state_has_nothing_to_be_told_from_where_all_items_are_the_same():
    assert contrast(torch.ones(3, 2), torch.ones(3, 2), torch.tensor([1, 1, 1])) == 0


def test_negatives_are_neither_seen_nor_taken():
    made = Histories([[0, 1, 2], [3]] * 50, torch.tensor([3, 1] * 50))
    found = negatives(made, 5, torch.Generator().manual_seed(1))
    assert {*found[::2].tolist()} == {4}
    assert {*found[1::2].tolist()} == {0, 2, 4}
    assert negatives(Histories([[0, 1]], torch.tensor([1])), 2, torch.Generator()).tolist() == [0]


def test_a_larger_share_holds_the_smaller_one():
    windows = Batch.whole(torch.arange(60).view(20, 3))
    few, more = (set(share_of(windows, share, 7).owner.tolist()) for share in (0.1, 0.5))
    assert len(few) == 2 < len(more) == 10
    assert few < more
    assert len(share_of(windows, 0.001, 7)) == 1


@pytest.fixture(scope="module")
def learnt(folder, data):
    output = folder / "learnt"
    train(
        data["sessions"],
        data["item_tokens"],
        SETTINGS,
        output,
        3,
        data["language_model"],
        log=lambda _: None,
    )
    return output


def test_rewards_rank_a_planted_preference_and_states_beat_chance(folder, data, opened, learnt):
    it, valid = LanguageEnvironment.open(SETTINGS, learnt, data), histories(folder, "valid")
    same = torch.tensor([one[-1] // 4 for one in valid.seen])
    own, other = (
        same * 4 + torch.arange(len(valid)) % 4,
        (1 - same) * 4 + torch.arange(len(valid)) % 4,
    )
    taken, refused = it.rewards(valid.seen, torch.stack([own, other], 1)).unbind(1)
    assert (taken > refused).float().mean() > 0.9
    scores = it.state(valid.seen).detach() @ it.vectors.T
    assert (scores.argmax(1) // 4 == same).float().mean() > 0.9
    record = json.loads((learnt / "simulator.json").read_text())
    assert record["valid_preferred"] > 0.7
    assert record["histories"] == 96


def test_only_adapters_and_head_are_kept(learnt):
    tensors, _ = checkpoint.load(learnt / "weights.safetensors")
    assert all("lora_" in name or name.startswith("head.") for name in tensors)


def test_one_that_is_not_trained_stays_as_it_starts(folder, data, opened):
    settings = SETTINGS | {"training": SETTINGS["training"] | {"epochs": 0}}
    output = folder / "untrained"
    train(
        data["sessions"],
        data["item_tokens"],
        settings,
        output,
        3,
        data["language_model"],
        log=lambda _: None,
    )
    it, fresh = LanguageEnvironment.open(settings, output, data), opened()
    pairs = torch.tensor([[2, 4]])
    assert torch.equal(it.rewards([[1, 2]], pairs), fresh.rewards([[1, 2]], pairs))
    assert json.loads((output / "simulator.json").read_text())["valid_preferred"] is None


def test_killed_training_goes_on_exactly(folder, opened, tmp_path):
    def fitted(context):
        torch.manual_seed(1)
        return Trainer(objective(opened(), folder, context), context).fit()

    def die(line):
        if line.startswith("epoch 2"):
            raise KeyboardInterrupt

    whole = fitted(TrainingContext(3, log=lambda _: None))
    with pytest.raises(KeyboardInterrupt):
        fitted(TrainingContext(3, tmp_path, log=die))
    said = []
    resumed = fitted(TrainingContext(3, tmp_path, log=said.append))
    assert said[0].startswith("goes on after update 10")
    assert whole.keys() == resumed.keys()
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)

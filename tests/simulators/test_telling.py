"""What a language model tells of users: every item once, by hand, and asked for once."""

import json

import polars as pl
import pytest
import torch

from recloop.language_models.model import LanguageModel
from recloop.language_models.prompts import Prompt
from recloop.language_models.texts import prompted
from recloop.language_models.tokenizer import learn
from recloop.simulators.agreement import agreement
from recloop.simulators.telling import (
    Judge,
    arranged,
    describe,
    filled,
    histories,
    liked,
    marked,
    tell_preferences,
)
from recloop.storage import checkpoint
from recloop.storage.settings import SettingsError

PROMPT = {
    "template": "In a {scenario}, by {attributes}: {behavior} {history}. {item}? {candidates}. I take",
    "answers": [" a", " b", " c", " d"],
}
SETTINGS = {
    "model": {},
    "scenario": "shop",
    "item": "coat",
    "behavior": "wearing",
    "attributes": ["color", "category"],
    "users": 2,
    "history": 2,
    "least": 4.0,
    "candidates": 3,
}
RATINGS = {"u": [5, 1, 4, 2, 4], "v": [1, 1, 1, 1, 4], "w": [1, 1, 1, 1, 1]}


@pytest.fixture
def data(tmp_path):
    """Three users who rate five coats."""
    sessions, tables = tmp_path / "sessions", tmp_path / "tables"
    sessions.mkdir(), tables.mkdir()
    for part, users in (("train", ["u"]), ("valid", ["v"]), ("test", ["w"])):
        pl.DataFrame({"user": users, "item": [[0, 1, 2]]}).write_parquet(
            sessions / f"{part}.parquet"
        )
    items = {
        "item": range(5),
        "id": list("abcde"),
        "category": ["rain", None, "pea", "rain", "pea"],
    }
    items["attributes"] = [["color:red"], ["color:blue"], None, [], ["x:y", "color:red"]]
    pl.DataFrame(items).write_parquet(sessions / "items.parquet")
    cells = [
        (u, i, float(r)) for u, row in RATINGS.items() for i, r in zip("abcde", row, strict=True)
    ]
    columns = {"user": pl.String, "item": pl.String, "rating": pl.Float32}
    pl.DataFrame(cells, schema=columns, orient="row").write_parquet(tables / "interactions.parquet")
    return {"sessions": sessions, "tables": tables}


@pytest.fixture
def model(tmp_path):
    """A folder of a tiny model that has learned nothing."""
    from transformers import LlamaConfig, LlamaForCausalLM

    words, folder = learn(["a red coat", "a blue coat"], 270), tmp_path / "model"
    sizes = {"num_hidden_layers": 1, "num_attention_heads": 2, "hidden_size": 16}
    marks = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "intermediate_size": 16}
    torch.manual_seed(3)
    LlamaForCausalLM(LlamaConfig(vocab_size=len(words), **sizes, **marks)).save_pretrained(folder)
    words.save_pretrained(folder)
    (folder / "model.json").write_text("{}")
    return folder


def test_items_are_said_by_their_attributes(data):
    texts = describe(data["sessions"] / "items.parquet", ["color", "category"])
    assert texts == ["red; rain", "blue", "pea", "rain", "red; pea"]


def test_items_of_which_nothing_can_be_said_are_refused(data):
    """A model that is asked to choose among ten times `unknown` tells nothing, and looks like chance."""
    with pytest.raises(
        SettingsError, match=r"no item has lfm or industry, .* category, color, x as"
    ):
        describe(data["sessions"] / "items.parquet", ["lfm", "industry"])


def test_a_history_has_what_is_rated_well(data):
    known = histories(**data, judge=Judge(**SETTINGS))
    assert len(known[0]) == 2
    assert {*known[0]} <= {0, 2, 4}
    assert known[1] == [4]
    sessions = histories(**data, judge=Judge(**(SETTINGS | {"least": None})))
    assert sessions == [[1, 2], [1, 2]]
    assert marked([[1], []], 3).tolist() == [[False, True, False], [False] * 3]


def test_every_item_is_a_candidate_of_every_user():
    order = arranged(2, 5, Judge(**SETTINGS))
    assert order.shape == (2, 2, 3)
    assert [sorted(row.flatten()[:5].tolist()) for row in order] == [[0, 1, 2, 3, 4]] * 2
    assert arranged(1, 2, Judge(**SETTINGS)).shape == (1, 1, 2)


def test_a_prompt_by_hand(tmp_path):
    order = torch.tensor([[[1, 0]]])
    prompt = Prompt("preference", PROMPT["template"])
    rows = filled(Judge(**SETTINGS), ["red", "blue"], [[0]], order)
    assert prompted(rows, prompt, tmp_path)["prompt"][:] == [
        "In a shop, by color; category: wearing red. coat? a. blue b. red c. None. I take"
    ]


def test_what_is_liked_is_held_over_none_by_hand():
    logs = torch.tensor([[0.5, 0.1, 0.2, 0.2], [0.0, 0.4, 0.9, 0.1]])
    order = torch.tensor([[[2, 0, 1], [3, 2, 0]]])  # the second prompt is filled up with 2 and 0
    found = liked(logs, order, 4)
    assert torch.allclose(found, torch.tensor([[-0.1, 0.0, 0.3, -0.1]]), atol=1e-6)


def test_a_second_run_asks_nothing(data, model, tmp_path, monkeypatch):
    given = {
        "settings": SETTINGS,
        "prompt": PROMPT,
        "answers": tmp_path / "answers",
        "model": model,
    }
    tell_preferences(**data, **given, output=tmp_path / "once", log=lambda line: None)
    monkeypatch.setattr(LanguageModel, "choices", None)
    tell_preferences(**data, **given, output=tmp_path / "again", log=lambda line: None)
    once, again = (
        checkpoint.load(tmp_path / name / "preferences.safetensors")[0]
        for name in ("once", "again")
    )
    assert torch.equal(once["liked"], again["liked"])
    assert once["liked"].shape == once["history"].shape == (2, 5)
    assert once["liked"].abs().sum() > 0
    record = json.loads((tmp_path / "once/preferences.json").read_text())
    assert (record["users"], record["prompts"]) == (2, 4)


def test_a_judge_who_knows_of_no_rating_is_refused(data, tmp_path):
    given = {"settings": SETTINGS | {"least": 6.0}, "prompt": PROMPT, "answers": tmp_path}
    with pytest.raises(SettingsError, match=r"no user has rated an item 6 or higher; lower"):
        tell_preferences(**data, **given, output=tmp_path / "told")


def test_too_many_candidates_are_refused():
    with pytest.raises(ValueError, match="a letter for each"):
        Judge(**(SETTINGS | {"candidates": 26}))


def test_agreement_by_hand():
    """Of the pairs (0, 1), (0, 2), (1, 2) the first and the last are ordered alike, the second is tied."""
    held, true = torch.tensor([[3.0, 1, 3]]), torch.tensor([[5.0, 1, 2]])
    everything = torch.ones(1, 3, dtype=torch.bool)
    assert agreement(held, true, everything).item() == pytest.approx((1 + 0.5 + 1) / 3)
    assert agreement(-true, true, everything).item() == 0.0
    assert agreement(true, true, torch.tensor([[True, True, False]])).item() == 1.0
    assert len(agreement(held, torch.ones(1, 3), everything)) == 0


@pytest.mark.parametrize("together", [1, 40, 1 << 22])
def test_agreement_of_many_users_is_that_of_each(together, monkeypatch):
    monkeypatch.setattr("recloop.simulators.agreement.TOGETHER", together)
    generator = torch.Generator().manual_seed(4)
    held, true = torch.randint(-1, 2, (2, 9, 17), generator=generator).float()
    counted = torch.rand(9, 17, generator=generator) < 0.7
    true[3], counted[5] = 1.0, False  # two users who order nothing
    expected = []
    for mine, theirs, use in zip(held, true, counted, strict=True):
        pairs = torch.combinations(use.nonzero()[:, 0]).tolist()
        told = [(theirs[a] - theirs[b], mine[a] - mine[b]) for a, b in pairs]
        points = [0.5 + 0.5 * float(one.sign() * other.sign()) for one, other in told if one != 0]
        expected += [sum(points) / len(points)] if points else []
    assert len(expected) == 7
    assert agreement(held, true, counted).tolist() == pytest.approx(expected)

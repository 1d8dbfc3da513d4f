"""Soft prompts in front of a tiny language model: where they stand, what learns, what is said."""

import pytest
import torch

from recloop.language_models import open_language_model
from recloop.models import build
from recloop.models.tastes.query import Query, best, said
from tests.language_models.conftest import llama, t5

pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
GENRES = ["Comedy", "Drama", "Horror", "War"]
WIDTH, PLACES = 8, 4
ADAPTER = {"class": "tastes.adapters.Perceiver", "blocks": 1, "heads": 2, "soft": 3}
SPOKEN = {"tuning": "frozen", "rank": 2, "alpha": 4.0, "modules": ["q_proj", "v_proj"]}
LINES = [
    "liked: Comedy, Drama; disliked: War",
    "Which genres?",
    "The Merry Bridge. Rating: 5 of 5.",
]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A Llama with a start mark and a T5, tiny and untrained."""
    from recloop.language_models.tokenizer import learn

    words, found = learn(LINES * 5, 320), {}
    for make in (llama, t5):
        torch.manual_seed(5)
        found[make.__name__] = tmp_path_factory.mktemp(make.__name__)
        make(words).save_pretrained(found[make.__name__])
        words.save_pretrained(found[make.__name__])
    return found


@pytest.fixture
def make(folders):
    """Give a function that builds a model of the study over one of them."""

    def make(settings, kind="llama"):
        torch.manual_seed(3)
        facts = {
            "speak": lambda: open_language_model({}, folders[kind]),
            "genres": GENRES,
            "width": WIDTH,
            "places": PLACES,
            "most": 2,
            "question": "Which genres?",
            "template": "{history}\nWhich genres?",
            "max_tokens": 8,
        }
        return build(settings, **facts)

    return make


def persoma(**changes):
    return {"class": "tastes.persoma.PERSOMA", "adapter": ADAPTER} | SPOKEN | changes


TEXT = {"class": "tastes.text_prompt.TextPrompt"} | SPOKEN


@pytest.fixture
def query():
    random = torch.Generator().manual_seed(4)
    known = torch.tensor([[False, False, True, True], [True] * 4])
    told = [["The Merry Bridge. Rating: 5 of 5."] * int(row.sum()) for row in known]
    labels = torch.tensor([[1, 1, 0, 0], [0, 1, 0, 1]]).bool()
    return Query(
        torch.randn(2, PLACES, WIDTH, generator=random),
        known,
        told,
        torch.rand(2, PLACES, generator=random),
        torch.rand(2, PLACES, 4, generator=random) < 0.5,
        labels,
        labels.flip(1),
    )


def test_soft_tokens_stand_behind_the_start_mark_and_before_the_question(make, query):
    model = make(persoma())
    given, mask = model.given(query)
    lm = model.speaker.model
    ids = lm.tokens(["Which genres?"])[0]
    assert ids[0] == lm.tokenizer.bos_token_id
    assert given.shape[1] == mask.shape[1] == len(ids) + 3
    table = model.speaker.embed(torch.tensor(ids))
    assert torch.equal(given[0, :1], table[:1])
    assert torch.equal(given[0, 4:], table[1:])
    assert torch.equal(given[:, 1:4], model.soft(query)[0])


def test_soft_tokens_are_as_long_as_words_are(make, query):
    model = make(persoma())
    lengths = model.soft(query)[0].norm(dim=2)
    words = model.speaker.network.get_input_embeddings().weight.norm(dim=1).mean()
    assert torch.allclose(lengths, words.expand_as(lengths), rtol=1e-2)


@pytest.mark.parametrize("kind", ["llama", "t5"])
def test_a_frozen_language_model_learns_nothing_and_hands_gradients_on(make, query, kind):
    model = make(persoma(), kind)
    total, number = model.losses(query)
    (total.sum() / number.sum()).backward()
    assert all(one.grad is None for one in model.speaker.network.parameters())
    assert all(one.grad.abs().sum() > 0 for one in model.adapter.parameters())


def test_lora_and_full_tuning_learn_what_they_say(make):
    learning = {
        tuning: [
            name
            for name, one in make(persoma(tuning=tuning)).named_parameters()
            if one.requires_grad
        ]
        for tuning in ("lora", "full")
    }
    network = [name for name in learning["lora"] if ".network." in name]
    assert network
    assert all("lora_" in name for name in network)
    assert any("embed_tokens" in name for name in learning["full"])


@pytest.mark.parametrize("kind", ["llama", "t5"])
def test_the_loss_is_the_likelihood_of_the_answer_alone(make, query, kind):
    """One user at a time, without padding, against the network itself."""
    model = make(persoma(), kind).eval()
    total, number = model.losses(query)
    answers = model.speaker.answers(said(query.liked, query.disliked, GENRES))
    lm = model.speaker
    given, mask = model.given(query)
    for user, answer in enumerate(answers):
        prompt = given[user, mask[user]][None]
        ids = torch.tensor([answer])
        if kind == "t5":
            start = torch.tensor([[lm.network.config.decoder_start_token_id]])
            before = torch.cat([start, ids[:, :-1]], dim=1)
            logits = lm.network(inputs_embeds=prompt, decoder_input_ids=before).logits
        else:
            whole = torch.cat([prompt, lm.embed(ids)], dim=1)
            logits = lm.network(inputs_embeds=whole).logits[:, prompt.shape[1] - 1 : -1]
        expected = -logits.log_softmax(2).gather(2, ids[..., None]).sum()
        assert torch.allclose(total[user], expected, rtol=1e-4)
        assert number[user] == len(answer)


@pytest.mark.parametrize("kind", ["llama", "t5"])
@pytest.mark.parametrize(
    "settings",
    [persoma(adapter=ADAPTER | {"class": "tastes.adapters.MLP", "hidden": 5, "soft": None}), TEXT],
)
def test_what_is_said_is_the_likeliest_token_each_time_whoever_is_asked_beside(
    make, query, settings, kind
):
    settings = {key: one for key, one in settings.items()}
    if "adapter" in settings:
        settings["adapter"] = {
            k: v for k, v in settings["adapter"].items() if k not in ("blocks", "heads")
        }
    model = make(settings, kind).eval()
    together = model.answer(query)
    given, mask = model.given(query)
    for user in range(2):
        prompt = given[user, mask[user]][None]
        assert together.texts[user] == greedy(model.speaker, prompt, 8)
        assert together.tokens[user] == prompt.shape[1]


def greedy(speaker, prompt, most: int) -> str:
    """Say the likeliest token again and again, without any memory of the network's."""
    row: list[int] = []
    while len(row) < most and speaker.model.end not in row:
        ids = torch.tensor([[*row, 0]])  # the loss' own way to ask: what comes before each token
        logits = speaker.logits(prompt, torch.ones(prompt.shape[:2], dtype=torch.bool), ids)
        row.append(int(logits[0, -1].argmax()))
    return speaker.model.read(row).text


def test_an_untrained_start_of_lora_says_what_was_said(make, query):
    one, other = (make(persoma(tuning=tuning)).eval() for tuning in ("frozen", "lora"))
    other.adapter.load_state_dict(one.adapter.state_dict())
    assert torch.allclose(one.losses(query)[0], other.losses(query)[0], atol=1e-4)


def test_text_prompts_tell_the_history_and_ask(make, query):
    model = make(TEXT)
    ids = [
        row[-200:] for row in model.speaker.model.tokens([f"{LINES[2]}\n{LINES[2]}\nWhich genres?"])
    ]
    given, mask = model.given(query)
    assert int(mask[0].sum()) == len(ids[0])
    assert torch.equal(given[0, mask[0]], model.speaker.embed(torch.tensor(ids[0])))


def test_counting_and_popularity_by_hand(make, query):
    counted = query._replace(
        known=torch.ones(2, 4, dtype=torch.bool),
        ratings=torch.tensor([[5.0, 4.0, 2.0, 1.0], [1.0, 2.0, 4.0, 5.0]]),
        genres=torch.eye(4).bool().expand(2, -1, -1),
    )
    model = make({"class": "tastes.counted.Counting", "strength": 0.0001})
    model.fit([counted])
    assert model.answer(counted).texts == [
        "liked: Comedy, Drama; disliked: Horror, War",
        "liked: Horror, War; disliked: Comedy, Drama",
    ]
    model = make({"class": "tastes.counted.Popularity"})
    model.fit([query])
    assert set(model.answer(query).texts) == {"liked: Comedy, Drama; disliked: Horror, War"}


def test_a_probe_says_its_highest_scores_and_nothing_on_both_sides(make, query):
    model = make({"class": "tastes.probe.LinearProbe"}).eval()
    assert model.losses(query)[0].shape == (2,)
    scores = torch.tensor([[3.0, 2.0, 1.0, 0.0]])
    assert best(scores, scores, 2, GENRES).texts == ["liked: Comedy, Drama; disliked: Horror, War"]
    assert make({"class": "tastes.probe.LinearProbe"}).eval().answer(query).tokens.sum() == 0

"""Reward models with gaze against the one without, and against the paper's equations written out."""

import pytest
import torch

from recloop.language_models.bodies import load_learnt, padded
from recloop.models.gaze.baselines import GazeAlone, LongerWins, RandomReward
from recloop.models.gaze.projector import GazeProjector
from recloop.models.gaze.reward import GazeAdd, GazeConcat, RewardModel, Texts, bradley_terry

# peft 0.21 asks transformers 5.23 under a name that goes in 6
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
K = 3


def texts(lengths=(5, 8, 3), steps=None, gaze=1.0) -> Texts:
    """Some texts whose ends are aligned, with gaze at each token or at as many steps as are wanted."""
    random = torch.Generator().manual_seed(1)
    ids = [torch.randint(3, 300, (length,), generator=random) for length in lengths]
    of_eye = [gaze * torch.rand(step, K, generator=random) for step in steps or lengths]
    return Texts(*padded(ids, True, "cpu"), *padded(of_eye, True, "cpu"))


def alike(one, other):
    """Give one model the weights that it shares with another."""
    load = {name: value for name, value in other.state_dict().items() if name in one.state_dict()}
    one.load_state_dict(load, strict=False)
    return one.eval()


def test_no_gaze_added_is_no_gaze(language):
    plain = RewardModel(language(), tuning="none").eval()
    silent = alike(GazeAdd(language(), K, tuning="none", unread="nothing"), plain)
    torch.testing.assert_close(silent(texts(gaze=0.0)), plain(texts()))
    assert not torch.allclose(silent(texts(gaze=1.0)), plain(texts()))


def test_a_projector_that_begins_at_nothing_is_no_gaze(language):
    plain = RewardModel(language(), tuning="none").eval()
    begins = alike(GazeAdd(language(), K, tuning="none", norm_weight=0.0), plain)
    torch.testing.assert_close(begins(texts()), plain(texts()))


def test_as_released_tokens_without_gaze_get_the_projection_of_nothing(language):
    plain = RewardModel(language(), tuning="none").eval()
    released = alike(GazeAdd(language(), K, tuning="none"), plain)
    assert not torch.allclose(released(texts(gaze=0.0)), plain(texts()))


def test_concatenated_gaze_stands_between_two_marks_before_the_text(language):
    model = GazeConcat(language(), K, tuning="none").eval()
    given = texts(steps=(2, 4, 1))
    vectors, mask = model.embedded(given)
    assert vectors.shape == (3, 4 + 2 + 8, 16)
    assert mask[2].tolist() == [1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 1, 1, 1]
    torch.testing.assert_close(vectors[0, 0], model.marks[0])
    torch.testing.assert_close(vectors[0, 5], model.marks[1])
    torch.testing.assert_close(vectors[1, 1:5], model.projector(given.gaze[1:2])[0])
    torch.testing.assert_close(vectors[1, 6:], model.body.embedding(given.ids[1]))


@pytest.mark.parametrize("kind", [RewardModel, GazeConcat, GazeAdd])
def test_padding_and_neighbours_change_no_reward(language, kind):
    model = kind(language(), tuning="none", **({"features": K} if kind is not RewardModel else {}))
    together = model.eval()(texts())
    random = torch.Generator().manual_seed(1)
    ids = [torch.randint(3, 300, (length,), generator=random) for length in (5, 8, 3)]
    of_eye = [torch.rand(length, K, generator=random) for length in (5, 8, 3)]
    for place in range(3):
        alone = Texts(*padded([ids[place]], True, "cpu"), *padded([of_eye[place]], True, "cpu"))
        torch.testing.assert_close(model(alone), together[place : place + 1], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", [RewardModel, GazeConcat, GazeAdd])
def test_adapters_projector_and_score_learn_and_nothing_else(language, kind):
    model = kind(language(), **({"features": K} if kind is not RewardModel else {}))
    bradley_terry(*model(texts((4, 6))).chunk(2)).mean().backward()
    learn = {name for name, one in model.named_parameters() if one.requires_grad}
    assert all(
        "lora_" in name or name.startswith(("score", "projector", "marks")) for name in learn
    )
    reached = {name for name, one in model.named_parameters() if one.grad is not None}
    assert learn == reached
    again = kind(language(), **({"features": K} if kind is not RewardModel else {}))
    kept = {name: one for name, one in model.state_dict().items() if name in learn}
    load_learnt(again, kept)
    torch.testing.assert_close(again.eval()(texts()), model.eval()(texts()))
    kept.pop("score.weight")
    with pytest.raises(ValueError, match=r"the saved weights lack score\.weight"):
        load_learnt(again, kept)


def test_the_projector_is_the_equation():
    p = GazeProjector(K, 16).eval()
    gaze = torch.rand(2, 5, K)

    def norm(x):
        return (x - x.mean(-1, keepdim=True)) / (
            x.var(-1, unbiased=False, keepdim=True) + 1e-5
        ).sqrt()

    hidden = torch.relu(norm(gaze @ p.first.weight.T + p.first.bias))
    torch.testing.assert_close(p(gaze), norm(hidden @ p.second.weight.T + p.second.bias))
    assert (p.first_dropout.p, p.last_dropout.p, p.first.out_features) == (0.1, 0.3, 128)


def test_the_loss_is_that_of_bradley_and_terry():
    chosen, rejected = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 2.0])
    wanted = [-torch.sigmoid(torch.tensor(gap)).log().item() for gap in (1.0, -2.0)]
    assert bradley_terry(chosen, rejected).tolist() == pytest.approx(wanted)


def test_in_bfloat16_rewards_are_float32_and_near_those_without(language):
    model = GazeConcat(language(), K, tuning="none").eval()
    with torch.autocast("cpu", torch.bfloat16):
        short = model(texts())
    assert short.dtype == torch.float32
    torch.testing.assert_close(short, model(texts()), atol=0.03, rtol=0.03)
    assert not torch.equal(short, short.bfloat16().float())


def test_the_longer_answer_wins_unless_people_like_the_shorter():
    model = LongerWins()
    assert model(texts()).tolist() == [5, 8, 3]
    model.fit(torch.tensor([3.0, 4.0, 9.0]), torch.tensor([5.0, 6.0, 1.0]))
    assert model(texts()).tolist() == [-5, -8, -3]


def test_chance_is_the_same_whenever_a_text_comes():
    torch.manual_seed(4)
    model = RandomReward()
    together = model(texts())
    assert len({*together.tolist()}) == 3
    assert ((together >= 0) & (together < 1)).all()
    ids = texts().ids[2:, -3:]
    alone = Texts(ids, torch.ones_like(ids), texts().gaze[2:], texts().seen[2:])
    torch.testing.assert_close(model(alone), together[2:])


def test_gaze_alone_reads_means_and_how_much_was_read():
    model = GazeAlone(K)
    torch.nn.init.ones_(model.score.weight)
    given = texts((2, 4))
    wanted = given.gaze[0, -2:].mean(0).sum() + torch.log1p(torch.tensor(2.0))
    torch.testing.assert_close(model(given)[0], wanted)


def test_a_wrong_way_is_named(language):
    with pytest.raises(ValueError, match="unread='skipped': expected one of projected, nothing"):
        GazeAdd(language(), K, unread="skipped")
    with pytest.raises(ValueError, match="tuning='half': expected one of lora, all, none"):
        RewardModel(language(), tuning="half")
    with pytest.raises(ValueError, match="layers=3: this model has 2"):
        RewardModel(language(), layers=3)

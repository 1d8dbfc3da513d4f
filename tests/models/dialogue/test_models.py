"""What each paper says of its own model: equations, ablations and the twins of the released code."""

import pytest
import torch
from torch import nn
from torch.nn.functional import smooth_l1_loss

DIM = 8  # of the models in conftest.py


def joint_loss(make, world, converse, name, **changes):
    model = make(name, **changes).eval()
    return model.joint_loss(converse(model, world)).item()


def test_gommir_adds_a_loss_on_what_it_composes(make, world, converse):
    from recloop.models.dialogue import objectives

    model = make("gommir", composition_loss=0.5).eval()
    dialogue = converse(model, world)
    negative = torch.full((5, 4), 9)
    composed = torch.stack(
        [
            model.compose(model.space.image(f.liked), model.space.text(f.text))
            for f in dialogue.feedback
        ],
        1,
    )
    target, table = dialogue.table[dialogue.target], dialogue.table
    wanted = objectives.hinge(composed, target, table[negative], 0.1).mean()
    assert model.composition(dialogue, negative).allclose(wanted)
    for stage in ("pretrain_loss", "joint_loss"):
        losses = []
        for weight in (0.0, 0.5, 1.0):
            same = make("gommir", composition_loss=weight).eval()
            losses.append(getattr(same, stage)(converse(same, world)).item())
        assert losses[2] - losses[0] == pytest.approx(2 * (losses[1] - losses[0]), rel=1e-3)
        assert losses[2] > losses[0]


@pytest.mark.parametrize(
    "changes",
    [
        {"composition": "none"},
        {"gate": False},
        {"residual": False},
        {"composition_loss": 0.0},
        {"negatives": "random"},
        {"current_dislikes": False},
        {"reward": False},
        {"disliked_reward": False},
        {"branches": "released"},
        {"doubled_frequency": True},
        {"raw_reward": False},
        {"discount": 0.8},
        {"num_negatives": 2},
    ],
)
def test_every_ablation_of_gommir_changes_its_loss(make, world, converse, changes):
    plain, other = (joint_loss(make, world, converse, "gommir", **c) for c in ({}, changes))
    assert plain != other


def test_ege_values_by_hand(make, world, converse):
    model = make("ege").eval()
    dialogue = converse(model, world)
    critiques = [model.space.text(utterances.text) for utterances in dialogue.feedback]
    got = model.values(dialogue)
    for turn in range(1, 5):
        query = dialogue.states[turn].query
        pairs = [model.evaluator(query + critique).tanh() for critique in critiques[:turn]]
        wanted = torch.cat(pairs, 1).amax(1)
        assert got[:, turn - 1].allclose(wanted, atol=1e-5)


@pytest.mark.parametrize("name", ["ege", "deers"])
def test_values_are_bounded_and_td_error_is_by_hand(make, world, converse, name):
    model = make(name, discount=0.5).eval()
    dialogue = converse(model, world)
    values = model.values(dialogue)
    assert values.shape == (5, 4)
    assert values.abs().max() < 1
    table = nn.functional.normalize(dialogue.table, dim=-1)
    rewards = torch.stack(
        [
            (table[dialogue.shown[:, t]] * table[dialogue.target][:, None]).sum(-1).mean(1)
            for t in (1, 2, 3)
        ],
        1,
    )
    wanted = smooth_l1_loss(values[:, :3], rewards + 0.5 * values[:, 1:])
    got = model.value_loss(dialogue, dialogue.learning(True)[:, 1:])
    assert got.allclose(wanted, atol=1e-5)


@pytest.mark.parametrize("name", ["ege", "deers"])
def test_without_discount_the_value_target_is_the_reward(make, world, converse, name):
    model = make(name, discount=0.0).eval()
    dialogue = converse(model, world)
    wanted = smooth_l1_loss(model.values(dialogue)[:, :-1], model.policy.rewards(dialogue))
    assert model.value_loss(dialogue, dialogue.learning(True)[:, 1:]).allclose(wanted)


@pytest.mark.parametrize("name", ["ege", "deers"])
def test_without_a_reward_the_value_teaches_nothing(make, world, converse, name):
    """The gradient is that of the classification alone."""
    model, other = make(name, reward=False).eval(), make(name).eval()
    model.joint_loss(converse(model, world)).backward()
    dialogue = converse(other, world)
    (-other.policy.log_policy(dialogue).mean()).backward()
    for (part, mine), theirs in zip(model.named_parameters(), other.parameters(), strict=True):
        assert (mine.grad is None) == (theirs.grad is None), part
        assert mine.grad is None or mine.grad.allclose(theirs.grad, atol=1e-6), part


@pytest.mark.parametrize("name", ["ege", "deers"])
def test_a_raw_reward_is_beyond_the_value(make, world, converse, name):
    raw, clean = (make(name, raw_reward=raw).eval() for raw in (True, False))
    assert raw.policy.rewards(converse(raw, world)).abs().max() > 1.2
    assert clean.policy.rewards(converse(clean, world)).abs().max() <= 1


@pytest.mark.parametrize(
    "name, changes",
    [
        ("ege", {"last_turn_loss": True}),
        ("ege", {"raw_reward": True}),
        ("ege", {"current_dislikes": True}),
        ("ege", {"negatives": "random"}),
        ("deers", {"last_turn_loss": True}),
        ("deers", {"raw_reward": True}),
        ("deers", {"shared_head": True}),
        ("pmmir_gru", {"normalised_state": True}),
        ("pmmir_gru", {"tanh_always": True}),
        ("pmmir_gru", {"returns": "to_go"}),
        ("pmmir_gru", {"placebo": "shuffled"}),
        ("deers", {"placebo": "shuffled"}),
        ("ege", {"placebo": "constant"}),
        ("pmmir_gru", {"temperature": 0.1}),
        ("pmmir_gru", {"same_head": True}),
        ("pmmir_transformer", {"doubled_frequency": True}),
        ("pmmir_transformer", {"scaled_tokens": False}),
        ("pmmir_gru", {"padded": True}),
        ("pmmir_gru", {"biases": False}),
        ("pmmir_gru", {"start_tanh": False}),
        ("gommir", {"tokens": "released"}),
    ],
)
def test_twins_differ(make, world, converse, name, changes):
    plain, other = (joint_loss(make, world, converse, name, **c) for c in ({}, changes))
    assert plain != other


def test_last_turn_loss_by_hand(make, world, converse):
    model = make("ege", last_turn_loss=True).eval()
    dialogue = converse(model, world)
    loss = model.joint_loss(dialogue) - model.value_loss(dialogue, dialogue.learning(True)[:, 1:])
    dialogue.generator.manual_seed(3)
    assert loss.allclose(-model.policy.log_policy(dialogue)[:, -1].mean(), atol=1e-4)


def test_with_a_shared_head_the_negative_head_never_learns(make, world, converse):
    for shared in (True, False):
        model = make("deers", shared_head=shared)
        model.joint_loss(converse(model, world)).backward()
        assert (model.negative_head.weight.grad is None) == shared


def test_deers_needs_something_to_dislike():
    from recloop.models.dialogue.deers import DEERS

    with pytest.raises(ValueError, match="two or more"):
        DEERS(10, shown=1, dim=8)


def test_values_do_not_rank(make, world, converse):
    for name, part in (("ege", "evaluator"), ("deers", "value")):
        model = make(name).eval()
        before = converse(model, world).queries(1)
        for parameter in getattr(model, part).parameters():
            nn.init.zeros_(parameter)
        assert converse(model, world).queries(1).equal(before)


def test_pmmir_gru_by_hand(make, world, converse):
    """Eqs. 1, 3 and 4 for one user with two purchases."""
    model, norm = make("pmmir_gru").eval(), nn.functional.normalize
    states = converse(model, world).states
    encoders, items = model.encoders, norm(world["history"][1:2, :2], dim=-1)
    hidden = encoders.history(items)[1]
    assert states[0].query[1:2].allclose(model.past_head(hidden[0].tanh()), atol=1e-5)
    far = (world["images"][world["shown"][1, 0]] - world["images"][1]).norm(dim=-1)
    liked = norm(world["images"][world["shown"][1, 0, far.argmin()]], dim=-1)
    given = encoders.enter(torch.cat([liked, norm(world["text"][0, 1], dim=-1)]))
    after = encoders.current(given[None, None], hidden)[1]
    assert states[1].query[1:2].allclose(model.head(after[0]), atol=1e-5)


def test_pmmir_transformer_starts_with_the_past(make, world, converse):
    states = converse(make("pmmir_transformer").eval(), world).states
    assert states[2].memory["tokens"].shape[1] == 4
    assert states[2].memory["lead"].equal(states[0].memory["lead"])
    assert "lead" not in converse(make("transformer_img_txt").eval(), world).states[2].memory


def test_later_turns_teach_the_history_encoder(make, world, converse):
    for name, reached in (("pmmir_gru", True), ("pmmir_gru_random", False)):
        model = make(name)
        converse(model, world).states[3].query.sum().backward()
        assert (model.encoders.history.weight_ih_l0.grad is not None) == reached


def test_history_alone_keeps_its_query(make, world, converse):
    for name in ("gru_hist", "transformer_hist"):
        states = converse(make(name).eval(), world).states
        assert all(state.query.equal(states[0].query) for state in states)


def test_linear_layers_rest_in_the_joint_stage(make):
    model = make("pmmir_gru_linear")
    for stage, learns in (("pretrain", True), ("joint", False), ("pretrain", True)):
        model.freeze(stage)
        assert all(p.requires_grad == learns for p in model.space.parameters())
        assert all(p.requires_grad for p in model.encoders.parameters())


def test_dm_rests_its_image_layer_while_it_improves(make):
    model = make("dm")
    model.freeze("improve")
    asleep = {name for name, p in model.named_parameters() if not p.requires_grad}
    assert asleep == {name for name, _ in model.named_parameters() if "space.image." in name}


def test_a_random_start_is_kept_with_the_weights(make):
    first, second = (make("pmmir_gru_random", seed=seed) for seed in (0, 1))
    assert not first.noise.equal(second.noise)
    second.load_state_dict(first.state_dict())
    assert first.noise.equal(second.noise)


def test_normalised_states_are_unit_vectors(make, world, converse):
    dialogue = converse(make("pmmir_transformer", normalised_state=True).eval(), world)
    assert dialogue.queries(0).norm(dim=-1).allclose(torch.tensor(1.0))


def test_the_released_gru_by_hand(make, world, converse):
    """No tanh, no bias, and zeros read as items behind the history of a user who has two."""
    changes = {"biases": False, "start_tanh": False, "padded": True}
    model, norm = make("pmmir_gru", **changes).eval(), nn.functional.normalize
    assert not [name for name, _ in model.named_parameters() if "bias" in name]
    history = world["history"] * (torch.arange(4) < world["length"][:, None])[..., None]
    states = converse(model, world | {"history": history}).states
    items = norm(history[1:2], dim=-1)
    assert not items[:, 2:].any()
    hidden = model.encoders.history(items)[1]
    assert states[0].query[1:2].allclose(model.past_head(hidden[0]), atol=1e-5)


def test_the_released_tokens_of_the_transformer(make, world, converse, settings):
    """First the scaled state of the history, then a learned token, critique and liked item of every turn."""
    from recloop.models import build

    def made(name):
        torch.manual_seed(0)
        tracker = settings[name]["tracker"] | {"tokens": "released"}
        return build(settings[name] | {"tracker": tracker}, features=10).eval()

    dialogue, norm = converse(made("pmmir_transformer"), world), nn.functional.normalize
    memory = dialogue.states[2].memory
    texts = norm(world["text"][:2], dim=-1)
    liked = norm(world["images"][dialogue.liked[:, :2]], dim=-1)
    wanted = [torch.zeros_like(texts[0]), texts[0], liked[:, 0]]
    wanted += [torch.zeros_like(texts[0]), texts[1], liked[:, 1]]
    assert memory["tokens"].allclose(torch.stack(wanted, 1), atol=1e-6)
    plain = converse(make("pmmir_transformer").eval(), world).states[2].memory["lead"]
    assert memory["lead"].allclose(plain * DIM**0.5, atol=1e-5)
    alone = converse(made("transformer_all"), world).states
    assert alone[0].memory["tokens"].shape[1] == 1 + 4
    assert not alone[0].memory["tokens"][:, 0].any()
    assert alone[0].memory["real"].sum(1).tolist() == (1 + world["length"]).tolist()
    assert converse(made("transformer_img_txt"), world).states[1].memory["tokens"].shape[1] == 3


def test_unknown_tokens_are_refused(make):
    with pytest.raises(ValueError, match="printed or released"):
        make("gommir", tokens="both")

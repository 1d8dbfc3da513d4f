"""What every dialogue model promises."""

import pytest
import torch


def queries(model, dialogue):
    return torch.stack([state.query for state in dialogue.states[dialogue.first :]], 1)


def rows(world, keep):
    """Take some dialogues of a world."""
    text = world["text"][:, keep]
    rest = {name: world[name][keep] for name in ("history", "length", "target", "shown")}
    return world | rest | {"text": text}


def test_states_live_where_items_do(every, make, world, converse):
    model = make(every).eval()
    dialogue = converse(model, world)
    assert queries(model, dialogue).shape[2] == dialogue.table.shape[1]
    assert model.embed(world["images"][3]).allclose(dialogue.table[3], atol=1e-5)


def test_learns_everything_that_is_awake_in_pretraining(every, make, world, converse):
    model = make(every)
    model.freeze("pretrain")
    model.pretrain_loss(converse(model, world, item_gradient=True)).backward()
    missing = [n for n, p in model.named_parameters() if p.requires_grad and p.grad is None]
    assert not missing


def test_learns_everything_that_is_awake_in_the_joint_stage(joint, make, world, converse):
    model = make(joint)
    model.freeze("joint")
    model.joint_loss(converse(model, world)).backward()
    missing = [n for n, p in model.named_parameters() if p.requires_grad and p.grad is None]
    assert not missing
    assert not any(p.grad is not None for p in model.parameters() if not p.requires_grad)


def test_earlier_states_do_not_know_later_turns(every, make, world, converse):
    model = make(every).eval()
    before = queries(model, converse(model, world))
    changed = world | {"text": torch.cat([world["text"][:-1], world["text"][-1:] + 1])}
    after = queries(model, converse(model, changed))
    assert before[:, :-1].equal(after[:, :-1])
    blind = every in ("ir_img", "gru_hist", "transformer_hist")
    assert before[:, -1].equal(after[:, -1]) == blind


def test_dialogues_do_not_know_each_other(every, make, world, converse):
    model = make(every).eval()
    order = torch.tensor([3, 1, 4, 0, 2])
    together = queries(model, converse(model, world))
    permuted = queries(model, converse(model, rows(world, order)))
    assert together[order].allclose(permuted, atol=1e-5)
    alone = queries(model, converse(model, rows(world, order[:1])))
    assert together[order[:1]].allclose(alone, atol=1e-5)


def test_padding_of_the_history_is_not_read(every, make, world, converse):
    model = make(every).eval()
    before = queries(model, converse(model, world))
    longer = torch.cat([world["history"], torch.ones(5, 3, world["history"].shape[2])], 1)
    changed = longer.clone()
    changed[2] = 7.0  # has no history at all
    for history in (longer, changed):
        after = queries(model, converse(model, world | {"history": history}))
        assert before.allclose(after, atol=1e-5)


def test_takes_an_empty_history(every, make, world, converse):
    model = make(every).eval()
    empty = world | {"history": world["history"][:, :0], "length": torch.zeros(5).long()}
    none = world | {"length": torch.zeros(5).long()}
    got, wanted = (queries(model, converse(model, w)) for w in (empty, none))
    assert got.isfinite().all()
    assert got.allclose(wanted, atol=1e-5)


def test_personal_models_use_the_history(every, make, world, converse):
    model = make(every).eval()
    before, after = (
        converse(model, world | {"history": world["history"] * sign}).states for sign in (1, -1)
    )
    assert before[0].query[0].equal(after[0].query[0]) != model.personal


def test_a_silent_user_is_not_heard(every, make, world, converse):
    """With zeros as text, two users who like the same items cannot be told apart."""
    model = make(every).eval()
    silent = world | {"text": torch.zeros_like(world["text"])}
    same = rows(silent, torch.tensor([0, 0]))
    first = queries(model, converse(model, same))
    assert first[0].allclose(first[1], atol=1e-6)


def test_same_seed_same_loss(joint, make, world, converse):
    losses = []
    for _ in range(2):
        model = make(joint)
        torch.manual_seed(5)
        dialogue = converse(model, world)
        losses.append(torch.stack([model.pretrain_loss(dialogue), model.joint_loss(dialogue)]))
    assert losses[0].equal(losses[1])


def test_turns_after_the_target_teach_nothing(joint, make, world, converse):
    """What happens after the target was shown leaves the losses as they are, unless asked for."""
    found = world["shown"].clone()
    found[:, 1, 0] = world["target"]
    other = world["text"].clone()
    other[2:] += 1  # said after list 1, in which the target was
    for stop in (True, False):
        losses = []
        for text in (world["text"], other):
            model = make(joint, stop_at_target=stop).eval()
            dialogue = converse(model, world | {"shown": found, "text": text})
            losses.append(model.pretrain_loss(dialogue))
            losses.append(model.joint_loss(dialogue))
        if stop or "hist" in joint:
            assert losses[0].allclose(losses[2]) and losses[1].allclose(losses[3])
        else:
            assert not losses[0].allclose(losses[2]) and not losses[1].allclose(losses[3])


def test_pretraining_lowers_the_loss(every, make, world, converse):
    model = make(every)
    if every == "clip4cir":
        model.eval()  # its dropout hides ten steps of learning
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    losses = []
    for _ in range(15):
        loss = model.pretrain_loss(converse(model, world))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]


def test_both_stages_have_the_same_weights(make):
    for name, changes in {
        "gommir": {"discount": 0.8, "num_negatives": 2, "negatives": "random", "reward": False},
        "pmmir_gru": {"discount": 0.8, "num_negatives": 2, "reward": False, "temperature": 0.1},
        "ege": {"last_turn_loss": True, "raw_reward": True},
        "deers": {"last_turn_loss": True, "shared_head": True},
    }.items():
        make(name, **changes).load_state_dict(make(name).state_dict())


def test_supervised_models_refuse_the_joint_stage(make, world, converse):
    model = make("dm")
    with pytest.raises(NotImplementedError, match="DM learns by supervision only"):
        model.joint_loss(converse(model, world))


@pytest.mark.parametrize(
    "model, changes, word",
    [
        ("gommir", {"composition": "sum"}, "composition"),
        ("gommir", {"gate": False, "residual": False}, "composition: none"),
        ("gommir", {"negatives": "liked"}, "negatives"),
        ("gommir", {"branches": "new"}, "branches"),
        ("gommir", {"space": "flat"}, "space"),
        ("ir_txt", {"modality": "audio"}, "modality"),
        ("pmmir_gru", {"tracker": "lstm"}, "tracker"),
        ("pmmir_gru", {"start": "zero"}, "start"),
        ("pmmir_gru", {"history": False, "feedback": False}, "nothing"),
        ("gru_all", {"start": "random"}, "two encoders"),
    ],
)
def test_refuses_words_it_does_not_know(make, model, changes, word):
    with pytest.raises(ValueError, match=word):
        make(model, **changes)


def test_observing_changes_nothing_in_place(every, make, world, converse):
    model = make(every).eval()
    dialogue = converse(model, world)
    kept = [
        [{part: tensor.clone() for part, tensor in held.items()} for held in (s.memory, s.extra)]
        for s in dialogue.states
    ]
    model.observe(dialogue.states[1], dialogue.feedback[1])
    for state, (memory, extra) in zip(dialogue.states, kept, strict=True):
        for now, then in ((state.memory, memory), (state.extra, extra)):
            assert all(now[part].equal(then[part]) for part in then)


def test_a_batch_of_one_can_learn(every, make, world, converse):
    model = make(every).train()
    loss = model.pretrain_loss(converse(model, rows(world, torch.tensor([1]))))
    assert loss.isfinite()

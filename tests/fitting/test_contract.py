"""What every kind of training gets from the one trainer: it learns, and a stopped one goes on exactly."""

import os
import signal

import pytest
import torch

NAMES = ["Pairs", "LanguageModel", "Diffusion", "EndToEnd", "Coupled", "ActStoreLearn"]


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("name", NAMES)
def test_it_learns(trainer, name):
    it = trainer(name, epochs=30)
    it.fit()
    scores = [row[it.objective.metric.column] for row in it.progress.curve]
    better = max(scores) if it.objective.metric.higher else min(scores)
    assert it.progress.best == better != scores[0]


@pytest.mark.parametrize("stop", [1, 4, 5, 8])
@pytest.mark.parametrize("name", NAMES)
def test_a_stopped_training_goes_on_exactly(trainer, name, stop, tmp_path):
    """Stopped by a signal in an epoch or at its end, each of them ends with the same weights, best and last."""
    whole = trainer(name, seed=3)
    best = whole.fit()
    cut = trainer(name, tmp_path, seed=3)
    learn = cut.learn

    def asked(group):
        learn(group)
        if cut.progress.update == stop:
            os.kill(os.getpid(), signal.SIGTERM)

    cut.learn = asked
    with pytest.raises(SystemExit, match=f"told to stop after update {stop}; run again"):
        cut.fit()
    torch.manual_seed(99)
    torch.rand(3)
    resumed = trainer(name, tmp_path, seed=3)
    assert resumed.progress.update == stop
    assert same(best, resumed.fit())
    assert same(whole.model.state_dict(), resumed.model.state_dict())
    assert curve(whole) == curve(resumed)


@pytest.mark.parametrize("name", NAMES)
def test_a_training_killed_after_an_epoch_goes_on_exactly(trainer, name, tmp_path):
    whole = trainer(name)
    best = whole.fit()

    def die(line):
        if cut.progress.update >= 2 * cut.epoch_updates:
            raise KeyboardInterrupt

    cut = trainer(name, tmp_path, log=die)
    with pytest.raises(KeyboardInterrupt):
        cut.fit()
    resumed = trainer(name, tmp_path)
    assert 0 < resumed.progress.update < cut.progress.update
    assert same(best, resumed.fit())
    assert curve(whole) == curve(resumed)


def curve(trainer):
    return [{**row, "seconds": 0} for row in trainer.progress.curve]


# -- two coupled models ------------------------------------------------------------------------------------------------


def test_coupled_models_exchange_opinions_of_the_same_snapshot(trainer):
    it = trainer("Coupled", epochs=1)
    rows, objective = torch.arange(48), it.objective
    before = objective.opinions["one"].clone()
    it.fit()
    assert not torch.equal(objective.opinions["one"], before)
    for name in ("one", "two"):
        now = objective.logits(name, rows).sigmoid()
        assert torch.equal(objective.opinions[name], now)


def test_each_optimiser_steps_on_its_own_loss_alone(trainer):
    it = trainer("Coupled")
    other = trainer("Coupled")
    loss = other.objective.loss

    def leaking(batch):
        losses = loss(batch)
        return losses | {"two": losses["two"] + 100 * losses["one"]}

    other.objective.loss = leaking
    for one in (it, other):
        one.learn([torch.arange(10)])
    assert same(it.model.state_dict(), other.model.state_dict())


# -- language models with adapters -------------------------------------------------------------------------------------


def test_only_what_trains_is_kept(trainer, tmp_path):
    from recloop.storage import checkpoint

    it = trainer("LanguageModel", tmp_path)
    frozen = {name: value.clone() for name, value in it.model.state_dict().items()}
    best = it.fit()
    assert best.keys() == {"head.down.weight", "head.up.weight"}
    tensors, _ = checkpoint.load(it.context.checkpoint)
    assert checkpoint.below(tensors, "model").keys() == best.keys()
    now = it.model.state_dict()
    assert {name for name in now if not torch.equal(now[name], frozen[name])} == set(best)
    whole = trainer("LanguageModel", keeps="all").fit()
    assert whole.keys() == frozen.keys()


@pytest.mark.parametrize("rows", [12, 10])  # 10: the last of five batches is smaller
def test_accumulated_batches_are_one_big_batch(trainer, rows):
    big = trainer("LanguageModel", batch_size=2 * rows, accumulate=1, epochs=2)
    small = trainer("LanguageModel", batch_size=rows, accumulate=2, epochs=2)
    assert big.last_update == small.last_update
    weights, same_weights = big.fit(), small.fit()
    for name, value in weights.items():
        assert torch.allclose(value, same_weights[name], atol=1e-6)
    losses = [[row["loss"] for row in it.progress.curve] for it in (big, small)]
    assert losses[0] == pytest.approx(losses[1], abs=1e-6)


# -- diffusion ---------------------------------------------------------------------------------------------------------


def test_the_average_of_the_weights_is_validated_and_kept(trainer):
    it = trainer("Diffusion", epochs=1, average=0.5)
    start = {name: value.clone() for name, value in it.model.named_parameters()}
    seen = []
    learn = it.learn
    it.learn = lambda group: (learn(group), seen.append(it.model[0].bias.detach().clone()))
    best = it.fit()
    wanted = start["0.bias"].detach()
    for number, value in enumerate(seen, 1):
        kept = min(0.5, (1 + number) / (10 + number))
        wanted = kept * wanted + (1 - kept) * value
    assert torch.allclose(best["0.bias"], wanted, atol=1e-6)
    assert torch.equal(it.model[0].bias, seen[-1])  # training itself goes on with the weights


def test_without_an_average_it_is_the_last_update(trainer):
    it = trainer("Diffusion", epochs=1, average=None)
    best = it.fit()
    assert torch.equal(best["0.bias"], it.model[0].bias)


# -- end-to-end encoders -----------------------------------------------------------------------------------------------


def test_groups_of_parameters_have_rates_of_their_own_and_one_pace(trainer):
    it = trainer("EndToEnd", learning_rate=0.1, pace="linear", warm_up=2, epochs=1)
    rates = []
    learn = it.learn

    def listening(group):
        learn(group)
        rates.append([one["lr"] for one in it.optimisers["all"].param_groups])

    it.learn = listening
    it.fit()
    factors = [0.5, 1.0, 1.0, 2 / 3, 1 / 3]
    assert [row[1] for row in rates] == pytest.approx([0.1 * one for one in factors])
    assert [row[0] for row in rates] == pytest.approx([0.01 * one for one in factors])


def test_bfloat16_computes_in_it_and_learns_in_float32(trainer):
    it = trainer("EndToEnd", epochs=1)
    kinds = set()
    it.model["head"].register_forward_hook(lambda module, given, found: kinds.add(found.dtype))
    it.fit()
    assert kinds == {torch.bfloat16}
    assert {value.dtype for value in it.model.parameters()} == {torch.float32}


# -- act, store, learn -------------------------------------------------------------------------------------------------


def test_every_update_acts_once_and_the_buffer_is_in_the_checkpoint(trainer, tmp_path):
    it = trainer("ActStoreLearn", tmp_path, epochs=2)
    it.fit()
    assert it.objective.written == 8 * it.last_update
    again = trainer("ActStoreLearn", tmp_path, epochs=2)
    assert again.objective.written == it.objective.written
    assert torch.equal(again.objective.buffer["action"], it.objective.buffer["action"])
    assert torch.equal(again.objective.world.place, it.objective.world.place)

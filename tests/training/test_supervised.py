"""The loop: batches, early stopping, tuning, seeds."""

import json
from itertools import islice

import numpy as np
import pytest
import torch
from torch import nn

from recloop.data.batches import Events, cut
from recloop.fitting.context import TrainingContext
from recloop.fitting.finite import Diverged
from recloop.fitting.schedule import Schedule
from recloop.fitting.trainer import Trainer
from recloop.training import supervised
from recloop.training.supervised import NextItems, train

ITEMS, LENGTH = 20, 6


class Bias(nn.Module):
    """One weight per item; the same scores for everybody. Remembers its batches."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(ITEMS))
        self.seen = []

    def score(self, session):
        return self.weight.expand(len(session), -1)

    def loss(self, batch):
        self.seen.append(batch)
        targets = batch.following[batch.following != ITEMS]
        return nn.functional.cross_entropy(self.weight.expand(len(targets), -1), targets)


@pytest.fixture
def trainer(ring):
    def trainer(model=None, seed=1, folder=None, logged=None, made=NextItems, **changes):
        schedule = {"learning_rate": 0.1, "batch_size": 100, "epochs": 5, "patience": 9}
        schedule |= {"validate_every": None, "clip_norm": None} | changes
        events = Events.of(ring, LENGTH, ITEMS)
        log = (logged if logged is not None else []).append
        windows = cut(ring, LENGTH, ITEMS)
        context = TrainingContext(seed, folder, log=log)
        return Trainer(
            made(model or Bias(), windows, events, Schedule(**schedule), context), context
        )

    return trainer


def order(trainer):
    """List the batches of all epochs that are left."""
    done, skip = divmod(trainer.progress.update, trainer.epoch_updates)
    epochs = range(done, trainer.schedule.epochs)
    parts = [trainer.objective.batches(epoch, skip * (epoch == done)) for epoch in epochs]
    return [tuple(rows.tolist()) for part in parts for rows in part]


def test_batches_hold_each_piece_once_an_epoch_and_the_wanted_number_of_targets(trainer):
    it = trainer()
    batches = order(it)
    assert len(batches) == 5 * it.epoch_updates
    for epoch in range(5):
        part = batches[epoch * it.epoch_updates : (epoch + 1) * it.epoch_updates]
        assert sorted(sum(part, ())) == list(range(len(it.objective.windows)))
    targets = [int((it.objective.windows.following[list(rows)] != ITEMS).sum()) for rows in batches]
    assert np.mean(targets) == pytest.approx(100, rel=0.2)


def test_order_depends_on_seed_and_epoch_alone(trainer):
    one, same, other = order(trainer()), order(trainer()), order(trainer(seed=2))
    torch.manual_seed(99)
    assert one == same == order(trainer(learning_rate=0.5))
    assert one != other
    assert one[: len(one) // 5] != one[len(one) // 5 : 2 * len(one) // 5]


def test_order_goes_on_in_the_middle_of_an_epoch(trainer):
    whole, resumed = order(trainer()), trainer()
    resumed.progress.update = 7
    assert order(resumed) == whole[7:]


def test_independent_batches_are_drawn_anew_from_seed_and_update(trainer):
    it = trainer(draws="independent")
    batches = order(it)
    assert len(batches) == it.last_update
    assert {len(rows) for rows in batches} == {it.objective.rows}
    assert len(set(batches)) == len(batches)
    epoch = sum(batches[: it.epoch_updates], ())
    assert 0 <= min(epoch) <= max(epoch) < len(it.objective.windows)
    assert len(set(epoch)) < len(it.objective.windows)  # some twice, some not at all
    resumed = trainer(draws="independent")
    resumed.progress.update = 7
    assert order(resumed) == batches[7:]
    assert order(trainer(draws="independent", seed=2)) != batches


def test_refuses_another_way_to_draw(trainer):
    with pytest.raises(ValueError, match="draws='coins': expected one of passes, independent"):
        trainer(draws="coins")


class Warming(Bias):
    """A model whose second stage starts at update 3."""

    warm_up = 3


def test_epochs_and_patience_count_from_the_end_of_the_warm_up(trainer):
    model = Warming()
    model.warm_up = 7 * trainer().epoch_updates - 1
    it = trainer(model, epochs=4, patience=2)
    scores = iter([0.9, *[0.1] * 99])  # nothing after the first validation is better
    it.objective.evaluate = lambda: next(scores)
    it.fit()
    assert it.epoch == 7 + 2  # epoch 7 ends after the warm-up and is the first that can be too old
    assert trainer(model, epochs=2).last_update == 9 * it.epoch_updates


def test_the_best_weights_are_chosen_after_the_warm_up(trainer):
    model = Warming()
    model.warm_up = 2 * trainer().epoch_updates  # the second validation is the last of its own
    it = trainer(model, epochs=3, patience=9)
    scores = iter([0.8, 0.9, 0.2, 0.4, 0.3])
    it.objective.evaluate = lambda: next(scores)
    it.fit()
    assert (it.progress.best, it.best_epoch) == (0.4, 4)


def test_a_second_optimiser_starts_after_the_warm_up(trainer):
    it, rates = trainer(Warming(), second_rate=0.01), []
    for group in islice(it.groups(), 5):
        it.learn(group)
        (state,) = it.optimisers["all"].state.values()
        rates.append((it.optimisers["all"].param_groups[0]["lr"], int(state["step"])))
    assert rates == [(0.1, 1), (0.1, 2), (0.1, 3), (0.01, 1), (0.01, 2)]


@pytest.mark.parametrize(("model", "second_rate"), [(Warming, None), (Bias, 0.01)])
def test_without_warm_up_or_second_rate_there_is_one_optimiser(trainer, model, second_rate):
    it = trainer(model(), second_rate=second_rate)
    first = it.optimisers
    for group in islice(it.groups(), 5):
        it.learn(group)
    assert it.optimisers is first


@pytest.mark.parametrize("stop", [2, 3, 4])
def test_a_resumed_training_has_the_optimiser_of_its_stage(trainer, stop, tmp_path):
    def learn(it, number):
        for group in islice(it.groups(), number):
            it.learn(group)

    def new(folder=None):
        return trainer(Warming(), second_rate=0.01, folder=folder)

    whole, cut = new(), new(tmp_path)
    learn(whole, 6)
    learn(cut, stop)
    cut.keep()
    resumed = new(tmp_path)
    learn(resumed, 6 - stop)
    assert torch.equal(whole.model.weight, resumed.model.weight)


class Carrying(NextItems):
    """Carries a sum of losses from update to update."""

    def __init__(self, *given):
        self.sum = torch.zeros(())
        super().__init__(*given)

    def loss(self, batch):
        loss = super().loss(batch)
        self.sum = self.sum + loss.detach()
        return loss

    def state(self):
        return {"sum": self.sum}

    def load_state(self, tensors):
        self.sum = tensors["sum"]


def test_what_a_loop_carries_is_in_its_checkpoint(trainer, tmp_path):
    it = trainer(made=Carrying, folder=tmp_path)
    for group in islice(it.groups(), 3):
        it.learn(group)
    it.keep()
    assert it.objective.sum > 0
    assert trainer(made=Carrying, folder=tmp_path).objective.sum == it.objective.sum


@pytest.fixture
def scripted(monkeypatch):
    """Let validation say what we want to hear."""

    def script(*values):
        left = iter(values)
        monkeypatch.setattr(
            supervised, "expected_gain", lambda *_: np.array([next(left)], dtype=float)
        )

    return script


def test_keeps_the_weights_of_the_best_validation(trainer, scripted):
    scripted(0.1, 0.5, 0.3, 0.2, 0.1)

    class Listening(list):
        def append(self, line):
            weights[len(it.progress.curve)] = it.model.weight.detach().clone()

    weights, it = {}, trainer(logged=Listening())
    best = it.fit()
    assert torch.equal(best["weight"], weights[2])
    assert not torch.equal(best["weight"], it.model.weight)
    assert it.progress.best == 0.5
    assert it.progress.best_update == 2 * it.epoch_updates
    assert [row["valid_ndcg10"] for row in it.progress.curve] == [0.1, 0.5, 0.3, 0.2, 0.1]


def test_stops_when_the_best_is_old(trainer, scripted):
    scripted(0.1, 0.5, 0.5, 0.4)
    it = trainer(patience=2, epochs=50)
    it.fit()
    assert len(it.progress.curve) == 4  # equal is not better
    assert it.progress.update == 4 * it.epoch_updates


@pytest.mark.parametrize(("every", "updates"), [(2, [2, 4, 6, 8, 10]), (4, [4, 8, 10])])
def test_validates_when_asked_and_at_the_end(trainer, every, updates):
    it = trainer(batch_size=210, validate_every=every)
    it.fit()
    assert [row["update"] for row in it.progress.curve] == updates


def test_clips_the_gradient(trainer):
    it = trainer(Bias(), clip_norm=0.001)
    it.learn([torch.arange(5)])
    assert it.model.weight.grad.norm() <= 0.0011
    it = trainer(Bias())
    it.learn([torch.arange(5)])
    assert it.model.weight.grad.norm() > 0.1


def test_tells_epoch_loss_validation_and_time_left(trainer):
    logged = []
    trainer(logged=logged).fit()
    assert len(logged) == 5
    assert logged[1].startswith("epoch 2/5  loss ")
    assert "NDCG@10 " in logged[1]
    assert "best " in logged[1]
    assert logged[1].endswith(" s left")


def test_loss_of_the_curve_is_the_mean_since_the_last_validation(trainer):
    it, losses = trainer(epochs=2), []
    loss = it.model.loss
    it.model.loss = lambda batch: losses.append(loss(batch)) or losses[-1]
    it.fit()
    means = torch.stack(losses).reshape(2, -1).mean(1).tolist()
    assert [row["loss"] for row in it.progress.curve] == pytest.approx(means)


@pytest.mark.parametrize(
    ("sound", "message"), [(1, "lower learning_rate"), (0, "look for NaN in the data")]
)
def test_says_that_training_has_diverged_or_had_nothing_to_learn_from(trainer, sound, message):
    model, seen = Bias(), []
    model.loss = lambda batch: (
        seen.append(1) or model.weight.sum() * (1.0 if len(seen) <= sound else torch.nan)
    )
    with pytest.raises(Diverged, match=message):
        trainer(model).fit()


# -- choosing the learning rate ----------------------------------------------------------------------------------------


@pytest.fixture
def fit(ring, tmp_path, settings_of, make):
    def fit(rates, seed=1, checkpoint_dir=tmp_path / "checkpoint_dir", made=None, **changes):
        settings = settings_of("sasrec", {"learning_rate": rates, "tuning_epochs": 2} | changes)

        def new():
            model = make(settings, seed=int(torch.initial_seed()))
            (made if made is not None else []).append(model)
            return model

        parts, logged = {"train": ring, "valid": ring}, []
        context = TrainingContext(seed, checkpoint_dir, log=logged.append)
        return train(new, parts, ITEMS, settings["training"], context), logged

    return fit


def test_takes_the_better_learning_rate_and_records_what_was_tried(fit):
    (weights, record), logged = fit([1e-7, 0.02])
    assert record["learning_rate"] == 0.02
    assert [row["learning_rate"] for row in record["tuning"]] == [1e-7, 0.02]
    assert record["tuning"][0]["valid_ndcg10"] < record["tuning"][1]["valid_ndcg10"]
    assert {row["epochs"] for row in record["tuning"]} == {2}
    assert weights
    assert "tries learning_rate 0.02" in logged


def test_one_learning_rate_needs_no_tuning(fit):
    (_, record), _ = fit([0.02])
    assert record["tuning"] == []
    assert record["learning_rate"] == 0.02


def test_a_rate_that_diverges_is_not_taken(fit):
    (_, record), _ = fit([1e30, 0.02])
    assert record["learning_rate"] == 0.02
    assert record["tuning"][0]["valid_ndcg10"] == -1


def test_if_all_rates_diverge_it_says_so(fit):
    with pytest.raises(Diverged):
        fit([1e30, 1e31])


def test_what_was_tried_before_a_kill_is_not_tried_again(fit, tmp_path):
    (tmp_path / "checkpoint_dir").mkdir()
    row = {"learning_rate": 1e-7, "epochs": 2, "valid_ndcg10": 1.5}
    (tmp_path / "checkpoint_dir" / "tuning.json").write_text(json.dumps([row]))
    (_, record), logged = fit([1e-7, 0.02])
    assert "tries learning_rate 1e-07" not in logged
    assert record["tuning"][0] == row
    assert record["learning_rate"] == 1e-7


def test_tuning_does_not_change_the_training_after_it(fit, tmp_path):
    (alone, _), _ = fit([0.02], checkpoint_dir=tmp_path / "one")
    (tuned, _), _ = fit([1e-7, 0.02], checkpoint_dir=tmp_path / "two")
    assert all(torch.equal(alone[name], tuned[name]) for name in alone)


def test_record_of_a_training(fit):
    (_, record), _ = fit([0.02])
    assert record["epochs_run"] == 4
    assert 1 <= record["best_epoch"] <= 4
    assert record["valid_ndcg10"] == max(row["valid_ndcg10"] for row in record["curve"])
    assert record["targets_per_second"] > 0
    assert record["not_run"] is None

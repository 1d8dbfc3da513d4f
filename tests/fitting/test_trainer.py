"""Faults of a training: numbers that are no numbers, nothing validated, checkpoints of something else."""

import json

import pytest
import torch


def infinite(it, update, value):
    """Let the loss of one update, counted from 1, be something else."""
    loss = it.objective.loss

    def spoiled(batch):
        found = loss(batch)
        return found * value if it.progress.update == update - 1 else found

    it.objective.loss = spoiled


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_a_loss_that_is_no_number_names_model_and_update(trainer, value, tmp_path):
    from recloop.fitting.finite import Diverged

    it = trainer("Pairs", tmp_path)
    infinite(it, 7, value)
    message = r"Pairs, update 7 \(epoch 1.4\): the loss of update 7 is not a finite number.*lower"
    with pytest.raises(Diverged, match=message):
        it.fit()
    assert trainer("Pairs", tmp_path).progress.update == 5  # the checkpoint before it is whole


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_score_that_is_no_number_names_model_and_update(trainer, value):
    from recloop.fitting.finite import Diverged

    it = trainer("Pairs")
    it.objective.evaluate = lambda: value
    with pytest.raises(Diverged, match=rf"Pairs, update 5 \(epoch 1\): the validation .* {value}"):
        it.fit()


def test_on_a_gpu_a_loss_is_looked_at_seldom_and_found_all_the_same():
    from recloop.fitting.finite import Diverged, Losses

    losses = Losses("cpu")
    losses.device = torch.device("cuda")  # adds up on the CPU, but looks as seldom as on a GPU
    losses.add(torch.tensor(torch.nan), 3)
    losses.add(torch.tensor(1.0), 4)
    losses.add(torch.tensor(torch.inf), 5)
    with pytest.raises(Diverged, match="update 3 "):
        losses.mean()
    with pytest.raises(Diverged, match="update 3 "):
        losses.add(torch.tensor(1.0), Losses.seldom)


def test_losses_are_added_in_double_precision():
    from recloop.fitting.finite import Losses

    losses = Losses("cpu")
    values = torch.rand(100, generator=torch.Generator().manual_seed(1))
    for update, value in enumerate(values, 1):
        losses.add(value, update)
    assert losses.mean() == sum(values.tolist()) / 100


def test_a_training_without_a_validation_is_an_error(trainer):
    it = trainer("Pairs")
    it.objective.length = 0
    it.objective.batches = lambda epoch, skip: []
    with pytest.raises(ValueError, match=r"Pairs: training ended .* without a validation"):
        it.fit()


def test_without_a_metric_the_last_weights_are_kept(trainer):
    it = trainer("Pairs", epochs=2)
    it.objective.metric = None
    best = it.fit()
    assert torch.equal(best["0.weight"], it.model[0].weight)
    assert [set(row) for row in it.progress.curve] == [{"update", "epoch", "loss", "seconds"}] * 2


def test_an_epoch_with_another_number_of_batches_is_an_error(trainer):
    it = trainer("Pairs")
    it.objective.length += 1
    with pytest.raises(ValueError, match=r"epoch 1 of Pairs ended after update 5, expected 6"):
        it.fit()


def test_last_weights_with_nan_have_diverged(trainer):
    from recloop.fitting.finite import Diverged

    it = trainer("Pairs")
    it.objective.metric = None

    def spoil():  # after the last loss was looked at
        if it.progress.update == it.last_update - 1:
            next(it.model.parameters()).data.fill_(torch.nan)

    it.objective.after_update = spoil
    with pytest.raises(Diverged, match="has NaN: training has diverged"):
        it.fit()


def test_a_checkpoint_is_written_between_validations_that_are_far_apart(
    trainer, tmp_path, monkeypatch
):
    from recloop.fitting import trainer as module

    it = trainer("Pairs", tmp_path, validate_every=1000)
    infinite(it, 4, torch.nan)
    monkeypatch.setattr(module, "KEEP_SECONDS", 0)
    with pytest.raises(ValueError, match="update 4"):
        it.fit()
    assert trainer("Pairs", tmp_path).progress.update == 3


def test_a_checkpoint_of_something_else_is_left_aside(trainer, tmp_path):
    from recloop.fitting.trainer import Trainer

    it = trainer("Pairs", tmp_path, epochs=1)
    it.fit()
    lines = []
    other = trainer("Pairs", log=lines.append)
    context = other.context.__class__(1, tmp_path, "cpu", lines.append, "Pairs")
    assert Trainer(other.objective, context, {"data": "another"}).progress.update == 0
    assert lines == ["a checkpoint of other settings or data is left aside; starts anew"]


def test_the_line_says_epoch_loss_score_and_time_left(trainer):
    lines = []
    trainer("ActStoreLearn", log=lines.append).fit()
    assert lines[0].startswith("epoch 0.6667/4  loss ")
    assert "return " in lines[0] and "(best " in lines[0]
    assert lines[-1].endswith("at most 0 s left")


def test_the_context_cannot_be_changed(trainer):
    with pytest.raises(AttributeError):
        trainer("Pairs").context.seed = 2


# -- tuning ------------------------------------------------------------------------------------------------------------


def tuned(trainer, examples, rates, folder, **changes):
    from dataclasses import replace

    from recloop.fitting.tuning import fit_tuned

    def make(schedule, context):
        objective = examples.Pairs(schedule, context)
        if schedule.learning_rate > 1e6:
            objective.evaluate = lambda: torch.nan
        return objective

    metric = examples.Pairs.metric
    context = replace(trainer("Pairs").context, checkpoint_dir=folder)
    training = {"learning_rate": rates, "tuning_epochs": 1, "epochs": 2, "batch_size": 10} | changes
    return fit_tuned(make, training, context, metric)[1]


def test_a_rate_that_diverges_is_a_lost_trial(trainer, examples, tmp_path):
    facts = tuned(trainer, examples, [1e9, 1e-9, 0.03], tmp_path)
    assert facts["learning_rate"] == 0.03  # lower is better here, and -1 is no score
    assert facts["tuning"][0]["valid_loss"] == -1
    assert json.loads((tmp_path / "tuning.json").read_text()) == facts["tuning"]


def test_a_chosen_rate_that_diverges_stops_the_run(trainer, examples, tmp_path):
    from recloop.fitting.finite import Diverged

    with pytest.raises(Diverged):
        tuned(trainer, examples, [1e9], tmp_path)


# -- schedule ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("updates", [2, 3, 7, 11, 40, 200])
def test_one_cycle_is_torchs(updates):
    from recloop.fitting.schedule import Schedule

    weight = torch.nn.Parameter(torch.zeros(1))
    optimiser = torch.optim.AdamW([weight], 0.003)
    pace = torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.003, updates, pct_start=0.1)
    schedule = Schedule(0.003, 1, 1, pace="one_cycle")
    for update in range(updates):
        (group,) = optimiser.param_groups
        assert schedule.rate(0.003, update, updates) == (group["lr"], group["betas"][0])
        optimiser.step()
        if update < updates - 1:
            pace.step()


def test_one_cycle_may_have_ten_updates_or_one():
    from recloop.fitting.schedule import Schedule

    schedule = Schedule(0.003, 1, 1, pace="one_cycle")
    rates = [schedule.rate(0.003, update, 10)[0] for update in range(10)]
    assert rates == sorted(rates, reverse=True)
    assert schedule.rate(0.003, 0, 1)[0] > 0


def test_warm_up_rises_to_the_peak_and_falls_with_the_root():
    from recloop.fitting.schedule import Schedule

    schedule = Schedule(0.2, 1, 1, pace="inverse_sqrt", warm_up=4)
    rates = [schedule.rate(0.2, update, 99)[0] for update in (0, 1, 3, 15)]
    assert rates == pytest.approx([0.05, 0.1, 0.2, 0.1])
    assert Schedule(0.2, 1, 1, pace="inverse_sqrt").rate(0.2, 9, 99)[0] == 0.2


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"clip_norm": -1.0}, "clip_norm=-1.0: expected more than 0, or null"),
        ({"batch_size": 0}, "batch_size=0: expected at least 1"),
        ({"patience": 0}, "patience=0: expected at least 1"),
        ({"epochs": 0}, "epochs=0: expected at least 1"),
        ({"learning_rate": float("nan")}, "learning_rate=nan: expected at least 0"),
        ({"draws": "coins"}, "draws='coins': expected one of passes, independent"),
        ({"pace": "brisk"}, "pace='brisk': expected one of constant, "),
        ({"average": 1.0}, "average=1.0: expected a decay"),
        ({"keeps": "some"}, "keeps='some': expected one of all, trained"),
    ],
)
def test_a_schedule_out_of_range_is_refused(wrong, message):
    from recloop.fitting.schedule import Schedule

    given = {"learning_rate": 0.1, "batch_size": 5, "epochs": 2} | wrong
    with pytest.raises(ValueError, match=message):
        Schedule(**given)

"""Runs in batches: every file has one maker, nothing waits for itself, and only what is missing is made."""

from graphlib import TopologicalSorter

import pytest

from recloop.plan.batches import OF_TRAINING, STEPS, Task, batches, described
from recloop.plan.studies import Run

NOTHING, ALL = (lambda file: None), (lambda file: 1.0)


@pytest.fixture(scope="module")
def studies(plan):
    """A plan of a study about sequences and of one about dialogues."""
    return plan(studies=["modt4r", "gommir"])


def without(*missing):
    """Say of every file but some that it is there."""
    return lambda file: None if file in missing else 1.0


def no_scores(file):
    """Say that everything is there but what metrics have said."""
    return None if "/scores-" in file else 1.0


@pytest.mark.parametrize("there", [NOTHING, ALL, no_scores])
def test_every_file_has_one_maker_and_nothing_waits_for_itself(studies, there):
    found = list(batches(studies, there))
    made = [file for batch in found for file in batch.outputs]
    assert len(made) == len(set(made))
    runs = [run for study in studies.studies for run in studies.study_runs(study)]
    assert {studies.scores(run).path for run in runs} <= set(made)
    assert {studies.lists(run).record for run in runs} <= set(made)
    maker = {file: batch.name for batch in found for file in batch.outputs}
    waits = {b.name: {maker[f] for f in b.inputs if f in maker} for b in found}
    assert len(list(TopologicalSorter(waits).static_order())) == len(found)


def test_a_batch_is_no_longer_than_the_tier_says(studies, monkeypatch):
    monkeypatch.setitem(studies.tier, "runs_per_job", 3)
    assert max(len(batch.tasks) for batch in batches(studies, NOTHING)) == 3


def missing_in(studies, *files):
    """List step and tasks of the batches that make something that is missing."""
    found = batches(studies, without(*files))
    return [(b.step, len(b.tasks), b.title) for b in found if {*files} & {*b.outputs}]


def test_a_new_run_is_trained_without_its_neighbours(studies):
    weights = studies.weights(Run("modt4r", "rc15", "sasrec", 1)).record
    where = "shop_clicks-for-rc15"
    assert missing_in(studies, weights) == [
        ("train", 1, f"train, rank and evaluate on {where}: sasrec seed 1")
    ]


def test_old_weights_are_asked_anew_and_old_lists_judged_anew(studies):
    run = Run("modt4r", "rc15", "modt4r,alpha=0.5", 1)
    lists, scores = studies.lists(run).record, studies.scores(run).path
    where = "shop_clicks-for-rc15: modt4r,alpha=0.5 seed 1"
    expected = [("rank", 1, f"rank and evaluate on {where}")]
    assert missing_in(studies, lists, scores) == expected
    assert missing_in(studies, scores) == [("evaluate", 1, f"evaluate on {where}")]


def looks_old(studies, **times):
    """List the files that Snakemake would make again: those of batches with an input that is newer than an output."""
    written = lambda file: times.get(file, 1.0)  # noqa: E731
    found = batches(studies, written)
    old = [b for b in found if max(map(written, b.inputs)) > min(map(written, b.outputs))]
    return {file for batch in old for file in batch.outputs}


def files_of(studies, run, asked=None):
    """List what belongs to a run: its weights, and the lists and scores of one way of asking."""
    weights = [f"{studies.weights(run).path}/{name}" for name in OF_TRAINING]
    asked = asked or run
    return [*weights, studies.lists(asked).record, studies.scores(asked).path]


def test_an_old_run_does_not_look_old_beside_one_with_newer_data(studies):
    """Simulated users made anew, and dialogues with them: what other runs of the study have learnt is not touched."""
    runs = [*studies.all_runs("gommir"), *studies.study_runs("gommir")]
    users = {
        one.record for one in studies.shared_data(["gommir"]).values() if one.kind == "simulators"
    }
    newer = dict.fromkeys(users, 2.0)
    for run in runs * 3:  # some need what others make
        trained = studies.trained(run)
        *weights, lists, scores = files_of(studies, trained, run)
        for made, files in (
            (studies.weights(trained), weights),
            (studies.lists(run), [lists, scores]),
        ):
            newer |= dict.fromkeys(files, 3.0) if newer.keys() & {*made.records} else {}
    assert 0 < len(newer) < 5 * len(runs)
    assert not {file for file in looks_old(studies, **newer) if file.startswith("results")}


def test_a_run_that_is_older_than_its_data_is_made_again(studies):
    run = Run("modt4r", "rc15", "sasrec", 1)
    split = studies.split("modt4r", "rc15").record
    runs = [*studies.all_runs("modt4r"), *studies.study_runs("modt4r")]
    others = [file for one in runs for file in files_of(studies, studies.trained(one), one)]
    newer = {split: 3.0} | dict.fromkeys(others, 4.0) | dict.fromkeys(files_of(studies, run), 2.0)
    assert looks_old(studies, **newer) == {*files_of(studies, run)}


def test_weights_do_not_look_old_because_scores_were_judged_anew(studies):
    run = Run("modt4r", "rc15", "sasrec", 1)
    judge = studies.judge(run)
    assert judge != run and judge not in studies.needs(run).values()
    newer = dict.fromkeys(files_of(studies, judge), 2.0)
    *others, scores = files_of(studies, run)
    assert not looks_old(studies, **newer | {scores: 3.0}) & {*others, scores}
    assert looks_old(studies, **newer) & {*others, scores} == {scores}


def test_what_a_killed_job_left_is_taken_by_a_job_of_the_same_step_alone(studies):
    run = Run("modt4r", "rc15", "sasrec", 1)
    tasks = [Task(step, run, (run,), 0, False) for step in STEPS]
    keys = {described(studies, task)["key"] for task in tasks}
    assert len(keys) == len(STEPS)
    assert len({described(studies, task)["checkpoints"] for task in tasks}) == 1

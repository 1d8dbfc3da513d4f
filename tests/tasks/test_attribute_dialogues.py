"""Logs are data that runs make: what learners wait for, and what makes a log anew."""

import pytest

from recloop.plan.batches import level_of, tasks_of
from recloop.plan.studies import Run
from recloop.tasks import attribute_dialogues

PLACE = ("offline_tir", "zappos")


def run(model, seed=1):
    return Run(*PLACE, model, seed)


@pytest.fixture(scope="module")
def it(plan):
    return plan(tier="full", studies=["offline_tir"])


def log_of(it, model):
    return it.weights(run(model)).inputs["experience"]


def test_a_log_is_made_by_the_weights_of_a_behaviour(it):
    made = log_of(it, "offline")
    assert made.path.startswith("data/experience/ut_zappos50k-")
    assert made.inputs["need policy"] is it.weights(run("behaviour"))
    assert {"need perception", "need speaker", "dialogues", "features"} <= made.inputs.keys()
    assert made.settings["settings"]["sessions"] == 40000
    assert "experience" not in it.weights(run("on_policy")).inputs
    assert log_of(it, "imitation").path == made.path == log_of(it, "offline,alpha=0.0").path


def test_another_log_seed_or_environment_is_another_log(it):
    plain = log_of(it, "offline")
    others = [log_of(it, f"offline,{one}") for one in ("log=behaviour_poor", "environment=scaled")]
    others.append(it.weights(run("offline", seed=2)).inputs["experience"])
    assert len({plain.path, *(one.path for one in others)}) == 4
    assert "behaviour,environment=scaled" in others[1].path


def test_what_learners_vary_makes_no_other_perception(it):
    for one in ("rewards=shuffled", "environment=scaled", "batch_size=16", "temperature=1.0"):
        needed = it.needs(run(f"offline,{one}"))
        assert {needed["perception"].model, needed["speaker"].model} == {"perception", "speaker"}, (
            one
        )


def test_learners_wait_for_those_who_collect(it):
    asked = {it.trained(one): [] for one in it.all_runs(PLACE[0])}
    levels = {
        name: level_of(it, run(name), True, {}, asked)
        for name in ("perception", "on_policy", "behaviour", "offline", "fqe")
    }
    assert list(levels.values()) == [0, 1, 2, 3, 4]
    assert run("behaviour_poor") in it.all_runs(PLACE[0])
    assert any(task.run == run("behaviour") for task in tasks_of(it, PLACE[0], lambda file: None))


def test_costs_count_those_who_collected(it):
    behind = {one.model for one in it.trainings([run("offline")])}
    assert behind == {"offline", "behaviour", "on_policy", "perception", "speaker"}


def test_only_logged_runs_have_somebody_behind_them(it):
    assert attribute_dialogues.behind(it, run("offline")) == [run("behaviour")]
    assert attribute_dialogues.behind(it, run("rules")) == []

"""Several processes for a training: which loops may have them, what a job of theirs takes, and what is refused."""

from importlib import import_module

import pytest

from recloop.plan.batches import batches
from recloop.plan.processes import check_gpus
from recloop.storage.settings import SettingsError, load_schema


def test_the_loops_that_may_be_shared_are_those_whose_objectives_say_so():
    planned, found = set(), set()
    for loop, schema in load_schema("training")["$defs"].items():
        if "loop" not in schema.get("properties", {}) or loop == "counted":
            continue
        module = import_module(f"recloop.training.{loop}")
        own = [one for one in vars(module).values() if isinstance(one, type)]
        shared = [
            getattr(one, "divisible", False) for one in own if one.__module__ == module.__name__
        ]
        found |= {loop} if any(shared) else set()
        planned |= {loop} if "processes" in schema["properties"] else set()
    assert planned == found == {"contents", "transfer", "tastes", "readings", "preferences"}


def test_a_run_of_several_processes_has_a_job_with_as_many(own_plan, monkeypatch):
    gaze = own_plan(studies=["gaze"])
    plain = {batch.name: batch.processes for batch in batches(gaze, lambda file: None)}
    assert set(plain.values()) == {1}
    settings = gaze.settings

    def shared(study, dataset, model):
        found = settings(study, dataset, model)
        if model == "plain":
            found["training"] |= {"accumulate": 4, "processes": 2}
        return found

    monkeypatch.setattr(gaze, "settings", shared)
    for one in batches(gaze, lambda file: None):
        asked = {task["train"]["settings"]["training"].get("processes") or 1 for task in one.tasks}
        assert asked == {one.processes}
        assert ("plain" in one.title.split(": ")[1]) == (one.processes == 2)


def test_fewer_gpus_than_processes_are_refused():
    check_gpus(2, 2)
    check_gpus(4, None)
    with pytest.raises(
        SettingsError, match="processes=4 takes 4 GPUs and this run has 2; add --resources gpu=4"
    ):
        check_gpus(4, 2)

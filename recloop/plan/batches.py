"""Runs put together into jobs: what is to be trained, ranked and evaluated, several runs to a process.

A job of one run would pay for its start and its imports more than for its work. A batch holds runs of one study and
data set that wait for nothing in each other; each has its own folder and key as if it were alone. Which runs share a
batch depends on what is there already, so that a new run is trained without its neighbours. Snakemake makes a job again
if its newest input is newer than its oldest output, so that an old run and a new one share a batch only where neither
makes the other look old.
"""

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from recloop.fitting.launch import processes_of
from recloop.plan import Plan
from recloop.plan.artifacts import Artifact
from recloop.plan.studies import Run
from recloop.storage.fingerprint import digest

OF_TRAINING = ("weights.safetensors", "curve.csv", "run.json")
STEPS = {
    "train": "train, rank and evaluate",
    "rank": "rank and evaluate",
    "list": "rank",
    "evaluate": "evaluate",
}
Times = Callable[
    [str], float | None
]  # from a file to when it was written; none where it is not there


@dataclass(frozen=True)
class Task:
    """What one process does for the weights of one run.

    Attributes:
        step: the first thing to do: train, rank or evaluate; or list, to rank and leave the metrics to another task.
        run: whose weights are made, or are there.
        asked: the ways of asking these weights whose lists and scores are to be made.
        level: how many trainings have to be over before this one.
        there: whether all of its files are there already, so that only a changed input makes it again.
        processes: how many share it.
    """

    step: str
    run: Run
    asked: tuple[Run, ...]
    level: int
    there: bool
    processes: int = 1


@dataclass(frozen=True)
class Batch:
    """One job: some tasks with the files that it needs and makes.

    Attributes:
        name: of the job, a hash of what it makes.
        step, study, title: what it does, for messages.
        inputs, outputs: files.
        language: whether it needs a text encoder.
        tasks: for the process, see recloop/training/batch.py.
        processes: how many share each of the tasks.
    """

    name: str
    step: str
    study: str
    title: str
    inputs: list[str]
    outputs: list[str]
    language: bool
    tasks: list[dict]
    processes: int = 1


def written(file: str | Path) -> float | None:
    """Return when a file was written, if it is there."""
    try:
        return Path(file).stat().st_mtime
    except FileNotFoundError:
        return None


def batches(plan: Plan, times: Times = written) -> Iterator[Batch]:
    """Put all runs of a plan into batches, of which no two make the same file.

    Args:
        plan: the plan.
        times: when a file was written.
    """
    size, times = plan.tier["runs_per_job"], functools.cache(times)
    for study in plan.studies:
        tasks = sorted(tasks_of(plan, study, times), key=order)
        for _, group in itertools.groupby(tasks, key=order):
            whole = list(group)
            for start in range(0, len(whole), size):
                some = whole[start : start + size]
                together = not some[0].there or is_current(plan, some, times)
                for part in [some] if together else [[one] for one in some]:
                    yield batch(plan, study, part)


def is_current(plan: Plan, tasks: list[Task], times: Times) -> bool:
    """Check whether nothing that some tasks work with is newer than anything that they have made."""
    made = {file for task in tasks for file in made_by(plan, task)}
    used = {file for task in tasks for file in needed_by(plan, task)} - made
    newest = max((times(file) or 0.0 for file in used), default=0.0)
    return all(times(file) is None or times(file) >= newest for file in made)


def order(task: Task) -> tuple:
    """Return the sort key of a task; tasks that share it may share a batch."""
    return task.there, task.level, task.step, task.run.dataset, task.processes


def tasks_of(plan: Plan, study: str, times: Times) -> Iterator[Task]:
    """List what is to be done for the runs of a study, those that are there included."""
    asked: dict[Run, list[Run]] = {plan.trained(run): [] for run in plan.all_runs(study)}
    for run in plan.study_runs(study):
        asked[plan.trained(run)].append(run)
    levels: dict[Run, int] = {}
    for run, ways in asked.items():
        level = level_of(plan, run, bool(ways), levels, asked)
        yield from steps(plan, run, ways, level, times)


def level_of(plan: Plan, run: Run, judged: bool, known: dict[Run, int], asked: dict) -> int:
    """Count the trainings that have to be over, one after the other, before a run is trained and judged."""
    if run not in known:
        waits_for = {*plan.needs(run).values(), *plan.behind(run)}
        if judged and (judge := plan.judge(run)):
            waits_for.add(judge)
        below = [level_of(plan, one, bool(asked[one]), known, asked) for one in waits_for - {run}]
        known[run] = 1 + max(below, default=-1)
    return known[run]


def steps(plan: Plan, run: Run, ways: list[Run], level: int, times: Times) -> Iterator[Task]:
    """Split a run by the first thing that is to be done: all of it, or new lists or new scores of old weights."""
    processes = processes_of(plan.weights(run).settings["settings"])
    if times(plan.weights(run).record) is None:
        yield Task("train", run, tuple(ways), level, False, processes)
        return
    lists = [one for one in ways if times(plan.lists(one).record) is None]
    scores = [one for one in ways if one not in lists and times(plan.scores(one).path) is None]
    done = [one for one in ways if one not in lists and one not in scores]
    whole = Task("train", run, tuple(done), level, True, processes)
    yield from [whole] if is_current(plan, [whole], times) else pieces(plan, whole, times)
    if lists:
        yield Task("rank", run, tuple(lists), level, False)
    if scores:
        yield Task("evaluate", run, tuple(scores), level, False)
        yield from (Task("list", run, (one,), level, True) for one in scores)


def pieces(plan: Plan, task: Task, times: Times) -> Iterator[Task]:
    """Take apart what is there, so that scores judged anew, or lists made anew, do not make their weights look old."""
    yield replace(task, asked=())
    for run in task.asked:
        one = Task("rank", task.run, (run,), task.level, True)
        if is_current(plan, [one], times):
            yield one
        else:
            yield from (replace(one, step="list"), replace(one, step="evaluate"))


def batch(plan: Plan, study: str, tasks: list[Task]) -> Batch:
    """Describe the job that does some tasks of one step."""
    step = tasks[0].step
    outputs = [file for task in tasks for file in made_by(plan, task)]
    needed = dict.fromkeys(file for task in tasks for file in needed_by(plan, task))
    listed = (task.asked if step != "train" else (task.run,) for task in tasks)
    names = [f"{run.model} seed {run.seed}" for runs in listed for run in runs]
    where = plan.folder(study, tasks[0].run.dataset)
    return Batch(
        name=f"{step}_{study}_{digest(outputs)}",
        step=step,
        study=study,
        title=f"{STEPS[step]} on {where}: {'; '.join(names)}",
        inputs=[file for file in needed if file not in outputs],
        outputs=outputs,
        language=plan.task(study).LANGUAGE,
        tasks=[described(plan, task) for task in tasks],
        processes=tasks[0].processes,
    )


def made_by(plan: Plan, task: Task) -> list[str]:
    """List the files that a task makes."""
    found = []
    if task.step == "train":
        found += [f"{plan.weights(task.run).path}/{name}" for name in OF_TRAINING]
    if task.step != "evaluate":
        found += [plan.lists(run).record for run in task.asked]
    if task.step != "list":
        found += [plan.scores(run).path for run in task.asked]
    return found


def needed_by(plan: Plan, task: Task) -> list[str]:
    """List the files that a task works with, perhaps some that it makes itself."""
    used: Iterable[Artifact] = []
    if task.step != "list":
        used = [plan.scores(run) for run in task.asked]
    if task.step != "evaluate":
        used = [*used, *(plan.lists(run) for run in task.asked)]
    if task.step == "train":
        used = [*used, plan.weights(task.run)]
    return [file for one in used for file in one.records]


def described(plan: Plan, task: Task) -> dict:
    """Write a task down for the process that does it."""
    weights = plan.weights(task.run)
    return {
        "step": task.step,
        "key": digest(task.step, weights.key, [plan.scores(run).path for run in task.asked]),
        "checkpoints": weights.key,
        "weights": weights.path,
        "train": arguments(weights) | weights.notes,
        "asked": [asked(plan, run) for run in task.asked],
    }


def asked(plan: Plan, run: Run) -> dict:
    """Write down how some weights are asked and judged."""
    lists, scores = plan.lists(run), plan.scores(run)
    return {
        "lists": lists.record,
        "scores": scores.path,
        "rank": arguments(lists),
        "evaluate": scores.settings
        | scores.notes
        | vectors(scores)
        | {"split": scores.inputs["split"].path},
    }


def arguments(artifact: Artifact) -> dict:
    """Return the settings of an artifact with its data folders and the weights that it needs."""
    data, needs = {}, {}
    for role, one in artifact.inputs.items():
        if role.startswith("need "):
            needs[role.removeprefix("need ")] = one.record
        elif one.kind != "weights":
            data[role] = one.path
    return artifact.settings | {"data": data, "needs": needs}


def vectors(scores: Artifact) -> dict:
    """Return the weights whose item table measures how alike listed items are, if there are any."""
    return {"vectors": scores.inputs["vectors"].record} if "vectors" in scores.inputs else {}

"""What a run will take, from what earlier work took, and how far off that was."""

import json
import re
from pathlib import Path

import pytest

from recloop.commands import plan as command
from recloop.plan import Plan, estimate
from recloop.plan.artifacts import Artifact
from recloop.plan.estimate import Estimate

WORKFLOW = Path(__file__).parents[2] / "workflow/rules"


@pytest.fixture(scope="module")
def plan():
    config = {"tier": "smoke", "studies": ["gsasrec"], "datasets": None, "seeds": [1]}
    return Plan(config | {"device": "cpu", "mirror": None, "twin": None})


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setattr(estimate, "operations", lambda: estimate.REFERENCE / 2)
    (tmp_path / ".recloop").mkdir()
    return tmp_path


def note(root, *lines):
    with (root / ".recloop/work.tsv").open("a") as file:
        file.writelines(f"{rule}\t{seconds}\n" for rule, seconds in lines)


def record(root, folder, model, seconds):
    place = root / f"results/gsasrec/runs/{folder}/{model}/1-00000000"
    place.mkdir(parents=True)
    made = {"study": "gsasrec", "tier": "smoke", "seconds": seconds, "cpu_seconds": seconds}
    (place / "run.json").write_text(json.dumps(made | {"not_run": None}))


def test_every_piece_of_work_is_counted(plan, root):
    found = estimate.estimate(plan, root)
    runs = plan.all_runs("gsasrec")
    trained = {plan.trained(run) for run in runs}
    assert found.jobs["train"] == len(trained)
    assert found.jobs["rank"] == found.jobs["evaluate"] == len(plan.study_runs("gsasrec"))
    assert found.jobs["table"] + found.jobs["figure"] == len(plan.exhibits("gsasrec"))
    assert (found.jobs["fetch"], found.jobs["front"]) == (1, 1)
    assert found.guessed == set(found.jobs)
    assert found.seconds["train"] == pytest.approx(
        2 * estimate.TYPICAL["train"] * len(trained)
    )  # half as fast


def test_what_is_on_record_is_taken_the_nearest_first(plan, root):
    run = next(run for run in plan.study_runs("gsasrec") if run.model == "sasrec")
    folder = plan.folder("gsasrec", run.dataset)
    record(root, folder, "sasrec", 10.0)
    record(root, folder, "popularity", 2.0)
    note(root, ("rank", 1.0), ("rank", 3.0))
    history = estimate.History(root)
    other = next(run for run in plan.study_runs("gsasrec") if run.model == "gsasrec")
    assert history.of_training(plan, run) == (10.0, True)
    assert history.of_training(plan, other) == (6.0, True)
    assert history.of_rule("rank") == (2.0, True)
    assert not {"train", "rank"} & estimate.estimate(plan, root).guessed


def test_the_error_is_told_from_the_work_that_was_done_since(root):
    assert estimate.afterwards(root) is None
    note(root, ("train", 99.0))
    found = Estimate()
    found.jobs.update(train=4, table=1)
    found.seconds.update(train=8.0, table=1.0)
    estimate.remember(found, root)
    assert estimate.error(root) is None
    note(root, ("train", 1.0), ("train", 1.5), ("read", 5.0))
    known = estimate.error(root)
    assert (known["pieces"], known["seconds"], known["estimated"]) == (2, 2.5, 4.0)
    assert estimate.off(known).endswith(
        "2 pieces of it are done, in 2 s; estimated were 4 s (+60%)"
    )
    assert estimate.afterwards(root) == estimate.off(known)


def test_downloads_are_parted_from_what_a_mirror_has(tmp_path):
    files = {"a.csv": {"bytes": 10**6}, "b.csv": {"mirror": "x/b.csv"}, "c.csv": {"bytes": 5}}
    raw = Artifact("raw", "data/raw/shop", {"source": {"files": files}}, keyed=False)
    (tmp_path / "c.csv").touch()
    found = Estimate()
    estimate.fetched(found, raw, str(tmp_path))
    assert found.mirrored == {"shop/c.csv": 5}
    assert command.files(found.downloads) == "1 files, 1 MB, and 1 files of unknown size"


def test_operations_are_measured():
    assert estimate.operations(seconds=0.0, size=64) > 1e6


def test_each_folder_of_data_has_the_rule_that_makes_it():
    """`RULES` repeats names of the workflow: each rule's first output, through its constant, lies in its folder."""
    texts = "".join(file.read_text() for file in sorted(WORKFLOW.glob("*.smk")))
    constants = dict(re.findall(r'^([A-Z_]+) = "(data/[^"]+)"', texts, re.MULTILINE))
    made = {}
    for rule, body in re.findall(r"^rule (\w+):\n((?:    .*\n|\n)+)", texts, re.MULTILINE):
        outputs = body.partition("output:")[2]
        first = re.search(r'"(?:data/|\{([A-Z_]+)\}/)(\w*)', outputs)
        if first:
            folder = constants.get(first[1], "") if first[1] else f"data/{first[2]}"
            made |= {folder.split("/")[1]: rule} if folder else {}
    assert made == estimate.RULES

"""The whole workflow on a tiny world, and what a second run makes of it. Nothing stale is ever taken for current."""

import json
import os
import shutil

import polars as pl
import pytest
import yaml

from tests.workflow.conftest import DATASETS, LONG, ROOT

EXHIBITS = {"tables": ("md", "tex", "csv"), "figures": ("pdf", "svg", "png", "csv")}
WHERE = "on shop_views-for-retailrocket, seed 1"


def of_kind(plan: set[str], kind: str) -> set[str]:
    return {job.removeprefix(f"{kind} ") for job in plan if job.startswith(f"{kind} ")}


@pytest.fixture
def forgotten(built):
    """The built project without Snakemake's memory, as in a fresh clone whose results were copied or pulled."""
    memory, aside = built.root / ".snakemake", built.root / ".aside"
    memory.rename(aside)
    yield built
    shutil.rmtree(memory, ignore_errors=True)
    aside.rename(memory)


def test_every_way_to_train_is_run(plan):
    """What other studies show is drawn in tests/report, and their models train in tests/models.

    Those that take long to make whole are made by .ci/run, on the smoke tier.
    """
    ways = {name: (one["task"], one["training"]["loop"]) for name, one in plan().studies.items()}
    assert {ways[name] for name in (*DATASETS, *LONG)} == set(ways.values())


def test_ci_makes_what_takes_long():
    assert f"studies=[{','.join(LONG)}]" in (ROOT / ".ci/run").read_text()


@pytest.mark.parametrize("name", DATASETS)
def test_every_exhibit_is_there(built, name):
    study = yaml.safe_load((built.root / f"studies/{name}/exhibits.yaml").read_text())
    names = [
        f"{name}.{end}" for kind, ends in EXHIBITS.items() for name in study[kind] for end in ends
    ]
    made = built.root / "results" / name
    for file in [
        *names,
        "claims.md",
        "claims.csv",
        "claims.json",
        "ledger.csv",
        "README.md",
        "index.html",
    ]:
        assert (made / file).stat().st_size, file


@pytest.mark.parametrize("name", ["README.md", "index.html", "claims.md"])
@pytest.mark.parametrize("study", DATASETS)
def test_says_what_it_stands_on(built, study, name):
    text = (built.root / "results" / study / name).read_text()
    assert "smoke" in text
    assert "stand-in" in text or "embedded" in text


def test_the_front_page_leads_to_every_study(built):
    text = (built.root / "results/README.md").read_text()
    assert all(f"]({name}/index.html)" in text for name in DATASETS)


def test_a_number_is_traced_to_its_raw_files(built):
    command = ["trace", "results/modt4r/table_4_3.md", "--tier", "smoke", "--seeds", "1"]
    done = built.call("python", "-m", "recloop", *command, "--model", "sasrec", "--column", "HR@10")
    assert done.returncode == 0, done.stdout
    assert ": as in the table" in done.stdout
    lines = done.stdout.splitlines()
    kinds = [line.split()[0] for line in lines if line.endswith(")")]
    assert kinds == ["scores", "lists", "weights", "weights", "sessions", "tables", "raw"]
    raw = next((built.root / "data/raw").glob("shop_views-*/fetched.json"))
    for file in json.loads(raw.read_text()).values():
        assert file["sha256"][:12] in done.stdout
    assert "not here" not in done.stdout


def test_a_point_is_traced_to_its_raw_files(built):
    points = pl.read_csv(built.root / "results/modt4r/figure_4_4.csv").drop_nulls("value")
    point, place = points.row(0, named=True), "results/modt4r/figure_4_4.csv"
    command = ["trace", place, "--tier", "smoke", "--seeds", "1", "--model", point["model"]]
    column = f"{point['metric']}@{point['k']}"
    done = built.call(
        "python", "-m", "recloop", *command, "--column", column, "--dataset", point["dataset"]
    )
    assert done.returncode == 0, done.stdout
    assert f" = {point['value']:.6f}" in done.stdout and ": as in the figure" in done.stdout
    assert "not here" not in done.stdout


def test_second_run_plans_nothing(built):
    assert built.plan() == set()


def test_lost_memory_plans_nothing(forgotten):
    assert forgotten.plan() == set()


def halved(text):
    """Halve the weight of SMORL's values."""
    before, entry, after = text.partition("  smorl:\n")
    return before + entry + after.replace("q_weight: 1.0", "q_weight: 0.5", 1)


def test_one_number_reruns_what_uses_it(built, changed):
    changed("studies/modt4r/paper.yaml", halved)
    plan = built.plan()
    assert of_kind(plan, "train") == {f"smorl {WHERE}"} == of_kind(plan, "rank")
    assert of_kind(plan, "evaluate") == {f"smorl {WHERE}"}
    assert "table table_4_3 of modt4r" in plan
    assert "page of modt4r" in plan


def test_one_number_is_seen_with_lost_memory(forgotten, changed):
    changed("studies/modt4r/paper.yaml", halved)
    plan = forgotten.plan()
    assert of_kind(plan, "train") == {f"smorl {WHERE}"}
    assert "table table_4_3 of modt4r" in plan


def test_metric_reruns_no_training(built, changed):
    changed("recloop/evaluation/metrics.py", lambda text: text + "\nEDITED = True\n")
    plan = built.plan()
    assert of_kind(plan, "evaluate")
    assert not of_kind(plan, "train") | of_kind(plan, "rank")


def test_comment_reruns_nothing(built, changed):
    changed("recloop/models/decision/modt4r.py", lambda text: text + "\n# a comment\n")
    changed("recloop/report/tables.py", lambda text: text + "\n# another\n")
    assert built.plan() == set()


def test_changed_raw_file_is_seen(built, changed):
    folder = next((built.root / "data/raw").glob("shop_views-*/"))
    raw = next(file for file in folder.iterdir() if file.suffix == ".csv")
    changed(str(raw.relative_to(built.root)), lambda text: text.replace("1", "2", 1))
    plan = built.plan()
    assert f"fetch {folder.name}" in plan
    trained = of_kind(plan, "train")
    assert trained
    assert all("shop_views" in run for run in trained)


def test_edited_table_is_remade(built):
    table = built.root / "results/modt4r/table_4_3.md"
    right = table.read_bytes()
    table.write_text("better numbers")
    built.snakemake()
    assert table.read_bytes() == right
    assert built.plan() == set()


def test_pulled_results_are_current_after_a_touch(built):
    """Pulled files have times in any order; `make pull` touches them, a later change is still seen."""
    shutil.rmtree(built.root / ".snakemake")
    for split in (built.root / "data/sessions").glob("*/split.json"):
        os.utime(split)
    assert built.plan()
    built.snakemake("--touch")
    assert built.plan() == set()

"""The `recloop` command: what it says, what it refuses, and the examples of docs/own-data.md."""

import random
import re
import shlex
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest
import yaml

from recloop import __main__ as command
from recloop.commands import add_data, listing
from recloop.data.downloads import SourceError
from recloop.data.prepare import prepare
from recloop.data.read import read
from recloop.data.settings import PARTS
from recloop.data.sources import fetch, load_source
from recloop.plan import Plan, alone, folders, own_data
from recloop.plan.checks import check_plan
from recloop.report import sheet
from recloop.report.plots import POINT
from recloop.storage.settings import SettingsError

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "own-data.md").read_text(encoding="utf-8")


def shop(path, sessions=300):
    """Write the log of the first example."""
    chance, now = random.Random(5), datetime(2024, 3, 1, 9, 1)
    lines = ["session_id,visitor,product,action,when"]
    for session in range(sessions):
        now += timedelta(minutes=chance.randrange(20, 160))
        user, item, moment = chance.randrange(40), chance.randrange(30), now
        for _ in range(8):
            item = (item + chance.choice([1, 1, 1, 2])) % 30
            moment += timedelta(seconds=chance.randrange(5, 60))
            action = chance.choices(["view", "addtocart", "buy"], [8, 2, 1])[0]
            lines.append(
                f"s{session:03d},v{user:02d},item{item:02d},{action},{moment:%Y-%m-%dT%H:%M:%SZ}"
            )
    path.write_text("\n".join(lines) + "\n")


def plays(path, events=2000):
    """Write the log of the second example."""
    chance, now = random.Random(5), datetime(2021, 1, 1, tzinfo=UTC)
    lines, at = [], [0] * 25
    for _ in range(events):
        now += timedelta(minutes=chance.randrange(1, 40))
        user = chance.randrange(25)
        at[user] = (at[user] + chance.choice([1, 1, 2])) % 60
        lines.append(
            f"u{user}\tt{at[user]}\t{int(now.timestamp() * 1000) + chance.randrange(1000)}"
        )
    path.write_text("\n".join(lines) + "\n")


def model(folder):
    """Write the package of the third example, as the guide prints it."""
    (folder / "mypackage").mkdir()
    (code,) = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    (folder / "mypackage" / "models.py").write_text(code)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Give a folder with the examples' files; what the command writes goes there as well."""
    shop(tmp_path / "shop.csv"), plays(tmp_path / "plays.tsv"), model(tmp_path)
    for name in ("studies", "tiers", "workflow", "recloop"):
        (tmp_path / name).symlink_to(ROOT / name)
    shutil.copyfile(ROOT / "config.yaml", tmp_path / "config.yaml")
    (tmp_path / "sources").mkdir()
    monkeypatch.chdir(tmp_path)
    for module in (add_data, listing, own_data):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr("recloop.plan.studies.ROOT", tmp_path)
    return tmp_path


def called(words, capsys):
    """Call `recloop` with a line of the guide; give its exit status and what it printed."""
    status = command.main(shlex.split(words.removeprefix("$ recloop ")))
    printed = capsys.readouterr()
    return status, printed.out + printed.err


def examples():
    """List the commands of the guide with what is printed below each."""
    blocks = re.findall(r"```console\n(.*?)```", GUIDE, re.DOTALL)
    pairs = [
        part.partition("\n")
        for block in blocks
        for part in re.split(r"^(?=\$ )", block, flags=re.M)
        if part
    ]
    return [(line, output) for line, _, output in pairs]


@pytest.mark.parametrize("line, output", [pair for pair in examples() if "add-data" in pair[0]])
def test_the_guide_prints_what_add_data_prints(place, capsys, line, output):
    status, printed = called(line, capsys)
    assert status == (1 if "recloop: " in output else 0)
    for shown in output.split("…")[0].strip().splitlines():
        assert shown in printed


def test_a_manifest_is_kept_unless_told_otherwise(place, capsys):
    assert called("add-data shop.csv", capsys)[0] == 0
    status, printed = called("add-data shop.csv", capsys)
    assert status == 1 and "there is a data set 'shop' already" in printed
    assert called("add-data shop.csv --yes", capsys)[0] == 0
    assert called("add-data shop.csv --name other --look", capsys)[0] == 0
    assert not (place / "sources" / "other.yaml").exists()


@pytest.mark.parametrize(
    "options, part",
    [
        ("add-data gone.csv", "no such file"),
        ("add-data shop.csv --name 7", "expected small letters"),
        ("add-data shop.csv --user visito", "did you mean 'visitor'?"),
        ("add-data shop.csv --events buy=purchas", "did you mean 'purchase'?"),
        ("add-data shop.csv --valid shop.csv", "needs three files"),
        ("add-data shop.csv --kind buying", "no such event"),
        ("add-data shop.csv --columns a,b,c,d,e", "--columns does nothing"),
        ("add-data shop.csv --sessions gap:30 --user none", "needs the user"),
        ("add-data plays.tsv --columns user,item", "names 2 columns, the lines have 3"),
        ("add-data plays.tsv --columns user,user,time", "names 'user' twice"),
    ],
)
def test_wrong_options_are_refused_in_one_line(place, capsys, options, part):
    status, printed = called(options, capsys)
    assert status == 1 and part in printed
    assert printed.count("\n") == 1 and printed.startswith("recloop: ")


@pytest.mark.parametrize(
    "options",
    ["--sessions often", "--sessions gap", "--split time:1,2", "--split all", "--zone Mars", "--events buy",
     "--header maybe", "--max-malformed 2"],
)  # fmt: skip
def test_values_of_options_are_checked(place, capsys, options):
    with pytest.raises(SystemExit):
        called(f"add-data shop.csv {options}", capsys)
    assert "expected" in capsys.readouterr().err


def test_help_and_lists_load_neither_torch_nor_polars():
    code = "import sys, recloop.__main__ as m; m.main(['list']); print('torch' in sys.modules, 'polars' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stdout.splitlines()[-1] == "False False"
    assert "modt4r" in done.stdout and "laptop" in done.stdout


# -- own data in studies ------------------------------------------------------------------------------------------


def config(**changes):
    base = yaml.safe_load((ROOT / "config.yaml").read_text())
    return base | {"tier": "smoke", "device": "cpu"} | changes


@pytest.mark.parametrize("study", ["modt4r", "ssrl", "hdt"])
def test_own_data_are_in_the_tables_of_every_study_about_sequences(place, capsys, study):
    called("add-data shop.csv", capsys)
    plan = Plan(config(datasets=["shop"], studies=[study]))
    runs = plan.study_runs(study)
    assert {run.dataset for run in runs} == {"shop"}
    for run in runs:
        assert plan.scores(run).path.startswith(f"results/{study}/scores/shop/")
    assert not any(
        "shop" in plan.exhibits(study)[name]["datasets"] for name in plan.studies[study]["figures"]
    )
    recipe = plan.recipe(study, "shop")
    assert recipe["prepare"]["sessions"] == {"by": "given"} and "order" not in recipe["prepare"]


def test_a_study_without_the_wanted_data_is_left_out(place, capsys):
    called("add-data shop.csv", capsys)
    every = Plan(config(studies="all")).studies
    about = [name for name, paper in every.items() if paper["task"] == "sequences"]
    assert list(Plan(config(datasets=["shop"])).studies) == about
    assert "modt4r" in about
    assert "pmmir" not in about


def test_the_papers_data_are_what_they_were_beside_own_data(place, capsys, monkeypatch):
    before = Plan(config(studies=["modt4r"]))
    called("add-data shop.csv", capsys)
    monkeypatch.setattr("recloop.plan.studies.ROOT", ROOT)
    keys = {before.scores(run).path for run in before.study_runs("modt4r")}
    papers = {
        paper
        for paper in own_data.laid_over(before.studies, before.tier["studies"], ["shop"])[0][
            "modt4r"
        ]["datasets"]
    }
    assert papers == {*before.studies["modt4r"]["datasets"], "shop"}
    after = Plan(config(studies=["modt4r"]))
    assert keys == {after.scores(run).path for run in after.study_runs("modt4r")}


# -- one model alone ----------------------------------------------------------------------------------------------


def written(place, *names, changes=None, tier="smoke", study=None):
    return alone.write_study(place / "alone", *names, changes or {}, tier, study)


def test_one_model_is_a_study_with_what_it_needs(place, capsys):
    called("add-data shop.csv", capsys)
    folder, run = written(place, "smorl", "shop", changes={"training.epochs": "1"})
    plan = Plan(config(studies=[str(folder)], datasets=None, seeds=[1]))
    assert run == "smorl,epochs=1"
    assert {one.model for one in plan.all_runs(alone.NAME)} >= {"smorl,epochs=1"}
    assert set(plan.studies[alone.NAME]["models"]) == {"smorl", "gru4rec"}
    assert plan.settings(alone.NAME, "shop", run)["training"]["epochs"] == 1


def test_a_papers_data_set_is_played_as_in_its_tier(place):
    folder, _ = written(place, "sasrec", "rc15", study="ssrl")
    tiers = yaml.safe_load((folder / "tiers.yaml").read_text())
    assert tiers["smoke"]["datasets"]["rc15"]["source"] == "shop_baskets"


def test_a_data_set_like_another_has_its_settings_alone_too(place):
    folder, _ = written(place, "modt4r", "rc15_temporal", study="modt4r")
    plan = Plan(config(studies=[str(folder)], datasets=None, seeds=[1]))
    whole = Plan(config(studies=["modt4r"]))
    found = plan.settings(alone.NAME, "rc15_temporal", "modt4r")
    assert found == whole.settings("modt4r", "rc15", "modt4r")
    paper = plan.studies[alone.NAME]
    assert paper["datasets"]["rc15_temporal"]["split"]["by"] == "time"


@pytest.mark.parametrize("study", sorted(folders.find_studies("all")))
def test_one_model_of_any_study_can_be_planned(place, capsys, study):
    paper = folders.read_study(folders.find_studies([study])[study])
    if paper["task"] != "sequences":
        pytest.skip("dialogues are run as studies")
    called("add-data shop.csv", capsys)
    folder, _ = written(place, next(iter(paper["models"])), "shop", study=study)
    check_plan(Plan(config(studies=[str(folder)], datasets=None, seeds=[1])))


def test_a_pattern_changes_the_models_that_it_names():
    plan = Plan(config(studies=["pcrec"], tier="real"))
    epochs = {
        model: plan.settings("pcrec", "retailrocket", model)["training"]["epochs"]
        for model in ("bpr_pcrec", "dnn", "sasrec_two")
    }
    assert len(set(epochs.values())) == 3


@pytest.mark.parametrize(
    "names, options, part",
    [
        (("sasrek", "shop"), {}, "did you mean 'sasrec'?"),
        (("sasrec", "shopp"), {}, "did you mean 'shop'?"),
        (("sasrec", "shop"), {"study": "hdtt"}, "did you mean 'hdt'?"),
        (("sasrec", "shop"), {"tier": "smok"}, "did you mean 'smoke'?"),
        (("nopackage.models.MyRec", "shop"), {}, "cannot be imported"),
    ],
)
def test_wrong_names_are_said_before_anything_runs(place, capsys, names, options, part):
    called("add-data shop.csv", capsys)
    with pytest.raises(SettingsError, match=re.escape(part)):
        written(place, *names, **options)


# -- from the manifest to a split ---------------------------------------------------------------------------------


def prepared(place, name):
    """Fetch, read and split a data set as the workflow does; give the record and the parts."""
    source = load_source(place / "sources" / f"{name}.yaml")
    fetch(source, place / "data" / "raw" / name)
    read(source, place / "data" / "raw" / name, place / "tables")
    defaults = source["defaults"]
    record = prepare(
        place / "tables", place / "split", defaults["prepare"], defaults["split"], 1, source
    )
    return record, {part: pl.read_parquet(place / "split" / f"{part}.parquet") for part in PARTS}


def test_the_examples_become_splits(place, capsys):
    called("add-data shop.csv", capsys)
    record, parts = prepared(place, "shop")
    assert {part: rows.height for part, rows in parts.items()} == {
        "train": 240,
        "valid": 30,
        "test": 30,
    }
    assert record["quarantined"] == 0
    called(
        "add-data plays.tsv --columns user,item,time --kind play --sessions gap:60 --split time",
        capsys,
    )
    _, parts = prepared(place, "plays")
    assert all(rows.height for rows in parts.values())


def test_a_given_split_is_kept(place, capsys):
    lines = (place / "plays.tsv").read_text().splitlines(keepends=True)
    for part, some in (
        ("train", lines[:1600]),
        ("valid", lines[1600:1800]),
        ("test", lines[1800:]),
    ):
        (place / f"{part}.tsv").write_text("".join(some))
    options = "--valid valid.tsv --test test.tsv --columns user,item,time --name parted"
    assert called(f"add-data train.tsv {options}", capsys)[0] == 0
    record, parts = prepared(place, "parted")
    assert record["split"]["by"] == "given"
    assert parts["train"]["item"].list.len().sum() == 1600
    targets = parts["test"].select(
        pl.col("item").list.len().cast(pl.Int32) - pl.col("first_target")
    )
    assert targets.to_series().sum() == 200


def test_a_file_that_has_changed_is_not_taken_for_the_old_one(place, capsys):
    called("add-data shop.csv", capsys)
    with (place / "shop.csv").open("a") as file:
        file.write("s1,v1,item01,view,2024-03-21T00:00:00Z\n")
    with pytest.raises(SourceError, match="has changed: add it anew"):
        prepared(place, "shop")
    called("add-data shop.csv --yes", capsys)
    assert prepared(place, "shop")[0]["counts"]["train"]["sessions"] == 241
    (place / "shop.csv").unlink()
    shutil.rmtree(place / "data")
    with pytest.raises(SourceError, match="Put the file back"):
        prepared(place, "shop")


@pytest.mark.parametrize("study", ["modt4r", "ssrl", "hdt"])
def test_models_can_be_planned_alone(place, capsys, study):
    called("add-data shop.csv", capsys)
    paper = yaml.safe_load((ROOT / "studies" / study / "paper.yaml").read_text())
    for name in list(paper["models"])[::5]:  # every fifth for time
        folder, run = written(place, name, "shop", tier="laptop", study=study)
        plan = Plan(config(studies=[str(folder)], tier="laptop"))
        assert plan.scores(plan.study_runs(alone.NAME)[0]).path.startswith(
            "results/own/scores/shop/"
        ), run


def test_a_reader_who_has_seen_enough_is_no_fault():
    line = f"{shlex.quote(sys.executable)} -m recloop list | head -n 1"
    found = subprocess.run(["bash", "-o", "pipefail", "-c", line], capture_output=True, text=True)
    assert (found.returncode, found.stdout, found.stderr) == (0, "studies\n", "")


# -- trace -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ("results/modt5r/table_4_3.md", "unknown 'modt5r'; did you mean 'modt4r'?"),
        ("results/modt4r/table_4_33.md", "unknown 'table_4_33'; did you mean 'table_4_3'?"),
        ("results/modt4r/table_4_3.md", "not made yet: snakemake results/modt4r/table_4_3.md"),
        ("results/modt4r/figure_4_44.csv", "unknown 'figure_4_44'; did you mean 'figure_4_4'?"),
        ("results/modt4r/figure_4_4.pdf", "not made yet: snakemake results/modt4r/figure_4_4.csv"),
    ],
)
def test_a_number_that_cannot_be_traced_is_explained(table, says, tmp_path, monkeypatch, capsys):
    for name in ("config.yaml", "recloop", "sources", "studies", "tiers", "workflow"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.setattr("recloop.commands.trace.ROOT", tmp_path)
    monkeypatch.chdir(tmp_path)
    assert command.main(["trace", table]) == 1
    assert says in capsys.readouterr().err


@pytest.fixture
def traced(tmp_path, monkeypatch, capsys):
    """Save scores and points of two seeds of a sweep; give a function that follows one, and what it answers."""
    for name in ("recloop", "sources", "studies", "tiers", "workflow"):
        (tmp_path / name).symlink_to(ROOT / name)
    config = yaml.safe_load((ROOT / "config.yaml").read_text()) | {"studies": ["gsasrec", "ssrl"]}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    monkeypatch.setattr("recloop.commands.trace.ROOT", tmp_path)
    monkeypatch.setattr("recloop.plan.stamp.is_current", lambda *_: True)
    monkeypatch.chdir(tmp_path)
    plan, rows = Plan(config | {"tier": "smoke", "seeds": [1, 2]}), []
    runs = plan.exhibit_runs("gsasrec", "figure_negatives")
    for place, run in enumerate(runs):
        saved = Path(plan.scores(run).path)
        saved.parent.mkdir(parents=True, exist_ok=True)
        scores = [{"metric": "NDCG", "k": 10, "value": place / 8 + (run.seed == 2) / 16}]
        pl.DataFrame(scores).write_parquet(saved)
        about = {"panel": "a", "dataset": run.dataset, "model": run.model, "seed": run.seed}
        rows += [about | {"place": 1.0 * place} | row for row in scores]
    rows.append(rows[0] | {"model": "sasrec", "label": "SASRec", "seed": None, "value": None})
    rows.append(rows[0] | {"model": "somebody", "label": "Somebody"})

    def trace(*arguments, figure="gsasrec/figure_negatives"):
        file = Path(f"results/{figure}.csv")
        stamp = file.parent / ".made" / f"{file.stem}.json"
        stamp.parent.mkdir(parents=True, exist_ok=True)
        stamp.touch()
        sheet.write(pl.DataFrame(rows, schema=POINT), file)
        given = ["trace", str(file), "--tier", "smoke", "--seeds", "1", "2"]
        return command.main([*given, *arguments]), capsys.readouterr()

    return SimpleNamespace(trace=trace, rows=rows, runs=runs)


def test_a_point_of_a_figure_is_traced(traced):
    seeds = [row for row in traced.rows if row["model"] == traced.runs[-1].model]
    assert [row["seed"] for row in seeds] == sorted({run.seed for run in traced.runs})
    values = [row["value"] for row in seeds]
    code, said = traced.trace("--model", traced.runs[-1].model, "--column", "NDCG@10")
    assert code == 0, said.err
    lines = said.out.splitlines()
    mean = sum(values) / len(values)
    assert lines[0].endswith(
        f"{traced.runs[-1].model}, NDCG@10 on {traced.runs[-1].dataset} = {mean:.6f}"
    )
    told = [f"  seed {row['seed']}: {row['value']:.6f}" for row in seeds]
    assert lines[1:][: len(told) + 1] == [*told, f"  mean {mean:.6f}: as in the figure"]
    kinds = [line.split()[0] for line in lines if line.endswith(")")]
    assert (kinds[0], kinds[-1]) == ("scores", "raw")


def test_a_point_that_is_not_what_was_saved_is_seen(traced):
    traced.rows[0]["value"] += 0.01
    code, said = traced.trace("--model", traced.runs[0].model, "--column", "NDCG@10")
    assert code == 1 and ": NOT what the figure says" in said.out


def test_a_point_that_cannot_be_traced_is_explained(traced):
    code, said = traced.trace("--column", "NDCG@10")
    assert code == 1 and "--model: name one of gsasrec,negatives=" in said.err
    assert "sasrec" not in said.err.replace("gsasrec", "")  # it has no value
    code, said = traced.trace("--model", "somebody", "--column", "NDCG@10")
    assert code == 1 and "Somebody is none of the runs: NDCG@10 has no scores to follow" in said.err
    code, said = traced.trace("--model", "somebody", "--column", "HR@10")
    assert code == 1 and "--column: unknown 'HR@10'" in said.err


@pytest.mark.parametrize("figure", ["ssrl/figure_placebo", "gsasrec/figure_offset"])
def test_a_figure_of_differences_or_of_trainings_is_not_traced(traced, figure):
    code, said = traced.trace("--model", "x", "--column", "x", figure=figure)
    assert code == 1 and "its points are not scores of a run" in said.err

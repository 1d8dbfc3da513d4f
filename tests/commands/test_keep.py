"""`recloop keep`: what is kept of results, where it came from, and what is refused."""

import json
import subprocess

import pytest

from recloop import __main__ as command
from recloop.commands import keep


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Lay out a study's results in a repository of its own."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "results" / "pcrec"
    folder.mkdir(parents=True)
    for name in ("README.md", "index.html", "table_1.csv", "figure_1.txt", "figure_1.png"):
        (folder / name).write_text(name)
    add_run(folder, 1)
    add_run(folder, 2)
    (tmp_path / "code.py").write_text("1")
    (tmp_path / ".gitignore").write_text("/results\n")
    for words in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "first"],
    ):
        subprocess.run(["git", *words], check=True)
    return folder


def test_dialogues_and_their_pictures_are_not_kept(made):
    (made / "dialogues.html").write_text("pictures")
    (made / "README.md").write_text("See [dialogues.html](dialogues.html).")
    (made / "index.html").write_text('See <a href="dialogues.html">dialogues.html</a>.')
    assert command.main(["keep", "pcrec"]) == 0
    kept = made.parents[1] / "docs/results/pcrec"
    assert not (kept / "dialogues.html").exists()
    assert (kept / "README.md").read_text() == "See dialogues.html (not kept)."
    assert (kept / "index.html").read_text() == "See dialogues.html (not kept)."


def test_links_to_what_is_not_kept_become_words(made):
    (made / "README.md").write_text(
        "[run.json](runs/a/run.json), [split.json](../../data/b), [c](c.csv)"
    )
    (made / "index.html").write_text(
        '<a href="runs/a/run.json">run.json</a>, <a href="c.csv">c</a>'
    )
    assert command.main(["keep", "pcrec"]) == 0
    kept = made.parents[1] / "docs/results/pcrec"
    assert (kept / "README.md").read_text() == "run.json, split.json, [c](c.csv)"
    assert (kept / "index.html").read_text() == 'run.json, <a href="c.csv">c</a>'


def add_run(folder, seed, key="a", **changes):
    """Write the record of a training."""
    record = {
        "dataset": "shop",
        "model": "bpr",
        "seed": seed,
        "tier": "real",
        "stand_in": True,
        "not_run": None,
        "cpu_seconds": 1800.0,
        "peak_memory_mb": 100.0 * seed,
        "host": "Linux",
        "device": "cpu",
    }
    place = folder / "runs" / "shop" / "bpr" / f"{seed}-{key}"
    place.mkdir(parents=True)
    (place / "run.json").write_text(json.dumps(record | changes))


def test_what_can_be_shown_is_kept_with_where_it_came_from(made, capsys):
    (made.parents[1] / "docs/results/pcrec").mkdir(parents=True)
    (made.parents[1] / "docs/results/pcrec/old.csv").write_text("of an earlier run")
    assert command.main(["keep", "pcrec"]) == 0
    kept = made.parents[1] / "docs" / "results" / "pcrec"
    assert {path.name for path in kept.iterdir()} == {
        "README.md",
        "index.html",
        "table_1.csv",
        "figure_1.png",
        "kept.json",
    }
    record = json.loads((kept / "kept.json").read_text())
    head = subprocess.run(["git", "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    assert head.stdout.startswith(record.pop("kept_at_commit"))
    assert record == {
        "study": "pcrec",
        "tier": "real",
        "command": "snakemake --config tier=real 'studies=[pcrec]' mirror=FOLDER",
        "runs": 2,
        "seeds": [1, 2],
        "stand_ins": ["shop"],
        "processor_hours": 1.0,
        "peak_memory_mb": 200.0,
        "machines": ["Linux, cpu"],
    }
    assert "4 files of 2 runs" in capsys.readouterr().out
    (made / "table_1.csv").write_text("made anew")
    assert (
        command.main(["keep", "pcrec"]) == 0
    )  # what was kept before, and is not committed, is no obstacle
    assert (kept / "table_1.csv").read_text() == "made anew"


def test_a_run_that_was_made_again_counts_once_and_one_that_was_not_run_does_not(made):
    add_run(made, 2, key="b", cpu_seconds=3600.0)
    add_run(made, 3, not_run="too large")
    found = keep.describe(made, None)
    assert found["runs"] == 2
    assert found["processor_hours"] == 1.5


def test_results_of_no_single_commit_or_tier_are_refused(made, capsys):
    add_run(made, 4, tier="quick")
    assert command.main(["keep", "pcrec"]) == 1
    assert "runs of 2 tiers (quick, real)" in capsys.readouterr().err
    assert command.main(["keep", "pcrec", "--to", "results/kept"]) == 1
    assert "name a folder apart from results" in capsys.readouterr().err
    (made.parents[1] / "model.py").write_text("2")
    with pytest.raises(keep.SettingsError, match=r"the first is model\.py: commit or undo"):
        keep.commit(made.parents[1] / "docs")
    (made.parent / "empty").mkdir()
    (made.parent / "empty" / "README.md").write_text("")
    assert command.main(["keep", "empty"]) == 1
    assert "there is no run" in capsys.readouterr().err
    assert command.main(["keep", "gsasrec"]) == 1
    assert "no page" in capsys.readouterr().err


def test_a_folder_without_a_repository_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(keep.SettingsError, match="git failed"):
        keep.commit(tmp_path)


def kept_record(made):
    return json.loads((made.parents[1] / "docs/results/pcrec/kept.json").read_text())


def test_seeds_data_and_tier_can_be_chosen(made):
    add_run(made, 1, key="b", tier="quick")
    add_run(made, 1, key="c", dataset="market")
    before = {path: path.read_bytes() for path in made.rglob("*") if path.is_file()}
    assert command.main(["keep", "pcrec", "--tier", "real", "--data", "shop", "--seeds", "1"]) == 0
    record = kept_record(made)
    assert (record["tier"], record["seeds"], record["runs"]) == ("real", [1], 1)
    assert record["command"] == (
        "snakemake --config tier=real 'studies=[pcrec]' 'seeds=[1]' 'datasets=[shop]' mirror=FOLDER"
    )
    assert command.main(["keep", "pcrec", "--tier", "real"]) == 0  # more seeds join
    assert (kept_record(made)["seeds"], kept_record(made)["runs"]) == ([1, 2], 3)
    assert {path: path.read_bytes() for path in made.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--seeds", "1", "7"], "results/pcrec/runs: --seeds: unknown '7'; allowed: 1, 2"),
        (["--data", "shp"], "--data: unknown 'shp'; did you mean 'shop'?"),
        (["--tier", "full"], "--tier: unknown 'full'; allowed: real"),
    ],
)
def test_what_is_not_there_is_named_with_what_is(made, words, message, capsys):
    assert command.main(["keep", "pcrec", *words]) == 1
    assert message in capsys.readouterr().err
    assert not (made.parents[1] / "docs").exists()


def test_a_page_of_other_seeds_than_the_chosen_ones_is_refused(made, capsys):
    (made / "README.md").write_text(
        "# PCRec\n\n**tier real; Shop: shop; seeds 1, 2 (sweeps: 1).**\n"
    )
    assert command.main(["keep", "pcrec", "--seeds", "2"]) == 1
    assert "it is of tier real, seeds 1, 2, not of tier real, seeds 2" in capsys.readouterr().err
    assert command.main(["keep", "pcrec", "--seeds", "2", "1"]) == 0
    add_run(made, 1, key="b", tier="quick")
    assert command.main(["keep", "pcrec", "--tier", "quick"]) == 1
    assert "not of tier quick, seeds 1: let snakemake make it" in capsys.readouterr().err


def test_a_kept_page_of_more_seeds_is_not_replaced_unasked(made, capsys):
    assert command.main(["keep", "pcrec"]) == 0
    assert command.main(["keep", "pcrec", "--seeds", "2"]) == 1
    assert "what is kept has seeds 1, 2, this would have 2 alone" in capsys.readouterr().err
    assert kept_record(made)["seeds"] == [1, 2]
    assert command.main(["keep", "pcrec", "--seeds", "2", "--replace"]) == 0
    assert kept_record(made)["seeds"] == [2]

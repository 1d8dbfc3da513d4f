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

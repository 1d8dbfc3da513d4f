"""DVC and Snakemake agree on what is a result and what it is made from."""

import shutil
from pathlib import Path, PurePath

import pytest
import yaml

ROOT = Path(__file__).parents[2]
NOT_RESULTS = {".snakemake", ".recloop", ".git", ".dvc", ".aside", "__pycache__"}


@pytest.fixture
def stages(untouched) -> dict[str, dict]:
    """The stages by name."""
    return yaml.safe_load((untouched.root / "dvc.yaml").read_text())["stages"]


def outputs(stages: dict) -> set[str]:
    return {path for stage in stages.values() for out in stage["outs"] for path in out}


def inside(path: PurePath, folders: set[str]) -> bool:
    return any(path.is_relative_to(folder) for folder in folders)


def test_every_result_is_kept(built, stages, plan):
    given = {file.relative_to(built.root) for file in built.root.rglob("*") if file.is_file()}
    made = [path for path in given if path.parts[0] in ("data", "results")]
    assert made
    assert [path for path in made if not inside(path, outputs(stages))] == []
    made += map(PurePath, plan().shared_data())  # of studies that are not built here too
    unused = [out for out in outputs(stages) if not any(inside(path, {out}) for path in made)]
    assert unused == []


def test_nothing_is_made_elsewhere(built, untouched):
    """A result outside data/ and results/ would be kept by nobody."""
    tops = {path.name for path in built.root.iterdir()} - {
        path.name for path in untouched.root.iterdir()
    }
    assert tops <= {"data", "results"} | NOT_RESULTS


def test_everything_used_is_a_dependency(stages):
    for stage in stages.values():
        assert "config.yaml" in stage["params"][0]
        assert {"tiers", "workflow"} <= set(stage["deps"])
    assert {"recloop/data", "sources", "studies"} <= set(stages["data"]["deps"])
    assert all(
        {"recloop", "data/sessions"} <= set(s["deps"]) for n, s in stages.items() if n != "data"
    )


def test_snakemake_decides_what_is_stale(stages):
    for stage in stages.values():
        assert all(options["persist"] for out in stage["outs"] for options in out.values())


def test_dvc_reads_it(built, stages):
    commands = {name: commands_of(stage) for name, stage in stages.items()}
    folders = commands["data"][-1].removeprefix("mkdir -p ").split()
    assert set(folders) == outputs({"data": stages["data"]})  # of studies that were not asked for
    assert built.call(*commands["data"][-1].split()).returncode == 0
    assert built.call("git", "init", "-q").returncode == 0
    (built.root / ".dvc").mkdir()
    shutil.copyfile(ROOT / ".dvc/config", built.root / ".dvc/config")
    planned = built.call("dvc", "repro", "--dry")
    assert planned.returncode == 0, planned.stdout
    for name, wanted in commands.items():
        assert f"'{name}'" in planned.stdout
        assert all(command in planned.stdout for command in wanted)


def commands_of(stage: dict) -> list[str]:
    """List the commands of a stage."""
    return [stage["cmd"]] if isinstance(stage["cmd"], str) else stage["cmd"]

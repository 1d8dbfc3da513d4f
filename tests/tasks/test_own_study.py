"""The study of docs/own-study.md, with a task, a model, a loop, metrics and an exhibit of its own, runs as it is."""

import re
from pathlib import Path

import polars as pl
import pytest

from tests.workflow.conftest import Project

GUIDE = (Path(__file__).parents[2] / "docs/own-study.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"^```\w+ (\S+)\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL))


@pytest.fixture
def project(tmp_path) -> Project:
    """The project as it is, a package of the user's own beside it, and a study in a third place."""
    for folder in ("project", "code/tiny_house", "own/tiny"):
        (tmp_path / folder).mkdir(parents=True)
    for name, text in FILES.items():
        folder = "code/tiny_house" if name.endswith(".py") else "own/tiny"
        (tmp_path / folder / name).write_text(text)
    (tmp_path / "code/tiny_house/__init__.py").touch()
    settings = ["--config", "tier=smoke", f"studies=[{tmp_path}/own/tiny]", "device=cpu"]
    return Project(tmp_path / "project", settings, packages=tmp_path / "code")


def test_a_study_of_its_own_runs_from_data_to_page(project):
    printed = project.snakemake()
    assert "page ready: results/tiny/index.html" in printed
    scores = pl.read_csv(project.root / "results/tiny/table_1.csv")
    assert set(scores["row"]) == {"last", "last,weight=2.0"}
    assert scores["ours"].is_between(0, 1).all()
    assert "A study of its own" in (project.root / "results/tiny/README.md").read_text()
    assert project.plan() == set()

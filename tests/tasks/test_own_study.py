"""A study with a task, a model, a loop, metrics and an exhibit of its own runs without a change to the project."""

import textwrap

import polars as pl
import pytest

from tests.workflow.conftest import Project

PACKAGE = {
    "__init__": "",
    "task": '''
        """Sessions, judged by how early their target stands."""

        from recloop.tasks.sequences import *  # noqa: F403

        METRICS = "tiny_house.metrics"
        FACTS = None
    ''',
    "model": '''
        """The item that came last, over and over."""

        import torch


        class Last(torch.nn.Module):
            def __init__(self, items, weight):
                super().__init__()
                self.items = items
                self.weight = torch.nn.Parameter(torch.tensor(weight))

            def score(self, session):
                return torch.nn.functional.one_hot(session[:, -1], self.items + 1)[:, :-1] * self.weight
    ''',
    "loop": '''
        """Nothing is learnt but the weight, which is counted."""

        from recloop.training.sequences import prepare, rank

        __all__ = ["prepare", "rank", "train"]


        def train(make, parts, items, training, context):
            model = make()
            model.weight.data += len(parts["train"].items) * training["step"]
            context.log("counted")
            facts = {"curve": [], "epochs_run": 1, "best_epoch": 1, "valid_ndcg10": None, "tuning": []}
            return model.state_dict(), facts | {"not_run": None}
    ''',
    "metrics": '''
        """One metric of our own."""

        import polars as pl


        def judge(rows, split, evaluation, vectors):
            first = rows.select((pl.col("better") == 0).mean()).item()
            return pl.DataFrame({"metric": ["First"], "k": [1], "value": [first]})
    ''',
    "exhibit": '''
        """All scores, as they are."""

        import polars as pl

        from recloop.report import tables
        from recloop.report.tables import CELL


        def make(evidence, entry, name):
            cells = [
                {"block": "", "dataset": row["dataset"], "group": "", "row": row["model"], "column": "First",
                 "metric": row["metric"], "k": row["k"], "digits": 2, "ours": row["value"]}
                for row in evidence.results.frame.iter_rows(named=True)
            ]
            return tables.table(evidence, entry, name, pl.DataFrame(cells, schema=CELL))
    ''',
}
STUDY = {
    "paper": """
        title: "A study of its own"
        citation: none
        task: tiny_house.task
        seeds: [1]
        datasets:
          shop:
            label: Shop
            source: shop_clicks
            prepare: {events: [click], purchases: [], sessions: {by: given}, order: [sessions], min_session_events: 3}
            split: {by: session, shares: [0.8, 0.1, 0.1]}
        training: {loop: tiny_house.loop, length: 10, step: 1.0}
        evaluation: {top_k: 5, cutoffs: [1], novel_share: 0.9}
        models:
          last: {label: Last, class: tiny_house.model.Last, weight: 1.0}
        margins: {}
        departures: []
    """,
    "exhibits": """
        tables:
          table_1:
            kind: tiny_house.exhibit.make
            caption: All there is.
            source: ours
            models: [last, "last,weight=2.0"]
            datasets: [shop]
            metrics: ["First@1"]
        figures: {}
    """,
    "claims": "{}\n",
    "tiers": """
        smoke:
          datasets:
            shop: {stand_in: an embedded shop, sizes: {items: 60, sessions: 80}}
    """,
}


@pytest.fixture
def project(tmp_path) -> Project:
    """The project as it is, a package of the user's own beside it, and a study in a third place."""
    folders = {"project": None, "code/tiny_house": ".py", "own/tiny": ".yaml"}
    for folder in folders:
        (tmp_path / folder).mkdir(parents=True)
    for name, text in PACKAGE.items():
        (tmp_path / f"code/tiny_house/{name}.py").write_text(textwrap.dedent(text))
    for name, text in STUDY.items():
        (tmp_path / f"own/tiny/{name}.yaml").write_text(textwrap.dedent(text))
    columns = "exhibit,dataset,model,metric,k,value,significant,direction,note\n"
    (tmp_path / "own/tiny/reported.csv").write_text(columns)
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

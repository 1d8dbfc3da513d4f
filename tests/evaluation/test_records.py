"""One record is a metric: in evaluation, intervals, tables and claims; and what is no number stops."""

import json

import numpy as np
import polars as pl
import pytest

from recloop.evaluation import claims, evaluate, metrics, records
from recloop.evaluation.catalogue import top_items
from recloop.evaluation.dialogue import evaluate as evaluate_dialogues
from recloop.evaluation.metric import Facts, Metric, NotFinite
from recloop.evaluation.records import METRICS, describe, direction
from recloop.evaluation.results import Quantity, Results, Sampling
from recloop.evaluation.run import score
from recloop.report import labels

COUNTS = np.array([8, 4, 0, 2])
IDENTITY = {"study": "s", "dataset": "d", "source": "x", "stand_in": False, "tier": "t"}
IDENTITY |= {"model": "gru4rec", "seed": 1}


@pytest.fixture
def lists():
    random = np.random.default_rng(0)
    top = np.array([random.permutation(4)[:3] for _ in range(90)])
    events = {"session": np.arange(90) // 3, "position": np.arange(90) % 3 + 1}
    ranks = {"better": random.integers(0, 4, 90), "tied": np.ones(90, int), "target": top[:, 0]}
    return pl.DataFrame(events | ranks | {"top": pl.Series(top, dtype=pl.Array(pl.Int32, 3))})


@pytest.fixture
def split(tmp_path):
    folder = tmp_path / "split"
    folder.mkdir()
    pl.DataFrame({"item": range(4), "count": COUNTS}).write_parquet(folder / "items.parquet")
    (folder / "split.json").write_text(json.dumps({"hash": "abc"}))
    return folder


def rarest(lists, k, facts):
    """Training events of the rarest listed item of every list."""
    return facts.counts[top_items(lists, k)].min(axis=1)


RAREST = Metric(
    "Rarest", rarest, "event", "How rare.", label="Rare", direction=-1, digits=1, needs=("counts",)
)


def test_one_record_is_a_metric_everywhere(monkeypatch, lists, split, tmp_path):
    monkeypatch.setitem(METRICS, "Rarest", RAREST)
    values = evaluate(lists, COUNTS, None, [2])
    expected = np.mean([min(COUNTS[row[:2]]) for row in lists["top"].to_numpy()])
    assert values.filter(metric="Rarest", k=2)["value"].item() == pytest.approx(expected)
    run = tmp_path / "run"
    run.mkdir()
    lists.write_parquet(run / "lists.parquet")
    evaluation = {"cutoffs": [2], "novel_share": 0.9}
    score(run / "lists.parquet", split, IDENTITY, evaluation, run / "scores.parquet")
    results = Results([run / "scores.parquet"], {"abc": COUNTS})
    quantity, sampling = Quantity("d", "gru4rec", "Rarest", 2), Sampling(results, draws=128)
    assert sampling.observed(quantity, [1]) == pytest.approx(expected)
    assert 0 < sampling.draw(quantity, [1]).std() < 1
    assert results.per_session_scores(quantity, [1]).mean() == pytest.approx(expected)
    assert labels.metric("Rarest", 2) == "Rare@2"
    assert labels.digits("Rarest") == 1
    assert claims.sign("Rarest") == -1
    assert describe(["Rarest"]) == {"Rare": "How rare."}


def test_a_record_of_the_system_says_how_it_is_resampled():
    with pytest.raises(ValueError, match="say how it is resampled"):
        Metric("Most", rarest, "system", "")
    with pytest.raises(ValueError, match="take one of event, session, system, turn"):
        Metric("Most", rarest, "week", "")
    with pytest.raises(ValueError, match="There is a metric HR already"):
        records.register(METRICS["HR"])


@pytest.mark.parametrize("name", METRICS)
def test_every_record_is_described(name):
    metric = METRICS[name]
    assert metric.description.endswith(".")
    assert set(metric.needs) <= set(Facts.__dataclass_fields__)
    assert bool(metric.absent) == bool(metric.why_absent)


def test_measures_without_a_record_are_printed_as_they_are():
    assert labels.metric("attribute accuracy (true)", 0) == "attribute accuracy (true)"
    assert direction("attribute accuracy (true)") == 1
    assert describe(["BLEU", "CV_div"]).keys() == {"CV_div"}
    assert "whichever part shows them" in describe(["CV_div"])["CV_div"]


def test_coverage_counts_items_that_training_never_shows(lists):
    """Item 2 has no training event and counts all the same: models rank it."""
    one = lists.head(1).with_columns(top=pl.Series([[0, 1, 3]], dtype=pl.Array(pl.Int32, 3)))
    assert metrics.value(one, "CV_div", 3, Facts(COUNTS)) == 3 / 4


def test_where_nothing_is_novel_there_is_no_coverage_of_it(lists):
    facts = Facts(COUNTS, novel=np.zeros(4, bool), users=False)
    assert "CV_nov" not in metrics.asked(facts)
    assert records.why_absent("CV_nov") == "no item is novel"


def test_a_score_that_is_no_number_stops_with_model_and_event(lists, split, tmp_path):
    at_the_fifth = (pl.col("session") == 1) & (pl.col("position") == 2)
    broken = lists.with_columns(tied=pl.when(at_the_fifth).then(0).otherwise("tied"))
    broken.write_parquet(tmp_path / "lists.parquet")
    evaluation = {"cutoffs": [2], "novel_share": 0.9}
    with pytest.raises(
        NotFinite, match=r"gru4rec on d, seed 1: .*@2 is nan at session 1, position 2"
    ):
        score(tmp_path / "lists.parquet", split, IDENTITY, evaluation, tmp_path / "scores.parquet")
    assert not (tmp_path / "scores.parquet").exists()
    vectors = np.full((4, 2), np.inf)
    with pytest.raises(NotFinite, match="ILD@2 is nan at session 0, position 1, 90 in all"):
        evaluate(lists, COUNTS, vectors, [2])


def test_a_dialogue_whose_score_is_no_number_stops():
    rows = {"session": [4, 4], "position": [0, 1], "better": [0, 0], "tied": [1, 1]}
    lists = pl.DataFrame(rows | {"solved": [0.0, float("nan")], "group": ["a", "a"]})
    with pytest.raises(NotFinite, match="SR is nan at session 4, position 1"):
        evaluate_dialogues(lists, 1)

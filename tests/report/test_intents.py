"""Exhibits of intents from made-up lists and records: a table of measures, curves of a training, a picture of a day."""

import json

import numpy as np
import polars as pl
import pytest

HOUR = 3_600_000


@pytest.fixture
def evidence(tmp_path):
    """Two seeds of one model with intents; another model has none."""
    from recloop.evaluation.run import SCHEMA
    from recloop.report.evidence import Evidence

    random, scores, runs = np.random.default_rng(1), [], []
    for model, seed in [("told", 1), ("told", 2), ("plain", 1)]:
        place = tmp_path / model / str(seed)
        place.mkdir(parents=True)
        rows = 60
        lists = pl.DataFrame(
            {
                "session": np.arange(rows) // 3,
                "position": np.arange(rows) % 3 + 1,
                "top": pl.Series(np.zeros((rows, 2), np.int32), dtype=pl.Array(pl.Int32, 2)),
                "purchase": random.random(rows) < 0.3,
                "repeated": random.random(rows) < 0.3,
            }
        )
        if model == "told":
            points = 5 * np.eye(4)[np.arange(rows) % 4] + 0.1 * random.normal(size=(rows, 4))
            lists = lists.with_columns(
                alike=pl.Series(random.random(rows) < 0.5),
                time=pl.Series(HOUR * np.arange(rows)),
                user=pl.Series(["a"] * 30 + ["b"] * 30),
                intent=pl.Series(points.astype(np.float32), dtype=pl.Array(pl.Float32, 4)),
            )
        lists.write_parquet(place / "lists.parquet")
        about = {
            "study": "mine",
            "dataset": "views",
            "source": "errands",
            "stand_in": True,
            "tier": "smoke",
        }
        numbers = {"model": model, "seed": seed, "split": "x"}
        named = {"told": ["MI", "NDCG"], "plain": ["NDCG"]}[model]
        frame = [
            about | numbers | {"metric": one, "k": 0 if one == "MI" else 10, "value": 0.5}
            for one in named
        ]
        pl.DataFrame(frame, schema=SCHEMA).write_parquet(place / "scores.parquet")
        scores.append(place / "scores.parquet")
        record = {"dataset": "views", "model": model, "seed": seed}
        record |= (
            {
                "intents": [
                    {"update": 5, "elbo": -2.0, "kl": 0.1},
                    {"update": 10, "elbo": -1.0, "kl": 0.3},
                ]
            }
            if model == "told"
            else {}
        )
        (place / "run.json").write_text(json.dumps(record))
        runs.append(place / "run.json")
    study = {
        "datasets": {"views": {"label": "Views"}},
        "models": {"told": {"label": "Told"}, "plain": {"label": "Plain"}},
    }
    tier = {"tier": "smoke", "datasets": {"views": {"source": "errands", "stand_in": "a shop"}}}
    return Evidence.gather(study, tier, scores, runs=runs)


def made(evidence, show, **entry):
    from recloop.report.exhibits import intents

    entry = {
        "kind": "intents",
        "show": show,
        "datasets": ["views"],
        "caption": "c",
        "source": "ours",
    } | entry
    return intents.make(evidence, entry, "it")


def test_measures_stand_in_a_table_and_what_is_none_is_said(evidence):
    panels = [{"title": "All", "models": ["told", "plain"]}]
    cells = made(evidence, "measures", panels=panels, measures=["MI", "KL"]).cells
    found = {(row["model"], row["metric"]): row for row in cells.iter_rows(named=True)}
    assert (found["told", "MI"]["ours"], found["told", "MI"]["column"]) == (0.5, "MI")
    assert (
        found["told", "KL"]["not_run"] == found["plain", "MI"]["not_run"] == "no such measure here"
    )
    assert cells["rank"].null_count() == len(cells)


def test_curves_show_both_terms_over_the_updates(evidence, tmp_path):
    plot = made(evidence, "training", models=["told", "plain"])
    assert [panel.measure for panel in plot.panels] == ["ELBO (nats, valid)", "KL (nats, valid)"]
    rows = plot.data.filter(model="told", metric="KL")
    assert rows.select("seed", "place", "value").rows() == [
        (1, 5, 0.1),
        (1, 10, 0.3),
        (2, 5, 0.1),
        (2, 10, 0.3),
    ]
    assert set(plot.data.filter(model="plain")["not_run"]) == {"no curve was kept"}
    nowhere = made(evidence, "training", models=["gone"]).data
    assert set(nowhere["not_run"]) == {"no scores"}
    plot.save(tmp_path / "it")
    assert (tmp_path / "it.png").stat().st_size


def test_a_day_is_that_of_the_user_with_most_events(evidence, tmp_path):
    plot = made(evidence, "day", models=["told"])
    hours, day = (plot.data.filter(panel=letter) for letter in "ab")
    shares = hours.group_by("place").agg(pl.col("value").sum())
    assert len(shares) == 24
    assert shares["value"].to_numpy() == pytest.approx(1)
    assert day["place"].to_list() == pytest.approx(list(range(24)))  # the first day of `a`
    assert set(day["series"]) <= {"purchase", "repeated", "alike", "other"}
    plot.save(tmp_path / "it")
    assert (tmp_path / "it.png").stat().st_size


def test_without_intents_it_says_why(evidence, tmp_path):
    plot = made(evidence, "day", models=["plain"])
    assert set(plot.data["not_run"]) == {"cluster@0 was not computed"}
    plot.save(tmp_path / "it")
    with pytest.raises(
        ValueError, match="it shows 'night' of intents, expected measures, training, day"
    ):
        made(evidence, "night")

"""Filtered metrics, rewards and unmet items against hand-computed cases; their draws and paired scores."""

import numpy as np
import polars as pl
import pytest

from recloop.evaluation import evaluate, per_event
from recloop.evaluation.metric import Facts
from recloop.evaluation.metrics import value
from recloop.evaluation.records import find, needs, why_absent
from recloop.evaluation.results import Quantity, Results, Sampling
from recloop.evaluation.rewards import of_items, training_purchases

REWARDS = {"click": 0.2, "purchase": 1.0}
COUNTS, PURCHASES = np.array([8, 4, 0, 2]), np.array([0, 3, 0, 2])
FACTS = Facts(COUNTS, PURCHASES, REWARDS)
LISTS = pl.DataFrame(
    {
        "session": [1, 1, 1, 5, 5],
        "position": [1, 2, 3, 1, 2],
        "target": [0, 1, 0, 2, 1],
        "better": [0, 1, 5, 0, 2],
        "tied": [1, 1, 1, 2, 1],
        "top": [[0, 1], [0, 1], [1, 3], [2, 3], [0, 3]],
        "purchase": [False, True, False, False, True],
        "repeated": [False, False, True, False, False],
        "past": [True, False, True, False, False],
        "familiar": [[True, False], [True, False], [False, False], [True, True], [True, False]],
    },
    schema_overrides={"top": pl.Array(pl.Int32, 2), "familiar": pl.Array(pl.Boolean, 2)},
)


def found(metric: str, k: int = 2, lists: pl.DataFrame = LISTS) -> float:
    return value(lists, metric, k, FACTS)


def test_filters_choose_events():
    assert found("HR") == pytest.approx(3 / 5)
    assert found("HR_purchase") == pytest.approx(1 / 2)
    assert found("HR_click", 1) == pytest.approx((1 + 0 + 0.5) / 3)  # a tie of two at the top
    assert found("HR_click_new", 2) == pytest.approx(1)
    assert found("HR_new", 1) == pytest.approx((1 + 0 + 0.5 + 0) / 4)
    assert found("HR_ser") == pytest.approx(2 / 3)
    assert found("NDCG_purchase") == pytest.approx(1 / np.log2(3) / 2)


def test_items_that_no_training_session_shows_stand_apart():
    """Item 2 is in no training session; the target of one event of five."""
    assert found("HR_unseen", 1) == pytest.approx(0.5)  # tied for the first place
    assert found("HR_seen", 1) == pytest.approx((1 + 0 + 0 + 0) / 4)
    assert needs("NDCG_seen") == needs("NDCG_unseen") == ("counts",)
    with pytest.raises(ValueError, match="needs counts"):
        value(LISTS, "HR_seen", 1, Facts())
    assert "in no training session" in why_absent("HR_unseen")


def test_inverse_popularity_is_self_normalised():
    weights = np.array([14 / 8, 14 / 4, 14 / 8, 14 / 1, 14 / 4])  # item 2, never seen, as seen once
    assert found("HR_ips") == pytest.approx(weights @ [1, 1, 0, 1, 0] / weights.sum())
    clicks = weights[[0, 2, 3]]
    gains = [1, 0, (1 + 1 / np.log2(3)) / 2]
    assert found("NDCG_click_ips") == pytest.approx(clicks @ gains / clicks.sum())
    assert per_event(LISTS, "HR_click_ips", 2, FACTS).mean() == found("HR_click_ips")


def test_rewards_add_up():
    assert found("Reward") == pytest.approx(0.2 + 1.0 + 0.2)
    assert found("Reward", 1) == pytest.approx(0.2 + 0.1)
    assert of_items(COUNTS, PURCHASES, REWARDS) == pytest.approx([0.2, 0.8, 0.0, 1.0])
    slots = [0.2, 0.8, 0.2, 0.8, 0.8, 1.0, 0.0, 1.0, 0.2, 1.0]
    assert found("Yield") == pytest.approx(np.mean(slots))


def test_unmet_items_are_averaged_over_events_then_users():
    assert found("UP") == pytest.approx(((1 + 1 + 2) / 3 + (0 + 1) / 2) / 2)
    assert found("UP_event") == pytest.approx((1 + 1 + 2 + 0 + 1) / 5)
    assert found("UP", 1) == pytest.approx((1 / 3 + 0) / 2)


def test_a_study_gets_what_it_asks_for_and_no_metric_without_an_event():
    asked = {"filtered": ["click", "purchase_new"], "users": True, "earned": REWARDS}
    table = evaluate(LISTS, COUNTS, None, [1, 2], **asked, purchases=PURCHASES)
    new = {"HR_click", "NDCG_purchase_new", "NDCG_ser", "UP", "UP_event", "Reward", "Yield"}
    assert new <= set(table["metric"])
    assert not table["value"].is_null().any()
    plain = set(evaluate(LISTS, COUNTS, None, [2])["metric"])
    assert new & plain == set()
    clicks = LISTS.with_columns(purchase=pl.lit(value=False))
    rest = evaluate(clicks, COUNTS, None, [2], **asked, purchases=PURCHASES)
    assert set(table["metric"]) - set(rest["metric"]) == {"HR_purchase_new", "NDCG_purchase_new"}
    why = why_absent("HR_purchase_new")
    assert why == "no test event has a target that is a purchase and is new to its session"
    assert why_absent("CV_div") is why_absent("HR") is None


def test_where_nothing_is_bought_no_item_yields_more():
    given = {"earned": REWARDS, "purchases": np.zeros_like(PURCHASES)}
    found = set(evaluate(LISTS, COUNTS, None, [2], **given)["metric"])
    assert "Reward" in found
    assert "Yield" not in found
    assert "nothing was bought" in why_absent("Yield")
    assert why_absent("Reward") is None


@pytest.mark.parametrize(
    ("name", "base", "filters"),
    [
        ("NDCG_click_ips", "NDCG", ("click", "ips")),
        ("CV_div", "CV_div", ()),
        ("NDCG@3_cold", "NDCG@3", ("cold",)),
    ],
)
def test_names_are_parsed(name, base, filters):
    metric, found = find(name)
    assert (metric.name, found) == (base, filters)


def test_unknown_filters_and_metrics_are_named():
    with pytest.raises(ValueError, match="the filter 'sold', expected some of click, purchase"):
        find("HR_sold")
    with pytest.raises(ValueError, match="No metric 'NDGC'; did you mean 'NDCG'"):
        find("NDGC")


@pytest.mark.parametrize(
    ("metric", "column", "message"),
    [
        ("HR_purchase", "purchase", "needs the column 'purchase'"),
        ("NDCG_ser", "past", "with training.users: true"),
        ("UP", "familiar", "needs the column 'familiar'"),
        ("Reward", "purchase", "Reward needs the column 'purchase'"),
    ],
)
def test_a_missing_column_is_named(metric, column, message):
    with pytest.raises(ValueError, match=message):
        found(metric, lists=LISTS.drop(column))


@pytest.mark.parametrize(
    ("metric", "message"),
    [("Reward", "needs rewards"), ("Yield", "needs rewards"), ("HR_ips", "needs counts")],
)
def test_a_missing_fact_is_named(metric, message):
    with pytest.raises(ValueError, match=message):
        value(LISTS, metric, 2)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """One run on sixty copies of the lists, and its split."""
    root = tmp_path_factory.mktemp("filters")
    copies = [LISTS.with_columns(pl.col("session") + 10 * number) for number in range(60)]
    lists = pl.concat(copies).with_columns(
        purchase=pl.col("purchase") & (pl.col("session") < 300),
        better=pl.col("better") + pl.col("session") % 7,
    )
    run, split = root / "run", root / "split"
    run.mkdir()
    split.mkdir()
    lists.write_parquet(run / "lists.parquet")
    pl.DataFrame({"item": range(4), "count": COUNTS}).write_parquet(split / "items.parquet")
    items = np.repeat(np.arange(4), COUNTS)
    bought = np.concatenate([np.arange(count) < PURCHASES[n] for n, count in enumerate(COUNTS)])
    train = pl.DataFrame({"item": [items[:6], items[6:]], "event": [bought[:6], bought[6:]]})
    lists_of = {"item": pl.List(pl.Int32), "event": pl.List(pl.UInt8)}
    train.cast(lists_of).write_parquet(split / "train.parquet")
    asked = {"filtered": ["purchase", "click_ips"], "users": True, "earned": REWARDS}
    scores = evaluate(lists, COUNTS, None, [2], **asked, purchases=training_purchases(split))
    identity = {"dataset": "d", "model": "m", "seed": 1, "split": "s", "stand_in": False}
    named = scores.with_columns(**{name: pl.lit(one) for name, one in identity.items()})
    named.write_parquet(run / "scores.parquet")
    return Results([run / "scores.parquet"], {"s": COUNTS}, 0.9, REWARDS, {"s": split})


def test_training_purchases_are_counted(saved):
    assert training_purchases(saved.splits["s"]).tolist() == PURCHASES.tolist()


@pytest.mark.parametrize(
    "metric", ["HR_purchase", "NDCG_click_ips", "HR_ser", "Reward", "Yield", "UP", "UP_event"]
)
def test_draws_vary_around_what_was_observed(saved, metric):
    quantity, sampling = Quantity("d", "m", metric, 2), Sampling(saved, draws=512)
    draws, observed = sampling.draw_seed(quantity, 1), sampling.observed(quantity, [1])
    assert np.isfinite(draws).all()
    assert draws.std() > 0
    assert draws.mean() == pytest.approx(observed, abs=4 * draws.std() / 512**0.5 + 0.02 * observed)
    events = len(saved.lists(saved.folders["d", "m"][1]))
    mean = saved.per_session_scores(quantity, [1]).mean()
    assert mean * (events if metric == "Reward" else 1) == pytest.approx(observed)


def test_a_draw_without_an_event_that_a_rare_filter_lets_through_stays_at_what_was_observed(
    saved, tmp_path
):
    run = saved.folders["d", "m"][1]
    rare = pl.read_parquet(run / "lists.parquet")
    rare = rare.with_columns(purchase=(pl.col("session") == 1) & (pl.col("position") == 2))
    draws = Sampling(saved, draws=128).draw_run(Quantity("d", "m", "HR_purchase", 2), rare)
    assert set(draws) == {value(rare, "HR_purchase", 2)}

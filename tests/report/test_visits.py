"""Sessions that are drawn, estimates beside the truth, and errors over sessions."""

import re

import numpy as np
import polars as pl
import pytest

from recloop.evaluation.results import Quantity
from recloop.report import tables
from recloop.report.evidence import Evidence
from recloop.report.exhibits import estimates, visits


def lists(*lengths, cap=9):
    """Sessions of some turns; those as long as the cap end without success."""
    rows = [
        {"session": session, "position": turn, "solved": turn == length and length < cap}
        for session, length in enumerate(lengths)
        for turn in range(1, length + 1)
    ]
    return pl.DataFrame(rows)


def test_the_session_is_picked_by_its_rule():
    assert visits.choose(lists(1, 9, 7, 4, 3), 6) == 3  # two are too short or too long, one fails
    assert visits.choose(lists(1, 9), 6) == 0


RETURN = estimates.PARTS[0]


def frame(*seeds):
    rows = [
        {"policy": str(place), "seed": seed, "estimate": a, "truth": b}
        for seed, pairs in enumerate(seeds)
        for place, (a, b) in enumerate(pairs)
    ]
    return pl.DataFrame(rows)


def test_agreement_is_rank_correlation_and_root_mean_square():
    found = estimates.agreement(frame([(1.0, 2.0), (2.0, 4.0), (3.0, 3.0)]), RETURN)
    order, error = found["rank correlation"], found["error"]
    assert order.mean == pytest.approx(0.5)
    assert error.mean == pytest.approx(np.sqrt((1 + 4 + 0) / 3))
    assert 0 <= error.low < error.mean < error.high <= 2
    assert -1 <= order.low < order.mean < order.high <= 1


def test_policies_are_ranked_within_a_seed():
    """Both seeds are in order; over both together they would not be, as all estimates of the second are lower."""
    apart = frame([(11.0, 2.0), (12.0, 3.0)], [(1.0, 5.0), (2.0, 6.0)])
    found = estimates.agreement(apart, RETURN)
    order = found["rank correlation"]
    assert (order.mean, order.low, order.high) == pytest.approx((1.0, 1.0, 1.0))
    assert found["error"].mean == pytest.approx(np.sqrt((81 + 81 + 16 + 16) / 4))


def test_estimates_that_are_all_alike_say_nothing_of_the_order():
    alike = frame([(1.0, 2.0), (1.0, 4.0)])
    assert estimates.agreement(alike, RETURN)["rank correlation"].mean == 0.0


def test_weights_stand_below_returns_and_the_seeds_are_those_of_the_runs(generated, drawn):
    found, output = generated("offline_tir"), drawn("offline_tir")
    cells = pl.read_csv(output / "table_ope.csv", infer_schema_length=None)
    second = cells.filter(group=estimates.PARTS[1].title)
    assert second["row"].unique(maintain_order=True).to_list()[0] == "in the simulator"
    weights = second.filter(pl.col("row") != "in the simulator", pl.col("metric") == "imitation")
    assert weights["ours"].to_list() == pytest.approx([0.9] * len(weights))
    text = (output / "table_ope.md").read_text()
    assert re.search(r"\| \d\.\d\d \[−?\d\.\d\d, \d\.\d\d\] \| \d\.\d \[\d\.\d, \d\.\d\] \|", text)
    assert "[ ] holds 95% of draws of policies, and of seeds where there are several." in text
    named = ", ".join(map(str, found.seeds))
    assert f"seed{'s' if len(found.seeds) > 1 else ''} {named}" in text


def test_errors_over_sessions_are_standard_errors(generated, drawn):
    found, output = generated("offline_tir"), drawn("offline_tir")
    cells = pl.read_csv(output / "table_2.csv", infer_schema_length=None)
    row = cells.filter(model="offline", metric="NI").row(0, named=True)
    lengths = found.kind.lists("zappos", "offline", found.seeds[0]).group_by("session").len()["len"]
    assert row["spread"] == "sessions"
    assert row["ours"] == pytest.approx(lengths.mean())
    assert row["sd"] == pytest.approx(lengths.std() / len(lengths) ** 0.5)
    text = (output / "table_2.md").read_text()
    assert "± is the standard error of the mean over sessions." in text


def test_errors_of_several_events_are_those_of_a_ratio_of_sessions(generated, monkeypatch):
    """Prompts with one to six pairs: the linearised error of a ratio, and none where all pairs are right."""
    found = generated("gaze")
    given = {key: found.saved[key] for key in ("tier", "scores", "runs", "splits")}
    evidence = Evidence.gather(found.study, **given)
    random, asked = np.random.default_rng(1), Quantity("helpsteer2", "plain", "Accuracy", 0)
    session = np.repeat(np.arange(200), random.integers(1, 7, 200))
    right = random.random(len(session)) < np.where(session % 2, 0.8, 0.4)
    rows = pl.DataFrame({"session": session, "position": np.arange(len(session))})
    for hits in (right, right | True):
        made = rows.with_columns(chosen=pl.Series(hits * 1.0), rejected=pl.lit(0.5))
        monkeypatch.setattr(evidence.results, "lists", lambda run, made=made: made)
        evidence.sampling.known.clear()
        pairs = np.bincount(session)
        residual = np.bincount(session, hits - hits.mean()) / pairs.mean()
        expected = residual.std(ddof=1) / len(residual) ** 0.5
        assert tables.over_sessions(evidence, asked) == {
            "sd": pytest.approx(expected, rel=0.1, abs=1e-12),
            "spread": "sessions",
        }

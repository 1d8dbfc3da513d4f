"""Sessions that are drawn, estimates beside the truth, and errors over sessions."""

import numpy as np
import polars as pl
import pytest

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


def frame(pairs):
    rows = [{"estimate": a, "truth": b} for a, b in pairs]
    return pl.DataFrame(rows)


def test_agreement_is_rank_correlation_and_root_mean_square():
    found = estimates.agreement(frame([(1.0, 2.0), (2.0, 4.0), (3.0, 3.0)]))
    assert found["rank correlation"][0] == pytest.approx(0.5)
    assert found["error"][0] == pytest.approx(np.sqrt((1 + 4 + 0) / 3))
    assert found["error"][1] > 0


def test_estimates_that_are_all_alike_say_nothing_of_the_order():
    assert estimates.agreement(frame([(1.0, 2.0), (1.0, 4.0)]))["rank correlation"][0] == 0.0


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

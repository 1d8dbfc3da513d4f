"""What a verdict says beside itself."""

import polars as pl
import pytest

from recloop.report.verdicts import power, qualified


def rows(*pairs: tuple[str, int | None]) -> pl.DataFrame:
    """Verdict and seeds of each comparison."""
    return pl.DataFrame(pairs, schema={"verdict": pl.String, "seeds": pl.Int64}, orient="row")


@pytest.mark.parametrize(
    ("verdict", "comparisons", "expected"),
    [
        ("holds", [("holds", 5), ("holds", 5)], "holds"),
        ("holds", [("holds", 5), ("holds", 1)], "holds (one seed)"),  # all are needed
        ("holds in part", [("holds", 1), ("not run", None)], "holds in part (one seed)"),
        ("fails", [("fails", 1), ("holds", 5)], "fails (one seed)"),
        ("fails", [("fails", 1), ("fails", 3)], "fails"),  # one is enough
        ("undecided", [("undecided", 1)], "undecided"),
        ("not run", [("not run", None)], "not run"),
    ],
)
def test_a_decision_says_that_it_rests_on_one_seed(verdict, comparisons, expected):
    assert qualified(verdict, rows(*comparisons)) == expected


def test_several_comparisons_have_a_power_to_print():
    def claim(*not_run: str | None) -> pl.DataFrame:
        ran = {"not_run": pl.Series(not_run, dtype=pl.String)}
        return pl.DataFrame(ran).with_columns(power=pl.lit(0.315))

    assert power(claim(None, None, "too large")) == "; power 32%"
    assert power(claim(None, "too large")) == ""

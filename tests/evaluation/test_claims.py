"""Every kind of claim on made-up results whose truth is known, with every verdict."""

import numpy as np
import polars as pl
import pytest
from scipy.stats import spearmanr

from recloop.evaluation.claims import (
    claim_verdict,
    comparisons,
    conjunction,
    examine,
    expected,
    likely,
)
from recloop.evaluation.contrasts import extra_share, quotient, rank_correlation, slope
from recloop.evaluation.metrics import evaluate
from recloop.evaluation.results import Quantity, Results, Sampling

ITEMS, SESSIONS = 60, 300
COUNTS = np.arange(ITEMS)[::-1] + 1


@pytest.fixture(scope="module")
def sampling(tmp_path_factory) -> Sampling:
    """Models of known hit rate; `wide` lists all items, `narrow` a third of them; `m,a=` rises with a."""
    root = tmp_path_factory.mktemp("claims")
    made = {
        "best": 0.6,
        "good": 0.4,
        "same": 0.4,
        "bad": 0.2,
        "m,a=0": 0.2,
        "m,a=1": 0.4,
        "m,a=2": 0.6,
    }
    made |= {"flat,a=0": 0.4, "flat,a=1": 0.4, "flat,a=2": 0.4, "wide": 0.4, "narrow": 0.4}
    paths = [write(root, model, rate, seed) for model, rate in made.items() for seed in (1, 2, 3)]
    return Sampling(Results(paths, {"split": COUNTS}), draws=512)


def write(root, model: str, rate: float, seed: int):
    """Hits of all models come from one stream of luck, plus a little noise of the seed."""
    random = np.random.default_rng([seed, *model.encode()])
    session = np.repeat(np.arange(SESSIONS), 3)
    luck = np.random.default_rng(0).random(len(session)) + 0.01 * random.normal(size=len(session))
    items = ITEMS // 3 if model == "narrow" else ITEMS
    top = (
        np.argsort(random.random((len(session), items)), axis=1)[:, :2]
        if model in ("wide", "narrow")
        else None
    )
    top = np.tile([0, 1], (len(session), 1)) if top is None else top
    lists = pl.DataFrame(
        {
            "session": session,
            "position": np.tile([1, 2, 3], SESSIONS),
            "better": np.where(luck < rate, 0, 50),
            "tied": np.ones(len(session), dtype=int),
            "top": pl.Series(top.tolist(), dtype=pl.List(pl.Int32)),
        }
    )
    folder = root / model / str(seed)
    folder.mkdir(parents=True)
    lists.write_parquet(folder / "lists.parquet")
    identity = {"dataset": "d", "model": model, "seed": seed, "split": "split", "stand_in": False}
    scores = evaluate(lists, COUNTS, None, [2])
    scores.with_columns(**{name: pl.lit(value) for name, value in identity.items()}).write_parquet(
        folder / "scores.parquet"
    )
    return folder / "scores.parquet"


def points(model: str, dataset: str) -> list:
    """Spread `m,a={0,1}`."""
    head, brace, values = model.partition("{")
    if not brace:
        return [(None, model)]
    return [(float(value), f"{head}{value}") for value in values.rstrip("}").split(",")]


def run_claim(sampling, *checks, printed=None, absent=(), waits=()):
    def why(quantity):
        return "left out" if quantity.model in absent or quantity.dataset in absent else None

    checks = [{"metrics": ["HR@2"], "datasets": ["d"]} | check for check in checks]
    unfinished = lambda dataset, model: int(model in waits)  # noqa: E731
    rows = examine({"checks": checks}, points, sampling, printed or {}, why, unfinished)
    return rows, claim_verdict(pl.DataFrame(rows, infer_schema_length=None))


def verdict(sampling, *checks, **facts) -> str:
    return run_claim(sampling, *checks, **facts)[1]


def ordering(ours: str, *theirs: str, **more) -> dict:
    return {"kind": "ordering", "models": [ours], "than": list(theirs)} | more


def test_ordering(sampling):
    assert verdict(sampling, ordering("best", "good", "bad")) == "holds"
    assert verdict(sampling, ordering("good", "same")) == "undecided"
    assert verdict(sampling, ordering("bad", "good")) == "fails"


def test_ordering_of_coverage_and_of_a_metric_that_should_be_low(sampling):
    coverage = {"metrics": ["CV_div@2", "CV_nov@2"]}
    assert verdict(sampling, ordering("wide", "narrow", **coverage)) == "holds"
    assert verdict(sampling, ordering("narrow", "wide", **coverage)) == "fails"
    assert (
        verdict(sampling, ordering("wide", "best", metrics=["Repetitiveness@2", "Gini@2"]))
        == "holds"
    )
    assert verdict(sampling, ordering("best", "wide", metrics=["Repetitiveness@2"])) == "fails"


def test_equal_coverage_is_undecided(sampling):
    assert verdict(sampling, ordering("best", "good", metrics=["CV_div@2"])) == "undecided"


def test_one_comparison_on_the_wrong_side_fails_the_claim(sampling):
    rows, found = run_claim(sampling, ordering("good", "bad", "best", "same"))
    assert found == "fails"
    assert [row["verdict"] for row in rows] == ["holds", "fails", "undecided"]


def test_effect_and_interval(sampling):
    (row,), _ = run_claim(sampling, ordering("best", "bad"))
    values = [
        sampling.results.values(Quantity("d", model, "HR", 2)).mean() for model in ("best", "bad")
    ]
    assert row["effect"] == pytest.approx(values[0] - values[1])
    assert row["low"] < row["effect"] < row["high"]
    assert row["high"] - row["low"] == pytest.approx(2 * 1.96 * 0.4**0.5 * 0.6**0.5 / 30, rel=0.3)


def test_ratio(sampling):
    check = {"kind": "ratio", "models": ["best"], "than": ["bad"]}
    assert verdict(sampling, check | {"within": [2.0, None]}) == "holds"
    assert verdict(sampling, check | {"within": [None, 1.5]}) == "fails"
    assert verdict(sampling, check | {"within": [3.0, 3.01]}) == "undecided"


@pytest.mark.parametrize("statistic", ["slope", "spearman"])
def test_trend(sampling, statistic):
    check = {"kind": "trend", "direction": "rises", "statistic": statistic}
    assert verdict(sampling, check | {"models": ["m,a={0,1,2}"]}) == "holds"
    assert verdict(sampling, check | {"models": ["flat,a={0,1,2}"]}) == "undecided"
    assert verdict(sampling, check | {"models": ["m,a={0,1,2}"], "direction": "falls"}) == "fails"


def test_flat(sampling):
    check = {"kind": "flat", "margin": 0.1, "relative": True}
    assert verdict(sampling, check | {"models": ["flat,a={0,1,2}"]}) == "holds"
    assert verdict(sampling, check | {"models": ["m,a={0,1,2}"]}) == "fails"
    (row,), _ = run_claim(
        sampling, check | {"models": ["m,a={0,1,2}"], "relative": False, "margin": 0.4}
    )
    assert row["verdict"] == "undecided"  # the truth stands at the margin


def test_interaction(sampling):
    check = {"kind": "interaction", "models": ["best", "bad"], "against": ["good", "same"]}
    assert verdict(sampling, check) == "holds"
    swapped = {"models": ["good", "same"], "against": ["best", "bad"]}
    assert verdict(sampling, check | swapped) == "fails"
    equal = {"models": ["best", "good"], "against": ["good", "bad"]}
    assert verdict(sampling, check | equal) == "undecided"


def test_conjunction_of_checks(sampling):
    rising = {"kind": "trend", "direction": "rises", "models": ["m,a={0,1,2}"]}
    assert verdict(sampling, ordering("best", "bad"), rising) == "holds"
    assert verdict(sampling, ordering("good", "same"), rising) == "undecided"


def test_the_power_of_a_conjunction_is_that_of_all_of_it(sampling):
    power = lambda *checks, **facts: run_claim(sampling, *checks, **facts)[0][0]["power"]  # noqa: E731
    sure, unsure = ordering("best", "bad"), ordering("good", "same")
    assert power(sure) is None  # nothing is printed
    apart, near = ({"best": 0.9, "good": good, "same": 0.3, "bad": 0.1} for good in (0.9, 0.3001))
    given, close = (
        {"printed": {Quantity("d", name, "HR", 2): value for name, value in one.items()}}
        for one in (apart, near)
    )
    assert power(sure, **close) == power(sure, unsure, **given) == 1.0
    assert power(unsure, **close) < 0.2
    assert power(sure, unsure, **close) == power(unsure, **close)
    assert power(sure, unsure, absent=["same"], **close) == 1.0  # of what was run
    assert power(unsure, absent=["same"], **close) is None
    del close["printed"][Quantity("d", "best", "HR", 2)]
    assert power(sure, unsure, **close) is None


def test_a_printed_effect_is_brought_to_our_level():
    ours, printed = np.array([0.5, 0.3]), {"a": 60.0, "b": 40.0}  # means of 0.4 and 50
    quantities = {Quantity("d", name, "HR", 2): value for name, value in printed.items()}
    (gain,) = comparisons(ordering("a", "b", metrics=["HR@2"], datasets=["d"]), points)
    assert expected(gain, ours, quantities) == pytest.approx(0.48 - 0.32)
    check = {"kind": "ratio", "models": ["a"], "than": ["b"], "within": [1, None]}
    (ratio,) = comparisons(check | {"metrics": ["HR@2"], "datasets": ["d"]}, points)
    assert expected(ratio, ours, quantities) == pytest.approx(1.5)
    assert expected(gain, ours, dict(list(quantities.items())[:1])) is None


def test_what_rests_on_the_same_data_hangs_together():
    one, other = np.array([True, True, False, False]), np.array([True, False, False, False])
    assert likely({"d": [one, other]}) == 0.25  # in one draw of four both are certain
    assert likely({"d": [one], "e": [other]}) == 0.5 * 0.25
    assert likely({}) is None


def test_what_was_not_run_is_said(sampling):
    rows, found = run_claim(sampling, ordering("best", "bad", "good"), absent=["good"])
    assert found == "not run"
    assert rows[1]["not_run"] == "left out"
    assert "effect" not in rows[1]
    assert verdict(sampling, ordering("bad", "best", "good"), absent=["good"]) == "fails"


def test_what_was_not_trained_out_decides_nothing(sampling):
    check = ordering("best", "good", "bad")
    assert verdict(sampling, check, waits=["other"]) == "holds"
    rows, found = run_claim(sampling, check, waits=["good"])
    assert [row["verdict"] for row in rows] == ["undecided (not trained out)", "holds"]
    assert rows[0]["effect"] > 0
    assert rows[0]["p_against_holm"] is None
    assert found == "undecided (not trained out)"
    assert verdict(sampling, ordering("bad", "best"), waits=["bad"]) == found
    assert verdict(sampling, ordering("bad", "best", "good"), waits=["good"]) == "fails"


def test_a_claim_on_two_data_sets_of_which_one_was_run_holds_in_part(sampling):
    check = ordering("best", "bad", datasets=["d", "other"])
    assert verdict(sampling, check, absent=["other"]) == "holds in part"
    assert (
        verdict(sampling, check | {"models": ["good"], "than": ["same"]}, absent=["other"])
        == "undecided"
    )


def test_models_are_compared_at_the_seeds_they_share(sampling, tmp_path):
    paths = [write(tmp_path, "best", 0.6, seed) for seed in (1, 2, 3)] + [
        write(tmp_path, "bad", 0.2, 2)
    ]
    few = Sampling(Results(paths, {"split": COUNTS}), draws=64)
    (row,), _ = run_claim(few, ordering("best", "bad"))
    assert row["seeds"] == 1
    alone = [
        few.results.values(Quantity("d", model, "HR", 2), [2]).item() for model in ("best", "bad")
    ]
    assert row["effect"] == pytest.approx(alone[0] - alone[1])


def test_printed_numbers_are_asked_the_same(sampling):
    printed = {
        Quantity("d", model, "HR", 2): value for model, value in {"best": 0.5, "bad": 0.6}.items()
    }
    (first, second), _ = run_claim(sampling, ordering("best", "bad", "good"), printed=printed)
    assert first["printed"] is False
    assert second["printed"] is None


def test_nothing_is_asked_of_a_run_beside_itself(sampling):
    """Where a tier has the setting of a row as what holds anyway, two rows have one name, and print two numbers."""
    printed = {Quantity("d", "best", "HR", 2): 0.5}
    ((row,), found) = run_claim(sampling, ordering("best", "best"), printed=printed)
    assert (row["printed"], found) == (None, "not run")
    assert row["not_run"] == "what it compares is one run on this tier"
    ((row,), _) = run_claim(sampling, ordering("best", "best"), absent=["best"])
    assert row["not_run"] == "left out"


def test_a_gain_of_a_run_over_itself_is_no_gain(sampling):
    """Nor is a gain that is compared with itself: print would be asked for nought."""
    for models, against in (
        (["best", "best"], ["good", "bad"]),
        (["best", "bad"], ["best", "bad"]),
    ):
        check = {"kind": "interaction", "models": models, "against": against}
        ((row,), found) = run_claim(sampling, check)
        assert (row["not_run"], found) == ("what it compares is one run on this tier", "not run")


def test_holm_is_over_the_whole_claim(sampling):
    rows, _ = run_claim(
        sampling, ordering("bad", "best"), ordering("best", "bad"), ordering("best", "good")
    )
    assert rows[0]["p_against_holm"] == pytest.approx(3 * rows[0]["p_against"])


def test_conjunction_prefers_failure():
    assert conjunction(["holds", "undecided", "fails", "not run"]) == "fails"
    assert conjunction(["holds", "undecided", "not run"]) == "not run"
    assert conjunction(["holds", "undecided"]) == "undecided"


def test_slope_is_the_change_over_the_sweep():
    assert slope(np.array([0.0, 5, 10]), np.array([[1.0], [2], [3]])) == pytest.approx(2)


def test_rank_correlation_agrees_with_scipy():
    values = np.random.default_rng(1).integers(0, 4, (6, 20)).astype(float)
    values[:, 0] = 1
    found = rank_correlation(np.arange(6.0), values)
    assert found[0] == 0
    expected = [spearmanr(np.arange(6), column).statistic for column in values.T[1:]]
    assert found[1:] == pytest.approx(expected)


def test_quotient_with_zeros():
    assert quotient(np.array([[1.0, 0, 1], [2, 0, 0]])).tolist() == [0.5, 1, np.inf]


def test_unknown_kind_and_a_sweep_where_one_model_belongs(sampling):
    with pytest.raises(ValueError, match="kind 'rank' is not known; known are ordering"):
        comparisons({"kind": "rank"}, points)
    with pytest.raises(ValueError, match="stands for 3 runs"):
        run_claim(sampling, ordering("m,a={0,1,2}", "bad"))


def test_results_of_different_splits_or_twice_are_refused(tmp_path):
    first, other = write(tmp_path, "a", 0.5, 1), write(tmp_path / "more", "a", 0.5, 1)
    with pytest.raises(ValueError, match="there twice"):
        Results([first, other], {})
    pl.read_parquet(other).with_columns(split=pl.lit("new"), model=pl.lit("b")).write_parquet(other)
    with pytest.raises(ValueError, match="several splits"):
        Results([first, other], {})


def test_interaction_between_measures_and_of_shares(sampling):
    pair = {"kind": "interaction", "models": ["best", "bad"], "against": ["best", "bad"]}
    (plain,) = comparisons(pair | {"metrics": ["NDCG@3_warm@10"], "datasets": ["d"]}, points)
    assert {one[2:] for one in plain.quantities} == {("NDCG@3_warm", 10)}
    other = pair | {"metrics": ["SR@10"], "against_metrics": ["SR_cold@5"], "datasets": ["d"]}
    (crossed,) = comparisons(other, points)
    assert [one[1:] for one in crossed.quantities] == [
        ("best", "SR", 10),
        ("bad", "SR", 10),
        ("best", "SR_cold", 5),
        ("bad", "SR_cold", 5),
    ]
    values = np.array([[0.6], [0.3], [0.5], [0.4]])  # 2.0 times against 1.25 times
    assert extra_share(values) == pytest.approx([0.75])
    shares = {"kind": "interaction", "models": ["best", "bad"], "against": ["good", "bad"]}
    assert verdict(sampling, shares | {"relative": True}) == "holds"

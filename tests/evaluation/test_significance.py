"""Statistics against scipy, statsmodels and hand computation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from recloop.evaluation.significance import holm, one_sided, over_seeds, paired, two_sided


def test_interval_over_seeds_is_students():
    values = np.array([0.41, 0.43, 0.44])
    found = over_seeds(values)
    low, high = stats.t.interval(0.95, 2, values.mean(), stats.sem(values))
    assert (found.low, found.high) == pytest.approx((low, high))
    assert (found.mean, found.sd, found.seeds) == pytest.approx(
        (values.mean(), values.std(ddof=1), 3)
    )


def test_one_seed_has_no_interval():
    found = over_seeds(np.array([0.4]))
    assert found.mean == 0.4
    assert np.isnan([found.sd, found.low, found.high]).all()


def test_paired_test_and_effect_size():
    ours, theirs = np.random.default_rng(1).random((2, 50))
    ours += 0.2
    found = paired(ours, theirs)
    assert found.p == pytest.approx(stats.ttest_rel(ours, theirs).pvalue)
    gap = ours - theirs
    assert (found.difference, found.effect) == pytest.approx(
        (gap.mean(), gap.mean() / gap.std(ddof=1))
    )
    assert paired(ours, theirs, "wilcoxon").p == pytest.approx(stats.wilcoxon(ours, theirs).pvalue)


def test_equal_differences_need_no_test():
    scores = np.array([0.0, 1.0, 1.0])
    assert paired(scores, scores).p == 1
    assert paired(scores + 1, scores).p == 0
    with pytest.raises(ValueError, match="same test events"):
        paired(scores, scores[:2])


@settings(max_examples=6)  # statsmodels collects garbage in every call
@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_agrees_with_statsmodels(p_values):
    assert holm(np.array(p_values)) == pytest.approx(multipletests(p_values, method="holm")[1])


def test_holm_leaves_out_what_was_not_tested():
    found = holm(np.array([0.01, np.nan, 0.04]))
    assert found == pytest.approx([0.02, np.nan, 0.04], nan_ok=True)


def test_normal_tails():
    assert one_sided(-1.96, 0.0, 1.0) == pytest.approx(0.025, abs=1e-4)
    assert two_sided(1.96, 1.0) == pytest.approx(0.05, abs=1e-4)
    assert (one_sided(0.0, 0.0, 0.0), one_sided(-1.0, 0.0, 0.0), two_sided(0.0, 0.0)) == (1, 0, 1)

"""The rule by which a training was trained out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recloop.evaluation.trained import GAIN, trained_out


@pytest.mark.parametrize(
    ("scores", "patience", "expected"),
    [
        ([0.1, 0.2, 0.3, 0.3, 0.2], None, True),
        ([0.1, 0.2, 0.3, 0.3, 0.302], None, True),  # a gain of less than 1%
        ([0.1, 0.2, 0.3, 0.3, 0.304], None, False),
        ([0.1, 0.2, 0.3, 0.4, 0.5], None, False),
        ([0.1], None, False),
        ([0.1, 0.05], None, False),  # too few to say
        ([0.1, 0.05, 0.05], 2, True),
        ([0.1, 0.1, 0.1, 0.1], None, False),
        ([], None, False),
        ([0.0, 0.0, 0.0], None, False),  # nothing was learned
        ([*[0.1] * 16, 0.2, 0.1, 0.1, 0.1], 3, True),  # it stopped by itself, shortly after a gain
        ([*[0.1] * 16, 0.2, 0.1, 0.1, 0.1], 4, False),
    ],
)
def test_the_last_fifth_of_the_validations_decides(scores, patience, expected):
    assert trained_out(scores, patience) is expected


@given(st.lists(st.floats(0.01, 1), min_size=5, max_size=60))
def test_a_training_that_goes_on_at_its_best_is_trained_out_in_the_end(scores):
    longer = scores + [max(scores)] * (len(scores) // 3 + 1)
    assert trained_out(longer)
    assert not trained_out([*longer, max(scores) * (1 + 2 * GAIN)])

"""Controls of returns: what each keeps of the log, and that none of them tells what followed."""

import pytest
import torch

from recloop.models.decision.controls import Control, Moments, shuffled

REAL = torch.tensor([[True, True, True], [True, False, False], [True, True, False]])
RETURNS = {
    "acc": torch.tensor([[3.0, 2.0, 1.0], [1.0, 0.0, 0.0], [2.0, 1.0, 0.0]]),
    "nov": torch.tensor([[30.0, 20.0, 10.0], [11.0, 0.0, 0.0], [22.0, 12.0, 0.0]]),
}


def control(kind):
    return Control(kind, list(RETURNS))


def test_shuffling_keeps_the_multiset_of_every_step_and_what_belongs_together():
    pairs = torch.stack(list(RETURNS.values()), dim=-1)
    places = set()
    for seed in range(40):
        torch.manual_seed(seed)
        found = torch.stack(list(shuffled(RETURNS, REAL).values()), dim=-1)
        for step in range(3):
            rows = REAL[:, step]
            before, after = (sorted(part[rows, step].tolist()) for part in (pairs, found))
            assert after == before
        assert (found[~REAL] == 0).all()
        assert (found[0, 2] == pairs[0, 2]).all()  # a step of one session has nobody to change with
        places.add(tuple(found[:, 0, 0].tolist()))
    assert len(places) == 6  # all orders of three


def test_a_constant_is_the_mean_over_training():
    it = control("constant")
    first = it.logged(RETURNS, REAL)
    assert (first["acc"] == 10 / 6).all()
    assert (first["nov"] == 17.5).all()
    later = it.logged({name: values + 1 for name, values in RETURNS.items()}, REAL)
    torch.testing.assert_close(later["acc"], torch.full((3, 3), 10 / 6 + 0.5))
    asked = it.asked({"acc": torch.zeros(2, 4)})["acc"]
    assert asked.shape == (2, 4)
    assert (asked == later["acc"][0, 0]).all()


def test_the_log_is_left_alone():
    it = control("log")
    assert it.logged(RETURNS, REAL) is RETURNS
    assert it.asked(RETURNS) is RETURNS
    assert not it.state_dict()


def test_moments_by_hand():
    moments = Moments(["acc", "same"])
    assert moments.mean("acc") == 0
    for row in RETURNS["acc"]:
        moments.count({"acc": row[None], "same": torch.ones(1, 3)}, row[None] > 0)
    values = torch.tensor([3.0, 2.0, 1.0, 1.0, 2.0, 1.0])
    torch.testing.assert_close(moments.mean("acc"), values.mean())
    torch.testing.assert_close(moments.deviation("acc"), values.std(correction=0))
    assert moments.deviation("same") == 1


def test_refuses_a_word_it_does_not_know():
    with pytest.raises(ValueError, match="returns='zero': take log, none, constant, shuffled"):
        control("zero")

"""DeepFM against the formula of the paper, written out."""

from itertools import combinations

import pytest
import torch

from recloop.simulators.deepfm import DeepFM


def test_a_rating_is_the_formula_of_the_paper():
    torch.manual_seed(2)
    it = DeepFM([3, 2, 4], dim=5, hidden=7, layers=2, mean=3.0)
    torch.nn.init.normal_(it.weight.weight)
    pair = [2, 0, 1]
    places = [2, 3 + 0, 3 + 2 + 1]
    rows = [it.embedding.weight[place] for place in places]
    linear = 3.0 + sum(it.weight.weight[place, 0] for place in places)
    pairs = sum(one @ other for one, other in combinations(rows, 2))
    deep = it.deep(torch.cat(rows))[0]
    found = it(torch.tensor([pair, [0, 1, 3]]))
    assert found[0].item() == pytest.approx((linear + pairs + deep).item(), abs=1e-5)
    assert found.shape == (2,)

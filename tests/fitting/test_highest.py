"""The highest scores found block by block are those of a sort."""

import pytest
import torch

from recloop.fitting.highest import highest, top


@pytest.mark.parametrize(("items", "k"), [(2000, 5), (1331, 5), (1280, 5), (40, 7), (300, 0)])
def test_the_best_items_are_those_of_a_sort(items, k):
    scores = torch.randn(50, items, generator=torch.Generator().manual_seed(items))
    scores[::2] = scores[::2].round()  # many are level with one another
    found = top(scores, k)
    assert torch.equal(scores.gather(1, found), scores.sort(1, descending=True).values[:, :k])
    assert all(len(set(row.tolist())) == k for row in found)


@pytest.mark.parametrize("items", [17, 4096, 4100, 5000])
def test_the_first_highest_score_is_found_among_ties_too(items):
    torch.manual_seed(7)
    scores = torch.randint(-30, 3, (200, items)).float()  # the highest, 2, stands in many places
    scores[::3] = torch.rand(len(scores[::3]), items)
    scores[1, -1], scores[2, 0], scores[4] = 9.0, 9.0, -torch.inf
    assert torch.equal(highest(scores), scores.argmax(1))
    scores[5, items // 2] = torch.nan
    assert highest(scores)[5] == items // 2

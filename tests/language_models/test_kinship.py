"""Whether a language model expects kin: by hand, with readers whose likelihoods are known."""

import pytest
import torch

from recloop.language_models import kinship
from recloop.language_models.kinship import quartets

TITLES = ["red shoe", "red boot", "blue lamp", "blue desk", "green hat", "green cap", "", "x"]
BRANDS = ["A", "A", "B", "B", "C", "C", "A", None]


class Words:
    """Expects words that were there before, and some titles anyway."""

    def __init__(self, shared: float = 1.0):
        self.shared = shared

    def likelihoods(self, prompts, answers):
        pairs = zip(prompts, answers, strict=True)
        told = [({*head.rstrip(",").split()}, {*tail.split()}) for head, tail in pairs]
        return torch.tensor(
            [self.shared * len(head & tail) - 5.0 * ("lamp" in tail) for head, tail in told]
        )


@pytest.mark.parametrize(("shared", "expected"), [(1.0, 1.0), (0.0, 0.5), (-1.0, 0.0)])
def test_kin_gain_where_their_words_are_expected(shared, expected):
    found = kinship.kinship(Words(shared), TITLES, BRANDS, 1)
    assert (found["preferred"], found["pairs"]) == (expected, 6)
    assert (
        0 <= found["low"] + 1e-9 <= expected + 2e-9 and expected - 1e-9 <= found["high"] <= 1 + 1e-9
    )


def test_every_item_stands_with_its_kin_a_stranger_and_a_third():
    found = quartets(TITLES, BRANDS, 1)
    assert sorted(found[:, 0].tolist()) == [0, 1, 2, 3, 4, 5]
    for row in found.tolist():
        brands = [BRANDS[item] for item in row]
        assert brands[0] == brands[1] and row[0] != row[1]
        assert len({*brands}) == 3
    assert torch.equal(found, quartets(TITLES, BRANDS, 1))


def test_the_interval_of_shares():
    class OnlyRed:
        """Expects a word again behind red ones, and its absence behind others."""

        def likelihoods(self, prompts, answers):
            signs = torch.tensor([1.0 if "red" in head else -1.0 for head in prompts])
            return signs * torch.tensor(
                [
                    float(answer.split()[0] in head)
                    for head, answer in zip(prompts, answers, strict=True)
                ]
            )

    found = kinship.kinship(OnlyRed(), TITLES, BRANDS, 1)
    assert (found["pairs"], found["preferred"]) == (6, pytest.approx(1 / 3))
    # Both ends solve |share - end| = 1.96 sqrt(end (1 - end) / n).
    for end in (found["low"], found["high"]):
        assert abs(1 / 3 - end) == pytest.approx(1.96 * (end * (1 - end) / 6) ** 0.5, rel=1e-5)


@pytest.mark.parametrize(
    ("titles", "brands"),
    [
        (["a", "b", "c"], [None] * 3),
        (["a", "b", "c"], ["A", "B", "C"]),
        (["a", "b", "c"], ["A"] * 3),
        (["a", "a", "c", "d"], ["A", "A", "B", "C"]),
    ],
)
def test_where_nobody_is_kin_nothing_is_said(titles, brands):
    assert kinship.kinship(Words(), titles, brands, 1) is None


def test_a_network_is_asked(model, monkeypatch):
    monkeypatch.setattr(kinship, "PAIRS", 3)
    found = kinship.kinship(model(), TITLES, BRANDS, 1)
    assert found["pairs"] == 3
    assert 0 <= found["preferred"] <= 1

"""Worlds without an encoder: a state is the last item, so that values are a table."""

import pytest
import torch
from torch import nn
from torch.nn.functional import one_hot


class LastItem(nn.Module):
    """A state that is the last item, one-hot."""

    def __init__(self, items: int):
        super().__init__()
        self.dim = items

    def forward(self, session):
        return one_hot(session, self.dim + 1)[..., :-1].float()


@pytest.fixture(scope="session")
def tabular():
    """Give a function that makes a Q-learning model over the last item, all weights zero, one network at a time."""

    def make(kind, items, **settings):
        settings = {"updated": "one"} | settings
        model = kind(backbone=lambda: LastItem(items), items=items, **settings)
        for weight in model.parameters():
            nn.init.zeros_(weight)
        return model

    return make


@pytest.fixture(scope="session")
def fill():
    """Give a function that sets Q(s, a) = table[s][a]."""

    def fill(network, table):
        network.values[0].weight.data = torch.tensor(table).T.contiguous()

    return fill


@pytest.fixture(scope="session")
def steps():
    """Give a function that makes a batch of one piece."""
    from recloop.data.batches import Batch

    def steps(session, following, purchase=None, ended=True, start=0):
        session, following = torch.tensor([session]), torch.tensor([following])
        purchase = torch.zeros_like(session) if purchase is None else torch.tensor([purchase])
        none = torch.zeros(1, dtype=torch.long)
        return Batch(
            session, following, purchase, torch.tensor([ended]), none + start, none, none, none
        )

    return steps


@pytest.fixture
def network_0(monkeypatch):
    """The coin says network 0."""
    monkeypatch.setattr(torch, "rand", lambda *_, **__: torch.tensor(0.9))

"""Right padded sessions that are encoded in groups of like length."""

import torch

from recloop.models import sessions
from recloop.models.backbones.sasrec import SASRec


def test_groups_of_like_length_give_the_same_states_and_gradients(monkeypatch):
    torch.manual_seed(1)
    encoder = SASRec(items=30, dim=8, length=12, dropout=0.0)
    torch.nn.init.normal_(encoder.position)
    session = torch.randint(30, (17, 12))
    session[torch.arange(12) >= torch.randint(1, 13, (17, 1))] = 30
    real, slope = session != 30, torch.randn(17, 12, 8)

    def answer():
        states = encoder(session)
        encoder.zero_grad()
        (states * slope)[real].sum().backward()
        return states, [one.grad.clone() for one in encoder.parameters()]

    whole = answer()
    calls = []
    monkeypatch.setattr(sessions, "WORTHWHILE", 0)
    monkeypatch.setattr(
        encoder, "encode", lambda e: calls.append(e.shape) or SASRec.encode(encoder, e)
    )
    grouped = answer()
    assert len(calls) == sessions.GROUPS
    assert sum(rows * time for rows, time, _ in calls) < session.numel()
    torch.testing.assert_close(grouped[0][real], whole[0][real])
    torch.testing.assert_close(grouped[1], whole[1])
    assert (grouped[0][~real & (torch.arange(12) >= real.sum(1).max())] == 0).all()

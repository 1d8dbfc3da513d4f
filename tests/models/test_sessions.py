"""Right padded sessions that are laid behind one another to be encoded."""

import pytest
import torch

from recloop.models import build, sessions
from recloop.models.sessions import pack


@pytest.mark.parametrize("name", ["sasrec.SASRec", "ligr.LiGR"])
def test_sessions_behind_one_another_have_the_states_and_gradients_they_have_alone(
    monkeypatch, name
):
    torch.manual_seed(1)
    encoder = build(
        {"class": f"backbones.{name}", "dim": 8, "blocks": 2, "heads": 2, "dropout": 0.0},
        items=30,
        length=12,
    )
    torch.nn.init.normal_(encoder.position)
    session = torch.randint(30, (17, 12))
    session[torch.arange(12) >= torch.randint(0, 13, (17, 1))] = 30
    real, slope = session != 30, torch.randn(17, 12, 8)

    def answer():
        states = encoder(session)
        encoder.zero_grad()
        (states * slope)[real].sum().backward()
        return states, [one.grad.clone() for one in encoder.parameters()]

    whole = answer()
    monkeypatch.setattr(sessions, "WORTHWHILE", 0)
    assert pack(session, 30).items.numel() < 0.9 * session.numel()
    packed = answer()
    torch.testing.assert_close(packed[0][real], whole[0][real])
    torch.testing.assert_close(packed[1], whole[1])
    assert (packed[0][~real] == 0).all()


@pytest.mark.parametrize("time", [1, 7, 12, 50, 200])
@pytest.mark.parametrize("seed", range(4))
def test_every_item_has_its_own_place_in_the_row_of_its_session(monkeypatch, time, seed):
    monkeypatch.setattr(sessions, "WORTHWHILE", 0)
    generator = torch.Generator().manual_seed(seed)
    session = torch.arange(40 * time).view(40, time)
    sizes = torch.randint(0, time + 1, (40, 1), generator=generator)
    session[torch.arange(time) >= sizes] = -1
    found = pack(session, -1)
    if found is None:
        assert time == 1 or sizes.float().mean() > 0.5 * time
        return
    real = session >= 0
    assert sorted(found.items[found.items >= 0].tolist()) == session[real].tolist()
    flat = found.items.flatten()
    assert torch.equal(flat[found.origin[real]], session[real])
    assert (found.origin[~real] == len(flat)).all()
    assert torch.equal(found.places.flatten()[found.origin[real]], session[real] % time)
    same = (found.items[:, :, None] // time == found.items[:, None] // time) & (found.items >= 0)[
        :, None
    ]
    shown = found.items[:, :, None] >= 0
    assert torch.equal(found.sees & shown, same & shown)


def test_long_sessions_and_few_positions_stay_as_they_are(monkeypatch):
    assert pack(torch.full((3, 5), 9), 9) is None
    monkeypatch.setattr(sessions, "WORTHWHILE", 0)
    assert pack(torch.ones(30, 5, dtype=torch.long), 9) is None

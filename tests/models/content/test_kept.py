"""States that are kept: each item is read once, and beside the same others whoever asks first."""

import torch

from recloop.models.content.kept import AT_ONCE, KeptStates

ITEMS = 2 * AT_ONCE + 7


def kept(asked: list) -> KeptStates:
    """Keep states of a network whose answer hangs on all that it reads at once, as rounding does."""

    def read(items):
        asked.append(items)
        states = (items.double() + 1e-6 * items.double().sum())[:, None, None]
        return states.float(), torch.ones(len(items), 1, dtype=torch.bool)

    return KeptStates(ITEMS, 1, read)


def test_states_do_not_hang_on_who_asks_first():
    one, other = kept([]), kept([])
    everything = torch.arange(ITEMS)
    for item in (3, ITEMS - 1, AT_ONCE + 1):
        other.take(torch.tensor([item]))
    assert torch.equal(one.take(everything)[0], other.take(everything.flip(0))[0].flip(0))


def test_each_item_is_read_once():
    asked = []
    found = kept(asked)
    found.take(torch.tensor([1, AT_ONCE + 2]))
    assert sorted(map(len, asked)) == [AT_ONCE, AT_ONCE]
    found.take(torch.arange(ITEMS))
    assert torch.equal(torch.cat(asked).sort().values, torch.arange(ITEMS))

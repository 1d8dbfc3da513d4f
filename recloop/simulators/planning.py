"""The best sequence of items for a user whose ratings are known: an upper bound for agents that have to learn them."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


def plan(
    gains: Float[Tensor, " item"],
    near: Bool[Tensor, "item item"],
    reach: Int[Tensor, " count"],
    cap: int,
    width: int,
) -> tuple[Int[Tensor, " turn"], Float[Tensor, ""]]:
    """Find the items that are worth most to a user, by dynamic programming over the last items.

    Turn by turn, the best value of each way to have shown the last items is kept, at most `width` of them. Where that
    is no limit, the plan is optimal; else it is one that can be carried out, hence a lower bound of the optimum.

    Args:
        gains: what each item is worth.
        near: which items are too near to one another.
        reach: recent items that are looked at after 0, 1, … shown ones; the last holds for all later turns.
        cap: items after which an episode is over.
        width: most states that are kept at each turn.

    Returns:
        The items, of which the last one may be a tiring one, and the sum of their rewards.
    """
    window, gains = len(reach) - 1, gains.double()
    shown = torch.zeros(1, 0, dtype=torch.long, device=gains.device)
    value = torch.zeros(1, dtype=torch.double, device=gains.device)
    best, worth = shown[0], value[0]
    for turn in range(cap):
        values = value[:, None] + gains
        if values.max() > worth:
            row, item = divmod(int(values.argmax()), len(gains))
            best, worth = torch.cat([shown[row], shown.new_tensor([item])]), values.max()
        looked_at = int(reach[min(turn, window)])
        tiring = near[shown[:, turn - looked_at :]].any(1)
        if turn + 1 == cap or bool(tiring.all()):
            break
        shown, value = kept(shown, values.masked_fill(tiring, -torch.inf), window, width)
    return best, worth.float()


def kept(
    shown: Int[Tensor, "state turn"],
    values: Float[Tensor, "state item"],
    window: int,
    width: int,
) -> tuple[Int[Tensor, "left next"], Float[Tensor, " left"]]:
    """Keep the best way to each state, and of these the best `width`."""
    value, place = values.flatten().sort(descending=True, stable=True)
    place = place[value > -torch.inf]
    row, item = place // values.shape[1], place % values.shape[1]
    shown = torch.cat([shown[row], item[:, None]], dim=1)
    last = shown[:, -window:]
    base = values.shape[1] ** torch.arange(last.shape[1], device=last.device)
    state = (last * base).sum(1).unique(return_inverse=True)[1]
    order = torch.arange(len(state), device=state.device)
    first = torch.full((int(state.max()) + 1,), len(state), device=state.device)
    first = first.scatter_reduce(0, state, order, "amin").sort().values[:width]
    return shown[first], values.flatten()[place[first]]

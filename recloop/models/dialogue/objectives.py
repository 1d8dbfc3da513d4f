"""What dialogue models learn from, as functions of tensors: hinge, log-policy, rewards, returns, negatives.

Wu et al. (GOMMIR). RecSys 2023, Eqs. 5 to 11; Wu et al. (PMMIR). TORS 2024, Eqs. 6 to 10.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import normalize, relu


def hinge(
    states: Float[Tensor, "batch turn dim"],
    target: Float[Tensor, "batch dim"],
    negative: Float[Tensor, "batch turn dim"],
    margin: float,
) -> Float[Tensor, "batch turn"]:
    """Ask that a state be nearer to the target than to a negative by a margin (GOMMIR Eq. 11, PMMIR Eq. 6).

    Distances are squared, as in the authors' code; the papers write l2. Both papers print `max` where they minimise.
    """
    near = (states - target[:, None]).square().sum(-1)
    far = (states - negative).square().sum(-1)
    return relu(near - far + margin)


def log_policy(
    states: Float[Tensor, "batch turn dim"],
    target: Float[Tensor, "batch dim"],
    negatives: Float[Tensor, "batch turn j dim"],
    temperature: float = 1.0,
) -> Float[Tensor, "batch turn"]:
    """Log-probability of the target among negatives, by dot product (GOMMIR Eq. 7, PMMIR Eq. 9)."""
    positive = torch.einsum("btd,bd->bt", states, target)
    others = torch.einsum("btd,btjd->btj", states, negatives)
    logits = torch.cat([positive[..., None], others], dim=-1) / temperature
    return logits.log_softmax(-1)[..., 0]


def similarity_reward(
    table: Float[Tensor, "item dim"],
    items: Int[Tensor, "batch turn k"],
    target: Int[Tensor, " batch"],
    raw: bool,
) -> Float[Tensor, "batch turn"]:
    """Sum the dot products of shown items with the target (GOMMIR Eq. 8, PMMIR Eq. 10).

    Args:
        table: embedding of each item of the pool.
        items: rows of the items that count in each list.
        target: row of the target of each dialogue.
        raw: as printed. Otherwise the mean cosine, in -1..1 (ours), which a tanh can express.
    """
    vectors = table.detach() if raw else normalize(table.detach(), dim=-1)
    similarity = torch.einsum("btkd,bd->btk", vectors[items], vectors[target])
    return similarity.sum(-1) if raw else similarity.mean(-1)


def returns(
    rewards: Float[Tensor, "batch turn"], discount: float, to_go: bool = False
) -> Float[Tensor, "batch turn"]:
    """Compute the return of each turn.

    Printed is one return for all turns, R = sum_t discount^t r_t (GOMMIR Eq. 5, PMMIR Eq. 7). With `to_go` a turn
    counts only what follows it, sum_u>=t discount^(u-t) r_u: the authors' code of both papers, and how both texts speak
    of "immediate rewards".
    """
    turn = torch.arange(rewards.shape[1], device=rewards.device)
    ahead = turn - turn[:, None]  # from turn (row) to turn (column)
    # 0 ** 0 is 1 in torch, so that discount=0 keeps the immediate reward.
    powers = torch.full_like(rewards[:1], discount).squeeze(0) ** ahead.clamp(min=0)
    weights = powers.triu() if to_go else powers[:1].expand_as(powers)
    return rewards @ weights.T


def shuffled(
    rewards: Float[Tensor, "batch turn"], generator: torch.Generator
) -> Float[Tensor, "batch turn"]:
    """Give the rewards of a batch to other turns and dialogues, each once."""
    order = torch.randperm(rewards.numel(), generator=generator, device=generator.device)
    return rewards.flatten()[order.to(rewards.device)].view_as(rewards)


def random_items(
    items: int, target: Int[Tensor, " batch"], shape: tuple[int, ...], generator: torch.Generator
) -> Int[Tensor, "batch ..."]:
    """Draw items of the pool uniformly, never the target (ours: not stated), `shape` of them per dialogue."""
    size = (len(target), *shape)
    drawn = torch.randint(items - 1, size, generator=generator, device=generator.device)
    drawn = drawn.to(target.device)
    return drawn + (drawn >= target.reshape(-1, *(1 for _ in shape)))


def disliked_items(
    disliked: Int[Tensor, "batch turn rejected"],
    fallback: Int[Tensor, "batch turn j"],
    current: bool,
    generator: torch.Generator,
) -> Int[Tensor, "batch turn j"]:
    """Draw, with replacement, from what was disliked in the lists before each turn.

    Args:
        disliked: rows of the disliked items of each list.
        fallback: what to take in a turn before which nothing was disliked; says how many are drawn.
        current: whether the dislikes of the turn's own list are known too.
        generator: source of random numbers.
    """
    _, turns, rejected = disliked.shape
    if rejected == 0:
        return fallback
    known = (torch.arange(turns, device=disliked.device) + current) * rejected
    uniform = torch.rand(fallback.shape, generator=generator, device=generator.device)
    place = (uniform.to(disliked.device) * known[:, None]).long().clamp(max=turns * rejected - 1)
    drawn = disliked.flatten(1).gather(1, place.flatten(1)).view_as(fallback)
    return torch.where(known[:, None] > 0, drawn, fallback)


def mean_where(values: Float[Tensor, "*row"], mask: Bool[Tensor, "*row"]) -> Float[Tensor, ""]:
    """Average what counts; zero if nothing does.

    The papers sum over turns, their code averages; the two differ by a factor, which Adam takes out.
    """
    return (values * mask).sum() / mask.sum().clamp(min=1)

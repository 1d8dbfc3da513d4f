"""Placebos: the same training in which rewards cannot say what is a purchase. What still helps was not their doing.

Labarca et al. On the Unexpected Effectiveness of Reinforcement Learning for Sequential Recommendation. ICML 2024, for
`auxiliary`; the others are ours.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

KINDS = ("none", "zero_reward", "shuffled_reward", "constant_target", "auxiliary")
CONSTANT = 1.0  # ours: the reward of a purchase in SQN and SNQN
SCALE = 10.0  # ours: sessions of ten items give targets of the size of a reward


def checked(kind: str) -> str:
    """Return the name of a placebo after a check.

    Raises:
        ValueError: there is no such placebo.
    """
    if kind not in KINDS:
        raise ValueError(f"placebo={kind!r}, but there are only {', '.join(KINDS)}")
    return kind


def rewards(
    kind: str, rewards: Float[Tensor, "objective row action"]
) -> Float[Tensor, "objective row action"]:
    """Return zeros, the rewards shuffled between transitions, or the rewards unchanged."""
    if kind == "zero_reward":
        return torch.zeros_like(rewards)
    if kind == "shuffled_reward":
        return rewards[:, torch.randperm(rewards.shape[1], device=rewards.device)]
    return rewards


def target(kind: str, seen: Int[Tensor, " row"]) -> Float[Tensor, " row"] | None:
    """Compute what values are to predict in place of rewards and future; None where they look ahead as they should.

    `auxiliary` asks for something as easy and as long as the session: how many items it holds so far.
    """
    if kind == "constant_target":
        return torch.full_like(seen, CONSTANT, dtype=torch.float)
    return seen / SCALE if kind == "auxiliary" else None

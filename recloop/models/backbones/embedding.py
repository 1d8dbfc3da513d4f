"""The item table under every backbone, with its row for padding.

Xin et al. Self-Supervised Reinforcement Learning for Recommender Systems. SIGIR 2020.
"""

from torch import nn


def item_embedding(items: int, dim: int) -> nn.Embedding:
    """Make one row per item and a last row of zeros for padding, which no gradient reaches."""
    table = nn.Embedding(items + 1, dim, padding_idx=items)
    nn.init.normal_(table.weight, std=0.01)  # authors' code
    nn.init.zeros_(table.weight.detach()[items])
    return table

"""SMORL: SQN with three values per item, for accuracy, diversity and novelty.

Stamenkovic et al. Choosing the Best of Both Worlds: Diverse and Novel Recommendations through Multi-Objective
Reinforcement Learning. WSDM 2022.
"""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity

from recloop.data.popularity import novel_items
from recloop.models.sequential.double_q import DoubleQ
from recloop.models.sequential.transitions import Step


class SMORL(DoubleQ):
    """One ranking head, three value heads; the values regularise, the ranking head recommends.

    Args:
        item_vectors: frozen item table of a GRU4Rec trained with cross-entropy; distances in it are diversity.
        item_counts: events per item in training; the less popular 90% are novel.
        objective_weights: weights of accuracy, diversity and novelty in the scalarised value.
        Others: as `DoubleQ`.
    """

    def __init__(
        self,
        backbone: Callable[[], nn.Module],
        items: int,
        item_vectors: Float[Tensor, "item dim"],
        item_counts: Int[Tensor, " item"],
        discount: float = 0.5,
        click_reward: float = 0.2,
        purchase_reward: float = 1.0,
        objective_weights: Sequence[float] = (1.0, 1.0, 1.0),
        **settings,
    ):
        super().__init__(backbone, items, 3, discount, click_reward, purchase_reward, **settings)
        self.weights.copy_(torch.tensor(objective_weights))
        self.register_buffer("vectors", item_vectors.clone())
        self.register_buffer("novel", torch.from_numpy(novel_items(item_counts.numpy())))

    @torch.no_grad()
    def rewards(self, step: Step) -> Float[Tensor, "objective row"]:
        """Reward the logged item for accuracy, the item now recommended for diversity and novelty.

        Diversity is one minus the cosine to the last item of the state, novelty is one for an item of I_nov. That the
        last two look at the recommended and not at the logged item is how the public replication reads the paper.
        """
        shown = step.main.rank.best(step.states)
        diversity = 1 - cosine_similarity(self.vectors[step.item], self.vectors[shown], dim=-1)
        return torch.stack([self.accuracy_reward(step), diversity, self.novel[shown].float()])

"""What losses over drawn items share: a session encoder that tells the next item from a few others, not from all.

Kang and McAuley. Self-Attentive Sequential Recommendation. ICDM 2018 (one other item);
Petrov and Macdonald. gSASRec. RecSys 2023 (many).
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import embedding

from recloop.data.batches import Batch
from recloop.models.sequential.next_item import NextItem


class Sampled(NextItem):
    """One head over one backbone, trained on the next item and on items drawn for each position.

    Args:
        negatives: items drawn, uniformly from the catalogue with replacement; never more than there are other items.
        drawn_for: each `position` (the papers), or a whole `session`, whose positions are then compared with the same
            ones: the same expectation, and one small product in the place of many rows copied together.
        spared: whether the next item is never drawn; released code of gSASRec draws it as any other.
        bias: whether every item has a learned bias.
        Others: as `NextItem`.
    """

    def __init__(
        self,
        negatives: int = 256,
        drawn_for: str = "position",
        spared: bool = False,
        bias: bool = True,
        **settings,
    ):
        super().__init__(**settings)
        if negatives < 1:
            raise ValueError(f"negatives={negatives}, but there has to be one at least")
        if drawn_for not in ("position", "session"):
            raise ValueError(f"drawn_for={drawn_for!r}, but it is position or session")
        if spared and drawn_for == "session":
            raise ValueError("spared=true needs drawn_for=position: a session has many next items")
        self.negatives = min(negatives, self.padding - 1)
        self.drawn_for, self.spared = drawn_for, spared
        torch.nn.init.zeros_(self.rank.bias)
        self.rank.bias.requires_grad_(bias)

    def loss(self, batch: Batch) -> Float[Tensor, ""]:
        """Compare the next item with drawn ones at every position."""
        real = batch.actions(self.padding)
        states, targets = self.backbone(batch.session), batch.following[real]
        right = self.rank.at(states[real], targets)
        if self.drawn_for == "session":
            drawn = self.draw(len(states), states.device)
            return self.contrast(right, self.of_session(states, drawn)[real])
        drawn = self.draw(len(targets), states.device, targets if self.spared else None)
        return self.contrast(right, self.rank.among(states[real], drawn))

    def draw(
        self, rows: int, device: torch.device, spared: Int[Tensor, " row"] | None = None
    ) -> Int[Tensor, "row negative"]:
        """Draw items for each row, perhaps all but one of them."""
        if spared is None:
            return torch.randint(self.padding, (rows, self.negatives), device=device)
        shift = torch.randint(1, self.padding, (rows, self.negatives), device=device)
        return (spared[:, None] + shift) % self.padding

    def of_session(
        self, states: Float[Tensor, "batch time dim"], drawn: Int[Tensor, "batch negative"]
    ) -> Float[Tensor, "batch time negative"]:
        """Score the items drawn for a session at each of its positions."""
        rows, bias = embedding(drawn, self.rank.weight), self.rank.bias[drawn]
        return torch.baddbmm(bias[:, None], states, rows.transpose(1, 2))

    def contrast(
        self, right: Float[Tensor, " row"], wrong: Float[Tensor, "row negative"]
    ) -> Float[Tensor, ""]:
        """Compute the loss from the score of the next item and those of the drawn ones."""
        raise NotImplementedError

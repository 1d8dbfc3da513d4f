"""Two recommenders of the same form that are asked together: twice the size, twice the time of one.

An upper bound beside PCRec (Sun et al. SIGIR 2022), which serves one; ours.
"""

from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor, nn


class Ensemble(nn.Module):
    """The mean of the scores of two models.

    Args:
        host: makes one of them.
    """

    def __init__(self, host: Callable[[], nn.Module]):
        super().__init__()
        self.one, self.two = host(), host()
        self.reads = getattr(self.one, "reads", ("session",))

    def score(self, *asked: Tensor) -> Float[Tensor, "batch item"]:
        """Average the scores of every item."""
        return (self.one.score(*asked) + self.two.score(*asked)) / 2

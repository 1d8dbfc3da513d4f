"""Lists without training: relevance feedback in the encoder's own space, and random lists.

Rocchio. Relevance Feedback in Information Retrieval. In: The SMART Retrieval System, 1971.
"""

import torch
from torch.nn.functional import normalize

from recloop.models.dialogue.dialogue import DialogueModel, Feedback, State
from recloop.models.dialogue.spaces import Space


class Rocchio(DialogueModel):
    """The query is what was liked, less what was not, plus what was said; of unit vectors, and one itself.

    Args:
        features: width of the encoder's vectors, in which critiques and pictures meet.
        liked: weight of the mean over the liked items.
        disliked: weight of the mean over the disliked ones.
        text: weight of the mean over the critiques.
        remembers: the means are over `all` turns, or of the `last` one alone.
    """

    def __init__(
        self,
        features: int,
        liked: float = 1.0,
        disliked: float = 1.0,
        text: float = 0.0,
        remembers: str = "all",
    ):
        super().__init__(Space(features, features, "unit"))
        if remembers not in ("all", "last"):
            raise ValueError(f"remembers={remembers!r}: take all or last")
        self.register_buffer("weights", torch.tensor([liked, disliked, text]))
        self.remembers = remembers

    def observe(self, state: State, feedback: Feedback) -> State:
        """Add the turn to the weighted sum of the turns before, whose direction is that of the mean."""
        liked, disliked, text = self.weights
        rejected = self.space.image(feedback.disliked)
        said = liked * self.space.image(feedback.liked) + text * self.space.text(feedback.text)
        if rejected.shape[1]:
            said = said - disliked * rejected.mean(1)
        if self.remembers == "all" and state.memory:
            said = said + state.memory["sum"]
        return State(normalize(said, dim=-1), {"sum": said})


class RandomLists(Rocchio):
    """A query in a random direction after every list: nothing that was said has a weight.

    Args:
        features: width of the encoder's vectors.
    """

    def __init__(self, features: int):
        super().__init__(features, 0.0, 0.0, 0.0, "last")

    def observe(self, state: State, feedback: Feedback) -> State:
        """Forget everything and look anywhere."""
        return State(normalize(torch.randn_like(state.query), dim=-1))

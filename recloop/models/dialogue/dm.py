"""DM: the dialog manager, a GRU over the liked item and the critique of each turn.

Guo et al. Dialog-based Interactive Image Retrieval. NeurIPS 2018, in the form that GOMMIR (RecSys 2023) runs: encoder
vectors instead of a word network, concatenation instead of a sum.
"""

from typing import ClassVar

from recloop.models.dialogue.tracked import Recurrent


class DM(Recurrent):
    """The recurrent tracker and nothing else; learns by supervision, or by Guo's model-based policy improvement.

    Args: as `Recurrent`.
    """

    frozen: ClassVar = {
        "improve": ("space.image",)
    }  # Guo et al.: image layers rest in the second stage

"""A Transformer as a session encoder, with the pre-norm blocks of GPT.

Vaswani et al. Attention Is All You Need. NeurIPS 2017; Radford et al. Language Models are Unsupervised Multitask
Learners. 2019.
"""

from recloop.models.backbones.sasrec import SASRec
from recloop.models.blocks import CausalBlock


class Transformer(SASRec):
    """Causal self-attention in whose blocks nothing is left out.

    Args: as `SASRec`.
    """

    block = CausalBlock

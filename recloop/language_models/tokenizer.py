"""A tokenizer of our own: byte-level BPE (Sennrich et al. ACL 2016) learnt from the texts at hand."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

PADDING, START, END = "<pad>", "<s>", "</s>"
BYTES = len(pre_tokenizers.ByteLevel.alphabet())
SMALLEST = BYTES + 3


def learn(texts: Iterable[str], size: int) -> PreTrainedTokenizerFast:
    """Learn merges of bytes until there are `size` tokens; every text can be written with them.

    Args:
        texts: what is learnt from.
        size: tokens, the three marks and all bytes among them.

    Raises:
        ValueError: a size that does not even hold the bytes.
    """
    from transformers import PreTrainedTokenizerFast

    if size < SMALLEST:
        raise ValueError(f"vocabulary: expected {SMALLEST} tokens or more, got {size}")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=[PADDING, START, END],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    start = tokenizer.token_to_id(START)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{START} $A", special_tokens=[(START, start)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token=PADDING, bos_token=START, eos_token=END
    )

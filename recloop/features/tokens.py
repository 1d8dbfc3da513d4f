"""Sentences to token numbers: reads a model's tokenizer.json, and trains a small one."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import torch
from jaxtyping import Int
from tokenizers import (
    Tokenizer,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from torch import Tensor

# The end mark must not be 2: transformers then reads the state at the largest token instead of at the end mark.
PADDING, UNKNOWN, START, END = range(4)
SPECIAL = ["[PAD]", "[UNK]", "[START]", "[END]"]


class Tokens:
    """A tokenizer whose sentences are as long as the longest of them, at most `length` tokens.

    Padding is the end mark, as in CLIP: what stands behind the first one is never read.
    """

    def __init__(self, tokenizer: Tokenizer, length: int):
        self.tokenizer = tokenizer
        tokenizer.no_padding()
        tokenizer.enable_truncation(length)
        end = tokenizer.encode("a").ids[-1]
        tokenizer.enable_padding(pad_id=end, pad_token=tokenizer.id_to_token(end))

    @classmethod
    def read(cls, path: Path, length: int) -> Tokens:
        if not path.exists():
            raise ValueError(
                f"{path}: expected the tokenizer of a CLIP, found nothing; save it there"
            )
        return cls(Tokenizer.from_file(str(path)), length)

    def __call__(
        self, texts: list[str]
    ) -> tuple[Int[Tensor, "batch token"], Int[Tensor, "batch token"]]:
        """Give token numbers and the mask of those that are no padding."""
        found = self.tokenizer.encode_batch(texts)
        ids, mask = [one.ids for one in found], [one.attention_mask for one in found]
        return torch.tensor(ids), torch.tensor(mask)


def train(sentences: Iterable[str], size: int) -> Tokenizer:
    """Learn lower-case word pieces; a word never seen is spelled with pieces that were."""
    tokenizer = Tokenizer(models.WordPiece(unk_token=SPECIAL[UNKNOWN]))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(
        vocab_size=size, special_tokens=SPECIAL, show_progress=False
    )
    tokenizer.train_from_iterator(sentences, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{SPECIAL[START]} $A {SPECIAL[END]}",
        special_tokens=[(SPECIAL[START], START), (SPECIAL[END], END)],
    )
    return tokenizer

"""Sentences to token numbers: reads a model's tokenizer.json, and trains a small one."""

from __future__ import annotations

from collections import Counter
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
        """Return token numbers and the mask of those that are no padding."""
        found = self.tokenizer.encode_batch(texts)
        ids, mask = [one.ids for one in found], [one.attention_mask for one in found]
        return torch.tensor(ids), torch.tensor(mask)


def train(sentences: Iterable[str], size: int) -> Tokenizer:
    """Take the most frequent words, in lower case, and all characters; other words are spelled.

    Ours instead of the trainer of `tokenizers`, which breaks ties in another order each time it is asked.
    """
    normalise = normalizers.BertNormalizer(lowercase=True)
    cut = pre_tokenizers.BertPreTokenizer()
    counts = Counter(
        word
        for sentence in sentences
        for word, _ in cut.pre_tokenize_str(normalise.normalize_str(sentence))
    )
    characters = sorted({character for word in counts for character in word})
    pieces = [*SPECIAL, *characters, *(f"##{character}" for character in characters)]
    words = sorted(counts.keys() - set(characters), key=lambda word: (-counts[word], word))
    vocabulary = [*pieces, *words[: max(0, size - len(pieces))]]
    numbers = {piece: number for number, piece in enumerate(vocabulary)}
    tokenizer = Tokenizer(models.WordPiece(numbers, unk_token=SPECIAL[UNKNOWN]))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalise, cut
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{SPECIAL[START]} $A {SPECIAL[END]}",
        special_tokens=[(SPECIAL[START], START), (SPECIAL[END], END)],
    )
    return tokenizer

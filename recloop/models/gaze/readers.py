"""Readers: from the tokens of a text to how an eye would look at its words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from recloop.language_models import alignment
from recloop.language_models.bodies import Body
from recloop.language_models.bodies import padded as as_table

if TYPE_CHECKING:
    from recloop.language_models.model import LanguageModel


class Reader(nn.Module):
    """What readers share: tokens, units and the way of long texts.

    Args:
        language: whose tokenizer is used.
        features: how many measures a word has.
        window: most tokens that are read at once.
        overlap: tokens that two windows share, between which one fades into the other.

    Attributes:
        evenly: whether a word's measure is the sum over its tokens; otherwise it stands at one of them.
    """

    evenly: bool

    def __init__(
        self, language: LanguageModel, features: int, window: int = 512, overlap: int = 50
    ):
        super().__init__()
        self.tokenizer = language.tokenizer
        self.window, self.overlap = window, overlap
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("deviation", torch.ones(features))

    def fit_units(self, measured: Float[Tensor, "word feature"]) -> None:
        """Take the units from the words of the training part: a deviation is one, a mean is nought."""
        self.deviation.copy_(measured.std(0))
        if not self.evenly:
            self.mean.copy_(measured.mean(0))

    def forward(
        self, ids: Int[Tensor, "batch time"], mask: Int[Tensor, "batch time"]
    ) -> Float[Tensor, "batch time feature"]:
        """Read tokens, padding behind them; in deviations from the mean."""
        raise NotImplementedError

    def place(self, words: np.ndarray) -> np.ndarray:
        """Mark the tokens at which the measures of the words stand."""
        raise NotImplementedError

    @torch.no_grad()
    def read(self, texts: list[str], budget: int = 4096) -> list[tuple[np.ndarray, np.ndarray]]:
        """Read texts of any length.

        Args:
            texts: none of them empty.
            budget: most tokens of a batch with its padding.

        Returns:
            For each text what its tokens have of the measures, shape (token, feature) in their units, and the word of
            each token. Where a word's measure is no sum, its first token has it and the others have 0.
        """
        self.eval()
        numbered = [alignment.tokenised(self.tokenizer, text) for text in texts]
        cut = [alignment.windows(len(ids), self.window, self.overlap) for ids, _ in numbered]
        rows = [ids[part] for (ids, _), parts in zip(numbered, cut, strict=True) for part in parts]
        said = iter(self.read_rows(rows, budget))
        found = []
        for (ids, words), parts in zip(numbered, cut, strict=True):
            values = alignment.cross_faded([next(said) for _ in parts], parts, len(ids))
            found.append((self.laid_down(values, words), words))
        return found

    @torch.no_grad()
    def read_rows(self, rows: list[list[int]], budget: int) -> list[np.ndarray]:
        """Read rows of tokens, those of like length together."""
        from recloop.language_models.batching import by_length

        found: list[np.ndarray] = [np.empty(0)] * len(rows)
        device = self.mean.device
        for batch in by_length([len(row) for row in rows], budget):
            ids, mask = as_table([torch.tensor(rows[place]) for place in batch], False, device)
            said = self(ids, mask) * self.deviation + self.mean
            for place, values in zip(batch, said.float().cpu().numpy(), strict=True):
                found[place] = values[: len(rows[place])]
        return found

    def laid_down(self, values: np.ndarray, words: np.ndarray) -> np.ndarray:
        """Leave sums at their tokens; move a measure that stands at one token of its word to the first one."""
        real = words != alignment.NO_WORD
        if self.evenly:
            return np.where(real[:, None], values, 0).astype(np.float32)
        of_words = np.zeros((words.max(initial=-1) + 1, values.shape[1]), dtype=np.float32)
        stands = self.place(words)
        of_words[words[stands]] = values[stands]
        return alignment.spread(of_words, words, evenly=False)

    def of_words(
        self,
        said: Float[Tensor, "batch time feature"],
        words: Int[Tensor, "batch time"],
        number: int,
    ) -> Float[Tensor, "batch word feature"]:
        """Collect what is said of the words of each text.

        Args:
            said: of the tokens.
            words: of each token; below 0 where it counts for none.
            number: most words of a text.
        """
        counts = (words >= 0).unsqueeze(2)
        place = words.clamp(min=0).unsqueeze(2).expand(-1, -1, said.shape[2])
        empty = said.new_zeros(len(said), number, said.shape[2])
        return empty.scatter_add(1, place, said * counts)


class ReadingTime(Reader):
    """A bidirectional LSTM over frozen embeddings; the time of a word is the sum over its tokens.

    Args:
        language: whose table of tokens is read; T5's in the released code.
        features: how many measures a word has.
        hidden: of each direction, as wide as the layer behind it.
        layers: of the LSTM.
        dropout: between them and behind.
        window, overlap: see `Reader`.
    """

    evenly = True

    def __init__(
        self,
        language: LanguageModel,
        features: int,
        hidden: int = 128,
        layers: int = 2,
        dropout: float = 0.2,
        window: int = 512,
        overlap: int = 50,
    ):
        super().__init__(language, features, window, overlap)
        self.embedding = language.network.get_input_embeddings().requires_grad_(False)
        between = dropout if layers > 1 else 0.0
        self.lstm = nn.LSTM(
            language.dim, hidden, layers, batch_first=True, dropout=between, bidirectional=True
        )
        self.head = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(2 * hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, features),
        )
        self.scale = float(self.embedding.weight.detach().float().std())

    def forward(
        self, ids: Int[Tensor, "batch time"], mask: Int[Tensor, "batch time"]
    ) -> Float[Tensor, "batch time feature"]:
        """Read tokens in both directions."""
        lengths = mask.sum(1).clamp(min=1).cpu()
        vectors = self.embedding(ids).float() / self.scale  # tables differ in their units
        packed = nn.utils.rnn.pack_padded_sequence(
            vectors, lengths, batch_first=True, enforce_sorted=False
        )
        states = nn.utils.rnn.pad_packed_sequence(
            self.lstm(packed)[0], batch_first=True, total_length=ids.shape[1]
        )[0]
        return self.head(states)

    def fit_units(self, measured: Float[Tensor, "word feature"]) -> None:
        """Take the units from the words of the training part, and begin with the mean word."""
        super().fit_units(measured)
        nn.init.zeros_(self.head[-1].weight)
        with torch.no_grad():
            self.head[-1].bias.copy_(measured.mean(0) / self.deviation)

    def place(self, words: np.ndarray) -> np.ndarray:
        """Mark every token of a word."""
        return words != alignment.NO_WORD


class FiveFeatures(Reader):
    """A language model with a linear layer on the states of its tokens; a word is read off one of them.

    Args:
        language: RoBERTa in the released code; a causal one here.
        features: how many measures a word has.
        read_at: `last` token of a word, the first that has seen all of it where nobody looks ahead, or `first`, as the
            released code, whose model looks both ways.
        tuning, body_layers, rank, alpha, lora_dropout: see `Body`.
        window, overlap: see `Reader`.
    """

    evenly = False

    def __init__(
        self,
        language: LanguageModel,
        features: int,
        read_at: str = "last",
        tuning: str = "lora",
        body_layers: int | None = None,
        rank: int = 8,
        alpha: int | float = 32,
        lora_dropout: float = 0.1,
        window: int = 512,
        overlap: int = 50,
    ):
        super().__init__(language, features, window, overlap)
        if read_at not in ("first", "last"):
            raise ValueError(f"read_at={read_at!r}: expected first or last")
        self.read_at = read_at
        self.body = Body(language, tuning, body_layers, rank, alpha, lora_dropout)
        self.head = nn.Linear(self.body.dim, features)

    def forward(
        self, ids: Int[Tensor, "batch time"], mask: Int[Tensor, "batch time"]
    ) -> Float[Tensor, "batch time feature"]:
        """Read tokens from left to right."""
        states = self.body(self.body.embedding(ids), mask).float()
        with torch.autocast(states.device.type, enabled=False):
            return self.head(states)

    def place(self, words: np.ndarray) -> np.ndarray:
        """Mark the first or the last token of each word."""
        return alignment.lasts(words) if self.read_at == "last" else alignment.firsts(words)

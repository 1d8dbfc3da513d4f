"""A user who learned to word a difference: an LSTM that is given attribute and values and writes a sentence.

Zhang et al. AAAI 2022, Interaction with Users: "The inputs of the model are the differences on an attribute value
between the two items". Its kind is not said; a sequence model takes its place.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

END = 0  # begins and ends a sentence


class Speaker(nn.Module):
    """A language model over short sentences, conditioned on a difference and on whether it is a wish or a refusal.

    Args:
        vocabulary: number of words, with the one that ends a sentence.
        differences: numbers of meanings: attribute with the wanted, or the refused, value.
        dim: width of embeddings and state.
    """

    def __init__(self, vocabulary: int, differences: int, dim: int):
        super().__init__()
        self.meanings = nn.Embedding(differences, dim)
        self.words = nn.Embedding(vocabulary, dim)
        self.lstm = nn.LSTM(2 * dim, dim, batch_first=True)
        self.next = nn.Linear(dim, vocabulary)

    def forward(
        self, meaning: Int[Tensor, " sentence"], tokens: Int[Tensor, "sentence time"]
    ) -> Float[Tensor, "sentence time vocabulary"]:
        """Score the word after each of some words."""
        what = self.meanings(meaning)[:, None].expand(-1, tokens.shape[1], -1)
        found, _ = self.lstm(torch.cat([self.words(tokens), what], dim=-1))
        return self.next(found)

    def loss(
        self,
        meaning: Int[Tensor, " sentence"],
        tokens: Int[Tensor, "sentence time"],
        real: Bool[Tensor, "sentence time"],
    ) -> Float[Tensor, ""]:
        """Average -log p of the words and of the end of sentences."""
        before = torch.nn.functional.pad(tokens[:, :-1], (1, 0), value=END)
        return cross_entropy(self(meaning, before)[real], tokens[real])

    @torch.no_grad()
    def write(
        self, meaning: Int[Tensor, " sentence"], length: int, generator: torch.Generator
    ) -> Int[Tensor, "sentence time"]:
        """Draw sentences word by word.

        Args:
            meaning: of each.
            length: most words.
            generator: of the draws, on the CPU.
        """
        tokens = torch.zeros(len(meaning), length + 1, dtype=torch.long, device=meaning.device)
        state, word = None, tokens[:, 0]
        what, going = self.meanings(meaning), torch.ones_like(meaning, dtype=torch.bool)
        for time in range(length):
            found, state = self.lstm(torch.cat([self.words(word), what], dim=-1)[:, None], state)
            scores = self.next(found[:, 0])
            if not time:
                scores[:, END] = -torch.inf  # nobody says nothing
            chance = scores.softmax(-1).cpu()
            word = torch.multinomial(chance, 1, generator=generator)[:, 0].to(meaning.device)
            word = word.masked_fill(~going, END)
            tokens[:, time] = word
            going &= word != END
        return tokens

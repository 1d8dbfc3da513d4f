"""Show, Attend & Tell for pairs of pictures: the relative captioner that plays the user on Shoes.

Xu et al. Show, Attend and Tell: Neural Image Caption Generation with Visual Attention. ICML 2015.
Guo et al. Dialog-based Interactive Image Retrieval. NeurIPS 2018 (target and difference as input).
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from recloop.simulators.decoding import State


class ShowAttendTell(nn.Module):
    """An LSTM that looks at grid cells before each word.

    Args:
        words: size of the vocabulary, `END` included.
        features: dimension of a grid cell.
        dim: width of the LSTM.
        word_dim: width of word embeddings.
        attention_dim: width of the attention's hidden layer.
        dropout: of the LSTM's output.
    """

    def __init__(
        self,
        words: int,
        features: int,
        dim: int = 512,
        word_dim: int = 512,
        attention_dim: int = 512,
        dropout: float = 0.5,
    ):
        super().__init__()
        self.embedding = nn.Embedding(words, word_dim)
        self.start = nn.Linear(2 * features, dim)
        self.cell_key = nn.Linear(2 * features, attention_dim)
        self.state_key = nn.Linear(dim, attention_dim)
        self.relevance = nn.Linear(attention_dim, 1)
        # released code: no biases in the LSTM
        self.word_gates = nn.Linear(word_dim, 4 * dim, bias=False)
        self.cell_gates = nn.Linear(2 * features, 4 * dim, bias=False)
        self.state_gates = nn.Linear(dim, 4 * dim, bias=False)
        self.dropout = nn.Dropout(dropout)
        self.rank = nn.Linear(dim, words)
        for table in (self.embedding, self.rank):  # released code
            nn.init.uniform_(table.weight, -0.1, 0.1)
        nn.init.zeros_(self.rank.bias)

    def forward(
        self,
        target: Float[Tensor, "batch cell dim"],
        reference: Float[Tensor, "batch cell dim"],
        words: Int[Tensor, "batch time"],
    ) -> Float[Tensor, "batch time word"]:
        """Score each next word of given sentences; `words` starts with `END`."""
        state, hidden = self.begin(target, reference), []
        gates = self.word_gates(self.embedding(words))  # batch time gate
        for position in range(words.shape[1]):
            state = self.recur(gates[:, position], state)
            hidden.append(state[-2])
        return self.rank(self.dropout(torch.stack(hidden, 1)))

    def begin(
        self, target: Float[Tensor, "batch cell dim"], reference: Float[Tensor, "batch cell dim"]
    ) -> State:
        """Return cells, their keys twice as large (see `recur`), and the first hidden and memory state."""
        cells = torch.cat([target, target - reference], -1)
        # released code: the pooled pictures are both states; pooling is linear, so differences may come first
        start = self.start(cells.mean(1))
        return cells, self.cell_key(cells).mul_(2), start, start

    def step(
        self, word: Int[Tensor, " batch"], state: State
    ) -> tuple[Float[Tensor, "batch word"], State]:
        """Take the last word and score the next one."""
        state = self.recur(self.word_gates(self.embedding(word)), state)
        return self.rank(self.dropout(state[-2])), state

    def recur(self, word_gates: Float[Tensor, "batch gate"], state: State) -> State:
        """Look at the cells and update the LSTM."""
        cells, keys, hidden, memory = state
        # tanh(x) = 2 sigmoid(2x) - 1, which takes a tenth of the time on a CPU with AVX-512; the softmax drops what is
        # the same for all cells.
        close = torch.sigmoid(keys + 2 * self.state_key(hidden)[:, None])
        relevance = 2 * self.relevance(close)
        seen = (relevance.softmax(1).transpose(1, 2) @ cells)[:, 0]
        gates = word_gates + self.cell_gates(seen) + self.state_gates(hidden)
        keep_in, keep_old, new, out = gates.chunk(4, -1)
        memory = keep_old.sigmoid() * memory + keep_in.sigmoid() * new.tanh()
        return cells, keys, out.sigmoid() * memory.tanh(), memory

"""What the recommender is taught before it recommends: to name attributes of pictures, and those that a comment names.

Zhang et al. AAAI 2022, Model Details and Interaction with Users: "we pretrain the attribute network on the training
data"; "we also pretrain the textual encoder under a cross-entropy loss".
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from recloop.models.offline.spaces import LOWEST, Space


class AttributeNetwork(nn.Module):
    """AttrNet: a fully connected network from the features of a picture to the values of its attributes.

    Args:
        sizes: values of each attribute, the one that says nothing is stated included.
        features: width of the features.
        hidden: width of the hidden layer.
    """

    def __init__(self, sizes: Sequence[int], features: int, hidden: int):
        super().__init__()
        self.space = Space(sizes)
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("deviation", torch.ones(features))
        self.layers = nn.Sequential(
            nn.Linear(features, hidden), nn.ReLU(), nn.Linear(hidden, self.space.width)
        )

    def scale(self, features: Float[Tensor, "item features"]) -> None:
        """Learn mean and deviation of the training part."""
        self.mean = features.mean(0)
        self.deviation = features.std(0).clamp_min(1e-4)

    def scaled(self, features: Float[Tensor, "item features"]) -> Float[Tensor, "item features"]:
        """Scale features as those of the training part."""
        return (features - self.mean) / self.deviation

    def forward(
        self, features: Float[Tensor, "item features"]
    ) -> Float[Tensor, "item attribute value"]:
        """Score the values of each attribute."""
        scores = self.space.parted(self.layers(self.scaled(features)))
        return scores.masked_fill(~self.space.there, LOWEST)

    def loss(
        self, features: Float[Tensor, "item features"], codes: Int[Tensor, "item attribute"]
    ) -> Float[Tensor, ""]:
        """Average the cross-entropy over items and attributes."""
        return cross_entropy(self(features).flatten(0, 1), codes.flatten())


class TextEncoder(nn.Module):
    """Word embeddings, an LSTM and a linear layer.

    Args:
        vocabulary: number of words, with the one that ends a sentence.
        labels: things that a comment can say; it is taught to name them and then asked for its last layer but one.
        word_dim: width of the embeddings.
        hidden: width of the LSTM.
        dim: width of the linear layer.
    """

    def __init__(self, vocabulary: int, labels: int, word_dim: int, hidden: int, dim: int):
        super().__init__()
        self.words = nn.Embedding(vocabulary, word_dim)
        self.lstm = nn.LSTM(word_dim, hidden, batch_first=True)
        self.linear = nn.Linear(hidden, dim)
        self.names = nn.Linear(dim, labels)

    def forward(
        self, tokens: Int[Tensor, "sentence time"], lengths: Int[Tensor, " sentence"]
    ) -> Float[Tensor, "sentence dim"]:
        """Encode sentences, whose words are followed by zeros."""
        found, _ = self.lstm(self.words(tokens))
        last = (lengths - 1).clamp_min(0)
        return self.linear(found[torch.arange(len(tokens)), last])

    def loss(
        self,
        tokens: Int[Tensor, "sentence time"],
        lengths: Int[Tensor, " sentence"],
        labels: Int[Tensor, " sentence"],
    ) -> Float[Tensor, ""]:
        """Average the cross-entropy of what sentences say."""
        return cross_entropy(self.names(self(tokens, lengths)), labels)


class Perception(nn.Module):
    """Both, taught side by side.

    Args:
        sizes, features: of the attribute network.
        vocabulary, labels: of the text encoder.
        network_hidden: width of the attribute network's hidden layer.
        word_dim, text_hidden, text_dim: of the text encoder.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        features: int,
        vocabulary: int,
        labels: int,
        network_hidden: int,
        word_dim: int,
        text_hidden: int,
        text_dim: int,
    ):
        super().__init__()
        self.attributes = AttributeNetwork(sizes, features, network_hidden)
        self.text = TextEncoder(vocabulary, labels, word_dim, text_hidden, text_dim)

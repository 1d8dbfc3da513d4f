"""Networks of transformers that read titles or pictures and give one vector per item and hidden level.

Level 0 is the embedding table, level l what layer l makes of it, as transformers counts `hidden_states`. Nothing of a
level is normalised afterwards: the last one of a ViT comes without the norm behind it, `last` with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from recloop.features.preparation import Preparation

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedModel

POOLINGS = ("first", "mean", "last", "mean_padded")
# The last layers of both parts of a block, by their names in BERT, in ViT and in causal language models.
OF_ATTENTION = ("attention.output.dense", "attention.o_proj", "self_attn.o_proj")
OF_FEED_FORWARD = ("output.dense", "mlp.fc2", "mlp.down_proj")
LENGTH = 30  # tokens of a title, marks among them (released code of IISAN)


class Network(nn.Module):
    """A network with all of its hidden levels; `words.Words` and `pictures.Pictures` say what it reads.

    Args:
        backbone: a model of transformers, without a head.
        revision: names the weights exactly: a commit, or a hash.
        pooling: one of `POOLINGS`: the state at the first place (CLS), the mean over what is no padding, the state at
            the last token, or the mean over all places, padding included (`mean_padded`: IISAN-Versa's draft code).

    Attributes:
        dim: length of the vector of the last level.
        levels: how many hidden levels there are, the embedding table among them.
    """

    reads: ClassVar[str]

    def __init__(self, backbone: PreTrainedModel, revision: str, pooling: str = "first"):
        super().__init__()
        if pooling not in POOLINGS:
            raise ValueError(f"pooling={pooling!r}: expected one of {', '.join(POOLINGS)}")
        self.backbone, self.revision, self.pooling = backbone, revision, pooling
        config = backbone.config
        maps = hasattr(
            config, "hidden_sizes"
        )  # a ResNet: one level per stage, each of its own width
        self.widths = (
            [config.embedding_size, *config.hidden_sizes]
            if maps
            else [config.hidden_size] * (config.num_hidden_layers + 1)
        )
        self.dim, self.levels, self.maps = self.widths[-1], len(self.widths), maps

    @property
    def device(self) -> torch.device:
        return next(self.backbone.parameters()).device

    def freeze(self) -> Network:
        """Let nothing learn and nothing be dropped."""
        self.requires_grad_(False)
        return self.eval()

    def checkpoint_gradients(self) -> None:
        """Compute activations again on the way back in place of keeping them: less memory, a third more time.

        A ResNet keeps them: its norms would count every batch twice, and transformers has no such pass for it.
        """
        if not self.backbone.supports_gradient_checkpointing:
            return
        self.backbone.config.use_cache = False
        self.backbone.activation_checkpointing_enable({"use_reentrant": False})

    def check_levels(self, kept: Sequence[int]) -> None:
        """Stop at a level that the network has not, or at levels that cannot stand in one table.

        Raises:
            ValueError: says which levels there are.
        """
        wrong = [level for level in kept if not 0 <= level < self.levels]
        if wrong or not kept:
            raise ValueError(
                f"level {wrong[0] if wrong else 'none'}: this network has levels 0 (its embedding table) to "
                f"{self.levels - 1}"
            )
        if len({self.widths[level] for level in kept}) > 1:
            raise ValueError(
                f"levels {list(kept)} have {[self.widths[level] for level in kept]} numbers: ask for one level of a "
                "network whose stages differ in width"
            )

    def forward(
        self, inputs: Mapping[str, Tensor], kept: Sequence[int]
    ) -> Float[Tensor, "item level dim"]:
        """Read items and give the levels asked for; no other is kept."""
        self.check_levels(kept)
        states = self.run(inputs, output_hidden_states=True).hidden_states
        return torch.stack([self.pool(states[level], inputs) for level in kept], 1)

    def last(self, inputs: Mapping[str, Tensor]) -> Float[Tensor, "item dim"]:
        """Read items and give the vector behind the last layer and its norm."""
        return self.pool(self.run(inputs).last_hidden_state, inputs)

    def run(self, inputs: Mapping[str, Tensor], **more: Any) -> Any:
        """Run the backbone."""
        raise NotImplementedError

    def pool(self, states: Tensor, inputs: Mapping[str, Tensor]) -> Float[Tensor, "item dim"]:
        """Take one vector per item from the states at all of its places."""
        if self.maps:
            return states.mean((2, 3))
        if self.pooling == "first":
            return states[:, 0]
        mask = inputs.get("attention_mask")
        if mask is None or self.pooling == "mean_padded":
            return states.mean(1)
        if self.pooling == "last":
            return states[torch.arange(len(states), device=states.device), mask.sum(1) - 1]
        weights = mask.unsqueeze(2).to(states.dtype)
        return (states * weights).sum(1) / weights.sum(1)


class Words(Network):
    """A network that reads titles: BERT, MiniLM, or a causal language model.

    Args:
        tokenizer: of the same folder.
        length: most tokens of a title, marks among them.
        Others: as `Network`.
    """

    reads = "words"

    def __init__(
        self,
        backbone: PreTrainedModel,
        tokenizer: Tokenizer,
        revision: str,
        pooling: str = "first",
        length: int = LENGTH,
    ):
        super().__init__(backbone, revision, pooling)
        self.tokenizer, self.length = tokenizer, length
        room = getattr(backbone.config, "max_position_embeddings", length)
        if length > room:
            raise ValueError(f"tokens: {length} are more than the {room} places of this network")

    def run(self, inputs: Mapping[str, Tensor], **more: Any) -> Any:
        if getattr(self.backbone.config, "is_decoder", False) or hasattr(
            self.backbone.config, "rms_norm_eps"
        ):
            more["use_cache"] = False
        return self.backbone(
            input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], **more
        )


class Pictures(Network):
    """A network that looks at pictures: ViT or ResNet.

    Args:
        prepare: makes pixels of a file and scales them.
        Others: as `Network`.
    """

    reads = "pictures"

    def __init__(
        self,
        backbone: PreTrainedModel,
        prepare: Preparation,
        revision: str,
        pooling: str = "first",
    ):
        super().__init__(backbone, revision, pooling)
        self.prepare = prepare

    def run(self, inputs: Mapping[str, Tensor], **more: Any) -> Any:
        pixels = self.prepare.scale(inputs["pixels"]).to(self.backbone.dtype)
        return self.backbone(pixel_values=pixels, **more)

"""CLIP with a ResNet for pictures, as in RN101: our own small one, because a Transformer needs more pictures to learn.

He et al. Deep Residual Learning for Image Recognition. CVPR 2016. Radford et al. Learning Transferable Visual Models
From Natural Language Supervision. ICML 2021; theirs pools with attention, ours with a mean.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn
from transformers import CLIPConfig, CLIPModel, ResNetConfig, ResNetModel
from transformers.modeling_outputs import BaseModelOutputWithPooling


class Tower(nn.Module):
    """A ResNet that answers as the picture half of a CLIPModel does."""

    def __init__(self, config: ResNetConfig):
        super().__init__()
        self.resnet = ResNetModel(config)

    def forward(
        self, pixel_values: Float[Tensor, "batch 3 height width"], **_: object
    ) -> BaseModelOutputWithPooling:
        grid = self.resnet(pixel_values).last_hidden_state
        return BaseModelOutputWithPooling(last_hidden_state=grid, pooler_output=grid.mean((2, 3)))


class ResNetCLIP(CLIPModel):
    """A CLIPModel whose picture half is `config.resnet`; everything else is CLIPModel's.

    Args:
        config: of a CLIP, with the keywords of a ResNetConfig as `resnet`.
    """

    def __init__(self, config: CLIPConfig):
        super().__init__(config)
        self.vision_model = Tower(ResNetConfig(**config.resnet))
        self.post_init()


def configure(text: dict, widths: list[int], depth: int, image_size: int, dim: int) -> CLIPConfig:
    """Describe a small model.

    Args:
        text: keywords of the Transformer for texts.
        widths: channels of the stages.
        depth: layers per stage.
        image_size: side of a picture in pixels.
        dim: of the common space.
    """
    resnet = {
        "embedding_size": widths[0],
        "hidden_sizes": widths,
        "depths": [depth] * len(widths),
        "layer_type": "basic",
    }
    # The least Transformer that CLIPModel makes before it is replaced.
    unused = {"num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 1}
    vision = {"hidden_size": widths[-1], "image_size": image_size, "patch_size": image_size}
    return CLIPConfig(
        text_config=text, vision_config=vision | unused, projection_dim=dim, resnet=resnet
    )

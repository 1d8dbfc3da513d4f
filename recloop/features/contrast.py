"""A small CLIP of our own, trained on pictures and composed captions.

Loss: Radford et al. Learning Transferable Visual Models From Natural Language Supervision. ICML 2021; with several
right pictures per caption, as in Yang et al. Unified Contrastive Learning in Image-Text-Label Space. CVPR 2022.
"""

from __future__ import annotations

from pathlib import Path
from random import Random

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.functional import log_softmax, normalize

from recloop.features import captions, tokens
from recloop.features.encoder import TOKENIZER
from recloop.features.pretraining_data import PretrainingData
from recloop.features.tagging import tag_loss

LARGEST_SCALE = 100.0  # CLIP S2.5
READ = 2  # captions per picture and update that are only read


class Contrast(nn.Module):
    """Pulls a picture and the sentences that fit it together.

    Args:
        pretraining_data: what to learn from.
        seed: of captions.
        dim: of the common space.
        channels: of the ResNet's last stage, which the others double up to.
        stages: of the ResNet; each halves the grid.
        depth: layers per stage.
        width, layers, heads: of the Transformer for texts.
        length: most tokens of a sentence.
        vocabulary: most word pieces.
        each: captions per picture; one of them is drawn in each epoch.
        compared: share of captions that say how a picture differs from another one.
        hint: weight of naming labels, with one layer for pictures and sentences; a few thousand pictures need it.
    """

    def __init__(
        self,
        pretraining_data: PretrainingData,
        seed: int,
        dim: int = 64,
        channels: int = 128,
        stages: int = 3,
        depth: int = 1,
        width: int = 64,
        layers: int = 2,
        heads: int = 4,
        length: int = 24,
        vocabulary: int = 2000,
        each: int = 12,
        compared: float = 0.5,
        hint: float = 1.0,
    ):
        super().__init__()
        self.pretraining_data, self.dim, self.hint = pretraining_data, dim, hint
        learnt = [pretraining_data.known[item] for item in pretraining_data.train.tolist()]
        written = captions.write(learnt, each, Random(seed), compared)
        texts = [caption.text for row in written for caption in row]
        self.tokenizer = tokens.train([*texts, *pretraining_data.sentences], vocabulary)
        self.tokens = tokens.Tokens(self.tokenizer, length)
        self.ids, self.mask = (found.view(len(learnt), each, -1) for found in self.tokens(texts))
        self.named, self.exact = self.mark(written)
        sizes = {
            "hidden_size": width,
            "intermediate_size": 4 * width,
            "num_hidden_layers": layers,
            "num_attention_heads": heads,
            "max_position_embeddings": length,
        }
        widths = [channels // 2**stage for stage in reversed(range(stages))]
        self.clip = self.build(dim, sizes, widths, depth)
        self.head = nn.Linear(dim, len(pretraining_data.labels))

    def mark(
        self, written: list[list[captions.Caption]]
    ) -> tuple[Bool[Tensor, "train each label"], Bool[Tensor, "train each"]]:
        """Mark which labels each caption names and whether it says nothing else."""
        place = {one: index for index, one in enumerate(self.pretraining_data.labels)}
        named = torch.zeros(len(written), len(written[0]), len(place), dtype=torch.bool)
        exact = torch.zeros(named.shape[:2], dtype=torch.bool)
        for row, several in enumerate(written):
            for column, caption in enumerate(several):
                known = [place[one] for one in caption.labels if one in place]
                named[row, column, known] = True
                exact[row, column] = caption.exact and len(known) == len(caption.labels) > 0
        return named, exact

    def build(self, dim: int, sizes: dict, widths: list[int], depth: int) -> nn.Module:
        from recloop.features.resnet_clip import ResNetCLIP, configure

        text = sizes | {
            "vocab_size": self.tokenizer.get_vocab_size(),
            "pad_token_id": tokens.PADDING,
            "bos_token_id": tokens.START,
            "eos_token_id": tokens.END,
        }
        return ResNetCLIP(
            configure(text, widths, depth, self.pretraining_data.pixels.shape[-1], dim)
        )

    def loss(
        self,
        pixels: Float[Tensor, "batch 3 height width"],
        rows: Int[Tensor, " batch"],
        random: torch.Generator,
    ) -> Float[Tensor, ""]:
        """Compare every picture of a batch with one caption of each."""
        drawn = torch.randint(self.ids.shape[1], (len(rows),), generator=random)
        found = self.clip(pixel_values=pixels, **self.words(rows, drawn, pixels.device))
        fits = self.fits(rows, drawn).to(pixels.device).float()
        logits = found.logits_per_text
        forward = fits / fits.sum(1, keepdim=True) * log_softmax(logits, 1)
        backward = fits / fits.sum(0) * log_softmax(logits, 0)
        contrast = -(forward.sum(1).mean() + backward.sum(0).mean()) / 2
        return contrast + self.hint * (
            tag_loss(
                self.head(found.vision_model_output.pooler_output), self.pretraining_data, rows
            )
            + self.name_loss(rows.repeat(READ), random, pixels.device)
        )

    def name_loss(
        self, rows: Int[Tensor, " batch"], random: torch.Generator, device: torch.device
    ) -> Float[Tensor, ""]:
        """Average the cross-entropy of the labels that sentences name; reading is cheaper than looking."""
        drawn = torch.randint(self.ids.shape[1], (len(rows),), generator=random)
        named = self.named[rows, drawn].float().to(device)
        shares = named / named.sum(1, keepdim=True).clamp(min=1)
        found = self.clip.get_text_features(**self.words(rows, drawn, device)).pooler_output
        return -(shares * log_softmax(self.head(found).float(), 1)).sum(1).mean()

    def words(
        self, rows: Int[Tensor, " batch"], drawn: Int[Tensor, " batch"], device: torch.device
    ) -> dict[str, Int[Tensor, "batch token"]]:
        """Pick captions, as short as the longest of them."""
        mask = self.mask[rows, drawn]
        longest = int(mask.sum(1).max())
        ids = self.ids[rows, drawn, :longest]
        return {"input_ids": ids.to(device), "attention_mask": mask[:, :longest].to(device)}

    def fits(
        self, rows: Int[Tensor, " batch"], drawn: Int[Tensor, " batch"]
    ) -> Bool[Tensor, "caption picture"]:
        """Mark the pictures of a batch that have all that a caption names; its own picture always fits."""
        named = self.named[rows, drawn].float()
        has = self.pretraining_data.has[self.pretraining_data.train[rows]].float()
        fits = (named @ has.T == named.sum(1, keepdim=True)) & self.exact[rows, drawn, None]
        return fits | torch.eye(len(rows), dtype=torch.bool)

    def limit(self) -> None:
        """Keep the temperature in its range after an update."""
        with torch.no_grad():
            self.clip.logit_scale.clamp_(max=torch.tensor(LARGEST_SCALE).log().item())

    def scores(self, pixels: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch label"]:
        """Score how well the name of each label fits each picture."""
        pictures = self.clip.get_image_features(pixels).pooler_output
        return normalize(pictures, dim=1) @ self.label_texts(pixels.device).T

    def label_texts(self, device: torch.device) -> Float[Tensor, "label dim"]:
        """Encode all names of each label and take their mean."""
        named = [captions.names(label) for label in self.pretraining_data.labels]
        ids, mask = self.tokens([name for several in named for name in several])
        texts = self.clip.get_text_features(ids.to(device), attention_mask=mask.to(device))
        counts = [len(several) for several in named]
        split = normalize(texts.pooler_output, dim=1).split(counts)
        return normalize(torch.stack([several.mean(0) for several in split]), dim=1)

    def save(self, output: Path) -> None:
        """Write what `clip.CLIP` opens."""
        self.clip.save_pretrained(output)
        self.tokenizer.save(str(output / TOKENIZER))

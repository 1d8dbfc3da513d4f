"""Rule `learn_network`: a catalogue to a small BERT or ViT of our own, where no published one can be fetched.

Ours: the papers use published networks. A ViT learns to name attributes from its pooled state, as the published one
learnt the names of ImageNet; a BERT learns words that are hidden (Devlin et al. NAACL 2019) and, in the place of which
sentence follows, attributes from its pooled state; without attributes that state learns nothing of its own, and a mean
is what to read. Nothing of the catalogue is recommended where the network reads.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float, Int
from tokenizers import AddedToken, Tokenizer
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from recloop.contents.captions import save_names
from recloop.contents.networks import OF_ATTENTION, OF_FEED_FORWARD, Network, Pictures, Words
from recloop.contents.opening import RECORD
from recloop.contents.settings import LOOP, SIZES
from recloop.features import tokens
from recloop.features.encode import catalogue_hash
from recloop.features.encoder import TOKENIZER, revision_of
from recloop.features.preparation import CONFIG, Preparation
from recloop.features.pretrain import Pretraining, schedule_of
from recloop.features.pretraining_data import PretrainingData, attributes_of
from recloop.features.tagging import tag_loss
from recloop.features.zero_shot import judge
from recloop.fitting import processor
from recloop.fitting.context import TrainingContext
from recloop.fitting.trainer import Trainer
from recloop.storage.files import write_json
from recloop.storage.settings import only_known

if TYPE_CHECKING:
    from transformers import ResNetConfig

HIDDEN = "[MASK]"
IGNORED = -100  # of cross_entropy
TOGETHER = 256  # items that are judged together
MEASURED = 1024  # items by whose states a length is measured
SPREAD = 0.02  # of ViT-base's first weights, at its width of 768


def learn_network(
    catalogue: Path,
    settings: dict,
    output: Path,
    seed: int,
    device: str = "cpu",
    threads: int = 1,
    log: Callable[[str], None] = print,
) -> None:
    """Train a small network and judge it on items held out.

    Args:
        catalogue: folder of `build_catalogue`; none of its items is recommended where the network reads.
        settings: `class`, networks.Words or networks.Pictures, perhaps `pooling`, and `learn`, changes to
            `settings.LOOP` and to `settings.SIZES` of the class.
        output: folder for what `open_network` reads, and encoder.json.
        seed: of weights, batches and the held-out items.
        device: cpu or cuda.
        threads: of the processor.
        log: takes a line of progress.

    Raises:
        SettingsError: an unknown setting.
    """
    processor.use(threads)
    torch.manual_seed(seed)
    started, sizes = time.monotonic(), SIZES[settings["class"]]
    only_known("learn", settings.get("learn", {}), LOOP | sizes)
    chosen = LOOP | sizes | settings.get("learn", {})
    prepare = Preparation(size=chosen["image_size"], short_side=None)
    looks = prepare if settings["class"] == "networks.Pictures" else None
    known = PretrainingData.read(catalogue, looks, chosen["held_out"], seed, workers=threads)
    made = {name: chosen[name] for name in sizes} | {"pooling": settings.get("pooling", "first")}
    learner = LEARNERS[settings["class"]](known, prepare, **made)
    folder = output.with_name(f"{output.name}.part")
    context = TrainingContext(seed, folder, device, log, settings["class"])
    schedule = schedule_of({name: chosen[name] for name in LOOP}, device)
    objective = Pretraining(learner.to(device), known, prepare, schedule, context)
    origin = {"settings": settings, "seed": seed, "data": catalogue_hash(catalogue)}
    trainer = Trainer(objective, context, origin)
    earlier = trainer.progress.seconds
    trainer.fit()
    output.mkdir(parents=True, exist_ok=True)
    learner.eval().save(output)
    record = {
        "revision": revision_of(output),
        "class": settings["class"],
        "dim": learner.network.dim,
        "zero_shot": named(learner, known),
        "pictures": {"train": len(known.train), "held_out": len(known.held_out)},
        "labels": len(known.labels),
        "parameters": sum(one.numel() for one in learner.network.parameters()),
        "loss": [row["loss"] for row in trainer.progress.curve],
        **origin,
        "seconds": earlier + time.monotonic() - started,
    }
    write_json(output / RECORD, record)
    shutil.rmtree(folder)


class Learner(nn.Module):
    """A network that learns to name the attributes of items from its pooled state.

    Args:
        known: what to learn from.
        network: what learns.
    """

    def __init__(self, known: PretrainingData, network: Network):
        super().__init__()
        self.known, self.network, self.dim = known, network, network.dim
        self.head = nn.Linear(network.dim, len(known.labels))

    def inputs(self, items: Int[Tensor, " batch"]) -> dict[str, Tensor]:
        """Return what the network reads of some items."""
        raise NotImplementedError

    @torch.no_grad()
    def scores_of(self, items: Int[Tensor, " batch"]) -> Float[Tensor, "batch label"]:
        """Score how well each label fits each item."""
        return self.head(self.network.last(self.inputs(items)))

    def limit(self) -> None:
        """Nothing is kept in a range."""

    def save(self, output: Path) -> None:
        """Write what `open_network` reads."""
        from transformers.utils.logging import disable_progress_bar

        disable_progress_bar()
        self.network.backbone.save_pretrained(output)
        save_names(output, self.head, self.known.labels)


class PictureLearner(Learner):
    """A ViT, or a ResNet, that learns to name attributes of pictures.

    Args:
        known: what to learn from.
        prepare: scales pixels.
        dim, layers, heads: of the ViT, with a feed-forward part four times as wide.
        patch: pixels of an edge of what it takes for one place.
        stages: of a ResNet of basic layers, one in each, the last of width `dim`; 0 for a ViT.
        pooling: of the state from which attributes are named.
    """

    def __init__(
        self,
        known: PretrainingData,
        prepare: Preparation,
        dim: int,
        layers: int,
        heads: int,
        patch: int,
        stages: int,
        pooling: str = "first",
    ):
        from transformers import ResNetModel, ViTConfig, ViTModel

        if stages:
            backbone = ResNetModel(resnet(dim, stages))
        else:
            sizes = shape(dim, layers, heads) | {"image_size": prepare.size, "patch_size": patch}
            backbone = ViTModel(ViTConfig(**sizes), add_pooling_layer=False)
        super().__init__(known, Pictures(backbone, prepare, "learning", pooling))

    def loss(
        self,
        pixels: Float[Tensor, "batch 3 height width"],
        rows: Int[Tensor, " batch"],
        random: torch.Generator,
    ) -> Float[Tensor, ""]:
        """Average the cross-entropy of all annotated labels of the pictures."""
        states = self.network.backbone(pixel_values=pixels).last_hidden_state
        return tag_loss(self.head(self.network.pool(states, {})), self.known, rows)

    def inputs(self, items: Int[Tensor, " batch"]) -> dict[str, Tensor]:
        return {"pixels": self.known.pixels[items].to(self.network.device)}

    def save(self, output: Path) -> None:
        if not self.network.maps:
            self.rescale()
        super().save(output)
        self.network.prepare.write(output / CONFIG)

    @torch.no_grad()
    def rescale(self) -> None:
        """Give the states of a ViT the length that a norm would give them, on average, without changing what it says.

        A norm stands before each part of a ViT and behind its last layer, none on the states themselves, so that they
        may have any length: all that is added to them is scaled alike, and every norm takes it out again. Learnt in a
        few passes they became 34 times as long as those of MiniLM, and drowned these where both are added up. A placebo
        of its shape is drawn as ViT-base is, for the same reason.
        """
        backbone = self.network.backbone
        parts = self.known.train[:MEASURED].split(TOGETHER)
        last = [self.network(self.inputs(part), [self.network.levels - 1]) for part in parts]
        factor = self.dim**0.5 / torch.cat(last).norm(dim=-1).mean()
        embedded = backbone.embeddings
        added = [embedded.cls_token, embedded.position_embeddings]
        added += embedded.patch_embeddings.parameters()
        for name, part in backbone.named_modules():
            added += part.parameters() if name.endswith((*OF_ATTENTION, *OF_FEED_FORWARD)) else []
        for one in added:
            one.mul_(factor)
        backbone.config.initializer_range = SPREAD * (768 / self.dim) ** 0.5


def resnet(dim: int, stages: int) -> ResNetConfig:
    """Describe a small ResNet: each stage has one basic layer and is twice as wide as the one before."""
    from transformers import ResNetConfig

    widths = [dim // 2**stage for stage in reversed(range(stages))]
    depths = [1] * stages
    sizes = {"embedding_size": widths[0], "hidden_sizes": widths, "depths": depths}
    return ResNetConfig(**sizes, layer_type="basic")


class WordLearner(Learner):
    """A BERT that learns hidden words of titles and to name their attributes.

    Args:
        known: what to learn from.
        prepare: not used.
        dim, layers, heads: of the BERT, with a feed-forward part four times as wide.
        length: most tokens of a title.
        vocabulary: most word pieces.
        hidden: share of the tokens that are hidden.
        naming: weight of naming attributes, whose loss is a mean over many that are easy, beside hidden words.
        pooling: of the state from which attributes are named.
    """

    def __init__(
        self,
        known: PretrainingData,
        prepare: Preparation,
        dim: int,
        layers: int,
        heads: int,
        length: int,
        vocabulary: int,
        hidden: float,
        naming: float,
        pooling: str = "first",
    ):
        from transformers import BertConfig, BertModel

        titles = [product.title for product in known.known]
        tokenizer = with_mark(tokens.train([titles[item] for item in known.train], vocabulary))
        config = BertConfig(
            **shape(dim, layers, heads),
            vocab_size=tokenizer.get_vocab_size(),
            max_position_embeddings=length,
            pad_token_id=tokens.PADDING,
        )
        backbone = BertModel(config, add_pooling_layer=False)
        super().__init__(known, Words(backbone, tokenizer, "learning", pooling, length))
        self.naming = naming
        self.hidden, self.mark = hidden, tokenizer.token_to_id(HIDDEN)
        tokenizer.enable_truncation(length)
        tokenizer.enable_padding(pad_id=tokens.PADDING, pad_token=tokens.SPECIAL[tokens.PADDING])
        encoded = tokenizer.encode_batch(titles)
        self.ids = torch.tensor([one.ids for one in encoded])
        self.mask = torch.tensor([one.attention_mask for one in encoded])
        self.spared = torch.tensor([one.special_tokens_mask for one in encoded]).bool()
        tokenizer.no_padding()

    def inputs(self, items: Int[Tensor, " batch"]) -> dict[str, Tensor]:
        device = self.network.device
        longest = int(self.mask[items].sum(1).max())
        ids, mask = self.ids[items, :longest], self.mask[items, :longest]
        return {"input_ids": ids.to(device), "attention_mask": mask.to(device)}

    def loss(
        self,
        pixels: Float[Tensor, "batch 3 height width"],
        rows: Int[Tensor, " batch"],
        random: torch.Generator,
    ) -> Float[Tensor, ""]:
        """Add up the mean cross-entropies of hidden words and of labels; labels are named from what is left to read."""
        items = self.known.train[rows]
        given = self.inputs(items)
        ids = given["input_ids"]
        drawn = torch.rand(ids.shape, generator=random).to(ids.device) < self.hidden
        hidden = drawn & ~self.spared[items, : ids.shape[1]].to(ids.device)
        given["input_ids"] = ids.masked_fill(hidden, self.mark)
        states = self.network.run(given).last_hidden_state
        table = (
            self.network.backbone.get_input_embeddings().weight
        )  # read and written with one table
        scores = states[hidden] @ table.T
        words = cross_entropy(scores.float(), ids[hidden]) if hidden.any() else states.sum() * 0
        named = tag_loss(self.head(self.network.pool(states, given)), self.known, rows)
        return words + self.naming * named

    def save(self, output: Path) -> None:
        super().save(output)
        self.network.tokenizer.save(str(output / TOKENIZER))


LEARNERS = {"networks.Words": WordLearner, "networks.Pictures": PictureLearner}


def shape(dim: int, layers: int, heads: int) -> dict[str, int]:
    """Name the sizes of a Transformer as transformers does."""
    return {
        "hidden_size": dim,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "intermediate_size": 4 * dim,
        "initializer_range": dim**-0.5,  # 0.02 suits a width of hundreds: little would come through
        "hidden_dropout_prob": 0.0,  # a few passes over small catalogues need none
        "attention_probs_dropout_prob": 0.0,
    }


def with_mark(tokenizer: Tokenizer) -> Tokenizer:
    """Add a token that stands for a hidden word."""
    tokenizer.add_special_tokens([AddedToken(HIDDEN, special=True)])
    return tokenizer


def named(learner: Learner, known: PretrainingData) -> dict:
    """Judge how well attributes of items never seen are named."""
    if not len(known.held_out):
        return {}
    scores = torch.cat([learner.scores_of(part) for part in known.held_out.split(TOGETHER)])
    return judge(scores.float().cpu(), known.has[known.held_out], attributes_of(known.labels))

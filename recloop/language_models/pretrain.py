"""Rule `pretrain_language_model`: texts to a small language model of our own, of the classes of the published ones.

Ours: the papers use Mistral-7B and Llama-2-7B, for which a laptop has neither network nor memory.
"""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from recloop.fitting import processor
from recloop.fitting.context import TrainingContext
from recloop.fitting.objective import Objective
from recloop.fitting.progress import Metric
from recloop.fitting.schedule import Schedule
from recloop.fitting.team import first_alone, here
from recloop.fitting.trainer import Trainer
from recloop.language_models import texts, tokenizer
from recloop.language_models.batching import by_length
from recloop.language_models.files import RECORD, ModelError, revision_of
from recloop.language_models.ngrams import Bigram, Unigram, perplexity
from recloop.storage.files import write_json
from recloop.storage.moving import moved

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

DEFAULTS = {
    "dim": 128,
    "layers": 4,
    "heads": 4,
    "vocabulary": 2048,
    "length": 128,  # most tokens that are learnt of a text
    "batch_tokens": 2048,
    "epochs": 20,
    "patience": 3,
    "learning_rate": 0.003,
    "weight_decay": 0.01,
    "warm_up": 100,
    "accumulate": 1,
    "processes": None,
}
IGNORED = -100  # of cross_entropy
Rows = dict[str, list[list[int]]]  # token numbers of each text, by part


def pretrain(
    own: Path,
    settings: dict,
    output: Path,
    seed: int,
    other: Path | None = None,
    device: str = "cpu",
    threads: int = 1,
    log: Callable[[str], None] = print,
) -> None:
    """Train a small model until it is better than counting, and say how much better; one process of a team writes.

    Args:
        own: texts of the data set it is for.
        settings: `pretrain`: changes to `DEFAULTS`.
        output: folder for what `open_language_model` reads, and model.json.
        seed: of weights and batches.
        other: texts that no evaluation uses, learnt too.
        device: cpu or cuda.
        threads: of the processor.
        log: takes a line of progress.

    Raises:
        ModelError: an unknown setting, no texts in a part, or perplexity that is not below that of a bigram model.
    """
    processor.use(threads)
    torch.manual_seed(seed)
    sizes = settings_of(settings.get("pretrain", {}))
    folder = output.with_name(f"{output.name}.part")
    with first_alone():
        corpora = [own, *([other] if other else [])]
        words, rows = numbered(corpora, sizes, folder / "tokens", threads)
    network = build(sizes, words).to(device)
    context = TrainingContext(seed, folder, device, log, f"language model of {own}")
    objective = NextToken(network, rows, schedule_of(sizes), context)
    origin = {"settings": settings, "seed": seed, "texts": keys_of(own, other)}
    started = time.monotonic()
    trainer = Trainer(objective, context, origin)
    earlier = trainer.progress.seconds
    network.load_state_dict(trainer.fit())
    if not here().leads:
        return
    found = perplexities(objective, rows, len(words))
    log(", ".join(f"{name} {value:.1f}" for name, value in found.items()) + " (perplexity)")
    if not found["model"] < min(found["unigram"], found["bigram"]):
        raise ModelError(
            f"{own}: after {trainer.epoch:.4g} epochs the perplexity is {found['model']:.1f}, expected less than the "
            f"{found['bigram']:.1f} of a bigram model; raise epochs or patience, or give it more texts"
        )
    output.mkdir(parents=True, exist_ok=True)
    network.save_pretrained(output)
    words.save_pretrained(output)
    record = {
        "revision": revision_of(output),
        "perplexity": found,
        "tokens": {part: sum(map(len, lines)) for part, lines in rows.items()},
        "vocabulary": len(words),
        "parameters": sum(weight.numel() for weight in network.parameters()),
        "curve": trainer.progress.curve,
        **origin,
        "seconds": earlier + time.monotonic() - started,
    }
    write_json(output / RECORD, record)
    shutil.rmtree(folder)


def settings_of(pretraining: dict) -> dict:
    """Fill `pretrain:` up."""
    if unknown := sorted(pretraining.keys() - DEFAULTS.keys()):
        raise ModelError(
            f"pretrain: unknown '{unknown[0]}', expected some of {', '.join(DEFAULTS)}"
        )
    return DEFAULTS | pretraining


def schedule_of(sizes: dict) -> Schedule:
    """Read the schedule."""
    names = ("learning_rate", "epochs", "patience", "weight_decay", "warm_up")
    names += ("accumulate", "processes")
    given = {name: sizes[name] for name in names}
    return Schedule(batch_size=sizes["batch_tokens"], clip_norm=1.0, pace="cosine", **given)


def keys_of(own: Path, other: Path | None) -> list[str]:
    """Return the keys of the texts."""
    return [texts.read_record(one)["key"] for one in (own, other) if one]


def numbered(
    folders: list[Path], sizes: dict, work: Path, processes: int
) -> tuple[PreTrainedTokenizerFast, Rows]:
    """Learn a tokenizer from the training texts of all folders and number the tokens of all texts."""
    corpora = [texts.read(folder) for folder in folders]
    learnt = [
        text
        for corpus in corpora
        for text, part in zip(corpus["text"], corpus["part"], strict=True)
        if part == "train"
    ]
    words = tokenizer.learn(learnt, sizes["vocabulary"])
    made_of = {"tokenizer": words.backend_tokenizer.to_str(), "length": sizes["length"]}

    def encode(batch: Mapping) -> dict:
        ids = words(list(batch["text"]))["input_ids"]
        cut = [[*row[: sizes["length"] - 1], words.eos_token_id] for row in ids]
        return {"ids": cut, "part": batch["part"]}

    rows: Rows = {"train": [], "valid": [], "test": []}
    for corpus in corpora:
        tokens = texts.mapped(corpus, encode, made_of, work, processes)
        for ids, part in zip(tokens["ids"], tokens["part"], strict=True):
            rows[part].append(ids)
    if empty := [part for part, lines in rows.items() if not lines]:
        raise ModelError(f"{folders[0]}: expected texts in each part, none in {', '.join(empty)}")
    return words, rows


def build(sizes: dict, words: PreTrainedTokenizerFast) -> nn.Module:
    """Make a small Llama with one table for reading and writing."""
    from transformers import LlamaConfig, LlamaForCausalLM

    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(words),
            hidden_size=sizes["dim"],
            intermediate_size=8 * sizes["dim"] // 3,
            num_hidden_layers=sizes["layers"],
            num_attention_heads=sizes["heads"],
            max_position_embeddings=1024,
            tie_word_embeddings=True,
            pad_token_id=words.pad_token_id,
            bos_token_id=words.bos_token_id,
            eos_token_id=words.eos_token_id,
        )
    )


class NextToken(Objective):
    """Each token of each text, given those before it.

    Args:
        network: a causal language model, on its device.
        rows: token numbers of each text, by part.
        schedule: `batch_size` counts tokens with padding.
        context: of the training.
    """

    metric = Metric("valid_perplexity", "perplexity", higher=False)
    divisible = True

    def __init__(
        self, network: nn.Module, rows: Rows, schedule: Schedule, context: TrainingContext
    ):
        self.model, self.rows = network, rows
        self.schedule, self.context = schedule, context
        self.parts = {part: self.cut(lines) for part, lines in rows.items()}
        self.length = len(self.parts["train"])

    def cut(self, lines: list[list[int]]) -> list[list[int]]:
        """Put texts of like length together."""
        return by_length([len(line) for line in lines], self.schedule.batch_size)

    def batches(self, epoch: int, skip: int) -> Iterable[list[int]]:
        """List the batches in an order that depends on seed and epoch alone."""
        order = torch.randperm(self.length, generator=self.context.generator(epoch)).tolist()
        return [self.parts["train"][place] for place in order[skip:]]

    def optimisers(self, phase: int) -> dict[str, torch.optim.Optimizer]:
        """Make an AdamW for all that learns."""
        rate, decay = self.schedule.learning_rate, self.schedule.weight_decay
        learning = [one for one in self.model.parameters() if one.requires_grad]
        return {"all": torch.optim.AdamW(learning, rate, weight_decay=decay)}

    def size(self, batch: list[int]) -> int:
        """Count the tokens that are predicted."""
        return sum(len(self.rows["train"][place]) - 1 for place in batch)

    def loss(self, batch: list[int]) -> Float[Tensor, ""]:
        """Compute the cross-entropy per token."""
        return self.cross_entropy("train", batch, "mean")

    def cross_entropy(self, part: str, batch: list[int], reduction: str) -> Float[Tensor, ""]:
        """Compute the cross-entropy of some texts of a part."""
        lines = [torch.tensor(self.rows[part][place]) for place in batch]
        ids = moved(nn.utils.rnn.pad_sequence(lines, True, IGNORED), self.context.device)
        given = {"input_ids": ids[:, :-1].clamp(min=0), "use_cache": False}
        logits: Any = self.model(**given).logits  # padding stands behind, where nobody looks back
        targets: Int[Tensor, "batch time"] = ids[:, 1:]
        return functional.cross_entropy(
            logits.float().transpose(1, 2), targets, ignore_index=IGNORED, reduction=reduction
        )

    def evaluate(self) -> float:
        """Compute the perplexity of the validation texts."""
        return self.perplexity("valid")

    @torch.no_grad()
    def perplexity(self, part: str) -> float:
        """Compute the perplexity of a part, per token without the start marks."""
        self.model.eval()
        total = sum(self.cross_entropy(part, batch, "sum").item() for batch in self.parts[part])
        return math.exp(total / sum(len(line) - 1 for line in self.rows[part]))


def perplexities(objective: NextToken, rows: Rows, size: int) -> dict[str, float]:
    """Judge the model and two ways of counting on texts that none has seen."""
    return {
        "model": objective.perplexity("test"),
        "bigram": perplexity(Bigram.chosen(rows["train"], size, rows["valid"]), rows["test"]),
        "unigram": perplexity(Unigram(rows["train"], size), rows["test"]),
    }

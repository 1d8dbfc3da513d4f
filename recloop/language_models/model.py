"""One language model, causal or sequence to sequence: tokens, hidden states, likelihoods and what it says."""

from __future__ import annotations

import copy
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from recloop.language_models.batching import alike, by_length
from recloop.language_models.decoding import Decoding
from recloop.language_models.files import SAFE, ModelError, first_line
from recloop.storage.moving import moved

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from recloop.language_models.constraint import Constraint

PRECISIONS = (
    "float32",
    "bfloat16",
    "4-bit",
)  # without avx512_bf16 a processor is faster in float32
BUDGET = 4096  # tokens of a batch with padding
ITEM = re.compile(r"<item_\d+>")  # items.word


@dataclass(frozen=True)
class Said:
    """What a model answered.

    Attributes:
        text: without special tokens.
        tokens: how many it took, the end mark among them.
    """

    text: str
    tokens: int


class LanguageModel:
    """A network of transformers with its tokenizer.

    Args:
        network: on its device, in evaluation mode.
        tokenizer: of the same folder.
        revision: names the weights exactly: a commit, or a hash.
        precision: one of `PRECISIONS`.
    """

    def __init__(
        self,
        network: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        revision: str,
        precision: str = "float32",
    ):
        self.network, self.tokenizer = network, tokenizer
        self.revision, self.precision, self.learning = revision, precision, False
        self.encodes = bool(network.config.is_encoder_decoder)
        end = tokenizer.eos_token_id
        self.end = end if end is not None else network.config.eos_token_id
        self.padding = self.end if tokenizer.pad_token_id is None else tokenizer.pad_token_id

    @classmethod
    def open(
        cls, folder: Path, revision: str, precision: str, device: torch.device | str
    ) -> LanguageModel:
        """Load a folder of config.json, tokenizer.json and safetensors; no code that comes with it is run.

        Raises:
            ModelError: an architecture that transformers does not have, a damaged file, or a precision that is not
                known or not to be had on the device.
        """
        from transformers import AutoTokenizer

        network = load_network(folder, precision, torch.device(device))
        tokenizer = AutoTokenizer.from_pretrained(folder, **SAFE)
        return cls(network.eval().requires_grad_(False), tokenizer, revision, precision)

    @property
    def identity(self) -> str:
        """Name the weights and their precision; what is kept of a model is kept under it.

        Raises:
            ModelError: something in it is still learning.
        """
        if self.learning:
            raise ModelError(
                "a model with adapters that have not been settled; call adapters.settle when they have learnt"
            )
        return f"{self.revision} {self.precision}"

    def settle(self, tensors: dict[str, Tensor]) -> None:
        """Take what has been added to the weights, or changed in them, into the revision."""
        found = hashlib.sha256(self.revision.encode())
        for name, tensor in sorted(tensors.items()):
            found.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
            found.update(tensor.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
        self.revision, self.learning = found.hexdigest(), False

    @property
    def device(self) -> torch.device:
        return self.network.device

    @property
    def dim(self) -> int:
        """Length of a hidden state."""
        return self.network.config.hidden_size

    def save(self, folder: Path) -> None:
        """Write what `open` reads."""
        self.network.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)

    @property
    def begin(self) -> list[int]:
        """Token numbers of the mark before a text; none where the model has none, such as SmolLM2."""
        return self.tokenizer("")["input_ids"]

    # -- texts to batches ---------------------------------------------------------------------------------------------

    def tokens(self, texts: list[str], marks: bool = True) -> list[list[int]]:
        """Return the token numbers of texts, with the marks that the model expects around a text or without them.

        Raises:
            ModelError: an empty text, or the token of an item that the model has none for.
        """
        if not texts:
            return []
        self.check_items(texts)
        rows = self.tokenizer(texts, add_special_tokens=marks)["input_ids"]
        if [] in rows:
            raise ModelError(f"text {rows.index([])} of {len(rows)} is empty; expected some words")
        return rows

    def check_items(self, texts: list[str]) -> None:
        """Stop at the token of an item that the model has none for: it would be read as loose signs."""
        if named := {one for text in texts for one in ITEM.findall(text)}:
            known = self.tokenizer.get_added_vocab()
            if unknown := sorted(named - known.keys()):
                items = sum(ITEM.fullmatch(one) is not None for one in known)
                raise ModelError(f"{unknown[0]} is no token of this model, which has {items} items")

    def spoken(self, prompts: list[str]) -> list[str]:
        """Put each prompt into the chat template as what a user says.

        Raises:
            ModelError: the model has none.
        """
        if self.tokenizer.chat_template is None:
            raise ModelError("the model has no chat template; say chat: false")
        return [
            self.tokenizer.apply_chat_template(
                [{"role": "user", "content": prompt}], tokenize=False, add_generation_prompt=True
            )
            for prompt in prompts
        ]

    def padded(
        self, rows: Sequence[Sequence[int]]
    ) -> tuple[Int[Tensor, "batch time"], Int[Tensor, "batch time"]]:
        """Put token numbers into one table, ends aligned, with the mask of those that are no padding."""
        width = max(map(len, rows))
        ids = torch.full((len(rows), width), self.padding)
        mask = torch.zeros_like(ids)
        for place, row in enumerate(rows):
            ids[place, width - len(row) :] = torch.tensor(row)
            mask[place, width - len(row) :] = 1
        return moved(ids, self.device), moved(mask, self.device)

    def forward(self, ids: Tensor, mask: Tensor, **more: Any) -> Any:
        """Run a causal network on a table whose ends are aligned, so that padding changes nothing."""
        positions = (mask.cumsum(1) - 1).clamp(min=0)
        return self.network(
            input_ids=ids, attention_mask=mask, position_ids=positions, use_cache=False, **more
        )

    # -- what it thinks -----------------------------------------------------------------------------------------------

    @torch.no_grad()
    def hidden(
        self, texts: list[str], layer: int = -1, budget: int = BUDGET
    ) -> Float[Tensor, "text dim"]:
        """Return the hidden state behind each text: of its last token, or the mean of an encoder's.

        Args:
            texts: none of them empty.
            layer: 0 is the embedding table, -1 the last layer with the norm behind it.
            budget: tokens of a batch.
        """
        self.network.eval()
        rows, found = self.tokens(texts), torch.empty(len(texts), self.dim)
        for batch in by_length([len(row) for row in rows], budget):
            ids, mask = self.padded([rows[place] for place in batch])
            if self.encodes:
                encoder = self.network.get_encoder()
                states = encoder(input_ids=ids, attention_mask=mask, output_hidden_states=True)
                weights = mask.unsqueeze(2)
                state = (states.hidden_states[layer] * weights).sum(1) / weights.sum(1)
            else:
                done = self.forward(ids, mask, output_hidden_states=True, logits_to_keep=1)
                state = done.hidden_states[layer][:, -1]
            found[batch] = state.float().cpu()
        return found

    @torch.no_grad()
    def likelihoods(
        self, prompts: list[str], answers: list[str], budget: int = BUDGET
    ) -> Float[Tensor, " pair"]:
        """Return the log-probability of each answer behind its prompt, summed over the answer's tokens."""
        self.network.eval()
        heads = self.tokens(prompts)
        tails = self.tokens(answers, marks=False)
        lengths = [len(head) + len(tail) for head, tail in zip(heads, tails, strict=True)]
        found = torch.empty(len(prompts))
        for batch in by_length(lengths, budget):
            logits, ids, real = self.behind(
                [heads[place] for place in batch], [tails[place] for place in batch]
            )
            scores = logits.float().log_softmax(2).gather(2, ids.unsqueeze(2)).squeeze(2)
            found[batch] = scores.masked_fill(real == 0, 0.0).sum(1).cpu()
        return found

    def behind(
        self, heads: list[list[int]], tails: list[list[int]]
    ) -> tuple[Float[Tensor, "batch time token"], Tensor, Tensor]:
        """Return what the network expects at each token of the tails, these tokens and which are no padding."""
        ids, real = self.padded(tails)
        if self.encodes:
            given, mask = self.padded(heads)
            start = self.network.config.decoder_start_token_id
            flipped = [[start, *tail] for tail in tails]
            width = max(map(len, flipped))
            said = torch.tensor([row + [self.padding] * (width - len(row)) for row in flipped])
            done = self.network(
                input_ids=given, attention_mask=mask, decoder_input_ids=said.to(self.device)
            )
            logits = torch.zeros(*ids.shape, done.logits.shape[2], device=self.device)
            for place, tail in enumerate(tails):
                logits[place, -len(tail) :] = done.logits[place, : len(tail)].float()
            return logits, ids, real
        whole, mask = self.padded([head + tail for head, tail in zip(heads, tails, strict=True)])
        done = self.forward(whole, mask, logits_to_keep=ids.shape[1] + 1)
        return done.logits[:, -ids.shape[1] - 1 : -1], ids, real

    def choices(
        self, prompts: list[str], answers: list[str], budget: int = BUDGET
    ) -> Float[Tensor, "prompt answer"]:
        """Return the log-probability of each of the same few answers behind each prompt."""
        tails = self.tokens(answers, marks=False)
        if not self.encodes and all(len(tail) == 1 for tail in tails):
            return self.following(prompts, [tail[0] for tail in tails], budget)
        pairs = [(prompt, answer) for prompt in prompts for answer in answers]
        found = self.likelihoods([one for one, _ in pairs], [one for _, one in pairs], budget)
        return found.view(len(prompts), len(answers))

    @torch.no_grad()
    def following(
        self, prompts: list[str], tokens: list[int], budget: int = BUDGET
    ) -> Float[Tensor, "prompt token"]:
        """Return the log-probability of some tokens right behind each prompt, which one pass tells together.

        Prompts that follow each other and begin alike are read as far as they do once.
        """
        self.network.eval()
        rows, found = self.tokens(prompts), torch.empty(len(prompts), len(tokens))
        for places, shared in alike(rows):
            begun = self.begun(rows[places[0]][:shared])
            for batch in by_length([len(rows[place]) - shared for place in places], budget):
                chosen = [places[number] for number in batch]
                logits = self.go_on(begun, shared, [rows[place][shared:] for place in chosen])
                found[chosen] = logits.float().log_softmax(1)[:, tokens].cpu()
        return found

    def begun(self, row: list[int]) -> Any:
        """Read the beginning of some prompts."""
        given = torch.tensor([row], device=self.device)
        return self.network(input_ids=given, use_cache=True).past_key_values if row else None

    def go_on(self, begun: Any, length: int, rows: list[list[int]]) -> Float[Tensor, "batch token"]:
        """Return what the network expects behind rows that go on from a beginning of some length."""
        ids, mask = self.padded(rows)
        if begun is None:
            return self.forward(ids, mask, logits_to_keep=1).logits[:, -1]
        begun = copy.deepcopy(begun)  # reading on changes it
        begun.batch_repeat_interleave(len(rows))
        mask = torch.cat([torch.ones_like(mask[:, :1]).expand(-1, length), mask], dim=1)
        positions = (mask.cumsum(1) - 1)[:, length:]
        more = {"attention_mask": mask, "position_ids": positions, "past_key_values": begun}
        return self.network(input_ids=ids, use_cache=True, logits_to_keep=1, **more).logits[:, -1]

    # -- what it says -------------------------------------------------------------------------------------------------

    def say(
        self,
        prompts: list[str],
        decoding: Decoding,
        constraint: Constraint | None = None,
        budget: int = BUDGET,
    ) -> Iterator[dict[int, Said]]:
        """Answer prompts, batch by batch; give the place of each prompt of a batch with what was said.

        Args:
            prompts: none of them empty.
            decoding: how.
            constraint: what may be said; None for anything.
            budget: tokens of a batch, those to come among them.
        """
        rows = self.rows(prompts, decoding)
        lengths = [len(row) + decoding.max_tokens for row in rows]
        for batch in by_length(lengths, budget):
            said = self.generate([rows[place] for place in batch], decoding, constraint)
            yield dict(zip(batch, said, strict=True))

    def rows(self, prompts: list[str], decoding: Decoding) -> list[list[int]]:
        """Return the token numbers of prompts as they are asked: a chat template brings its own marks."""
        if not decoding.chat or not prompts:
            return self.tokens(prompts)
        return self.tokens(self.spoken(prompts), marks=False)

    @torch.no_grad()
    def generate(
        self,
        rows: list[list[int]],
        decoding: Decoding,
        constraint: Constraint | None = None,
    ) -> list[Said]:
        """Answer one batch; what is drawn hangs on the seed and on the prompt alone."""
        from transformers import GenerationConfig

        from recloop.language_models.drawing import Draw

        self.network.eval()
        ids, mask = self.padded(rows)
        settings = GenerationConfig(
            max_new_tokens=decoding.max_tokens,
            do_sample=False,  # what is drawn is drawn by `Draw`
            pad_token_id=self.padding,
            eos_token_id=self.end,
            bos_token_id=self.tokenizer.bos_token_id,
            decoder_start_token_id=getattr(self.network.config, "decoder_start_token_id", None),
        )
        width = 1 if self.encodes else ids.shape[1]
        found = self.network.generate(
            ids,
            attention_mask=mask,
            generation_config=settings,
            logits_processor=[Draw(rows, decoding)] if decoding.temperature else [],
            prefix_allowed_tokens_fn=constraint.behind(width) if constraint else None,
        )
        return [self.read(row) for row in found[:, width:].tolist()]

    def read(self, row: list[int]) -> Said:
        """Write token numbers out, up to the first end mark."""
        length = row.index(self.end) if self.end in row else len(row)
        text = self.tokenizer.decode(row[:length], skip_special_tokens=False)
        return Said(text, min(length + 1, len(row)))


def load_network(folder: Path, precision: str, device: torch.device) -> PreTrainedModel:
    """Load the weights of a folder, causal or sequence to sequence as its configuration says."""
    if precision not in PRECISIONS:
        raise ModelError(f"precision: expected one of {', '.join(PRECISIONS)}, got {precision!r}")
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM
    from transformers.utils import logging

    logging.disable_progress_bar()  # of loading, which is over in an instant or said by the job
    try:
        config = AutoConfig.from_pretrained(folder, **SAFE)
        kind = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
        given = {"config": config, "use_safetensors": True, "dtype": torch.float32}
        if precision == "4-bit":
            return kind.from_pretrained(folder, **SAFE, **given | four_bit(device))
        if precision == "bfloat16":
            given["dtype"] = torch.bfloat16
        return kind.from_pretrained(folder, **SAFE, **given).to(device)
    except ModelError:
        raise
    except Exception as fault:  # transformers, safetensors and json each have their own
        raise ModelError(
            f"{folder}: transformers cannot open it ({first_line(fault)}); expected an architecture that it has itself "
            "and whole safetensors files"
        ) from fault


def four_bit(device: torch.device) -> dict:
    """Return the settings of weights in 4 bits: QLoRA's NF4 (Dettmers et al. NeurIPS 2023), computed in bfloat16.

    Raises:
        ModelError: no GPU, or no bitsandbytes.
    """
    from importlib.util import find_spec

    if device.type != "cuda" or find_spec("bitsandbytes") is None:
        raise ModelError(
            f"precision 4-bit needs a GPU and the package bitsandbytes, here are {device} and "
            f"{'the package' if find_spec('bitsandbytes') else 'no such package'}; say precision: bfloat16, or "
            "pip install 'recloop[quantised]'"
        )
    from transformers import BitsAndBytesConfig

    quantised = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )
    return {
        "quantization_config": quantised,
        "dtype": torch.bfloat16,
        "device_map": {"": device},
    }

"""Captioners that others trained, in the naming of ImageCaptioning.pytorch, to ours.

    python -m recloop.simulators.convert model-best.pth infos-best.pkl data/simulators/shoes/show_attend_tell

Such files come from anywhere, so nothing in them is run: weights are opened as tensors only, and of the second file
only plain data are read, see `literals`.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

import torch
from torch import Tensor

from recloop.language.vocabulary import Vocabulary
from recloop.simulators.captioner import LENGTH, build_network
from recloop.simulators.literals import read_literals
from recloop.simulators.train import write

LARGEST = 1 << 31  # bytes; published captioners have less than 500 MB
SHOW_ATTEND_TELL = {
    "embed.": "embedding.",
    "linear.": "start.",
    "logit.": "rank.",
    "core.ctx2att.": "cell_key.",
    "core.h2att.": "state_key.",
    "core.alpha_net.": "relevance.",
}
TRANSFORMER = [
    (r"att_embed\.0\.", "project.0."),
    (r"model\.(en|de)coder\.norm\.", r"\1coded."),
    (r"model\.(en|de)coder\.layers\.(\d+)\.", r"\1coder.\2."),
    (r"self_attn\.linears\.", "own."),
    (r"src_attn\.linears\.", "across."),
    (r"(own|across)\.0\.", r"\1.query."),
    (r"(own|across)\.1\.", r"\1.key."),
    (r"(own|across)\.2\.", r"\1.value."),
    (r"(own|across)\.3\.", r"\1.out."),
    (r"feed_forward\.w_1\.", "feed.0."),
    (r"feed_forward\.w_2\.", "feed.3."),
    (r"sublayer\.(\d)\.norm\.", r"norms.\1."),
    (r"\.a_2$", ".weight"),
    (r"\.b_2$", ".bias"),
    (r"model\.tgt_embed\.0\.lut\.", "embedding."),
    (r"model\.generator\.proj\.", "rank."),
]
COMPUTED = re.compile(r"model\.tgt_embed\.1\.pe$")  # sinusoids


def convert(checkpoint: Path, words: Path, output: Path, heads: int = 8, grid: str = "") -> None:
    """Write a foreign captioner as a folder that `Captioner.open` reads.

    Args:
        checkpoint: .pth file with a state dictionary of a Show, Attend & Tell or a Transformer.
        words: its vocabulary: the library's infos_*.pkl, or a JSON file with `ix_to_word` or the mapping itself.
        output: folder for weights.safetensors, vocabulary.json, curve.csv and simulator.json.
        heads: of the Transformer, which its weights do not tell.  # library: always 8
        grid: name of the grid encoder whose features it was trained on.

    Raises:
        ValueError: a file that is no such checkpoint, or a vocabulary of another size.
    """
    foreign = read_weights(checkpoint)
    settings, weights = (
        from_transformer(foreign, heads) if is_transformer(foreign) else from_lstm(foreign)
    )
    vocabulary = read_vocabulary(words)
    settings |= {"class": "captioner.Captioner", "grid": grid, "training": {}}
    features = features_of(weights)
    if (rows := len(weights["embedding.weight"])) != len(vocabulary):
        raise ValueError(
            f"{words}: {len(vocabulary) - 1} words, but {checkpoint} has {rows - 1}; are they of one training?"
        )
    network = build_network(settings, rows, features)
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise ValueError(f"{checkpoint}: {error}") from error
    record = {"settings": settings, "features": features, "length": LENGTH, "from": checkpoint.name}
    write(output, network.state_dict(), vocabulary, [], record)


def read_weights(path: Path) -> dict[str, Tensor]:
    """Open a state dictionary; tensors only, no classes, no calls."""
    if (size := path.stat().st_size) > LARGEST:
        raise ValueError(f"{path}: {size} bytes, expected at most {LARGEST}; it is not opened")
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever a hostile or damaged file makes of the reader
        raise ValueError(
            f"{path}: not a file of plain tensors ({type(error).__name__}); it is not opened any other way"
        ) from error
    if not isinstance(found, dict) or not all(
        isinstance(name, str) and isinstance(one, Tensor) for name, one in found.items()
    ):
        raise ValueError(f"{path}: holds {type(found).__name__}, expected names and tensors only")
    if broken := [name for name, one in found.items() if not one.isfinite().all()]:
        raise ValueError(f"{path}: {', '.join(broken[:3])} not finite; the file is damaged")
    return {name: one.float() for name, one in found.items()}


def is_transformer(foreign: dict[str, Tensor]) -> bool:
    return any(name.startswith("model.encoder.") for name in foreign)


def from_lstm(foreign: dict[str, Tensor]) -> tuple[dict, dict[str, Tensor]]:
    """Rename the weights of a Show, Attend & Tell and read its sizes off them."""
    if missing := {"embed.weight", "linear.weight", "core.rnn.weight_ih_l0"} - foreign.keys():
        raise ValueError(
            f"no {', '.join(sorted(missing))} among {', '.join(sorted(foreign)[:5])}, ...; expected the names of "
            "ShowAttendTellModel or TransformerModel of ImageCaptioning.pytorch"
        )
    foreign = dict(foreign)
    word_dim = foreign["embed.weight"].shape[1]
    inputs, recurrent = foreign.pop("core.rnn.weight_ih_l0"), foreign.pop("core.rnn.weight_hh_l0")
    weights = {
        "word_gates.weight": inputs[:, :word_dim].contiguous(),
        "cell_gates.weight": inputs[:, word_dim:].contiguous(),
        "state_gates.weight": recurrent,
    }
    for name, tensor in foreign.items():
        prefix = next((one for one in SHOW_ATTEND_TELL if name.startswith(one)), "")
        weights[SHOW_ATTEND_TELL.get(prefix, "") + name.removeprefix(prefix)] = tensor
    sizes = {"dim": recurrent.shape[1], "word_dim": word_dim}
    sizes["attention_dim"] = len(weights["cell_key.weight"])
    return {"network": "show_attend_tell.ShowAttendTell", **sizes}, weights


def from_transformer(foreign: dict[str, Tensor], heads: int) -> tuple[dict, dict[str, Tensor]]:
    """Rename the weights of a Transformer and read its sizes off them."""
    weights = {}
    for name, tensor in foreign.items():
        if COMPUTED.match(name):
            continue
        ours = name
        for pattern, replacement in TRANSFORMER:
            ours = re.sub(pattern, replacement, ours)
        # the library divides by the unbiased deviation
        weights[ours] = tensor * (1 - 1 / len(tensor)) ** 0.5 if name.endswith(".a_2") else tensor
    sizes = {
        "dim": weights["embedding.weight"].shape[1],
        "layers": 1
        + max(int(name.split(".")[1]) for name in weights if name.startswith("decoder.")),
        "heads": heads,
        "feedforward": len(weights["encoder.0.feed.0.weight"]),
    }
    return {"network": "vl_transformer.VLTransformer", **sizes}, weights


def features_of(weights: dict[str, Tensor]) -> int:
    """Read the dimension of a grid cell off the weights; both networks see two of them side by side."""
    name = "project.0.weight" if "project.0.weight" in weights else "start.weight"
    return weights[name].shape[1] // 2


def read_vocabulary(path: Path) -> Vocabulary:
    """Read the words of a foreign captioner, numbered from 1.

    Raises:
        ValueError: no mapping of the numbers 1, 2, ... to words.
    """
    found = json.loads(path.read_text()) if path.suffix == ".json" else read_literals(path)
    for key in ("vocab", "ix_to_word"):
        found = found.get(key, found) if isinstance(found, dict) else found
    try:
        numbered = {int(number): str(word) for number, word in found.items()}
        words = [numbered[number] for number in range(1, len(numbered) + 1)]
    except (AttributeError, TypeError, ValueError, KeyError) as error:
        raise ValueError(
            f"{path}: expected words by number, 1 to their count, under `vocab` or `ix_to_word` or alone ({error!r})"
        ) from error
    return Vocabulary(tuple(words))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("checkpoint", "words", "output"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--heads", type=int, default=8)
    parser.add_argument("--grid", default="", help="name of the grid encoder it was trained on")
    convert(**vars(parser.parse_args()))

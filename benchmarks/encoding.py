"""Encoding a catalogue beside the bare forward passes that it cannot do without.

    python benchmarks/encoding.py                                # ResNet-18's shape on 64 x 80 pictures, one core
    python benchmarks/encoding.py --workers 2 --threads 2 --pictures 2000
    python benchmarks/encoding.py --encoder FOLDER --class clip.CLIP --device cuda --workers 16 --batch 512

Without a folder the encoder has random weights in the shape of the published one: time does not depend on them. Both
sides run in one process on the same batches. On a GPU the second share is of the rate that a large matrix product in
bfloat16 reached on it just before.
"""

import argparse
import io
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.utils.flop_counter import FlopCounterMode

from recloop.data.pictures import write_shards
from recloop.features import open_encoder
from recloop.features.encode import encode
from recloop.features.encoder import Encoder
from recloop.features.preparation import Preparation
from recloop.fitting import processor


def draw(pictures: int, size: tuple[int, int]) -> list[bytes]:
    """Make JPEG files of smooth noise, about as large as photographs of products."""
    random, files = np.random.default_rng(1), []
    for _ in range(pictures):
        coarse = Image.fromarray(random.integers(0, 255, (10, 8, 3), dtype=np.uint8))
        file = io.BytesIO()
        coarse.resize(size, Image.Resampling.BICUBIC).save(file, "JPEG", quality=90)
        files.append(file.getvalue())
    return files


def save_random(name: str, folder: Path) -> None:
    """Save an encoder with random weights: CLIP ViT-B/32 without its texts, or ResNet-18."""
    folder.mkdir()
    if name == "grid.Grid":
        from transformers import ResNetConfig, ResNetModel

        config = ResNetConfig(hidden_sizes=[64, 128, 256, 512], depths=[2] * 4, layer_type="basic")
        ResNetModel(config).save_pretrained(folder)
    else:
        from transformers import CLIPConfig, CLIPModel

        from recloop.features import tokens

        tokens.train(["red"], 20).save(str(folder / "tokenizer.json"))
        CLIPModel(CLIPConfig(text_config={"num_hidden_layers": 1})).save_pretrained(folder)
    Preparation().write(folder / "preprocessor_config.json")


def synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def clock(given: argparse.Namespace) -> Callable[[], float]:
    """Choose a clock: processor time is the time on a machine of one's own where only one thread works."""
    alone = given.threads == 1 and not given.workers and given.device == "cpu"
    return time.process_time if alone else time.perf_counter


def forward_seconds(encoder: Encoder, pictures: int, batch: int, now: Callable[[], float]) -> float:
    """Time the network alone on as many pictures, with pixels already where it computes."""
    edge = encoder.prepare.size
    pixels = torch.randint(0, 255, (batch, 3, edge, edge), dtype=torch.uint8)
    pixels = encoder.prepare.scale(pixels.to(encoder.device))
    with torch.no_grad(), encoder.autocast():
        encoder.look(pixels)  # the first pass warms up
        synchronise(encoder.device)
        started = now()
        for start in range(0, pictures, batch):
            encoder.look(pixels[: pictures - start])
        synchronise(encoder.device)
    return now() - started


def operations(encoder: Encoder) -> float:
    """Count the floating-point operations of one picture."""
    edge = encoder.prepare.size
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        encoder.look(torch.zeros(1, 3, edge, edge, device=encoder.device))
    return float(counter.get_total_flops())


def matrix_rate(device: torch.device, edge: int = 8192, turns: int = 20) -> float:
    """Measure the operations per second of a large product in bfloat16."""
    left = torch.randn(edge, edge, device=device, dtype=torch.bfloat16)
    left @ left
    synchronise(device)
    started = time.perf_counter()
    for _ in range(turns):
        left @ left
    synchronise(device)
    return 2 * edge**3 * turns / (time.perf_counter() - started)


def catalogue_of(pictures: int, size: tuple[int, int], folder: Path) -> Path:
    write_shards(iter(draw(pictures, size)), folder / "images")
    (folder / "catalogue.json").write_text(json.dumps({"hash": "benchmark"}))
    return folder


def measure(given: argparse.Namespace, folder: Path) -> dict[str, float]:
    """Encode once; return pictures a second, bare and encoded, and on a GPU the matrix rate and the share of it."""
    saved = given.encoder or folder / "encoder"
    settings = {"class": given.name}
    if not given.encoder:
        save_random(given.name, saved)
    encoder = open_encoder(settings, saved, given.device)
    catalogue = catalogue_of(given.pictures, tuple(given.size), folder / "catalogue")
    now = clock(given)
    before = forward_seconds(encoder, given.pictures, given.batch, now)
    started = now()
    encode(
        catalogue, settings, folder / "features", saved, given.device, given.workers, given.batch
    )
    encoded = now()
    # Loading the weights is paid once, whatever the catalogue: it is taken off.
    open_encoder(settings, saved, given.device)
    whole = (encoded - started) - (now() - encoded)
    bare = min(before, forward_seconds(encoder, given.pictures, given.batch, now))
    found = {"bare": given.pictures / bare, "encoded": given.pictures / whole}
    if encoder.device.type == "cuda":
        rate = matrix_rate(encoder.device)
        found |= {"matrix_rate": rate, "used": operations(encoder) * given.pictures / whole / rate}
    return found


def show(found: dict[str, float]) -> None:
    """Print what was measured."""
    bare, encoded = found["bare"], found["encoded"]
    print(f"bare forward pass  {bare:9.1f} pictures/s")
    print(f"encode             {encoded:9.1f} pictures/s   {encoded / bare:.0%} of it")
    if "used" in found:
        rate = found["matrix_rate"] / 1e12
        print(f"matrix rate        {rate:9.1f} TFLOP/s   {found['used']:.0%} of it used")


def options() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--class", dest="name", default="grid.Grid", help="(%(default)s)")
    parser.add_argument("--encoder", type=Path, help="folder of a saved encoder")
    parser.add_argument("--pictures", type=int, default=500, help="(%(default)s)")
    parser.add_argument("--size", type=int, nargs=2, default=[60, 80], help="pixels (%(default)s)")
    parser.add_argument("--batch", type=int, default=64, help="pictures (%(default)s)")
    parser.add_argument("--workers", type=int, default=0, help="decoding threads (%(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="of the network (%(default)s)")
    parser.add_argument("--device", default="cpu", help="(%(default)s)")
    return parser


def main() -> None:
    """Read the command line."""
    given = options().parse_args()
    processor.use(given.threads)
    with tempfile.TemporaryDirectory() as folder:
        show(measure(given, Path(folder)))


if __name__ == "__main__":
    main()

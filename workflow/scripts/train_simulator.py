"""Rule `train_simulator`: captions, or weights that others published, to a simulated user."""

from pathlib import Path

from jsonargparse import auto_cli

from recloop.simulators.train import train
from recloop.storage.timing import timed


def simulate(
    dialogues: Path,
    features: Path,
    settings: dict,
    output: Path,
    seed: int,
    published: Path | None = None,
    device: str = "cpu",
    threads: int = 1,
) -> None:
    """Train a relative captioner, or convert a published one.

    Args:
        dialogues: folder with captions.parquet.
        features: folder of grid features.
        settings: of the captioner, as resolved from the study.
        output: folder for weights.safetensors, vocabulary.json, curve.csv and simulator.json.
        seed: of everything random in a training.
        published: folder with model.pth and infos.pkl of somebody else's captioner, instead of a training.
        device: cpu or cuda.
        threads: processor threads to use.
    """
    if published is None:
        return train(dialogues, features, settings, output, seed, device, threads)
    from recloop.simulators.convert import convert

    return convert(published / "model.pth", published / "infos.pkl", output, grid=settings["grid"])


if __name__ == "__main__":
    auto_cli(timed()(simulate), as_positional=False)

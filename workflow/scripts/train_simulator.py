"""Rule `train_simulator`: captions, logged sessions or weights that others published, to a simulated user."""

from pathlib import Path
from pkgutil import resolve_name

from jsonargparse import auto_cli

from recloop.fitting.launch import launched
from recloop.storage.timing import timed


def simulate(
    settings: dict,
    output: Path,
    seed: int | None = None,
    dialogues: Path | None = None,
    features: Path | None = None,
    published: Path | None = None,
    learns: str = "train",
    sessions: Path | None = None,
    item_tokens: Path | None = None,
    language_model: Path | None = None,
    device: str = "cpu",
    threads: int = 1,
) -> None:
    """Train a relative captioner or an environment, or convert a published captioner.

    Args:
        settings: of the simulated user, as resolved from the study.
        output: folder for weights.safetensors, vocabulary.json, curve.csv and simulator.json.
        seed: of everything random in a training.
        dialogues: folder with captions.parquet, for a captioner.
        features: folder of grid features, for a captioner.
        published: folder with model.pth and infos.pkl of somebody else's captioner, instead of a training.
        learns: module of recloop.simulators whose `train` does it.
        sessions: folder of a split, for an environment.
        item_tokens: folder of the items' tokens, for one that is a language model.
        language_model: folder of a language model of ours, for such a one.
        device: cpu or cuda.
        threads: processor threads to use.
    """
    if published is not None:
        from recloop.simulators.convert import convert

        return convert(
            published / "model.pth", published / "infos.pkl", output, grid=settings["grid"]
        )
    roles = {
        "dialogues": dialogues,
        "features": features,
        "sessions": sessions,
        "item_tokens": item_tokens,
        "language_model": language_model,
    }
    given = {role: folder for role, folder in roles.items() if folder}
    train = resolve_name(f"recloop.simulators.{learns}.train")
    return launched(train)(
        settings=settings, output=output, seed=seed, device=device, threads=threads, **given
    )


if __name__ == "__main__":
    auto_cli(timed()(simulate), as_positional=False)

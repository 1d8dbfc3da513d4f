"""Rule `evaluate_simulator`: a simulated user, or a judge of preferences, to measures of how good it is."""

from pathlib import Path

from jsonargparse import auto_cli

from recloop.storage.timing import timed


def evaluate(
    settings: dict,
    identity: dict,
    output: Path,
    dialogues: Path | None = None,
    catalogue: Path | None = None,
    simulator: Path | None = None,
    grid: Path | None = None,
    features: Path | None = None,
    encoder: dict | None = None,
    encoder_folder: Path | None = None,
    sessions: Path | None = None,
    tables: Path | None = None,
    preferences: Path | None = None,
    device: str = "cpu",
    threads: int = 1,
) -> None:
    """Judge who speaks in dialogues by its words, or who prefers items by what users rate.

    Args:
        settings: of the simulated user or of the judge, as in the study.
        identity: study, dataset, source, stand_in, tier, model (its name) and seed.
        output: parquet file of tidy results.
        dialogues, catalogue, simulator, grid, features, encoder, encoder_folder: see
            `recloop.simulators.validity.validate`.
        sessions, tables, preferences: see `recloop.simulators.agreement.measure_preferences`.
        device: cpu or cuda.
        threads: processor threads.
    """
    own = {"settings": settings, "identity": identity, "output": output, "threads": threads}
    if dialogues is None:
        from recloop.simulators.agreement import measure_preferences

        return measure_preferences(sessions, tables, preferences=preferences, **own)
    from recloop.simulators.validity import validate

    heard = {"grid": grid, "features": features, "encoder": encoder, "device": device}
    return validate(dialogues, catalogue, simulator, encoder_folder=encoder_folder, **own | heard)


if __name__ == "__main__":
    auto_cli(timed()(evaluate), as_positional=False)

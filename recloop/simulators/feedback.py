"""Rule `write_feedback`: what an environment answers to every step of the training part, once for all recommenders.

States and rewards hang on the log and not on who learns from it; with them on disk a training needs no language model.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from recloop.data.batches import Batch, Sessions, cut
from recloop.data.feedback import FILE, items_of, moments
from recloop.fitting import processor
from recloop.simulators.histories import Histories, negatives
from recloop.simulators.previews import Cost, left_to_ask
from recloop.storage import checkpoint
from recloop.storage.files import sha256_of, write_json

AT_ONCE = 64  # windows between two lines of progress


def open_environment(
    settings: dict, data: dict[str, Path], device: torch.device | str = "cpu"
) -> Any:
    """Open the environment that a study describes.

    Args:
        settings: `class` and what else it is set by.
        data: `simulator`, `sessions` and, for a language model, `item_tokens` and perhaps `language_model`.
        device: cpu or cuda.
    """
    cls = resolve_name(f"recloop.simulators.{settings['class']}")
    return cls.open(settings, data["simulator"], data, device)


def write_feedback(
    sessions: Path,
    simulator: Path,
    settings: dict,
    output: Path,
    seed: int,
    pool: int,
    item_tokens: Path | None = None,
    language_model: Path | None = None,
    device: str = "cpu",
    threads: int = 1,
    log: Callable[[str], None] = print,
) -> None:
    """Ask for the state at every step of the training part, and for rewards of what was taken and of drawn items.

    Args:
        sessions: folder of a split.
        simulator: folder of the environment's weights.
        settings: of the environment.
        output: folder for feedback.safetensors (`states`, `rewards` of what was taken and then of the drawn items,
            `negatives`; a row for each step, window by window) and feedback.json. Goes on where a killed job stopped.
        seed: of the drawn items.
        pool: drawn items for each step.
        item_tokens, language_model: folders that a language model is opened from.
        device: cpu or cuda.
        threads: of the processor.
        log: takes a line of progress.
    """
    processor.use(threads)
    given = {"item_tokens": item_tokens, "language_model": language_model}
    data = {"sessions": sessions, "simulator": simulator}
    data |= {name: one for name, one in given.items() if one}
    environment = open_environment(settings, data, device)
    items = items_of(sessions)
    windows = cut(Sessions.read(sessions / "train.parquet"), settings["length"], items)
    drafts = output.with_name(f"{output.name}.part")
    rows = torch.arange(len(windows)).split(AT_ONCE)
    places = [drafts / f"{number:05}.safetensors" for number in range(len(rows))]
    costs = [cost_of(environment, windows.take(part), items, pool) for part in rows]
    for number in left_to_ask(costs, [place.exists() for place in places], log):
        chance = torch.Generator().manual_seed(seed * 1_000_003 + number)
        drafts.mkdir(parents=True, exist_ok=True)
        found = answered(environment, windows.take(rows[number]), items, pool, chance)
        checkpoint.save(places[number], found, {})
        log(f"{int(rows[number][-1]) + 1:,} of {len(windows):,} windows")
    parts = [checkpoint.load(place)[0] for place in places]
    whole = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
    output.mkdir(parents=True, exist_ok=True)
    checkpoint.save(output / FILE, whole, {"seed": seed, "pool": pool})
    record = moments(whole["rewards"]) | {"steps": len(whole["rewards"]), "settings": settings}
    write_json(output / "feedback.json", record | {"hash": sha256_of(output / FILE)})
    shutil.rmtree(drafts)


def cost_of(environment: Any, windows: Batch, items: int, pool: int) -> Cost:
    """Count what it takes to answer to every step of some windows."""
    histories = Histories.of(windows, items)
    sessions = [[item for item in row if item != items] for row in windows.session.tolist()]
    following = histories.following.tolist()
    return environment.cost_of_answers(sessions, histories.seen, following, pool + 1)


def answered(
    environment: Any, windows: Batch, items: int, pool: int, chance: torch.Generator
) -> dict[str, Tensor]:
    """Let an environment answer to every step of some windows."""
    histories = Histories.of(windows, items)
    real = windows.following != items
    drawn = [negatives(histories, items, chance) for _ in range(pool)]
    actions: Int[Tensor, "step action"] = torch.stack([histories.following, *drawn], 1)
    return {
        "states": environment.states(windows.session, items)[real].half(),
        "rewards": environment.rewards(histories.seen, actions),
        "negatives": actions[:, 1:].contiguous(),
    }

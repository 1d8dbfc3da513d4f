"""What every loop over logged sessions shares: what a model may know of the data, and the ranking of test events."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import torch
from torch import Tensor, nn

from recloop.data.batches import Events, Sessions
from recloop.evaluation.ranker import rank as rank_events
from recloop.models import build
from recloop.training import checkpoint


def prepare(data: dict[str, Path], settings: dict, needs: dict[str, Path], device: str) -> dict:
    """Give the keywords of a loop's `train`.

    Args:
        data: `sessions`, the folder of a split.
        settings: `model`, `training` and `inference`, as resolved from the study.
        needs: `item_vectors`, weights of the run whose item table this one works with, where it does.
        device: cpu or cuda.
    """
    facts = data_facts(data["sessions"], settings, needs)
    return {
        "make": maker(settings, facts),
        "parts": {
            part: Sessions.read(data["sessions"] / f"{part}.parquet") for part in ("train", "valid")
        },
        "items": facts["items"],
    }


def rank(
    data: dict[str, Path],
    tensors: dict[str, Tensor],
    settings: dict,
    needs: dict[str, Path],
    into: Path,
    top_k: int,
    device: str = "cpu",
) -> None:
    """Rank the whole catalogue for every test event and keep ranks and lists.

    Args:
        data, settings, needs, device: as for `prepare`, perhaps with another `inference`.
        tensors: the weights; none for a model that was not run, which gives no rows.
        into: parquet file, one row per test event.
        top_k: length of the lists.
    """
    facts = data_facts(data["sessions"], settings, needs)
    length = settings["training"]["length"]
    events = Events.of(Sessions.read(data["sessions"] / "test.parquet"), length, facts["items"])
    if not tensors:
        return write_lists(
            into, events, *(np.empty(shape, np.int32) for shape in (0, 0, (0, top_k)))
        )
    model = maker(settings, facts)()
    model.load_state_dict(tensors)
    found = rank_events(model.to(device), events, top_k, device)
    return write_lists(into, events, found.better, found.tied, found.top)


def write_lists(
    into: Path, events: Events, better: np.ndarray, tied: np.ndarray, top: np.ndarray
) -> None:
    """Write one row per event, or an empty table with the same columns."""
    rows = slice(0, len(better))
    into.parent.mkdir(parents=True, exist_ok=True)
    pl.DataFrame(
        {
            "session": pl.Series(events.session[rows], dtype=pl.Int64),
            "position": pl.Series(events.position[rows], dtype=pl.Int32),
            "target": pl.Series(events.target[rows], dtype=pl.Int32),
            "better": pl.Series(better, dtype=pl.Int32),
            "tied": pl.Series(tied, dtype=pl.Int32),
            "top": pl.Series(top, dtype=pl.Array(pl.Int32, top.shape[1])),
        }
    ).write_parquet(into)


def maker(settings: dict, facts: dict) -> Callable[[], nn.Module]:
    """Give a function that makes the model; what it is asked with belongs to its keywords."""
    return lambda: build(settings["model"] | settings["inference"], **facts)


def data_facts(sessions: Path, settings: dict, needs: dict[str, Path]) -> dict:
    """Collect what a model may need to know of the data."""
    counts = pl.read_parquet(sessions / "items.parquet", columns=["count"])["count"]
    facts = {
        "items": len(counts),
        "item_counts": torch.from_numpy(counts.to_numpy().copy()),
        "length": settings["training"]["length"],
    }
    if "item_vectors" in needs:
        facts["item_vectors"] = item_table(needs["item_vectors"])
    return facts


def item_table(weights: Path) -> Tensor:
    """Read the item embeddings of a trained backbone, without the row for padding."""
    return checkpoint.load(weights)[0]["backbone.embedding.weight"][:-1]

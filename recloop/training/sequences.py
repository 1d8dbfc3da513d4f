"""What every loop over logged sessions shares: what a model may know of the data, and the ranking of test events."""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import torch
from torch import Tensor, nn

from recloop.data.batches import Events, Sessions
from recloop.data.users import Past, joined
from recloop.evaluation.ranker import Ranks
from recloop.evaluation.ranker import rank as rank_events
from recloop.models import build
from recloop.storage import checkpoint


def prepare(data: dict[str, Path], settings: dict, needs: dict[str, Path], device: str) -> dict:
    """Give the keywords of a loop's `train`.

    Args:
        data: `sessions`, the folder of a split.
        settings: `model`, `training` and `inference`, as resolved from the study.
        needs: `item_vectors`, weights of the run whose item table this one works with, where it does.
        device: cpu or cuda.
    """
    facts = data_facts(data["sessions"], settings, needs)
    users = concatenated(settings["training"])
    roles = {"train": "train", "valid": settings["training"].get("chosen_on", "valid")}
    return {
        "make": maker(settings, facts),
        "parts": {role: read_part(data["sessions"], part, users) for role, part in roles.items()},
        "items": facts["items"],
    }


def rank(
    data: dict[str, Path],
    tensors: dict[str, Tensor],
    settings: dict,
    needs: dict[str, Path],
    output: Path,
    top_k: int,
    device: str = "cpu",
) -> None:
    """Rank the whole catalogue for every test event (or validation event, see `judged_on`) and keep ranks and lists.

    Args:
        data, settings, needs, device: as for `prepare`, perhaps with another `inference`.
        tensors: the weights.
        output: parquet file, one row per test event.
        top_k: length of the lists.
    """
    facts, training = data_facts(data["sessions"], settings, needs), settings["training"]
    part = judged_on(settings)
    sessions = read_part(data["sessions"], part, concatenated(training))
    events = Events.of(sessions, training["length"], facts["items"], excludes_seen(training))
    past = Past.of(joined(data["sessions"], part)) if training.get("users", False) else None
    model = maker(settings, facts)()
    model.load_state_dict(tensors)
    return write_lists(output, events, rank_events(model.to(device), events, top_k, device), past)


def concatenated(training: dict) -> bool:
    """Say whether a user's earlier sessions stand before each session; users may be known without that."""
    return training.get("users", False) and training.get("concatenated", True)


def excludes_seen(training: dict) -> bool:
    """Say whether items that a session has had before cannot be an answer."""
    return training.get("exclude_seen", False)


def validation_events(sessions: Sessions, training: dict, items: int) -> Events:
    """Draw the events of the validation part by which rate and epoch are chosen, the same for every model and seed.

    Args:
        sessions: of the validation part.
        training: `length`, `exclude_seen` and `validation_events` of the loop.
        items: size of the catalogue.
    """
    events = Events.of(sessions, training["length"], items, excludes_seen(training))
    return events.sample(training["validation_events"], seed=0)


def judged_on(settings: dict) -> str:
    """Name the part whose events are ranked for the tables: `test`, or `valid` in a twin that reports what it chose on.

    Raises:
        ValueError: another part.
    """
    part = settings["inference"].get("judged_on", "test")
    if part not in ("test", "valid"):
        raise ValueError(f"inference.judged_on={part!r}: expected test or valid")
    return part


def read_part(folder: Path, part: str, users: bool) -> Sessions:
    """Read a part of a split, session by session or, for `users`, with a user's earlier sessions before it."""
    return joined(folder, part) if users else Sessions.read(folder / f"{part}.parquet")


def write_lists(output: Path, events: Events, ranks: Ranks, past: Past | None = None) -> None:
    """Write one row per event in the order of session and position.

    Args:
        output: parquet file.
        events: what was asked.
        ranks: of all events.
        past: what users had met in earlier sessions; with it come the columns `past` and `familiar`.
    """
    order = events.canonical()
    top_k, rows = ranks.top.shape[1], events.take(order)
    ranks = ranks.take(order)
    table = pl.DataFrame(
        {
            "session": pl.Series(rows.session, dtype=pl.Int64),
            "position": pl.Series(rows.position, dtype=pl.Int32),
            "target": pl.Series(rows.target, dtype=pl.Int32),
            "better": pl.Series(ranks.better, dtype=pl.Int32),
            "tied": pl.Series(ranks.tied, dtype=pl.Int32),
            "top": pl.Series(ranks.top, dtype=pl.Array(pl.Int32, top_k)),
            "purchase": pl.Series(rows.purchase > 0, dtype=pl.Boolean),
            "repeated": pl.Series(rows.repeated(), dtype=pl.Boolean),
        }
    )
    if past:
        table = table.with_columns(
            pl.Series("past", past.known(rows), dtype=pl.Boolean),
            pl.Series(
                "familiar", past.familiar(rows, ranks.top), dtype=pl.Array(pl.Boolean, top_k)
            ),
        )
    output.parent.mkdir(parents=True, exist_ok=True)
    table.write_parquet(output)


def maker(settings: dict, facts: dict) -> Callable[[], nn.Module]:
    """Give a function that makes the model; what it is asked with belongs to its keywords, but not on which part."""
    asked = {name: value for name, value in settings["inference"].items() if name != "judged_on"}
    return lambda: build(settings["model"] | asked, **facts)


def data_facts(sessions: Path, settings: dict, needs: dict[str, Path]) -> dict:
    """Collect what a model may need to know of the data."""
    counts = pl.read_parquet(sessions / "items.parquet", columns=["count"])["count"]
    numbers = pl.scan_parquet([sessions / f"{part}.parquet" for part in ("train", "valid", "test")])
    facts = {
        "items": len(counts),
        "sequences": numbers.select(pl.col("session").max()).collect().item() + 1,
        "item_counts": torch.from_numpy(counts.to_numpy().copy()),
        "length": settings["training"]["length"],
    }
    if "item_vectors" in needs:
        facts["item_vectors"] = item_table(needs["item_vectors"])
    return facts


def item_table(weights: Path) -> Tensor:
    """Read the item embeddings of a trained backbone, without the row for padding."""
    return checkpoint.load(weights)[0]["backbone.embedding.weight"][:-1]

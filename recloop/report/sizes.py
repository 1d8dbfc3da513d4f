"""How large a data set is: counts read off its split.

`events` are those of all parts, `train_events` and `test_events` of some, `events_per_item` is a ratio of two counts.
Any name works that a split counts by part, under `counts` or on its own.
"""

from collections.abc import Mapping

import polars as pl

# The papers print no validation part; it comes out of what they train on.
PARTS = {"": ("train", "valid", "test"), "train": ("train", "valid"), "test": ("test",)}
PRINTED = {  # what the papers call what a split counts
    "sequences": "sessions",
    "events": "interactions",
    "triplets": "captions",
    "images": "pools",
}
# In dialogues, where the papers print users by part, each has one session.
BY_PART = PRINTED | {"users": "sessions"}


def size(split: Mapping | None, metric: str) -> float | None:
    """Read a count of a data set off its split; None where it is not known."""
    if split is None:
        return None
    if metric in WHOLE:
        return WHOLE[metric](split)
    if "_per_" in metric:
        whole, part = (size(split, name) for name in ratio(metric))
        return whole / part if whole is not None and part else None
    part, _, name = metric.rpartition("_")
    known = BY_PART if part else PRINTED
    return float(sum(count(split, one, known.get(name, name)) for one in PARTS[part]))


def ratio(metric: str) -> tuple[str, str]:
    """Part `events_per_item` into the counts that it divides."""
    many, _, one = metric.partition("_per_")
    return many, f"{one}s"


def count(split: Mapping, part: str, name: str) -> int:
    """Read what one part holds.

    Raises:
        ValueError: the split does not count that.
    """
    found = split["counts"].get(part, {})
    if name not in found and not isinstance(split.get(name), Mapping):
        raise ValueError(f"A table counts {name}, which the split in {split['folder']} does not.")
    return found[name] if name in found else split[name].get(part, 0)


def items(split: Mapping) -> float:
    """Count the items that models rank."""
    return float(split.get("items", len(split["item_counts"])))


def shortest(split: Mapping) -> float | None:
    """Read the length of the shortest history."""
    return float(split["lengths"][0]) if split.get("lengths") else None


def longest(split: Mapping) -> float | None:
    """Read the length of the longest history."""
    return float(split["lengths"][1]) if split.get("lengths") else None


def users(split: Mapping) -> float | None:
    """Count the users whose sessions a split holds; None where nobody is known."""
    places = [split["folder"] / f"{part}.parquet" for part in PARTS[""]]
    known = pl.concat([pl.read_parquet(place, columns=["user"]) for place in places])["user"]
    return float(known.n_unique()) if not known.null_count() else None


WHOLE = {"items": items, "shortest": shortest, "longest": longest, "users": users}

"""How large a data set is: counts read off its split."""

from collections.abc import Mapping

import polars as pl

# The papers print no validation part; it comes out of what they train on.
LEARNED = ("train", "valid")
WHOLE = (*LEARNED, "test")
POSED = {  # of dialogues: what is counted, and in which parts
    "train_users": ("sessions", LEARNED),
    "test_users": ("sessions", ("test",)),
    "train_images": ("pools", LEARNED),
    "test_images": ("pools", ("test",)),
    "train_triplets": ("captions", LEARNED),
    "test_triplets": ("captions", ("test",)),
}
LOGGED = {  # the same of a log of sessions
    "sequences": ("sessions", WHOLE),
    "sessions": ("sessions", WHOLE),
    "interactions": ("interactions", WHOLE),
    "events": ("interactions", WHOLE),
    "train_sessions": ("sessions", LEARNED),
    "train_events": ("interactions", LEARNED),
    "test_sessions": ("sessions", ("test",)),
    "test_events": ("interactions", ("test",)),
}
RATIOS = {
    "events_per_item": ("events", "items"),
    "events_per_session": ("events", "sessions"),
    "sessions_per_user": ("sessions", "users"),
}


def size(split: Mapping | None, metric: str) -> float | None:
    """Read a count of the whole data set off its split."""
    if split is None:
        return None
    if metric == "items":
        return float(split.get("items", len(split["item_counts"])))
    if metric in ("shortest", "longest"):
        ends = split.get("lengths")
        return float(ends[metric == "longest"]) if ends else None
    if metric in POSED:
        counted, parts = POSED[metric]
        return float(sum(split[counted].get(part, 0) for part in parts))
    if metric == "users":
        return users(split)
    if "_per_" in metric:
        whole, part = (size(split, name) for name in RATIOS[metric])
        return whole / part if whole is not None and part else None
    name, parts = LOGGED[metric]
    return float(sum(split["counts"][part][name] for part in parts))


def users(split: Mapping) -> float | None:
    """Count the users whose sessions a split holds; None where nobody is known."""
    places = [split["folder"] / f"{part}.parquet" for part in WHOLE]
    known = pl.concat([pl.read_parquet(place, columns=["user"]) for place in places])["user"]
    return float(known.n_unique()) if not known.null_count() else None

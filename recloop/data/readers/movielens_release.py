"""MovieLens 1M as the release of gSASRec parts it, all users tested: with what stands before each one's last item.

Petrov and Macdonald. gSASRec: Reducing Overconfidence in Sequential Recommendation Trained with Negative Sampling.
RecSys 2023.

`movielens_sequences` reads what is to be had without `test_input.txt`, and tests 512 users alone. Here what comes after
the training items is known and not learned, as in the release. It stands in the part that it is first known in, before
the item that is asked for there (a split with `targets: last` asks for no other): in validation for the 512, else in
test.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from recloop.data.quarantine import Checked, MalformedError, read_lines, separate
from recloop.data.tables import Reading, as_interactions, as_items, unroll

TRAIN, VALID, KNOWN, TEST = "train_input.txt", "val_output.txt", "test_input.txt", "test_output.txt"
SEQUENCE, ONE = r"^\d+( \d+)*$", r"^\d+$"


def read(raw: Path, max_malformed: float = 0.01) -> Reading:
    """Read one sequence per user, every event with its part of the release's split.

    Raises:
        MalformedError: files of different releases, whose lines do not go together.
    """
    files = {name: _checked(raw / name, max_malformed) for name in (TRAIN, VALID, KNOWN, TEST)}
    lines = {name: file.rows.sort("line").collect() for name, file in files.items()}
    users = _users(raw, lines)
    events = pl.concat([_events(users, column) for column in ("train", "before", "last")])
    interactions = as_interactions(
        events.lazy(),
        "rating",
        user=pl.format("user-{}", pl.col("user").cast(pl.String).str.zfill(4)),
        item=pl.col("item"),
        part=pl.col("part"),
        position=pl.col("place"),
    )
    return Reading(
        interactions=interactions,
        items=as_items(events.select("item").unique()),
        malformed=pl.concat([file.malformed for file in files.values()]),
        files=tuple(raw / name for name in files),
    )


def _checked(path: Path, max_malformed: float) -> Checked:
    """Read a file of sequences, or of single items."""
    shape = SEQUENCE if path.name in (TRAIN, KNOWN) else ONE
    rows = read_lines(path).with_columns(pl.col("text").str.strip_chars())
    problem = {"is no list of item numbers": ~pl.col("text").str.contains(shape)}
    return separate(rows, path, problem, max_malformed)


def _users(raw: Path, lines: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """Put the lines of each user together: items of training, those known before the last item, the last item."""
    if not all(lines[name]["line"].equals(lines[TRAIN]["line"]) for name in (KNOWN, TEST)):
        counts = ", ".join(f"{name} has {lines[name].height}" for name in (TRAIN, KNOWN, TEST))
        raise MalformedError(
            f"{raw}: not all good lines go together, one of each user ({counts}); take all files of one release."
        )
    length = pl.col("train").list.len()
    users = pl.DataFrame(
        {
            "user": lines[TRAIN]["line"],
            "train": lines[TRAIN]["text"].str.split(" "),
            "known": lines[KNOWN]["text"].str.split(" "),
            "last": lines[TEST]["text"].str.split(" "),
        }
    ).with_columns(before=pl.col("known").list.slice(length))
    more = pl.col("before").list.len()
    wrong = users.filter(
        (pl.col("known").list.head(length) != pl.col("train")) | ~more.is_in([1, 2])
    )
    if wrong.height:
        raise MalformedError(
            f"{raw / KNOWN}: line {wrong['user'][0]} does not go on for one item or two after that of {TRAIN} "
            f"({wrong.height} such lines); take all files of one release."
        )
    asked = users.filter(more == 2)["before"].list.last()
    if not asked.equals(lines[VALID]["text"]):
        raise MalformedError(
            f"{raw / VALID}: {lines[VALID].height} lines, expected the last items of the {len(asked)} lines of {KNOWN} "
            f"that go on for two items after {TRAIN}; take all files of one release."
        )
    return users


def _events(users: pl.DataFrame, column: str) -> pl.DataFrame:
    """Unroll one column of sequences to events with their part and their place."""
    lengths = {name: pl.col(name).list.len().cast(pl.Int64) for name in ("train", "before")}
    early = pl.when(lengths["before"] == 2).then(pl.lit("valid")).otherwise(pl.lit("test"))
    parts = {"train": pl.lit("train"), "before": early, "last": pl.lit("test")}
    first = {"train": 0, "before": lengths["train"], "last": lengths["train"] + lengths["before"]}
    rows = users.with_columns(part=parts[column], first=pl.lit(0, pl.Int64) + first[column])
    listed = unroll(rows.lazy(), column, "user", "part", "first").collect()
    return listed.select("user", "item", "part", place=pl.col("first") + pl.col("line"))
